"""The results in the layout that older tools read: one JSON file with flat metrics and a row for each question."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from diagramlens.evaluation.metrics import summarize
from diagramlens.records import Prediction, Question


def detailed_variant(variants: Sequence[str]) -> str:
    """The variant whose answers the file holds, its layout having room for one: `merged` where it was evaluated, else the last."""
    return "merged" if "merged" in variants else variants[-1]


def details(questions: Sequence[Question], predictions: Sequence[Prediction]) -> dict[str, Any]:
    """`{"metrics": {name: value}, "predictions": [row, …]}`, the rows with the keys that `_row` shows.

    `exact_match` says that the answer is the gold's text (equations, after normalisation) or its whole netlist or number;
    `sympy_match` that an equation is mathematically equal, and for the other kinds that the answer is right.
    """
    answers = {question.id: question.answer for question in questions}
    overall = {
        name: round(value, 6) for name, value in summarize(predictions)["overall"].items() if name != "questions"
    }
    return {
        "metrics": overall,
        "predictions": [_row(prediction, answers[prediction.question_id]) for prediction in predictions],
    }


def write_details(path: Path, content: Mapping[str, Any]) -> None:
    """Write the JSON with sorted keys and a final newline."""
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(prediction: Prediction, answer: str) -> dict[str, Any]:
    scores = json.loads(prediction.scores)
    exact = scores["equation_exact_accuracy"] == 1 if "equation_exact_accuracy" in scores else prediction.correct
    equal = scores["equation_sympy_accuracy"] == 1 if "equation_sympy_accuracy" in scores else prediction.correct
    return {
        "circuit_id": prediction.diagram_id,
        "task_type": prediction.kind,
        "prediction": prediction.text,
        "ground_truth": answer,
        "exact_match": bool(exact),
        "sympy_match": bool(equal),
    }
