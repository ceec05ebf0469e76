"""Whether a placed circuit has one solution: by its shape, or by the rank of its equations at random values."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable

import numpy as np

from diagramlens.domains.circuits.layout import Islands, Junction, Layout
from diagramlens.domains.circuits.scene import Device, Segment

_PRIME = 2**31 - 1

Pair = tuple[int | None, int | None]  # two nodes, None being ground


def solvable(segments: Iterable[Segment]) -> bool:
    """Whether a circuit of R, L, C, V and I has one solution for almost all values.

    It has where it is connected, and has no shorted part, no loop of voltage sources or wires, and no cut of current sources.
    """
    segments = tuple(segments)
    wires = Islands()
    if not all(wires.join(e.start, e.end) for e in segments if e.kind == "W"):
        return False  # a loop of wires
    parts = [(e.kind, wires.root(e.start), wires.root(e.end)) for e in segments if e.kind != "W"]
    if any(first == second for _, first, second in parts):
        return False  # a shorted part
    voltages, rest = Islands(), Islands()
    if not all(voltages.join(first, second) for kind, first, second in parts if kind == "V"):
        return False  # a loop of voltage sources
    for kind, first, second in parts:
        if kind != "I":
            rest.join(first, second)
    return (
        len({rest.root(node) for _, first, second in parts for node in (first, second)}) == 1
    )  # no cut of current sources


def determined(layout: Layout) -> bool:
    """Whether a circuit of any parts has one solution for almost all values, and no shorted part.

    The rank of its equations at fixed random numbers modulo a prime decides: a wrong yes is impossible, a wrong no is a matter of one in
    a billion. Transistors count as their small-signal circuits, L and C as any admittance, op-amps without a value as ideal.
    """
    nodes = _Nodes(layout)
    if any(nodes.of(part.start) == nodes.of(part.end) for part in layout.segments if part.kind != "W"):
        return False
    rows = _equations(layout, nodes, lambda index: pow(5, index * index + 3 * index + 7, _PRIME))
    return _is_regular([[int(cell) % _PRIME for cell in row] for row in rows])


def feeds_back(layout: Layout, opamp: Device) -> bool:
    """Whether an op-amp's output, through the circuit around it, pulls its inverting input further than its other input.

    That is what keeps it from running into its limits. Judged at positive random conductances with all sources at zero; False where
    nothing couples output and inputs. Other op-amps count as ideal.
    """
    nodes = _Nodes(layout)
    values = random.Random(len(layout.segments))
    rows = np.array(_equations(layout, nodes, lambda index: values.uniform(0.5, 2.0), driven=opamp), dtype=float)
    right = np.zeros(len(rows))
    right[-1] = 1.0
    try:
        solution = np.linalg.solve(rows, right)
    except np.linalg.LinAlgError:
        return False
    plus, minus = (0.0 if (node := nodes.of(pin)) is None else float(solution[node]) for pin in opamp.pins[1:])
    return minus - plus > 1e-6


def moves(layout: Layout, source: Segment, opamp: Device) -> bool:
    """Whether an independent source moves an op-amp's output, at random values of everything else."""
    nodes = _Nodes(layout)
    values = random.Random(len(layout.segments))
    rows = np.array(_equations(layout, nodes, lambda index: values.uniform(0.5, 2.0)), dtype=float)
    right = np.zeros(len(rows))
    if source.kind == "V":
        fixing = [part for part in layout.segments if part.kind in "VEH"]
        right[nodes.count + fixing.index(source)] = 1.0
    else:
        for end, sign in ((source.start, -1.0), (source.end, 1.0)):
            if (node := nodes.of(end)) is not None:
                right[node] += sign
    output = nodes.of(opamp.pins[0])
    return output is not None and abs(float(np.linalg.solve(rows, right)[output])) > 1e-9


class _Nodes:
    """The electrical nodes of a layout: a number for each junction, None for ground (or, without one, for the first junction)."""

    def __init__(self, layout: Layout) -> None:
        self._wires = Islands()
        for part in layout.segments:
            if part.kind == "W":
                self._wires.join(part.start, part.end)
        first, *others = layout.grounds or sorted(layout.junctions)[:1]
        for ground in others:
            self._wires.join(first, ground)
        roots = sorted({self._wires.root(junction) for junction in layout.junctions} - {self._wires.root(first)})
        self._numbers = {root: number for number, root in enumerate(roots)}
        self.count = len(roots)

    def of(self, junction: Junction) -> int | None:
        return self._numbers.get(self._wires.root(junction))


def _equations(
    layout: Layout, nodes: _Nodes, value: Callable[[int], float], driven: Device | None = None
) -> list[list[float]]:
    """The matrix of modified nodal analysis: a row for each node's currents, then one for each part that fixes a voltage.

    `value` gives the number of the part at an index. `driven` is an op-amp whose output is a voltage source instead, in the last row.
    """
    fixing = [part for part in layout.segments if part.kind in "VEH"]
    opamps = [device for device in layout.devices if device.kind == "opamp" and device != driven]
    branch = {part.name: nodes.count + index for index, part in enumerate(fixing)}
    size = nodes.count + len(fixing) + len(opamps) + len(layout.rails) + (driven is not None)
    rows: list[list[float]] = [[0] * size for _ in range(size)]
    ruling = {mark: part for part in layout.segments for mark in (part.voltage, part.current) if mark}

    def add(row: int | None, column: int | None, number: float) -> None:
        if row is not None and column is not None:
            rows[row][column] += number

    def conduct(out: Pair, control: Pair, number: float) -> None:
        """A current of `number` times the control voltage through a branch."""
        for row, sign in zip(out, (1, -1), strict=True):
            add(row, control[0], sign * number)
            add(row, control[1], -sign * number)

    def fix(row: int, pair: Pair) -> None:
        """A branch whose voltage the row says; its current flows out of the first node."""
        for node, sign in zip(pair, (1, -1), strict=True):
            add(row, node, sign)
            add(node, row, sign)

    for index, part in enumerate(layout.segments):
        pair = nodes.of(part.start), nodes.of(part.end)
        ruler = ruling.get(part.control)
        control = (nodes.of(ruler.start), nodes.of(ruler.end)) if ruler else (None, None)
        if part.kind in "VEH":
            fix(branch[part.name], pair)
        if part.kind in "RLC":
            conduct(pair, pair, value(index))
        elif part.kind == "G":
            conduct(pair, control, value(index))
        elif part.kind == "E":
            add(branch[part.name], control[0], -value(index))
            add(branch[part.name], control[1], value(index))
        elif part.kind == "H" and ruler:
            add(branch[part.name], branch[ruler.name], -value(index))
        elif part.kind == "F" and ruler:
            add(pair[0], branch[ruler.name], value(index))
            add(pair[1], branch[ruler.name], -value(index))
    row = nodes.count + len(fixing)
    for index, device in enumerate(layout.devices, start=len(layout.segments)):
        first, second, third = (nodes.of(pin) for pin in device.pins)
        if device == driven:
            fix(size - 1, (first, None))
        elif device.kind == "opamp":
            add(first, row, 1)
            add(row, second, value(index))
            add(row, third, -value(index))
            if device.value:
                add(row, first, 1)
            row += 1
        else:
            conduct((first, third), (second, third), value(index))
            conduct((first, third), (first, third), value(index + 100))
            if device.kind in ("npn", "pnp"):
                conduct((second, third), (second, third), value(index + 200))
    for rail in layout.rails:
        fix(row, (nodes.of(rail.at), None))
        row += 1
    return rows


def _is_regular(rows: list[list[int]]) -> bool:
    """Whether a square matrix has full rank modulo the prime."""
    for step in range(len(rows)):
        pivot = next((index for index in range(step, len(rows)) if rows[index][step]), None)
        if pivot is None:
            return False
        rows[step], rows[pivot] = rows[pivot], rows[step]
        inverse = pow(rows[step][step], -1, _PRIME)
        for index in range(step + 1, len(rows)):
            if rows[index][step]:
                factor = rows[index][step] * inverse % _PRIME
                rows[index] = [
                    (cell - factor * above) % _PRIME for cell, above in zip(rows[index], rows[step], strict=True)
                ]
    return True
