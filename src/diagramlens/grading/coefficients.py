"""MATLAB's transfer functions by their coefficients: `tf([R2], [R1*C1 1])` is R2/(R1*C1*s + 1)."""

from __future__ import annotations

import re

_TF = re.compile(r"\Atf\(\s*(\[[^\[\]]*\]|[^,\[\]]*),\s*(\[[^\[\]]*\]|[^,\[\]]*)\)\Z")
# Blanks part two coefficients unless an operator stands there: `[R1 + R2]` is one, and so is `[R1+R2]`; `[R1 -R2]` are two.
_PARTS = re.compile(r"\s*,\s*|(?<![-+*/^(\s])\s+(?![-+*/^)\s]\s|[*/^)])")
MAX_COEFFICIENTS = 32


def written_out(formula: str) -> str:
    """The quotient of polynomials that a call of `tf` stands for; any other formula as it is."""
    found = _TF.match(formula) if formula.startswith("tf(") else None
    return f"({_polynomial(found[1])})/({_polynomial(found[2])})" if found else formula


def _polynomial(coefficients: str) -> str:
    parts = [part for part in _PARTS.split(coefficients.strip("[] ")) if part]
    if not 0 < len(parts) <= MAX_COEFFICIENTS:
        return coefficients
    return " + ".join(f"({part})*s^{len(parts) - 1 - place}" for place, part in enumerate(parts))
