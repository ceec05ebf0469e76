"""Numbers as text: quantities of three digits for answers, values exactly for prompts."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

from diagramlens.domains.circuits.netlist import Part, value_of

OHM = "\N{GREEK CAPITAL LETTER OMEGA}"
# What the value of a part of each kind is measured in.
UNITS = {"V": "V", "I": "A", "R": OHM, "L": "H", "C": "F", "E": "", "F": "", "G": "S", "H": OHM}
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "\N{MICRO SIGN}", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def quantity_text(value: Fraction, unit: str) -> str:
    """A quantity to three significant digits (half to even) with an SI prefix: `4 V`, `-2.5 mA`; at most 0.5 % off."""
    if value == 0:
        return f"0 {unit}"
    power = decade(value) - 2
    digits = round(abs(value) / Fraction(10) ** power)
    return ("-" if value < 0 else "") + value_text(digits * Fraction(10) ** power, unit)


def value_text(value: Fraction, unit: str) -> str:
    """A decimal fraction exactly, with the SI prefix that leaves 1 to 3 digits before the point: `2.2 kΩ`, `100 nF`."""
    power = min(12, max(-15, decade(value) // 3 * 3)) if value else 0
    scaled = value / Fraction(10) ** power
    number = format((Decimal(scaled.numerator) / Decimal(scaled.denominator)).normalize(), "f")
    return f"{number} {_PREFIXES[power]}{unit}".rstrip()


def stated(part: Part) -> str:
    """A part's value as a prompt states it: `R1 = 2.2 kΩ`."""
    return f"{part.name} = {_value_of_part(part.kind, part.value or '')}"


@lru_cache(maxsize=4096)
def _value_of_part(kind: str, value: str) -> str:
    return value_text(value_of(value), UNITS[kind])


def gold_value(value: Fraction) -> str:
    """An exact number as a gold holds it: `5/3`."""
    return f"{value.numerator}/{value.denominator}"


def spice_text(value: Fraction) -> str:
    """A decimal fraction as a netlist gives it: `2200`, `0.0000001`."""
    return f"{Decimal(value.numerator) / Decimal(value.denominator):f}"


def decade(value: Fraction) -> int:
    """The power of ten of a number's first digit, exactly: 3 for 2200."""
    value = abs(value)
    power = len(str(value.numerator)) - len(str(value.denominator))
    return power if value >= Fraction(10) ** power else power - 1


def few_digits(value: Fraction, digits: int = 4) -> bool:
    """Whether a number can be written exactly with so many significant digits."""
    if value == 0:
        return True
    return (abs(value) / Fraction(10) ** (decade(value) - digits + 1)).denominator == 1
