"""Numbers as SPICE writes them, and the spellings of schematics that are brought to them."""

from __future__ import annotations

import re
from fractions import Fraction

_EXPONENTS = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "meg": 6, "g": 9, "t": 12}
_UNIT = r"(?:ohms?|ω|farads?|f|henr(?:y|ies|ys)|h|volts?|v|amp(?:ere)?s?|a|)"
_NUMBER = re.compile(
    rf"([+-]?(?:\d{{1,30}}(?:\.\d{{0,30}})?|\.\d{{1,30}})(?:e[+-]?\d{{1,2}})?)(meg|[fpnumkgt]?){_UNIT}"
)
# The suffix in place of the point, as on parts and in lists of them. M is left out: it would be mega there and is milli in SPICE.
_RKM = re.compile(rf"([+-]?\d{{1,30}})(meg|[fpnukgtrv]|(?-i:m))(\d{{1,30}}){_UNIT}", re.IGNORECASE)
_OHMS = re.compile(r"([+-]?\d{1,30}(?:\.\d{1,30})?)R", re.IGNORECASE)


def spice_number(text: str) -> Fraction | None:
    """The exact number that a text is by SPICE's rules (`2.2k`, `100nF`, `1meg`), None where it is none."""
    match = _NUMBER.fullmatch(_with_u(text).lower())
    return None if match is None else Fraction(match[1]) * Fraction(10) ** _EXPONENTS[match[2]]


def respelt(text: str) -> str:
    """`4k7` → `4.7k`, `1R5` → `1.5`, `100R` → `100`: what SPICE itself reads as 4k, 1 and 100. Other texts stay as they are."""
    ohms = _OHMS.fullmatch(text)
    if ohms is not None:
        return ohms[1]
    match = _RKM.fullmatch(_with_u(text))
    return text if match is None else f"{match[1]}.{match[3]}{match[2] if match[2] not in 'rRvV' else ''}"


def _with_u(text: str) -> str:
    return text.replace("\N{MICRO SIGN}", "u").replace("\N{GREEK SMALL LETTER MU}", "u")
