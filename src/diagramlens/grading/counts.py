"""How many: one whole number out of an answer such as `3`, `three`, or `There are 3 resistors (R1, R2, R3).`

An answer that counts several kinds of parts (`3 resistors and 2 capacitors`) can be read only where the gold says which was asked for.
"""

from __future__ import annotations

import re

from diagramlens.grading.final import MAX_CHARACTERS, last_box, last_lines, single_blanks
from diagramlens.grading.tokens import short
from diagramlens.grading.verdict import Verdict

MAX_DIGITS = 9

# fmt: off
NUMBER_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen", "fourteen",
    "fifteen", "sixteen",
)
# fmt: on
_WORDS = {word: number for number, word in enumerate(NUMBER_WORDS)} | {"no": 0, "none": 0}
# Digits that belong to a name (R3, V_2, x10) are no count; a decimal is one number, not two.
_NUMBER = re.compile(r"(?<![\w.{])(?<!\w\[)[-+−]?[0-9]+(?:[.,][0-9]+)*(?!\w)")
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_EITHER = re.compile(rf"{_NUMBER.pattern}|{_WORD.pattern}", re.IGNORECASE)
_TERM = re.compile(rf"[-+]?{_NUMBER.pattern}")
MAX_COUNTED = 32
# What is counted, with nothing behind it that would count anew: `1 resistor pair` is two of them, `2 resistors in each loop` who knows.
_COUNTED = re.compile(
    r" +(?P<what>(?:(?:independent|controlled|dependent|voltage|current) ){0,2}"
    r"(?:resistor|capacitor|inductor|source|transistor|diode|op[ -]?amp|part|component|node|block|summing point|input|loop)s?)"
    r"(?= *(?:[,.:;)]|\Z|and\b|in (?:this|the) (?:circuit|diagram|drawing|picture)\b))",
    re.IGNORECASE,
)


def compare_count(gold: int, predicted: str, what: str | None = None) -> Verdict:
    """Whether an answer gives this number; `what` is the plural of the parts asked for, None where the gold does not say.

    The last `\\boxed{}` counts, else the last line with a number; of a sum (`2 + 1 = 3`) what follows its last `=`. Number words count
    where there are no digits. Two different numbers are no answer, but where each stands before a kind of part that it counts, and one
    kind is `what`. A fraction is none either.
    """
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    boxed = last_box(predicted)
    line = last_lines(single_blanks(predicted if boxed is None else boxed), _EITHER, _TERM)
    line = re.sub(r"[*$`~]|\\[()\[\]]|\\(?:text|mathrm)\s?\{", " ", line).rpartition("=")[2]
    numbers = _numbers_before(what, line) if what else set()
    if not numbers:
        found = {match[0] for match in _NUMBER.finditer(line)}
        numbers = {_whole(text) for text in found} if found else {_WORDS[word.lower()] for word in _WORD.findall(line)}
    if not numbers:
        return Verdict(False, f"not readable: there is no number in {short(predicted)!r}")
    if len(numbers) > 1:
        return Verdict(False, f"not readable: several numbers in {short(line)!r}")
    number = numbers.pop()
    if number is None:
        return Verdict(False, f"not readable: {short(line)!r} is not a whole number")
    return Verdict(number == gold, f"{number} is right" if number == gold else f"{number} is not {gold}")


def _numbers_before(what: str, line: str) -> set[int | None]:
    """The numbers of these parts in a line that counts several kinds; empty where it does not, or any of its numbers counts none."""
    numbers = list(_EITHER.finditer(line))
    if not 1 < len(numbers) <= MAX_COUNTED:
        return set()
    counted: set[int | None] = set()
    for number in numbers:
        kind = _COUNTED.match(line, number.end())
        if kind is None:
            return set()
        if _singular(kind["what"]) == _singular(what):
            word = _WORDS.get(number[0].lower())
            counted.add(_whole(number[0]) if word is None else word)
    return counted


def _singular(parts: str) -> str:
    return re.sub("[ -]", "", parts.lower()).removesuffix("s")


def _whole(text: str) -> int | None:
    whole, _, decimals = text.replace(",", "").partition(".")
    if len(whole) > MAX_DIGITS or decimals.strip("0") or whole[0] in "-−":
        return None
    return int(whole)
