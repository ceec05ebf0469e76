"""Draws a placed block diagram: frames, summing points, arrows, take-off dots, names and fractions, in the looks of the three styles.

`american` leaves summing points empty and fills its arrow heads, `european` divides summing points into quarters and draws heads with two
strokes and bold frames, `textbook` writes Σ into summing points and an (s) after every signal. The signs of what enters stand beside the
arrow heads in all of them.
"""

from __future__ import annotations

from PIL import Image

from diagramlens.domains.circuits.blocks.labels import name_runs, value_rows
from diagramlens.domains.circuits.blocks.scene import BlockBox, BlockScene, Circle, Terminal, Wire, crossings, passes
from diagramlens.domains.circuits.marks import arrow_head, dot, minus, open_terminal, plus
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import Pen, Run, box_around
from diagramlens.domains.circuits.scene import Point, Segment
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.terminals import draw_wire

_LEAST_TYPE = 13.0
_HEAD = (8.0, 3.4)  # length and half width of an arrow head


def draw_blocks(scene: BlockScene, style: Style, pitch: int) -> tuple[Image.Image, list[DrawnObject]]:
    """The picture (RGB, of `scene.size`), and the boxes of its blocks, summing points, take-off points and signals, in that order."""
    pen = Pen(scene.size, style, pitch)
    over = tuple(crossings(scene))
    for wire in scene.wires:
        _draw_wire(pen, wire, over)
    objects = [_draw_box(pen, box) for box in scene.boxes]
    circles = sorted(scene.circles, key=lambda circle: circle.centre)
    objects += [_draw_circle(pen, circle, f"S{number}") for number, circle in enumerate(circles, start=1)]
    for wire in scene.wires:
        _draw_head(pen, wire)
    for x, y in scene.dots:
        dot(pen, (x, y))
        reach = 3.0 * pen.unit
        box = box_around([(x - reach, y - reach), (x + reach, y + reach)])
        objects.append(DrawnObject("", "takeoff", box, box))
    towards = {wire.points[0]: wire.points[1] for wire in scene.wires}
    for terminal in scene.terminals:
        objects.append(_draw_terminal(pen, terminal, towards.get(terminal.at)))
    return pen.picture(), objects


def _draw_wire(pen: Pen, wire: Wire, over: tuple[Point, ...]) -> None:
    """In one stroke, which rounds its corners, or piece by piece where it hops over another."""
    if not (pen.style.hops and any(passes(wire, point) for point in over)):
        pen.line(wire.points)
        return
    for start, end in wire.pieces:
        draw_wire(pen, Segment("W", "W", "", start, end), over)


def _draw_box(pen: Pen, block: BlockBox) -> DrawnObject:
    """The frame with its name in it, or with its transfer function in it and its name above."""
    x0, y0, x1, y1 = block.frame
    middle = ((x0 + x1) / 2, (y0 + y1) / 2)
    pen.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], weight=1.5 if pen.style.name == "european" else 1.15)
    name = name_runs(block.name, pen.style.type_size, pen.style.subscript)
    if block.value is None:
        label = pen.text(middle, "mm", name)
    else:
        label = pen.text((middle[0], y0 - 5 * pen.unit), "mb", name)
        _write_value(pen, block.value, middle, x1 - x0 - 8 * pen.unit)
    return DrawnObject(block.name, "block", block.frame, label)


def _write_value(pen: Pen, value: str, middle: tuple[float, float], room: float) -> None:
    """A transfer function around a point, as large as the style's type where that fits into `room` pixels."""
    size = pen.style.type_size
    above, below = value_rows(value, size, pen.style.subscript)
    width = max(pen.extent(row)[0] for row in (above, below) if row)
    if width > room:
        size = max(_LEAST_TYPE, size * room / width)
        above, below = value_rows(value, size, pen.style.subscript)
        width = max(pen.extent(row)[0] for row in (above, below) if row)
    if not below:
        pen.text(middle, "mm", above)
        return
    (x, y), gap = middle, 5.5 * pen.unit
    reach = width / 2 + 2 * pen.unit
    pen.line([(x - reach, y), (x + reach, y)], weight=0.8)
    pen.text((x, y - gap), "mb", above)
    pen.text((x, y + gap + 0.5 * pen.unit), "mt", below)


def _draw_circle(pen: Pen, circle: Circle, name: str) -> DrawnObject:
    (x, y), radius = circle.centre, circle.radius
    pen.circle(circle.centre, radius, fill="paper", weight=1.1)
    if pen.style.name == "european":
        reach = radius * 0.68
        for slant in (reach, -reach):
            pen.line([(x - reach, y - slant), (x + reach, y + slant)], weight=0.7)
    elif pen.style.name == "textbook":
        pen.text((x, y), "mm", [("Σ", _LEAST_TYPE, 0.0)])
    box = (x - radius, y - radius, x + radius, y + radius)
    return DrawnObject(name, "sum", box, box)


def _draw_head(pen: Pen, wire: Wire) -> None:
    """The arrow head at the end of a wire, and beside it the sign with which the wire enters a summing point."""
    (x0, y0), (x, y) = wire.points[-2:]
    dx, dy = (x > x0) - (x < x0), (y > y0) - (y < y0)
    _draw_point(pen, (x, y), (dx, dy))
    if not wire.sign:
        return
    # Above a level arrow; to the right of an upright one, where the level one's sign is not.
    back, aside = 8.5 * pen.unit, 9.5 * pen.unit
    at = (x - dx * back, y - aside) if dx else (x + aside, y - dy * back)
    (plus if wire.sign == "+" else minus)(pen, at, 3.8)


def _draw_point(pen: Pen, tip: Point, way: tuple[int, int]) -> None:
    """An arrow's point: a solid triangle, two strokes, or a solid barb, by style."""
    if pen.style.name == "american":
        arrow_head(pen, tip, way, *_HEAD)
        return
    (x, y), (dx, dy), unit = tip, way, pen.unit
    length, width = _HEAD[0] * unit, (_HEAD[1] + 0.6) * unit
    left = (x - length * dx - width * dy, y - length * dy + width * dx)
    right = (x - length * dx + width * dy, y - length * dy - width * dx)
    if pen.style.name == "european":
        pen.line([left, tip, right])
    else:
        notch = 0.65 * length
        pen.polygon([tip, left, (x - notch * dx, y - notch * dy), right], "ink")


def _draw_terminal(pen: Pen, terminal: Terminal, towards: tuple[int, int] | None) -> DrawnObject:
    """The name of a signal at the end of its wire, on the far side from where the wire leads."""
    x, y = terminal.at
    gap = 5.0
    if terminal.is_input and pen.style.nodes == "rings":
        open_terminal(pen, (x, y))
        gap = 7.0
    gap *= pen.unit
    runs: list[Run] = name_runs(terminal.name, pen.style.type_size, pen.style.subscript)
    if pen.style.name == "textbook":
        runs = [*runs, ("(s)", pen.style.type_size, 0.0)]
    if towards is None:
        where, anchor = (x + gap, float(y)), "lm"
    elif towards[1] == y:
        where, anchor = (x - gap, float(y)), "rm"
    else:
        down = towards[1] > y
        where, anchor = (float(x), y - gap if down else y + gap), "mb" if down else "mt"
    label = pen.text(where, anchor, runs)
    box = box_around([(x, y), label[:2], label[2:]])
    return DrawnObject(terminal.name, "input" if terminal.is_input else "output", box, label)
