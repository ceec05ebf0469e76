"""Which of its numbers a sentence claims, and what two sentences claim together; `claims` has the words, `quantities` the rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.claims import (
    MAX_LOOK,
    bounded,
    concludes,
    corrects,
    denied,
    explains,
    given,
    gives_reason,
    leads_to,
)
from diagramlens.grading.quantity import QUANTITY, Quantity, QuantityError, comparable, differ, same, value_of
from diagramlens.grading.units import unit_of

MAX_NUMBERS = 40

# Behind a number or its unit: what would make another number or unit of it.
_GOES_ON = re.compile(
    r"[,'’]\d|\s?[-+*/×x^]\s?[\d(\\.{√]|\s?[*/^·]\s?\w|\.\d|\d|[½¼¾⅓⅔°∠]|\s?±"
    r"|\s?\+\s?[A-Za-z(\\]|\s?-\s?[ij]\s?\d|\s?-\s?[A-Z]_?\{?\w{1,4}\}?\s*(?:\Z|[=+*/)])"
    r"|\s(?:less|more|lower|higher|smaller|greater|larger) than\b|\s(?:above|below|over|under) (?:the )?[-+]?\d"
    r"|\s?\^|\sper\s(?!cent)|[- ](?:amperes?|seconds?|met(?:er|re)s?)\b"
)
_FOREIGN_UNIT = re.compile(
    r" ?(?!(?:as|at|by|in|is|of|on|or|to|so|if|for|and|the|not|was|via|per|DC|AC|dc|ac|rms|RMS)\b)[A-Za-z°]{1,3}\b(?!\s?=)"
    r"| ?(?:(?:milli|micro|nano|kilo|mega)?(?:met(?:er|re)|gram|joule|coulomb|tesla|weber|newton|kelvin|degree|turn"
    r"|minute|hour|var|mho)s?)\b"
)
# The words between two numbers. What joins them into one computation; what says the same again; what only says where.
_OPERATOR = re.compile(
    r"(?:[-+*/^x×√]|\\frac\s?\{?|\|\||\b(?:twice|double|half|times|(?:negative|opposite|inverse|reciprocal|double|half|third|quarter|tenth|square"
    r"|root|fraction|multiple) of)(?: the)?)\s*[({\[]*\s*\Z",
    re.IGNORECASE,
)
_SAME_AGAIN = re.compile(
    r"[)}\]\s,;]*[({\[\s,;]*(?:[=~]|or|or about|i\.?e\.?|that is|that['’]s|which is|which equals|equivalently"
    r"|equivalent to|corresponding to|corresponds to|also|about|approx\.?|approximately|in other words|a\.?k\.?a\.?"
    r"|rounded to|rounded)?[\s,:]*[=~]?[\s({]*",
    re.IGNORECASE,
)
_CHOICE = re.compile(
    r"[)}\]\s,;]*(?:or|to|and|through|/|-)?[\s,;]*(?:[A-Za-z]_?\w*\s?=\s?|maybe |perhaps |possibly |even |else )*[({]*",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"\b(?:across|through|from|over|with|of|in|into|by|per|than|under|within|on|at|for)\s+(?:(?:a|an|the|its|each|all|only|R\w*|total|full)\s+){0,2}\Z",
    re.IGNORECASE,
)
_WORDS_IN_BRACKETS = re.compile(r"\([^()\d]{0,80}\)")
_JOINED = re.compile(r"=|\bor\b", re.IGNORECASE)
_ASSERTED = re.compile(r"(?:\b(?:is|are|be|equals|of|about|approximately)|:)\s*\Z", re.IGNORECASE)
_MAGNITUDE = re.compile(r"\|[^|=]{1,20}\|\s*=\s*\Z")
_SUBTRACTS_FROM = re.compile(r"(?:\d|[A-Z]\w*|\w*_\w*|[)\]}])\s*\Z")


@dataclass(frozen=True)
class Claim:
    """What a sentence claims, or why it claims nothing clear; whether it says nothing else, concludes, only explains, or denies it."""

    quantity: Quantity
    fault: str = ""
    bare: bool = False
    concluding: bool = False
    final: bool = False
    explaining: bool = False
    denying: bool = False
    correcting: bool = False

    def followed_by(self, other: Claim, unit: str | None) -> Claim:
        """What both claim together: the later, unless it only explains, or says something else without saying that it follows."""
        differs = differ(self.quantity, other.quantity)
        if other.denying:
            return self if differs else Claim(self.quantity, "it is denied")
        if other.correcting and differs:
            return other
        if self.fault or self.explaining:
            return other
        if (
            other.explaining
            or _in_passing(other.quantity, self.quantity, unit)
            or (other.quantity.unit is None and self.quantity.unit is not None)
        ):
            return self
        if (self.bare and not (differs and other.final)) or (self.concluding and not other.final):
            return self
        if differs and (self.bare or not other.final):
            return Claim(other.quantity, "two quantities are stated, and nothing says which is the answer")
        return other


class _Reading:
    """The claim of one sentence as it is read from left to right: the quantity so far, and what is in doubt about it."""

    def __init__(self, sentence: str, unit: str | None) -> None:
        self.sentence = sentence
        self.unit = unit
        self.claim: Quantity | None = None
        self.fault = ""
        self.concluding = concludes(sentence)
        self.final = self.concluding or "=" in sentence
        self.explains = explains(sentence)
        self.given = given(sentence)
        self.denies: Quantity | None = None
        # Where what is read gives a reason, or stands in a bracket that does: nothing counts there until what ends it.
        self.reason = False
        self.closing = ""
        self.at = 0

    def read(self, found: re.Match[str]) -> None:
        """Take in the next number of the sentence."""
        between, behind = self.sentence[self.at : found.start()], self.sentence[found.end() : found.end() + MAX_LOOK]
        self.at = found.end()
        if self.closing and self.closing not in between:
            # A bracket behind a unit is taken for one around it.
            opening = "(" if self.closing == ")" else "["
            self.closing = self.closing if found[0].count(self.closing) <= found[0].count(opening) else ""
            return
        between, self.closing = between.rpartition(self.closing)[2] if self.closing else between, ""
        value = Quantity(value_of(found), _unit(found, behind))
        if self.claim is not None and (self.reason or gives_reason(between)):
            self.reason = not concludes(between)
            if self.reason:
                return
        before = self.sentence[max(0, found.start() - MAX_LOOK) : found.start()]
        if self.claim is not None and _MAGNITUDE.search(before):
            return
        if denied(before, behind):
            self.denies = value
        elif bounded(before, behind):
            if self.claim is None or _SAME_AGAIN.fullmatch(between):
                self.claim, self.fault = value, "it is only bounded"
        else:
            computing = bool(
                _OPERATOR.search(before)
                or before.rstrip().endswith("±")
                or (found["sign"] and _SUBTRACTS_FROM.search(before))
                or _GOES_ON.match(behind)
            )
            self._take(value, between, behind)
            if computing:
                self.fault = "± leaves the sign open" if "±" in before[-2:] else "the arithmetic is not carried out"

    def _take(self, value: Quantity, between: str, behind: str) -> None:
        """Take in a value that is claimed, `between` being the words since the number before it."""
        claim = self.claim
        between = _WORDS_IN_BRACKETS.sub("", between)
        opened = max(between.rfind("("), between.rfind("["))
        if claim is None:
            self.claim, self.fault = value, ""
        elif opened > max(between.rfind(")"), between.rfind("]")) and not _JOINED.search(between[:opened]):
            self.closing = ")" if between[opened] == "(" else "]"
            said_again = _SAME_AGAIN.fullmatch(between[opened:])
            closed = behind.lstrip().startswith(self.closing) or self.sentence[self.at - 1] == self.closing
            self.closing = "" if self.sentence[self.at - 1] == self.closing else self.closing
            if said_again and (closed or comparable(claim, value)):
                self._say_again(value, keep=True)
        elif "=" in between:
            self._equate(value, between)
        elif value.unit == "%" and not comparable(claim, value) and behind.startswith(" of"):
            pass
        elif _SAME_AGAIN.fullmatch(between) or _CHOICE.fullmatch(between):
            self._say_again(value)
        elif not _PLACE.search(between):
            self._go_on(value, between)

    def _say_again(self, value: Quantity, *, keep: bool = False) -> None:
        """The same once more, or another: then there are two."""
        assert self.claim is not None
        if not same(self.claim, value):
            self.fault = self.fault or "two quantities are offered"
        elif (self.claim.unit in (None, "dB") and value.unit != "dB") or (value.unit not in (None, "dB") and not keep):
            self.claim = value

    def _equate(self, value: Quantity, between: str) -> None:
        """What stands behind `=`: the next side of a chain, or another quantity's value."""
        assert self.claim is not None
        if between.strip() in ("=", "==") and not self.fault:
            self._say_again(value)
        elif self.fault or leads_to(between) or not re.search(r",|\band\b|\bor\b", between) or self.given:
            self.claim, self.fault = value, ""
        else:
            self._go_on(value, between)

    def _go_on(self, value: Quantity, between: str) -> None:
        """Another number in the same sentence, words between them."""
        assert self.claim is not None
        if (value.unit is None and self.claim.unit is not None) or _in_passing(value, self.claim, self.unit):
            return
        if (
            (self.claim.unit is None and (value.unit or _ASSERTED.search(between)))
            or leads_to(between)
            or (self.given and "," in between)
        ):
            self.claim, self.fault, self.given = value, "", False
        elif differ(self.claim, value):
            self.fault = "two quantities are stated, and nothing says which is the answer"
        else:
            self.claim, self.fault = value, self.fault


def claim_of(sentence: str, unit: str | None) -> Claim | None:
    """What a sentence claims; None where it has no number that could be claimed."""
    reading = _Reading(sentence, unit)
    for place, found in enumerate(QUANTITY.finditer(sentence)):
        if place == MAX_NUMBERS:
            raise QuantityError(f"more than {MAX_NUMBERS} numbers in one sentence")
        reading.read(found)
    if reading.claim is None:
        return Claim(reading.denies, "it is denied", denying=True) if reading.denies else None
    words = re.sub(QUANTITY, " ", sentence)
    bare = not re.search(r"[A-Za-z]{2,}|=", words)
    return Claim(
        reading.claim,
        reading.fault,
        bare,
        reading.concluding,
        reading.final,
        reading.explains,
        correcting=corrects(sentence),
    )


def _unit(found: re.Match[str], behind: str) -> str | None:
    """The unit of a match; a short word in its place that is none is a wrong unit, not none."""
    unit = unit_of(found)
    if unit is not None or found["bare_prefix"] or found["letter"]:
        return unit
    foreign = _FOREIGN_UNIT.match(behind)
    return foreign[0].strip() if foreign else None


def _in_passing(value: Quantity, beside: Quantity, unit: str | None) -> bool:
    """Whether a quantity is in another unit than the one that is asked for, which the one beside it has."""
    asked = Quantity(Fraction(0), unit)
    return unit is not None and not comparable(value, asked) and beside.unit is not None and comparable(beside, asked)
