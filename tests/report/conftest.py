"""A finished run in miniature: two circuits, two variants, and answers that mean harm."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from diagramlens.domains.circuits.questions import ask
from diagramlens.evaluation.breakdown import accuracy_table, write_csv
from diagramlens.evaluation.metrics import summarize
from diagramlens.evaluation.scoring import score
from diagramlens.records import Diagram, Prediction, Question, write_table
from diagramlens.runtime import write_metrics

HOSTILE = "<marquee>R2 '<b>R1</b>'</marquee>\x1b[31m\u202e $\\frac{1}{0}$ {{ 7*7 }} \" onerror=R1 ' & </pre>"
TRUTHS = {
    "divider": "V1 e a 10; up\nR1 a b 2k; right\nR2 b f 3k; down\nW e f; right\nW f 0; down, ground",
    "loop": "V1 e a 5; up\nR1 a b 1k; right\nR2 b f 4k; down\nR3 e f 5k; right\nW f 0; down, ground",
}


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """`base` answers with hostile text, `merged` rightly but for one kind."""
    buffer = io.BytesIO()
    Image.new("RGB", (140, 100), "white").save(buffer, format="PNG")
    diagrams = [
        Diagram(name, name, "circuits", level, "american", buffer.getvalue(), truth, "[]", "drawn", "[]")
        for level, (name, truth) in enumerate(TRUTHS.items())
    ]
    kinds = {"netlist": 1, "transfer": 1, "voltage": 1, "current": 1}
    questions = [
        question
        for diagram in diagrams
        for question in ask(
            diagram.id, diagram.group, diagram.level, diagram.truth, kinds=kinds, netlist_form="traced", seed=1
        )
    ]
    answers = {
        "base": [HOSTILE] * len(questions),
        "merged": ["0.1 A" if question.kind == "current" else question.answer for question in questions],
    }
    predictions = {variant: score(variant, questions, texts) for variant, texts in answers.items()}
    for folder in ("data/diagrams", "data/split", "data/predictions", "metrics"):
        (tmp_path / folder).mkdir(parents=True)
    write_table(tmp_path / "data/diagrams/00000.parquet", diagrams, Diagram)
    write_table(tmp_path / "data/split/test.parquet", questions, Question)
    for variant, rows in predictions.items():
        write_table(tmp_path / f"data/predictions/{variant}.parquet", rows, Prediction)
    write_metrics(
        tmp_path / "metrics/metrics.json", {variant: summarize(rows) for variant, rows in predictions.items()}
    )
    table = accuracy_table(predictions, "parts", lambda row: 3 if row.diagram_id == "divider" else 4)
    write_csv(tmp_path / "metrics/accuracy_by_parts.csv", "parts", ["base", "merged"], table)
    (tmp_path / "metrics/train_curves.csv").write_text(
        "step,phase,train_loss,validation_loss\n1,a,2.0,\n2,a,1.5,1.6\n3,a,,1.4\n"
    )
    return tmp_path
