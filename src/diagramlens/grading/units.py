r"""Units and their prefixes, as symbols, English words and siunitx's commands: what finds one behind a number, and tells it."""

from __future__ import annotations

import re
from fractions import Fraction

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
_PREFIX_WORDS = {
    "pico": -12,
    "nano": -9,
    "micro": -6,
    "milli": -3,
    "": 0,
    "kilo": 3,
    "mega": 6,
    "giga": 9,
    "k": 3,
    "kil": 3,
    "meg": 6,
}
_UNIT_WORDS = {
    "V": r"volts?",
    "A": r"amps?|amperes?",
    "Ω": r"ohms?",
    "W": r"watts?",
    "Hz": r"hertz",
    "s": r"seconds?|secs?",
    "F": r"farads?",
    "H": r"henr(?:y|ies|ys)",
    "S": r"siemens",
    "%": r"per ?cent",
    "dB": r"decibels?",
}
_SYMBOLS = {
    **{symbol: symbol for symbol in ("V", "A", "Ω", "W", "Hz", "s", "F", "H", "S", "rad", "%", "dB")},
    **dict.fromkeys(("Ohm", "ohm", "Ohms", "ohms"), "Ω"),
    **dict.fromkeys(("sec", "secs"), "s"),
}
_BY_WORD = {f"_{place}": unit for place, unit in enumerate(_UNIT_WORDS)}

# Groups: prefix and symbol, per; or prefix_word and one group for each unit's words.
UNIT = (
    r"(?:(?P<prefix>meg|Meg|[fpnumkKMGT])?[ ]?(?P<symbol>Ohms?|ohms?|dB|Hz|secs?|rad(?=/s)|[VAΩWsFHS%])(?P<per>/[A-Za-z]+)?(?![A-Za-z0-9_])"
    r"|(?i:(?P<prefix_word>pico|nano|micro|milli|kilo|kil|k|mega|meg|giga)?[ -]?(?:"
    + "|".join(f"(?P<_{place}>{words})" for place, words in enumerate(_UNIT_WORDS.values()))
    + r"))(?![A-Za-z0-9_]))"
)

_SIUNITX = {
    "pico": "p",
    "nano": "n",
    "micro": "u",
    "milli": "m",
    "kilo": "k",
    "mega": "M",
    "giga": "G",
    "volt": "V",
    "ampere": "A",
    "ohm": "Ω",
    "watt": "W",
    "hertz": "Hz",
    "second": "s",
    "farad": "F",
    "henry": "H",
    "siemens": "S",
    "radian": "rad",
    "per": "/",
    "percent": "%",
    "decibel": "dB",
    "Omega": "Ω",
    "mu": "u",
    # Its abbreviations.
    **{f"{prefix}{unit}": f"{prefix}{unit}" for prefix in "numkMG" for unit in ("A", "V", "W", "Hz", "s", "F", "H")},
    "Hz": "Hz",
    "kohm": "kΩ",
    "Mohm": "MΩ",
    "mohm": "mΩ",
    "pF": "pF",
}
_COMMAND = re.compile(rf"\\({'|'.join(sorted(_SIUNITX, key=len, reverse=True))})(?![A-Za-z])\s?")
_OPTIONS = re.compile(r"\\(SI|qty|num|si|unit)\s?\[[^\[\]]{0,80}\]")
# All the ways of writing rad/s, prefix aside: `rad/sec`, `radians per second`, `rad·s⁻¹`, `\\mathrm{rad}/\\mathrm{s}`.
_ANGULAR = re.compile(
    r"(?:(?P<kilo>kilo|mega)[ -]?)?rad(?:ian)?s?\}?\s*(?:(?:/|\bper\b)\s*\{?s(?:ec(?:ond)?s?)?(?![A-Za-z])"
    r"|[*.]?\s*\{?s\}?\s*\^\s*[({]{0,2}\s*-\s*1\s*[)}]{0,2})"
)
_RADIANS_OVER_SECONDS = re.compile(r"\\[dt]?frac\s?\{\s?([kM]?)\s?rad\s?\}\s?\{\s?s\s?\}")


def with_symbols(text: str) -> str:
    """The text with `\\Omega`, the micro signs and siunitx's commands as plain symbols: `\\kilo\\ohm` is kΩ."""
    text = text.replace("\u2126", "Ω").replace("µ", "u").replace("μ", "u")
    if "\\" not in text:
        return text
    text = _OPTIONS.sub(r"\\\1", text)
    return _COMMAND.sub(lambda found: _SIUNITX[found[1]], text.replace("\\%", "%"))


def with_angular(text: str) -> str:
    """The text with every spelling of radians per second as `rad/s`; to be called on what `tokens.plain` gives."""
    if "rad" not in text:
        return text
    text = _RADIANS_OVER_SECONDS.sub(r"\1rad/s", text)
    return _ANGULAR.sub(lambda found: {"kilo": "k", "mega": "M"}.get(found["kilo"] or "", "") + "rad/s", text)


def unit_of(found: re.Match[str]) -> str | None:
    """The unit without its prefix of a match that holds the groups of UNIT, None where it has none."""
    if found["symbol"]:
        return _SYMBOLS[found["symbol"]] + (found["per"] or "")
    return next((unit for group, unit in _BY_WORD.items() if found[group]), None)


def factor_of(found: re.Match[str]) -> Fraction:
    """What the prefix of such a match multiplies by, or a prefix alone in its group `bare_prefix`; 1 where it has none."""
    word = _PREFIX_WORDS[(found["prefix_word"] or "").lower()]
    return Fraction(10) ** (_PREFIXES[found["prefix"] or found["bare_prefix"] or ""] + word)


def letter_factor(letter: str) -> Fraction:
    """What the letter in `2k2` multiplies by; `R` stands for the point alone."""
    return Fraction(10) ** (0 if letter == "R" else _PREFIXES[letter])
