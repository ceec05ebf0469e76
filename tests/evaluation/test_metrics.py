"""Metrics are means that one can check in one's head, each with the number of questions behind it."""

from __future__ import annotations

import json

from diagramlens.evaluation.metrics import summarize
from diagramlens.records import Prediction


def answer(diagram: str, kind: str, level: int, correct: bool, **scores: float) -> Prediction:
    return Prediction(
        f"{diagram}-{kind}", diagram, kind, level, "merged", "text", correct, json.dumps(scores), "because"
    )


ANSWERS = [
    answer("a", "netlist", 0, True, netlist_exact_accuracy=1, netlist_terminal_f1=1),
    answer("a", "transfer", 0, True, equation_exact_accuracy=0, equation_sympy_accuracy=1),
    answer("b", "netlist", 1, False, netlist_exact_accuracy=0, netlist_terminal_f1=0.5),
    answer("b", "voltage", 1, True, qa_numerical_accuracy=1, qa_unit_accuracy=1),
    answer("b", "current", 1, False, qa_numerical_accuracy=0, qa_unit_accuracy=1),
]


def test_every_score_is_averaged_over_the_questions_that_have_it() -> None:
    assert summarize(ANSWERS)["overall"] == {
        "accuracy": 0.6,
        "diagram_accuracy": 0.5,
        "netlist_exact_accuracy": 0.5,
        "netlist_terminal_f1": 0.75,
        "equation_exact_accuracy": 0,
        "equation_sympy_accuracy": 1,
        "qa_numerical_accuracy": 0.5,
        "qa_unit_accuracy": 1,
        "questions": {
            "accuracy": 5,
            "diagram_accuracy": 2,
            "netlist_exact_accuracy": 2,
            "netlist_terminal_f1": 2,
            "equation_exact_accuracy": 1,
            "equation_sympy_accuracy": 1,
            "qa_numerical_accuracy": 2,
            "qa_unit_accuracy": 2,
        },
    }


def test_levels_and_kinds_have_metrics_of_their_own() -> None:
    found = summarize(ANSWERS)
    assert sorted(found) == ["current", "level_0", "level_1", "netlist", "overall", "transfer", "voltage"]
    assert found["level_0"]["netlist_exact_accuracy"] == 1
    assert found["level_1"]["netlist_exact_accuracy"] == 0
    assert found["voltage"]["qa_numerical_accuracy"] == 1
    assert found["current"]["qa_numerical_accuracy"] == 0


def test_the_questions_of_the_levels_and_of_the_kinds_add_up() -> None:
    found = summarize(ANSWERS)
    counts = {name: group["questions"]["accuracy"] for name, group in found.items()}
    assert counts["level_0"] + counts["level_1"] == counts["overall"] == len(ANSWERS)
    assert counts["netlist"] + counts["transfer"] + counts["voltage"] + counts["current"] == counts["overall"]


def test_a_kind_says_nothing_of_whole_diagrams() -> None:
    found = summarize(ANSWERS)
    assert found["level_0"]["diagram_accuracy"] == 1
    assert "diagram_accuracy" not in found["netlist"]


def test_a_level_that_is_not_known_has_a_name() -> None:
    assert "no_level" in summarize([answer("a", "netlist", -1, True)])
