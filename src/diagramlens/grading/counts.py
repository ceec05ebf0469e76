"""How many: one whole number out of an answer such as `3`, `three`, or `There are 3 resistors (R1, R2, R3).`

An answer that counts several kinds of parts (`3 resistors and 2 capacitors`) can be read only where the gold says which was asked for.
"""

from __future__ import annotations

import re
from itertools import pairwise

from diagramlens.grading.claims import bounded, concludes, denied, explains, sentences, unnumbered
from diagramlens.grading.final import MAX_CHARACTERS, last_box, last_lines, single_blanks, unlisted
from diagramlens.grading.numerals import plain_numbers
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
# Digits that belong to a name (R3, V_2, x10) or to a formula (s+1, s**2) are no count; a decimal is one number, not two.
_NUMBER = re.compile(r"(?<![\w.{])(?<!\w\[)(?<![\w)][-+*/^])[-+−]?[0-9]+(?:[.,][0-9]+)*(?!\w|\s?[/^]\s?[\w(])")
_POWER = re.compile(r"(?<=[\w)\]])\*\*(?=[\d(])")
_WORD = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_EITHER = re.compile(rf"{_NUMBER.pattern}|{_WORD.pattern}", re.IGNORECASE)
_TERM = re.compile(rf"[-+$*({{\s]*(?:{_NUMBER.pattern}|{_WORD.pattern})", re.IGNORECASE)
# A number that is part of a sum, or has a fraction behind it in words.
_GOES_ON = re.compile(r"(?<![\w.])\d+ ?[+*×·] ?\w|\band (?:a|one) (?:half|third|quarter)\b|[½¼¾]", re.IGNORECASE)
MAX_COUNTED = 32
MAX_SENTENCES = 100
_OR = re.compile(r"[^.;\d]{0,40}\bor\b[\s,]*(?:maybe|perhaps|possibly|even)?\s*|\s*(?:to|/)\s*", re.IGNORECASE)
_REASON = re.compile(
    r"(?<=[\s,;])(?:because|since|as|where|while|whereas|given|due to|namely|note)\b|:\s(?=[a-z])|\s[-–—]{1,3}\s",
    re.IGNORECASE,
)
_NOUN = re.compile(r"[ \w-]{1,40}?(?=\s+(?:or|and|at|is|are|can|cannot|could|would|must|isn|aren)\b)")
_NO = re.compile(r"\bno\s+\Z", re.IGNORECASE)
_BARE = re.compile(
    rf"\W*(?:[A-Za-z]\w{{0,3}}\s*=)?(?:\W|\\(?:text|mathrm))*(?:{_NUMBER.pattern}|{_WORD.pattern})\W*", re.IGNORECASE
)
_STATES = re.compile(
    r"\b(?:is|are|has|have|contains?|there|counts?|total|number)\b|=|:\s|\A\W*(?:\d+|zero|one|two|three|four|five|six|seven|eight|nine|ten|no)\b",
    re.IGNORECASE,
)
# In brackets behind the number, and not another number that is offered or says it is none.
_REMARK = re.compile(
    r"(?<=\s)\((?![^()]{0,200}\b(?:or|not|maybe|perhaps|possibly|wrong|incorrect|at (?:most|least))\b)[^()\d]{0,200}[A-Za-z][^()]{0,200}\)"
)
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
    kind is `what`. A fraction is none either, nor is a number that is denied or only bounded; those of a reason or a remark behind the
    first are passed over.
    """
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    boxed = last_box(predicted)
    line = _answering(single_blanks(unnumbered(predicted if boxed is None else boxed)), what)
    if line is None:
        return Verdict(
            False, f"not readable: two numbers are stated in {short(predicted)!r}, and nothing says which is the answer"
        )
    line = _POWER.sub("^", line)
    line = re.sub(r"[*$`~]|\\[()\[\]]|\\(?:text|mathrm)\s?\{", " ", line).rpartition("=")[2]
    line = _claimed(plain_numbers(line))
    if _GOES_ON.search(line):
        return Verdict(False, f"not readable: {short(line)!r} is no whole number, or a sum that is not carried out")
    numbers = _numbers_before(what, line) if what else set()
    if not numbers:
        found = list(_NUMBER.finditer(line)) or list(_WORD.finditer(line))
        if len(found) > MAX_COUNTED:
            return Verdict(False, f"not readable: more than {MAX_COUNTED} numbers in {short(line)!r}")
        if any(bounded(line[: match.start()], _behind(match, line)) for match in found):
            return Verdict(False, f"not readable: {short(line)!r} only bounds the number")
        kept = [
            match[0]
            for match in found
            if not (denied(line[: match.start()], _behind(match, line)) or _NO.search(line[: match.start()]))
        ]
        if found and not kept:
            return Verdict(False, f"not readable: {short(line)!r} denies it")
        if what and len(found) == 1 and _counts_others(what, found[0], line):
            return Verdict(False, f"not readable: {short(line)!r} does not count {what}")
        numbers = {_number(text) for text in kept} | _offered(line)
    if not numbers:
        return Verdict(False, f"not readable: there is no number in {short(predicted)!r}")
    if len(numbers) > 1:
        return Verdict(False, f"not readable: several numbers in {short(line)!r}")
    number = numbers.pop()
    if number is None:
        return Verdict(False, f"not readable: {short(line)!r} is not a whole number")
    return Verdict(number == gold, f"{number} is right" if number == gold else f"{number} is not {gold}")


def _behind(number: re.Match[str], line: str) -> str:
    """What stands behind a number and the kind of part that it counts."""
    counted = _NOUN.match(line, number.end())
    return line[counted.end() if counted else number.end() :]


def _answering(text: str, what: str | None) -> str | None:
    """The line or the sentence that gives the number: of several that state one the last that concludes, or that counts `what`.

    Else a number that stands alone, else the last line with one; None where two sentences state different numbers and nothing tells which.
    """
    said = [
        sentence
        for sentence in sentences(unlisted(text, _TERM.match))[-MAX_SENTENCES:]
        if _EITHER.search(sentence) and not explains(sentence)
    ]
    stating = [sentence for sentence in said if _BARE.fullmatch(sentence) or _STATES.search(sentence)]
    asked = [sentence for sentence in stating if what and _singular(what) in re.sub("[ -]", "", sentence.lower())]
    telling = (
        [sentence for sentence in stating if concludes(sentence)]
        or asked
        or [one for one in stating if _BARE.fullmatch(one)]
        or stating
    )
    if not telling or len(said) == 1:
        return last_lines(text, _EITHER, _TERM.match)
    numbers = [{_number(match[0]) for match in _EITHER.finditer(_claimed(sentence))} for sentence in telling]
    return telling[-1] if all(found == numbers[-1] for found in numbers) or concludes(telling[-1]) else None


def _claimed(line: str) -> str:
    """A line without the remark in brackets and the reason that may stand behind its first number."""
    first = _EITHER.search(line)
    if first is None:
        return line
    behind = _REMARK.sub(" ", line[first.end() :])
    reason = _REASON.search(behind)
    return line[: first.end()] + (behind[: reason.start()] if reason else behind)


def _offered(line: str) -> set[int | None]:
    """The numbers of an offer such as `four or 3`, be they digits or words."""
    found = list(_EITHER.finditer(line))
    pairs = [(one, other) for one, other in pairwise(found) if _OR.fullmatch(line[one.end() : other.start()])]
    return {_number(number[0]) for pair in pairs for number in pair}


def _number(text: str) -> int | None:
    word = _WORDS.get(text.lower())
    return _whole(text) if word is None else word


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
            counted.add(_number(number[0]))
    return counted


def _counts_others(what: str, number: re.Match[str], line: str) -> bool:
    """Whether a number stands before parts that are neither those asked for nor of a name that holds them: `2 parts`, `2 sources`."""
    kind = _COUNTED.match(line, number.end())
    if kind is None:
        return False
    asked, counted = _singular(what), _singular(kind["what"])
    return counted not in ("part", "component") and counted not in asked and asked not in counted


def _singular(parts: str) -> str:
    return re.sub("[ -]", "", parts.lower()).removesuffix("s")


def _whole(text: str) -> int | None:
    whole, _, decimals = text.partition(".")
    if len(whole) > MAX_DIGITS or decimals.strip("0") or "," in text or whole[0] in "-−":
        return None
    return int(whole)
