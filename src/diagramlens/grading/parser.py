"""From tokens to a rational expression: the grammar, and the limits that keep a hostile formula small."""

from __future__ import annotations

from collections.abc import Sequence
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
from diagramlens.grading.tokens import IMAGINARY_UNIT, OMEGA, ExpressionError, S, Token

MAX_DEPTH = 64
MAX_EXPONENT = 64
MAX_DEGREE = 100_000
MAX_COEFFICIENT_BITS = 700  # of one expression; two of them stay below the largest prime
_MAX_HEIGHT = 2**MAX_COEFFICIENT_BITS

_CLOSING = {"(": ")", "[": "]", "{": "}"}
_STARTS = frozenset(("number", "symbol", "frac", *_CLOSING))
_LEAVES = frozenset(("number", "symbol"))
_FREQUENCY = frozenset((S, OMEGA, IMAGINARY_UNIT))


class _Builder:
    """Collects the steps of an expression with the bounds on its degree and coefficients. One use, one expression.

    Equal steps are one step: the eleventh `R1*C1` costs a look into a dictionary, when parsed and when evaluated.
    """

    def __init__(self) -> None:
        self.steps: list[tuple[int, int, int]] = []
        self.symbols: dict[str, int] = {}
        self.place: dict[tuple[int, int, int], int] = {}
        # Of each step, for numerator and denominator: the degree, and the height: the value with every symbol 1 and every minus a
        # plus, which bounds the sum of the coefficients' sizes.
        self.degrees: list[tuple[int, int]] = []
        self.heights: list[tuple[int, int]] = []

    def number(self, value: Fraction) -> int:
        """A step that is a number; returns its place, as all of these do."""
        numerator, denominator = value.numerator, value.denominator
        return self.emit((NUMBER, numerator, denominator), (0, 0), (max(1, abs(numerator)), denominator))

    def symbol(self, name: str) -> int:
        """A step that is the value of a symbol."""
        return self.emit((SYMBOL, self.symbols.setdefault(name, len(self.symbols)), 0), (1, 0), (1, 1))

    def negate(self, a: int) -> int:
        """A step that is minus step `a`."""
        return self.emit((NEGATE, a, 0), self.degrees[a], self.heights[a])

    def power(self, a: int, exponent: int) -> int:
        """A step that is step `a` to an integer power, negative ones included. Raises ExpressionError beyond the limits."""
        size = abs(exponent)
        top, bottom = self.degrees[a]
        high, low = self.heights[a]
        # Before the heights are raised: a tower of powers must not be computed to be found too high.
        if max(high, low).bit_length() * size > 2 * MAX_COEFFICIENT_BITS:
            raise ExpressionError(f"its coefficients may exceed 2^{MAX_COEFFICIENT_BITS}")
        degrees, heights = (top * size, bottom * size), (high**size, low**size)
        return self.emit(
            (POWER, a, exponent),
            degrees if exponent >= 0 else degrees[::-1],
            heights if exponent >= 0 else heights[::-1],
        )

    def join(self, operation: int, a: int, b: int) -> int:
        """A step that joins steps `a` and `b` by a sum, difference, product, quotient or `||`. Raises ExpressionError beyond the limits."""
        found = self.place.get((operation, a, b))
        if found is not None:
            return found
        top_a, bottom_a = self.degrees[a]
        top_b, bottom_b = self.degrees[b]
        high_a, low_a = self.heights[a]
        high_b, low_b = self.heights[b]
        if operation == MULTIPLY:
            degrees, heights = (top_a + top_b, bottom_a + bottom_b), (high_a * high_b, low_a * low_b)
        elif operation == DIVIDE:
            degrees, heights = (top_a + bottom_b, bottom_a + top_b), (high_a * low_b, low_a * high_b)
        else:
            degree, height = max(top_a + bottom_b, top_b + bottom_a), high_a * low_b + high_b * low_a
            if operation == PARALLEL:
                degrees, heights = (top_a + top_b, degree), (high_a * high_b, height)
            else:
                degrees, heights = (degree, bottom_a + bottom_b), (height, low_a * low_b)
        return self.emit((operation, a, b), degrees, heights)

    def emit(self, step: tuple[int, int, int], degrees: tuple[int, int], heights: tuple[int, int]) -> int:
        """Add a step that is not there yet, within the limits."""
        found = self.place.get(step)
        if found is not None:
            return found
        if degrees[0] > MAX_DEGREE or degrees[1] > MAX_DEGREE:
            raise ExpressionError(f"its degree may exceed {MAX_DEGREE}")
        if heights[0] > _MAX_HEIGHT or heights[1] > _MAX_HEIGHT:
            raise ExpressionError(f"its coefficients may exceed 2^{MAX_COEFFICIENT_BITS}")
        self.place[step] = place = len(self.steps)
        self.steps.append(step)
        self.degrees.append(degrees)
        self.heights.append(heights)
        return place


class _Parser:
    """Recursive descent over the tokens, its depth bounded; loops where a formula can be long.

    Binding, from the loosest: + and -; *, / and implicit multiplication; sign; || ; ^. So `R1||R2/R3` is (R1||R2)/R3, and `g_m R1||R2` is
    g_m (R1||R2). But s times something beside bars is an impedance, as everybody writes it: `sL1||R1` is (sL1)||R1, for s||R1 is
    nothing. What people read in two ways is refused: `1/sC` (a product without a sign under a slash) and `a/b||c`.
    """

    def __init__(self, tokens: Sequence[Token]) -> None:
        self.tokens = tokens
        # One past the end there is the kind "", twice, so that a look ahead needs no check.
        self.kinds = [*(token.kind for token in tokens), "", ""]
        self.at = 0
        self.depth = 0
        self.builder = _Builder()
        self.bare_parallel = False
        self.has_bars = "||" in self.kinds

    def fault(self) -> ExpressionError:
        """What to raise at the token that does not fit, or at the end that came too early."""
        if self.at >= len(self.tokens):
            return ExpressionError("it ends in the middle")
        before = self.tokens[self.at - 1].text if self.at else "the beginning"
        return ExpressionError(f"{self.tokens[self.at].text!r} cannot follow {before}")

    def sum(self) -> int:
        """product { (+|-) product }"""
        kinds, join = self.kinds, self.builder.join
        total = self.product()
        while (kind := kinds[self.at]) == "+" or kind == "-":
            self.at += 1
            total = join(ADD if kind == "+" else SUBTRACT, total, self.product())
        return total

    def product(self) -> int:
        """factor { [*] factor | / factor }"""
        kinds, join = self.kinds, self.builder.join
        value = self.factor()
        under_slash = False
        while True:
            kind = kinds[self.at]
            if kind == "*":
                self.at += 1
                value, under_slash = join(MULTIPLY, value, self.factor()), False
            elif kind == "/":
                self.at += 1
                self.bare_parallel = False
                value, under_slash = join(DIVIDE, value, self.factor(under_slash=True)), True
                if self.bare_parallel:
                    raise ExpressionError("a/b||c can be read in two ways: write (a/b)||c or a/(b||c)")
            elif kind in _STARTS:
                if kind == "number":
                    raise self.fault()
                if under_slash:
                    raise ExpressionError("a/b c can be read in two ways: write a/(b*c) or a/b*c")
                value = join(MULTIPLY, value, self.factor())
            else:
                return value

    def factor(self, *, under_slash: bool = False) -> int:
        """{ +|- } parallel"""
        kinds = self.kinds
        if not self.has_bars and kinds[self.at] in _LEAVES and kinds[self.at + 1] != "^":
            self.bare_parallel = False
            return self.atom()
        negative = False
        while (kind := kinds[self.at]) == "+" or kind == "-":
            self.at += 1
            negative ^= kind == "-"
        value = self.parallel(under_slash)
        return self.builder.negate(value) if negative else value

    def parallel(self, under_slash: bool) -> int:
        """impedance { || impedance }"""
        value = self.power() if under_slash else self.impedance()
        joined = False
        while self.kinds[self.at] == "||":
            self.at += 1
            joined = True
            # A bare number beside a resistor is no resistor: R||1/(s*C) can only mean R||(1/(s*C)).
            reciprocal = self.kinds[self.at] == "number" and self.kinds[self.at + 1] == "/"
            operand = self.impedance()
            if reciprocal:
                self.at += 1
                operand = self.builder.join(DIVIDE, operand, self.power())
            value = self.builder.join(PARALLEL, value, operand)
        self.bare_parallel = joined
        return value

    def impedance(self) -> int:
        """power, or in a formula with bars: s, j or ω with the factors up to the first that is none of them"""
        frequency = self.has_bars and self.tokens[self.at : self.at + 1] and self.tokens[self.at].text in _FREQUENCY
        value = self.power()
        while frequency:
            ahead = self.at + (self.kinds[self.at] == "*")
            if self.kinds[ahead] not in _STARTS or (self.kinds[ahead] == "number" and ahead == self.at):
                break
            self.at = ahead
            frequency = self.tokens[ahead].text in _FREQUENCY or self.kinds[ahead] == "number"
            value = self.builder.join(MULTIPLY, value, self.power())
        return value

    def power(self) -> int:
        """atom [ ^ exponent ]"""
        base = self.atom()
        if self.kinds[self.at] != "^":
            return base
        self.at += 1
        exponent = self.exponent()
        if self.kinds[self.at] == "^":
            raise ExpressionError("a power of a power needs parentheses")
        return self.builder.power(base, exponent)

    def exponent(self) -> int:
        """An integer: `2`, `-1`, `(2)`, `{-1}`."""
        closing = _CLOSING.get(self.kinds[self.at], "")
        if closing:
            self.at += 1
        sign = self.kinds[self.at]
        if sign in ("+", "-"):
            self.at += 1
        if self.kinds[self.at] != "number":
            raise ExpressionError("an exponent must be an integer") if self.kinds[self.at] else self.fault()
        number = self.tokens[self.at].number
        self.at += 1
        if closing:
            if self.kinds[self.at] != closing:
                raise ExpressionError("an exponent must be an integer")
            self.at += 1
        if number.denominator != 1 or number > MAX_EXPONENT:
            raise ExpressionError(f"an exponent must be an integer of at most {MAX_EXPONENT}")
        return -int(number) if sign == "-" else int(number)

    def atom(self) -> int:
        """number | symbol | \\frac part part | group"""
        at = self.at
        kind = self.kinds[at]
        if kind == "symbol":
            self.at = at + 1
            return self.builder.symbol(self.tokens[at].text)
        if kind == "number":
            self.at = at + 1
            return self.builder.number(self.tokens[at].number)
        if kind == "frac":
            self.at = at + 1
            top = self.fraction_part()
            return self.builder.join(DIVIDE, top, self.fraction_part())
        if kind in _CLOSING:
            return self.group()
        raise self.fault()

    def fraction_part(self) -> int:
        """A group in braces, or what TeX takes without them: one symbol or one digit."""
        kind = self.kinds[self.at]
        if kind == "{":
            return self.group()
        if kind == "symbol" or (kind == "number" and len(self.tokens[self.at].text) == 1):
            return self.atom()
        raise ExpressionError("\\frac needs its two parts in braces")

    def group(self) -> int:
        r"""A sum in brackets of any kind, closed by its own, or `{sum \over sum}`. Raises ExpressionError when nested too deep."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ExpressionError(f"parentheses nested more than {MAX_DEPTH} deep")
        closing = _CLOSING[self.kinds[self.at]]
        self.at += 1
        value = self.sum()
        # TeX's own fraction, which takes all that its braces hold. Without braces it would take the label before an equality as well.
        if closing == "}" and self.kinds[self.at] == "over":
            self.at += 1
            value = self.builder.join(DIVIDE, value, self.sum())
        if self.kinds[self.at] != closing:
            raise self.fault()
        self.at += 1
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
    degree = max(map(max, builder.degrees))
    bits = max(map(max, builder.heights)).bit_length()
    return Expression(text, tuple(builder.symbols), tuple(builder.steps), degree, bits)
