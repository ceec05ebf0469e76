"""COCO: one JSON file with the boxes of all pictures, and a folder of pictures.

    {"images": [{"id", "file_name", "width", "height"}], "categories": [{"id", "name"}],
     "annotations": [{"image_id", "category_id", "bbox": [x, y, width, height]}]}

The JSON is held in memory (a million boxes take about a gigabyte while it is read); pictures are read one at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from diagramlens.records import Diagram
from diagramlens.sources.boxes import BoxedPicture, LabelledBox, Unboxed, boxed_diagram, numbers_of
from diagramlens.sources.documents import read_json
from diagramlens.sources.files import folder_of, named_file, natural, printable, read_picture_file
from diagramlens.sources.ledger import Imported, ItemError, Ledger, SourceError, collect
from diagramlens.sources.vocabulary import symbol_of

LISTS = ("images", "annotations", "categories")
MAX_JSON_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True)
class _Document:
    """What is `marked` under the id of a picture, the file `names` under an id, and the `entries` that lead to a file.

    `looked_for` are the kinds of parts that have a category.
    """

    marked: Mapping[str, list[LabelledBox | Unboxed]]
    names: Mapping[str, set[str]]
    entries: Mapping[Path, list[Mapping[str, Any]]]
    looked_for: frozenset[str]

    def marked_in(self, file: Path) -> tuple[LabelledBox | Unboxed, ...]:
        """What is marked in a picture, by all entries that name it. Raises ItemError where nobody can tell whose the boxes are."""
        names = sorted({entry["file_name"] for entry in self.entries[file]})
        ids = dict.fromkeys(_id(entry.get("id")) for entry in self.entries[file])
        if len(names) > 1:
            raise ItemError(
                "file stands for several pictures", f"{printable(' and '.join(names[:2]))[:120]} lead to it"
            )
        for identity in ids:
            if len(self.names[identity]) > 1:
                raise ItemError("picture id is repeated", f"{identity[:20]} is the id of other pictures too")
        return tuple(marked for identity in ids for marked in self.marked.get(identity, ()))


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
    about: dict[str, Any] = {"name": name, "domain": domain, "ask_counts": ask_counts, "ledger": ledger}
    read = partial(_diagram, seen=set(), images=images, document=_document(content, pictures, images, ledger), **about)
    return collect(pictures, read, _path_of, ledger, max_bad_fraction)


def _path_of(entry: Mapping[str, Any]) -> str:
    return printable(str(entry.get("file_name", "")))


def _id(value: object) -> str:
    """An id as text: ids are numbers, or texts, or both, and tables make 7.0 of 7."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _document(
    content: Mapping[str, Any], pictures: Iterable[Mapping[str, Any]], images: Path, ledger: Ledger
) -> _Document:
    ids = {_id(entry.get("id")) for entry in pictures}
    names: dict[str, set[str]] = defaultdict(set)
    entries: dict[Path, list[Mapping[str, Any]]] = defaultdict(list)
    for entry in pictures:
        try:
            entries[_file(entry, images)].append(entry)
            names[_id(entry.get("id"))].add(entry["file_name"])
        except ItemError:
            continue  # told when the entry is read
    labels = _labels(content["categories"])
    marked: dict[str, list[LabelledBox | Unboxed]] = defaultdict(list)
    for number, annotation in enumerate(content["annotations"]):
        picture = _id(annotation.get("image_id")) if isinstance(annotation, dict) else None
        if picture in ids:
            marked[picture].append(_marked(annotation, labels, f"annotation {number}"))
        else:
            ledger.put_object_aside(f"annotation {number}", "box of no picture", str(annotation)[:60])
    symbols = [symbol_of(" ".join(label.split())) for label in labels.values()]
    looked_for = frozenset(kind for symbol in symbols if symbol.certain for kind in symbol.counts)
    return _Document(marked, names, entries, looked_for)


def _labels(categories: Iterable[Any]) -> dict[str, str]:
    """The label of each category by its id, but for ids that two categories share under different names."""
    labels: dict[str, set[str]] = defaultdict(set)
    for entry in categories:
        if isinstance(entry, dict) and isinstance(entry.get("name"), str):
            labels[_id(entry.get("id"))].add(entry["name"])
    return {identity: names.pop() for identity, names in labels.items() if len(names) == 1}


def _marked(annotation: Mapping[str, Any], labels: Mapping[str, str], where: str) -> LabelledBox | Unboxed:
    category = _id(annotation.get("category_id"))
    if category not in labels:
        return Unboxed("", ItemError("box without a label", f"{where}: category {category[:20]}"))
    label = labels[category]
    if annotation.get("iscrowd") or annotation.get("ignore"):
        return Unboxed(label, ItemError("box around several", f"{where}: {label[:40]}: a crowd"))
    try:
        x, y, width, height = numbers_of(annotation.get("bbox"), 4)
    except ItemError as why:
        return Unboxed(label, ItemError(why.reason, f"{where}: {why.detail}"))
    return LabelledBox(label, (x, y, x + width, y + height))


def _file(entry: Mapping[str, Any], images: Path) -> Path:
    """The picture's file. Raises ItemError."""
    if not isinstance(entry.get("file_name"), str) or not entry["file_name"]:
        raise ItemError("no picture", f"an image entry without file_name: {str(dict(entry))[:60]}")
    return named_file(images, entry["file_name"], images)


def _diagram(
    entry: Mapping[str, Any],
    *,
    seen: set[Path],
    images: Path,
    document: _Document,
    name: str,
    domain: str,
    ask_counts: bool,
    ledger: Ledger,
) -> Diagram:
    file = _file(entry, images)
    marked = document.marked_in(file)
    if file in seen:
        # Two rows of one id would be one to everything after this.
        raise ItemError("picture is repeated", f"{_path_of(entry)}: a second image entry names it", damage=False)
    seen.add(file)
    size = (entry.get("width"), entry.get("height"))
    found = BoxedPicture(
        path=_path_of(entry),
        picture=read_picture_file(file, images),
        marked=marked,
        stated_size=None if None in size else size,
        looked_for=document.looked_for,
    )
    return boxed_diagram(found, name=name, domain=domain, ask_counts=ask_counts, ledger=ledger)
