"""Signs that are set beside or inside symbols: plus, minus, arrow heads, open terminals, dots. Lengths in units of the pen."""

from __future__ import annotations

import math

from diagramlens.domains.circuits.pen import Pen, Spot, box_around
from diagramlens.domains.circuits.scene import Box


def plus(pen: Pen, centre: Spot, arm: float = 2.8) -> Box:
    """A plus sign; `arm` is half its width. Returns its box."""
    (x, y), reach = centre, arm * pen.unit
    pen.line([(x - reach, y), (x + reach, y)], weight=0.8)
    pen.line([(x, y - reach), (x, y + reach)], weight=0.8)
    return box_around([(x - reach, y - reach), (x + reach, y + reach)])


def minus(pen: Pen, centre: Spot, arm: float = 2.8) -> Box:
    """A minus sign: always a level stroke, as in print, beside an upright part too. Returns its box."""
    (x, y), reach = centre, arm * pen.unit
    pen.line([(x - reach, y), (x + reach, y)], weight=0.8)
    return box_around([(x - reach, y - reach), (x + reach, y + reach)])


def arrow_head(pen: Pen, tip: Spot, towards: Spot, length: float = 6.5, width: float = 3.6) -> None:
    """A solid head with its point at `tip`; `towards` is the way it points, a vector of any length; `width` is half of the head's."""
    dx, dy = towards
    norm = math.hypot(dx, dy)
    dx, dy = dx / norm * pen.unit, dy / norm * pen.unit
    foot = (tip[0] - length * dx, tip[1] - length * dy)
    pen.polygon(
        [tip, (foot[0] - width * dy, foot[1] + width * dx), (foot[0] + width * dy, foot[1] - width * dx)], "ink"
    )


def barbed_head(pen: Pen, tip: Spot, towards: Spot, length: float = 6.0, width: float = 3.4) -> None:
    """An open head of two strokes, its point at `tip`; the arguments are those of `arrow_head`."""
    dx, dy = towards
    norm = math.hypot(dx, dy)
    dx, dy = dx / norm * pen.unit, dy / norm * pen.unit
    foot = (tip[0] - length * dx, tip[1] - length * dy)
    pen.line([(foot[0] - width * dy, foot[1] + width * dx), tip, (foot[0] + width * dy, foot[1] - width * dx)])


def open_terminal(pen: Pen, centre: Spot, radius: float = 3.0) -> Box:
    """A small open circle where a port can be connected. Returns its box."""
    pen.circle(centre, radius * pen.unit, fill="paper", weight=0.8)
    reach = radius * pen.unit
    return box_around([(centre[0] - reach, centre[1] - reach), (centre[0] + reach, centre[1] + reach)])


def dot(pen: Pen, centre: Spot, radius: float = 2.6) -> None:
    """A solid dot where wires are joined."""
    pen.circle(centre, radius * pen.unit, fill="ink")
