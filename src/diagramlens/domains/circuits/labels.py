"""Where labels stand: beside their symbol, where they cover nothing and stay in the picture.

A label is tried at a list of places, each with a price: what it would cover and how far it would leave the picture, and how unusual the
place is. The cheapest wins. Where the usual places of a name are all taken, further ones are tried: along the lead, farther out, in
smaller type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from operator import itemgetter
from typing import NamedTuple

from diagramlens.domains.circuits.pen import Pen, Run, Spot, overlap
from diagramlens.domains.circuits.scene import Box
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.symbols import Symbol

Rows = tuple[tuple[Run, ...], ...]
Toll = Callable[[Box], float]

_ROW = 1.22  # from row to row, in type sizes
_GAP = 3.0  # between a symbol and its label, in units
_SMALL, _SMALLEST = 0.82, 0.7
_USUAL = (0.0, -6.0, 6.0)  # how far along its part a label may stand, in units
_ANYWHERE = (*_USUAL, -12.0, 12.0, -18.0, 18.0)
ENOUGH = 6.0  # a place that costs more than this covers something
# Price, scale, whether in two rows, how much farther out: what is tried for a label that finds no room, the most usual first.
_MAKESHIFTS = sorted(
    (price + (1.0 if two_rows else 0.0) + 1.5 * farther, scale, two_rows, farther)
    for scale, price in ((1.0, 4.0), (_SMALL, 8.0), (_SMALLEST, 16.0))
    for two_rows in (False, True)
    for farther in (0.0, 5.0, 10.0)
)


class Place(NamedTuple):
    """Rows of text at a point, and what is unusual about it. `side` is +1 or -1, `across` a part; 0 for other labels."""

    rows: Rows
    where: Spot
    anchor: str
    price: float
    side: float = 0.0


def typeset(style: Style, text: str, scale: float = 1.0) -> tuple[Run, ...]:
    """One row: names with their digits small and low where the style says so, values as they are."""
    size = style.type_size * scale
    if not style.subscript:
        return ((text, size, 0.0),)
    runs: list[Run] = []
    words = text.split(" ")
    for k, word in enumerate(words):
        space = " " if k else ""
        unit = k > 0 and words[k - 1][:1].isdigit()
        if len(word) > 1 and word[0].isalpha() and word.isalnum() and not unit:
            runs += [(space + word[0], size, 0.0), (word[1:], size * 0.78, size * 0.16)]
        else:
            runs.append((space + word, size, 0.0))
    return tuple(runs)


def block_box(pen: Pen, place: Place) -> Box:
    """The box that a label would fill at a place."""
    if len(place.rows) == 1:
        return pen.measure(place.where, place.anchor, place.rows[0])
    boxes = (pen.measure(where, anchor, row) for where, anchor, row in _set(pen, place))
    return reduce(_around_both, boxes)


def _around_both(a: Box, b: Box) -> Box:
    left, top = a[0] if a[0] < b[0] else b[0], a[1] if a[1] < b[1] else b[1]
    return left, top, a[2] if a[2] > b[2] else b[2], a[3] if a[3] > b[3] else b[3]


def write(pen: Pen, place: Place) -> Box:
    """Write a label at its place, pushed back into the picture where it would leave it; returns its box."""
    box = block_box(pen, place)
    dx, dy = _push(pen, box)
    for (x, y), anchor, row in _set(pen, place):
        pen.text((x + dx, y + dy), anchor, row)
    return _moved(box, dx, dy)


def place_box(pen: Pen, place: Place) -> Box:
    """The box that `write` would return, without writing."""
    box = block_box(pen, place)
    return _moved(box, *_push(pen, box))


def _push(pen: Pen, box: Box) -> tuple[int, int]:
    """How far a box must move to the right and down to lie in the picture."""
    left, top, right, bottom = box
    dx = max(0, -left) - max(0, right - pen.size[0])
    return dx, max(0, -top) - max(0, bottom - pen.size[1])


def _moved(box: Box, dx: int, dy: int) -> Box:
    return box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy


def _set(pen: Pen, place: Place) -> Iterator[tuple[Spot, str, tuple[Run, ...]]]:
    """Point, anchor and runs of each row of a label."""
    (x, y), step = place.where, place.rows[0][0][1] * _ROW * pen.unit
    below = {"t": 0.0, "m": 0.5, "b": 1.0}[place.anchor[1]] * (len(place.rows) - 1)
    for k, row in enumerate(place.rows):
        yield (x, y + (k - below) * step), place.anchor, row


def cheapest(pen: Pen, places: Iterable[Place], crowd: Sequence[Box], toll: Toll | None = None) -> tuple[float, Place]:
    """The best place and its price: the square pixels it covers, how far it is pushed into the picture, and its own price.

    `toll` says what else the box of a place costs.
    """
    found: tuple[float, Place] | None = None
    for place in sorted(places, key=_price):
        if found is not None and place.price >= found[0]:
            break
        box = block_box(pen, place)
        dx, dy = _push(pen, box)
        left, top, right, bottom = box = _moved(box, dx, dy)
        # Written out, as most of the time that labels take is spent here.
        covered = [o for o in crowd if o[0] < right and left < o[2] and o[1] < bottom and top < o[3]]
        price = place.price + abs(dx) + abs(dy) + sum(overlap(box, other) for other in covered)
        if toll is not None and (found is None or price < found[0]):
            price += toll(box)
        if found is None or price < found[0]:
            found = price, place
    assert found is not None, "no place was offered"
    return found


_price = itemgetter(Place._fields.index("price"))


def beside(
    pen: Pen,
    part: Symbol,
    text: str,
    crowd: Sequence[Box],
    sides: Sequence[float] = (1.0, -1.0),
    toll: Toll | None = None,
) -> tuple[float, Place]:
    """The best place of a part's label and its price: on one of `sides` of its middle or slid a little, long labels also in two rows.

    Where it would cover something there, farther along, farther out or in smaller type.
    """
    halves = _halves(text)
    places = _beside(pen, part, (typeset(pen.style, text),), 0.0, sides, _USUAL)
    if halves is not None:
        # One row is usual over a level part, two beside an upright one, as there is room.
        places += _beside(pen, part, _two_rows(pen.style, halves), 3.0 if part.frame.level else -0.5, sides, (0.0,))
    found = cheapest(pen, places, crowd, toll)
    for price, scale, two_rows, farther in _MAKESHIFTS:
        if found[0] <= max(price, ENOUGH):
            break
        if two_rows and halves is None:
            continue
        rows = _two_rows(pen.style, halves, scale) if two_rows and halves else (typeset(pen.style, text, scale),)
        places = _beside(pen, part, rows, price, sides, _ANYWHERE, farther)
        found = min(found, cheapest(pen, places, crowd, toll), key=itemgetter(0))
    return found


def _halves(text: str) -> tuple[str, str] | None:
    """A name and what stands behind it, a value or what rules a source; None for a name or a value alone."""
    first, _, rest = text.partition(" ")
    return (first, rest) if rest and first[0].isalpha() else None


def _two_rows(style: Style, halves: tuple[str, str], scale: float = 1.0) -> Rows:
    return typeset(style, halves[0], scale), typeset(style, halves[1], scale)


def _beside(
    pen: Pen,
    part: Symbol,
    rows: Rows,
    price: float,
    sides: Sequence[float],
    slides: Sequence[float],
    farther: float = 0.0,
) -> list[Place]:
    level, (mx, my) = part.frame.level, part.frame.middle
    places = []
    for side in sides:
        across = side * (part.breadth + (_GAP + farther) * pen.unit)
        x, y = part.frame.at(0.0, across)
        anchor = ("mb" if y < my else "mt") if level else ("lm" if x > mx else "rm")
        habit = ((y < my) if level else (x > mx)) == pen.style.label_above
        base = price if habit else price + 1.0
        for slide in slides:
            # A label far from the middle of its part can be taken for that of another.
            strange = abs(slide) / 4 if abs(slide) <= 6 else abs(slide) - 3
            places.append(Place(rows, part.frame.at(slide * pen.unit, across), anchor, base + strange, side))
    return places


def name_between(pen: Pen, part: Symbol, text: str, side: float) -> list[Place]:
    """Places of a voltage's name: between its signs, on one side of the part."""
    return [
        place
        for scale, price in ((0.9, 0.0), (_SMALL, 2.0))
        for farther in (0.0, 4.0)
        for place in _beside(
            pen, part, (typeset(pen.style, text, scale),), price + farther, (side,), (0.0, -4.0, 4.0), farther
        )
    ]


def at_spots(pen: Pen, spots: Sequence[tuple[Spot, str]], text: str) -> list[Place]:
    """Places at given points and anchors, the first the best; names with a value also in two rows."""
    blocks: list[tuple[Rows, float]] = [((typeset(pen.style, text),), 0.0), ((typeset(pen.style, text, _SMALL),), 8.0)]
    if (halves := _halves(text)) is not None:
        blocks += [(_two_rows(pen.style, halves, scale), price) for scale, price in ((1.0, 0.5), (_SMALL, 8.5))]
    return [
        Place(rows, where, anchor, order + price)
        for rows, price in blocks
        for order, (where, anchor) in enumerate(spots)
    ]


def around(pen: Pen, centre: Spot, text: str, gap: float, prices: dict[str, float], scale: float = 1.0) -> list[Place]:
    """Places round a point, `gap` units from it: prices by anchor; "lm" stands right of it, "mb" above, "lb" right above."""
    rows, reach = (typeset(pen.style, text, scale),), gap * pen.unit
    across, down = {"l": reach, "m": 0.0, "r": -reach}, {"t": reach, "m": 0.0, "b": -reach - pen.extent(rows[0])[2]}
    return [
        Place(rows, (centre[0] + across[anchor[0]], centre[1] + down[anchor[1]]), anchor, price)
        for anchor, price in prices.items()
    ]
