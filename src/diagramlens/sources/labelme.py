"""LabelMe folders: a JSON file beside each picture, in which people marked the symbols.

    1000.json   {"shapes": [{"label": "resistor", "shape_type": "rectangle", "points": [[x, y], [x, y]]}, …], "imagePath": "1000.png", …}
    1000.png

The picture is the file that `imagePath` names, else one called like the JSON file, else what the JSON carries itself (`imageData`).
Shapes of one label and one `group_id` are one object: a symbol that was marked piece by piece.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from diagramlens.records import Diagram
from diagramlens.sources.boxes import BoxedPicture, LabelledBox, Unboxed, boxed_diagram, numbers_of
from diagramlens.sources.documents import read_json
from diagramlens.sources.files import (
    OutsideError,
    files_below,
    folder_of,
    is_picture,
    is_there,
    named_file,
    not_looked_into,
    read_picture_file,
    relative,
)
from diagramlens.sources.ledger import Imported, ItemError, Ledger, SourceError, collect
from diagramlens.sources.pictures import Picture, PictureError, decode_picture

LAYOUT = "a LabelMe folder: pictures, and beside each a JSON file with `shapes`"
# Shapes that enclose what they mark: their points are corners of it, whatever their number. Of a `mask` they are those of its rectangle.
ENCLOSING = ("rectangle", "polygon", "mask", "oriented_rectangle", "rotation", "quadrilateral")
MAX_JSON_BYTES = 96 * 1024 * 1024
"""A LabelMe file may carry its picture (at most 64 MiB) in base64."""


def read_labelme(
    root: Path, *, name: str, domain: str = "circuits", ask_counts: bool, max_bad_fraction: float
) -> Imported:
    """Read a folder of LabelMe files, subfolders included, one in memory at a time, in the order of their paths.

    Raises SourceError where there is no such file; the diagrams raise it at their end when too many are damaged.
    """
    folder_of(root, LAYOUT)
    unread: dict[str, ItemError] = {}
    files = files_below(root, unread)
    documents = [path for path in files if path.suffix.lower() == ".json"]
    if not documents:
        raise SourceError(f"{root}: no JSON file in it; expected {LAYOUT}{not_looked_into(unread)}")
    ledger = Ledger(items=len(documents))
    ledger.put_folders_aside(unread)
    marked = {path.with_suffix("") for path in documents}
    for path in files:
        if is_picture(path) and path.with_suffix("") not in marked:
            ledger.note_unknown(str(relative(path, root)), "a picture without a JSON file of its name")
    read = partial(_diagram, root=root, name=name, domain=domain, ask_counts=ask_counts, ledger=ledger)
    return collect(documents, read, lambda path: str(relative(path, root)), ledger, max_bad_fraction)


def _diagram(path: Path, *, root: Path, name: str, domain: str, ask_counts: bool, ledger: Ledger) -> Diagram:
    content = read_json(path, "shapes", MAX_JSON_BYTES, root=root)
    where = str(relative(path, root))
    shapes = content.get("shapes")
    if not isinstance(shapes, list):
        raise ItemError("no LabelMe file", "expected a list of shapes under `shapes`")
    found = BoxedPicture(
        path=where,
        picture=_picture(path, content, root),
        marked=_marked(shapes),
        stated_size=_stated_size(content),
    )
    return boxed_diagram(found, name=name, domain=domain, ask_counts=ask_counts, ledger=ledger)


def _stated_size(content: Mapping[str, Any]) -> tuple[object, object] | None:
    width, height = content.get("imageWidth"), content.get("imageHeight")
    return None if width is None or height is None else (width, height)


def _marked(shapes: list[Any]) -> tuple[LabelledBox | Unboxed, ...]:
    """The shapes as boxes, those of one object as one, in the order in which the objects begin."""
    objects: dict[object, LabelledBox | Unboxed] = {}
    for number, shape in enumerate(shapes):
        try:
            box = _box(shape)
        except ItemError as why:
            label = shape.get("label") if isinstance(shape, dict) else None
            objects[number, "unboxed"] = Unboxed(label if isinstance(label, str) else "", why)
            continue
        group = shape.get("group_id")
        key = (box.label, "group", str(group)) if isinstance(group, int | str) else (number,)
        earlier = objects.get(key)
        objects[key] = box if not isinstance(earlier, LabelledBox) else _around(earlier, box)
    return tuple(objects.values())


def _around(one: LabelledBox, other: LabelledBox) -> LabelledBox:
    xs, ys = (sorted(one.corners[axis::2] + other.corners[axis::2]) for axis in (0, 1))
    return LabelledBox(one.label, (xs[0], ys[0], xs[-1], ys[-1]))


def _box(shape: Any) -> LabelledBox:
    """The box around a shape that encloses something; of a circle its centre and a point on it are given. Raises ItemError."""
    if not isinstance(shape, dict) or not isinstance(shape.get("label"), str):
        raise ItemError("box without a label", str(shape)[:60])
    points = shape.get("points")
    if not isinstance(points, list) or len(points) < 2:
        raise ItemError("box is none", f"{shape['label'][:40]}: expected at least two points")
    corners = [numbers_of(point, 2) for point in points]
    kind = shape.get("shape_type") or "rectangle"
    if kind == "circle":
        (x, y), radius = corners[0], math.dist(corners[0], corners[1])
        return LabelledBox(shape["label"], (x - radius, y - radius, x + radius, y + radius))
    if kind not in ENCLOSING:
        raise ItemError("shape has no box", f"{shape['label'][:40]}: {str(kind)[:20]}")
    xs, ys = zip(*corners, strict=True)
    return LabelledBox(shape["label"], (min(xs), min(ys), max(xs), max(ys)))


def _picture(path: Path, content: Mapping[str, Any], root: Path) -> Picture:
    named = content.get("imagePath")
    escape: ItemError | None = None
    if isinstance(named, str) and named:
        try:
            candidate = named_file(root, named, path.parent)
        except OutsideError as why:
            # LabelMe writes where the picture lay on the machine of whoever marked it; it may lie beside the JSON file now.
            escape = why
        else:
            if is_there(candidate):
                return read_picture_file(candidate, root)
    beside = [file for file in sorted(path.parent.glob(f"{_literally(path.stem)}.*")) if is_picture(file)]
    if beside:
        return read_picture_file(beside[0], root)
    carried = content.get("imageData")
    if isinstance(carried, str) and carried:
        return _carried(carried)
    raise escape or ItemError("no picture", f"{str(named)[:60]} is not there, and the JSON file carries none")


def _literally(stem: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in stem)


def _carried(data: str) -> Picture:
    try:
        return decode_picture(base64.b64decode(data, validate=True))
    except binascii.Error as error:
        raise ItemError("picture is damaged", f"imageData is no base64: {error}") from None
    except PictureError as error:
        raise ItemError(
            "picture too large" if error.too_large else "picture is damaged", f"imageData: {error}"
        ) from None
