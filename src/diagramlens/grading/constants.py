"""The exact value of a formula without names: `1/(2e3*1e-6)`, `-50+200j`. Gaussian rationals, so nothing is rounded."""

from __future__ import annotations

from fractions import Fraction

from diagramlens.grading.rational import (
    ADD,
    DIVIDE,
    MULTIPLY,
    NEGATE,
    NUMBER,
    PARALLEL,
    POWER,
    SUBTRACT,
    SYMBOL,
    Expression,
)
from diagramlens.grading.tokens import IMAGINARY_UNIT, ExpressionError

# A real and an imaginary part. The parser's limits on coefficients bound the size of both.
Complex = tuple[Fraction, Fraction]

_ONE: Complex = (Fraction(1), Fraction(0))
_J: Complex = (Fraction(0), Fraction(1))


def exact_value(expression: Expression) -> Complex | None:
    """The value of an expression in numbers and j; None where it holds another symbol. Raises ExpressionError for a division by zero."""
    if any(symbol != IMAGINARY_UNIT for symbol in expression.symbols):
        return None
    values: list[Complex] = []
    for operation, a, b in expression.steps:
        if operation == NUMBER:
            value = (Fraction(a, b), Fraction(0))
        elif operation == SYMBOL:
            value = _J
        elif operation == NEGATE:
            value = (-values[a][0], -values[a][1])
        elif operation == POWER:
            value = _power(values[a], b)
        else:
            value = _join(operation, values[a], values[b])
        values.append(value)
    return values[-1]


def _join(operation: int, a: Complex, b: Complex) -> Complex:
    if operation == ADD:
        return a[0] + b[0], a[1] + b[1]
    if operation == SUBTRACT:
        return a[0] - b[0], a[1] - b[1]
    if operation == MULTIPLY:
        return a[0] * b[0] - a[1] * b[1], a[0] * b[1] + a[1] * b[0]
    if operation == DIVIDE:
        return _join(MULTIPLY, a, _inverse(b))
    if operation == PARALLEL:
        return _join(DIVIDE, _join(MULTIPLY, a, b), _join(ADD, a, b))
    raise AssertionError(f"operation {operation} joins nothing")


def _inverse(a: Complex) -> Complex:
    size = a[0] * a[0] + a[1] * a[1]
    if size == 0:
        raise ExpressionError("a division by zero")
    return a[0] / size, -a[1] / size


def _power(a: Complex, exponent: int) -> Complex:
    value = _ONE
    for _ in range(abs(exponent)):
        value = _join(MULTIPLY, value, a)
    return value if exponent >= 0 else _inverse(value)
