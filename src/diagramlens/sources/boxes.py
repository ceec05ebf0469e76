"""Boxes that people drew around the symbols of foreign pictures, as objects of a diagram.

Kinds take this project's names where the label says plainly what the symbol is, and keep the label otherwise (vocabulary.py).
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from diagramlens.records import Diagram
from diagramlens.sources.counting import COUNTED, count_questions, doubts_about
from diagramlens.sources.ledger import IMPORTED_STYLE, NO_LEVEL, ItemError, Ledger
from diagramlens.sources.pictures import Picture
from diagramlens.sources.vocabulary import Symbol, symbol_of

MAX_LABEL = 80
CELL = 4  # pixels; boxes whose corners are half as far apart are around one thing


@dataclass(frozen=True)
class LabelledBox:
    """What somebody marked in a picture: a label, and two opposite corners in pixels, in any order."""

    label: str
    corners: tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Unboxed:
    """What somebody marked in a picture that has no usable box, with its label as far as it can be read, and why."""

    label: str
    why: ItemError


@dataclass(frozen=True)
class BoxedPicture:
    """A picture with what is marked in it; `path` identifies it within the data set, `stated_size` is what the boxes were drawn for, if
    known, and `looked_for` are the kinds of parts that would have been marked if there were any.
    """

    path: str
    picture: Picture
    marked: tuple[LabelledBox | Unboxed, ...]
    stated_size: tuple[object, object] | None = None
    looked_for: Collection[str] = tuple(COUNTED)


def boxed_diagram(found: BoxedPicture, *, name: str, domain: str, ask_counts: bool, ledger: Ledger) -> Diagram:
    """The row of a picture without a netlist; its group is the hash of its pixels. Raises ItemError where nothing in it is marked.

    `ask_counts` adds questions of the kind `count` (counting.py). Boxes that are no boxes are counted and left out.
    """
    picture = found.picture
    # Tables make 120.0 of 120, and some programs write it as a text.
    stated, real = (
        "×".join(str(side).removesuffix(".0") for side in size)
        for size in (found.stated_size or picture.size, picture.size)
    )
    if stated != real:
        raise ItemError("boxes are for another size", f"drawn for {stated} pixels, the picture has {real}")
    objects, symbols, lost = _objects(found, ledger)
    if not objects:
        raise ItemError("no boxes", "nothing in the picture is marked", damage=False)
    identity = f"{name}-{hashlib.blake2b(found.path.encode(), digest_size=8).hexdigest()}"
    questions = []
    if ask_counts:
        doubts = doubts_about(symbols, lost, _disputed(objects, symbols))
        ledger.withhold_counts(found.path, {doubt.reason: doubt.label for doubt in doubts})
        questions = count_questions(identity, symbols, doubts, found.looked_for)
    ledger.questions.update(str(question["kind"]) for question in questions)
    ledger.objects.update(symbol.kind for symbol in symbols)
    diagram = Diagram(
        id=identity,
        group=picture.digest,
        domain=domain,
        level=NO_LEVEL,
        style=IMPORTED_STYLE,
        image=picture.png,
        truth="",
        objects=json.dumps(objects, ensure_ascii=False),
        source=f"{name}/{found.path}",
        questions=json.dumps(questions, ensure_ascii=False, sort_keys=True),
    )
    ledger.take(diagram, "pictures", picture.digest)
    return diagram


def _objects(found: BoxedPicture, ledger: Ledger) -> tuple[list[dict[str, object]], list[Symbol], list[Symbol]]:
    """The boxes as `{"name", "kind", "box", "description"}` in their order, their symbols, and those of what is set aside."""
    objects: list[dict[str, object]] = []
    symbols: list[Symbol] = []
    lost: list[Symbol] = []
    numbers: Counter[str] = Counter()
    seen: set[tuple[str, tuple[int, ...]]] = set()
    for marked in found.marked:
        label = " ".join(marked.label.split())
        symbol = symbol_of(label[:MAX_LABEL])
        try:
            box = _box(marked, label, found.picture.size)
            if (label, tuple(box)) in seen:
                raise ItemError("box is repeated", f"{label}: {box} is marked twice")
        except ItemError as why:
            ledger.put_object_aside(found.path, why.reason, why.detail)
            lost.append(symbol)
            continue
        seen.add((label, tuple(box)))
        numbers[label] += 1
        described = {"description": symbol.english, "description_zh": symbol.chinese}
        objects.append({"name": f"{label} {numbers[label]}", "box": box, "kind": symbol.kind, **described})
        symbols.append(symbol)
    return objects, symbols, lost


def _disputed(objects: Sequence[Mapping[str, Any]], symbols: Sequence[Symbol]) -> list[Symbol]:
    """The symbols whose boxes are the same but for some pixels: of CI2N's pictures, one in forty has a symbol with two labels."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for number, found in enumerate(objects):
        # Corners at most half a cell apart share a cell of one of two grids, whose cells are half a cell apart.
        for shifts in product((0, CELL // 2), repeat=4):
            cells = ((side + shift) // CELL for side, shift in zip(found["box"], shifts, strict=True))
            places[(*shifts, *cells)].append(number)
    shared = {number for numbers in places.values() if len(numbers) > 1 for number in numbers}
    return [symbols[number] for number in sorted(shared)]


def _box(marked: LabelledBox | Unboxed, label: str, size: tuple[int, int]) -> list[int]:
    """The box in whole pixels, cut at the edges of the picture. Raises ItemError."""
    if isinstance(marked, Unboxed):
        raise marked.why
    if not 0 < len(label) <= MAX_LABEL:
        raise ItemError("box without a label", f"a label has 1 to {MAX_LABEL} characters")
    if not all(math.isfinite(value) for value in marked.corners):
        raise ItemError("box is none", f"{label}: its corners are {marked.corners}")
    (x0, x1), (y0, y1) = sorted(marked.corners[0::2]), sorted(marked.corners[1::2])
    box = [max(0, math.floor(x0)), max(0, math.floor(y0)), min(size[0], math.ceil(x1)), min(size[1], math.ceil(y1))]
    if box[0] >= box[2] or box[1] >= box[3]:
        raise ItemError("box is none", f"{label}: {marked.corners} has no area in the picture")
    return box


def numbers_of(values: object, count: int) -> tuple[float, ...]:
    """Exactly `count` finite numbers of a JSON list. Raises ItemError: a truth value or a text is none."""
    if (
        not isinstance(values, list)
        or len(values) != count
        or any(isinstance(value, bool) or not isinstance(value, int | float) for value in values)
    ):
        raise ItemError("box is none", f"{str(values)[:60]} is no list of {count} numbers")
    try:
        numbers = tuple(float(value) for value in values)
    except OverflowError:
        numbers = (math.inf,)
    if not all(map(math.isfinite, numbers)):
        raise ItemError("box is none", f"{str(values)[:60]} is beyond all pictures")
    return numbers
