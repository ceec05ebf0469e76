"""Reading expressions and deciding their equality: properties over many expressions, reasons, and hostile texts."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diagramlens.grading import ExpressionError, check_sympy_equivalence, infer_names, parse_expression, same_expression
from tests.grading.trees import ascii_text, latex_text, values

NAMES = ("R1", "R2", "C1", "L1", "g_m")
DIVIDER = "R2/(R1+R2)"

leaves = st.one_of(st.sampled_from([*NAMES, "s"]), st.integers(1, 20))
trees = st.recursive(leaves, lambda tree: st.tuples(st.sampled_from("+-*/"), tree, tree), max_leaves=12)


def rewritten(tree, choices):
    """An equal tree: operands exchanged, factors multiplied in and divided out, differences written as sums of negatives."""
    if not isinstance(tree, tuple):
        return tree
    operator, left, right = tree[0], rewritten(tree[1], choices), rewritten(tree[2], choices)
    choice = choices.draw(st.integers(0, 2))
    if choice == 0:
        return {
            "+": ("+", right, left),
            "*": ("*", right, left),
            "-": ("+", ("-", 0, right), left),
            "/": ("*", ("/", 1, right), left),
        }[operator]
    if choice == 1:
        return ("/", ("*", (operator, left, right), "s"), "s")
    return (operator, left, right)


def paths(tree, here=()):
    yield here
    if isinstance(tree, tuple):
        yield from paths(tree[1], (*here, 1))
        yield from paths(tree[2], (*here, 2))


def replaced(tree, path, change):
    if not path:
        return change(tree)
    parts = list(tree)
    parts[path[0]] = replaced(parts[path[0]], path[1:], change)
    return tuple(parts)


@settings(max_examples=300, deadline=None)
@given(trees.filter(values), st.data())
def test_an_equivalent_rewrite_is_accepted_in_ascii_and_latex(tree, choices):
    other = rewritten(tree, choices)
    gold = ascii_text(tree)
    for text in (ascii_text(other), f"$H(s) = {latex_text(other)}$"):
        verdict = same_expression(gold, text, NAMES)
        assert verdict.correct, verdict.reason


@settings(max_examples=300, deadline=None)
@given(trees.filter(values), st.data())
def test_a_single_edit_that_changes_the_value_is_rejected(tree, choices):
    path = choices.draw(st.sampled_from(list(paths(tree))))
    edit = choices.draw(st.sampled_from(["negate", "double", "add one", "invert", "operator", "name"]))

    def change(part):
        if edit == "operator" and isinstance(part, tuple):
            return (choices.draw(st.sampled_from("+-*/")), *part[1:])
        if edit == "name" and not isinstance(part, tuple):
            return choices.draw(leaves)
        simple = {"double": ("*", 2, part), "add one": ("+", part, 1), "invert": ("/", 1, part)}
        return simple.get(edit, ("-", 0, part))

    mutant = replaced(tree, path, change)
    assume(values(mutant))
    assume(values(mutant) != values(tree))
    for text in (ascii_text(mutant), latex_text(mutant)):
        assert not same_expression(ascii_text(tree), text, NAMES).correct


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="R12C_sjω^*/+-|(){}[]$\\ =.,:e90frac\nboxed&`" + "−²", max_size=60))
def test_any_text_gets_a_verdict_and_never_another_error(text):
    verdict = same_expression(DIVIDER, text, NAMES)
    assert verdict.reason
    assert verdict == same_expression(DIVIDER, text, NAMES)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=40))
def test_any_unicode_gets_a_verdict_without_names_too(text):
    assert check_sympy_equivalence(text, DIVIDER) in (True, False)
    assert check_sympy_equivalence(DIVIDER, text) in (True, False)


HOSTILE = {
    "a text just too long": ("R1+" * 6_667, "characters"),
    "a tower of powers": ("2**3**2", "power of a power"),
    "parentheses just too deep": ("(" * 65 + "R1" + ")" * 65, "nested"),
    "too many tokens": ("R1+" * 6_000 + "R1", "tokens"),
    "a call": ("open(R1)", "'open'"),
    "a degree just too high": ("((R1^64)^64)^25", "degree"),
    "a coefficient too large": ("(9^64)^4", "coefficients"),
    "an exponent of ten just too large": ("1e41", "too large"),
    "an exponent that is a name": ("R1^R2", "integer"),
    "a long chain": ("R1=" * 32 + "R1", "chain"),
    "boxes never closed": ("\\boxed{" * 65, "never closed"),
    "openers never closed": ("\\[" * 65, "no meaning"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_refused_with_its_reason(name):
    text, reason = HOSTILE[name]
    verdict = same_expression(DIVIDER, text, NAMES)
    assert not verdict.correct
    assert reason in verdict.reason
    assert len(verdict.reason) < 400


def test_a_multiple_of_any_prime_that_the_grader_may_use_is_not_zero():
    from diagramlens.grading.rational import _PRIMES

    for bits, k in _PRIMES[:3]:
        factors = f"({2**30}^{bits // 30}-{k})"
        assert not same_expression("0", f"{factors}*R1", NAMES).correct
        assert same_expression(f"{2**bits - k}*R1" if bits < 100 else f"{factors}*R1", f"R1*{factors}", NAMES).correct


def test_the_reason_says_what_is_wrong():
    def reason(predicted: str, gold: str = DIVIDER) -> str:
        return same_expression(gold, predicted, NAMES).reason

    assert "opposite sign" in reason("-R2/(R1+R2)")
    assert "reciprocal" in reason("(R1+R2)/R2")
    assert "does not depend on frequency" in reason("1", "1/(1+s*R1*C1)")
    assert "'R9' is not one of R1, R2, C1, L1, g_m, s" in reason("R9")
    assert "contradicts itself" in reason("R1 = R2/(R1+R2)")
    assert "divides by zero" in reason("1/(R1-R1)")


def test_a_gold_that_cannot_be_read_is_an_error_and_no_verdict():
    with pytest.raises(ExpressionError, match="gold answer cannot be read"):
        same_expression("R2/(R1+", "R2", NAMES)
    with pytest.raises(ExpressionError, match="divides by zero"):
        same_expression("1/(R1-R1)", "R2", NAMES)


def test_names_that_cannot_be_told_apart_are_an_error():
    with pytest.raises(ExpressionError, match=r"R1 and R_1 cannot be told apart"):
        parse_expression("R1", ["R1", "R_1"])
    with pytest.raises(ExpressionError, match="not a name"):
        parse_expression("R1", ["R1", "1R"])


def test_a_name_takes_precedence_over_j_and_omega():
    assert same_expression("w*j", "j w", ["w", "j"]).correct
    assert not same_expression("w*j", "s", ["w", "j"]).correct


def test_a_number_is_not_confused_with_a_part_called_e():
    assert not same_expression("2*E1", "2E1", ["E1"]).correct
    assert same_expression("2*E1", "2 E1", ["E1"]).correct


def test_a_polynomial_of_hundreds_of_terms_is_compared():
    gold = "+".join(f"{n}*R1*R2*s**{n % 60}" for n in range(1, 300))
    assert same_expression(gold, "+".join(reversed(gold.split("+"))), NAMES).correct
    assert not same_expression(gold, gold + "+1", NAMES).correct


def test_equivalence_without_names_infers_them():
    assert check_sympy_equivalence("$x+y$", "$y+x$")
    assert not check_sympy_equivalence("$x-y$", "$y-x$")
    assert check_sympy_equivalence(r"\frac{1}{1+sR_1C_1}", "1/(C1*R1*s + 1)")
    assert check_sympy_equivalence(r"\frac{1}{1+j\omega RC}", "1/(1+s*R*C)")
    assert check_sympy_equivalence("V_{out}/V_{in}", "V_out/V_in")
    assert not check_sympy_equivalence("g_m*r_o", "g_m*R_o")
    assert not check_sympy_equivalence("", "")
    assert not check_sympy_equivalence("x" * 100_000, "x" * 100_000)


def test_names_are_letters_with_their_digits_or_subscripts():
    assert infer_names(r"sR_1C_1 + \frac{g_m R}{V_{out}} + \tau_2") == ("R_1", "C_1", "g_m", "R", "V_{out}", r"\tau_2")
