"""Symbols of parts with two terminals: resistor, inductor, capacitor, and sources, round or (controlled ones) as diamonds.

`american` zigzags and coils, `european` boxes and slashed circles, `textbook` with its signs outside, as circuitikz draws them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from diagramlens.domains.circuits.marks import arrow_head, minus, plus
from diagramlens.domains.circuits.pen import Pen, Spot, box_around
from diagramlens.domains.circuits.scene import Box, Segment

_RADIUS = 10.5
_DIAMOND = 12.5


class Frame:
    """A part's own axes: `along` from first to second terminal, `across` to the right of that way; origin at the middle."""

    def __init__(self, segment: Segment) -> None:
        (x0, y0), (x1, y1) = segment.start, segment.end
        self.length = math.hypot(x1 - x0, y1 - y0)
        self.along = ((x1 - x0) / self.length, (y1 - y0) / self.length)
        self.middle = ((x0 + x1) / 2, (y0 + y1) / 2)
        self.level = abs(self.along[0]) > abs(self.along[1])  # it lies rather than stands

    def at(self, u: float, v: float = 0.0) -> Spot:
        """The point `u` pixels along and `v` pixels across."""
        (dx, dy), (mx, my) = self.along, self.middle
        return mx + u * dx - v * dy, my + u * dy + v * dx


class Symbol(NamedTuple):
    """A part's symbol once drawn: its frame, how far it reaches along and across in pixels, its box, the boxes of signs beside it."""

    segment: Segment
    frame: Frame
    reach: float
    breadth: float
    box: Box
    signs: tuple[Box, ...]


def draw_symbol(pen: Pen, segment: Segment) -> Symbol:
    """Draw a part (not a wire) and its leads."""
    frame = Frame(segment)
    reach, breadth = _SYMBOLS[segment.kind](pen, frame)
    pen.line([segment.start, frame.at(-reach)])
    pen.line([frame.at(reach), segment.end])
    box = box_around([frame.at(u, v) for u in (-reach, reach) for v in (-breadth, breadth)])
    signs = [(-reach, -6.0), (reach, -6.0)] if segment.kind in "VEH" and pen.style.name != "american" else []
    arm = 8 * pen.unit
    around = [
        box_around([frame.at(u - math.copysign(arm, -u), v * pen.unit - arm / 2), frame.at(u, v * pen.unit + arm / 2)])
        for u, v in signs
    ]
    return Symbol(segment, frame, reach, breadth, box, tuple(around))


# Each symbol returns how far it reaches from the middle along the wire, and across it.


def _box_symbol(pen: Pen, frame: Frame, half: float, breadth: float, filled: bool) -> tuple[float, float]:
    corners = [frame.at(u, v) for u, v in ((-half, -breadth), (half, -breadth), (half, breadth), (-half, breadth))]
    pen.polygon(corners, "ink" if filled else None)
    return half, breadth


def _resistor(pen: Pen, frame: Frame) -> tuple[float, float]:
    half, breadth = pen.style.body * pen.unit / 2, 5.0 * pen.unit
    if pen.style.name == "european":
        return _box_symbol(pen, frame, half, breadth, filled=False)
    peaks = 6
    step = 2 * half / peaks
    zigzag = [frame.at(-half + step * (k + 0.5), breadth if k % 2 else -breadth) for k in range(peaks)]
    pen.line([frame.at(-half), *zigzag, frame.at(half)])
    return half, breadth


def _inductor(pen: Pen, frame: Frame) -> tuple[float, float]:
    half, breadth = pen.style.body * pen.unit / 2, 5.0 * pen.unit
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


def _capacitor(pen: Pen, frame: Frame) -> tuple[float, float]:
    gap, breadth = 3.0 * pen.unit, 9.0 * pen.unit
    for side in (-gap, gap):
        pen.line([frame.at(side, -breadth), frame.at(side, breadth)], weight=1.5)
    return gap, breadth


def _voltage_source(pen: Pen, frame: Frame) -> tuple[float, float]:
    radius = _RADIUS * pen.unit
    pen.circle(frame.middle, radius)
    if pen.style.name == "textbook":
        step = radius * 0.38
        x, y = frame.middle
        pen.line([(x - 2 * step, y + step), (x, y + step), (x, y - step), (x + 2 * step, y - step)], weight=1.2)
    _polarity(pen, frame, radius)
    return radius, radius


def _controlled_voltage(pen: Pen, frame: Frame) -> tuple[float, float]:
    reach, breadth = _diamond(pen, frame)
    _polarity(pen, frame, reach)
    return reach, breadth


def _polarity(pen: Pen, frame: Frame, reach: float) -> None:
    """Which end of a voltage source is positive: signs inside, or a stroke through it and one sign, or both signs outside."""
    outside = reach + 5 * pen.unit
    if pen.style.name == "american":
        inside = _RADIUS * 0.48 * pen.unit
        plus(pen, frame.at(-inside))
        minus(pen, frame.at(inside))
        return
    plus(pen, frame.at(-outside, -6 * pen.unit), 3.0)
    if pen.style.name == "european":
        pen.line([frame.at(-reach), frame.at(reach)])
    else:
        minus(pen, frame.at(outside, -6 * pen.unit), 3.0)


def _current_source(pen: Pen, frame: Frame) -> tuple[float, float]:
    radius = _RADIUS * pen.unit
    pen.circle(frame.middle, radius)
    if pen.style.name == "european":
        pen.line([frame.at(0, -radius), frame.at(0, radius)])
        arrow_head(pen, frame.at(radius + 7 * pen.unit), frame.along)
    else:
        pen.line([frame.at(-radius * 0.65), frame.at(radius * 0.4)])
        arrow_head(pen, frame.at(radius * 0.75), frame.along)
    return radius, radius


def _controlled_current(pen: Pen, frame: Frame) -> tuple[float, float]:
    reach, breadth = _diamond(pen, frame)
    if pen.style.name == "european":
        pen.line([frame.at(0, -breadth), frame.at(0, breadth)])
        arrow_head(pen, frame.at(reach + 7 * pen.unit), frame.along)
    else:
        pen.line([frame.at(-reach * 0.6), frame.at(reach * 0.3)])
        arrow_head(pen, frame.at(reach * 0.68), frame.along)
    return reach, breadth


def _diamond(pen: Pen, frame: Frame) -> tuple[float, float]:
    reach = _DIAMOND * pen.unit
    breadth = reach * (0.8 if pen.style.name == "textbook" else 1.0)
    pen.polygon([frame.at(-reach), frame.at(0, -breadth), frame.at(reach), frame.at(0, breadth)])
    return reach, breadth


_SYMBOLS = {
    "R": _resistor,
    "L": _inductor,
    "C": _capacitor,
    "V": _voltage_source,
    "I": _current_source,
    "E": _controlled_voltage,
    "H": _controlled_voltage,
    "G": _controlled_current,
    "F": _controlled_current,
}
