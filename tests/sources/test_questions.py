"""Foreign questions become kinds with golds that the graders read, or wait with a reason."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.grading.answers import grade
from diagramlens.sources.choices import read_choices
from diagramlens.sources.ledger import ItemError
from diagramlens.sources.questions import read_question
from diagramlens.sources.truths import Truth, read_truth

RC = read_truth("V1 1 0 V1\nR1 1 2 R1\nC1 2 0 C1", "netlist", "lcapy")
NODAL = "Derive the nodal equation for node 2 in the s-domain. The answer is just the symbolic equation Vn2(s) = ..., please."


@pytest.mark.parametrize(
    ("question", "answer", "kind"),
    [
        ("What is the transfer function from V1 to C1 in this circuit?", "1/(C1*R1*s + 1)", "transfer"),
        ("What is the input impedance seen by V1?", "R1 + 1/(C1*s)", "impedance"),
        ("What is the low-frequency gain?", "1", "dc_gain"),
        ("What is the high-frequency voltage gain?", "R1/(R1 + R1)", "hf_gain"),
        ("How many capacitors are there?", "One", "count"),
        ("What is the voltage at node 2?", "-2.5 mV", "voltage"),
        ("What current flows through R1?", "3 A", "current"),
        ("What power does R1 turn into heat?", "8 mW", "power"),
        ("What is the cut-off frequency?", "1.59 kHz", "cutoff"),
        ("What is the time constant?", "2 ms", "time_constant"),
        (NODAL, "Vn2(s) = V1/(C1*R1*s + 1)", "nodal"),
        (NODAL, "V1/(s*(C1*R1*s + 1))", "nodal"),
        (NODAL, "(1/R1 + C1*s)*Vn2(s) - Vn1(s)/R1 = 0", "nodal"),
    ],
)
def test_the_answer_of_a_question_that_is_taken_is_right_by_its_own_gold(question: str, answer: str, kind: str) -> None:
    found = read_question(question, answer, RC)
    assert found.kind == kind
    assert grade(kind, found.gold, found.answer, found.answer).correct


@pytest.mark.parametrize(
    ("question", "answer", "reason"),
    [
        ("What is the equivalent resistance?", "5 kΩ", "impedance gold is no expression"),
        ("How many resistors are there?", "a few", "count gold is no whole number"),
        ("What is the gain?", "large", "no grader for open questions"),
        ("What is the bandwidth?", "3 kHz", "no grader for open questions"),
        (NODAL, "Vn2(s) = exp(-s)", "nodal gold is no equation"),
        (NODAL, "a = b = c", "nodal gold is no equation"),
        ("What is the transfer function from V1 to C1?", "G(s)/2", "transfer gold is no expression"),
        (NODAL, "Vn2(s) = Vn2(s)", "the grader does not take the answer for right"),
    ],
)
def test_what_the_grader_could_not_judge_waits_with_its_reason(question: str, answer: str, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read_question(question, answer, RC)
    assert caught.value.reason == reason and not caught.value.damage


def test_the_unknown_is_spelt_as_the_question_spells_it() -> None:
    question = (
        "What is the solution for the voltage source current iv1 in s-domain? Write the symbolic equation iv1(s) = ..."
    )
    found = read_question(question, "IV1(s) = -C1*V1*s/(C1*R1*s + 1)", RC)
    assert (found.answer, found.gold["voltages"]) == ("iv1(s) = -C1*V1*s/(C1*R1*s + 1)", ["iv1"])
    assert grade("nodal", found.gold, found.answer, "iv1(s) = -V1*C1*s/(1+R1*C1*s)").correct


@pytest.mark.parametrize(
    ("listed", "answer", "texts", "letter"),
    [
        ("A) 1 V\nB) 2 V\nC) 3 V\nD) 4 V", "C", ("1 V", "2 V", "3 V", "4 V"), "C"),
        ("(a) R1\n(b) R2 in\n    series", "(b)", ("R1", "R2 in series"), "B"),
        ("A. 1 V B. 2 V C. 3 V", "The answer is B.", ("1 V", "2 V", "3 V"), "B"),
        ("one\ntwo\nthree", "Two", ("one", "two", "three"), "B"),
        ("**A.** low-pass\n**B.** high-pass", "B) high-pass", ("low-pass", "high-pass"), "B"),
        ("A: 3\nB: A", "3", ("3", "A"), "A"),
    ],
)
def test_choices_are_read_as_people_write_them(listed: str, answer: str, texts: tuple[str, ...], letter: str) -> None:
    choices = read_choices(listed, answer)
    assert (choices.texts, choices.letter) == (texts, letter)


@pytest.mark.parametrize(
    ("listed", "answer", "reason"),
    [
        ("A) 1 V\nB) 2 V", "C", "answer names none of the choices"),
        ("A) 1 V\nB) 2 V", "3 V", "answer names none of the choices"),
        ("A) 1 V\nB) 2 V", "B) 1 A", "answer names none of the choices"),
        ("A) 1 V\nB) 1 V", "A", "choices cannot be read"),
        ("Only one", "Only one", "choices cannot be read"),
        ("B) 2 V\nA) 1 V", "A", "choices cannot be read"),  # not that of the first line
        ("A) 1 V\nC) 3 V\nB) 2 V", "B", "choices cannot be read"),
        ("A) 1 V\nA) 2 V", "A", "choices cannot be read"),
    ],
)
def test_choices_of_which_none_is_clearly_right_wait(listed: str, answer: str, reason: str) -> None:
    with pytest.raises(ItemError) as caught:
        read_choices(listed, answer)
    assert caught.value.reason == reason


@settings(max_examples=200, deadline=None)
@given(
    question=st.sampled_from(
        [NODAL, "How many?", "transfer function from V1 to C1", "input impedance", "DC gain", "current?", "why?"]
    ),
    answer=st.text(max_size=60) | st.text("Vn2()s=+-*/^. RC1eE_", max_size=60),
    listed=st.none() | st.text(max_size=60),
    known=st.booleans(),
)
def test_no_answer_does_more_than_wait(question: str, answer: str, listed: str | None, known: bool) -> None:
    try:
        found = read_question(question, answer, RC if known else Truth(), listed=listed)
    except ItemError as why:
        assert not why.damage
    else:
        assert found.gold
