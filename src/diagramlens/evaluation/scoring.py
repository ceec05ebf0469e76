"""Answers to predictions: every answer graded, and every equation also had by way of the same diagram's netlist."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from diagramlens.evaluation.via_netlist import can_be_solved, same_transfer_via_netlist
from diagramlens.grading.answers import grade
from diagramlens.records import Prediction, Question

VIA_NETLIST = "equation_via_netlist_accuracy"


def score(variant: str, questions: Sequence[Question], texts: Sequence[str]) -> list[Prediction]:
    """Grade one variant's answers, `texts` being in the order of `questions`.

    A transfer question gets the score `equation_via_netlist_accuracy` where its diagram also has a netlist question: the answer
    to that one is solved. Where there is none the score is left out, and the question is not counted.
    """
    netlists = {
        question.diagram_id: text for question, text in zip(questions, texts, strict=True) if question.kind == "netlist"
    }
    return [
        _scored(variant, question, text, netlists.get(question.diagram_id))
        for question, text in zip(questions, texts, strict=True)
    ]


def _scored(variant: str, question: Question, text: str, netlist: str | None) -> Prediction:
    gold: dict[str, Any] = json.loads(question.gold)
    graded = grade(question.kind, gold, question.answer, text)
    scores, reason = dict(graded.scores), graded.reason
    if question.kind == "transfer" and netlist is not None and can_be_solved(gold):
        via = same_transfer_via_netlist(gold, netlist)
        scores[VIA_NETLIST] = float(via.correct)
        reason = f"{reason}; via netlist: {via.reason}"
    return Prediction(
        question_id=question.id,
        diagram_id=question.diagram_id,
        kind=question.kind,
        level=question.level,
        variant=variant,
        text=text,
        correct=graded.correct,
        scores=json.dumps(scores, sort_keys=True),
        reason=reason,
    )
