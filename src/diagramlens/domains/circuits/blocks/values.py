"""What may stand in a block: a quotient of polynomials in s with numbers and names, as `K`, `1/(s+2)` or `10*(s+1)/(s**2+0.5*s+4)`.

Read by a parser of its own and never evaluated as code, for the text may come from a model; length, depth, degree and number of
terms are bounded, so that nothing takes long.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from flint import fmpz_mpoly, fmpz_mpoly_ctx

from diagramlens.domains.circuits.elimination import cancel, ring

LAPLACE = "s"
MAX_LENGTH = 120
MAX_DEPTH = 6
MAX_DEGREE = 12
MAX_TERMS = 100
MAX_COEFFICIENT = 10**100

_TOKEN = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)|([A-Za-z][A-Za-z0-9_]{0,30})|(\*\*|[-+*/^()])")

Quotient = tuple[fmpz_mpoly, fmpz_mpoly]  # coprime numerator and denominator, the denominator not zero


class ValueTextError(ValueError):
    """Why a text is no transfer function; the reader of the line adds where it stands."""


def check_value(text: str) -> None:
    """Raise ValueTextError where the text is no quotient of polynomials."""
    read_value(text, names_in(text))


def names_in(text: str) -> list[str]:
    """The names that a transfer function uses besides s, sorted. Raises ValueTextError for a text with other signs in it."""
    return sorted({name for _, name, _ in _tokens(text) if name and name != LAPLACE})


def read_value(text: str, names: Sequence[str]) -> Quotient:
    """The transfer function over `ring(len(names))`: generator 0 is s, generator k + 1 is `names[k]`. Raises ValueTextError."""
    context, generators = ring(len(names))
    variables = {LAPLACE: generators[0]} | dict(zip(names, generators[1:], strict=True))
    reader = _Reader(_tokens(text), variables, context)
    found = reader.sum()
    if reader.at < len(reader.tokens):
        raise ValueTextError(f"{reader.peek()!r} does not belong there; write it as 10/(s+2)")
    return found


def _tokens(text: str) -> list[tuple[str, str, str]]:
    """(number, name, sign) for each token, two of the three empty."""
    if len(text) > MAX_LENGTH:
        raise ValueTextError(f"{len(text)} characters; at most {MAX_LENGTH} are read")
    tokens, place = [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueTextError(f"{text[place : place + 10]!r} is neither number, name nor one of + - * / ** ( )")
        tokens.append((match[1] or "", match[2] or "", match[3] or ""))
        place = match.end()
    return tokens


@dataclass
class _Reader:
    """Recursive descent: sum, product, power, atom; each returns a quotient in lowest terms."""

    tokens: list[tuple[str, str, str]]
    variables: dict[str, fmpz_mpoly]
    context: fmpz_mpoly_ctx
    at: int = 0
    depth: int = 0

    def peek(self) -> str:
        return "".join(self.tokens[self.at]) if self.at < len(self.tokens) else ""

    def take(self, *signs: str) -> str:
        """The next token where it is one of these signs, else nothing."""
        found = self.peek()
        if found not in signs:
            return ""
        self.at += 1
        return found

    def sum(self) -> Quotient:
        sign = self.take("+", "-")
        above, below = self.product()
        if sign == "-":
            above = -above
        while sign := self.take("+", "-"):
            more, over = self.product()
            above, below = _bounded(above * over + (more if sign == "+" else -more) * below, below * over)
        return above, below

    def product(self) -> Quotient:
        found = self.power()
        while sign := self.take("*", "/"):
            found = _times(found, self.power()) if sign == "*" else _over(found, self.power())
        return found

    def power(self) -> Quotient:
        base = self.atom()
        if not self.take("**", "^"):
            return base
        exponent = self.peek()
        self.at += 1
        if not re.fullmatch(r"\d{1,2}", exponent) or int(exponent) > MAX_DEGREE:
            raise ValueTextError(f"exponent {exponent!r}; it must be a whole number up to {MAX_DEGREE}")
        found: Quotient = (self.context.constant(1), self.context.constant(1))
        for _ in range(int(exponent)):
            found = _times(found, base)
        return found

    def atom(self) -> Quotient:
        """A number, a name, or a sum in brackets."""
        if self.at >= len(self.tokens):
            raise ValueTextError("it ends too early; write it as 10/(s+2)")
        number, name, _ = self.tokens[self.at]
        if self.take("("):
            self.depth += 1
            if self.depth > MAX_DEPTH:
                raise ValueTextError(f"parentheses nested more than {MAX_DEPTH} deep")
            found = self.sum()
            if not self.take(")"):
                raise ValueTextError("a parenthesis is not closed")
            self.depth -= 1
            return found
        self.at += 1
        if number:
            value = Fraction(number)
            return self.context.constant(value.numerator), self.context.constant(value.denominator)
        if name:
            return self.variables[name], self.context.constant(1)
        self.at -= 1
        raise ValueTextError(f"{self.peek()!r} does not belong there; write it as 10/(s+2)")


def _times(first: Quotient, second: Quotient) -> Quotient:
    return _bounded(first[0] * second[0], first[1] * second[1])


def _over(first: Quotient, second: Quotient) -> Quotient:
    if second[0].is_zero():
        raise ValueTextError("division by zero")
    return _bounded(first[0] * second[1], first[1] * second[0])


def _bounded(above: fmpz_mpoly, below: fmpz_mpoly) -> Quotient:
    above, below = cancel(above, below)
    for polynomial in (above, below):
        if len(polynomial) > MAX_TERMS or polynomial.total_degree() > MAX_DEGREE:
            raise ValueTextError(f"more than degree {MAX_DEGREE} or {MAX_TERMS} terms")
        if any(abs(int(coefficient)) >= MAX_COEFFICIENT for coefficient in polynomial.coeffs()):
            raise ValueTextError(f"a coefficient of more than {MAX_COEFFICIENT:.0e}")
    return above, below
