"""Where the parts of a circuit lie: a random circuit is placed on a grid of junctions before anything is drawn.

The picture comes first. `place` fills some edges of a small grid with parts and wires, `scene` gives every terminal its pixel, and
`schematic` reads the netlist back from those pixels alone, so that a drawing and its truth cannot disagree. Every placement is a
circuit that can be solved: connected, without a dangling end, a shorted part, a loop of voltage sources or wires, or a cut of
current sources.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from diagramlens.records import DiagramLensError

Junction = tuple[int, int]  # (row, column)
Point = tuple[int, int]  # (x, y) in pixels, y downwards

# Junctions are named by place, row by row, four to a row: a model reads a node's name off the spot where it lies, without having
# to number nodes by tracing wires. Graders are blind to names, so nothing is lost.
JUNCTION_NAMES = "abcdefghijklmnop"
GRID_LIMIT = 4

# What a level of CircuitSense is made of: sources, then the other parts.
LEVEL_PARTS: Mapping[int, tuple[str, str]] = {0: ("VI", "R"), 1: ("VI", "RLC")}

# Values that make numeric questions short to state. SPICE numbers in volts, amperes, ohms, henries and farads.
VALUES: Mapping[str, tuple[str, ...]] = {
    "V": ("1", "2", "3", "4", "5", "6", "8", "9", "10", "12"),
    "I": ("1m", "2m", "3m", "4m", "5m", "10m"),
    "R": ("1k", "2k", "3k", "4k", "5k", "6k", "8k", "10k"),
    "L": ("1m", "2m", "5m", "10m"),
    "C": ("10n", "100n", "1u", "10u"),
}
_ATTEMPTS = 2000


class LayoutError(DiagramLensError):
    """Sizes that leave no room for a circuit."""


@dataclass(frozen=True)
class Element:
    """A part (or, for kind W, a wire) on one edge of the grid, from its first terminal to its second.

    The first terminal is the positive one of a voltage source and the tail of a current source's arrow.
    """

    kind: str
    name: str
    value: str
    start: Junction
    end: Junction
    marked: bool = False  # + and - are printed beside it, + at `start`


@dataclass(frozen=True)
class Layout:
    """A circuit on a grid: elements in reading order, and the junction that hangs on ground."""

    level: int
    elements: tuple[Element, ...]
    ground: Junction


@dataclass(frozen=True)
class Segment:
    """An element in pixels."""

    kind: str
    name: str
    value: str
    start: Point
    end: Point
    marked: bool = False


@dataclass(frozen=True)
class Scene:
    """Everything that will be drawn, in pixels of a picture of `size` = (width, height)."""

    size: tuple[int, int]
    segments: tuple[Segment, ...]
    ground: Point


def place(level: int, parts: tuple[int, int], grid: tuple[int, int], rng: random.Random) -> Layout:
    """A random circuit of a level: `parts` = (fewest, most) parts, sources included; `grid` = (fewest, most) junctions a side.

    Raises LayoutError where no such circuit was found, naming the sizes.
    """
    if level not in LEVEL_PARTS:
        raise LayoutError(f"level {level}: drawn are {', '.join(map(str, LEVEL_PARTS))}")
    if not 2 <= grid[0] <= grid[1] <= GRID_LIMIT:
        raise LayoutError(f"grid {grid[0]} to {grid[1]} junctions a side: between 2 and {GRID_LIMIT}")
    for _ in range(_ATTEMPTS):
        count = rng.randint(*parts)
        rows, columns = rng.randint(*grid), rng.randint(*grid)
        edges = _meshes(rows, columns, count, rng)
        if edges is None:
            continue
        filled = _fill(level, edges, count, rng)
        if filled is not None and solvable(filled):
            return Layout(level, filled, _ground(filled, rng))
    raise LayoutError(
        f"no circuit of {parts[0]} to {parts[1]} parts fits a grid of {grid[0]} to {grid[1]} junctions a side; "
        "widen domains.circuits.grid or narrow domains.circuits.parts"
    )


def _meshes(rows: int, columns: int, least: int, rng: random.Random) -> list[tuple[Junction, Junction]] | None:
    """Grid edges that form a connected net without dangling ends: one rectangle, then ears from junction to junction."""
    every = [((r, c), (r, c + 1)) for r in range(rows) for c in range(columns - 1)]
    every += [((r, c), (r + 1, c)) for r in range(rows - 1) for c in range(columns)]
    top, bottom = sorted(rng.sample(range(rows), 2))
    left, right = sorted(rng.sample(range(columns), 2))
    used = {
        edge
        for edge in every
        if (edge[0][0] == edge[1][0] and edge[0][0] in (top, bottom) and left <= edge[0][1] and edge[1][1] <= right)
        or (edge[0][1] == edge[1][1] and edge[0][1] in (left, right) and top <= edge[0][0] and edge[1][0] <= bottom)
    }
    ears = rng.choice((0, 1, 1, 2, 3))
    for _ in range(20):
        if ears <= 0 and len(used) >= least:
            break
        ear = _ear(set(every) - used, {end for edge in used for end in edge}, rng)
        if ear:
            used |= ear
            ears -= 1
    return sorted(used) if len(used) >= least else None


def _ear(
    free: set[tuple[Junction, Junction]], touched: set[Junction], rng: random.Random
) -> set[tuple[Junction, Junction]]:
    """A random path over free edges from one used junction through unused ones to another; empty when it gets stuck."""
    here = rng.choice(sorted(touched))
    start, path, seen = here, set[tuple[Junction, Junction]](), {here}
    while True:
        steps = sorted(
            (edge, other)
            for edge in free - path
            for other in _across(edge, here)
            if other not in seen or (other == start and len(path) > 2)
        )
        if not steps:
            return set()
        edge, here = rng.choice(steps)
        path.add(edge)
        if here in touched:
            return path if here != start else set()
        seen.add(here)


def _across(edge: tuple[Junction, Junction], here: Junction) -> tuple[Junction, ...]:
    return (edge[1],) if edge[0] == here else (edge[0],) if edge[1] == here else ()


def _fill(
    level: int, edges: Sequence[tuple[Junction, Junction]], count: int, rng: random.Random
) -> tuple[Element, ...] | None:
    """Put `count` parts on some of the edges and wires on the rest, in reading order."""
    sources, others = LEVEL_PARTS[level]
    chosen = set(rng.sample(range(len(edges)), count))
    source_count = 2 if count >= 4 and rng.random() < 0.25 else 1
    kinds = [rng.choices(sources, weights=(3, 1))[0] for _ in range(source_count)]
    kinds += [rng.choice(others) for _ in range(count - source_count)]
    if level == 1 and not set(kinds) & {"L", "C"}:
        kinds[-1] = rng.choice("LC")
    rng.shuffle(kinds)
    # Numbers are shuffled within a kind: were they in reading order, a model could name parts without reading their labels.
    numbers = {kind: rng.sample(range(1, kinds.count(kind) + 1), kinds.count(kind)) for kind in sorted(set(kinds))}
    marked = rng.choice([index for index, kind in enumerate(kinds) if kind in others])
    elements, next_part = [], 0
    for index, (first, second) in enumerate(edges):
        if index not in chosen:
            elements.append(Element("W", "W", "", first, second))
            continue
        kind = kinds[next_part]
        ends = (second, first) if kind in sources and rng.random() < 0.5 else (first, second)
        name = f"{kind}{numbers[kind].pop()}"
        elements.append(
            Element(kind, name, rng.choice(VALUES[kind]), *ends, marked=next_part == marked and rng.random() < 0.5)
        )
        next_part += 1
    return tuple(elements)


def solvable(elements: Iterable[Element]) -> bool:
    """Whether the circuit has one solution for almost all values: see the module's first lines."""
    elements = tuple(elements)
    wires = Islands()
    if not all(wires.join(e.start, e.end) for e in elements if e.kind == "W"):
        return False  # a loop of wires
    parts = [(e.kind, wires.root(e.start), wires.root(e.end)) for e in elements if e.kind != "W"]
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


class Islands:
    """Union-find over junctions or points."""

    def __init__(self) -> None:
        self._parents: dict[tuple[int, int], tuple[int, int]] = {}

    def root(self, item: tuple[int, int]) -> tuple[int, int]:
        while (parent := self._parents.get(item, item)) != item:
            item = parent
        return item

    def join(self, first: tuple[int, int], second: tuple[int, int]) -> bool:
        """Join two islands; False where they were one already."""
        first, second = self.root(first), self.root(second)
        self._parents[second] = first
        return first != second


def _ground(elements: Sequence[Element], rng: random.Random) -> Junction:
    """A junction with nothing below it, where a ground symbol can hang."""
    junctions = {end for e in elements for end in (e.start, e.end)}
    above = {min(e.start, e.end) for e in elements if e.start[1] == e.end[1]}
    # Every net has such a junction: its lowest row. Half of all grounds are put there, as people do.
    lowest = max(row for row, _ in junctions)
    free = sorted(junctions - above)
    bottom = [junction for junction in free if junction[0] == lowest]
    return rng.choice(bottom if rng.random() < 0.5 else free)


def scene(layout: Layout, pitch: int, rng: random.Random) -> Scene:
    """Give every junction its pixel: unequal rows and columns about `pitch` apart, half a pitch of margin around.

    Both sides of the picture are multiples of 28 (a merged patch of Qwen2-VL) where pitch is, so that no processor has to resize it.
    """
    junctions = {end for e in layout.elements for end in (e.start, e.end)}
    cell = max(14, pitch // 2)
    columns, width = _rule({column for _, column in junctions}, pitch, cell, rng)
    rows, height = _rule({row for row, _ in junctions}, pitch, cell, rng)

    def at(junction: Junction) -> Point:
        return columns[junction[1]], rows[junction[0]]

    segments = tuple(Segment(e.kind, e.name, e.value, at(e.start), at(e.end), e.marked) for e in layout.elements)
    return Scene((width, height), segments, at(layout.ground))


def _rule(used: set[int], pitch: int, cell: int, rng: random.Random) -> tuple[dict[int, int], int]:
    """Pixel of each used row or column, and the length of that side of the picture."""
    lines = sorted(used)
    gaps = [rng.randint(pitch - pitch // 9, pitch - pitch // 28) for _ in lines[1:]]
    length = -(-(len(gaps) * pitch + 2 * cell) // 28) * 28 if pitch % 28 == 0 else len(gaps) * pitch + 2 * cell
    position = cell + rng.randint(0, length - 2 * cell - sum(gaps))
    pixels = {lines[0]: position}
    for line, gap in zip(lines[1:], gaps, strict=True):
        position += gap
        pixels[line] = position
    return pixels, length


def schematic(drawn: Scene) -> str:
    """The netlist of a drawing, derived from its pixels alone, as lcapy schematic text.

    Terminals at one point are one junction, named by the rank of its row and column. Each line ends in the direction from first to
    second terminal; `v=vo` says that polarity marks are printed. Values stand behind the nodes.
    """
    points = {end for segment in drawn.segments for end in (segment.start, segment.end)}
    columns = {x: rank for rank, x in enumerate(sorted({x for x, _ in points}))}
    rows = {y: rank for rank, y in enumerate(sorted({y for _, y in points}))}

    def name(point: Point) -> str:
        return JUNCTION_NAMES[rows[point[1]] * GRID_LIMIT + columns[point[0]]]

    def reading_order(segment: Segment) -> tuple[int, int, bool]:
        (x, y), (_, other) = sorted((segment.start, segment.end), key=lambda p: (p[1], p[0]))
        return y, x, other != y  # to the right before down

    lines = []
    for segment in sorted(drawn.segments, key=reading_order):
        value = f" {segment.value}" if segment.value else ""
        hints = _direction(segment) + (", v=vo" if segment.marked else "")
        lines.append(f"{segment.name} {name(segment.start)} {name(segment.end)}{value}; {hints}")
    lines.append(f"W {name(drawn.ground)} 0; down, ground")
    return "\n".join(lines) + "\n"


def _direction(segment: Segment) -> str:
    (x0, y0), (x1, y1) = segment.start, segment.end
    if y0 == y1:
        return "right" if x1 > x0 else "left"
    return "down" if y1 > y0 else "up"
