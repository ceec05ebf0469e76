"""The results of a finished run, read from the files that its stages left."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagramlens.records import Diagram, DiagramLensError, Prediction, Question, read_rows
from diagramlens.report.wording import BASE, MERGED, kind_order

Group = Mapping[str, Any]
Table = Sequence[Mapping[str, str]]


class ReportError(DiagramLensError):
    """A run that is not finished, or files that are not its own."""


@dataclass(frozen=True)
class Example:
    """One test question with its picture and what each variant answered."""

    diagram: Diagram
    question: Question
    answers: Mapping[str, Prediction]


@dataclass(frozen=True)
class Results:
    """A run: metrics by variant and group, every question with its answers, and the tables that were plotted (empty where absent)."""

    metrics: Mapping[str, Mapping[str, Group]]
    examples: Sequence[Example]
    curves: Table
    by_parts: Table
    by_style: Table

    @property
    def variants(self) -> list[str]:
        """The variants: `base` first, `merged` second, then the others as they are called."""
        order = {BASE: 0, MERGED: 1}
        return sorted(self.metrics, key=lambda variant: (order.get(variant, 2), variant))

    @property
    def subject(self) -> str:
        """The variant that the run is about: the trained one."""
        return MERGED if MERGED in self.metrics else self.variants[-1]

    @property
    def compared(self) -> list[str]:
        """The variants whose answers are shown: the untouched one where it was asked, and the subject."""
        return [variant for variant in dict.fromkeys([BASE, self.subject]) if variant in self.metrics]


def read_results(root: Path) -> Results:
    """The results in a workspace. Raises ReportError or RecordsError, naming what is missing and the command that makes it."""
    metrics = _read_metrics(root / "metrics/metrics.json")
    questions = {question.id: question for question in read_rows(root / "data/split/test.parquet", Question)}
    answers: dict[str, dict[str, Prediction]] = {}
    for variant in metrics:
        path = root / f"data/predictions/{variant}.parquet"
        for prediction in read_rows(path, Prediction):
            if prediction.question_id not in questions:
                raise ReportError(
                    f"{path}: answers question {prediction.question_id}, which the test split does not have; run dvc repro"
                )
            answers.setdefault(prediction.question_id, {})[variant] = prediction
    wanted = {questions[name].diagram_id for name in answers}
    diagrams = {diagram.id: diagram for diagram in read_rows(root / "data/diagrams", Diagram) if diagram.id in wanted}
    missing = sorted(wanted - diagrams.keys())
    if missing:
        raise ReportError(f"{root / 'data/diagrams'}: no diagram {missing[0]}, which was asked about; run dvc repro")
    return Results(
        metrics=metrics,
        examples=[Example(diagrams[questions[name].diagram_id], questions[name], answers[name]) for name in answers],
        curves=_read_csv(root / "metrics/train_curves.csv"),
        by_parts=_read_csv(root / "metrics/accuracy_by_parts.csv"),
        by_style=_read_csv(root / "metrics/accuracy_by_style.csv"),
    )


def choose(results: Results, count: int) -> list[Example]:
    """Questions worth showing, the same ones every time: kinds in turn, mostly where training helped, every third one a failure.

    What is chosen depends on a hash of the ids within each class, not on how well the answers look.
    """
    subject, kinds = results.subject, sorted({example.question.kind for example in results.examples}, key=kind_order)
    piles: dict[tuple[str, bool], list[Example]] = {}
    for example in sorted(results.examples, key=_preference(results)):
        if subject in example.answers:
            piles.setdefault((example.question.kind, example.answers[subject].correct), []).append(example)
    chosen: list[Example] = []
    turn = 0
    while len(chosen) < count and any(piles.values()):
        right = len(chosen) % 3 != 2
        # A new kind at every card; where its pile is empty, whatever pile is not, of the wanted verdict first.
        order = [(kinds[(turn + k) % len(kinds)], verdict) for verdict in (right, not right) for k in range(len(kinds))]
        pile = next(piles[key] for key in order if piles.get(key))
        unseen = next(
            (example for example in pile if example.diagram.id not in {shown.diagram.id for shown in chosen}), pile[0]
        )
        pile.remove(unseen)
        chosen.append(unseen)
        turn += 1
    return chosen


def _preference(results: Results) -> Callable[[Example], tuple[bool, bytes]]:
    """Where the untouched model was wrong first, then by hash."""

    def key(example: Example) -> tuple[bool, bytes]:
        before = example.answers.get(BASE)
        known = before is not None and before.correct and results.subject != BASE
        return known, hashlib.blake2b(example.question.id.encode(), digest_size=8, person=b"report").digest()

    return key


def _read_metrics(path: Path) -> dict[str, dict[str, Group]]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ReportError(f"{path}: not there; run dvc repro first") from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ReportError(f"{path}: not JSON; run dvc repro again") from error
    if (
        not isinstance(content, dict)
        or not content
        or not all(isinstance(groups, dict) and "overall" in groups for groups in content.values())
    ):
        raise ReportError(f"{path}: expected metrics by variant, each with overall; run dvc repro again")
    return content


def _read_csv(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
