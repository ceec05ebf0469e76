"""Grading one answer of each kind, and the uniform text of formulas."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.grading import GradingError, final_answer, grade, normalize_latex
from diagramlens.records import DiagramLensError

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


PAIRS = [json.loads(line) for line in (Path(__file__).parent / "pairs.jsonl").read_text().splitlines()]
GOLDS = {pair["kind"]: pair["gold"] for pair in reversed(PAIRS) if "kind" in pair}


def test_every_kind_has_its_own_score_names():
    names = {
        "netlist": ("netlist_exact_accuracy", "netlist_terminal_f1"),
        "count": ("count_accuracy",),
        "joined": ("names_accuracy",),
        "between": ("names_accuracy",),
        "function": ("function_accuracy",),
        "transfer": ("equation_exact_accuracy", "equation_sympy_accuracy"),
        "impedance": ("impedance_accuracy",),
        "nodal": ("nodal_accuracy",),
        "poles": ("roots_accuracy",),
        "zeros": ("roots_accuracy",),
        "dc_gain": ("gain_accuracy",),
        "hf_gain": ("gain_accuracy",),
        "design": ("design_accuracy",),
        "choice": ("choice_accuracy",),
    }
    quantities = ("voltage", "current", "power", "cutoff", "time_constant")
    names |= dict.fromkeys(quantities, ("qa_numerical_accuracy", "qa_unit_accuracy"))
    assert {kind: tuple(grade(kind, gold, "", "").scores) for kind, gold in GOLDS.items()} == names


def test_a_block_diagram_is_a_netlist_with_scores_of_its_own():
    text = "in R\nblock G1 R\nout Y G1"
    graded = grade("netlist", {"blocks": text}, text, text)
    assert graded.scores == {"blocks_exact_accuracy": 1.0, "blocks_connection_f1": 1.0}


@pytest.mark.parametrize(
    ("kind", "gold", "message"),
    [
        ("count", {"count": "3"}, "a whole number"),
        ("count", {"count": True}, "a whole number"),
        ("joined", {"names": "R1"}, "'names', a list of texts"),
        ("function", {"label": "integrator"}, "'labels', a list of texts"),
        ("choice", {"letter": "E", "choices": ["1", "2"]}, "'E' is not one of its 2 choices"),
        ("nodal", {"left": "V_a", "right": "V_a", "names": ["s"], "voltages": ["V_a"]}, "two sides are equal"),
        ("nodal", {"left": "V_a+", "right": "0", "names": [], "voltages": ["V_a"]}, "gold equation cannot be read"),
        ("poles", {"roots": [["1"]]}, "neither a formula nor two numbers"),
        ("poles", {"roots": [["1", "x"]]}, "'x' is not a fraction"),
        ("poles", {}, "needs 'roots'"),
        ("impedance", {"numerator": "R1+", "denominator": "1", "names": ["R1"]}, "gold answer cannot be read"),
        ("impedance", {"numerator": "R1", "denominator": "R1-R1", "names": ["R1"]}, "divides by zero"),
    ],
)
def test_a_gold_that_does_not_fit_its_kind_is_named(kind, gold, message):
    with pytest.raises(DiagramLensError, match=message):
        grade(kind, gold, "", "R1")


@pytest.mark.parametrize(
    ("text", "final"),
    [
        ("R1", "R1"),
        ("Answer: R1", "R1"),
        ("**Answer:** R1", "R1"),
        ("### Final answer\n\nR1", "### Final answer\n\nR1"),
        ("### Final Answer: R1", "R1"),
        ("Answer: R1\nThank you", "R1"),
        ("Answer: a\n= b\n= c\nThank you", "a\n= b\n= c"),
        ("Answer: 1\nAnswer: 2", "2"),
        ("<think>Answer: 1</think>2", "2"),
        ("The answer is 3", "The answer is 3"),
    ],
)
def test_what_follows_the_last_answer_line_is_the_answer(text, final):
    assert final_answer(text).strip() == final


def test_of_a_netlist_every_line_behind_the_marker_is_the_answer():
    assert final_answer("So:\nAnswer:\nV1 1 0\nR1 1 0", many_lines=True).strip() == "V1 1 0\nR1 1 0"


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_no_answer_makes_the_grader_fail(text):
    for kind, gold in GOLDS.items():
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
