"""Grading one answer of each kind, and the uniform text of formulas."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.grading import GradingError, grade, normalize_latex

TRANSFER = {"numerator": "R2", "denominator": "R1+R2", "names": ["R1", "R2"], "source": "V1"}


def test_a_transfer_function_is_scored_as_text_and_as_mathematics():
    same = grade("transfer", TRANSFER, "R2/(R1+R2)", "R2/(R1+R2)")
    assert same.scores == {"equation_exact_accuracy": 1.0, "equation_sympy_accuracy": 1.0}
    latex = grade("transfer", TRANSFER, "R2/(R1+R2)", r"$\frac{R_2}{R_1+R_2}$")
    assert latex.scores == {"equation_exact_accuracy": 1.0, "equation_sympy_accuracy": 1.0}
    rewritten = grade("transfer", TRANSFER, "R2/(R1+R2)", "1/(1+R1/R2)")
    assert rewritten.correct
    assert rewritten.scores == {"equation_exact_accuracy": 0.0, "equation_sympy_accuracy": 1.0}
    wrong = grade("transfer", TRANSFER, "R2/(R1+R2)", "R1/(R1+R2)")
    assert not wrong.correct
    assert wrong.scores == {"equation_exact_accuracy": 0.0, "equation_sympy_accuracy": 0.0}


def test_a_netlist_is_scored_exactly_and_by_terminals():
    graded = grade("netlist", {"netlist": "V1 1 0\nR1 1 0", "ground": True}, "V1 1 0\nR1 1 0", "V1 0 1\nR1 1 0")
    assert not graded.correct
    assert set(graded.scores) == {"netlist_exact_accuracy", "netlist_terminal_f1"}
    assert 0 < graded.scores["netlist_terminal_f1"] < 1


@pytest.mark.parametrize("kind", ["voltage", "current"])
def test_a_quantity_is_correct_with_value_and_unit(kind):
    gold = {"value": "5/3", "unit": "V" if kind == "voltage" else "A"}
    right = grade(kind, gold, "", f"1.67 {gold['unit']}")
    assert right.correct
    assert right.scores == {"qa_numerical_accuracy": 1.0, "qa_unit_accuracy": 1.0}
    bare = grade(kind, gold, "", "1.67")
    assert not bare.correct
    assert bare.scores == {"qa_numerical_accuracy": 1.0, "qa_unit_accuracy": 0.0}


def test_a_gold_that_lacks_something_is_named():
    with pytest.raises(GradingError, match="no grader for questions of the kind 'poem'"):
        grade("poem", {}, "", "")
    with pytest.raises(GradingError, match="'names'"):
        grade("transfer", {"numerator": "R2", "denominator": "R1"}, "", "")
    with pytest.raises(GradingError, match="no text 'unit'"):
        grade("voltage", {"value": "1"}, "", "")
    with pytest.raises(GradingError, match="'a/b' is not a fraction"):
        grade("voltage", {"value": "a/b", "unit": "V"}, "", "")


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_answer_makes_the_grader_fail(text):
    golds = {
        "transfer": TRANSFER,
        "netlist": {"netlist": "V1 1 0\nR1 1 0"},
        "voltage": {"value": "4", "unit": "V"},
    }
    for kind, gold in golds.items():
        graded = grade(kind, gold, "R2/(R1+R2)", text)
        assert graded.reason
        assert all(0.0 <= score <= 1.0 for score in graded.scores.values())


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("$x+y$", "x+y"),
        (r"\[\frac{R_2}{R_1 + R_2}\]", "R2/(R1+R2)"),
        (r"\boxed{$\dfrac{R_{2}}{R_{1}+R_{2}}$}", "R2/(R1+R2)"),
        ("R2/(R1 + R2).", "R2/(R1+R2)"),
        (r"\left(s R_{1} C_{1}\right)^{2}", "(sR1C1)^2"),
        (r"2\cdot R_1 \times C_1", "2*R1*C1"),
        ("s²·C₁", "s^2*C1"),
        ("x**-1", "x^-1"),
        ("x^{-1}", "x^-1"),
        (r"\frac{\frac{a}{b}}{c}", "(a/b)/c"),
    ],
)
def test_spellings_of_one_formula_normalise_to_one_text(text, normal):
    assert normalize_latex(text) == normal


def test_normalising_keeps_a_fraction_apart_from_what_it_stands_in():
    assert normalize_latex(r"1/\frac{a}{b}") == "1/(a/b)"
    assert normalize_latex(r"R_{1}2") != normalize_latex("R_{12}")
    assert normalize_latex("a-b") != normalize_latex("b-a")
    assert normalize_latex("R1") != normalize_latex("r1")


def test_normalising_a_huge_text_returns_it():
    assert normalize_latex("$" * 30_000) == "$" * 30_000


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet=r"ab12_{}\frac^*+-/() $.", max_size=40))
def test_normalising_never_fails(text):
    assert isinstance(normalize_latex(text), str)
