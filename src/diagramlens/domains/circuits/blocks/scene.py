"""A block diagram in pixels: what placing hands to drawing, and all that the text of a picture is derived from.

Points are (x, y) in pixels, y downwards. `read_scene` follows the wires from arrow head back to where they start; wires are joined
where they start at one point or a take-off dot lies on both, and nowhere else, so two that merely cross stay apart. The drawing and
its truth cannot disagree, because the truth knows nothing but the drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from diagramlens.domains.circuits.blocks.text import Block, BlockDiagram, BlocksError, Sum
from diagramlens.domains.circuits.scene import Box, Point


@dataclass(frozen=True)
class BlockBox:
    """A block: its frame, and the middles of the sides at which its signal enters and leaves."""

    name: str
    value: str | None
    frame: Box
    entry: Point
    exit: Point


@dataclass(frozen=True)
class Circle:
    """A summing point. Wires touch it at its rim, straight left, right, above or below its centre."""

    centre: Point
    radius: int

    @property
    def rim(self) -> tuple[Point, Point, Point, Point]:
        """Left, top, bottom, right: the order in which a summing point's inputs are read."""
        (x, y), r = self.centre, self.radius
        return (x - r, y), (x, y - r), (x, y + r), (x + r, y)


@dataclass(frozen=True)
class Wire:
    """A line of level and upright pieces with an arrow head at its last point; `sign` (+ or -) is printed beside that head."""

    points: tuple[Point, ...]
    sign: str = ""

    @property
    def pieces(self) -> Iterator[tuple[Point, Point]]:
        """Its straight pieces."""
        return pairwise(self.points)


@dataclass(frozen=True)
class Terminal:
    """Where a named signal comes in from outside or goes out."""

    name: str
    at: Point
    is_input: bool


@dataclass(frozen=True)
class BlockScene:
    """Everything that will be drawn in a picture of `size` = (width, height)."""

    size: tuple[int, int]
    boxes: tuple[BlockBox, ...]
    circles: tuple[Circle, ...]
    wires: tuple[Wire, ...]
    terminals: tuple[Terminal, ...]
    dots: tuple[Point, ...]


def read_scene(scene: BlockScene) -> BlockDiagram:
    """The diagram that a drawing shows. Elements stand from left to right, and summing points are named S1, S2, … in that order.

    Raises BlocksError for a drawing that shows none: an end that hangs free, a wire that two signals drive.
    """
    circles = sorted(scene.circles, key=lambda circle: circle.centre)
    name_of = {circle: f"S{number}" for number, circle in enumerate(circles, start=1)}
    starts = {wire.points[0] for wire in scene.wires}
    drivers = {box.exit: box.name for box in scene.boxes}
    drivers |= {terminal.at: terminal.name for terminal in scene.terminals if terminal.is_input}
    drivers |= {point: name for circle, name in name_of.items() for point in circle.rim if point in starts}
    arriving = {wire.points[-1]: (wire, signal) for wire, signal in _signals(scene, drivers)}

    def entering(point: Point, what: str) -> str:
        if point not in arriving:
            raise BlocksError(f"no wire enters {what} at {point}")
        return arriving[point][1]

    placed: list[tuple[Point, Block | Sum]] = []
    for box in scene.boxes:
        middle = ((box.frame[0] + box.frame[2]) // 2, (box.frame[1] + box.frame[3]) // 2)
        placed.append((middle, Block(box.name, entering(box.entry, box.name), box.value)))
    for circle, name in name_of.items():
        found = [arriving[point] for point in circle.rim if point in arriving]
        placed.append((circle.centre, Sum(name, tuple((-1 if wire.sign == "-" else 1, s) for wire, s in found))))
    inputs = sorted((terminal.at, terminal.name) for terminal in scene.terminals if terminal.is_input)
    (output,) = (terminal for terminal in scene.terminals if not terminal.is_input)
    elements = tuple(element for _, element in sorted(placed, key=lambda item: item[0]))
    return BlockDiagram(tuple(n for _, n in inputs), elements, output.name, entering(output.at, output.name))


def _signals(scene: BlockScene, drivers: dict[Point, str]) -> Iterator[tuple[Wire, str]]:
    """Every wire with the one signal that it carries."""
    island = list(range(len(scene.wires)))

    def join(wires: list[int]) -> None:
        old = {island[wire] for wire in wires}
        island[:] = [min(old) if number in old else number for number in island]

    for point in {*scene.dots, *(wire.points[0] for wire in scene.wires)}:
        is_dot = point in scene.dots
        join([n for n, wire in enumerate(scene.wires) if wire.points[0] == point or (is_dot and passes(wire, point))])
    carried: dict[int, set[str]] = {}
    for number, wire in enumerate(scene.wires):
        carried.setdefault(island[number], set()).update({drivers[p] for p in wire.points[:1] if p in drivers})
    for number, wire in enumerate(scene.wires):
        signals = carried[island[number]]
        if len(signals) != 1:
            raise BlocksError(f"the wire that ends at {wire.points[-1]} carries {sorted(signals) or 'no signal'}")
        yield wire, next(iter(signals))


def passes(wire: Wire, point: Point) -> bool:
    """Whether a point lies on a wire."""
    return any(
        min(x0, x1) <= point[0] <= max(x0, x1) and min(y0, y1) <= point[1] <= max(y0, y1)
        for (x0, y0), (x1, y1) in wire.pieces
    )


def crossings(scene: BlockScene) -> Iterator[Point]:
    """Where a level piece of one wire crosses an upright piece of another without being joined to it."""
    pieces = [(number, *piece) for number, wire in enumerate(scene.wires) for piece in wire.pieces]
    for level, (x0, y0), (x1, y1) in pieces:
        for upright, (x2, y2), (x3, y3) in pieces:
            if level != upright and y0 == y1 and x2 == x3:
                inside = min(x0, x1) < x2 < max(x0, x1) and min(y2, y3) < y0 < max(y2, y3)
                if inside and (x2, y0) not in scene.dots:
                    yield x2, y0
