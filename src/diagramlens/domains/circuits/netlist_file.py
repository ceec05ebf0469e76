"""Files that hold a netlist, as other programs write them: `.cir` with a title, `.sch`, lcapy's text.

What SPICE has and `parse_netlist` has not is brought to its form here, line for line so that faults keep their numbers: a title in line 1,
lines that are continued by `+`, and parameters that no small-signal formula depends on (`W=1u L=1u` of transistors, `IC=0`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diagramlens.domains.circuits.netlist import (
    CURRENT_CONTROLLED,
    GROUND,
    NODE_COUNTS,
    OPAMP,
    TRANSISTORS,
    TURNED_BY_LCAPY,
    Convention,
    Netlist,
    NetlistError,
    Part,
    node_named,
    parse_netlist,
    value_of,
)

MAX_FILE_BYTES = 1 << 20
_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
_NAMED_PARTS = 3  # as many as a note on parameters names one by one

_PART_NAME = re.compile(r"[A-Za-z]\w*")
_NUMBERED_NAME = re.compile(r"[A-Za-z]\d\w*")
# A word as prose has it and nodes seldom: letters, perhaps with hyphens inside and punctuation around.
_WORD = re.compile(r"[(\"']*([^\W\d_]+(?:[-'/][^\W\d_]+)*)[)\"':;,.!?]*")
_SHORT_WORDS = {"and", "fig", "for", "lab", "low", "of", "the", "two"}
_LETTERS_OF_A_WORD = 4
_PARAMETER = re.compile(r"([A-Za-z]\w*)=\S+")
_CAPITAL_MILLI = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)M(?![eE][gG])\w*")


@dataclass(frozen=True)
class NetlistFile:
    """A netlist, in whose sense it was read, its title ("" where it has none), and what was taken for granted, a line each."""

    netlist: Netlist
    convention: Convention
    title: str
    notes: tuple[str, ...]


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB. Raises NetlistError for one that cannot be read or is no text."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NetlistError("the file is larger than 1 MiB; a netlist of 200 parts is a few KiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise NetlistError(f"not a text file (byte {error.start} is no UTF-8)") from error
    except OSError as error:
        raise NetlistError(f"cannot be read: {error.strerror}") from error


def netlist_of(text: str, convention: Convention | None = None) -> NetlistFile:
    """The netlist in a text; without a convention lcapy's where a source has the value `step`, which only lcapy knows.

    SPICE has a title in line 1, many files have a part there; which it is, the line itself must tell. Raises NetlistError naming the line.
    """
    sense = convention or _convention_of(text)
    notes = []
    lines = _joined(text)
    title = _statement(lines[0]).strip() if _is_title(lines) else ""
    if title:
        notes.append(f"line 1 is taken as the title: {title}")
        _refuse_continued_title(text)
        lines[0] = ""
    elif _is_in_doubt(lines[0]):
        notes.append(f"line 1 is read as a part: {_statement(lines[0]).strip()} (a title is written after *)")
    lines, dropped = _without_parameters(lines)
    if dropped:
        notes.append(f"passed over, since no small-signal formula depends on them: {_listed(dropped)}")
    netlist = _parsed(lines, sense)
    notes += milli_notes((part.name, part.value) for part in netlist.parts if part.value is not None)
    if sense == "lcapy":
        netlist = replace(netlist, parts=tuple(_hints_turned(part) for part in netlist.parts))
    if convention is None and sense == "lcapy" and any(part.kind in TURNED_BY_LCAPY for part in netlist.parts):
        notes.append(
            "read as an lcapy netlist: a positive current leaves a current source's first node (--convention spice for the other way)"
        )
    return NetlistFile(netlist, sense, title, tuple(notes))


def milli_notes(values: Iterable[tuple[str, str]]) -> list[str]:
    """One note on the first of these named values that is written with a capital M, which is milli and was perhaps meant as mega."""
    for name, value in values:
        found = _CAPITAL_MILLI.fullmatch(value)
        if found:
            return [f"{name}: {value} is {found[1]} milli, for SPICE's M is m; mega is written {found[1]}Meg"]
    return []


def _parsed(lines: Sequence[str], sense: Convention) -> Netlist:
    try:
        return parse_netlist("\n".join(lines), convention=sense)
    except NetlistError as error:
        name, *words = _statement(lines[0]).split() or [""]
        perhaps_prose = not _NUMBERED_NAME.fullmatch(name) or any(map(_is_prose, words))
        if str(error).startswith("line 1:") and perhaps_prose and not name.startswith(".") and any(lines[1:]):
            raise NetlistError(f"{error} (a title in line 1 is written after *)") from None
        raise


def _hints_turned(part: Part) -> Part:
    """A current source whose ends were exchanged on reading, its direction with them."""
    if part.kind not in TURNED_BY_LCAPY:
        return part
    turned = []
    for hint in part.hints:
        word, equals, size = hint.partition("=")
        turned.append(_OPPOSITE.get(word, word) + equals + size)
    return replace(part, hints=tuple(turned))


def _convention_of(text: str) -> Convention:
    return "lcapy" if re.search(r"^\s*[VI]\w*\s+\S+\s+\S+\s+step\b", text, re.MULTILINE | re.IGNORECASE) else "spice"


def _statement(line: str) -> str:
    """A line without its hints or its comment."""
    return line.partition(";")[0]


# --- Continued lines --------------------------------------------------------------------------------------------------


def _joined(text: str) -> list[str]:
    """The lines of a text, at least one; what continues a statement is put to its end, and the line that it stood in left empty."""
    lines = text.splitlines() or [""]
    more: dict[int, list[str]] = {}
    continued = None
    for place, line in enumerate(lines):
        plain = line.lstrip()
        # In line 1 there is nothing to continue: `+5 V regulator` is a title.
        if plain.startswith("+") and place:
            if continued is None:
                raise NetlistError(
                    f"line {place + 1}: a line that starts with + continues a part, and none is before it"
                )
            more.setdefault(continued, []).append(plain[1:])
            lines[place] = ""
        elif plain and plain[0] not in "*#;":
            continued = place
    for place, pieces in more.items():
        whole = [lines[place], *pieces]
        hints = ",".join(hints for hints in (piece.partition(";")[2].strip() for piece in whole) if hints)
        lines[place] = " ".join(map(_statement, whole)) + (f"; {hints}" if hints else "")
    return lines


def _refuse_continued_title(text: str) -> None:
    second = text.splitlines()[1:2]
    if second and second[0].lstrip().startswith("+"):
        raise NetlistError("line 2: a line that starts with + continues a part, and line 1 is taken as the title")


# --- The title --------------------------------------------------------------------------------------------------------


def _is_title(lines: Sequence[str]) -> bool:
    """Whether line 1 is a title. A directive or a comment is none, nor is a line without others below it.

    It is a part, if perhaps a wrong one, where its name is a letter and a number (`R1`), it ends at ground, or all its nodes are found
    in other lines, or one is and there is a value. Else it is a title where its name is no part's (`Sallen-Key`), or stands alone, or
    where a word has four letters or more and is no node (`Low pass filter`, which could be an inductor between `pass` and `filter`).
    """
    name, *words = _statement(lines[0]).split() or [""]
    others = _words_of_parts(lines[1:])
    if not name or name[0] in "*#." or not others or _NUMBERED_NAME.fullmatch(name):
        return False
    words = [node_named(word) for word in words if word.lower() != OPAMP]
    count = NODE_COUNTS.get(name[0].upper(), 2)
    nodes, rest = words[:count], words[count + (name[0].upper() in CURRENT_CONTROLLED) :]
    complete, strange = len(nodes) == count, [node for node in nodes if node not in others]
    if GROUND in nodes or (complete and not strange):
        return False
    if complete and len(strange) < count and any(map(_is_value, rest)):
        return False
    if not words or not _PART_NAME.fullmatch(name):
        return True
    return any(_is_prose(word) for word in (words if complete else (name, *words)) if word not in others)


def _is_in_doubt(line: str) -> bool:
    """Whether a first line that is read as a part may have been meant as a title all the same: `Chapter 3 2`."""
    name, *words = _statement(line).split() or [""]
    return _is_prose(name) and GROUND not in map(node_named, words) and not any(map(_is_value, words[2:]))


def _words_of_parts(lines: Iterable[str]) -> set[str]:
    """All that follows the names of parts: their nodes, and more that does no harm."""
    found: set[str] = set()
    for line in lines:
        name, *words = _statement(line).split() or [""]
        if name.lower() == ".end":
            break
        if name and name[0] not in "*#.":
            found.update(map(node_named, words))
    return found


def _is_prose(word: str) -> bool:
    found = _WORD.fullmatch(word)
    return found is not None and (len(found[1]) >= _LETTERS_OF_A_WORD or found[1].lower() in _SHORT_WORDS)


def _is_value(word: str) -> bool:
    try:
        value_of(word)
    except NetlistError:
        return False
    return True


# --- Parameters -------------------------------------------------------------------------------------------------------


def _without_parameters(lines: Sequence[str]) -> tuple[list[str], list[str]]:
    """The lines without parameters that no small-signal formula depends on, and those that were taken out: `M1 W=1u L=1u`."""
    plain, dropped = [], []
    for line in lines:
        statement, semicolon, hints = line.partition(";")
        if "=" in statement:
            name, *words = re.sub(r"\s*([=,])\s*", r"\1", statement).split() or [""]
            out = [word for word in words if _is_idle(name, word)]
            if out:
                dropped.append(" ".join([name, *out]))
                line = " ".join([name, *(word for word in words if word not in out)]) + semicolon + hints
        plain.append(line)
    return plain, dropped


def _is_idle(name: str, word: str) -> bool:
    found = _PARAMETER.fullmatch(word)
    kind = name[:1].upper()
    return found is not None and (kind in TRANSISTORS or (kind in ("C", "L") and found[1].lower() == "ic"))


def _listed(dropped: Sequence[str]) -> str:
    rest = len(dropped) - _NAMED_PARTS
    return "; ".join(dropped[:_NAMED_PARTS]) + (f"; and those of {rest} more" if rest > 0 else "")
