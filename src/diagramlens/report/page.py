"""A run as one HTML file: tables, curves, and circuits with what was answered about them.

The file holds everything it shows and loads nothing. What a model wrote is hostile text: the template escapes all of it, and the page
forbids itself scripts and any request, so that a mistake in the one would still be stopped by the other.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from diagramlens.records import Prediction
from diagramlens.report.charts import Line, line_chart, points_of
from diagramlens.report.results import Example, Results, choose
from diagramlens.report.wording import (
    METRIC_NAMES,
    TOTALS,
    group_name,
    kind_order,
    metric_name,
    showable,
    variant_colour,
    variant_name,
)

_LONGEST_ANSWER = 1500
_LONGEST_REASON = 400


@dataclass(frozen=True)
class Cell:
    """A share in a table: a number in [0, 1], or None where nothing was asked; `best` marks the largest of its row."""

    share: float | None
    best: bool


@dataclass(frozen=True)
class TableRow:
    """A metric of one group of questions: its name, the number of questions behind it, and a cell a variant."""

    name: str
    questions: int
    cells: Sequence[Cell]


def render_page(results: Results, *, title: str, examples: int) -> str:
    """The page's text. `examples` is how many questions are shown with their pictures."""
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(
        resources.files("diagramlens.report").joinpath("page.html").read_text(encoding="utf-8")
    )
    groups = _groups(results)
    return template.render(
        title=title,
        subject=results.subject,
        questions=len(results.examples),
        diagrams=len({example.diagram.id for example in results.examples}),
        variants=[(variant_name(variant), variant_colour(variant)) for variant in results.variants],
        headline=_headline(results),
        overall=groups["overall"],
        groups=[(group_name(name), rows) for name, rows in groups.items() if name != "overall"],
        charts=_charts(results),
        examples=[_example(example, results) for example in choose(results, examples)],
    )


def _groups(results: Results) -> dict[str, list[TableRow]]:
    names = dict.fromkeys(name for variant in results.variants for name in results.metrics[variant])
    order = ["overall", *sorted(name for name in names if name.startswith(("level_", "no_level")))]
    order += sorted((name for name in names if name not in order), key=kind_order)
    return {name: _rows([results.metrics[variant].get(name, {}) for variant in results.variants]) for name in order}


def _rows(of_variants: Sequence[Mapping[str, Any]]) -> list[TableRow]:
    known = [*METRIC_NAMES, *TOTALS]
    found = dict.fromkeys(metric for group in of_variants for metric in group if metric != "questions")
    rows = []
    for metric in sorted(found, key=lambda metric: known.index(metric) if metric in known else len(known)):
        shares = [group.get(metric) for group in of_variants]
        largest = max(share for share in shares if share is not None)
        counts = [group["questions"][metric] for group in of_variants if metric in group]
        rows.append(
            TableRow(
                metric_name(metric), max(counts), [Cell(share, share == largest and largest > 0) for share in shares]
            )
        )
    return rows


def _headline(results: Results) -> list[tuple[str, float, float | None]]:
    """Name, share of the trained model and share of the untouched one (None where it is the same) of what matters most."""
    after = results.metrics[results.subject]["overall"]
    first = results.compared[0]
    before = results.metrics[first]["overall"] if first != results.subject else {}
    wanted = (
        "netlist_exact_accuracy",
        "equation_sympy_accuracy",
        "equation_via_netlist_accuracy",
        "qa_numerical_accuracy",
    )
    return [(metric_name(metric), after[metric], before.get(metric)) for metric in wanted if metric in after]


def _charts(results: Results) -> list[tuple[str, Markup, list[tuple[str, str]]]]:
    """Title, drawing and legend of each chart that has something to show."""
    blue, amber = variant_colour("merged"), "#d9822b"
    curves = [
        Line("training", blue, points_of(results.curves, "step", "train_loss")),
        Line("validation", amber, points_of(results.curves, "step", "validation_loss"), dots=True),
    ]
    by_parts = [
        Line(variant, variant_colour(variant), points_of(results.by_parts, "parts", variant), dots=True)
        for variant in results.variants
    ]
    drawn = [
        ("Loss while training", line_chart(curves, x_label="optimiser step"), curves),
        (
            "Right answers by number of parts",
            line_chart(by_parts, x_label="parts in the circuit", percent=True),
            by_parts,
        ),
    ]
    return [
        (name, chart, [(line.name, line.colour) for line in lines if line.points])
        for name, chart, lines in drawn
        if chart
    ]


def _example(example: Example, results: Results) -> dict[str, Any]:
    picture = base64.b64encode(example.diagram.image).decode("ascii")
    return {
        "picture": f"data:image/png;base64,{picture}",
        "kind": group_name(example.question.kind),
        "level": group_name(f"level_{example.question.level}" if example.question.level >= 0 else "no_level"),
        "style": example.diagram.style,
        "id": example.question.id,
        "prompt": example.question.prompt,
        "truth": example.question.answer,
        "answers": [
            _answer(variant, example.answers[variant]) for variant in results.compared if variant in example.answers
        ],
    }


def _answer(variant: str, prediction: Prediction) -> dict[str, Any]:
    return {
        "variant": variant,
        "text": showable(prediction.text, _LONGEST_ANSWER),
        "correct": prediction.correct,
        "reason": showable(prediction.reason, _LONGEST_REASON),
    }
