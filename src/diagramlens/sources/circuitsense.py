"""CircuitSense (arXiv 2509.22339) as rows: a tree of small files in, one Diagram an item out.

The tree holds one folder a question and several questions share a circuit, so equal pictures come as several rows; they share a group.

    Analysis/synthetic/level{0,1,2,4}/q<N>/q<N>_{question,ta,netlist}.txt, q<N>_image.png     numbers have gaps
    Analysis/synthetic/level5_bd/…      block diagrams: no netlist, _ta_exact or _ta, the picture may be .svg alone
    Analysis/curated/level*/<folder>/q<N>_{question,a,mc,category,ta,der}.txt                 _a is the gold, _mc the choices
    Perception/…, Design/…              read by the same file names, whatever the folders are called

Polarity: "from V1 to R1" asks for the voltage across R1, positive at the node that the netlist names first. The netlists are written
for lcapy, which draws a current source's current out of its first node; the rows carry the SPICE sense of this project.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from diagramlens.domains.circuits.netlist import (
    CURRENT_SOURCES,
    Netlist,
    NetlistError,
    format_netlist,
    parse_netlist,
    topology_group,
)
from diagramlens.domains.circuits.solve import SolveError, symbols_of, transfer_across, transfer_text
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import Diagram
from diagramlens.sources.ledger import Imported, ItemError, Ledger, SourceError
from diagramlens.sources.pictures import SUFFIXES, Picture, PictureError, read_picture

PARTS = ("Analysis", "Perception", "Design")
NO_LEVEL = -1
"""The level of an item whose folders name none (Perception and Design)."""

MAX_TEXT_BYTES = 256 * 1024
MAX_SOLVED_PARTS = 16
"""Golds of larger circuits are taken unchecked: the exact solution of a grid of 16 parts takes up to 0.03 s, of 21 parts 18 s."""

# The first that an item has is its gold: the exact answer of a block diagram, a curated item's, …; a synthetic item has `ta` alone.
ANSWERS = ("ta_exact", "a", "ta_high", "ta")
_FILE = re.compile(
    r"(?P<stem>.+?)_(?P<role>question|netlist|image|mc|category|der|ta_exact|ta_high|ta|a)(?P<suffix>\.\w+)",
    re.IGNORECASE,
)
_ITEM_FOLDER = re.compile(r"q\d+")
_LEVEL = re.compile(r"level(\d{1,2})(?!\d)", re.IGNORECASE)

_FROM_TO = re.compile(r"\btransfer function from (\w+) to (\w+)", re.IGNORECASE)
_NODAL = re.compile(r"\bnodal equation|\b(?:equation|solution) for the\b|\bs-domain\b", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_FUNCTION = re.compile(r"([A-Za-z_]\w*)\s*\(\s*s\s*\)")
# lcapy's op-amp, `E1 out ref opamp plus minus gain`, is a voltage-controlled source with the gain as its value.
_OPAMP = re.compile(r"^(\s*E\w*\s+\S+\s+\S+)\s+opamp\s+(\S+\s+\S+(?:\s+\S+)?)\s*$", re.IGNORECASE | re.MULTILINE)


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


@dataclass(frozen=True)
class Circuit:
    """What is known of an item's circuit: its netlist where the tree has one, the text that goes into the rows, the topology."""

    netlist: Netlist | None = None
    truth: str = ""
    group: str = ""


def read_circuitsense(root: Path, *, domain: str = "circuits", max_bad_fraction: float) -> Imported:
    """Read a CircuitSense tree, one item in memory at a time.

    The diagrams come in the order of their paths (q2 before q10), with ids that depend on the path alone. Raises SourceError where
    `root` is no such tree; the diagrams raise it at their end when more than `max_bad_fraction` of the items are damaged.
    """
    items, unknown = find_items(root)
    ledger = Ledger(items=len(items), unknown_files=len(unknown))
    for path in unknown:
        ledger.note("unknown file", path, "its name tells no role")
    return Imported(_diagrams(items, domain, max_bad_fraction, ledger), ledger)


def find_items(root: Path) -> tuple[list[Item], list[str]]:
    """The items of a tree in the order of their paths, and the relative paths of files that belong to none. Raises SourceError."""
    layout = "expected folders Analysis, Perception or Design in it, with items such as Analysis/synthetic/level0/q1/q1_question.txt"
    if not root.is_dir():
        what = "a file, not a folder" if root.exists() else "there is no such folder"
        raise SourceError(f"{root}: no CircuitSense tree: {what}; {layout}")
    parts = [part for part in PARTS if (root / part).is_dir()]
    if not parts:
        found = ", ".join(sorted(entry.name for entry in root.iterdir())[:5]) or "nothing"
        raise SourceError(f"{root}: no CircuitSense tree: {layout}; found {found}")
    items: list[Item] = []
    unknown: list[str] = []
    for part in parts:
        for folder, subfolders, names in os.walk(root / part, onerror=_raise):
            relative = PurePosixPath(_printable(Path(folder).relative_to(root).as_posix()))
            found_items, strangers = _items_of(Path(folder), relative, names, leaf=not subfolders)
            items += found_items
            unknown += strangers
    if not items:
        raise SourceError(f"{root}: the CircuitSense tree is empty: no item in {', '.join(parts)}; {layout}")
    return sorted(items, key=lambda item: _natural(str(item.path))), sorted(unknown, key=_natural)


def _raise(error: OSError) -> None:
    raise error


def _printable(text: str) -> str:
    """A name as it may stand in a message and in a table: bytes that are not UTF-8, and control characters, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _items_of(folder: Path, relative: PurePosixPath, names: list[str], *, leaf: bool) -> tuple[list[Item], list[str]]:
    """The items among the files of one folder, and the files that are of no item."""
    roles: dict[str, dict[str, Path]] = {}
    rest: list[str] = []
    for name in sorted(names):
        match = _FILE.fullmatch(_printable(name))
        if match is None:
            rest.append(name)
            continue
        role = match["role"].lower()
        if role == "image":
            role = "svg" if match["suffix"].lower() == ".svg" else "image"
        files = roles.setdefault(match["stem"], {})
        if role != "image" or "image" not in files or match["suffix"].lower() == ".png":
            files[role] = folder / name
    unknown: list[str] = []
    for name in rest:
        # Outside the synthetic part a picture may be called like its question: q7.png beside q7_question.txt.
        path = relative / _printable(name)
        if path.suffix.lower() in SUFFIXES and path.stem in roles:
            roles[path.stem].setdefault("image", folder / name)
        elif not name.startswith("."):
            unknown.append(str(path))
    if leaf and not roles and _ITEM_FOLDER.fullmatch(relative.name):
        roles[relative.name] = {}
    single = len(roles) == 1 and relative.name in roles
    return [Item(relative if single else relative / stem, files) for stem, files in roles.items()], unknown


def _natural(path: str) -> list[tuple[int, str]]:
    """A sort key that puts q2 before q10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"([0-9]+)", path)]


def _diagrams(items: list[Item], domain: str, max_bad_fraction: float, ledger: Ledger) -> Iterator[Diagram]:
    for item in items:
        try:
            diagram = _diagram(item, domain, ledger)
        except ItemError as why:
            ledger.put_aside(str(item.path), why)
            continue
        ledger.taken[item.part] += 1
        ledger.levels[str(item.level)] += 1
        ledger.groups.add(diagram.group)
        yield diagram
    ledger.check(max_bad_fraction)


def _diagram(item: Item, domain: str, ledger: Ledger) -> Diagram:
    """The row of one item. Raises ItemError for an item that cannot be taken."""
    question = _read_text(item, "question")
    answer = _read_text(item, *ANSWERS)
    circuit = _read_circuit(item)
    picture = _read_picture(item)
    kind = kind_of(question, has_choices="mc" in item.files)
    questions = []
    try:
        gold = read_gold(kind, question, answer, circuit)
    except ItemError as why:
        if not circuit.truth:
            # Without a netlist and without a question the row would be a picture that nothing can be asked about.
            raise ItemError(f"nothing to ask yet ({kind})", why.detail, damage=False) from why
        ledger.questions_set_aside[why.reason] += 1
        ledger.note(why.reason, str(item.path), why.detail)
    else:
        questions.append({"kind": kind, "prompt": question, "answer": answer, "gold": gold.values})
        ledger.questions[kind] += 1
        ledger.golds[gold.verdict] += 1
        if gold.verdict != CONFIRMED:
            ledger.note(f"gold {gold.verdict}", str(item.path), gold.detail)
    ledger.pictures.add(picture.digest)
    return Diagram(
        id="circuitsense-" + hashlib.blake2b(str(item.path).encode(), digest_size=8).hexdigest(),
        group=circuit.group or picture.digest,
        domain=domain,
        level=item.level,
        style="imported",
        image=picture.png,
        truth=circuit.truth,
        objects="[]",
        source=f"circuitsense/{item.path}",
        questions=json.dumps(questions, ensure_ascii=False, sort_keys=True),
    )


# --- Files ----------------------------------------------------------------------------------------------------------------------------


def _read_text(item: Item, *roles: str) -> str:
    """The stripped text of the first of these roles that the item has; the last is the one it is expected to have. Raises ItemError."""
    path = next((item.files[role] for role in roles if role in item.files), None)
    what = "answer" if len(roles) > 1 else roles[0]
    if path is None:
        raise ItemError(f"no {what}", f"expected {item.path.name}_{roles[-1]}.txt")
    name = _printable(path.name)
    try:
        if not path.is_file():
            raise ItemError(f"no {what}", f"{name} is no file, or a link to none")
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise ItemError("text too long", f"{name} is larger than {MAX_TEXT_BYTES >> 10} KiB")
        text = path.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ItemError("text is not UTF-8", f"{name}, byte {error.start}") from None
    except OSError as error:
        raise ItemError("file cannot be read", f"{name}: {error.strerror}") from None
    if not text:
        raise ItemError(f"no {what}", f"{name} is empty")
    return text


def _read_picture(item: Item) -> Picture:
    path = item.files.get("image")
    if path is None and "svg" in item.files:
        instead = f"{_printable(item.files['svg'].name)}: render it to {item.path.name}_image.png"
        raise ItemError("picture is SVG only", instead, damage=False)
    if path is None:
        raise ItemError("no picture", f"expected {item.path.name}_image.png")
    name = _printable(path.name)
    try:
        if not path.is_file():
            raise ItemError("no picture", f"{name} is no file, or a link to none")
        return read_picture(path)
    except PictureError as error:
        raise ItemError("picture too large" if error.too_large else "picture is damaged", f"{name}: {error}") from None
    except OSError as error:
        raise ItemError("file cannot be read", f"{name}: {error.strerror}") from None


def _read_circuit(item: Item) -> Circuit:
    """The netlist in the SPICE sense. Raises ItemError for one that is there and cannot be read."""
    if "netlist" not in item.files:
        return Circuit()
    text = _OPAMP.sub(r"\1 \2", _read_text(item, "netlist"))
    name = _printable(item.files["netlist"].name)
    try:
        netlist = parse_netlist(text, convention="lcapy")
        group = topology_group(netlist)
    except NetlistError as error:
        raise ItemError("netlist is not readable", f"{name}: {error}") from None
    if not netlist.parts:
        raise ItemError("netlist is not readable", f"{name} names no part")
    return Circuit(netlist, format_netlist(netlist), group)


# --- Questions ------------------------------------------------------------------------------------------------------------------------

NO_EXPRESSION = "transfer gold is no expression"
CONFIRMED, CONTRADICTED, UNCHECKED = "confirmed", "contradicted", "unchecked"


@dataclass(frozen=True)
class Gold:
    """What the grader needs (`values`), and whether the netlist confirms it: CONFIRMED, CONTRADICTED or UNCHECKED, with a detail."""

    values: Mapping[str, Any]
    verdict: str
    detail: str = ""


def kind_of(question: str, *, has_choices: bool) -> str:
    """The kind of a CircuitSense question: `choice`, `transfer`, `nodal` (any s-domain equation of a voltage or current) or `open`."""
    if has_choices:
        return "choice"
    if _FROM_TO.search(question) or "transfer function" in question.lower():
        return "transfer"
    return "nodal" if _NODAL.search(question) else "open"


def read_gold(kind: str, question: str, answer: str, circuit: Circuit) -> Gold:
    """The gold of a question that the grader can judge. Raises ItemError, with the reason, for one that it cannot."""
    if kind != "transfer":
        raise ItemError(f"no grader for {kind} questions", "kept out until there is one", damage=False)
    names = symbols_of(circuit.netlist) if circuit.netlist is not None else []
    text = _expression(answer, names)
    names = names or sorted({"s", *_NAME.findall(text)})
    written = {"numerator": text, "denominator": "1", "names": names, "expression": answer, "checked": False}
    asked = _FROM_TO.search(question)
    if circuit.netlist is None or asked is None:
        return Gold(written, UNCHECKED, "no netlist" if asked else "the question names no parts")
    source, across = asked[1], asked[2]
    try:
        output = circuit.netlist.part(across)
        # The tree's first node is positive; of a current source that is our second, as its ends were swapped on reading.
        plus = 1 if output.kind in CURRENT_SOURCES else 0
        written |= {"source": source, "across": across, "plus": plus, "netlist": circuit.truth}
        written |= {"positive": output.nodes[plus], "negative": output.nodes[1 - plus]}
        if len(circuit.netlist.parts) > MAX_SOLVED_PARTS:
            return Gold(written, UNCHECKED, f"more than {MAX_SOLVED_PARTS} parts")
        solved = transfer_across(circuit.netlist, source, across, plus=plus)
        verdict = same_expression(transfer_text(solved), text, names)
    except (NetlistError, SolveError, ExpressionError) as error:
        return Gold(written, UNCHECKED, str(error))
    if not verdict.correct:
        return Gold(written, CONTRADICTED, f"{text[:60]} against {transfer_text(solved)[:60]}")
    exact = {"numerator": solved.numerator, "denominator": solved.denominator, "checked": True}
    return Gold(written | exact, CONFIRMED)


def _expression(answer: str, names: list[str]) -> str:
    """The right-hand side of an answer that is one rational expression in these names (any, where there are none). Raises ItemError."""
    text = answer.rpartition("=")[2].strip()
    function = _FUNCTION.search(text)
    if function is not None and function[1] != "s":
        # A grader reads G1(s) as G1 times s: right and wrong answers would look alike.
        raise ItemError(NO_EXPRESSION, f"{function[0]} is a function of s, not a part", damage=False)
    compact = re.sub(r"\s*([-+*/^()])\s*", r"\1", text)
    if not names and (not re.fullmatch(r"[\w.+\-*/^()]+", compact) or re.search(r"\w\(|\)\w|\)\(", compact)):
        # Without a netlist the names are the answer's own words, and any sentence would be read as the product of its words.
        raise ItemError(
            NO_EXPRESSION,
            f"{text[:60]}: without a netlist, only names, numbers and + - * / ^ ( ) are read",
            damage=False,
        )
    try:
        parse_expression(text, names or sorted({"s", *_NAME.findall(text)}))
    except ExpressionError as error:
        raise ItemError(NO_EXPRESSION, f"{text[:60]}: {error}", damage=False) from None
    return text
