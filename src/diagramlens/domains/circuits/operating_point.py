"""DC operating points of linear circuits, exactly: node voltages, currents and powers as fractions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpq, fmpq_mat

from diagramlens.domains.circuits.netlist import (
    TRANSISTORS,
    Netlist,
    Part,
    is_ideal,
    is_number,
    merge_wires,
    merged_nodes,
    value_of,
)
from diagramlens.domains.circuits.solvable import SolveError, reference_node, refuse_floating, why_singular


@dataclass(frozen=True)
class OperatingPoint:
    """DC steady state: volts of each node over the reference, amperes of each part from its first node through it to its second."""

    voltages: Mapping[str, Fraction]
    currents: Mapping[str, Fraction]

    def across(self, part: Part) -> Fraction:
        """Volts from a part's second node up to its first."""
        return self.voltages[part.nodes[0]] - self.voltages[part.nodes[1]]

    def power(self, part: Part) -> Fraction:
        """Watts that a part takes up; below zero where it delivers them. Of a controlled source and an op-amp: at its output."""
        return self.across(part) * self.currents[part.name]


def operating_point(netlist: Netlist) -> OperatingPoint:
    """The exact DC steady state: capacitors are open, inductors are shorts, sources have their values.

    Volts are relative to node 0, or to the first node where there is none. An op-amp's current is that into its output. Raises
    SolveError where a part has no numeric value, for transistors, and where DC leaves something undetermined: a node that only
    capacitors lead to, a loop of voltage sources and inductors.
    """
    circuit = merge_wires(netlist)
    for part in circuit.parts:
        if part.kind in TRANSISTORS:
            raise SolveError(f"{part.name} is a transistor, and operating points are computed for linear circuits only")
    refuse_floating(circuit, open_kinds="CIP", why=" at DC")
    reference = reference_node(circuit)
    column = {node: index for index, node in enumerate(node for node in circuit.nodes if node != reference)}
    branches = [part for part in circuit.parts if part.kind in "VEHL"]
    branch = {part.name: len(column) + index for index, part in enumerate(branches)}
    solution = _solve_fractions(*_equations(circuit, column, branch))
    if solution is None:
        raise SolveError(why_singular(circuit, shorts="VEHL"))
    voltages = {reference: Fraction(0)} | {node: solution[index] for node, index in column.items()}
    branch_currents = {name: solution[index] for name, index in branch.items()}
    currents = {part.name: _current(part, voltages, branch_currents) for part in circuit.parts}
    return OperatingPoint(
        {node: voltages[name] for node, name in merged_nodes(netlist).items() if name in voltages}, currents
    )


def _equations(
    circuit: Netlist, column: Mapping[str, int], branch: Mapping[str, int]
) -> tuple[list[list[Fraction]], list[Fraction]]:
    """The matrix and the right side of the nodal equations; unknowns are node voltages (`column`), then branch currents."""
    size = len(column) + len(branch)
    matrix = [[Fraction(0)] * size for _ in range(size)]
    right = [Fraction(0)] * size

    def add(row: int | None, col: int | None, value: Fraction | int) -> None:
        if row is not None and col is not None:
            matrix[row][col] += value

    for part in circuit.parts:
        first, second, *controls = (column.get(node) for node in part.nodes)
        value = Fraction(0) if part.kind in "LCP" or is_ideal(part) else _number(part)
        if part.kind in "RG":
            plus, minus = controls or (first, second)
            conductance = 1 / value if part.kind == "R" else value
            for row, sign in ((first, 1), (second, -1)):
                add(row, plus, sign * conductance)
                add(row, minus, -sign * conductance)
        elif part.kind == "I":
            for row, sign in ((first, -1), (second, 1)):
                if row is not None:
                    right[row] += sign * value
        elif part.kind == "F" and part.control is not None:
            add(first, branch[part.control], value)
            add(second, branch[part.control], -value)
        elif part.kind in "VEHL":
            here = branch[part.name]
            add(first, here, 1)
            add(second, here, -1)
            if is_ideal(part):
                add(here, controls[0], 1)
                add(here, controls[1], -1)
                continue
            add(here, first, 1)
            add(here, second, -1)
            if part.kind == "V":
                right[here] = value
            elif part.kind == "E":
                add(here, controls[0], -value)
                add(here, controls[1], value)
            elif part.kind == "H" and part.control is not None:
                add(here, branch[part.control], -value)
    return matrix, right


def _current(part: Part, voltages: Mapping[str, Fraction], branch_currents: Mapping[str, Fraction]) -> Fraction:
    """Amperes through a part from its first node to its second."""
    match part.kind:
        case "R":
            return (voltages[part.nodes[0]] - voltages[part.nodes[1]]) / _number(part)
        case "C" | "P":
            return Fraction(0)
        case "I":
            return _number(part)
        case "G":
            return _number(part) * (voltages[part.nodes[2]] - voltages[part.nodes[3]])
        case "F":
            return _number(part) * branch_currents[part.control or ""]
        case _:
            return branch_currents[part.name]


def _number(part: Part) -> Fraction:
    if part.value is None or not is_number(part.value):
        raise SolveError(f"{part.name} has no numeric value, so there is no operating point; give it one, such as 2.2k")
    value = value_of(part.value)
    if part.kind == "R" and value == 0:
        raise SolveError(f"{part.name} has no resistance; write a wire (W) in its place")
    return value


def _solve_fractions(matrix: Sequence[Sequence[Fraction]], right: Sequence[Fraction]) -> list[Fraction] | None:
    """The solution of a square linear system, None when it is singular."""
    size = len(right)
    if size == 0:
        return []
    left = fmpq_mat(size, size, [fmpq(x.numerator, x.denominator) for row in matrix for x in row])
    try:
        solution = left.solve(fmpq_mat(size, 1, [fmpq(x.numerator, x.denominator) for x in right]))
    except ZeroDivisionError:
        return None
    return [Fraction(int(x.p), int(x.q)) for x in solution.entries()]
