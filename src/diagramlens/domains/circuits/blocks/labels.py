"""How names and transfer functions are set in type: subscripts, powers, and a fraction as one line over another.

A label is a row of runs (text, type size, drop below the baseline), the form that the pen writes. Nothing here draws.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from diagramlens.domains.circuits.pen import Run
from diagramlens.domains.circuits.styles import font

# The widest face that a style has: what fits in it fits in all.
_WIDEST = "DejaVuSans-Bold.ttf"
_PIECE = re.compile(r"\*\*(\d+)|([A-Za-z])(\d+)|(\*)|([^*]+?(?=\*|[A-Za-z]\d|$))")


def name_runs(name: str, size: float, subscript: bool) -> list[Run]:
    """A name; its digits small and low where the style has it so."""
    letters, digits = name.rstrip("0123456789"), name[len(name.rstrip("0123456789")) :]
    if not (subscript and letters and digits):
        return [(name, size, 0.0)]
    return [(letters, size, 0.0), (digits, size * 0.78, size * 0.16)]


def value_rows(value: str, size: float, subscript: bool) -> tuple[list[Run], list[Run]]:
    """A transfer function as its numerator and its denominator; the second is empty where nothing is divided.

    >>> value_rows("10/(s**2+4)", 14.0, False)[1][0]
    ('s', 14.0, 0.0)
    """
    above, below = _divided(value)
    return _runs(above, size, subscript), _runs(below, size, subscript) if below else []


def row_width(runs: Sequence[Run]) -> float:
    """An upper bound of a row's width in units, whatever the style."""
    return sum(_advance(text) * size for text, size, _ in runs)


@lru_cache(maxsize=1024)
def _advance(text: str) -> float:
    """The width of a text of type size 1 in the widest face."""
    return font(_WIDEST, 40).getlength(text) / 40


def _divided(value: str) -> tuple[str, str]:
    """The two sides of the last slash that stands outside parentheses, parentheses around a whole side taken off."""
    depth, slash = 0, -1
    for place, sign in enumerate(value):
        depth += (sign == "(") - (sign == ")")
        if sign == "/" and depth == 0:
            slash = place
    return (_bare(value), "") if slash < 0 else (_bare(value[:slash]), _bare(value[slash + 1 :]))


def _bare(side: str) -> str:
    """`(s+2)` without its parentheses; `(s+1)*(s+2)` as it is."""
    depth = 0
    for place, sign in enumerate(side):
        depth += (sign == "(") - (sign == ")")
        if depth == 0 and place < len(side) - 1:
            return side
    return side[1:-1] if side.startswith("(") else side


def _runs(side: str, size: float, subscript: bool) -> list[Run]:
    """Powers small and high, the multiplication sign left out, the digits of a name low where the style has it so."""
    runs: list[Run] = []
    for power, letter, digits, _, rest in _PIECE.findall(side):
        if power:
            runs.append((power, size * 0.72, -size * 0.36))
        elif letter:
            runs += name_runs(letter + digits, size, subscript)
        elif rest:
            runs.append((rest.replace("-", "\N{MINUS SIGN}"), size, 0.0))
    return runs
