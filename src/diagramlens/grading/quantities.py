r"""Numbers with units: reading `2.5 mA` out of an answer, and comparing it with the exact gold.

Read are a sign, decimals, digits in groups and decimal commas (see numerals), fractions (`5/3 V`, `\frac{5}{3}`), scientific notation
(`2.5e-3`, `2.5 \times 10^{-3}`, `10³`), SI prefixes, `2k2`, units as symbols or English words or siunitx's, in LaTeX or Unicode or neither.

The last quantity with a unit that the answer claims counts, else the last number. Not claimed is what is denied or bounded, what gives a
reason or stands in a remark (see claims), and what is only where or of what: `across 2 kΩ`. A value may be said again, as a decimal or in
another unit, in brackets or behind `=` and `or`; it must then be the same. Refused is what leaves open which number is meant: `±4 V`, `4 V or
5 V`, `12 V/3`, two values side by side.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.claims import MAX_LOOK, bounded, concludes, denied, explains, given, gives_reason, leads_to, retracts, sentences
from diagramlens.grading.final import MAX_CHARACTERS, box_of, negates, unlisted
from diagramlens.grading.numerals import plain_numbers
from diagramlens.grading.tokens import plain
from diagramlens.grading.units import UNIT, factor_of, letter_factor, unit_of, with_angular, with_symbols
from diagramlens.records import DiagramLensError

TOLERANCE = Fraction(1, 100)
# In the base unit: a nanovolt or nanoampere is nothing in the circuits that are asked about.
ABSOLUTE_TOLERANCE = Fraction(1, 10**9)
# How far the decibels that repeat a ratio may be off, two digits being given: 1 % is 0.09 dB.
DECIBELS = 0.1
PI = Fraction(314159265358979, 10**14)
MAX_READ = 8_000
MAX_SENTENCES = 100
MAX_NUMBERS = 40
MAX_DIGITS = 40
MAX_DECIMAL_EXPONENT = 40


class QuantityError(DiagramLensError):
    """A text without one clear quantity. The message says what is missing or doubtful."""


@dataclass(frozen=True)
class Quantity:
    """A value in the base unit (4000 mV is 4), and the unit without its prefix; None where the text gives no unit."""

    value: Fraction
    unit: str | None


@dataclass(frozen=True)
class QuantityScore:
    """Whether the value is within the tolerance, whether the unit is the right one, and why not; whether there is a unit at all."""

    value_right: bool
    unit_right: bool
    reason: str
    unit_given: bool = True


_POWER = r"\s?(?:\^|\*\*)\s?[({]{0,2}\s?"
_POWER_OF_TEN = (
    rf"(?:\s?(?:\*|[xX])\s?(?:10{_POWER}|\^)(?P<power>[-+]?\s?\d{{1,4}})\s?[)}}]{{0,2}}|[eE](?P<exponent>[-+]?\d{{1,9}}))"
)
_NUMBER = r"(?:\d++(?:\.\d*+)?|\.\d++)"
_QUANTITY = re.compile(
    # A number after a sign that does not belong to it is not read at all.
    r"(?<![A-Za-z0-9_.^'’])(?<!\d,)(?<![_^]\{)(?<![-+])(?<![-+] )(?P<sign>[-+]\s?[({]?\s?)?"
    rf"(?:\\frac\s?\{{\s?(?P<top>-?\s?{_NUMBER})\s?\}}\s?\{{\s?(?P<bottom>{_NUMBER})\s?\}}"
    rf"|10{_POWER}(?P<bare_power>[-+]?\s?\d{{1,4}})\s?[)}}]{{0,2}}"
    rf"|(?P<number>{_NUMBER})(?:(?P<letter>[kKMRmunp])(?P<decimals>\d{{1,3}})(?![A-Za-z0-9])|{_POWER_OF_TEN}|\s?/\s?(?P<divisor>{_NUMBER}))?)"
    r"(?!st\b|nd\b|rd\b|th\b)"
    rf"(?:[)}}\]]?[ ]{{0,3}}-?[({{\[]?{UNIT}[)}}\]]?|(?P<bare_prefix>[kKMGmunp]|meg|Meg)(?![A-Za-z0-9_]))?",
    re.ASCII,
)
_MARKUP = re.compile(
    r"[$`~]|(?<![\d)])\*\*|\*\*(?![\d(+-])|\\[()\[\]]|\\(?:text|mathrm|mathsf|rm|unit|si|SI|qty|num|boxed|fbox|left|right|quad|qquad)\b|(?<=[A-Za-z0-9Ω}])\*+(?=[\s.,]|\Z)"
)
_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{")
# Behind a number or its unit: what would make another number or unit of it.
_GOES_ON = re.compile(r"[,'’]\d|\s?[-+*/×x^]\s?[\d(\\.{]|\s?[*/^·]\s?\w|\.\d|\d|[½¼¾⅓⅔°∠]|\s?±")
_FOREIGN_UNIT = re.compile(
    r" ?(?!(?:as|at|by|in|is|of|on|or|to|so|if|for|and|the|not|was|via|per|DC|AC|dc|ac|rms|RMS)\b)[A-Za-z°]{1,3}\b(?!\s?=)"
    r"| ?(?:(?:milli|micro|nano|kilo|mega)?(?:met(?:er|re)|gram|joule|coulomb|tesla|weber|newton|kelvin|degree|turn|minute|hour|var|mho)s?)\b"
)
# The words between two numbers. What joins them into one computation; what says the same again; what only says where.
_COMMAND = re.compile(r"\\[dt]?(?:frac|times|cdot|left|right)\b|[eE](?=[-+]?\d)")
_SIGN_WORD = re.compile(r"\b(?:minus|negative)\s+(?=[\d.]|\\[dt]?frac)", re.IGNORECASE)
_OPERATOR = re.compile(r"(?:[-+*/^x×]|\\frac\s?\{?|\|\|)\s*[({\[]*\s*\Z")
_SAME_AGAIN = re.compile(
    r"[)}\]\s,;]*[({\[\s,;]*(?:[=~]|or|or about|i\.?e\.?|that is|that['’]s|which is|which equals|equivalently|equivalent to|corresponding to"
    r"|corresponds to|also|about|approx\.?|approximately|in other words|a\.?k\.?a\.?|rounded to|rounded)?[\s,:]*[=~]?[\s({]*",
    re.IGNORECASE,
)
_CHOICE = re.compile(r"[)}\]\s,;]*(?:or|to|and|through|/|-)?[\s,;]*(?:[A-Za-z]_?\w*\s?=\s?|maybe |perhaps |possibly |even |else )*[({]*", re.IGNORECASE)
_PLACE = re.compile(
    r"\b(?:across|through|from|over|with|of|in|into|by|per|than|under|within|on|at|for)\s+(?:(?:a|an|the|its|each|all|only|R\w*|total|full)\s+){0,2}\Z", re.IGNORECASE
)
_WORDS_IN_BRACKETS = re.compile(r"\([^()\d]{0,80}\)")
_JOINED = re.compile(r"=|\bor\b", re.IGNORECASE)
_ASSERTED = re.compile(r"(?:\b(?:is|are|be|equals|of|about|approximately)|:)\s*\Z", re.IGNORECASE)
_SUBTRACTS_FROM = re.compile(r"(?:\d|[A-Z]\w*|\w*_\w*|[)\]}])\s*\Z")
_TERM = re.compile(r"[-+({\\[\s$]*(?:\d|\.\d|\\[dt]?frac)")
_CONVERTED: dict[tuple[str | None, str | None], Fraction] = {("rad/s", "Hz"): 1 / (2 * PI), ("Hz", "rad/s"): 2 * PI}
_RATIOS = (None, "V/V", "A/A")


def parse_quantity(text: str, unit: str | None = None) -> Quantity:
    """The quantity that an answer claims; see the module. Where a `unit` is asked for, others are said in passing beside one in it.

    Of a text of more than 8,000 characters the last ones are read. Raises QuantityError where there is none, where the text is longer
    than 20,000 characters, or where it is doubtful which is meant.
    """
    if len(text) > MAX_CHARACTERS:
        raise QuantityError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if len(text) > MAX_READ:
        # The last one counts, so the beginning need not be read; cut between words, not through a number.
        text = text[-MAX_READ:].partition(" ")[2]
    claim: _Claim | None = None
    for sentence in sentences(unlisted(_tidy(_boxed(text)), _TERM))[-MAX_SENTENCES:]:
        found = _claim_of(sentence, unit)
        if found is not None:
            claim = found if claim is None else claim.followed_by(found, unit)
        elif claim is not None and retracts(sentence):
            claim = _Claim(claim.quantity, "it is taken back")
    if claim is None:
        raise QuantityError("there is no number")
    if claim.fault:
        raise QuantityError(claim.fault)
    return claim.quantity


def _boxed(text: str) -> str:
    """What the last `\\boxed{}` holds, with the unit behind it where it holds a number alone; the whole text where there is none."""
    box = box_of(text)
    if box is None:
        return text
    before, content, behind = box
    if denied(sentences(before)[-1] if sentences(before) else ""):
        raise QuantityError("what is in the box is denied")
    if not re.search(r"[A-Za-zΩ%]", _COMMAND.sub("", content)):
        content += (re.match(r"[^.;:(\n]{0,40}", behind) or [""])[0]
    return f"-({content})" if negates(before, content) else content


@dataclass(frozen=True)
class _Claim:
    """What a sentence claims, or why it claims nothing clear; whether it says nothing else, concludes, only explains, or denies it."""

    quantity: Quantity
    fault: str = ""
    bare: bool = False
    concluding: bool = False
    final: bool = False
    explaining: bool = False
    denying: bool = False

    def followed_by(self, other: _Claim, unit: str | None) -> _Claim:
        """What both claim together: the later, unless it only explains, or says something else without saying that it follows."""
        differs = _differ(self.quantity, other.quantity)
        if other.denying:
            return self if differs else _Claim(self.quantity, "it is denied")
        if self.fault or self.explaining:
            return other
        if other.explaining or _in_passing(other.quantity, self.quantity, unit) or (other.quantity.unit is None and self.quantity.unit is not None):
            return self
        if (self.bare and not (differs and other.final)) or (self.concluding and not other.final):
            return self
        if differs and (self.bare or not other.final):
            return _Claim(other.quantity, "two quantities are stated, and nothing says which is the answer")
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
            return
        between, self.closing = between.rpartition(self.closing)[2] if self.closing else between, ""
        value = Quantity(_value(found), _unit(found, behind))
        if self.claim is not None and (self.reason or gives_reason(between)):
            self.reason = not concludes(between)
            if self.reason:
                return
        before = self.sentence[max(0, found.start() - MAX_LOOK) : found.start()]
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
            if said_again and (closed or _comparable(claim, value)):
                self._say_again(value, keep=True)
        elif "=" in between:
            self._equate(value, between)
        elif _SAME_AGAIN.fullmatch(between) or _CHOICE.fullmatch(between):
            self._say_again(value)
        elif not _PLACE.search(between):
            self._go_on(value, between)

    def _say_again(self, value: Quantity, *, keep: bool = False) -> None:
        """The same once more, or another: then there are two."""
        assert self.claim is not None
        if not _same(self.claim, value):
            self.fault = self.fault or "two quantities are offered"
        elif self.claim.unit in (None, "dB") and value.unit != "dB":
            self.claim = value
        elif value.unit not in (None, "dB") and not keep:
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
        if (self.claim.unit is None and (value.unit or _ASSERTED.search(between))) or leads_to(between) or (self.given and "," in between):
            self.claim, self.fault, self.given = value, "", False
        elif _differ(self.claim, value):
            self.fault = "two quantities are stated, and nothing says which is the answer"
        else:
            self.claim, self.fault = value, self.fault


def _claim_of(sentence: str, unit: str | None) -> _Claim | None:
    """What a sentence claims; None where it has no number that could be claimed."""
    reading = _Reading(sentence, unit)
    for place, found in enumerate(_QUANTITY.finditer(sentence)):
        if place == MAX_NUMBERS:
            raise QuantityError(f"more than {MAX_NUMBERS} numbers in one sentence")
        reading.read(found)
    if reading.claim is None:
        return _Claim(reading.denies, "it is denied", denying=True) if reading.denies else None
    words = re.sub(_QUANTITY, " ", sentence)
    bare = not re.search(r"[A-Za-z]{2,}|=", words)
    return _Claim(reading.claim, reading.fault, bare, reading.concluding, reading.final, reading.explains)


def _tidy(text: str) -> str:
    text = with_symbols(text.replace("\\pm", "±").replace("+/-", "±"))
    text = text.replace("\\[", " ").replace("\\]", " ").replace("\\(", " ").replace("\\)", " ")
    text = plain_numbers(_SIGN_WORD.sub("-", plain(text)))
    return re.sub(r"[ \t]+", " ", with_angular(_MARKUP.sub("", text)))


def _unit(found: re.Match[str], behind: str) -> str | None:
    """The unit of a match; a short word in its place that is none is a wrong unit, not none."""
    unit = unit_of(found)
    if unit is not None or found["bare_prefix"] or found["letter"]:
        return unit
    foreign = _FOREIGN_UNIT.match(behind)
    return foreign[0].strip() if foreign else None


def _value(found: re.Match[str]) -> Fraction:
    parts = [found[group] or "" for group in ("number", "top", "bottom", "divisor", "decimals")]
    exponent = int((found["power"] or found["bare_power"] or found["exponent"] or "0").replace(" ", ""))
    if max(map(len, parts)) > MAX_DIGITS or abs(exponent) > MAX_DECIMAL_EXPONENT:
        raise QuantityError(f"the number {found[0][:20]}… is too long or too large")
    if found["decimals"]:
        if "." in found["number"]:
            raise QuantityError(f"{found[0][:20]} has two decimal points")
        value = Fraction(f"{found['number']}.{found['decimals']}") * letter_factor(found["letter"])
    else:
        divisor = Fraction(found["bottom"] or found["divisor"] or 1)
        if divisor == 0:
            raise QuantityError("a division by zero")
        top = (found["top"] or found["number"] or "1").replace(" ", "")
        value = Fraction(top) / divisor * Fraction(10) ** exponent
    value *= factor_of(found)
    return -value if (found["sign"] or "").startswith("-") else value


def within(value: Fraction, gold: Fraction, tolerance: Fraction = TOLERANCE) -> bool:
    """Whether a value is within a relative tolerance (inclusive) of the gold; where the gold is 0, within 1e-9 of it."""
    return abs(value - gold) <= (abs(gold) * tolerance if gold else ABSOLUTE_TOLERANCE)


def _comparable(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities can be the same one."""
    units = (one.unit, other.unit)
    return one.unit == other.unit or None in units or units in _CONVERTED or bool({*units} & {"dB", "%"} and {*units} & {*_RATIOS})


def _same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are the same within the tolerance, in whichever units they are given."""
    if not _comparable(one, other):
        return False
    if one.unit != other.unit and "dB" in (one.unit, other.unit):
        ratio, decibels = (one, other) if other.unit == "dB" else (other, one)
        return bool(ratio.value) and abs(20 * math.log10(abs(ratio.value)) - float(decibels.value)) < DECIBELS
    values = [quantity.value / 100 if quantity.unit == "%" and one.unit != other.unit else quantity.value for quantity in (one, other)]
    return within(values[1] * _CONVERTED.get((other.unit, one.unit), Fraction(1)), values[0])


def _in_passing(value: Quantity, beside: Quantity, unit: str | None) -> bool:
    """Whether a quantity is in another unit than the one that is asked for, which the one beside it has."""
    asked = Quantity(Fraction(0), unit)
    return unit is not None and not _comparable(value, asked) and beside.unit is not None and _comparable(beside, asked)


def _differ(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are different values of what may be one."""
    return _comparable(one, other) and not _same(one, other)


def compare_quantities(gold: Quantity, predicted: str, tolerance: Fraction = TOLERANCE) -> QuantityScore:
    """Score an answer against the exact gold: the value within ±1 % and strict in sign, the unit right, its prefix aside.

    A number without a unit is taken in the base unit; its value may be right, its unit is not. A gold of 0 asks for a value within 1e-9.
    A frequency may be given in Hz or, if the answer says so, in rad/s: 10 krad/s is 1.59 kHz, and 10 kHz is not.
    """
    try:
        found = parse_quantity(predicted, gold.unit)
    except QuantityError as fault:
        return QuantityScore(False, False, f"not readable: {fault}")
    value = found.value * _CONVERTED.get((found.unit, gold.unit), Fraction(1))
    value_right = within(value, gold.value, tolerance)
    unit_right = found.unit == gold.unit or (found.unit, gold.unit) in _CONVERTED
    faults = []
    if not value_right:
        opposite = within(-value, gold.value, tolerance)
        wrong = "has the wrong sign" if opposite else f"is not within {float(tolerance):.3g} of {float(gold.value):.6g}"
        faults.append(f"{float(value):.6g} {wrong}")
    if not unit_right:
        faults.append(f"the unit is {found.unit or 'missing'}, not {gold.unit}")
    return QuantityScore(
        value_right, unit_right, "; ".join(faults) or "value and unit are right", found.unit is not None
    )
