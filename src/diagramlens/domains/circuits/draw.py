"""Draws a placed circuit with Pillow, straight lines and arcs, three times too large and then averaged down.

Averaging gives smooth lines for about two milliseconds a picture; circuitikz takes half a second. The second result of `draw` are
the boxes of what was drawn, in pixels, for detection and for the pretraining's dense targets.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from diagramlens.domains.circuits.layout import Islands, Point, Scene, Segment
from diagramlens.domains.circuits.styles import Style, font

_OVERSAMPLING = 3
_REFERENCE_PITCH = 56

Box = tuple[int, int, int, int]  # x0, y0, x1, y1 in pixels
Run = tuple[str, float, float]  # text, type size, drop below the baseline

DESCRIPTIONS = {
    "R": "resistor",
    "L": "inductor",
    "C": "capacitor",
    "V": "voltage source",
    "I": "current source",
    "ground": "ground",
}


@dataclass(frozen=True)
class DrawnObject:
    """A symbol in the picture: its box `(x0, y0, x1, y1)` in pixels, and the box of its label (equal to `box` for a ground)."""

    name: str
    kind: str
    box: Box
    label: Box

    def record(self) -> dict[str, object]:
        """The object as the diagram's row keeps it."""
        return {
            "name": self.name,
            "kind": self.kind,
            "box": list(self.box),
            "label": list(self.label),
            "description": DESCRIPTIONS[self.kind],
        }


def draw(scene: Scene, style: Style, pitch: int = _REFERENCE_PITCH) -> tuple[Image.Image, list[DrawnObject]]:
    """The picture (RGB, of `scene.size`) and the boxes of its symbols, in the order of the scene. `pitch` scales lines and type.

    Symbols first, then labels where there is room, then the polarity marks of passive parts on the side that is left.
    """
    pen = _Pen(scene.size, style, _OVERSAMPLING * pitch / _REFERENCE_PITCH)
    for segment in scene.segments:
        if segment.kind == "W":
            pen.line([segment.start, segment.end])
    parts = [_draw_symbol(pen, segment) for segment in scene.segments if segment.kind != "W"]
    ground = _draw_ground(pen, scene.ground)
    _draw_nodes(pen, scene)
    crowd = [box for part in parts for box in (part.box, *part.signs)] + [ground.box]
    objects = []
    for part in parts:
        side, label = _write_label(pen, part, crowd)
        crowd.append(label)
        if part.segment.marked:
            crowd += _polarity_marks(pen, part, -side)
        objects.append(DrawnObject(part.segment.name, part.segment.kind, part.box, label))
    return pen.picture(), [*objects, ground]


def encode_png(picture: Image.Image) -> bytes:
    """PNG bytes; the same picture gives the same bytes. Level 1 is three times as fast as the default and a tenth larger."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


class _Pen:
    """A canvas, oversampled; coordinates are pixels of the final picture, lengths pixels at the reference pitch."""

    def __init__(self, size: tuple[int, int], style: Style, scale: float) -> None:
        self.style = style
        self.size = size
        self.unit = scale / _OVERSAMPLING
        self._image = Image.new("RGB", (size[0] * _OVERSAMPLING, size[1] * _OVERSAMPLING), style.paper)
        self._draw = ImageDraw.Draw(self._image)
        self._width = max(1, round(style.line * scale))

    def line(self, points: Iterable[tuple[float, float]], weight: float = 1.0) -> None:
        scaled = [(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in points]
        self._draw.line(scaled, fill=self.style.ink, width=max(1, round(self._width * weight)), joint="curve")

    def polygon(self, points: Iterable[tuple[float, float]], filled: bool) -> None:
        corners = list(points)
        if filled:
            self._draw.polygon([(x * _OVERSAMPLING, y * _OVERSAMPLING) for x, y in corners], fill=self.style.ink)
        else:
            self.line([*corners, corners[0], corners[1]])

    def circle(
        self, centre: tuple[float, float], radius: float, fill: tuple[int, int, int] | None = None, weight: float = 1.0
    ) -> None:
        x, y, r = centre[0] * _OVERSAMPLING, centre[1] * _OVERSAMPLING, radius * _OVERSAMPLING
        self._draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=fill, outline=self.style.ink, width=max(1, round(self._width * weight))
        )

    def measure(self, where: tuple[float, float], anchor: str, runs: Sequence[Run]) -> Box:
        """The box that `text` would fill."""
        left, baseline, widths, height = self._set(where, anchor, runs)
        lowest = max(drop for _, _, drop in runs) * self.unit
        k = _OVERSAMPLING
        return _box([(left / k, (baseline - height) / k), ((left + sum(widths)) / k, baseline / k + lowest)])

    def text(self, where: tuple[float, float], anchor: str, runs: Sequence[Run]) -> Box:
        """Write runs of (text, type size, drop) in a row and return their box.

        `where` is the point that `anchor` names: l, m or r of the row, then t, m or b of its height.
        """
        x, baseline, widths, _ = self._set(where, anchor, runs)
        for (text, size, drop), width in zip(runs, widths, strict=True):
            at = (x, baseline + drop * self.unit * _OVERSAMPLING)
            self._draw.text(at, text, font=self._font(size), fill=self.style.ink, anchor="ls")
            x += width
        return self.measure(where, anchor, runs)

    def outside(self, box: Box) -> float:
        """The area of a box that lies outside the picture, in square pixels."""
        return (box[2] - box[0]) * (box[3] - box[1]) - _overlap(box, (0, 0, *self.size))

    def _font(self, size: float) -> ImageFont.FreeTypeFont:
        return font(self.style.face, round(size * self.unit * _OVERSAMPLING))

    def _set(
        self, where: tuple[float, float], anchor: str, runs: Sequence[Run]
    ) -> tuple[float, float, list[float], float]:
        """Left end and baseline of a row, the widths of its runs and the height of its capitals, in oversampled pixels."""
        widths = [self._font(size).getlength(text) for text, size, _ in runs]
        capital = self._font(runs[0][1]).getbbox("R", anchor="ls")
        height = float(-capital[1])
        left = where[0] * _OVERSAMPLING - {"l": 0.0, "m": 0.5, "r": 1.0}[anchor[0]] * sum(widths)
        return left, where[1] * _OVERSAMPLING + {"t": 1.0, "m": 0.5, "b": 0.0}[anchor[1]] * height, widths, height

    def picture(self) -> Image.Image:
        return self._image.reduce(_OVERSAMPLING)


class _Frame:
    """A part's own axes: `along` from first to second terminal, `across` to the right of that way; origin at the middle."""

    def __init__(self, segment: Segment) -> None:
        (x0, y0), (x1, y1) = segment.start, segment.end
        self.length = math.hypot(x1 - x0, y1 - y0)
        self.along = ((x1 - x0) / self.length, (y1 - y0) / self.length)
        self.middle = ((x0 + x1) / 2, (y0 + y1) / 2)

    def at(self, u: float, v: float = 0.0) -> tuple[float, float]:
        (dx, dy), (mx, my) = self.along, self.middle
        return mx + u * dx - v * dy, my + u * dy + v * dx


@dataclass(frozen=True)
class _Symbol:
    """A part's symbol once drawn: its frame, how far it reaches along and across, its box, and the boxes of signs beside it."""

    segment: Segment
    frame: _Frame
    reach: float
    breadth: float
    box: Box
    signs: tuple[Box, ...]


def _draw_symbol(pen: _Pen, segment: Segment) -> _Symbol:
    frame = _Frame(segment)
    half = pen.style.body * pen.unit / 2
    symbol = {"R": _resistor, "L": _inductor, "C": _capacitor, "V": _voltage_source, "I": _current_source}[segment.kind]
    reach, breadth = symbol(pen, frame, half)
    pen.line([segment.start, frame.at(-reach)])
    pen.line([frame.at(reach), segment.end])
    box = _box([frame.at(u, v) for u in (-reach, reach) for v in (-breadth, breadth)])
    signs = [(-reach, -6.0), (reach, -6.0)] if segment.kind == "V" and pen.style.name != "american" else []
    arm = 8 * pen.unit
    around = [
        _box([frame.at(u - math.copysign(arm, -u), v * pen.unit - arm / 2), frame.at(u, v * pen.unit + arm / 2)])
        for u, v in signs
    ]
    return _Symbol(segment, frame, reach, breadth, box, tuple(around))


# Each symbol returns how far it reaches from the middle along the wire, and across it.


def _box_symbol(pen: _Pen, frame: _Frame, half: float, breadth: float, filled: bool) -> tuple[float, float]:
    pen.polygon(
        [frame.at(u, v) for u, v in ((-half, -breadth), (half, -breadth), (half, breadth), (-half, breadth))], filled
    )
    return half, breadth


def _resistor(pen: _Pen, frame: _Frame, half: float) -> tuple[float, float]:
    breadth = 5.0 * pen.unit
    if pen.style.name == "european":
        return _box_symbol(pen, frame, half, breadth, filled=False)
    peaks = 6
    step = 2 * half / peaks
    zigzag = [frame.at(-half + step * (k + 0.5), breadth if k % 2 else -breadth) for k in range(peaks)]
    pen.line([frame.at(-half), *zigzag, frame.at(half)])
    return half, breadth


def _inductor(pen: _Pen, frame: _Frame, half: float) -> tuple[float, float]:
    breadth = 5.0 * pen.unit
    if pen.style.name == "european":
        return _box_symbol(pen, frame, half, breadth, filled=True)
    humps = 4
    radius = half / humps
    # Humps rise above a level coil and to the left of an upright one, whichever terminal comes first.
    side = -1.0 if frame.along[0] > 0.5 or frame.along[1] < -0.5 else 1.0
    curve = []
    for hump in range(humps):
        centre = -half + radius * (2 * hump + 1)
        for k in range(9):
            angle = math.pi * (1 - k / 8)
            curve.append(frame.at(centre + radius * math.cos(angle), side * 1.6 * radius * math.sin(angle)))
    pen.line(curve)
    return half, 1.6 * radius


def _capacitor(pen: _Pen, frame: _Frame, half: float) -> tuple[float, float]:
    gap, breadth = 3.0 * pen.unit, 9.0 * pen.unit
    for side in (-gap, gap):
        pen.line([frame.at(side, -breadth), frame.at(side, breadth)], weight=1.5)
    return gap, breadth


def _voltage_source(pen: _Pen, frame: _Frame, half: float) -> tuple[float, float]:
    radius = 10.5 * pen.unit
    pen.circle(frame.middle, radius)
    if pen.style.name == "american":
        _plus(pen, frame.at(-radius * 0.48), 2.8 * pen.unit)
        _minus(pen, frame.at(radius * 0.48), 2.8 * pen.unit)
        return radius, radius
    if pen.style.name == "european":
        pen.line([frame.at(-radius), frame.at(radius)])
        _plus(pen, frame.at(-radius - 5 * pen.unit, -6 * pen.unit), 3.0 * pen.unit)
        return radius, radius
    step = radius * 0.38
    x, y = frame.middle
    pen.line([(x - 2 * step, y + step), (x, y + step), (x, y - step), (x + 2 * step, y - step)], weight=1.2)
    _plus(pen, frame.at(-radius - 5 * pen.unit, -6 * pen.unit), 3.0 * pen.unit)
    _minus(pen, frame.at(radius + 5 * pen.unit, -6 * pen.unit), 3.0 * pen.unit)
    return radius, radius


def _current_source(pen: _Pen, frame: _Frame, half: float) -> tuple[float, float]:
    radius = 10.5 * pen.unit
    pen.circle(frame.middle, radius)
    if pen.style.name == "european":
        pen.line([frame.at(0, -radius), frame.at(0, radius)])
        _arrow_head(pen, frame, radius + 7 * pen.unit)
        return radius, radius
    pen.line([frame.at(-radius * 0.65), frame.at(radius * 0.4)])
    _arrow_head(pen, frame, radius * 0.75)
    return radius, radius


def _arrow_head(pen: _Pen, frame: _Frame, tip: float) -> None:
    length, width = 6.5 * pen.unit, 3.6 * pen.unit
    pen.polygon([frame.at(tip), frame.at(tip - length, width), frame.at(tip - length, -width)], filled=True)


def _plus(pen: _Pen, centre: tuple[float, float], arm: float) -> None:
    x, y = centre
    pen.line([(x - arm, y), (x + arm, y)], weight=0.8)
    pen.line([(x, y - arm), (x, y + arm)], weight=0.8)


def _minus(pen: _Pen, centre: tuple[float, float], arm: float) -> None:
    """Always a level stroke, as in print: beside a vertical part too."""
    x, y = centre
    pen.line([(x - arm, y), (x + arm, y)], weight=0.8)


def _polarity_marks(pen: _Pen, part: _Symbol, side: float) -> list[Box]:
    """+ and - beside the leads of a passive part, + at the first terminal, on one side of it; the boxes they take."""
    place, aside, arm = max(part.reach + 4 * pen.unit, 11 * pen.unit), side * 7 * pen.unit, 2.8 * pen.unit
    plus, minus = part.frame.at(-place, aside), part.frame.at(place, aside)
    _plus(pen, plus, arm)
    _minus(pen, minus, arm)
    return [_box([(x - arm, y - arm), (x + arm, y + arm)]) for x, y in (plus, minus)]


def _write_label(pen: _Pen, part: _Symbol, crowd: Sequence[Box]) -> tuple[float, Box]:
    """Write a part's name on the better of its two sides; return the side (+1 or -1, `across`) and the label's box.

    Better is where it covers less of the symbols and labels that are there and leaves the picture less; between equals the style's
    habit decides, and the middle of the part over a slide along it. What would leave the picture is pushed back into it.
    """
    size, name = pen.style.type_size, part.segment.name
    runs = [(name[0], size, 0.0), (name[1:], size * 0.78, size * 0.16)] if pen.style.subscript else [(name, size, 0.0)]
    level = part.segment.start[1] == part.segment.end[1]
    candidates = []
    for side, slide in ((side, slide) for side in (1.0, -1.0) for slide in (0.0, -6.0, 6.0)):
        x, y = part.frame.at(slide * pen.unit, side * (part.breadth + 3.0 * pen.unit))
        mx, my = part.frame.middle
        anchor = ("mb" if y < my else "mt") if level else ("lm" if x > mx else "rm")
        habit = ((y < my) if level else (x > mx)) == pen.style.label_above
        box = pen.measure((x, y), anchor, runs)
        cost = sum(_overlap(box, other) for other in crowd) + 3.0 * pen.outside(box)
        candidates.append((cost + (0.0 if habit else 1.0) + abs(slide) / 4, side, (x, y), anchor))
    _, side, (x, y), anchor = min(candidates)
    left, top, right, bottom = pen.measure((x, y), anchor, runs)
    x += max(0, -left) - max(0, right - pen.size[0])
    y += max(0, -top) - max(0, bottom - pen.size[1])
    return side, pen.text((x, y), anchor, runs)


def _overlap(first: Box, second: Box) -> float:
    """The area that two boxes share, in square pixels."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return float(max(0, width) * max(0, height))


def _draw_ground(pen: _Pen, at: Point) -> DrawnObject:
    x, y = float(at[0]), float(at[1])
    drop = 7.0 * pen.unit
    pen.line([(x, y), (x, y + drop)])
    for row, half in enumerate((8.0, 5.0, 2.0)):
        level = y + drop + row * 3.5 * pen.unit
        pen.line([(x - half * pen.unit, level), (x + half * pen.unit, level)], weight=0.9)
    box = _box([(x - 8 * pen.unit, y + drop), (x + 8 * pen.unit, y + drop + 7 * pen.unit)])
    return DrawnObject("ground", "ground", box, box)


def _draw_nodes(pen: _Pen, scene: Scene) -> None:
    """Dots, rings or numbers at the junctions, as the style says. Numbers follow the nodes in reading order, ground being 0."""
    if pen.style.nodes == "none":
        return
    ends = [end for segment in scene.segments for end in (segment.start, segment.end)]
    if pen.style.nodes == "numbers":
        for point, number in node_numbers(scene).items():
            pen.circle(point, 5.8 * pen.unit, fill=pen.style.paper, weight=0.6)
            pen.text(point, "mm", [(str(number), 9.0, 0.0)])
        return
    for point in sorted(set(ends)):
        meeting = ends.count(point) + (point == scene.ground)
        if pen.style.nodes == "rings":
            pen.circle(point, 2.8 * pen.unit, fill=pen.style.paper, weight=0.8)
        elif meeting >= 3:
            pen.circle(point, 2.6 * pen.unit, fill=pen.style.ink)


def node_numbers(scene: Scene) -> dict[Point, int]:
    """The electrical node of every junction: 0 for what wires join to ground, the others numbered from 1 in reading order."""
    wires = Islands()
    for segment in scene.segments:
        if segment.kind == "W":
            wires.join(segment.start, segment.end)
    points = {end for segment in scene.segments for end in (segment.start, segment.end)}
    numbers = {wires.root(scene.ground): 0}
    for point in sorted(points, key=lambda p: (p[1], p[0])):
        numbers.setdefault(wires.root(point), len(numbers))
    return {point: numbers[wires.root(point)] for point in sorted(points)}


def _box(points: Iterable[tuple[float, float]]) -> Box:
    corners = list(points)
    xs, ys = [x for x, _ in corners], [y for _, y in corners]
    return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))
