"""Where everything stands beside the parts of a picture that is read by places: where values are printed, or many marks.

A value is longer than a name and names nothing: its place alone tells whose it is. So it must stand nearer to its own symbol than to
another of the same kind, and no + or - may touch it. Here all signs and arrows find their places first, then the labels; what found no
good one looks again when all the others stand. Of 500 circuits of resistors with values at a pitch of 72 14 % of the values once stood
nearer to another resistor, and none does now. Pictures of names alone, on which the embedded model was pretrained, are drawn part by
part in `draw`, which is enough for names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import NamedTuple

from diagramlens.domains.circuits.labels import (
    ENOUGH,
    Found,
    Place,
    Strip,
    Toll,
    beside,
    cheapest,
    kept,
    name_between,
    usual_box,
)
from diagramlens.domains.circuits.pen import Pen, covered, meeting
from diagramlens.domains.circuits.scene import Box, Scene
from diagramlens.domains.circuits.signs import (
    Signs,
    arrow_box,
    beside_lead,
    leads_for_arrow,
    other_signs,
    printed_mark,
    sign_boxes,
    usual_signs,
)
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.symbols import Symbol

_NEARBY = 70  # units round a symbol within which its labels can come to stand
_ROUNDS = 2  # how often everything is placed
# Units by which what stands beside a part is to be nearer to it than to a part of the same kind, and than to any other; the price of
# each unit that lacks, and of being nearer to one of the same kind.
_CLEAR, _CLEAR_OF_OTHERS = 5.0, 2.5
_STRANGE, _MISLEADING = 4.0, 40.0
_SMALLEST_TYPE = 0.7  # in terms of the style's
_ROUNDING = 1e-6  # more than the sum of some prices can be off
_AIR = 1.0  # units round a sign that are to be free

Finder = Callable[[Sequence[Box]], Found]


class Beside(NamedTuple):
    """What stands beside a part: its label, the signs of its voltage and their name, where along it its arrow is and the arrow's name."""

    label: Place
    signs: Signs | None
    voltage: Place | None
    arrow: float | None
    current: Place | None


class _Marks(NamedTuple):
    """Where the signs and the arrow of a part stand, and the boxes that they take."""

    signs: Signs | None
    arrow: float | None
    boxes: tuple[Box, ...]
    price: float


def read_by_place(scene: Scene) -> bool:
    """Whether labels and marks must be told apart by their places: where values are printed, or more is marked than outputs."""
    valued = any(part.label for part in scene.segments)
    arrows = any(part.current and not printed_mark(part.current) for part in scene.segments)
    signs = sum(bool(part.voltage) and not printed_mark(part.voltage) for part in scene.segments)
    outputs = 2 if any(device.kind != "opamp" for device in scene.devices) else 1  # of a differential pair
    return valued or arrows or signs > outputs


def type_for(style: Style, unit: float) -> Style:
    """The style with type that hardly grows with the pitch: the room of a larger picture is what keeps its labels apart."""
    return replace(style, type_size=style.type_size * max(_SMALLEST_TYPE, min(1.0, 1.0 / unit)))


def arranged(
    pen: Pen, parts: Sequence[Symbol], others: Sequence[Sequence[Strip]], crowd: Sequence[Box]
) -> tuple[list[Beside], list[Place]]:
    """The places of all that stands beside the parts, and the best of each of the `others`' strips. `crowd` is what is drawn already."""
    tolls = [_toll(pen, part, parts) for part in parts]
    marks = _marks(pen, parts, tolls, crowd)
    # Names of voltages and currents first, as they have the fewest places.
    finders: list[tuple[Finder, Box]] = []
    for part, mark in zip(parts, marks, strict=True):
        finders += [(find, part.box) for find in _names_of_marks(pen, part, mark)]
    named = len(finders)
    finders += [(_label_of(pen, part, toll), part.box) for part, toll in zip(parts, tolls, strict=True)]
    finders += [(_best_of(pen, strips), kept(pen, usual_box(pen, strips[0]))) for strips in others]
    places = _settled(pen, finders, [*crowd, *(box for mark in marks for box in mark.boxes)])
    names, labels = iter(places[:named]), iter(places[named:])
    found = []
    for part, mark in zip(parts, marks, strict=True):
        voltage = next(names) if printed_mark(part.segment.voltage) else None
        current = next(names) if printed_mark(part.segment.current) else None
        found.append(Beside(next(labels), mark.signs, voltage, mark.arrow, current))
    return found, list(labels)


def _names_of_marks(pen: Pen, part: Symbol, mark: _Marks) -> Iterator[Finder]:
    """Of the name of a part's voltage, then of its current's, where they are printed."""
    if mark.signs is not None and (voltage := printed_mark(part.segment.voltage)):
        yield _best_of(pen, name_between(pen, part, voltage, mark.signs.side))
    if mark.arrow is not None and (current := printed_mark(part.segment.current)):
        yield _best_of(pen, beside_lead(pen, part, mark.arrow, current))


def _label_of(pen: Pen, part: Symbol, toll: Toll) -> Finder:
    return lambda crowd: beside(pen, part, part.segment.printed, crowd, toll=toll)


def _best_of(pen: Pen, strips: Sequence[Strip]) -> Finder:
    return lambda crowd: cheapest(pen, strips, crowd)


def _settled(pen: Pen, finders: Sequence[tuple[Finder, Box]], crowd: Sequence[Box]) -> list[Place]:
    """A place for each: the best beside the crowd and the others' places; what found no good one looks again when all stand."""
    found: dict[int, Found] = {}
    for _ in range(_ROUNDS):
        for index, (find, centre) in enumerate(finders):
            if index in found and found[index].price <= ENOUGH:  # those that came later kept clear of it
                continue
            rest = [other.box for number, other in found.items() if number != index]
            found[index] = find(nearby(pen, centre, [*crowd, *rest]))
    return [found[index].place for index in range(len(finders))]


def _marks(pen: Pen, parts: Sequence[Symbol], tolls: Sequence[Toll], crowd: Sequence[Box]) -> list[_Marks]:
    """Where the signs and arrows of all parts stand: clear of what is drawn and of each other, and where a label has room beside them."""
    found = [_Marks(None, None, (), math.inf)] * len(parts)
    for _ in range(_ROUNDS):
        for index, part in enumerate(parts):
            if found[index].price <= ENOUGH or not (part.segment.voltage or part.segment.current):
                continue
            rest = [box for other, mark in enumerate(found) if other != index for box in mark.boxes]
            near = nearby(pen, part.box, [*crowd, *rest])
            found[index] = _best_marks(pen, part, tolls[index], near)
    return found


def _best_marks(pen: Pen, part: Symbol, toll: Toll, near: Sequence[Box]) -> _Marks:
    """Of each side the best signs and arrow; of both sides the one that leaves the better place to the part's label."""
    best: _Marks | None = None
    for side in (1.0, -1.0):
        mark = _signs_and_arrow(pen, part, side, toll, near)
        taken, price = [*near, *mark.boxes], mark.price
        for find in _names_of_marks(pen, part, mark):
            name = find(taken)
            taken.append(name.box)
            price += name.price
        # A place that makes this side the dearer need not be found.
        limit = best.price - price + _ROUNDING if best is not None else math.inf
        price += beside(pen, part, part.segment.printed, taken, toll=toll, limit=limit).price
        if best is None or price < best.price:
            best = mark._replace(price=price)
    assert best is not None
    return best


def _signs_and_arrow(pen: Pen, part: Symbol, side: float, toll: Toll, near: Sequence[Box]) -> _Marks:
    """Signs on a side and an arrow where they touch the least, with the price of that."""
    signs: list[Signs | None] = [None]
    arrows: list[float | None] = [None]
    if part.segment.voltage:
        signs = [usual_signs(pen, part, side), *other_signs(pen, part, side)]
    if part.segment.current:
        arrows = [*leads_for_arrow(pen, part)]
    best = _Marks(None, None, (), math.inf)
    for (order, sign), arrow in product(enumerate(signs), arrows):
        if order >= best.price:  # the unusual costs that much wherever it stands
            break
        boxes = sign_boxes(pen, part, sign) if sign is not None else []
        heads = [arrow_box(pen, part, arrow)] if arrow is not None else []
        grown = [_grown(box, _AIR * pen.unit) for box in boxes]
        price = sum(covered(box, [*near, *heads]) for box in grown)
        price += sum(covered(head, near) for head in heads) + sum(toll(box) for box in boxes)
        if price + order < best.price:
            best = _Marks(sign, arrow, (*boxes, *heads), price + order)
    return best


def _grown(box: Box, air: float) -> Box:
    more = math.ceil(air)
    left, top, right, bottom = box
    return left - more, top - more, right + more, bottom + more


def _toll(pen: Pen, part: Symbol, parts: Sequence[Symbol]) -> Toll:
    """What a box beside a part costs for being too near to another part."""
    rest = [(other.segment.kind == part.segment.kind, other.box) for other in parts if other is not part]
    boxes = [other for _, other in rest]
    clear, clear_of_others = _CLEAR * pen.unit, _CLEAR_OF_OTHERS * pen.unit

    def toll(box: Box) -> float:
        own = distance(box, part.box)
        if not meeting(_grown(box, own + clear), boxes):  # nearly always
            return 0.0
        short = own + clear - min((distance(box, other) for alike, other in rest if alike), default=math.inf)
        price = _MISLEADING if short >= clear else 0.0
        other = (
            own + clear_of_others - min((distance(box, other) for alike, other in rest if not alike), default=math.inf)
        )
        return price + _STRANGE * max(0.0, short, other) / pen.unit

    return toll


def distance(first: Box, second: Box) -> float:
    """The pixels between two boxes, 0 where they meet."""
    # Comparisons instead of max(): this is called for every place of a label and every other part.
    across = first[0] - second[2] if first[0] > second[2] else second[0] - first[2] if second[0] > first[2] else 0
    along = first[1] - second[3] if first[1] > second[3] else second[1] - first[3] if second[1] > first[3] else 0
    return math.hypot(across, along) if across and along else float(across or along)


def nearby(pen: Pen, box: Box, crowd: Sequence[Box]) -> list[Box]:
    """The boxes of the crowd that a label of what fills `box` could come upon."""
    return meeting(_grown(box, round(_NEARBY * pen.unit)), crowd)
