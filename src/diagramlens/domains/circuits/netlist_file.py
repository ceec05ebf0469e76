"""Files that hold a netlist, as other programs write them: SPICE's with a title, LTspice's and KiCad's exports, lcapy's text.

This is the one reader of texts that others wrote. What they have and `parse_netlist` has not is brought to its form, line for line so that
faults keep their numbers: a title in line 1, lines that are continued by `+`, comments behind `;` (hint_words.py), directives
(spice_directives.py), parameters, waveforms and spellings of values (spice_parts.py). Nothing vanishes: what the circuit does not
depend on is passed over with a note, and everything else that is not understood is refused by its line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from diagramlens.domains.circuits.hint_words import behind_semicolons
from diagramlens.domains.circuits.netlist import (
    CURRENT_CONTROLLED,
    GROUND,
    NODE_COUNTS,
    OPAMP,
    TURNED_BY_LCAPY,
    Convention,
    Netlist,
    NetlistError,
    Part,
    node_named,
    parse_netlist,
    value_of,
)
from diagramlens.domains.circuits.spice_directives import Directives, read_directives
from diagramlens.domains.circuits.spice_parts import Passed, plain_parts

MAX_FILE_BYTES = 1 << 20
_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}
_NAMED = 3  # as many as a note names one by one
_LONGEST = 100  # characters of one of them, and of a title

_PART_NAME = re.compile(r"[A-Za-z]\w*")
_NUMBERED_NAME = re.compile(r"[A-Za-z]\d\w*")
# A word as prose has it and nodes seldom: letters, perhaps with hyphens inside and punctuation around.
_WORD = re.compile(r"[(\"']*([^\W\d_]+(?:[-'/][^\W\d_]+)*)[)\"':;,.!?]*")
_SHORT_WORDS = {"and", "fig", "for", "lab", "low", "of", "the", "two"}
_LETTERS_OF_A_WORD = 4
_CAPITAL_MILLI = re.compile(r"([+-]?[\d.]+(?:[eE][+-]?\d+)?)M(?![eE][gG])\w*")
# Of the characters below the blank, a text has these, and perhaps a last one by which DOS ended its files.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f](?!\Z)|[\x00-\x08\x0e-\x19\x1b-\x1f\x7f]")


@dataclass(frozen=True)
class Note:
    """What was taken for granted or passed over in reading a netlist: the line for the user, and what such notes are counted under."""

    topic: str
    text: str


@dataclass(frozen=True)
class NetlistFile:
    """A netlist, in whose sense it was read, its title ("" where it has none), and what was taken for granted, a note each."""

    netlist: Netlist
    convention: Convention
    title: str
    remarks: tuple[Note, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes as lines for the user."""
        return tuple(note.text for note in self.remarks)


def read_text(path: Path) -> str:
    """The text of a file of at most 1 MiB. Raises NetlistError for one that cannot be read or is no text."""
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise NetlistError("the file is larger than 1 MiB; a netlist of 200 parts is a few KiB")
        return decoded(path.read_bytes())
    except OSError as error:
        raise NetlistError(f"cannot be read: {error.strerror}") from error


def decoded(data: bytes) -> str:
    """The text of a file as LTspice and KiCad write it: UTF-8 or UTF-16, with a mark or without, or else the code page 1252 of Windows.

    In the last the micro sign is the byte b5. Raises NetlistError for bytes that are no text.
    """
    coding = "utf-8-sig"
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        coding = "utf-16"
    elif b"\0" in data[:2]:
        coding = "utf-16-le" if data[1:2] == b"\0" else "utf-16-be"
    for known in (coding, "cp1252"):
        try:
            text = data.decode(known)
        except UnicodeDecodeError as error:
            if known == "cp1252" or coding != "utf-8-sig":
                raise NetlistError(
                    f"not a text file (byte {error.start} is no {known.removesuffix('-sig')})"
                ) from error
        else:
            break
    control = _CONTROL.search(text)
    if control is not None:
        raise NetlistError(f"not a text file (character {control.start()} is a control character)")
    return text.removesuffix("\x1a")


def netlist_of(text: str, convention: Convention | None = None) -> NetlistFile:
    """The netlist in a text; without a convention lcapy's where a source has the value `step`, which only lcapy knows.

    SPICE has a title in line 1, many files have a part there; which it is, the line itself must tell (the first that is not blank). Raises
    NetlistError naming the line.
    """
    notes = []
    lines = _joined(text)
    first = next((place for place, line in enumerate(lines) if line.strip()), 0)
    statement = _statement(lines[first]).strip()
    title = statement if _is_title(lines[first:]) else ""
    if title:
        notes.append(Note("title", f"line {first + 1} is taken as the title: {_clipped(title)}"))
        _refuse_continued_title(text, first)
        lines[first] = ""
    elif _is_in_doubt(statement):
        notes.append(
            Note("title", f"line {first + 1} is read as a part: {_clipped(statement)} (a title is written after *)")
        )
    sense = convention or _convention_of(lines)
    lines, comments = behind_semicolons(lines)
    netlist, directives, passed = _parsed(lines, sense)
    notes += _notes(directives, passed, comments)
    if sense == "lcapy":
        netlist = replace(netlist, parts=tuple(_hints_turned(part) for part in netlist.parts))
    else:
        if passed.symbols:
            notes.append(Note("symbols", f"taken for symbols, since they are no numbers: {_listed(passed.symbols)}"))
        netlist, one = _without_capitals(netlist)
        if one:
            notes.append(
                Note(
                    "capital letters",
                    f"one node each, for SPICE does not tell capital letters from small ones: {_listed(one)}",
                )
            )
    notes += [
        Note("M is milli", note)
        for note in milli_notes((part.name, part.value) for part in netlist.parts if part.value is not None)
    ]
    if convention is None and sense == "lcapy" and any(part.kind in TURNED_BY_LCAPY for part in netlist.parts):
        notes.append(
            Note(
                "lcapy",
                "read as an lcapy netlist: a positive current leaves a current source's first node (--convention spice for the other way)",
            )
        )
    return NetlistFile(netlist, sense, title, tuple(notes))


def milli_notes(values: Iterable[tuple[str, str]]) -> list[str]:
    """One note on the first of these named values that is written with a capital M, which is milli and was perhaps meant as mega."""
    for name, value in values:
        found = _CAPITAL_MILLI.fullmatch(value)
        if found:
            return [f"{name}: {value} is {found[1]} milli, for SPICE's M is m; mega is written {found[1]}Meg"]
    return []


def _notes(directives: Directives, passed: Passed, comments: Iterable[tuple[int, str]]) -> list[Note]:
    """What was passed over, a note a topic."""
    doubtful = [f"line {place + 1}, {comment}" for place, comment in comments]
    topics = (
        ("names", "called otherwise here", passed.names),
        ("parameters", "passed over, since no small-signal formula depends on them", passed.parameters),
        ("waveforms", "passed over, since no formula depends on what a source does in time", passed.waveforms),
        ("directives", "passed over, since no formula of the parts read depends on them", directives.passed),
        ("values", "spelt as on parts", passed.values),
        ("comments", "taken as comments, not as hints, which give a direction, as in `; up, supply`", doubtful),
    )
    return [Note(topic, f"{said}: {_listed(items)}") for topic, said, items in topics if items]


def _parsed(lines: Sequence[str], sense: Convention) -> tuple[Netlist, Directives, Passed]:
    try:
        kept, directives = read_directives(lines)
        plain, passed = plain_parts(kept, directives)
        return parse_netlist("\n".join(plain), convention=sense), directives, passed
    except NetlistError as error:
        first = next((place for place, line in enumerate(lines) if line.strip()), 0)
        name, *words = _statement(lines[first]).split() or [""]
        perhaps_prose = not _NUMBERED_NAME.fullmatch(name) or any(map(_is_prose, words))
        is_first = str(error).startswith(f"line {first + 1}:") and any(lines[first + 1 :])
        if is_first and perhaps_prose and not name.startswith("."):
            raise NetlistError(f"{error} (a title in line 1 is written after *)") from None
        raise


def _without_capitals(netlist: Netlist) -> tuple[Netlist, list[str]]:
    """The netlist with the names of nodes that differ in capital letters alone made one, the first, and those names."""
    first: dict[str, str] = {}
    spelt: dict[str, list[str]] = {}
    for node in netlist.nodes:
        spelt.setdefault(first.setdefault(node.lower(), node), []).append(node)
    one = [" and ".join(names) for names in spelt.values() if len(names) > 1]
    if not one:
        return netlist, one
    parts = (replace(part, nodes=tuple(first[node.lower()] for node in part.nodes)) for part in netlist.parts)
    return replace(netlist, parts=tuple(parts)), one


def _hints_turned(part: Part) -> Part:
    """A current source whose ends were exchanged on reading, its direction with them."""
    if part.kind not in TURNED_BY_LCAPY:
        return part
    turned = []
    for hint in part.hints:
        word, equals, size = hint.partition("=")
        turned.append(_OPPOSITE.get(word, word) + equals + size)
    return replace(part, hints=tuple(turned))


def _convention_of(lines: Iterable[str]) -> Convention:
    stepped = re.compile(r"\s*[VI]\w*\s+\S+\s+\S+\s+step\b", re.IGNORECASE)
    return "lcapy" if any(map(stepped.match, lines)) else "spice"


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


def _refuse_continued_title(text: str, first: int) -> None:
    following = text.splitlines()[first + 1 : first + 2]
    if following and following[0].lstrip().startswith("+"):
        raise NetlistError(
            f"line {first + 2}: a line that starts with + continues a part, and line {first + 1} is taken as the title"
        )


# --- The title --------------------------------------------------------------------------------------------------------


def _is_title(lines: Sequence[str]) -> bool:
    """Whether line 1 is a title. A directive or a comment is none, nor is a line without others below it.

    It is a part, if perhaps a wrong one, where its name is a letter and a number (`R1`, unless its nodes are words that no other line
    has: `R2R ladder network`), it ends at ground, or all its nodes are found in other lines, or one is and there is a value. Else it is
    a title where its name is no part's (`Sallen-Key`), or stands alone, or where a word has four letters or more and is no node (`Low
    pass filter`, which could be an inductor between `pass` and `filter`).
    """
    name, *words = _statement(lines[0]).split() or [""]
    others = _words_of_parts(lines[1:])
    if not name or name[0] in "*#." or not others:
        return False
    words = [node_named(word) for word in words if word.lower() != OPAMP]
    count = NODE_COUNTS.get(name[0].upper(), 2)
    nodes, rest = words[:count], words[count + (name[0].upper() in CURRENT_CONTROLLED) :]
    complete, strange = len(nodes) == count, [node for node in nodes if node not in others]
    if _NUMBERED_NAME.fullmatch(name):
        return len(nodes) > 1 and strange == nodes and all(map(_is_prose, nodes))
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


def _listed(items: Sequence[str]) -> str:
    rest = len(items) - _NAMED
    return "; ".join(map(_clipped, items[:_NAMED])) + (f"; and those of {rest} more" if rest > 0 else "")


def _clipped(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
