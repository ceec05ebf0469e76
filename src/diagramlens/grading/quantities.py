r"""Numbers with units: reading `2.5 mA` out of an answer, and comparing it with the exact gold.

Read are a sign, decimals, fractions (`5/3 V`, `\frac{5}{3}`), scientific notation (`2.5e-3`, `2.5 \times 10^{-3}`), SI prefixes, `2k2`,
units as symbols or English words, in LaTeX or Unicode or neither. The last quantity with a unit counts, else the last number. Refused is
what leaves open which number is meant: `±4 V`, `4 V or 5 V`, `12 V/3`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.prose import MAX_CHARACTERS
from diagramlens.grading.tokens import plain
from diagramlens.records import DiagramLensError

TOLERANCE = Fraction(1, 100)
# In the base unit: a nanovolt or nanoampere is nothing in the circuits that are asked about.
ABSOLUTE_TOLERANCE = Fraction(1, 10**9)
PI = Fraction(314159265358979, 10**14)
MAX_READ = 8_000
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


_PREFIXES = {
    "f": -15,
    "p": -12,
    "n": -9,
    "u": -6,
    "m": -3,
    "": 0,
    "k": 3,
    "K": 3,
    "M": 6,
    "meg": 6,
    "Meg": 6,
    "G": 9,
    "T": 12,
}
_PREFIX_WORDS = {"pico": -12, "nano": -9, "micro": -6, "milli": -3, "": 0, "kilo": 3, "mega": 6, "giga": 9}
_UNIT_WORDS = {
    "V": r"volts?",
    "A": r"amps?|amperes?",
    "Ω": r"(?:o|(?<=kilo))hms?",
    "W": r"watts?",
    "Hz": r"hertz",
    "s": r"seconds?|secs?",
    "F": r"farads?",
    "H": r"henr(?:y|ies|ys)",
    "S": r"siemens",
}
_SYMBOLS = {
    "V": "V",
    "A": "A",
    "Ω": "Ω",
    "Ohm": "Ω",
    "ohm": "Ω",
    "ohms": "Ω",
    "Ohms": "Ω",
    "W": "W",
    "Hz": "Hz",
    "s": "s",
    "sec": "s",
    "secs": "s",
    "F": "F",
    "H": "H",
    "S": "S",
    "rad": "rad",
}
_BY_WORD = {f"_{place}": unit for place, unit in enumerate(_UNIT_WORDS)}

_UNIT = (
    r"(?:(?P<prefix>meg|Meg|[fpnumkKMGT])?[ ]?(?P<symbol>Ohms?|ohms?|Hz|secs?|rad(?=/s)|[VAΩWsFHS])(?P<per>/[A-Za-z]+)?(?![A-Za-z0-9_])"
    r"|(?i:(?P<prefix_word>pico|nano|micro|milli|kilo|mega|giga)?[ -]?(?:"
    + "|".join(f"(?P<_{place}>{words})" for place, words in enumerate(_UNIT_WORDS.values()))
    + r"))(?![A-Za-z0-9_]))"
)
_POWER_OF_TEN = (
    r"(?:\s?(?:\*|[xX])\s?10\s?(?:\^|\*\*)\s?[({]?\s?(?P<power>[-+]?\d{1,4})[)}]?|[eE](?P<exponent>[-+]?\d{1,9}))"
)
_NUMBER = r"(?:\d+(?:\.\d*)?|\.\d+)"
_QUANTITY = re.compile(
    # A sign belongs to the number unless it joins two things; a number after a sign that does not belong to it is not read at all.
    r"(?<![A-Za-z0-9_.^])(?<!\d,)(?<![_^]\{)(?<![-+])(?<![-+] )(?P<sign>[-+]\s?)?"
    rf"(?:\\frac\s?\{{\s?(?P<top>{_NUMBER})\s?\}}\s?\{{\s?(?P<bottom>{_NUMBER})\s?\}}"
    rf"|(?P<number>{_NUMBER})(?:(?P<letter>[kKMRmunp])(?P<decimals>\d{{1,3}})(?![A-Za-z0-9])|{_POWER_OF_TEN}|\s?/\s?(?P<divisor>{_NUMBER}))?)"
    rf"(?:[)}}\]]?[ ]{{0,3}}[({{\[]?{_UNIT}[)}}\]]?|(?P<bare_prefix>[kKMGmunp]|meg|Meg)(?![A-Za-z0-9_]))?",
    re.ASCII,
)
_MARKUP = re.compile(
    r"[$`~]|(?<![\d)])\*\*|\*\*(?![\d(+-])|\\[()\[\]]|\\(?:text|mathrm|mathsf|rm|unit|si|SI|qty|boxed)\b|(?<=\d)\{?,\}?(?=\d{3}(?!\d))"
)
# All the ways of writing rad/s, prefix aside: `rad/sec`, `radians per second`, `rad·s⁻¹`, `\\mathrm{rad}/\\mathrm{s}`.
_ANGULAR = re.compile(
    r"rad(?:ian)?s?\}?\s*(?:(?:/|\bper\b)\s*\{?s(?:ec(?:ond)?s?)?(?![A-Za-z])|[*.]?\s*\{?s\}?\s*\^\s*[({]{0,2}\s*-\s*1\s*[)}]{0,2})"
)
_UNFINISHED = re.compile(r",\d|\s?[-+*/×x^]\s?[\d(\\.]")
_OPERATION = re.compile(r"\s*(?:\*\*|[*/x^+(-])?\s*")
_CHOICE = re.compile(r"[\s,;]*(?:or|to|and|–)[\s,;]*(?:[A-Za-z]_?\w*\s?=\s?)?", re.IGNORECASE)


def parse_quantity(text: str) -> Quantity:
    """The last quantity of an answer: the last number with a unit, or the last number where none has one.

    Of a text of more than 8,000 characters the last ones are read. Raises QuantityError where there is none, where the text is longer
    than 20,000 characters, or where two are offered.
    """
    if len(text) > MAX_CHARACTERS:
        raise QuantityError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if len(text) > MAX_READ:
        # The last one counts, so the beginning need not be read; cut between words, not through a number.
        text = text[-MAX_READ:].partition(" ")[2]
    text = _tidy(text)
    found = list(_QUANTITY.finditer(text))
    if not found:
        raise QuantityError("there is no number")
    place = next((place for place in reversed(range(len(found))) if _unit_of(found[place])), len(found) - 1)
    chosen = found[place]
    before = text[found[place - 1].end() if place else 0 : chosen.start()]
    if before.rstrip().endswith("±"):
        raise QuantityError("± leaves the sign open")
    if place and _CHOICE.fullmatch(before) and not within(_value(chosen), _value(found[place - 1])):
        raise QuantityError("two quantities are offered")
    signed = chosen["sign"] is not None
    if (place and (_OPERATION.fullmatch(before) and (signed or before.strip()))) or _UNFINISHED.match(
        text, chosen.end()
    ):
        raise QuantityError("the arithmetic is not carried out")
    return Quantity(_value(chosen), _unit_of(chosen))


def _tidy(text: str) -> str:
    boxed = text.rfind("\\boxed{")
    if boxed >= 0:
        text = text[boxed:]
    text = text.replace("\\Omega", "Ω").replace("\u2126", "Ω").replace("\\pm", "±")
    text = text.replace("\\mu", "u").replace("µ", "u").replace("μ", "u")
    text = text.replace("\\[", " ").replace("\\]", " ").replace("\\(", " ").replace("\\)", " ")
    text = _MARKUP.sub("", plain(text))
    return re.sub(r"[ \t]+", " ", _ANGULAR.sub("rad/s", text) if "rad" in text else text)


def _unit_of(found: re.Match[str]) -> str | None:
    if found["symbol"]:
        return _SYMBOLS[found["symbol"]] + (found["per"] or "")
    return next((unit for group, unit in _BY_WORD.items() if found[group]), None)


def _value(found: re.Match[str]) -> Fraction:
    parts = [found[group] or "" for group in ("number", "top", "bottom", "divisor", "decimals")]
    exponent = int(found["power"] or found["exponent"] or 0)
    if max(map(len, parts)) > MAX_DIGITS or abs(exponent) > MAX_DECIMAL_EXPONENT:
        raise QuantityError(f"the number {found[0][:20]}… is too long or too large")
    if found["decimals"]:
        if "." in found["number"]:
            raise QuantityError(f"{found[0][:20]} has two decimal points")
        scale = 0 if found["letter"] == "R" else _PREFIXES[found["letter"]]
        value = Fraction(f"{found['number']}.{found['decimals']}") * Fraction(10) ** scale
    else:
        divisor = Fraction(found["bottom"] or found["divisor"] or 1)
        if divisor == 0:
            raise QuantityError("a division by zero")
        value = Fraction(found["top"] or found["number"]) / divisor * Fraction(10) ** exponent
    prefix = (
        _PREFIXES[found["prefix"] or found["bare_prefix"] or ""] + _PREFIX_WORDS[(found["prefix_word"] or "").lower()]
    )
    value *= Fraction(10) ** prefix
    return -value if (found["sign"] or "").startswith("-") else value


def within(value: Fraction, gold: Fraction, tolerance: Fraction = TOLERANCE) -> bool:
    """Whether a value is within a relative tolerance (inclusive) of the gold; where the gold is 0, within 1e-9 of it."""
    return abs(value - gold) <= (abs(gold) * tolerance if gold else ABSOLUTE_TOLERANCE)


def compare_quantities(gold: Quantity, predicted: str, tolerance: Fraction = TOLERANCE) -> QuantityScore:
    """Score an answer against the exact gold: the value within ±1 % and strict in sign, the unit right, its prefix aside.

    A number without a unit is taken in the base unit; its value may be right, its unit is not. A gold of 0 asks for a value within 1e-9.
    A frequency may be given in Hz or, if the answer says so, in rad/s: 10 krad/s is 1.59 kHz, and 10 kHz is not.
    """
    try:
        found = parse_quantity(predicted)
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


_CONVERTED: dict[tuple[str | None, str | None], Fraction] = {("rad/s", "Hz"): 1 / (2 * PI), ("Hz", "rad/s"): 2 * PI}
