r"""Equivalence of two formulas whose names nobody listed: the names are inferred from the formulas themselves."""

from __future__ import annotations

import re

from diagramlens.grading.expressions import same_expression
from diagramlens.grading.final import MAX_CHARACTERS
from diagramlens.grading.tokens import MAX_NAME_LENGTH, ExpressionError, plain

_NAME = re.compile(
    r"(?P<command>\\[A-Za-z]+)?(?(command)|[A-Za-z])"
    r"(?:_\{[A-Za-z0-9]+\}|_\d+|_[a-z]{2,}(?![A-Za-z0-9_])|_[A-Za-z]|\d+)?"
)
_NO_NAMES = re.compile(
    r"\\(?:[dtc]?frac|over|omega|sqrt|boxed|fbox|begin|end|[a-z]*text[a-z]*|sin|cos|tan|exp|log|ln|int|sum|pm|mp)\Z"
)
_NOT_RATIONAL = re.compile(r"(?<![A-Za-z_])(?:sqrt|sin|cos|tan|exp|log|ln)\s?[({]")


def infer_names(*formulas: str) -> tuple[str, ...]:
    """The names that formulas use: one letter (or Greek command) with its digits or subscript; `RC` is two names, `R1C1` also.

    A subscript is what braces hold, digits, one letter, or a lower-case word (`V_out`). `s`, `j` and ω keep their meaning.
    """
    names: dict[str, str] = {}
    for formula in formulas:
        text = plain(re.sub(r"\\(?:boxed|fbox)\b", "", formula))
        # The exponent of 2e-3 is no name.
        text = re.sub(r"(?<![A-Za-z0-9_}])(\d+\.?\d*)[eE][-+]?\d+", r"\1", text).replace("omega", "")
        for found in _NAME.finditer(text):
            name = found[0]
            if name in ("s", "j", "w", "\\") or _NO_NAMES.match(name) or len(name) > MAX_NAME_LENGTH:
                continue
            names.setdefault(re.sub("[_{}]", "", name), name)
    return tuple(names.values())


def check_sympy_equivalence(predicted: str, expected: str) -> bool:
    """Whether two formulas (ASCII as SymPy prints it, or LaTeX) are the same rational function, strict in sign and case.

    The names are inferred (`infer_names`), so write `*` between names where that rule would split them otherwise, or call
    `same_expression` with the names, which also says why. What cannot be read is not equivalent. SymPy is not involved: nothing is
    executed, and no input takes long.

    >>> check_sympy_equivalence("$x+y$", "$y+x$")
    True
    """
    if (
        max(len(predicted), len(expected)) > MAX_CHARACTERS
        or _NOT_RATIONAL.search(predicted)
        or _NOT_RATIONAL.search(expected)
    ):
        return False
    try:
        return same_expression(expected, predicted, infer_names(expected, predicted)).correct
    except ExpressionError:
        return False
