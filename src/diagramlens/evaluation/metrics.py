"""Metrics out of graded answers: means of the graders' scores, with the number of questions behind each.

This module knows no metric by name. A grader that returns a new score makes a new metric.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from diagramlens.records import Prediction

Metrics = dict[str, Any]


def summarize(predictions: Sequence[Prediction]) -> dict[str, Metrics]:
    """The metrics of one variant, by group of questions.

    The groups are `overall`, the levels (`level_0`, …; `no_level` where a diagram has none) and the kinds (`netlist`, `transfer`, …).
    Each holds the mean of every score; `accuracy`, the right answers by all answers; `diagram_accuracy`, the diagrams of which every
    question is answered rightly by all diagrams (it shows guessing, which single answers hide; not under a kind, where a diagram's
    questions are not together); and `questions`, the number behind each of them.
    """
    groups: dict[str, list[Prediction]] = defaultdict(list)
    for prediction in predictions:
        groups["overall"].append(prediction)
        groups[f"level_{prediction.level}" if prediction.level >= 0 else "no_level"].append(prediction)
        groups[prediction.kind].append(prediction)
    kinds = {prediction.kind for prediction in predictions}
    return {name: _mean_scores(rows, whole=name not in kinds) for name, rows in groups.items()}


def _mean_scores(predictions: Iterable[Prediction], *, whole: bool) -> Metrics:
    values: dict[str, list[float]] = defaultdict(list)
    diagrams: dict[str, bool] = {}
    for prediction in predictions:
        values["accuracy"].append(float(prediction.correct))
        for name, score in json.loads(prediction.scores).items():
            values[name].append(float(score))
        diagrams[prediction.diagram_id] = diagrams.get(prediction.diagram_id, True) and prediction.correct
    if whole:
        values["diagram_accuracy"] = [float(right) for right in diagrams.values()]
    counts = {name: len(scores) for name, scores in values.items()}
    return {**{name: fmean(scores) for name, scores in values.items()}, "questions": counts}
