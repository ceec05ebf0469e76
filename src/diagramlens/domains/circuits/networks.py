"""Circuits of two-terminal parts in a frame of any shape: levels 0 and 1, and 2, where controlled sources join them.

A controlled source is ruled by the voltage of a part beside which + and - are printed with its name (v1, v2), or by the current of a
voltage source on whose lead an arrow is printed (i1).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from diagramlens.domains.circuits.determined import determined
from diagramlens.domains.circuits.layout import Edge, Islands, Layout, mirrored
from diagramlens.domains.circuits.meshes import (
    ATTEMPTS,
    check_grid,
    hanging_ground,
    how_many_sources,
    no_room,
    place,
    wire,
)
from diagramlens.domains.circuits.scene import Port, Segment
from diagramlens.domains.circuits.shapes import Frame, crossed_frame, frame
from diagramlens.domains.circuits.values import VALUES

LEVELS = (0, 1, 2)
_PASSIVE: Mapping[int, str] = {0: "R", 1: "RLC", 2: "RRRRRC"}


@dataclass(frozen=True)
class Kind:
    """What sort of network: its level, shape and whether two wires cross; (fewest, most) parts and junctions a side; weights of sources."""

    level: int
    shape: str
    crossing: bool
    parts: tuple[int, int]
    grid: tuple[int, int]
    sources: Sequence[float]


def place_network(wanted: Kind, rng: random.Random) -> Layout:
    """A random network that has one solution. Raises LayoutError where none of that kind was found, naming the sizes."""
    if wanted.shape == "grid" and not wanted.crossing and wanted.level < 2:
        return place(wanted.level, wanted.parts, wanted.grid, rng, wanted.sources)
    check_grid(wanted.grid)
    for _ in range(ATTEMPTS):
        count = rng.randint(*wanted.parts)
        found = (
            crossed_frame(count, wanted.grid, rng) if wanted.crossing else frame(wanted.shape, count, wanted.grid, rng)
        )
        if found is None:
            continue
        filled = _filled(wanted, found, count, rng)
        if filled is not None and _tree_of_wires(filled) and not _vain(filled) and determined(filled):
            return filled if wanted.shape == "grid" or rng.random() < 0.5 else mirrored(filled)
    raise no_room(wanted.level, wanted.parts, wanted.grid, wanted.shape)


def _filled(wanted: Kind, found: Frame, count: int, rng: random.Random) -> Layout | None:
    """Put `count` parts into a frame; None where it has not as many places, or needs more."""
    more = count - len(found.parts)
    if not 0 <= more <= len(found.open):
        return None
    taken = {*found.parts, *rng.sample(found.open, more)}
    kinds = _kinds(wanted, found, sorted(taken), rng)
    names = _names(kinds, rng)
    segments = []
    for edge in sorted({*found.parts, *found.open, *found.wires}):
        if edge not in taken:
            segments.append(wire(*edge))
            continue
        kind = kinds[edge]
        ends = edge if kind in "RLC" or rng.random() < 0.5 else (edge[1], edge[0])
        segments.append(Segment(kind, names[edge], rng.choice(VALUES[kind]), *ends))
    if found.crossing:
        row, column = found.crossing
        segments += [wire((row, column - 1), (row, column + 1)), wire((row - 1, column), (row + 1, column))]
    ground = found.ground or hanging_ground(segments, rng)
    return Layout(
        wanted.level,
        found.shape,
        _marked(segments, rng),
        (ground,),
        ports=tuple(Port(f"P{index}", *ends) for index, ends in enumerate(found.ports, start=1)),
        crossings=(found.crossing,) if found.crossing else (),
    )


def _kinds(wanted: Kind, found: Frame, edges: Sequence[Edge], rng: random.Random) -> dict[Edge, str]:
    """What lies on each edge: independent sources, one or two controlled ones at level 2, and passive parts of the level."""
    kinds: dict[Edge, str] = {}
    if not found.ports:
        count = how_many_sources(len(edges), wanted.sources, rng)
        chosen = [found.source] if found.source else []
        chosen += rng.sample([edge for edge in edges if edge != found.source], count - len(chosen))
        kinds = {edge: rng.choices("VI", weights=(3, 1))[0] for edge in chosen}
    if wanted.level == 2:
        controlled = "EGFH" if "V" in kinds.values() else "EG"
        rest = [edge for edge in edges if edge not in kinds]
        number = 2 if len(rest) >= 4 and rng.random() < 0.3 else 1
        kinds |= {edge: rng.choice(controlled) for edge in rng.sample(rest, number)}
    rest = [edge for edge in edges if edge not in kinds]
    kinds |= {edge: rng.choice(_PASSIVE[wanted.level]) for edge in rest}
    if wanted.level == 1 and rest and not {"L", "C"} & set(kinds.values()):
        kinds[rng.choice(rest)] = rng.choice("LC")
    return kinds


def _names(kinds: Mapping[Edge, str], rng: random.Random) -> dict[Edge, str]:
    """A name for each part, its number shuffled within its kind: names in reading order could be told without reading them."""
    names: dict[Edge, str] = {}
    for kind in sorted(set(kinds.values())):
        edges = sorted(edge for edge in kinds if kinds[edge] == kind)
        numbers = rng.sample(range(1, len(edges) + 1), len(edges))
        names |= {edge: f"{kind}{number}" for edge, number in zip(edges, numbers, strict=True)}
    return names


def _marked(segments: Sequence[Segment], rng: random.Random) -> tuple[Segment, ...]:
    """Say what rules each controlled source, and mark that; half of the time mark one more part, for questions to ask about."""
    marked = list(segments)
    passive = [index for index, part in enumerate(marked) if part.kind in "RLC"]
    sources = [index for index, part in enumerate(marked) if part.kind == "V"]
    for index, part in enumerate(segments):
        if part.kind in "EG" and passive:
            ruler = rng.choice(passive)
            name = marked[ruler].voltage or f"v{1 + sum(bool(other.voltage) for other in marked)}"
            marked[ruler] = (
                _turned(replace(marked[ruler], voltage=name), rng) if not marked[ruler].voltage else marked[ruler]
            )
            marked[index] = replace(part, control=name)
        elif part.kind in "FH":
            ruler = rng.choice(sources)
            name = marked[ruler].current or f"i{1 + sum(bool(other.current) for other in marked)}"
            marked[ruler] = replace(marked[ruler], current=name)
            marked[index] = replace(part, control=name)
    free = [index for index in passive if not marked[index].voltage]
    if free and rng.random() < 0.5:
        index = rng.choice(free)
        marked[index] = replace(marked[index], voltage="vo")
    return tuple(marked)


def _turned(part: Segment, rng: random.Random) -> Segment:
    """A passive part the other way round, half of the time: its + at the lower or right end."""
    return part if rng.random() < 0.5 else replace(part, start=part.end, end=part.start)


def _tree_of_wires(layout: Layout) -> bool:
    """Whether no wires form a loop."""
    islands = Islands()
    return all(islands.join(part.start, part.end) for part in layout.segments if part.kind == "W")


def _vain(layout: Layout) -> bool:
    """Whether a controlled source rules itself: beside the part whose voltage rules it, or in line with the source whose current does."""
    wires = Islands()
    for part in layout.segments:
        if part.kind == "W":
            wires.join(part.start, part.end)
    nodes = {part.name: {wires.root(part.start), wires.root(part.end)} for part in layout.segments if part.kind != "W"}
    ruling = {mark: part for part in layout.segments for mark in (part.voltage, part.current) if mark}
    for part in layout.segments:
        if part.kind in "EG" and nodes[part.name] == nodes[ruling[part.control].name]:
            return True
        if part.kind in "FH":
            rest = Islands()
            apart = (part.name, ruling[part.control].name)
            for name, ends in nodes.items():
                if name not in apart and len(ends) == 2:
                    rest.join(*sorted(ends))
            everywhere = {rest.root(node) for ends in nodes.values() for node in ends}
            if len(everywhere) > 1:
                return True
    return False
