"""Rational expressions as short programs, and their equality by evaluation modulo a large prime.

A formula is parsed once into a list of steps (no tree, no recursion when it runs), each step carrying its value as a numerator and a
denominator, so that evaluating it needs no modular inverse. Two formulas are equal as rational functions if they agree at random points
modulo a prime (Schwartz 1980, Zippel 1979): with degrees below 100,000 and a prime of 90 bits a wrong "equal" has a chance below 1e-21
a point. Nothing is ever expanded, so what hangs a computer algebra system takes microseconds here.

Two things make the answer exact rather than likely. The prime is chosen larger than any coefficient that the difference of the two
formulas can have, so no coefficient vanishes by being a multiple of the prime. And every prime is 5 modulo 8, so it has a square
root of -1 (a power of 2): `j` is an ordinary number, ω is s/j, and an answer in jω is compared with one in s without special cases.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

from diagramlens.grading.tokens import IMAGINARY_UNIT, OMEGA, ExpressionError, S, Token, short

MAX_DEPTH = 64
MAX_EXPONENT = 64
MAX_DEGREE = 100_000
MAX_COEFFICIENT_BITS = 700.0  # of one expression; two of them stay below the largest prime
POINTS = 3
POINTS_OF_LARGE_PRIME = 1

# (bits, k): 2**bits - k is the largest prime of that size that is 5 modulo 8. Multiples of 30, the bits of a digit of a Python int.
_PRIMES = ((90, 75), (180, 107), (360, 1155), (720, 395), (1440, 4259), (2880, 2499))

_NUMBER, _SYMBOL, _ADD, _SUBTRACT, _MULTIPLY, _DIVIDE, _PARALLEL, _NEGATE, _POWER = range(9)


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
    coefficient_bits: float

    @property
    def depends_on_frequency(self) -> bool:
        """Whether s or ω is written in it."""
        return S in self.symbols or OMEGA in self.symbols

    def at(self, point: Mapping[str, int], prime: int) -> tuple[int, int] | None:
        """Numerator and denominator modulo `prime` with every symbol's value from `point`; None where it divides by zero."""
        numerators: list[int] = []
        denominators: list[int] = []
        for operation, a, b in self.steps:
            bottom = 1
            if operation == _SYMBOL:
                top = point[self.symbols[a]]
            elif operation == _NUMBER:
                top, bottom = a % prime, b % prime
            elif operation == _NEGATE:
                top, bottom = -numerators[a], denominators[a]
            elif operation == _POWER:
                top, bottom = pow(numerators[a], abs(b), prime), pow(denominators[a], abs(b), prime)
                if b < 0:
                    top, bottom = bottom, top
            else:
                top, bottom = _combine(operation, numerators[a], denominators[a], numerators[b], denominators[b])
                top, bottom = top % prime, bottom % prime
            if bottom == 0:
                return None
            numerators.append(top)
            denominators.append(bottom)
        return numerators[-1], denominators[-1]


def _combine(operation: int, a: int, under_a: int, b: int, under_b: int) -> tuple[int, int]:
    if operation == _MULTIPLY:
        return a * b, under_a * under_b
    if operation == _DIVIDE:
        return a * under_b, under_a * b
    if operation == _PARALLEL:
        return a * b, a * under_b + b * under_a
    if operation == _SUBTRACT:
        b = -b
    if under_a == under_b:
        return a + b, under_a
    return a * under_b + b * under_a, under_a * under_b


def compare(gold: Expression, other: Expression) -> Relation:
    """How `other` stands to `gold` as a rational function. Deterministic: the random points are a hash of the two texts.

    Raises ExpressionError where one of them divides by zero whatever the values.
    """
    prime, root = _prime(gold.coefficient_bits + other.coefficient_bits + 1)
    symbols = sorted({*gold.symbols, *other.symbols})
    relations = {Relation.EQUAL, Relation.OPPOSITE, Relation.RECIPROCAL}
    # Beyond 300 bits one point is already as sure as three are at 90 bits, and each costs more.
    points = POINTS if prime.bit_length() < 300 else POINTS_OF_LARGE_PRIME
    drawn = 0
    # A zero denominator is bad luck once in 1e20 points, else the expression is undefined everywhere: one more draw tells.
    for draw in range(points + 1):
        point = _point(f"{draw}\0{gold.text}\0{other.text}", symbols, prime, root)
        first, second = gold.at(point, prime), other.at(point, prime)
        if first is None or second is None:
            continue
        (a, under_a), (b, under_b) = first, second
        across, along = a * under_b % prime, b * under_a % prime
        if across != along:
            relations.discard(Relation.EQUAL)
        if (across + along) % prime:
            relations.discard(Relation.OPPOSITE)
        if (a * b - under_a * under_b) % prime:
            relations.discard(Relation.RECIPROCAL)
        drawn += 1
        if drawn == points or not relations:
            break
    if not drawn:
        raise ExpressionError(f"{short((gold if first is None else other).text)} divides by zero whatever the values")
    return next((relation for relation in Relation if relation in relations), Relation.DIFFERENT)


@cache
def _prime_of(bits: int, k: int) -> tuple[int, int]:
    prime = 2**bits - k
    # 2 is no square modulo a prime that is 5 modulo 8, so this power of it is a square root of -1.
    return prime, pow(2, (prime - 1) // 4, prime)


def _prime(coefficient_bits: float) -> tuple[int, int]:
    """A prime larger than any coefficient a + b·j of the difference (its norm is a² + b², hence twice the bits), and its √-1."""
    needed = 2 * coefficient_bits + 2
    for bits, k in _PRIMES:
        if bits > needed:
            return _prime_of(bits, k)
    raise ExpressionError("the two expressions together have coefficients too large to compare")


def _point(seed: str, symbols: Sequence[str], prime: int, root: int) -> dict[str, int]:
    width = prime.bit_length() // 8 + 8
    stream = hashlib.shake_128(seed.encode(errors="backslashreplace")).digest(width * (len(symbols) + 1))
    values = [int.from_bytes(stream[at : at + width], "little") % prime for at in range(0, len(stream), width)]
    point = dict(zip(symbols, values[1:], strict=True))
    s = values[0]
    point[S], point[IMAGINARY_UNIT], point[OMEGA] = s, root, -root * s % prime
    return point


class _Builder:
    """Collects the steps of an expression with the bounds on its degree and coefficients. One use, one expression."""

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.symbols: dict[str, int] = {}
        # Of each step: degree of numerator and denominator, bits of the coefficients of numerator and denominator.
        self.bounds: list[tuple[int, int, float, float]] = []

    def emit(self, operation: int, a: int, b: int, bounds: tuple[int, int, float, float]) -> int:
        if max(bounds[:2]) > MAX_DEGREE:
            raise ExpressionError(f"its degree may exceed {MAX_DEGREE}")
        if max(bounds[2:]) > MAX_COEFFICIENT_BITS:
            raise ExpressionError(f"its coefficients may exceed 2^{MAX_COEFFICIENT_BITS:.0f}")
        self.steps.append((operation, a, b))
        self.bounds.append(bounds)
        return len(self.steps) - 1

    def number(self, numerator: int, denominator: int) -> int:
        sizes = (math.log2(max(1, abs(numerator))), math.log2(denominator))
        return self.emit(_NUMBER, numerator, denominator, (0, 0, *sizes))

    def symbol(self, name: str) -> int:
        if name not in self.symbols:
            self.symbols[name] = len(self.symbols)
        return self.emit(_SYMBOL, self.symbols[name], 0, (1, 0, 0.0, 0.0))

    def negate(self, a: int) -> int:
        return self.emit(_NEGATE, a, 0, self.bounds[a])

    def power(self, a: int, exponent: int) -> int:
        top, bottom, top_bits, bottom_bits = (bound * abs(exponent) for bound in self.bounds[a])
        bounds = (top, bottom, top_bits, bottom_bits) if exponent >= 0 else (bottom, top, bottom_bits, top_bits)
        return self.emit(_POWER, a, exponent, (int(bounds[0]), int(bounds[1]), float(bounds[2]), float(bounds[3])))

    def join(self, operation: int, a: int, b: int) -> int:
        top_a, bottom_a, top_bits_a, bottom_bits_a = self.bounds[a]
        top_b, bottom_b, top_bits_b, bottom_bits_b = self.bounds[b]
        product = (top_a + top_b, top_bits_a + top_bits_b)
        under = (bottom_a + bottom_b, bottom_bits_a + bottom_bits_b)
        total = (
            max(top_a + bottom_b, top_b + bottom_a),
            _sum_bits(top_bits_a + bottom_bits_b, top_bits_b + bottom_bits_a),
        )
        if operation == _MULTIPLY:
            top, bottom = product, under
        elif operation == _DIVIDE:
            top, bottom = (top_a + bottom_b, top_bits_a + bottom_bits_b), (bottom_a + top_b, bottom_bits_a + top_bits_b)
        elif operation == _PARALLEL:
            top, bottom = product, total
        else:
            top, bottom = total, under
        return self.emit(operation, a, b, (top[0], bottom[0], top[1], bottom[1]))


def _sum_bits(a: float, b: float) -> float:
    """log2(2**a + 2**b)."""
    return max(a, b) + math.log2(1 + 2 ** -abs(a - b))


_CLOSING = {"(": ")", "[": "]", "{": "}"}
_STARTS = frozenset(("number", "symbol", "frac", *_CLOSING))


class _Parser:
    """Recursive descent over the tokens, its depth bounded; loops where a formula can be long.

    Binding, from the loosest: + and -; *, / and implicit multiplication; sign; || ; ^. So `R1||R2/R3` is (R1||R2)/R3. What people read in
    two ways is refused: `1/sC` (a product without a sign under a slash) and `a/b||c`.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        self.at = 0
        self.depth = 0
        self.builder = _Builder()
        self.bare_parallel = False

    def peek(self, ahead: int = 0) -> str:
        place = self.at + ahead
        return self.tokens[place].kind if place < len(self.tokens) else ""

    def take(self, *kinds: str) -> str | None:
        kind = self.peek()
        if kind in kinds:
            self.at += 1
            return kind
        return None

    def fault(self) -> ExpressionError:
        if self.at >= len(self.tokens):
            return ExpressionError("it ends in the middle")
        before = self.tokens[self.at - 1].text if self.at else "the beginning"
        return ExpressionError(f"{self.tokens[self.at].text!r} cannot follow {before}")

    def sum(self) -> int:
        total = self.product()
        while sign := self.take("+", "-"):
            total = self.builder.join(_ADD if sign == "+" else _SUBTRACT, total, self.product())
        return total

    def product(self) -> int:
        value = self.factor()
        under_slash = False
        while True:
            if self.take("*"):
                value, under_slash = self.builder.join(_MULTIPLY, value, self.factor()), False
            elif self.take("/"):
                self.bare_parallel = False
                value, under_slash = self.builder.join(_DIVIDE, value, self.factor()), True
                if self.bare_parallel:
                    raise ExpressionError("a/b||c can be read in two ways: write (a/b)||c or a/(b||c)")
            elif self.peek() in _STARTS:
                if self.peek() == "number":
                    raise self.fault()
                if under_slash:
                    raise ExpressionError("a/b c can be read in two ways: write a/(b*c) or a/b*c")
                value = self.builder.join(_MULTIPLY, value, self.factor())
            else:
                return value

    def factor(self) -> int:
        negative = False
        while sign := self.take("+", "-"):
            negative ^= sign == "-"
        value = self.parallel()
        return self.builder.negate(value) if negative else value

    def parallel(self) -> int:
        value = self.power()
        joined = False
        while self.take("||"):
            joined = True
            # A bare number beside a resistor is no resistor: R||1/(s*C) can only mean R||(1/(s*C)).
            reciprocal = self.peek() == "number" and self.peek(1) == "/"
            operand = self.power()
            if reciprocal and self.take("/"):
                operand = self.builder.join(_DIVIDE, operand, self.power())
            value = self.builder.join(_PARALLEL, value, operand)
        self.bare_parallel = joined
        return value

    def power(self) -> int:
        base = self.atom()
        if not self.take("^"):
            return base
        exponent = self.exponent()
        if self.peek() == "^":
            raise ExpressionError("a power of a power needs parentheses")
        return self.builder.power(base, exponent)

    def exponent(self) -> int:
        """An integer: `2`, `-1`, `(2)`, `{-1}`."""
        closing = _CLOSING.get(self.take(*_CLOSING) or "")
        negative = self.take("+", "-") == "-"
        if self.peek() != "number":
            raise ExpressionError("an exponent must be an integer") if self.peek() else self.fault()
        number = self.tokens[self.at].number
        self.at += 1
        if closing and not self.take(closing):
            raise ExpressionError("an exponent must be an integer")
        if number.denominator != 1 or number > MAX_EXPONENT:
            raise ExpressionError(f"an exponent must be an integer of at most {MAX_EXPONENT}")
        return -int(number) if negative else int(number)

    def atom(self) -> int:
        kind = self.peek()
        if kind == "number":
            number = self.tokens[self.at].number
            self.at += 1
            return self.builder.number(number.numerator, number.denominator)
        if kind == "symbol":
            self.at += 1
            return self.builder.symbol(self.tokens[self.at - 1].text)
        if kind == "frac":
            self.at += 1
            top = self.fraction_part()
            return self.builder.join(_DIVIDE, top, self.fraction_part())
        if kind in _CLOSING:
            return self.group()
        raise self.fault()

    def fraction_part(self) -> int:
        """A group in braces, or what TeX takes without them: one symbol or one digit."""
        if self.peek() == "{":
            return self.group()
        if self.peek() == "symbol" or (self.peek() == "number" and len(self.tokens[self.at].text) == 1):
            return self.atom()
        raise ExpressionError("\\frac needs its two parts in braces")

    def group(self) -> int:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"parentheses nested more than {MAX_DEPTH} deep")
        closing = _CLOSING[self.peek()]
        self.at += 1
        value = self.sum()
        if not self.take(closing):
            raise self.fault()
        self.depth -= 1
        # What happened inside parentheses is not bare outside of them.
        self.bare_parallel = False
        return value


def parse_tokens(tokens: Sequence[Token], text: str) -> Expression:
    """The expression that the tokens spell; `text` is what to call it. Raises ExpressionError with the place that does not fit."""
    if not tokens:
        raise ExpressionError("there is no expression")
    parser = _Parser(tokens)
    parser.sum()
    if parser.at < len(tokens):
        raise parser.fault()
    builder = parser.builder
    # The largest of all steps, not of the last: x^0 forgets what x was, but no denominator inside x may vanish by accident.
    degree = max(max(bound[0], bound[1]) for bound in builder.bounds)
    bits = max(max(bound[2], bound[3]) for bound in builder.bounds)
    return Expression(text, tuple(builder.symbols), tuple(builder.steps), degree, bits)
