"""Frames that a circuit of levels 0 to 2 is filled into: meshes of a grid, ladders, bridges, two-ports, and wires that cross.

A frame says which edges of the grid are taken and what may lie there; `networks` puts parts on them.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from diagramlens.domains.circuits.layout import Edge, Junction
from diagramlens.domains.circuits.meshes import ear, edges_of, meshes

SHAPES = ("grid", "ladder", "bridge", "two_port")


@dataclass(frozen=True)
class Frame:
    """Edges of a grid in reading order: `parts` must hold a part, `open` may hold one or a wire, `wires` are wires.

    An independent source lies on `source`, or anywhere where that is None. `crossing` is a junction through which a level and an upright
    wire run without being joined. `ports` are the pairs of open terminals, the positive one first; a frame with ports has no source.
    """

    shape: str
    parts: tuple[Edge, ...]
    open: tuple[Edge, ...] = ()
    wires: tuple[Edge, ...] = ()
    source: Edge | None = None
    ground: Junction | None = None
    ports: tuple[tuple[Junction, Junction], ...] = ()
    crossing: Junction | None = None


def frame(shape: str, count: int, grid: tuple[int, int], rng: random.Random) -> Frame | None:
    """A frame of a shape for `count` parts on a grid of (fewest, most) junctions a side; None where this draw has no room."""
    if shape == "grid":
        edges = meshes(rng.randint(*grid), rng.randint(*grid), count, rng)
        return Frame("grid", (), tuple(edges)) if edges else None
    return {"ladder": _ladder, "bridge": _bridge, "two_port": _two_port}[shape](count, grid, rng)


def crossed_frame(count: int, grid: tuple[int, int], rng: random.Random) -> Frame | None:
    """Meshes of a grid with two wires that cross at a junction inside; None where this draw has no room for `count` parts."""
    rows, columns = (rng.randint(max(3, grid[0]), max(3, grid[1])) for _ in range(2))
    if grid[1] < 3:
        return None
    row, column = rng.randint(1, rows - 2), rng.randint(1, columns - 2)
    ring = {edge for edge in edges_of(rows, columns) if all(max(abs(r - row), abs(c - column)) == 1 for r, c in edge)}
    rest = {edge for edge in edges_of(rows, columns) if (row, column) not in edge} - ring
    used = set(ring)
    for _ in range(rng.choice((0, 1, 2))):
        used |= ear(rest - used, {end for edge in used for end in edge}, rng) if rest - used else set()
    return Frame("grid", (), tuple(sorted(used)), crossing=(row, column)) if len(used) >= count else None


def _ladder(count: int, grid: tuple[int, int], rng: random.Random) -> Frame | None:
    """A source, then series parts above and shunts between them and a common wire below; one of the inner shunts may be left out."""
    columns = rng.randint(max(2, grid[0]), grid[1])
    first, second = (1, 0) if rng.random() < 0.2 else (0, 1)  # a few ladders have the common wire above
    series = [((first, c), (first, c + 1)) for c in range(columns - 1)]
    common = [((second, c), (second, c + 1)) for c in range(columns - 1)]
    uprights: list[Edge] = [((0, c), (1, c)) for c in range(columns)]
    source = uprights[0] if rng.random() < 0.8 else uprights[-1]
    shunts = [edge for edge in uprights if edge != source]
    if rng.random() < 0.3 and len(shunts) > 1:
        shunts.remove(rng.choice(shunts[:-1] if source == uprights[0] else shunts[1:]))
    if not len(shunts) + 1 <= count <= len(shunts) + len(series) + 1:
        return None
    ground = (1, rng.randrange(columns)) if first == 0 else None
    return Frame("ladder", (source, *shunts), tuple(series), tuple(common), source, ground)


def _bridge(count: int, grid: tuple[int, int], rng: random.Random) -> Frame | None:
    """A Wheatstone bridge beside its source, or a bridged T."""
    if grid[1] < 3:
        return None
    return (_wheatstone if rng.random() < 0.6 else _bridged_t)(count, rng)


def _wheatstone(count: int, rng: random.Random) -> Frame | None:
    arms: list[Edge] = [((r, c), (r + 1, c)) for r in (0, 1) for c in (1, 2)] + [((1, 1), (1, 2))]
    side: list[Edge] = [((0, 0), (1, 0)), ((1, 0), (2, 0))]
    source = side.pop(rng.randrange(2))
    top: list[Edge] = [((0, 0), (0, 1)), ((0, 1), (0, 2))]
    bottom: list[Edge] = [((2, 0), (2, 1)), ((2, 1), (2, 2))]
    spare = [side[0], top[0], bottom[0]]
    if not 6 <= count <= 6 + len(spare):
        return None
    return Frame("bridge", (source, *arms), tuple(spare), (top[1], bottom[1]), source, (2, rng.randrange(3)))


def _bridged_t(count: int, rng: random.Random) -> Frame | None:
    over: list[Edge] = [((0, 0), (0, 1)), ((0, 1), (0, 2))]
    through: list[Edge] = [((1, 0), (1, 1)), ((1, 1), (1, 2))]
    source: Edge = ((1, 0), (2, 0))
    bridging = over.pop(rng.randrange(2))
    wires = (*over, ((0, 0), (1, 0)), ((0, 2), (1, 2)), ((2, 0), (2, 1)), ((2, 1), (2, 2)))
    needed = (source, bridging, *through, ((1, 1), (2, 1)), ((1, 2), (2, 2)))
    if not 6 <= count <= 7:
        return None
    spare = over if count == 7 else []
    return Frame(
        "bridge",
        needed,
        tuple(spare),
        tuple(edge for edge in wires if edge not in spare),
        source,
        (2, rng.randrange(3)),
    )


def _two_port(count: int, grid: tuple[int, int], rng: random.Random) -> Frame | None:
    """An L, T or pi between two pairs of open terminals, the lower wire common to both."""
    columns = rng.randint(3, max(3, grid[1]))
    if columns > grid[1]:
        return None
    series: list[Edge] = [((0, c), (0, c + 1)) for c in range(columns - 1)]
    shunts: list[Edge] = [((0, c), (1, c)) for c in range(1, columns - 1)]
    common: list[Edge] = [((1, c), (1, c + 1)) for c in range(columns - 1)]
    if len(shunts) > 1 and rng.random() < 0.2:
        shunts.pop(rng.randrange(len(shunts)))
    if not len(shunts) + 1 <= count <= len(shunts) + len(series):
        return None
    ports = (((0, 0), (1, 0)), ((0, columns - 1), (1, columns - 1)))
    return Frame("two_port", tuple(shunts), tuple(series), tuple(common), None, (1, rng.randrange(columns)), ports)
