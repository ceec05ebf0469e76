"""Multiple choice as others write it: a text with lettered choices, and an answer that names one of them."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from dataclasses import dataclass

from diagramlens.sources.ledger import ItemError

FEWEST, MOST = 2, 8
_UNREADABLE = "choices cannot be read"
# "A) text", "(a) text", "A. text", "A: text", "**A.** text", at a line's start or behind a gap within it.
_MARK = r"[*_]*[(\[]?([A-Ha-h])[)\].:][*_]*[ \t]+"
_LABEL = re.compile(rf"(?:^|(?<=\s)){_MARK}", re.MULTILINE)
_FIRST_LABEL = re.compile(rf"^[ \t]*{_MARK}", re.MULTILINE)
_LETTER = re.compile(
    r"(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is)?\s*:?\s*)?[(\[*]*([A-Ha-h])[)\].:*]*",
    re.IGNORECASE,
)
_LETTER_AND_TEXT = re.compile(r"[(\[*]*([A-Ha-h])[)\].:*]+\s+(\S.*)", re.DOTALL)


@dataclass(frozen=True)
class Choices:
    """The texts in the order of their letters, A first, and the right letter."""

    texts: tuple[str, ...]
    letter: str

    @property
    def lines(self) -> str:
        """`A. …` to the last, one a line."""
        return "\n".join(f"{letter}. {text}" for letter, text in zip(string.ascii_uppercase, self.texts, strict=False))


def read_choices(listed: str, answer: str) -> Choices:
    """The choices of a text and the one that `answer` names, by its letter or its words. Raises ItemError."""
    texts = _texts(listed)
    if not FEWEST <= len(texts) <= MOST:
        raise ItemError(
            _UNREADABLE, f"{len(texts)} found, from {FEWEST} to {MOST} are read: {listed[:60]}", damage=False
        )
    if len({_plain(text) for text in texts}) < len(texts):
        raise ItemError(_UNREADABLE, f"two choices are alike: {listed[:60]}", damage=False)
    return Choices(texts, _right_letter(texts, answer.strip()))


def _texts(listed: str) -> tuple[str, ...]:
    """The lettered pieces, in the order of their letters without a gap; of a text without letters, its lines.

    Raises ItemError where lines begin with letters in another order: nobody could tell which choice an answer `A` means.
    """
    begun = "".join(found[1].upper() for found in _FIRST_LABEL.finditer(listed))
    if begun != string.ascii_uppercase[: len(begun)]:
        raise ItemError(_UNREADABLE, f"their letters are {', '.join(begun[:MOST])}: {listed[:60]}", damage=False)
    labels: list[re.Match[str]] = []
    for found in _LABEL.finditer(listed):
        if found[1].upper() == string.ascii_uppercase[len(labels)]:
            labels.append(found)
    if len(labels) >= FEWEST:
        ends = [label.start() for label in labels[1:]] + [len(listed)]
        return tuple(" ".join(listed[label.end() : end].split()) for label, end in zip(labels, ends, strict=True))
    return tuple(" ".join(line.split()) for line in listed.splitlines() if line.strip())


def _right_letter(texts: Sequence[str], answer: str) -> str:
    letters = string.ascii_uppercase[: len(texts)]
    same = [letter for letter, text in zip(letters, texts, strict=True) if _plain(text) == _plain(answer)]
    if same:
        return same[0]
    alone = _LETTER.fullmatch(answer)
    if alone is not None and alone[1].upper() in letters:
        return alone[1].upper()
    both = _LETTER_AND_TEXT.fullmatch(answer)
    if (
        both is not None
        and both[1].upper() in letters
        and _plain(texts[letters.index(both[1].upper())]) == _plain(both[2])
    ):
        return both[1].upper()
    raise ItemError(
        "answer names none of the choices", f"{answer[:60]}: expected one of {', '.join(letters)}", damage=False
    )


def _plain(text: str) -> str:
    return re.sub(r"[\s$*_`.]+", "", text).casefold()
