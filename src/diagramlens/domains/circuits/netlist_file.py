"""Files that hold a netlist, as other programs write them: `.cir` with a title, `.sch`, lcapy's text."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

from diagramlens.domains.circuits.netlist import TURNED_BY_LCAPY, Convention, Netlist, NetlistError, Part, parse_netlist

MAX_FILE_BYTES = 1 << 20
_OPPOSITE = {"left": "right", "right": "left", "up": "down", "down": "up"}


@dataclass(frozen=True)
class NetlistFile:
    """A netlist, the text it was read from, in whose sense, and what was taken for granted, a line each."""

    netlist: Netlist
    text: str
    convention: Convention
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

    SPICE lets the first line be a title, which is passed over where it cannot be a part. Raises NetlistError naming the line.
    """
    sense = convention or _convention_of(text)
    notes = []
    try:
        netlist = parse_netlist(text, convention=sense)
    except NetlistError as error:
        first, _, rest = text.partition("\n")
        looks_like_a_part = re.match(r"[A-Za-z]+\d\w*\s", first)
        if not str(error).startswith("line 1:") or looks_like_a_part or not rest.strip():
            raise
        netlist = parse_netlist(f"\n{rest}", convention=sense)
        notes.append(f"line 1 is taken as the title: {first.strip()}")
    if sense == "lcapy":
        netlist = replace(netlist, parts=tuple(_hints_turned(part) for part in netlist.parts))
    if convention is None and sense == "lcapy" and any(part.kind in TURNED_BY_LCAPY for part in netlist.parts):
        notes.append(
            "read as an lcapy netlist: a positive current leaves a current source's first node (--convention spice for the other way)"
        )
    return NetlistFile(netlist, text, sense, tuple(notes))


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
