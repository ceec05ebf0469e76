"""Formulas as trees, for the tests: their exact value, equal rewrites, single edits, and ways to write them.

A tree is a name, a whole number, or (operator, left, right) with + - * / or | (in parallel). Its value is computed here with exact
fractions, its text written in ways that the grader does not know of in advance.
"""

from __future__ import annotations

from fractions import Fraction
from random import Random

NAMES = ("R1", "R2", "R3", "C1", "L1", "g_m")
LEAVES = (*NAMES, "s", "s")
OPERATORS = "+-*/|"
_VALUES = {"R1": 3, "R2": 7, "C1": 11, "L1": 13, "g_m": 17, "s": 19, "R3": 23}
POINTS = [{name: Fraction(value**power + power) for name, value in _VALUES.items()} for power in (1, 2, 3)]


def random_tree(rng: Random, leaves: int):
    """A tree of so many leaves; the more of them, the more like a circuit's function."""
    if leaves == 1:
        return rng.choice(LEAVES) if rng.random() < 0.9 else rng.randint(1, 20)
    left = rng.randint(1, leaves - 1)
    return (rng.choice("++-**//|"), random_tree(rng, left), random_tree(rng, leaves - left))


def value(tree, point) -> Fraction:
    """The exact value; raises ZeroDivisionError."""
    if not isinstance(tree, tuple):
        return point[tree] if isinstance(tree, str) else Fraction(tree)
    operator, left, right = tree[0], value(tree[1], point), value(tree[2], point)
    if operator == "|":
        return left * right / (left + right)
    return {"+": left + right, "-": left - right, "*": left * right}[operator] if operator != "/" else left / right


def values(tree) -> list[Fraction] | None:
    """The values at three points; None where one of them divides by zero."""
    try:
        return [value(tree, point) for point in POINTS]
    except ZeroDivisionError:
        return None


def rewritten(tree, rng: Random):
    """An equal tree: commuted, distributed, expanded by a factor, differences as sums of negatives, bars written out."""
    if not isinstance(tree, tuple):
        return ("/", ("*", tree, "R1"), "R1") if rng.random() < 0.05 else tree
    operator, left, right = tree[0], rewritten(tree[1], rng), rewritten(tree[2], rng)
    choice = rng.randrange(5)
    if choice == 0:
        return {
            "+": ("+", right, left),
            "*": ("*", right, left),
            "-": ("+", ("-", 0, right), left),
            "/": ("*", ("/", 1, right), left),
            "|": ("|", right, left),
        }[operator]
    if choice == 1:
        return ("/", ("*", (operator, left, right), "s"), "s")
    if choice == 2 and operator == "|":
        return ("/", ("*", left, right), ("+", left, right))
    if choice == 3 and operator in "*/" and isinstance(left, tuple) and left[0] in "+-":
        return (left[0], (operator, left[1], right), (operator, left[2], right))
    return (operator, left, right)


def mutated(tree, rng: Random):
    """The tree with one edit somewhere: a sign, a factor, a term, an inversion, another operator, another name, an operand lost."""
    if isinstance(tree, tuple) and rng.random() < 0.75:
        operator, left, right = tree
        if rng.random() < 0.5:
            return (operator, mutated(left, rng), right)
        return (operator, left, mutated(right, rng))
    edit = rng.randrange(6)
    if isinstance(tree, tuple) and edit < 3:
        return (rng.choice(OPERATORS), *tree[1:]) if edit else tree[rng.choice((1, 2))]
    if not isinstance(tree, tuple) and edit < 3:
        return rng.choice(LEAVES)
    return {3: ("-", 0, tree), 4: ("*", 2, tree), 5: ("/", 1, tree)}.get(edit, ("+", tree, 1))


def ascii_text(tree) -> str:
    """As a computer prints it, every operation in parentheses."""
    if not isinstance(tree, tuple):
        return str(tree)
    operator, left, right = tree
    return f"({ascii_text(left)}{'||' if operator == '|' else operator}{ascii_text(right)})"


def latex_text(tree) -> str:
    r"""As LaTeX: `\frac{…}{…}`, subscripts, products without a sign."""
    if not isinstance(tree, tuple):
        text = str(tree)
        return f"{text[0]}_{{{text[1:].strip('_')}}}" if len(text) > 1 and text[0].isalpha() else text
    operator, left, right = tree[0], latex_text(tree[1]), latex_text(tree[2])
    if operator == "/":
        return rf"\frac{{{left}}}{{{right}}}"
    if operator == "*":
        return rf"\left({left}\right)\left({right}\right)"
    if operator == "|":
        # Products have no parentheses of their own here, and bars bind tighter.
        return rf"\left(\left({left}\right) \parallel \left({right}\right)\right)"
    return rf"\left({left} {operator} {right}\right)"


def jw_text(tree) -> str:
    """As Unicode with jω for s: `R₁·C₁·jω`."""
    return (
        ascii_text(tree)
        .replace("s", "(jω)")
        .replace("R1", "R₁")
        .replace("C1", "C₁")
        .replace("*", "·")
        .replace("||", "∥")
        .replace("-", "−")
    )


def decimal_text(tree) -> str:
    """ASCII with its whole numbers as decimals in scientific notation, and `**` for squares that happen to stand there."""
    if not isinstance(tree, tuple):
        return f"{tree / 10:g}e1" if isinstance(tree, int) and tree else str(tree)
    operator, left, right = tree
    if operator == "*" and left == right:
        return f"({decimal_text(left)})**2"
    return f"({decimal_text(left)} {'||' if operator == '|' else operator} {decimal_text(right)})"


WRITERS = (
    ascii_text,
    decimal_text,
    jw_text,
    latex_text,
    lambda tree: f"$H(s) = {latex_text(tree)}$",
    lambda tree: f"The transfer function is {ascii_text(tree)}.",
    lambda tree: rf"Hence \boxed{{{latex_text(tree)}}}",
)
