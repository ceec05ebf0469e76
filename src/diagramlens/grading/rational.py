"""Rational expressions as short programs, and their equality by evaluation modulo a large prime.

A formula is parsed once into a list of steps (no tree, no recursion when it runs), each step carrying its value as a numerator and a
denominator, so that evaluating it needs no modular inverse. Two formulas are equal as rational functions if they agree at a random point
modulo a prime (Schwartz 1980, Zippel 1979): with degrees below 100,000 and a prime of at least 90 bits, one point makes a wrong "equal"
less likely than 1e-21. Nothing is ever expanded, so what hangs a computer algebra system takes microseconds here.

Two things make the answer exact rather than likely. The prime is chosen larger than any coefficient that the difference of the two
formulas can have, so no coefficient vanishes by being a multiple of the prime. And every prime is 5 modulo 8, so it has a square
root of -1 (a power of 2): `j` is an ordinary number, ω is s/j, and an answer in jω is compared with one in s without special cases.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

from diagramlens.grading.tokens import IMAGINARY_UNIT, OMEGA, ExpressionError, S, short

# A zero denominator is bad luck once in 1e20 points, else the expression is undefined everywhere: one more draw tells.
DRAWS = 2

# (bits, k): 2**bits - k is the largest prime of that size that is 5 modulo 8. Multiples of 30, the bits of a digit of a Python int.
_PRIMES = ((90, 75), (180, 107), (360, 1155), (720, 395), (1440, 4259), (2880, 2499))

# What a step does with its operands: the places of earlier steps, but for NUMBER (numerator, denominator), SYMBOL (place among the
# symbols) and the second operand of POWER (the exponent).
NUMBER, SYMBOL, ADD, SUBTRACT, MULTIPLY, DIVIDE, PARALLEL, NEGATE, POWER = range(9)
_SUMS = (ADD, SUBTRACT)


class Relation(Enum):
    """How a second expression stands to a first."""

    EQUAL = "equal"
    OPPOSITE = "the gold with the opposite sign"
    RECIPROCAL = "the reciprocal of the gold"
    DIFFERENT = "not the gold"


@dataclass(frozen=True)
class Expression:
    """A rational expression: `symbols` in the order of their first use, `steps` as (operation, operand, operand).

    `degree` bounds the total degree of its numerator and denominator, `coefficient_bits` the logarithm of the sum of their
    coefficients' sizes; both are bounds from the shape of the formula, before any cancelling.
    """

    text: str
    symbols: tuple[str, ...]
    steps: tuple[tuple[int, int, int], ...]
    degree: int
    coefficient_bits: int

    @property
    def depends_on_frequency(self) -> bool:
        """Whether s or ω is written in it."""
        return S in self.symbols or OMEGA in self.symbols

    def at(self, point: Mapping[str, int], prime: int) -> tuple[int, int] | None:
        """Numerator and denominator modulo `prime` with every symbol's value from `point`; None where it divides by zero."""
        tops: list[int] = []
        bottoms: list[int] = []
        values = [point[symbol] for symbol in self.symbols]
        for operation, a, b in self.steps:
            if operation == SYMBOL:
                top, bottom = values[a], 1
            elif operation == MULTIPLY:
                top, bottom = tops[a] * tops[b] % prime, bottoms[a] * bottoms[b] % prime
            elif operation in _SUMS:
                under_a, under_b = bottoms[a], bottoms[b]
                top = tops[b] if operation == ADD else -tops[b]
                if under_a == under_b:
                    top, bottom = tops[a] + top, under_a
                else:
                    top, bottom = (tops[a] * under_b + top * under_a) % prime, under_a * under_b % prime
            elif operation == DIVIDE:
                top, bottom = tops[a] * bottoms[b] % prime, bottoms[a] * tops[b] % prime
            elif operation == NUMBER:
                top, bottom = a % prime, b % prime
            elif operation == POWER:
                top, bottom = pow(tops[a], abs(b), prime), pow(bottoms[a], abs(b), prime)
                if b < 0:
                    top, bottom = bottom, top
            elif operation == NEGATE:
                top, bottom = -tops[a], bottoms[a]
            else:
                top, bottom = tops[a] * tops[b] % prime, (tops[a] * bottoms[b] + tops[b] * bottoms[a]) % prime
            if bottom == 0:
                return None
            tops.append(top)
            bottoms.append(bottom)
        return tops[-1], bottoms[-1]


def compare(gold: Expression, other: Expression) -> Relation:
    """How `other` stands to `gold` as a rational function. Deterministic: the random point is a hash of the two texts.

    Raises ExpressionError where one of them divides by zero whatever the values.
    """
    prime, root = _prime(gold.coefficient_bits + other.coefficient_bits + 1)
    symbols = sorted({*gold.symbols, *other.symbols})
    for draw in range(DRAWS):
        point = _point(f"{draw}\0{gold.text}\0{other.text}", symbols, prime, root)
        first, second = gold.at(point, prime), other.at(point, prime)
        if first is None or second is None:
            continue
        (a, under_a), (b, under_b) = first, second
        across, along = a * under_b, b * under_a
        if (across - along) % prime == 0:
            return Relation.EQUAL
        if (across + along) % prime == 0:
            return Relation.OPPOSITE
        return Relation.RECIPROCAL if (a * b - under_a * under_b) % prime == 0 else Relation.DIFFERENT
    raise _undefined(gold if first is None else other)


def proportional(gold: Expression, other: Expression, variables: Collection[str]) -> bool | None:
    """Whether `other` is `gold` times a factor that is free of `variables`; None where either is zero everywhere.

    The quotient is looked at in two points that differ in the variables alone. Raises ExpressionError as `compare` does.
    """
    # The four values that are compared have been multiplied together: hence the coefficients of both, twice.
    prime, root = _prime(2 * (gold.coefficient_bits + other.coefficient_bits) + 1)
    symbols = sorted({*gold.symbols, *other.symbols})
    for draw in range(DRAWS):
        seed = f"{draw}\0{gold.text}\0{other.text}"
        point = _point(seed, symbols, prime, root)
        drawn_anew = _point(f"{seed}\0anew", symbols, prime, root)
        moved = point | {name: drawn_anew[name] for name in symbols if name in variables}
        values = [expression.at(place, prime) for expression in (gold, other) for place in (point, moved)]
        if None in values:
            continue
        (a, under_a), (a_moved, under_a_moved), (b, under_b), (b_moved, under_b_moved) = (
            value for value in values if value is not None
        )
        if a % prime == a_moved % prime == 0 or b % prime == b_moved % prime == 0:
            return None
        return (a * b_moved * under_a_moved * under_b - a_moved * b * under_a * under_b_moved) % prime == 0
    raise _undefined(gold if None in values[:2] else other)


def _undefined(expression: Expression) -> ExpressionError:
    return ExpressionError(f"{short(expression.text)} divides by zero whatever the values")


@cache
def _prime_of(bits: int, k: int) -> tuple[int, int]:
    """2**bits - k and its √-1: 2 is no square modulo a prime that is 5 modulo 8, so a power of it is a square root of -1."""
    prime = 2**bits - k
    return prime, pow(2, (prime - 1) // 4, prime)


def _prime(coefficient_bits: int) -> tuple[int, int]:
    """A prime larger than any coefficient a + b·j of the difference (its norm is a² + b², hence twice the bits), and its √-1."""
    needed = 2 * coefficient_bits + 2
    for bits, k in _PRIMES:
        if bits > needed:
            return _prime_of(bits, k)
    raise ExpressionError("the two expressions together have coefficients too large to compare")


def _point(seed: str, symbols: Sequence[str], prime: int, root: int) -> dict[str, int]:
    """A value for each symbol, s, j and ω; the same for the same seed."""
    width = prime.bit_length() // 8 + 8
    stream = hashlib.shake_128(seed.encode(errors="backslashreplace")).digest(width * (len(symbols) + 1))
    values = [int.from_bytes(stream[at : at + width], "little") % prime for at in range(0, len(stream), width)]
    point = dict(zip(symbols, values[1:], strict=True))
    s = values[0]
    point[S], point[IMAGINARY_UNIT], point[OMEGA] = s, root, -root * s % prime
    return point
