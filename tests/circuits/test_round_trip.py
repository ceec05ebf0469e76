"""The netlist of a picture, read from the recorded geometry by a reader of its own, is the truth: terminal by terminal.

The reader looks as a person does: lines that touch are joined, also where one ends on the middle of another; only where the drawing
says that two wires cross are they apart. The truth comes from points that are equal. Were a part to lie on another's lead, they would
disagree.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator

import pytest

from diagramlens.domains.circuits.netlist import Netlist, Part, merge_wires, parse_netlist
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.scene import Point, Scene
from diagramlens.domains.circuits.topology import topology_group
from tests.circuits.recipes import full_recipe

Line = tuple[Point, Point]
PER_LEVEL = 420  # circuits of each of the five levels


def lines(scene: Scene) -> list[Line]:
    """Everything that conducts from end to end: wires."""
    return [(part.start, part.end) for part in scene.segments if part.kind == "W"]


def lies_on(point: Point, line: Line) -> bool:
    (x0, y0), (x1, y1) = line
    level = y0 == y1 == point[1] and min(x0, x1) <= point[0] <= max(x0, x1)
    upright = x0 == x1 == point[0] and min(y0, y1) <= point[1] <= max(y0, y1)
    return level or upright


def nets(scene: Scene) -> dict[Point, int]:
    """A number for every terminal, the same where wires lead from one to the other: flooded along lines that touch."""
    wires = lines(scene)
    points = {end for part in scene.segments for end in (part.start, part.end)} | set(scene.grounds)
    points |= {pin for device in scene.devices for pin in device.pins} | {rail.at for rail in scene.rails}
    points |= {end for port in scene.ports for end in (port.positive, port.negative) if end}
    net: dict[Point, int] = {}
    for number, start in enumerate(sorted(points)):
        todo = [] if start in net else [start]
        while todo:
            here = todo.pop()
            net[here] = number
            touching = [line for line in wires if lies_on(here, line)] if here not in scene.crossings else []
            todo += [point for point in points if point not in net and any(lies_on(point, line) for line in touching)]
    return net


def read(scene: Scene) -> Iterator[Part]:
    """The parts of a drawing with the nets of their terminals."""
    net = {point: str(label) for point, label in _labels(scene).items()}
    marks = {mark: part for part in scene.segments for mark in (part.voltage, part.current) if mark}
    for part in scene.segments:
        if part.kind == "W":
            continue
        nodes = [net[part.start], net[part.end]]
        control = None
        if part.kind in "EG":
            nodes += [net[marks[part.control].start], net[marks[part.control].end]]
        elif part.kind in "FH":
            control = marks[part.control].name
        yield Part(part.name, part.kind, tuple(nodes), part.value or None, control=control)
    for device in scene.devices:
        first, second, third = (net[pin] for pin in device.pins)
        nodes = [first, "0", second, third] if device.kind == "opamp" else [first, second, third]
        yield Part(device.name, device.name[0], tuple(nodes), device.value or None, model=device.kind)
    for rail in scene.rails:
        yield Part(rail.name, "V", (net[rail.at], "0"), rail.value)
    for port in scene.ports:
        yield Part(port.name, "P", (net[port.positive], net[port.negative] if port.negative else "0"), None)


def _labels(scene: Scene) -> dict[Point, int]:
    """Nets numbered from 1, all that hangs on a ground symbol being 0."""
    groups = nets(scene)
    grounded = {groups[ground] for ground in scene.grounds}
    return {point: 0 if label in grounded else label + 1 for point, label in groups.items()}


def meetings(parts: tuple[Part, ...]) -> dict[str, set[tuple[str, int]]]:
    """The terminals (part, number) that lie at each node."""
    found: dict[str, set[tuple[str, int]]] = defaultdict(set)
    for part in parts:
        for number, node in enumerate(part.nodes):
            found[node].add((part.name, number))
    return found


@pytest.mark.parametrize("marks", [0.0, 1.0])
@pytest.mark.parametrize("level", range(5))
def test_the_netlist_read_from_the_geometry_is_the_truth(level: int, marks: float) -> None:
    recipe = full_recipe(level, marks=marks)
    for seed in range(PER_LEVEL):
        circuit = sample_circuit(recipe, random.Random(f"{level} {seed}"))
        assert isinstance(circuit, Circuit)
        truth = merge_wires(parse_netlist(circuit.truth))
        seen = Netlist(tuple(read(circuit.scene)))
        told, found = meetings(truth.parts), meetings(seen.parts)
        assert {frozenset(ends) for ends in told.values()} == {frozenset(ends) for ends in found.values()}, (
            circuit.truth
        )
        assert told.get("0") == found.get("0"), "and the same terminals are at ground"
        told_parts = {(part.name, part.kind, part.value, part.control, part.model) for part in truth.parts}
        assert told_parts == {(part.name, part.kind, part.value, part.control, part.model) for part in seen.parts}
        assert topology_group(seen) == circuit.group


def test_a_reader_who_joins_crossing_wires_reads_something_else() -> None:
    """The check above would notice: without the crossings most of such pictures say another circuit."""
    recipe = full_recipe(1)
    different = crossed = 0
    for seed in range(400):
        circuit = sample_circuit(recipe, random.Random(seed))
        assert isinstance(circuit, Circuit)
        if circuit.scene.crossings:
            crossed += 1
            first, second = (
                part
                for part in circuit.scene.segments
                if any(lies_on(p, (part.start, part.end)) for p in circuit.scene.crossings)
            )
            groups = nets(circuit.scene)
            different += groups[first.start] != groups[second.start]
    assert crossed > 20
    assert different > crossed / 2
