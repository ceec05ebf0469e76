"""The canvas under every drawing here: lines, polygons, circles and text in one ink on one paper, drawn three times too large and averaged.

Averaging is what makes lines smooth. The canvas holds one number a pixel, how much ink lies there, and gets its colours last: that is
three times faster than drawing in colour. Coordinates are pixels of the final picture, y downwards; lengths that belong to a symbol are
multiples of `unit`, which is one pixel of a picture whose junctions lie 56 pixels apart. A style with a `wobble` moves every line by a
smooth field, as an unsteady hand would: what met before still meets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from diagramlens.domains.circuits.scene import Box
from diagramlens.domains.circuits.styles import Style, font, has_glyphs

OVERSAMPLING = 3
REFERENCE_PITCH = 56

Spot = tuple[float, float]  # (x, y) in pixels of the final picture
Run = tuple[str, float, float]  # text, type size, drop below the baseline; the last two in units
Fill = Literal["ink", "paper"]

# By the two letters of an anchor: how far left of it a row starts, in widths, and how far below it the baseline is, in heights.
LEFTWARDS = {"l": 0.0, "m": 0.5, "r": 1.0}
DOWNWARDS = {"t": 1.0, "m": 0.5, "b": 0.0}

_INK = {"ink": 255, "paper": 0}
_SHARP, _GAPPY = 4, 8  # pixels of a line whose corners stay as they are, and of one whose rounded corners leave no gaps
_STRIDE = 7.0  # units between the points where a wobbling line bends
_FALLBACK_FACE = "DejaVuSans.ttf"


class Pen:
    """A canvas of `size` = (width, height) pixels for a picture in `style`; `pitch`, the distance of junctions, scales all lengths."""

    def __init__(self, size: tuple[int, int], style: Style, pitch: int = REFERENCE_PITCH) -> None:
        self.style = style
        self.size = size
        self.unit = pitch / REFERENCE_PITCH
        self._image = Image.new("L", (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING), 0)
        self._draw = ImageDraw.Draw(self._image)
        self._extents: dict[tuple[Run, ...], tuple[float, float, float]] = {}
        self._width = max(1, round(style.line * self.unit * OVERSAMPLING))

    def line(self, points: Iterable[Spot], weight: float = 1.0) -> None:
        """A line through points, `weight` times as wide as the style's lines."""
        corners, width = self._scaled(points), self._stroke(weight)
        bar = _bar(corners[0], corners[1], width) if len(corners) == 2 else None
        if bar is not None:
            self._draw.rectangle(bar, fill=255)
            return
        self._draw.line(corners, fill=255, width=width)
        if width > _SHARP:
            self._round_corners(corners, width)

    def polygon(self, points: Iterable[Spot], fill: Fill | None = None, weight: float = 1.0) -> None:
        """A closed shape: of solid ink without an outline, or outlined, over what lies there or (`fill` "paper") hiding it."""
        corners = list(points)
        if fill is not None:
            self._draw.polygon(self._scaled([*corners, corners[0]]), fill=_INK[fill])
        if fill != "ink":
            self.line([*corners, corners[0], corners[1]], weight)

    def circle(self, centre: Spot, radius: float, fill: Fill | None = None, weight: float = 1.0) -> None:
        """A circle of `radius` pixels, its line inside it."""
        if self.style.wobble is not None:
            turn = [math.tau * k / 24 for k in range(24)]
            inner = radius - self._stroke(weight) / OVERSAMPLING / 2
            rim = [(centre[0] + inner * math.cos(a), centre[1] + inner * math.sin(a)) for a in turn]
            self.polygon(rim, fill, weight)
            return
        x, y, r = centre[0] * OVERSAMPLING, centre[1] * OVERSAMPLING, radius * OVERSAMPLING
        inside = None if fill is None else _INK[fill]
        self._draw.ellipse((x - r, y - r, x + r, y + r), fill=inside, outline=255, width=self._stroke(weight))

    def extent(self, runs: Sequence[Run]) -> tuple[float, float, float]:
        """Width of a row of runs, height of its capitals above the baseline, depth of its ink below it, in pixels."""
        key = tuple(runs)
        if key not in self._extents:  # a label is measured at each of its possible places
            rows = [_row(*self._type(text, size)) for text, size, _ in runs]
            height = _capital_height(*self._type("R", runs[0][1])[1:]) / OVERSAMPLING
            depths = [run[2] * self.unit + row.depth / OVERSAMPLING for row, run in zip(rows, runs, strict=True)]
            self._extents[key] = sum([row.width for row in rows]) / OVERSAMPLING, height, max(depths)
        return self._extents[key]

    def text(self, where: Spot, anchor: str, runs: Sequence[Run]) -> Box:
        """Write runs of (text, type size, drop) in a row and return their box.

        `where` is the point that `anchor` names: l, m or r of the row, then t, m or b of the height of its capitals.
        """
        width, height, lowest = self.extent(runs)
        left, baseline = where[0] - LEFTWARDS[anchor[0]] * width, where[1] + DOWNWARDS[anchor[1]] * height
        self.row(left, baseline, runs)
        return math.floor(left), math.floor(baseline - height), math.ceil(left + width), math.ceil(baseline + lowest)

    def row(self, left: float, baseline: float, runs: Sequence[Run]) -> None:
        """Write runs of (text, type size, drop) in a row that starts at `left`."""
        x = left * OVERSAMPLING
        for text, size, drop in runs:
            row = _row(*self._type(text, size))
            y = (baseline + drop * self.unit) * OVERSAMPLING
            self._image.paste(255, (round(x) + row.left, round(y) + row.top), row.mask)
            x += row.width

    def line_box(self, start: Spot, end: Spot) -> Box:
        """The box that a level or upright line fills."""
        half = self._width / OVERSAMPLING / 2
        (x0, y0), (x1, y1) = start, end
        left, right = (x0, x1) if x0 < x1 else (x1, x0)
        top, bottom = (y0, y1) if y0 < y1 else (y1, y0)
        return math.floor(left - half), math.floor(top - half), math.ceil(right + half), math.ceil(bottom + half)

    def picture(self) -> Image.Image:
        """What was drawn, in RGB, of `size`."""
        coverage = self._image.reduce(OVERSAMPLING)
        coverage.putpalette(_ramp(self.style.paper, self.style.ink))
        return coverage.convert("RGB")

    def _round_corners(self, corners: Sequence[Spot], width: int) -> None:
        """Fill the outer side of every corner of a line, to the pixel as Pillow's `joint="curve"` does, in 0.7 of its time.

        Pillow measures every piece of the line twice and calls some ten functions for each corner; a coil has 35.
        """
        half, turns = width / 2, [_direction(*ends) for ends in pairwise(corners)]
        for (x, y), (before, after) in zip(corners[1:-1], pairwise(turns), strict=True):
            if before == after:
                continue
            # A quarter turn from the line lies the side where the two pieces leave a wedge open.
            leftwards = after - 180 > before or after < before < after + 180
            quarter = 90 if leftwards else -90
            edges = before + quarter, after + quarter
            start, end = (edges[1], edges[0]) if leftwards else edges
            self._draw.pieslice(
                (x - half + 1, y - half + 1, x + half - 1, y + half - 1), start - 90, end - 90, fill=255
            )
            if width > _GAPPY:
                first, last = _towards(x, y, half - 1, edges[0] - 90), _towards(x, y, half - 1, edges[1] - 90)
                self._draw.line((first, (x, y), last), fill=255, width=3)

    def _stroke(self, weight: float) -> int:
        return self._width if weight == 1.0 else max(1, round(self._width * weight))

    def _type(self, text: str, size: float) -> tuple[str, str, int]:
        """Arguments of `_row`: the style's face, or one that has all the glyphs of the text; the size in pixels of the canvas."""
        face = self.style.face if text.isascii() or has_glyphs(self.style.face, text) else _FALLBACK_FACE
        return text, face, round(size * self.unit * OVERSAMPLING)

    def _scaled(self, points: Iterable[Spot]) -> list[Spot]:
        if self.style.wobble is not None:
            points = [self._shaken(point) for point in _bends(list(points), _STRIDE * self.unit)]
        return [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]

    def _shaken(self, point: Spot) -> Spot:
        """Where an unsteady hand puts a point: a sum of slow waves over the sheet, so that neighbours move together."""
        assert self.style.wobble is not None
        x, y = point[0] / self.unit, point[1] / self.unit
        dx = dy = 0.0
        for reach, along_x, along_y, phase in self.style.wobble:
            dx += reach * math.sin(along_x * x + along_y * y + phase)
            dy += reach * math.sin(along_y * x - along_x * y + 2.0 * phase)
        return point[0] + dx * self.unit, point[1] + dy * self.unit


def _bar(start: Spot, end: Spot, width: int) -> Box | None:
    """The first and last pixels of a level or upright line, None for another.

    Pillow makes a polygon of every wide line and looks for its edges in each row of pixels: four times the work for an upright line. Of an
    even width it sets the odd row of pixels below a line to the right, above one to the left; on uprights likewise.
    """
    (x0, y0), (x1, y1) = (int(start[0]), int(start[1])), (int(end[0]), int(end[1]))
    if (x0 == x1) == (y0 == y1):
        return None
    less, more = (width - 1) // 2, width // 2
    if x0 == x1:
        return (x0 - less, y0, x0 + more, y1) if y0 < y1 else (x0 - more, y1, x0 + less, y0)
    return (x0, y0 - less, x1, y0 + more) if x0 < x1 else (x1, y0 - more, x0, y0 + less)


def _direction(start: Spot, end: Spot) -> float:
    """The way from one point to another, in degrees clockwise from upwards, 0 to 360."""
    return math.degrees(math.atan2(end[0] - start[0], start[1] - end[1])) % 360


def _towards(x: float, y: float, reach: float, angle: float) -> Spot:
    """What lies `reach` from a point, less what is no whole pixel, at an angle in degrees clockwise from rightwards."""
    turn = math.radians(angle)
    return x + int(reach * math.cos(turn)), y + int(reach * math.sin(turn))


def box_around(points: Iterable[Spot]) -> Box:
    """The smallest box of whole pixels around points."""
    xs, ys = zip(*points, strict=True)
    return math.floor(min(xs)), math.floor(min(ys)), math.ceil(max(xs)), math.ceil(max(ys))


def overlap(first: Box, second: Box) -> float:
    """The area that two boxes share, in square pixels."""
    if first[0] >= second[2] or second[0] >= first[2] or first[1] >= second[3] or second[1] >= first[3]:
        return 0.0
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return float(width * height)


def meeting(box: Box, boxes: Iterable[Box]) -> list[Box]:
    """Those of the boxes that share an area with `box`. Nearly none do, so this tells them apart before anything is measured."""
    left, top, right, bottom = box
    return [other for other in boxes if other[0] < right and left < other[2] and other[1] < bottom and top < other[3]]


def covered(box: Box, boxes: Iterable[Box]) -> float:
    """The area that a box shares with each of `boxes`, added up, in square pixels."""
    met = meeting(box, boxes)
    return sum(overlap(box, other) for other in met) if met else 0.0


@lru_cache(maxsize=64)
def _ramp(paper: tuple[int, int, int], ink: tuple[int, int, int]) -> bytes:
    """The colours of 256 shares of ink, as a palette. Equal greens are equal colours, which `encode_png` makes use of."""
    depth = paper[1] - ink[1]
    shares = [round(depth * step / 255) / depth for step in range(256)]
    return bytes(round(p + (i - p) * share) for share in shares for p, i in zip(paper, ink, strict=True))


def _bends(points: list[Spot], stride: float) -> list[Spot]:
    """Points along a line at most `stride` apart, its corners among them."""
    bends = points[:1]
    for (x0, y0), (x1, y1) in pairwise(points):
        steps = max(1, math.ceil(math.hypot(x1 - x0, y1 - y0) / stride))
        bends += [(x0 + (x1 - x0) * k / steps, y0 + (y1 - y0) * k / steps) for k in range(1, steps + 1)]
    return bends


class _Row:
    """Text set once in a face at a size: its coverage, where that lies from the start of the baseline, how far it advances and descends."""

    def __init__(self, text: str, face: ImageFont.FreeTypeFont) -> None:
        self.width = face.getlength(text)
        left, top, right, bottom = (int(edge) for edge in face.getbbox(text, anchor="ls"))
        self.left, self.top, self.depth = left, top, max(0, bottom)
        self.mask = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
        ImageDraw.Draw(self.mask).text((-left, -top), text, font=face, fill=255, anchor="ls")


# Setting a row costs more than all the lines of its part, and the same names return in picture after picture. 2,048 rows are some 10 MB.
@lru_cache(maxsize=2048)
def _row(text: str, face: str, size: int) -> _Row:
    return _Row(text, font(face, size))


@lru_cache(maxsize=256)
def _capital_height(face: str, size: int) -> float:
    return -float(font(face, size).getbbox("R", anchor="ls")[1])
