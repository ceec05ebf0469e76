"""A number with its unit: what it is, where one stands in a text, and whether two are the same one."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.units import UNIT, factor_of, letter_factor
from diagramlens.records import DiagramLensError

TOLERANCE = Fraction(1, 100)
# In the base unit: a nanovolt or nanoampere is nothing in the circuits that are asked about.
ABSOLUTE_TOLERANCE = Fraction(1, 10**9)
# How far the decibels that repeat a ratio may be off, two digits being given: 1 % is 0.09 dB.
DECIBELS = 0.1
PI = Fraction(314159265358979, 10**14)
MAX_DIGITS = 40
MAX_DECIMAL_EXPONENT = 40


class QuantityError(DiagramLensError):
    """A text without one clear quantity. The message says what is missing or doubtful."""


@dataclass(frozen=True)
class Quantity:
    """A value in the base unit (4000 mV is 4), and the unit without its prefix; None where the text gives no unit."""

    value: Fraction
    unit: str | None


_POWER = r"\s?(?:\^|\*\*)\s?[({]{0,2}\s?"
_POWER_OF_TEN = rf"(?:\s?(?:\*|[xX])\s?(?:10{_POWER}|\^)(?P<power>[-+]?\s?\d{{1,4}})\s?[)}}]{{0,2}}|[eE](?P<exponent>[-+]?\d{{1,9}}))"
_NUMBER = r"(?:\d++(?:\.\d*+)?|\.\d++)"
QUANTITY = re.compile(
    # A number after a sign that does not belong to it is not read at all.
    r"(?<![A-Za-z0-9_.^'’])(?<!\d,)(?<![_^]\{)(?<![-+])(?<![-+] )(?P<sign>[-+]\s?[({]?\s?)?"
    rf"(?:\\frac\s?\{{\s?(?P<top>-?\s?{_NUMBER})\s?\}}\s?\{{\s?(?P<bottom>{_NUMBER})\s?\}}"
    rf"|10{_POWER}(?P<bare_power>[-+]?\s?\d{{1,4}})\s?[)}}]{{0,2}}"
    rf"|(?P<number>{_NUMBER})(?:(?P<letter>[kKMRmunp])(?P<decimals>\d{{1,3}})(?![A-Za-z0-9])|{_POWER_OF_TEN}|\s?/\s?(?P<divisor>{_NUMBER}))?)"
    r"(?!st\b|nd\b|rd\b|th\b)"
    rf"(?:[)}}\]]?[ ]{{0,3}}-?[({{\[]?{UNIT}[)}}\]]?|(?P<bare_prefix>[kKMGmunp]|meg|Meg)(?![A-Za-z0-9_]))?",
    re.ASCII,
)
CONVERTED: dict[tuple[str | None, str | None], Fraction] = {("rad/s", "Hz"): 1 / (2 * PI), ("Hz", "rad/s"): 2 * PI}
_RATIOS = (None, "V/V", "A/A")


def value_of(found: re.Match[str]) -> Fraction:
    """The value in the base unit of a match of QUANTITY. Raises QuantityError where it is too long, too large, or divides by zero."""
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


def comparable(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities can be the same one."""
    units = (one.unit, other.unit)
    return (
        one.unit == other.unit
        or None in units
        or units in CONVERTED
        or bool({*units} & {"dB", "%"} and {*units} & {*_RATIOS})
    )


def same(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are the same within the tolerance, in whichever units they are given."""
    if not comparable(one, other):
        return False
    if one.unit != other.unit and "dB" in (one.unit, other.unit):
        ratio, decibels = (one, other) if other.unit == "dB" else (other, one)
        return bool(ratio.value) and abs(20 * math.log10(abs(ratio.value)) - float(decibels.value)) < DECIBELS
    values = [
        quantity.value / 100 if quantity.unit == "%" and one.unit != other.unit else quantity.value
        for quantity in (one, other)
    ]
    return within(values[1] * CONVERTED.get((other.unit, one.unit), Fraction(1)), values[0])


def differ(one: Quantity, other: Quantity) -> bool:
    """Whether two quantities are different values of what may be one."""
    return comparable(one, other) and not same(one, other)
