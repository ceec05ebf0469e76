"""From answers to verdicts: perfect answers score 1 everywhere, and what is wrong lowers its own metric only."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from diagramlens.evaluation.metrics import summarize
from diagramlens.evaluation.scoring import VIA_NETLIST, score
from diagramlens.records import Question

ALL = {
    "netlist_exact_accuracy",
    "netlist_terminal_f1",
    "equation_exact_accuracy",
    "equation_sympy_accuracy",
    "equation_via_netlist_accuracy",
    "qa_numerical_accuracy",
    "qa_unit_accuracy",
}


def imperfect(questions: list[Question], change: Callable[[Question], str]) -> set[str]:
    """The metrics below 1 where the answers are changed so; kept ones are the gold's."""
    overall = summarize(score("merged", questions, [change(question) for question in questions]))["overall"]
    return {name for name in ALL if overall[name] < 1}


def test_perfect_answers_score_1_everywhere(questions: list[Question]) -> None:
    found = summarize(score("merged", questions, [question.answer for question in questions]))
    assert {name: value for name, value in found["overall"].items() if name in ALL} == dict.fromkeys(ALL, 1.0)
    assert found["overall"]["accuracy"] == found["overall"]["diagram_accuracy"] == 1
    assert found["overall"]["questions"][VIA_NETLIST] == 2
    assert found["transfer"]["questions"] == {
        "accuracy": 2,
        "equation_exact_accuracy": 2,
        "equation_sympy_accuracy": 2,
        VIA_NETLIST: 2,
    }


def test_no_answers_score_0_everywhere(questions: list[Question]) -> None:
    found = summarize(score("merged", questions, [""] * len(questions)))["overall"]
    assert {found[name] for name in ALL} == {0.0}


def test_wrong_equations_leave_the_route_by_the_netlist_alone(questions: list[Question]) -> None:
    wrong = imperfect(questions, lambda question: "R1" if question.kind == "transfer" else question.answer)
    assert wrong == {"equation_exact_accuracy", "equation_sympy_accuracy"}


def test_equations_in_other_words_are_not_exact_and_yet_equal(questions: list[Question]) -> None:
    wrong = imperfect(
        questions, lambda question: f"2*({question.answer})/2" if question.kind == "transfer" else question.answer
    )
    assert wrong == {"equation_exact_accuracy"}


def test_misread_netlists_take_the_route_by_the_netlist_with_them(questions: list[Question]) -> None:
    wrong = imperfect(
        questions, lambda question: "V1 a b\nR1 a b\nR2 a b" if question.kind == "netlist" else question.answer
    )
    assert wrong == {"netlist_exact_accuracy", "netlist_terminal_f1", VIA_NETLIST}


def test_wrong_numbers_with_the_right_unit_keep_the_unit(questions: list[Question]) -> None:
    def change(question: Question) -> str:
        return {"voltage": "987 V", "current": "987 A"}.get(question.kind, question.answer)

    assert imperfect(questions, change) == {"qa_numerical_accuracy"}


def test_an_equation_without_a_netlist_question_beside_it_is_not_counted_by_that_route(
    questions: list[Question],
) -> None:
    asked = [
        question for question in questions if not (question.kind == "netlist" and question.diagram_id == "divider")
    ]
    found = summarize(score("merged", asked, [question.answer for question in asked]))["overall"]
    assert found["questions"]["equation_sympy_accuracy"] == 2
    assert found["questions"][VIA_NETLIST] == 1


HOSTILE = {
    "a call": "open(R1)",
    "an attribute": "R1.real",
    "letters just too many": "R" * 20_001,
    "nested exponents": "2**3**2",
    "markup": "<b>R9</b>",
    "control characters": "\x00\x1b[2J\u202e",
    "open brackets": "(" * 65,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_is_a_wrong_answer_and_nothing_else(name: str, questions: list[Question]) -> None:
    predictions = score("merged", questions, [HOSTILE[name]] * len(questions))
    assert not any(prediction.correct for prediction in predictions)
    assert all(prediction.text == HOSTILE[name] for prediction in predictions), "what was said is kept as it was said"
    for prediction in predictions:
        assert prediction.reason
        assert len(prediction.reason) < 1000
        assert "\n" not in prediction.reason
        assert set(json.loads(prediction.scores).values()) == {0.0}


def test_predictions_say_which_question_they_answer(questions: list[Question]) -> None:
    predictions = score("nf4", questions, [question.answer for question in questions])
    assert [prediction.question_id for prediction in predictions] == [question.id for question in questions]
    assert {prediction.variant for prediction in predictions} == {"nf4"}
