"""Quotients of polynomials in the names of a circuit's parts: from the solver's ring to text, and their limits in s.

A term is a string of bytes, one exponent for each name, s first, and its coefficient: it is read, turned, sorted and compared in C. That
is what makes the 75,025 terms of a ladder of 12 sections a matter of a third of a second.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd, lcm
from typing import Any

from diagramlens.domains.circuits.elimination import Polynomial, cancel, ring
from diagramlens.domains.circuits.solvable import SolveError

LAPLACE = "s"
MAX_EXPONENT = 255

Term = tuple[bytes, int]  # the exponent of each name, and the coefficient


@dataclass(frozen=True)
class Rational:
    """A quotient of two expanded integer polynomials without a common factor, as ASCII that SymPy reads.

    Terms stand in descending powers of s, then by their factors' names; the denominator's first coefficient is positive.
    """

    numerator: str
    denominator: str


def transfer_text(rational: Rational) -> str:
    """The transfer function in one line: `R2/(R1+R2)`, `1/(C1*R1*s+1)`, `-R1`, `0`."""
    if rational.denominator == "1":
        return rational.numerator
    numerator = f"({rational.numerator})" if re.search(r"(?<=.)[+-]", rational.numerator) else rational.numerator
    plain = re.fullmatch(r"\w+(\*\*\d+)?", rational.denominator)
    return f"{numerator}/{rational.denominator}" if plain else f"{numerator}/({rational.denominator})"


@dataclass(frozen=True)
class Formula:
    """The same quotient as terms in the order in which they are written; `names[0]` is s, and zero has no terms above."""

    names: tuple[str, ...]
    above: tuple[Term, ...]
    below: tuple[Term, ...]

    def rational(self) -> Rational:
        """The quotient as text."""
        if not self.above:
            return Rational("0", "1")
        return Rational(_sum_text(self.names, self.above), _sum_text(self.names, self.below))

    def coefficients(self) -> tuple[list[int], list[int]]:
        """Numerator and denominator as polynomials in s, lowest power first. Raises SolveError naming what is not a number."""
        for exponents, _ in (*self.above, *self.below):
            if any(exponents[1:]):
                name = next(name for name, exponent in zip(self.names[1:], exponents[1:], strict=True) if exponent)
                raise SolveError(f"{name} has no numeric value; give it one, such as 2.2k")
        return _dense(self.above), _dense(self.below)

    def at_zero(self) -> Formula:
        """The limit for s → 0 (direct current). Raises SolveError where there is none."""
        return self._limit(-1, "DC")

    def at_infinity(self) -> Formula:
        """The limit for s → infinity (high frequencies). Raises SolveError where there is none."""
        return self._limit(0, "high frequencies")

    def _limit(self, end: int, where: str) -> Formula:
        """What the terms at one end of the powers of s leave: `end` is 0 for the highest, -1 for the lowest."""
        if not self.above:
            return self
        above, below = (terms[end][0][0] for terms in (self.above, self.below))
        if above == below:
            return reduced(
                self.names,
                *([(b"\0" + e[1:], c) for e, c in terms if e[0] == terms[end][0][0]] for terms in self._both()),
            )
        if (above > below) == (end == 0):
            raise SolveError(f"there is no limit at {where}: the answer grows without bound")
        return Formula(self.names, (), ((bytes(len(self.names)), 1),))

    def _both(self) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        return self.above, self.below


def _dense(terms: Sequence[Term]) -> list[int]:
    dense = [0] * (1 + max((exponents[0] for exponents, _ in terms), default=0))
    for exponents, coefficient in terms:
        dense[exponents[0]] = coefficient
    return dense


# --- From the ring ----------------------------------------------------------------------------------------------------


def formula_of(names: Sequence[str], inverted: Sequence[bool], above: Polynomial, below: Polynomial) -> Formula:
    """The quotient of two coprime polynomials whose generators stand for the names, or for their inverses where `inverted` says so.

    A name may stand for several generators (a resistor and a capacitor of one symbol). Raises SolveError for exponents over 255.
    """
    degrees = _packed(max(map(int, pair)) for pair in zip(above.degrees(), below.degrees(), strict=True))
    flip = int.from_bytes(bytes(255 * turned for turned in inverted))
    keep = int.from_bytes(bytes(255 * (not turned) for turned in inverted))
    top = int.from_bytes(degrees) & flip
    size = len(names)
    polynomials = []
    for polynomial in (above, below):
        exponents = [int.from_bytes(bytes(monomial)) for monomial in polynomial.monoms()]
        # An inverse's exponent e becomes degree - e; no byte borrows from the next, because no e is above its degree.
        turned = [((packed & keep) + top - (packed & flip)).to_bytes(size) for packed in exponents]
        polynomials.append(list(zip(turned, polynomial.coeffs(), strict=True)))
    whole = _whole(*polynomials)
    if len(set(names)) == size:
        return _ordered(tuple(names), *whole)
    kept = tuple(dict.fromkeys(names))
    places = [[place for place, name in enumerate(names) if name == one] for one in kept]
    return reduced(kept, *(_merged(terms, places) for terms in whole))


def _packed(exponents: Iterable[int]) -> bytes:
    try:
        return bytes(exponents)
    except ValueError:
        raise SolveError(f"the circuit is too large: its answer has powers over {MAX_EXPONENT}") from None


def _whole(
    above: Sequence[tuple[bytes, object]], below: Sequence[tuple[bytes, object]]
) -> tuple[list[Term], list[Term]]:
    """Whole coefficients without a common factor instead of fractions (or of whole numbers, which are their own numerators)."""
    both = [[(exponents, *_fraction(number)) for exponents, number in terms] for terms in (above, below)]
    scale = lcm(*(under for terms in both for _, _, under in terms))
    numbers = [[(exponents, over * (scale // under)) for exponents, over, under in terms] for terms in both]
    common = gcd(*(number for terms in numbers for _, number in terms))
    if common > 1:
        numbers = [[(exponents, number // common) for exponents, number in terms] for terms in numbers]
    return numbers[0], numbers[1]


def _fraction(number: Any) -> tuple[int, int]:
    over, under = getattr(number, "p", number), getattr(number, "q", 1)
    return int(over), int(under)


def _merged(terms: Iterable[Term], places: Sequence[Sequence[int]]) -> list[Term]:
    """Terms in fewer names: each has the exponents at its places added up."""
    merged: defaultdict[bytes, int] = defaultdict(int)
    for exponents, coefficient in terms:
        merged[_packed(sum(exponents[place] for place in group) for group in places)] += coefficient
    return [(exponents, coefficient) for exponents, coefficient in merged.items() if coefficient]


def reduced(names: tuple[str, ...], above: Iterable[Term], below: Iterable[Term]) -> Formula:
    """The quotient of two sums of terms, cancelled. Raises SolveError for a denominator of zero."""
    context, _ = ring(len(names) - 1)
    over, under = (
        context.from_dict({tuple(exponents): number for exponents, number in terms}) for terms in (above, below)
    )
    if under.is_zero():
        raise SolveError("with the values given the equations are singular: the circuit's determinant is zero")
    over, under = cancel(over, under)
    return _ordered(
        names,
        *(
            [(bytes(monomial), int(c)) for monomial, c in zip(p.monoms(), p.coeffs(), strict=True)]
            for p in (over, under)
        ),
    )


def _ordered(names: tuple[str, ...], above: list[Term], below: list[Term]) -> Formula:
    """Terms in the order of writing, the denominator's first one positive. The names must be in the order of `natural`, s first."""
    if not above:
        return Formula(names, (), ((bytes(len(names)), 1),))
    for terms in (above, below):
        terms.sort(key=_order, reverse=True)
    if below[0][1] < 0:
        above, below = ([(exponents, -number) for exponents, number in terms] for terms in (above, below))
    return Formula(names, tuple(above), tuple(below))


def _order(term: Term) -> tuple[int, int, bytes]:
    exponents = term[0]
    return exponents[0], sum(exponents), exponents


# --- To text ----------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def natural(name: str) -> tuple[tuple[str, int], ...]:
    """A key that puts R2 before R10."""
    return tuple((letters, int(digits or -1)) for letters, digits in re.findall(r"(\D+)(\d*)", name))


class _Factors(dict[bytes, str]):
    """The text of the factors that a few names with given exponents are, made once for each exponents: `*C1*R1**2`."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__()
        self._names = names

    def __missing__(self, exponents: bytes) -> str:
        factors = zip(self._names, exponents, strict=True)
        text = self[exponents] = "".join(f"*{name}" if e == 1 else f"*{name}**{e}" for name, e in factors if e)
        return text


def _sum_text(names: Sequence[str], terms: Sequence[Term]) -> str:
    # Eight names at a time: few enough that their exponents repeat from term to term, many enough to be few look-ups.
    ends = [(_Factors(names[at : at + 8]), at, at + 8) for at in range(1, len(names), 8)] + [
        (_Factors(names[:1]), 0, 1)
    ]
    pieces = []
    for exponents, number in terms:
        factors = "".join([text[exponents[start:end]] for text, start, end in ends])
        if number == 1 and factors:
            pieces.append(f"+{factors[1:]}")
        elif number == -1 and factors:
            pieces.append(f"-{factors[1:]}")
        else:
            pieces.append(f"{number:+d}{factors}")
    return "".join(pieces).removeprefix("+")
