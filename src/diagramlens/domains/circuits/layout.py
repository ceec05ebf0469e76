"""Where the parts of a circuit lie: on a grid of junctions, before anything is drawn.

The picture comes first. A circuit is placed on a small grid (`meshes`, `shapes`, `small_signal`, `amplifiers`, `opamps`), `scene` gives
every terminal its pixel, and `schematic` reads the netlist back from those pixels alone, so that a drawing and its truth cannot
disagree.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from diagramlens.domains.circuits.scene import Device, Point, Port, Rail, Scene, Segment
from diagramlens.records import DiagramLensError

Junction = tuple[int, int]  # (row, column)
Edge = tuple[Junction, Junction]  # neighbours, the first in reading order first

# Junctions are named by place, row by row, four to a row: a model reads a node's name off the spot where it lies, without having
# to number nodes by tracing wires. Graders are blind to names, so nothing is lost.
JUNCTION_NAMES = "abcdefghijklmnop"
GRID_LIMIT = 4


class LayoutError(DiagramLensError):
    """Sizes that leave no room for a circuit."""


@dataclass(frozen=True)
class Layout:
    """A circuit on a grid: what a Scene holds, with junctions (row, column) where a Scene has pixels (x, y).

    Segments lie on edges of the grid, but for two wires that cross: those run over two edges, through a junction of `crossings`. A
    device's `cell` is (top row, left column, bottom row, right column). `shape` names the kind of circuit: grid, ladder, follower, …
    """

    level: int
    shape: str
    segments: tuple[Segment, ...]
    grounds: tuple[Junction, ...]
    devices: tuple[Device, ...] = ()
    rails: tuple[Rail, ...] = ()
    ports: tuple[Port, ...] = ()
    crossings: tuple[Junction, ...] = ()

    @property
    def junctions(self) -> set[Junction]:
        """Every junction at which a terminal lies."""
        return terminals(self)

    @property
    def part_count(self) -> int:
        """Parts, sources and supplies included, wires and ports not."""
        return sum(part.kind != "W" for part in self.segments) + len(self.devices) + len(self.rails)

    def fits(self, parts: tuple[int, int], grid: tuple[int, int]) -> bool:
        """Whether it has (fewest, most) parts, and at most so many junctions a side."""
        sides = ({junction[axis] for junction in self.junctions} for axis in (0, 1))
        return parts[0] <= self.part_count <= parts[1] and all(len(side) <= grid[1] for side in sides)


def terminals(drawn: Layout | Scene) -> set[tuple[int, int]]:
    """Every point (or junction) at which a terminal lies."""
    points = {end for segment in drawn.segments for end in (segment.start, segment.end)}
    points.update(pin for device in drawn.devices for pin in device.pins)
    points.update(rail.at for rail in drawn.rails)
    points.update(end for port in drawn.ports for end in (port.positive, port.negative) if end is not None)
    return points


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


def scene(layout: Layout, pitch: int, rng: random.Random) -> Scene:
    """Give every junction its pixel: unequal rows and columns about `pitch` apart, half a pitch of margin around.

    Where values are printed the margins left and right are twice as wide, as those of the outer uprights stand there. Both sides of the
    picture are multiples of 28 (a merged patch of Qwen2-VL) where pitch is, so that no processor has to resize it.
    """
    junctions = layout.junctions
    cell = max(14, pitch // 2)
    side = 2 * cell if any(part.label for part in layout.segments) else cell
    columns, width = _rule({column for _, column in junctions}, pitch, side, rng)
    rows, height = _rule({row for row, _ in junctions}, pitch, cell, rng)

    def at(junction: Junction) -> Point:
        return columns[junction[1]], rows[junction[0]]

    def pins(device: Device) -> tuple[Point, Point, Point]:
        first, second, third = device.pins
        return at(first), at(second), at(third)

    return Scene(
        (width, height),
        tuple(replace(part, start=at(part.start), end=at(part.end)) for part in layout.segments),
        tuple(at(ground) for ground in layout.grounds),
        tuple(replace(device, pins=pins(device), cell=box_of(pins(device))) for device in layout.devices),
        tuple(replace(rail, at=at(rail.at)) for rail in layout.rails),
        tuple(
            replace(port, positive=at(port.positive), negative=at(port.negative) if port.negative else None)
            for port in layout.ports
        ),
        tuple(at(crossing) for crossing in layout.crossings),
    )


def mirrored(layout: Layout) -> Layout:
    """The circuit with left and right exchanged."""
    last = max(column for _, column in layout.junctions)

    def at(junction: Junction) -> Junction:
        return junction[0], last - junction[1]

    def turned(part: Segment) -> Segment:
        ends = at(part.start), at(part.end)
        # Parts without a polarity run to the right or down, whichever way the circuit was built.
        if part.kind in "WRLC" and not part.voltage:
            ends = min(ends), max(ends)
        return replace(part, start=ends[0], end=ends[1])

    def placed(device: Device) -> Device:
        first, second, third = (at(pin) for pin in device.pins)
        return replace(device, pins=(first, second, third), cell=box_of((first, second, third)))

    return replace(
        layout,
        segments=tuple(turned(part) for part in layout.segments),
        grounds=tuple(at(ground) for ground in layout.grounds),
        devices=tuple(placed(device) for device in layout.devices),
        rails=tuple(replace(rail, at=at(rail.at)) for rail in layout.rails),
        ports=tuple(
            replace(port, positive=at(port.positive), negative=at(port.negative) if port.negative else None)
            for port in layout.ports
        ),
        crossings=tuple(at(crossing) for crossing in layout.crossings),
    )


def box_of(corners: tuple[tuple[int, int], ...]) -> tuple[int, int, int, int]:
    """The smallest and largest of both coordinates: smallest first, smallest second, largest first, largest second."""
    first, second = [corner[0] for corner in corners], [corner[1] for corner in corners]
    return min(first), min(second), max(first), max(second)


def _rule(used: set[int], pitch: int, margin: int, rng: random.Random) -> tuple[dict[int, int], int]:
    """Pixel of each used row or column, and the length of that side of the picture."""
    lines = sorted(used)
    gaps = [rng.randint(pitch - pitch // 9, pitch - pitch // 28) for _ in lines[1:]]
    length = len(gaps) * pitch + 2 * margin
    if pitch % 28 == 0:
        length = -(-length // 28) * 28
    position = margin + rng.randint(0, length - 2 * margin - sum(gaps))
    pixels = {lines[0]: position}
    for line, gap in zip(lines[1:], gaps, strict=True):
        position += gap
        pixels[line] = position
    return pixels, length
