"""COCO: one JSON file with the boxes of all pictures, and a folder of pictures.

    {"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
     "annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}]}

The JSON is held in memory (a million boxes take about a gigabyte while it is read); pictures are read one at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from diagramlens.records import Diagram
from diagramlens.sources.boxes import BoxedPicture, LabelledBox, boxed_diagram, numbers_of
from diagramlens.sources.documents import read_json
from diagramlens.sources.files import folder_of, named_file, natural, printable, read_picture_file
from diagramlens.sources.ledger import Imported, ItemError, Ledger, SourceError, collect

LISTS = ("images", "annotations", "categories")
MAX_JSON_BYTES = 512 * 1024 * 1024


def read_coco(
    document: Path, images: Path, *, name: str, domain: str = "circuits", ask_counts: bool, max_bad_fraction: float
) -> Imported:
    """Read a COCO file and its pictures in the order of their names. Raises SourceError where the file itself is none of COCO."""
    folder_of(images, "the folder of the pictures that the COCO file names")
    try:
        content = read_json(document, "images, annotations and categories", MAX_JSON_BYTES, root=None)
    except ItemError as why:
        raise SourceError(f"{document}: {why}") from None
    missing = [key for key in LISTS if not isinstance(content.get(key), list)]
    if missing:
        raise SourceError(f"{document}: no COCO file: it has no list of {' and of '.join(missing)}")
    pictures = sorted(
        (entry for entry in content["images"] if isinstance(entry, dict)), key=lambda entry: natural(_path_of(entry))
    )
    ledger = Ledger(items=len(pictures))
    boxes = _boxes_by_picture(content, ledger)
    about: dict[str, Any] = {"name": name, "domain": domain, "ask_counts": ask_counts, "ledger": ledger}
    read = partial(_diagram, seen=set(), images=images, boxes=boxes, **about)
    return collect(pictures, read, _path_of, ledger, max_bad_fraction)


def _path_of(entry: Mapping[str, Any]) -> str:
    return printable(str(entry.get("file_name", "")))


def _boxes_by_picture(content: Mapping[str, Any], ledger: Ledger) -> Mapping[str, list[LabelledBox]]:
    """The boxes of each picture by its id (as text: ids are numbers, or texts, or both)."""
    labels = {
        str(entry.get("id")): entry["name"]
        for entry in content["categories"]
        if isinstance(entry, dict) and isinstance(entry.get("name"), str)
    }
    known = {str(entry.get("id")) for entry in content["images"] if isinstance(entry, dict)}
    boxes: dict[str, list[LabelledBox]] = defaultdict(list)
    for number, entry in enumerate(content["annotations"]):
        where = f"annotation {number}"
        if not isinstance(entry, dict) or str(entry.get("image_id")) not in known:
            ledger.put_object_aside(where, "box of no picture", str(entry)[:60])
            continue
        label = labels.get(str(entry.get("category_id")))
        if label is None:
            ledger.put_object_aside(where, "box without a label", f"category {str(entry.get('category_id'))[:20]}")
            continue
        try:
            x, y, width, height = numbers_of(entry.get("bbox"), 4)
        except ItemError as why:
            ledger.put_object_aside(where, why.reason, why.detail)
            continue
        boxes[str(entry["image_id"])].append(LabelledBox(label, (x, y, x + width, y + height)))
    return boxes


def _diagram(
    entry: Mapping[str, Any],
    *,
    seen: set[str],
    images: Path,
    boxes: Mapping[str, list[LabelledBox]],
    name: str,
    domain: str,
    ask_counts: bool,
    ledger: Ledger,
) -> Diagram:
    if not isinstance(entry.get("file_name"), str) or not entry["file_name"]:
        raise ItemError("no picture", f"an image entry without file_name: {str(dict(entry))[:60]}")
    if entry["file_name"] in seen:
        # Two rows of one id would be one to everything after this.
        raise ItemError("picture is repeated", f"{_path_of(entry)}: a second image entry names it", damage=False)
    seen.add(entry["file_name"])
    size = (entry.get("width"), entry.get("height"))
    found = BoxedPicture(
        path=_path_of(entry),
        picture=read_picture_file(named_file(images, entry["file_name"], images), images),
        boxes=tuple(boxes.get(str(entry.get("id")), ())),
        stated_size=None if None in size else size,
    )
    return boxed_diagram(found, name=name, domain=domain, ask_counts=ask_counts, ledger=ledger)
