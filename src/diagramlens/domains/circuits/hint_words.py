"""What stands behind `;`: hints for drawing, as lcapy has them, or a comment, as SPICE has it.

Hints are taken where a person can have meant nothing else, since one of them, `supply`, changes the circuit: small signals see a supply
as a short. So `up, supply` is two hints, and `supply` alone is a comment.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_DIRECTION = re.compile(r"(?:up|down|left|right)(?:=[\d.]{1,9})?")
_SETTING = re.compile(r"[a-z]\w*[\^_<>]*=.*")
SUPPLY = "supply"
_WORD = re.compile(r"[a-z0-9]\w*")
# Beside ours, `supply`, `port` and `ground`, those of lcapy.
_MARK = re.compile(
    r"supply|port|ground|[cirspt]?ground|nodraw|nosim|invisible|implicit|input|output|bidir|bus|dashed|dotted|thick|thin|fixed|invert|mirror"
    r"|variable|v(?:cc|dd|ee|ss)"
)


def split_hints(text: str) -> tuple[str, ...]:
    """The pieces between commas, blank ones left out."""
    return tuple(hint.strip() for hint in text.split(",") if hint.strip())


def behind_semicolons(lines: Sequence[str]) -> tuple[list[str], list[tuple[int, str]]]:
    """The lines of a netlist without what is a comment behind `;`, and the comments that resemble hints, with the places of their lines.

    Hints are directions, marks and settings. Behind a part one gives a direction, or a hint of another line does; beside a direction any
    single word is taken for a mark, since lcapy has many. A line of hints alone has settings only; `supply` stands beside a direction.
    """
    drawn = any(_is_drawn(split_hints(line.partition(";")[2])) for line in lines if ";" in line)
    kept, doubtful = [], []
    for place, line in enumerate(lines):
        statement, semicolon, text = line.partition(";")
        hints = split_hints(text)
        if not semicolon or statement.lstrip()[:1] in ("*", "#") or _are_taken(hints, statement, drawn):
            kept.append(line)
            continue
        kept.append(statement)
        if statement.strip() and any(_DIRECTION.fullmatch(hint) or _MARK.fullmatch(hint) for hint in hints):
            doubtful.append((place, text.strip()))
    return kept, doubtful


def _are_taken(hints: Sequence[str], statement: str, drawn: bool) -> bool:
    if not statement.strip():
        return all(_SETTING.fullmatch(hint) for hint in hints)
    return _is_drawn(hints) or (drawn and SUPPLY not in hints and all(map(_is_hint, hints)))


def _is_drawn(hints: Sequence[str]) -> bool:
    """Whether one piece gives a direction, and the others are hints, or single words as lcapy has many."""
    given = any(_DIRECTION.fullmatch(hint) for hint in hints)
    return given and all(_is_hint(hint) or _WORD.fullmatch(hint) for hint in hints)


def _is_hint(text: str) -> bool:
    return any(pattern.fullmatch(text) for pattern in (_DIRECTION, _MARK, _SETTING))
