"""Where labels stand: beside their symbol, where they cover nothing and stay in the picture.

A label is tried at a list of places, each with a price: what it would cover and how far it would leave the picture, and how unusual the
place is. The cheapest wins. Where the usual places of a name are all taken, further ones are tried: along the lead, farther out, in
smaller type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import ceil, floor, inf
from operator import itemgetter
from typing import NamedTuple

from diagramlens.domains.circuits.pen import DOWNWARDS, LEFTWARDS, Pen, Run, Spot, covered, meeting
from diagramlens.domains.circuits.scene import Box
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.symbols import Symbol

Rows = tuple[tuple[Run, ...], ...]
Toll = Callable[[Box], float]
Slides = Sequence[tuple[float, float]]  # how far along a part, in units, and what that costs

_ROW = 1.22  # from row to row, in type sizes
_GAP = 3.0  # between a symbol and its label, in units
_SMALL, _SMALLEST = 0.82, 0.7
# How far along its part a label may stand, in units, and the price of it: far from the middle it can be taken for that of another.
_MIDDLE = ((0.0, 0.0),)
_USUAL = (*_MIDDLE, (-6.0, 1.5), (6.0, 1.5))
_ANYWHERE = (*_USUAL, (-12.0, 9.0), (12.0, 9.0), (-18.0, 15.0), (18.0, 15.0))
_BETWEEN_SIGNS = (*_MIDDLE, (-4.0, 1.0), (4.0, 1.0))
ENOUGH = 6.0  # a place that costs more than this covers something
# Price, scale, whether in two rows, how much farther out: what is tried for a label that finds no room, the most usual first.
_MAKESHIFTS = sorted(
    (price + (1.0 if two_rows else 0.0) + 1.5 * farther, scale, two_rows, farther)
    for scale, price in ((1.0, 4.0), (_SMALL, 8.0), (_SMALLEST, 16.0))
    for two_rows in (False, True)
    for farther in (0.0, 5.0, 10.0)
)


class Block(NamedTuple):
    """Rows of text, measured, and how they hang at a point.

    Of each row `lines` has how far below and how far left of the point it starts, how far under that its baseline is, and its extent.
    """

    rows: Rows
    lines: tuple[tuple[float, float, float, float, float, float], ...]

    def box(self, where: Spot) -> Box:
        """The box that it would fill at a point."""
        x, y = where
        boxes = []
        for below, leftwards, downwards, width, height, depth in self.lines:
            left, baseline = x - leftwards, y + below + downwards
            boxes.append((floor(left), floor(baseline - height), ceil(left + width), ceil(baseline + depth)))
        return boxes[0] if len(boxes) == 1 else _around(boxes)


class Place(NamedTuple):
    """A block of text at a point, and what is unusual about it. `side` is +1 or -1, `across` a part; 0 for other labels."""

    block: Block
    where: Spot
    price: float
    side: float


class Found(NamedTuple):
    """A place, what it costs in all, and the box that `write` fills there."""

    price: float
    place: Place
    box: Box


class Strip(NamedTuple):
    """Places for texts in rows: a point, or several along a part; nothing is measured before it is known that no cheaper strip is free.

    `price` is that of the best place, `slides` say how far along the others are and what they cost more, `at` which point that is.
    """

    price: float
    texts: Sequence[str]
    scale: float
    anchor: str
    at: Callable[[float], Spot]
    slides: Slides = _MIDDLE
    side: float = 0.0


def block(pen: Pen, texts: Sequence[str], scale: float, anchor: str) -> Block:
    """Texts set in rows and measured, to hang at a point by an anchor as `Pen.text` takes it."""
    rows = tuple([typeset(pen.style, text, scale) for text in texts])
    leftwards, downwards = LEFTWARDS[anchor[0]], DOWNWARDS[anchor[1]]
    step, over = rows[0][0][1] * _ROW * pen.unit, (1.0 - downwards) * (len(rows) - 1)
    lines = []
    for number, row in enumerate(rows):
        width, height, depth = pen.extent(row)
        lines.append(((number - over) * step, leftwards * width, downwards * height, width, height, depth))
    return Block(rows, tuple(lines))


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


def write(pen: Pen, place: Place) -> Box:
    """Write a label at its place, pushed back into the picture where it would leave it; returns its box."""
    (x, y), box = place.where, place.block.box(place.where)
    dx, dy = _push(pen, box)
    for (below, leftwards, downwards, *_), row in zip(place.block.lines, place.block.rows, strict=True):
        pen.row(x + dx - leftwards, y + below + dy + downwards, row)
    return _moved(box, dx, dy)


def usual_box(pen: Pen, strip: Strip) -> Box:
    """The box that the first place of a strip fills, be it partly outside the picture."""
    return block(pen, strip.texts, strip.scale, strip.anchor).box(strip.at(0.0))


def kept(pen: Pen, box: Box) -> Box:
    """A box pushed back into the picture where it leaves it."""
    return _moved(box, *_push(pen, box))


def _push(pen: Pen, box: Box) -> tuple[int, int]:
    """How far a box must move to the right and down to lie in the picture."""
    left, top, right, bottom = box
    width, height = pen.size
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return 0, 0
    return max(0, -left) - max(0, right - width), max(0, -top) - max(0, bottom - height)


def _moved(box: Box, dx: int, dy: int) -> Box:
    return (box[0] + dx, box[1] + dy, box[2] + dx, box[3] + dy) if dx or dy else box


def _around(boxes: Sequence[Box]) -> Box:
    """The smallest box around boxes."""
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)


def cheapest(
    pen: Pen, strips: Iterable[Strip], crowd: Sequence[Box], toll: Toll | None = None, best: Found | None = None
) -> Found:
    """The best place and its price: the square pixels it covers, how far it is pushed into the picture, and its own price.

    `toll` says what else the box of a place costs. `best` is what was found elsewhere and stays the best where nothing is cheaper.
    """
    found, limit = None, best.price if best is not None else inf
    for strip in sorted(strips, key=_price):
        if strip.price >= limit:
            break
        found = _cheaper(pen, strip, crowd, toll, found, limit)
        limit = found.price if found is not None else limit
    found = found or best
    assert found is not None, "no place was offered"
    return found


_price = itemgetter(Strip._fields.index("price"))


def _cheaper(
    pen: Pen, strip: Strip, crowd: Sequence[Box], toll: Toll | None, found: Found | None, limit: float
) -> Found | None:
    """The best place of a strip if it costs less than `limit`, else what was found, whose price that is.

    Of places that cost the same the one whose own price is lowest is the best.
    """
    text = block(pen, strip.texts, strip.scale, strip.anchor)
    # Mostly the first place is free, and no other has to be looked at.
    for slides in (strip.slides[:1], strip.slides[1:]):
        tried = []
        for slide, strange in slides:
            if strip.price + strange < limit:
                place = Place(text, strip.at(slide * pen.unit), strip.price + strange, strip.side)
                box = text.box(place.where)
                tried.append((place, box, *_push(pen, box)))
        if len(tried) > 1:  # little of the crowd is in the way of all of them
            crowd = meeting(_around([_moved(box, dx, dy) for _, box, dx, dy in tried]), crowd)
        for place, box, dx, dy in tried:
            box = _moved(box, dx, dy)
            price = place.price + abs(dx) + abs(dy) + covered(box, crowd)
            if price > limit:
                continue
            price += toll(box) if toll is not None else 0.0
            if price < limit or (price == limit and found is not None and place.price < found.place.price):
                found, limit = Found(price, place, box), price
    return found


def beside(
    pen: Pen,
    part: Symbol,
    text: str,
    crowd: Sequence[Box],
    sides: Sequence[float] = (1.0, -1.0),
    toll: Toll | None = None,
    limit: float = inf,
) -> Found:
    """The best place of a part's label: on one of `sides` of its middle or slid a little, long labels also in two rows.

    Where it would cover something there, farther along, farther out or in smaller type. `toll` is as in `cheapest`; nothing out of the
    usual is looked for that costs `limit` or more.
    """
    halves = _halves(text)
    strips = _beside(pen, part, (text,), 0.0, sides, _USUAL)
    if halves is not None:
        # One row is usual over a level part, two beside an upright one, as there is room.
        strips += _beside(pen, part, halves, 3.0 if part.frame.level else -0.5, sides, _MIDDLE)
    found = cheapest(pen, strips, crowd, toll)
    for price, scale, two_rows, farther in _MAKESHIFTS:
        if found.price <= max(price, ENOUGH) or price >= limit:
            break
        texts = halves if two_rows else (text,)
        if texts is not None:
            strips = _beside(pen, part, texts, price, sides, _ANYWHERE, farther, scale)
            found = cheapest(pen, strips, crowd, toll, found)
    return found


def _halves(text: str) -> tuple[str, str] | None:
    """A name and what stands behind it, a value or what rules a source; None for a name or a value alone."""
    first, _, rest = text.partition(" ")
    return (first, rest) if rest and first[0].isalpha() else None


def _beside(
    pen: Pen,
    part: Symbol,
    texts: Sequence[str],
    price: float,
    sides: Sequence[float],
    slides: Slides,
    farther: float = 0.0,
    scale: float = 1.0,
) -> list[Strip]:
    """Of each side a strip for texts in rows."""
    frame = part.frame
    level, (mx, my) = frame.level, frame.middle
    strips = []
    for side in sides:
        across = side * (part.breadth + (_GAP + farther) * pen.unit)
        x, y = frame.at(0.0, across)
        anchor = ("mb" if y < my else "mt") if level else ("lm" if x > mx else "rm")
        habit = ((y < my) if level else (x > mx)) == pen.style.label_above
        strips.append(
            Strip(price if habit else price + 1.0, texts, scale, anchor, partial(frame.at, v=across), slides, side)
        )
    return strips


def name_between(pen: Pen, part: Symbol, text: str, side: float) -> list[Strip]:
    """Places of a voltage's name: between its signs, on one side of the part."""
    return [
        strip
        for scale, price in ((0.9, 0.0), (_SMALL, 2.0))
        for farther in (0.0, 4.0)
        for strip in _beside(pen, part, (text,), price + farther, (side,), _BETWEEN_SIGNS, farther, scale)
    ]


def at_spots(spots: Sequence[tuple[Spot, str]], text: str) -> list[Strip]:
    """Places at given points and anchors, the first the best; names with a value also in two rows."""
    blocks: list[tuple[Sequence[str], float, float]] = [((text,), 1.0, 0.0), ((text,), _SMALL, 8.0)]
    if (halves := _halves(text)) is not None:
        blocks += [(halves, 1.0, 0.5), (halves, _SMALL, 8.5)]
    return [
        Strip(order + price, texts, scale, anchor, fixed(where))
        for texts, scale, price in blocks
        for order, (where, anchor) in enumerate(spots)
    ]


def around(pen: Pen, centre: Spot, text: str, gap: float, prices: dict[str, float], scale: float = 1.0) -> list[Strip]:
    """Places round a point, `gap` units from it: prices by anchor; "lm" stands right of it, "mb" above, "lb" right above."""
    row, reach = typeset(pen.style, text, scale), gap * pen.unit
    across, down = {"l": reach, "m": 0.0, "r": -reach}, {"t": reach, "m": 0.0, "b": -reach - pen.extent(row)[2]}
    return [
        Strip(price, (text,), scale, anchor, fixed((centre[0] + across[anchor[0]], centre[1] + down[anchor[1]])))
        for anchor, price in prices.items()
    ]


def fixed(where: Spot) -> Callable[[float], Spot]:
    """The `at` of a strip of one place."""
    return lambda _: where
