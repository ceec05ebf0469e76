"""Formulas as printers and people write them: SymPy's own printers, Mathematica's, MATLAB's and Python's syntax, and those of `trees`."""

from __future__ import annotations

import re
from random import Random

import sympy
from sympy.printing.mathematica import mathematica_code
from sympy.printing.octave import octave_code

from tests.grading.examination.wording import Written
from tests.grading.trees import LEAVES, ascii_text, decimal_text, jw_text, latex_text, random_tree, rewritten, values


def formula(rng: Random, *, frequency: bool = True):
    """A tree with a value at every point of the tests, negative at its front in half of the cases; without s where it has no frequency."""
    while True:
        tree = random_tree(rng, rng.randint(2, 9))
        if not frequency:
            tree = _without_frequency(tree)
        if rng.random() < 0.5:
            tree = ("-", 0, tree)
        found = values(tree)
        if found and all(found) and isinstance(tree, tuple) and _has_names(tree):
            return tree


def equal(tree, rng: Random):
    """The same function as another tree."""
    other = rewritten(tree, rng)
    return other if values(other) == values(tree) else tree


def wrong(tree, rng: Random):
    """Another function: the sign, a factor, the reciprocal, a term too many, or a leaf exchanged."""
    while True:
        other = rng.choice(
            (
                ("-", 0, tree),
                ("-", 0, tree),
                ("*", rng.choice((2, 10)), tree),
                ("/", tree, 2),
                ("/", 1, tree),
                ("+", tree, 1),
                _with_leaf_exchanged(tree, rng),
            )
        )
        found = values(other)
        if found and found != values(tree):
            return other


def _with_leaf_exchanged(tree, rng: Random):
    if not isinstance(tree, tuple):
        return rng.choice([leaf for leaf in LEAVES if leaf not in (tree, "s")])
    place = rng.choice((1, 2))
    return (*tree[:place], _with_leaf_exchanged(tree[place], rng), *tree[place + 1 :])


def _without_frequency(tree):
    if not isinstance(tree, tuple):
        return "R3" if tree in ("s", "C1", "L1") else tree
    return (tree[0], _without_frequency(tree[1]), _without_frequency(tree[2]))


def _has_names(tree) -> bool:
    return isinstance(tree, str) if not isinstance(tree, tuple) else _has_names(tree[1]) or _has_names(tree[2])


def to_sympy(tree):
    """The tree as SymPy's expression, which SymPy puts in its own order."""
    if not isinstance(tree, tuple):
        return sympy.Symbol(tree) if isinstance(tree, str) else sympy.Integer(tree)
    operator, left, right = tree[0], to_sympy(tree[1]), to_sympy(tree[2])
    if operator == "|":
        return left * right / (left + right)
    return {"+": lambda: left + right, "-": lambda: left - right, "*": lambda: left * right, "/": lambda: left / right}[
        operator
    ]()


def written(tree, rng: Random) -> Written:
    """The tree in one of the styles."""
    style = rng.choice(STYLES)
    return style(tree)


def _sympy(tree) -> Written:
    found = to_sympy(tree)
    return Written(str(found), sympy.latex(found))


def _sympy_together(tree) -> Written:
    found = sympy.together(to_sympy(tree))
    return Written(str(found), sympy.latex(found))


def _sympy_dots(tree) -> Written:
    found = to_sympy(tree)
    return Written(sympy.sstr(found, order="rev-lex"), sympy.latex(found, mul_symbol="dot", fold_short_frac=True))


def _mathematica(tree) -> Written:
    # Its InputForm sets products side by side, and signs and quotients in brackets: -(R2/R1).
    found = mathematica_code(to_sympy(tree))
    if not re.search(r"/(?:[\w.]+|\([^()]*\))\*|\)\*", found):
        found = found.replace("*", " ")
    return Written(found, latex_text(tree))


def _matlab(tree) -> Written:
    found = to_sympy(tree)
    return Written(octave_code(found), sympy.latex(found, mul_symbol="times"))


def _brackets(tree) -> Written:
    return Written(ascii_text(tree), latex_text(tree))


def _negative_in_front(tree) -> Written:
    r"""As `-(…)` and `- \frac{…}{…}` where it is the negative of something: Mathematica's and SymPy's way."""
    if isinstance(tree, tuple) and tree[0] == "-" and tree[1] == 0:
        inner = _sympy(tree[2])
        return Written(f"-({inner.plain})", rf"- \left({inner.latex}\right)")
    return _sympy(tree)


STYLES = (
    _sympy,
    _sympy,
    _sympy_together,
    _sympy_dots,
    _mathematica,
    _matlab,
    _brackets,
    _negative_in_front,
    lambda tree: Written(jw_text(tree)),
    lambda tree: Written(decimal_text(tree)),
)
