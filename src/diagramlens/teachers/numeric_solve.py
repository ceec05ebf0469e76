"""Circuits solved in complex numbers at one frequency: the independent opinion that the exact solver is held against.

It shares no code with it and takes another road: the sparse tableau (Hachtel, Brayton, Gustavson 1971). Every node has a voltage, every
part has currents of its own, and each line of the matrix is one law: Kirchhoff's at a node, or what a part says of its voltages and
currents. Nothing is inverted or scaled: a resistor says v = R·i, a capacitor i = s·C·v, an inductor v = s·L·i, an ideal op-amp that its
inputs are equal. Transistors are solved as they are, by their small-signal equations, without a netlist of them being made.
"""

from __future__ import annotations

import cmath
import random
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from diagramlens.domains.circuits.linearise import parameters
from diagramlens.domains.circuits.netlist import (
    OPAMP,
    SOURCES,
    TRANSISTORS,
    Netlist,
    Part,
    is_number,
    is_supply,
    value_of,
)
from diagramlens.records import DiagramLensError

# Beyond this condition number a result in double precision says nothing about 6 digits.
MAX_CONDITION = 1e9
TOLERANCE = 1e-6


class NumericError(DiagramLensError):
    """A circuit whose equations are singular, or too nearly so to be decided in floating point."""


@dataclass(frozen=True)
class Solution:
    """Volts of each node over the reference, and amperes through each part from its first node to its second."""

    voltages: Mapping[str, complex]
    currents: Mapping[str, complex]


def solve_numerically(
    netlist: Netlist, values: Mapping[str, complex], drives: Mapping[str, complex], s: complex
) -> Solution:
    """All voltages and currents at one s.

    Args:
        values: what each name in the circuit's equations stands for: a part's, or its value where that is a name; gm1, ro1, … of
            transistors too. An op-amp without a value is ideal.
        drives: volts or amperes of the independent sources by name; those left out are zero.

    Raises NumericError.
    """
    return _Tableau(netlist, values, drives, s).solution()


class _Tableau:
    """The laws of one circuit as lines of a matrix: the unknowns are the nodes' voltages, then a current for each branch."""

    def __init__(
        self, netlist: Netlist, values: Mapping[str, complex], drives: Mapping[str, complex], s: complex
    ) -> None:
        self.values, self.drives, self.s = values, drives, s
        self.netlist = netlist
        self.node = _nodes(netlist)
        parts = [part for part in netlist.parts if part.kind != "P" and part not in _joining(netlist)]
        # A transistor has two branches: output to common end, and control to common end.
        self.branch: dict[tuple[str, int], int] = {}
        for part in parts:
            for which in range(2 if part.kind in TRANSISTORS else 1):
                self.branch[part.name, which] = len(self.branch)
        count = max(self.node.values(), default=-1) + 1
        self.count, self.size = count, count + len(self.branch)
        self.matrix = np.zeros((self.size, self.size), dtype=complex)
        self.right = np.zeros(self.size, dtype=complex)
        for part in parts:
            if part.kind in TRANSISTORS:
                self._transistor(part)
            else:
                self._law(part, self._join(part.name, 0, part.nodes[0], part.nodes[1]))
        # One current law follows from the others; in its place stands that the reference has no voltage.
        reference = self.node.get("0", 0)
        if count:
            self.matrix[reference] = 0
            self.matrix[reference, reference] = 1

    def solution(self) -> Solution:
        """Solve the system, rows and columns scaled first. Raises NumericError where it is singular, or nearly so."""
        if self.size == 0:
            return Solution({}, {})
        scale = np.abs(self.matrix).max(axis=1, keepdims=True)
        if not scale.all():
            raise NumericError("singular")
        matrix, right = self.matrix / scale, self.right / scale[:, 0]
        widths = np.abs(matrix).max(axis=0)
        if not widths.all() or np.linalg.cond(matrix / widths) > MAX_CONDITION:
            raise NumericError("singular")
        found = np.linalg.solve(matrix / widths, right) / widths
        voltages = {node: complex(found[index]) for node, index in self.node.items()}
        return Solution(
            voltages, {name: complex(found[self.count + b]) for (name, which), b in self.branch.items() if which == 0}
        )

    def _join(self, name: str, which: int, first: str, second: str) -> int:
        """Let a branch's current leave its first node and enter its second; the branch's line and column."""
        column = self.count + self.branch[name, which]
        self.matrix[self.node[first], column] += 1
        self.matrix[self.node[second], column] -= 1
        return column

    def _volts(self, line: int, plus: str, minus: str, factor: complex) -> None:
        self.matrix[line, self.node[plus]] += factor
        self.matrix[line, self.node[minus]] -= factor

    def _law(self, part: Part, line: int) -> None:
        """Write what a part says of its own voltage and current: line and column of its branch are the same number."""
        first, second = part.nodes[:2]
        if part.model == OPAMP and part.value is None:
            self._volts(line, part.nodes[2], part.nodes[3], 1)
            return
        value = 0 if part.kind in SOURCES else self.values[_called(part)]
        match part.kind:
            case "R" | "L":
                self._volts(line, first, second, 1)
                self.matrix[line, line] -= value * (self.s if part.kind == "L" else 1)
            case "C":
                self._volts(line, first, second, -self.s * value)
                self.matrix[line, line] += 1
            case "V" | "E" | "H":
                self._volts(line, first, second, 1)
                self.right[line] = self.drives.get(part.name, 0) if part.kind == "V" else 0
            case "I" | "G" | "F":
                self.matrix[line, line] += 1
                self.right[line] = self.drives.get(part.name, 0) if part.kind == "I" else 0
        if part.kind in "EG":
            self._volts(line, part.nodes[2], part.nodes[3], -value)
        elif part.control is not None:
            self.matrix[line, self.count + self.branch[part.control, 0]] -= value

    def _transistor(self, part: Part) -> None:
        """i(output) = gm·v(control, common) + v(output, common)/ro; i(control) = v(control, common)/rpi, or nothing for MOS."""
        output, control, common = part.nodes
        name = parameters(self.netlist, part.name)
        line = self._join(part.name, 0, output, common)
        self.matrix[line, line] += 1
        self._volts(line, control, common, -self.values[name["gm"]])
        self._volts(line, output, common, -1 / self.values[name["ro"]])
        line = self._join(part.name, 1, control, common)
        self.matrix[line, line] += 1
        if "rpi" in name:
            self._volts(line, control, common, -1 / self.values[name["rpi"]])


def _called(part: Part) -> str:
    return part.name if part.value is None or is_number(part.value) else part.value


def _joining(netlist: Netlist) -> list[Part]:
    """What makes one node of two: wires, and supplies where there are transistors."""
    small_signal = any(part.kind in TRANSISTORS for part in netlist.parts)
    return [part for part in netlist.parts if part.kind == "W" or (small_signal and is_supply(part))]


def _nodes(netlist: Netlist) -> dict[str, int]:
    """The number of each node, those that are joined having one number."""
    group = {node: {node} for part in netlist.parts for node in part.nodes}
    joining = _joining(netlist)
    for part in joining:
        together = group[part.nodes[0]] | group[part.nodes[1]]
        for node in together:
            group[node] = together
    # What only joins, and a port, in which no current flows, make no node.
    used = {node for part in netlist.parts if part.kind != "P" and part not in joining for node in part.nodes}
    numbers: dict[frozenset[str], int] = {}
    for node in group:
        if group[node] & used:
            numbers.setdefault(frozenset(group[node]), len(numbers))
    return {node: numbers[frozenset(group[node])] for node in group if group[node] & used}


# --- At random points ----------------------------------------------------------------------------------------------------


def agrees(
    netlist: Netlist,
    source: str,
    positive: str,
    negative: str,
    numerator: str,
    denominator: str,
    *,
    seed: str,
    s: complex | None = None,
    tolerance: float = TOLERANCE,
    points: int = 3,
) -> bool:
    """Whether numerator over denominator is V(positive) − V(negative) over the source, at random values and frequencies.

    Both are sums of products as the exact solver writes them; `s` holds the frequency, for limits. Raises NumericError where a point
    cannot be decided.
    """
    rng = random.Random(seed)
    for _ in range(points):
        values = random_values(netlist, rng)
        here = cmath.rect(rng.uniform(0.3, 3), rng.uniform(0.2, 1.5)) if s is None else s
        volts = solve_numerically(netlist, values, {source: 1}, here).voltages
        measured = volts[positive] - volts[negative]
        top, bottom = (evaluate_sum(text, values | {"s": here}) for text in (numerator, denominator))
        # Voltages far larger than the answer leave their rounding errors in it.
        size = max(abs(voltage) for voltage in volts.values())
        if abs(top - measured * bottom) > tolerance * abs(bottom) * size:
            return False
    return True


def random_values(netlist: Netlist, rng: random.Random) -> dict[str, complex]:
    """A number between 0.5 and 2 for every name that a circuit's equations may hold."""
    names = [_called(part) for part in netlist.parts if part.kind not in "WP" + TRANSISTORS]
    for part in netlist.parts:
        if part.kind in TRANSISTORS:
            names += parameters(netlist, part.name).values()
    return {name: complex(rng.uniform(0.5, 2)) for name in dict.fromkeys(names)}


def known_numbers(netlist: Netlist) -> dict[str, complex]:
    """The values that are numbers, by the names of their parts; sources too."""
    return {
        part.name: complex(value_of(part.value))
        for part in netlist.parts
        if part.value is not None and is_number(part.value)
    }


def evaluate_sum(text: str, values: Mapping[str, complex]) -> complex:
    """The value of a sum of products of names, whole numbers and powers, such as `-2*C1*R1**2*s+1`."""
    total = 0j
    for sign, product in re.findall(r"([+-]?)([^+-]+)", text):
        term = -1 + 0j if sign == "-" else 1 + 0j
        for base, power in re.findall(r"(\w+)(?:\*\*(\d+))?", product):
            term *= (complex(int(base)) if base.isdecimal() else values[base]) ** int(power or 1)
        total += term
    return total
