r"""One spelling for formulas that are the same text: what `equation_exact_accuracy` compares."""

from __future__ import annotations

import re

from diagramlens.grading.final import MAX_CHARACTERS
from diagramlens.grading.tokens import plain

_WRAPPERS = re.compile(
    r"\A(?:\$\$(.*)\$\$|\$([^$]*)\$|\\\[(.*)\\\]|\\\((.*)\\\)|\\boxed\s?\{(.*)\}|`([^`]*)`)\Z", re.DOTALL
)
_FRACTION = re.compile(r"\\frac\{([^{}]*)\}\{([^{}]*)\}")
_ATOM = re.compile(r"[A-Za-z0-9.]+|\([^()]*\)")
MAX_NESTED_FRACTIONS = 32


def normalize_latex(text: str) -> str:
    r"""The text of a formula with its spelling made uniform; equal results mean equal formulas, unequal ones may still be equivalent.

    Removed: delimiters (`$`, `\[`, `\boxed`, backticks), spaces, `\left` and `\right`, font commands, a final full stop. Rewritten:
    `\cdot` and `\times` to `*`, `**` to `^`, `R_{1}` and `R_1` to `R1`, `x^{2}` to `x^2`, `\frac{a}{b}` to `a/b` with the parentheses that
    keep its meaning, Unicode operators and superscripts to ASCII. Order, signs and case stay. A text of more than 20,000 characters is
    returned as it is.

    >>> normalize_latex(r"$\frac{R_2}{R_1 + R_2}$")
    'R2/(R1+R2)'
    """
    if len(text) > MAX_CHARACTERS:
        return text
    text = text.strip().rstrip(".").strip()
    for _ in range(3):
        wrapped = _WRAPPERS.match(text)
        if wrapped is None:
            break
        text = next(group for group in wrapped.groups() if group is not None).strip().rstrip(".").strip()
    text = re.sub(r"\s", "", plain(text)).replace("**", "^")
    text = re.sub(r"_\{(\w+)\}(?=\d)", r"_\1*", text)
    text = re.sub(r"(?<=[A-Za-z])_(?:\{(\w+)\}|(?=\w))", lambda found: found[1] or "", text)
    text = re.sub(r"\^\{(-?\w+)\}(?!\d)", r"^\1", text)
    for _ in range(MAX_NESTED_FRACTIONS):
        text, replaced = _FRACTION.subn(_as_quotient, text)
        if not replaced:
            break
    return text.replace("{", "(").replace("}", ")")


def _as_quotient(found: re.Match[str]) -> str:
    top, bottom = (part if _ATOM.fullmatch(part) else f"({part})" for part in found.groups())
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    alone = before in ("", "(", "{", "+", "-", "=") and after in ("", ")", "}", "+", "-", "=")
    return f"{top}/{bottom}" if alone else f"({top}/{bottom})"
