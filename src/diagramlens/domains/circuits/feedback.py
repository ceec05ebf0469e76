"""Random networks fed back around one op-amp, ideal or of finite gain: what level 4 has beside the textbook's circuits.

An op-amp takes a cell of the grid; paths over the free edges join its output to its inverting input, its other input to them or to
ground, and further loops bring the source in. Kept are networks with one solution, whose feedback is negative and whose source
moves the output.
"""

from __future__ import annotations

import random
from collections.abc import Iterable

from diagramlens.domains.circuits.determined import determined, feeds_back, moves
from diagramlens.domains.circuits.layout import Edge, Islands, Junction, Layout, box_of, mirrored
from diagramlens.domains.circuits.meshes import ear, edges_of, hanging_places, wire
from diagramlens.domains.circuits.scene import Device, Segment
from diagramlens.domains.circuits.values import VALUES

_FINITE = 0.25


def random_feedback(level: int, count: int, grid: tuple[int, int], rng: random.Random) -> Layout | None:
    """A random op-amp network of `count` parts, the op-amp included, on a grid; None where this draw came to nothing."""
    rows, columns = (rng.randint(max(3, grid[0]), max(3, grid[1])) for _ in range(2))
    top, left = rng.randrange(rows - 1), rng.randrange(columns - 1)
    plus, minus = (top, left), (top + 1, left)
    if rng.random() < 0.6:
        plus, minus = minus, plus
    output = (top + rng.randrange(2), left + 1)
    opamp = Device("opamp", "E1", "", (output, plus, minus), box_of((output, plus, minus)))
    if rng.random() < _FINITE:
        opamp = Device("opamp", "E1", "A", opamp.pins, opamp.cell, "E1 A")
    grounded = plus > minus and rng.random() < 0.5
    edges = _edges(opamp, grounded, rows, columns, count - 1, rng)
    if edges is None or len(edges) < count - 1:
        return None
    segments = _filled(sorted(edges), count - 1, rng)
    blocked = {(top, left), (top, left + 1), *([plus] if grounded else [])}
    hanging = [junction for junction in hanging_places(segments) if junction not in blocked]
    if not hanging:
        return None
    ground = rng.choice(hanging)
    layout = Layout(level, "feedback", segments, (plus, ground) if grounded else (ground,), (opamp,))
    sources = [part for part in segments if part.kind in "VI"]
    if not (_sound(layout, opamp) and determined(layout) and feeds_back(layout, opamp)):
        return None
    if not all(moves(layout, source, opamp) for source in sources):
        return None
    return mirrored(layout) if rng.random() < 0.5 else layout


def _edges(opamp: Device, grounded: bool, rows: int, columns: int, least: int, rng: random.Random) -> set[Edge] | None:
    """Edges of a network that reaches all three pins and leaves no end dangling but at a pin."""
    output, plus, minus = opamp.pins
    top, left, bottom, right = opamp.cell
    free = set(edges_of(rows, columns)) - {((top, column), (bottom, column)) for column in (left, right)}
    # Between parts on both level sides of the cell there would be no room for the op-amp's name.
    free.discard(rng.choice((((top, left), (top, right)), ((bottom, left), (bottom, right)))))
    if grounded:  # its symbol hangs there
        free -= {edge for edge in free if plus in edge}
    used = _path(free, output, {minus}, rng)
    if used is not None and not grounded:
        joined = _path(free - used, plus, _ends(used), rng)
        used = used | joined if joined is not None else None
    if used is None:
        return None
    loops = rng.choice((1, 1, 2))
    for _ in range(12):
        if loops <= 0 and len(used) >= least:
            break
        loop = ear(free - used, _ends(used), rng) if free - used else set()
        used |= loop
        loops -= bool(loop)
    return used


def _path(free: Iterable[Edge], start: Junction, goals: set[Junction], rng: random.Random) -> set[Edge] | None:
    """A random path over free edges from a junction to one of the goals; None when it gets stuck."""
    beside: dict[Junction, list[Junction]] = {}
    for first, second in sorted(free):
        beside.setdefault(first, []).append(second)
        beside.setdefault(second, []).append(first)
    here, path, seen = start, set[Edge](), {start}
    while here not in goals:
        steps = [other for other in beside.get(here, ()) if other not in seen]
        if not steps:
            return None
        other = rng.choice(steps)
        path.add((min(here, other), max(here, other)))
        seen.add(other)
        here = other
    return path


def _ends(edges: set[Edge]) -> set[Junction]:
    return {end for edge in edges for end in edge}


def _filled(edges: list[Edge], count: int, rng: random.Random) -> tuple[Segment, ...]:
    """`count` parts on some of the edges, one or two of them sources, and wires on the rest."""
    taken = sorted(rng.sample(edges, count))
    kinds = [rng.choice("VVVI")] + (["V"] if count >= 5 and rng.random() < 0.2 else [])
    kinds += [rng.choice("RRRC") for _ in range(count - len(kinds))]
    rng.shuffle(kinds)
    numbers = {kind: rng.sample(range(1, kinds.count(kind) + 1), kinds.count(kind)) for kind in sorted(set(kinds))}
    marked = rng.choice(taken) if rng.random() < 0.5 else None
    parts = {}
    for edge, kind in zip(taken, kinds, strict=True):
        ends = edge if kind in "RC" or rng.random() < 0.5 else (edge[1], edge[0])
        voltage = "vo" if edge == marked and kind in "RC" else ""
        parts[edge] = Segment(kind, f"{kind}{numbers[kind].pop()}", rng.choice(VALUES[kind]), *ends, voltage=voltage)
    return tuple(parts.get(edge) or wire(*edge) for edge in edges)


def _sound(layout: Layout, opamp: Device) -> bool:
    """Whether no wires form a loop, or join the op-amp's inputs, or its output to ground, or its output to in+."""
    wires = Islands()
    if not all(wires.join(part.start, part.end) for part in layout.segments if part.kind == "W"):
        return False
    first, *others = layout.grounds
    for other in others:
        wires.join(first, other)
    output, plus, minus = (wires.root(pin) for pin in opamp.pins)
    return plus not in (minus, output) and output != wires.root(first)
