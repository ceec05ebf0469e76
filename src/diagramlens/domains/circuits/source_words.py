"""What stands behind the nodes of a source: its DC value, its AC amplitude, and what it does in time.

    V1 in 0 DC 5 AC 1 0 SINE(0 1 1k)

Nothing that is asked of a circuit depends on an amplitude, a phase or a waveform. No other word vanishes: what is none of these, a value
that stands neither first nor behind `DC` among them, is kept for whoever reads the source to refuse.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WAVEFORM = re.compile(r"(?:sine?|pulse|pwl|exp|sffm)(?=\(|$)|(?:am|trnoise|trrandom)(?=\()", re.IGNORECASE)
# PWL alone has words of its own: `PWL REPEAT FOREVER (0 0 1m 1) ENDREPEAT`, `PWL FILE=wave.txt`.
_OF_PWL = re.compile(r"repeat|for|forever|endrepeat|file=.+", re.IGNORECASE)
_CALLED = re.compile(r"(dc|ac)\(([^()\s]+)\)", re.IGNORECASE)
_NUMBER = re.compile(r"[-+]?\.?\d\S*|\{\S+\}")
_AMPLITUDE = re.compile(rf"{_NUMBER.pattern}|[A-Za-z]\w*")


@dataclass(frozen=True)
class SourceWords:
    """A source's value in the words that state it (one, or none), its waveform ("" without one), and the words that are neither."""

    values: tuple[str, ...]
    waveform: str
    others: tuple[str, ...]


def source_words(words: Sequence[str]) -> SourceWords:
    """Sort the words behind a source's nodes: `DC 5 AC 1 0` → `5`; `step` → nothing; `SIN(0 1 1k) AC 1` → nothing and the waveform."""
    words = [piece for word in words for piece in _pieces(word)]
    values: list[str] = []
    others: list[str] = []
    waveform: list[str] = []
    place = 0
    while place < len(words):
        word = words[place]
        end = place + 1
        lower = word.lower()
        if lower == "ac":
            end = _end_of_amplitude(words, place + 1)
        elif lower.startswith("dc="):
            values.append(word[3:])
        elif _WAVEFORM.match(word):
            end = _end_of_waveform(words, place)
            (waveform if end <= len(words) else others).extend(words[place:end])
        elif lower not in ("dc", "step") and not lower.startswith("ac="):
            states = not values and "=" not in word and (place == 0 or words[place - 1].lower() == "dc")
            (values if states else others).append(word)
        place = end
    return SourceWords(tuple(values), " ".join(waveform), tuple(others))


def _pieces(word: str) -> list[str]:
    """A word parted behind its closing brackets (`1k)AC` is two), and KiCad's `dc(5)` at its opening one."""
    called = _CALLED.fullmatch(word)
    if called is not None:
        return [called[1], called[2]]
    return [word] if '"' in word else re.sub(r"\)(?=[A-Za-z])", ") ", word).split()


def _end_of_amplitude(words: Sequence[str], place: int) -> int:
    """Where the amplitude and the phase that start here end; both may be left out."""
    for pattern in (_AMPLITUDE, _NUMBER):
        if place < len(words) and pattern.fullmatch(words[place]) and not _is_keyword(words[place]):
            place += 1
    return place


def _is_keyword(word: str) -> bool:
    return word.lower() in ("ac", "dc", "step") or _WAVEFORM.match(word) is not None


def _end_of_waveform(words: Sequence[str], start: int) -> int:
    """Where the waveform that starts here ends: behind its bracket, or its numbers where it has none; beyond all where that stays open."""
    place, depth = start, words[start].count("(") - words[start].count(")")
    bracketed = "(" in words[start]
    is_pwl = words[start].lower().startswith("pwl")
    for place in range(start + 1, len(words)):
        word = words[place]
        opens = not bracketed and word.startswith("(")
        if depth <= 0 and not (
            opens or (not bracketed and _NUMBER.fullmatch(word)) or (is_pwl and _OF_PWL.fullmatch(word))
        ):
            return place
        bracketed |= opens
        depth += word.count("(") - word.count(")")
    return len(words) + (depth > 0)
