"""Gives a planned block diagram its pixels: columns along the row, lanes above and below it, wires at right angles.

A branch's lane is the nearest in which nothing else runs over the same columns, shorter branches first, so that nested loops nest. Its
upright pieces stand at columns of take-off and summing points, blocks at columns of the row's blocks: no wire can run through a block.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from diagramlens.domains.circuits.blocks.labels import name_runs, row_width, value_rows
from diagramlens.domains.circuits.blocks.naming import Called, sample_names
from diagramlens.domains.circuits.blocks.plan import Branch, Item, Plan, Slot
from diagramlens.domains.circuits.blocks.scene import BlockBox, BlockScene, Circle, Terminal, Wire
from diagramlens.domains.circuits.pen import REFERENCE_PITCH
from diagramlens.domains.circuits.scene import Box, Point

# Lengths are in pixels of a picture of the reference pitch. Type sizes are those that boxes are made for; a style may print smaller.
NAME_SIZE, VALUE_SIZE = 17.0, 14.0
BOX_WIDTH, BOX_HEIGHT, FRACTION_HEIGHT = 42, 32, 46
RADIUS = 10
NAME_ROOM = 20  # over a box in which a transfer function stands
STUB = 30  # the wire of an input from outside
LABEL_ROOM = 20
MARGIN = 12
CELL = 28  # both sides of a picture are multiples of a merged patch
# Room before what comes next in the row: for an arrow head, and for the sign beside it where that is a summing point.
_BEFORE = {"block": 22, "sum": 29, "take": 19}
_TO_OUTPUT = 26

Place = Slot | Item


def place_blocks(plan: Plan, pitch: int, rng: random.Random) -> BlockScene:
    """The plan with names and values, in pixels of a picture whose smallest type is legible at `pitch` 56."""
    order = {slot: number for number, slot in enumerate(plan.row)}
    branch_of = {item: branch for branch in plan.branches for item in branch.items}
    blocks: list[Place] = [slot for slot in plan.row if slot.kind == "block"]
    blocks += [item for item in branch_of if item.kind == "block"]
    roles = [
        "ahead" if isinstance(place, Slot) else "back" if _is_feedback(branch_of[place], order) else "forward"
        for place in blocks
    ]
    noises = sum(item.kind == "sum" for item in branch_of)
    names = sample_names(roles, len(plan.outside) + noises, rng)
    called = dict(zip(blocks, names.blocks, strict=True))
    drawing = _Drawing(pitch / REFERENCE_PITCH, called, list(names.outside))
    drawing.columns = _columns(plan, called, rng)
    lanes = _lanes(plan, order)
    spacing = _spacing(plan, called.values(), rng)
    drawing.row(plan, names.source, names.output)
    for branch in plan.branches:
        drawing.branch(branch, branch.side * lanes[branch] * spacing[branch.side])
    for entry in plan.outside:
        drawing.enter(drawing.circles[entry.sum], entry.side, entry.sign)
    for slot in plan.row:
        served = [branch for branch in plan.branches if branch.take is slot]
        drawing.dot(slot, sorted(branch.side * lanes[branch] * spacing[branch.side] for branch in served))
    return _framed(drawing, rng)


def _is_feedback(branch: Branch, order: Mapping[Slot, int]) -> bool:
    return order[branch.take] > order[branch.sum]


def _lanes(plan: Plan, order: Mapping[Slot, int]) -> dict[Branch, int]:
    """The lane of each branch, 1 being nearest to the row."""

    def ends(branch: Branch) -> tuple[int, int]:
        first, last = sorted((order[branch.take], order[branch.sum]))
        return first, last

    lanes: dict[Branch, int] = {}
    for branch in sorted(plan.branches, key=lambda b: (ends(b)[1] - ends(b)[0], ends(b))):
        first, last = ends(branch)
        busy = {
            lane
            for other, lane in lanes.items()
            if other.side == branch.side and ends(other)[0] <= last and first <= ends(other)[1]
        }
        lanes[branch] = next(lane for lane in range(1, len(plan.branches) + 1) if lane not in busy)
    return lanes


def _spacing(plan: Plan, called: Iterable[Called], rng: random.Random) -> dict[int, float]:
    """How far the lanes of each side are apart: by the tallest box, and by inputs from outside that start between them."""
    values = [block.value for block in called if block.value is not None]
    tall = FRACTION_HEIGHT if any("/" in value for value in values) else BOX_HEIGHT
    room = tall + (NAME_ROOM if values else 4) + 10
    spacing = {}
    for side in (-1, 1):
        entered = any(entry.side == side for entry in plan.outside)
        entered |= any(item.kind == "sum" for branch in plan.branches if branch.side == side for item in branch.items)
        spacing[side] = max(room, RADIUS + STUB + LABEL_ROOM + 6 if entered else 0) + rng.uniform(0, 6)
    return spacing


def _columns(plan: Plan, called: Mapping[Place, Called], rng: random.Random) -> dict[Slot, float]:
    """The x of every slot of the row; a column of blocks is as wide as its widest, in the row or on a lane."""
    half = {slot: float(RADIUS) if slot.kind == "sum" else 0.0 for slot in plan.row}
    for place, block in called.items():
        slot = place if isinstance(place, Slot) else place.column
        half[slot] = max(half[slot], _box_size(block)[0] / 2)
    columns: dict[Slot, float] = {}
    x = 0.0
    for slot in plan.row:
        x += _BEFORE[slot.kind] + rng.uniform(0, 6) + half[slot]
        columns[slot] = x
        x += half[slot]
    return columns


def _box_size(block: Called) -> tuple[float, float]:
    if block.value is None:
        return max(BOX_WIDTH, row_width(name_runs(block.name, NAME_SIZE, False)) + 16), BOX_HEIGHT
    above, below = value_rows(block.value, VALUE_SIZE, False)
    width = max(BOX_WIDTH, max(row_width(above), row_width(below)) + 16)
    return width, FRACTION_HEIGHT if below else BOX_HEIGHT


@dataclass
class _Drawing:
    """What is placed so far, around the origin at the left end of the row; `unit` pixels are one of the lengths above."""

    unit: float
    called: Mapping[Place, Called]
    outside: list[str]
    columns: dict[Slot, float] = field(default_factory=dict)
    boxes: list[BlockBox] = field(default_factory=list)
    circles: dict[Place, Circle] = field(default_factory=dict)
    wires: list[Wire] = field(default_factory=list)
    terminals: list[Terminal] = field(default_factory=list)
    dots: list[Point] = field(default_factory=list)

    def px(self, length: float) -> int:
        return round(length * self.unit)

    def at(self, slot: Slot, y: float = 0.0) -> Point:
        return self.px(self.columns[slot]), self.px(y)

    def row(self, plan: Plan, source: str, output: str) -> None:
        """The row from its input to its output."""
        here = (0, 0)
        self.terminals.append(Terminal(source, here, True))
        for slot in plan.row:
            if slot.kind == "take":
                continue
            entry, leave = self.element(slot, self.at(slot), 1)
            self.wires.append(Wire((here, entry), ("-" if slot in plan.turned else "+") if slot.kind == "sum" else ""))
            here = leave
        end = (self.px(max(self.columns.values()) + BOX_WIDTH / 2 + _TO_OUTPUT), 0)
        self.wires.append(Wire((here, end)))
        self.terminals.append(Terminal(output, end, False))

    def element(self, place: Place, middle: Point, way: int) -> tuple[Point, Point]:
        """A block or summing point on a wire that runs right (`way` 1) or left (-1); where the wire enters and leaves it."""
        x, y = middle
        if place.kind == "sum":
            circle = Circle(middle, self.px(RADIUS))
            self.circles[place] = circle
            left, right = circle.rim[0], circle.rim[3]
            return (left, right) if way > 0 else (right, left)
        block = self.called[place]
        width, height = _box_size(block)
        across, up = self.px(width / 2), self.px(height / 2)
        left, right = (x - across, y), (x + across, y)
        ends = (left, right) if way > 0 else (right, left)
        self.boxes.append(BlockBox(block.name, block.value, (x - across, y - up, x + across, y + up), *ends))
        return ends

    def branch(self, branch: Branch, y: float) -> None:
        """A branch along the lane at `y`, from its take-off point through its items into its summing point."""
        way = 1 if self.columns[branch.sum] > self.columns[branch.take] else -1
        points = [self.at(branch.take), self.at(branch.take, y)]
        for item in sorted(branch.items, key=lambda item: way * self.columns[item.column]):
            entry, leave = self.element(item, self.at(item.column, y), way)
            self.wires.append(Wire((*points, entry), "+" if item.kind == "sum" else ""))
            if item.kind == "sum":
                self.enter(self.circles[item], branch.side, "+")
            points = [leave]
        rim = self.circles[branch.sum].rim[1 if branch.side < 0 else 2]
        self.wires.append(Wire((*points, self.at(branch.sum, y), rim), branch.sign))

    def enter(self, circle: Circle, side: int, sign: str) -> None:
        """An input from outside into a summing point, from above or below."""
        x, y = circle.rim[1 if side < 0 else 2]
        start = (x, y + side * self.px(STUB))
        self.terminals.append(Terminal(self.outside.pop(0), start, True))
        self.wires.append(Wire((start, (x, y)), sign))

    def dot(self, slot: Slot, lanes: list[float]) -> None:
        """Dots where a take-off leaves the row, and where a nearer lane leaves the way to one beyond it."""
        if not lanes:
            return
        nearer = [y for y in lanes if any((z > y > 0) or (z < y < 0) for z in lanes)]
        self.dots += [self.at(slot), *(self.at(slot, y) for y in nearer)]


def _framed(drawing: _Drawing, rng: random.Random) -> BlockScene:
    """Everything moved into a picture of whole cells, a margin around it."""
    px = drawing.px
    extents: list[Box] = []
    for box in drawing.boxes:
        x0, y0, x1, y1 = box.frame
        extents.append((x0, y0 - (px(NAME_ROOM) if box.value is not None else 0), x1, y1))
    extents += [
        (x - c.radius, y - c.radius, x + c.radius, y + c.radius)
        for c in drawing.circles.values()
        for x, y in [c.centre]
    ]
    extents += [(x, y, x, y) for wire in drawing.wires for x, y in wire.points]
    for terminal in drawing.terminals:
        x, y = terminal.at
        reach = px(row_width(name_runs(f"{terminal.name}(s)", NAME_SIZE, False)) + 8)
        extents.append((x - reach, y - px(LABEL_ROOM), x + reach, y + px(LABEL_ROOM)))
    left, top = min(e[0] for e in extents), min(e[1] for e in extents)
    width, height = max(e[2] for e in extents) - left, max(e[3] for e in extents) - top
    margin = px(MARGIN)
    size = tuple(-(-(length + 2 * margin) // CELL) * CELL for length in (width, height))
    dx, dy = (
        margin + rng.randint(0, whole - length - 2 * margin)
        for whole, length in zip(size, (width, height), strict=True)
    )
    return _moved(drawing, (size[0], size[1]), dx - left, dy - top)


def _moved(drawing: _Drawing, size: tuple[int, int], dx: int, dy: int) -> BlockScene:
    def to(point: Point) -> Point:
        return point[0] + dx, point[1] + dy

    boxes = []
    for box in drawing.boxes:
        x0, y0, x1, y1 = box.frame
        frame = (x0 + dx, y0 + dy, x1 + dx, y1 + dy)
        boxes.append(replace(box, frame=frame, entry=to(box.entry), exit=to(box.exit)))
    return BlockScene(
        size=size,
        boxes=tuple(boxes),
        circles=tuple(replace(circle, centre=to(circle.centre)) for circle in drawing.circles.values()),
        wires=tuple(replace(wire, points=tuple(map(to, wire.points))) for wire in drawing.wires),
        terminals=tuple(replace(terminal, at=to(terminal.at)) for terminal in drawing.terminals),
        dots=tuple(map(to, drawing.dots)),
    )
