"""CircuitSense (arXiv 2509.22339) as rows: a tree of small files in, one Diagram an item out.

The tree holds one folder a question and several questions share a circuit, so equal pictures come as several rows; they share a group.

    Analysis/synthetic/level{0,1,2,4}/q<N>/q<N>_{question,ta,netlist}.txt, q<N>_image.png     numbers have gaps
    Analysis/synthetic/level5_bd/…      block diagrams: no netlist, _ta_exact or _ta, the picture may be .svg alone
    Analysis/curated/level*/<folder>/q<N>_{question,a,mc,category,ta,der}.txt                 _a is the gold, _mc the choices
    Perception/…, Design/…              read by the same file names, whatever the folders are called
    …/level5_bd/q<N>_image.svg          drawn here (sources/svg.py) where there is no PNG beside it

Polarity: "from V1 to R1" asks for the voltage across R1, positive at the node that the netlist names first. The netlists are written
for lcapy, which draws a current source's current out of its first node; the rows carry the SPICE sense of this project.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from diagramlens.records import Diagram
from diagramlens.sources.files import (
    folder_of,
    folders_below,
    natural,
    not_looked_into,
    printable,
    read_picture_file,
    read_text,
    relative,
    some_of,
)
from diagramlens.sources.ledger import (
    IMPORTED_STYLE,
    NO_LEVEL,
    Imported,
    ItemError,
    Ledger,
    SourceError,
    collect,
)
from diagramlens.sources.pictures import DRAWN_SUFFIX, SUFFIXES, Picture
from diagramlens.sources.questions import count_question, read_question
from diagramlens.sources.truths import Truth, read_truth_file

PARTS = ("Analysis", "Perception", "Design")
LAYOUT = "folders Analysis, Perception or Design in it, with items such as Analysis/synthetic/level0/q1/q1_question.txt"

# The first that an item has is its gold: the exact answer of a block diagram, a curated item's, …; a synthetic item has `ta` alone.
ANSWERS = ("ta_exact", "a", "ta_high", "ta")
_FILE = re.compile(
    r"(?P<stem>.+?)_(?P<role>question|netlist|image|mc|category|der|ta_exact|ta_high|ta|a)(?P<suffix>\.\w+)",
    re.IGNORECASE,
)
_ITEM_FOLDER = re.compile(r"q\d+")
_LEVEL = re.compile(r"level(\d{1,2})(?!\d)", re.IGNORECASE)


@dataclass(frozen=True)
class Item:
    """The files of one question: `path` identifies it within the tree, `files` maps a role ("question", "ta", …) to its file."""

    path: PurePosixPath
    files: Mapping[str, Path] = field(default_factory=dict)

    @property
    def part(self) -> str:
        """Which part of the tree: "Analysis/synthetic", "Analysis/curated", "Perception" or "Design"."""
        return "/".join(self.path.parts[: 2 if self.path.parts[0] == "Analysis" else 1])

    @property
    def level(self) -> int:
        """The number after "level" in the folders' names, NO_LEVEL without one."""
        found = _LEVEL.search(str(self.path.parent))
        return int(found[1]) if found else NO_LEVEL


def read_circuitsense(
    root: Path, *, name: str = "circuitsense", domain: str = "circuits", max_bad_fraction: float
) -> Imported:
    """Read a CircuitSense tree, one item in memory at a time.

    The diagrams come in the order of their paths (q2 before q10), with ids that depend on `name` and the path alone. Raises SourceError
    where `root` is no such tree; the diagrams raise it at their end when more than `max_bad_fraction` of the items are damaged.
    """
    unread: dict[str, ItemError] = {}
    items, unknown = find_items(root, unread)
    ledger = Ledger(items=len(items))
    ledger.put_folders_aside(unread)
    for path in unknown:
        ledger.note_unknown(path, "its name tells no role")
    read = partial(_diagram, root=root, name=name, domain=domain, ledger=ledger)
    return collect(items, read, lambda item: str(item.path), ledger, max_bad_fraction)


def find_items(root: Path, unread: dict[str, ItemError] | None = None) -> tuple[list[Item], list[str]]:
    """The items of a tree in the order of their paths, and the relative paths of files that belong to none.

    Folders that were not looked into are put into `unread` (see files.folders_below). Raises SourceError.
    """
    unread = {} if unread is None else unread
    folder_of(root, f"a CircuitSense tree, with {LAYOUT}")
    try:
        entries = [entry.name for entry in root.iterdir()]
        parts = [part for part in PARTS if (root / part).is_dir()]
    except OSError as error:
        raise SourceError(f"{root}: the folder cannot be read: {error.strerror}") from None
    if not parts:
        raise SourceError(f"{root}: no CircuitSense tree: expected {LAYOUT}; found {some_of(entries)}")
    items: list[Item] = []
    unknown: list[str] = []
    for part in parts:
        for folder, subfolders, names in folders_below(root / part, root, unread):
            found_items, strangers = _items_of(folder, relative(folder, root), names, leaf=not subfolders)
            items += found_items
            unknown += strangers
    if not items:
        raise SourceError(
            f"{root}: the CircuitSense tree is empty: no item in {', '.join(parts)}; expected {LAYOUT}{not_looked_into(unread)}"
        )
    return sorted(items, key=lambda item: natural(str(item.path))), sorted(unknown, key=natural)


def _items_of(folder: Path, relative: PurePosixPath, names: list[str], *, leaf: bool) -> tuple[list[Item], list[str]]:
    """The items among the files of one folder, and the files that are of no item."""
    roles: dict[str, dict[str, Path]] = {}
    rest: list[str] = []
    for name in sorted(names):
        match = _FILE.fullmatch(printable(name))
        if match is None:
            rest.append(name)
            continue
        role = match["role"].lower()
        if role == "image":
            role = "svg" if match["suffix"].lower() == DRAWN_SUFFIX else "image"
        files = roles.setdefault(match["stem"], {})
        if role != "image" or "image" not in files or match["suffix"].lower() == ".png":
            files[role] = folder / name
    unknown: list[str] = []
    for name in rest:
        # Outside the synthetic part a picture may be called like its question: q7.png beside q7_question.txt.
        path = relative / printable(name)
        if path.suffix.lower() in SUFFIXES and path.stem in roles:
            roles[path.stem].setdefault("image", folder / name)
        elif not name.startswith("."):
            unknown.append(str(path))
    if leaf and not roles and _ITEM_FOLDER.fullmatch(relative.name):
        roles[relative.name] = {}
    single = len(roles) == 1 and relative.name in roles
    return [Item(relative if single else relative / stem, files) for stem, files in roles.items()], unknown


def _diagram(item: Item, *, root: Path, name: str, domain: str, ledger: Ledger) -> Diagram:
    """The row of one item. Raises ItemError for an item that cannot be taken."""
    question = _text(item, root, "question")
    answer = _text(item, root, *ANSWERS)
    listed = _text(item, root, "mc") if "mc" in item.files else None
    truth = Truth()
    if "netlist" in item.files:
        truth = read_truth_file(item.files["netlist"], "lcapy", root)
    picture = _picture(item, root)
    try:
        asked = [read_question(question, answer, truth, listed=listed, design=item.part == "Design")]
    except ItemError as why:
        if not truth.text:
            # Without a netlist and without a question the row would be a picture that nothing can be asked about.
            raise ItemError(f"nothing to ask ({why.reason})", why.detail, damage=False) from why
        ledger.put_question_aside(str(item.path), why)
        asked = []
    for found in asked:
        truth = found.truth or truth
        count_question(ledger, found, str(item.path))
    diagram = Diagram(
        id=f"{name}-" + hashlib.blake2b(str(item.path).encode(), digest_size=8).hexdigest(),
        group=truth.group or picture.digest,
        domain=domain,
        level=item.level,
        style=IMPORTED_STYLE,
        image=picture.png,
        truth=truth.text,
        objects="[]",
        source=f"{name}/{item.path}",
        questions=json.dumps([found.record() for found in asked], ensure_ascii=False, sort_keys=True),
    )
    truth.count_notes(ledger, str(item.path))
    ledger.take(diagram, item.part, picture.digest)
    return diagram


def _text(item: Item, root: Path, *roles: str) -> str:
    """The text of the first of these roles that the item has; the last is the one it is expected to have. Raises ItemError."""
    path = next((item.files[role] for role in roles if role in item.files), None)
    what = "answer" if len(roles) > 1 else roles[0]
    if path is None:
        raise ItemError(f"no {what}", f"expected {item.path.name}_{roles[-1]}.txt")
    return read_text(path, what, root=root)


def _picture(item: Item, root: Path) -> Picture:
    path = item.files.get("image") or item.files.get("svg")
    if path is None:
        raise ItemError("no picture", f"expected {item.path.name}_image.png")
    return read_picture_file(path, root)
