"""Marks beside parts: + and - for a voltage, an arrow on a lead for a current, and where they and their names can stand.

+ stands at the part's first terminal, and the arrow points from the first to the second.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from diagramlens.domains.circuits.labels import Strip, fixed
from diagramlens.domains.circuits.marks import arrow_head, barbed_head, minus, plus
from diagramlens.domains.circuits.pen import Pen, box_around
from diagramlens.domains.circuits.scene import Box
from diagramlens.domains.circuits.symbols import Symbol

_UNNAMED = {"vo", "io"}  # a voltage or current of this name is marked, and its name not printed
_HEAD = 3.2  # units from the middle of an arrow to its tip
_ARM = 2.8  # half the width of a sign, in units


class Signs(NamedTuple):
    """Where + and - stand: on the side `side` (+1 or -1, `across` the part), pixels from its middle along it, and aside of it."""

    side: float
    away: float
    aside: float


def printed_mark(mark: str) -> str:
    """The name that is printed with a mark, empty where none is."""
    return "" if mark in _UNNAMED else mark


def usual_signs(pen: Pen, part: Symbol, side: float) -> Signs:
    """Beside the leads, near the symbol."""
    return Signs(side, max(part.reach + 4 * pen.unit, 11 * pen.unit), 7 * pen.unit)


def other_signs(pen: Pen, part: Symbol, side: float) -> Iterator[Signs]:
    """What else can be tried: farther out, over an arrow; nearer to the middle, beside the symbol's own ends."""
    usual = usual_signs(pen, part, side)
    yield usual._replace(aside=9.5 * pen.unit)
    yield Signs(side, max(part.reach, 9 * pen.unit), part.breadth + 5 * pen.unit)


def draw_signs(pen: Pen, part: Symbol, signs: Signs) -> list[Box]:
    """Draw + and -; the boxes they take."""
    aside = signs.side * signs.aside
    return [plus(pen, part.frame.at(-signs.away, aside)), minus(pen, part.frame.at(signs.away, aside))]


def sign_boxes(pen: Pen, part: Symbol, signs: Signs) -> list[Box]:
    """The boxes that + and - would take."""
    reach, boxes = _ARM * pen.unit, []
    for along in (-signs.away, signs.away):
        x, y = part.frame.at(along, signs.side * signs.aside)
        boxes.append(box_around([(x - reach, y - reach), (x + reach, y + reach)]))
    return boxes


def leads_for_arrow(pen: Pen, part: Symbol) -> list[float]:
    """Pixels along a part at which the arrow of its current can stand: the middles of its leads."""
    room = (
        part.frame.length / 2 - (5.8 * pen.unit if pen.style.nodes == "numbers" else 2.0 * pen.unit) + part.reach
    ) / 2
    # The european current source has its own arrow on the lead behind it.
    return [-room] if part.segment.kind in "IGF" and pen.style.name == "european" else [-room, room]


def draw_arrow(pen: Pen, part: Symbol, lead: float) -> None:
    """Draw the arrow of a current, its middle `lead` pixels along the part."""
    tip = part.frame.at(lead + _HEAD * pen.unit)
    if pen.style.name == "textbook":
        barbed_head(pen, tip, part.frame.along)
    else:
        arrow_head(pen, tip, part.frame.along, width=3.4 if pen.style.name == "american" else 2.6)


def arrow_box(pen: Pen, part: Symbol, lead: float) -> Box:
    """The box that an arrow takes."""
    half = _HEAD * pen.unit
    return box_around([part.frame.at(lead + along, across) for along in (-half, half) for across in (-half, half)])


def beside_lead(pen: Pen, part: Symbol, lead: float, name: str) -> list[Strip]:
    """Places of a current's name, beside its arrow."""
    (mx, my), level, strips = part.frame.at(lead), part.frame.level, []
    for scale, price in ((0.9, 0.0), (0.82, 2.0)):
        for side in (1.0, -1.0):
            for farther in (0.0, 4.0):
                x, y = part.frame.at(lead, side * (6.0 + farther) * pen.unit)
                anchor = ("mb" if y < my else "mt") if level else ("lm" if x > mx else "rm")
                strips.append(Strip(price + farther / 2, (name,), scale, anchor, fixed((x, y)), side=side))
    return strips
