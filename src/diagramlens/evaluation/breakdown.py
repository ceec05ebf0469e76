"""Accuracy by what a diagram is like (how many parts, which style of drawing), as tables that `dvc plots` draws."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from diagramlens.domains.circuits.size import part_count
from diagramlens.records import Diagram, Prediction

Row = dict[str, str | int | float]


def write_breakdowns(
    predictions: Mapping[str, Sequence[Prediction]], diagrams: Mapping[str, Diagram], *, by_parts: Path, by_style: Path
) -> None:
    """Write the accuracy of every variant by the number of parts, and by drawing style; `diagrams` by id."""
    parts = {diagram.id: part_count(diagram.truth) for diagram in diagrams.values()}
    of_parts = accuracy_table(predictions, "parts", lambda row: parts[row.diagram_id])
    write_csv(by_parts, "parts", list(predictions), of_parts)
    of_style = accuracy_table(predictions, "style", lambda row: diagrams[row.diagram_id].style)
    write_csv(by_style, "style", list(predictions), of_style)


def accuracy_table(
    predictions: Mapping[str, Sequence[Prediction]], key: str, value_of: Callable[[Prediction], str | int | None]
) -> list[Row]:
    """Accuracy of every variant by some property of the diagram: rows `{key, "questions", variant…}`, sorted by the property.

    `predictions` maps a variant to its answers. Answers whose `value_of` is None are left out. `dvc plots` draws one line a column.
    """
    right: dict[str | int, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for variant, rows in predictions.items():
        for prediction in rows:
            value = value_of(prediction)
            if value is not None:
                right[value][variant].append(prediction.correct)
    table: list[Row] = []
    for value in sorted(right, key=lambda value: (isinstance(value, str), value)):
        answers = right[value]
        row: Row = {key: value, "questions": max(len(verdicts) for verdicts in answers.values())}
        for variant in predictions:
            if answers[variant]:
                row[variant] = round(fmean(answers[variant]), 6)
        table.append(row)
    return table


def write_csv(path: Path, key: str, variants: Sequence[str], rows: Sequence[Row]) -> None:
    """Write an accuracy table: the property, the number of questions each variant answered, and a column a variant."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [key, "questions", *variants], lineterminator="\n", restval="")
        writer.writeheader()
        writer.writerows(rows)
