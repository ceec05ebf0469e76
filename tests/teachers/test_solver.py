"""The solver teaches diagrams in order, whatever the number of workers, and judges answers that came along."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from diagramlens.records import Diagram, write_shards
from diagramlens.teachers import solver
from diagramlens.teachers.cross_check import Checked
from diagramlens.teachers.label_metrics import label_metrics
from diagramlens.teachers.solver import Asking, Described, LabelError, label, label_all, read_described

ASKING = Asking({"netlist": 1, "transfer": 1, "voltage": 1, "current": 1}, "traced", seed=2)
DIAGRAM = Described(
    id="d0",
    group="g0",
    domain="circuits",
    level=1,
    truth="V1 e a 10; up\nR1 a b 2k; right\nR2 b f 3k; down\nW e f; right\nW f 0; down, ground\n",
    source="drawn",
    questions="[]",
)


def imported(*rows: dict[str, object], truth: str = "R1 0 1 R1\nR2 2 0 R2\nV1 1 2 V1") -> Described:
    return replace(DIAGRAM, truth=truth, source="circuitsense/Analysis/q1155", questions=json.dumps(rows))


def gold(numerator: str, **changes: object) -> dict[str, object]:
    known = {
        "numerator": numerator,
        "denominator": "1",
        "names": ["R1", "R2", "s"],
        "source": "V1",
        "across": "R1",
        "plus": 0,
    }
    return {"kind": "transfer", "prompt": "From V1 to R1?", "answer": numerator, "gold": known | changes}


def test_a_diagram_gets_a_question_of_each_kind():
    questions = label(DIAGRAM, ASKING).questions
    assert [question.kind for question in questions] == ["netlist", "transfer", "voltage", "current"]
    assert {(question.diagram_id, question.group, question.level, question.teacher) for question in questions} == {
        ("d0", "g0", 1, "solver")
    }


def test_the_labels_do_not_depend_on_the_number_of_workers(monkeypatch: pytest.MonkeyPatch):
    diagrams = [replace(DIAGRAM, id=f"d{i}") for i in range(150)]
    here = list(label_all(diagrams, ASKING, workers=1))
    monkeypatch.setattr(solver, "POOL_FROM", 1)
    assert list(label_all(diagrams, ASKING, workers=2)) == here


def test_diagrams_are_read_in_order_without_their_pictures(tmp_path: Path):
    rows = [
        Diagram(f"d{i}", "g", "circuits", 0, "american", b"png", DIAGRAM.truth, "[]", "drawn", "[]") for i in range(5)
    ]
    write_shards(tmp_path, rows, Diagram, 2)
    assert [diagram.id for diagram in read_described(tmp_path)] == [f"d{i}" for i in range(5)]


@pytest.mark.parametrize(
    ("row", "verdict", "confidence"),
    [
        (gold("-R1/(R1 + R2)*1"), "agree", 1.0),
        (gold("R1/(R1 + R2)*1"), "disagree", 0.0),
        (gold("R1/(R1 + R2)*1", plus=1), "agree", 1.0),
        (gold("R1/R9"), "undecided", 0.5),
        (gold("-R1/(R1 + R2)", source=None), "undecided", 0.5),
        (gold("-R1/(R1 + R2)", across="R7"), "undecided", 0.5),
        ({"kind": "nodal", "prompt": "?", "answer": "V1", "gold": {"expression": "V1"}}, "undecided", 0.5),
    ],
)
def test_an_answer_that_came_along_is_kept_and_judged(row: dict[str, object], verdict: str, confidence: float):
    labelled = label(imported(row), ASKING)
    question = labelled.questions[0]
    assert (question.id, question.teacher, question.answer) == ("d0-imported-0", "circuitsense", row["answer"])
    assert question.confidence == confidence
    assert json.loads(question.gold) == row["gold"]
    assert labelled.imported == Counter({(row["kind"], verdict): 1})


def test_a_diagram_without_a_netlist_keeps_what_it_brought():
    labelled = label(imported(gold("-R1/(R1 + R2)"), truth=""), ASKING)
    assert len(labelled.questions) == 1
    assert labelled.skipped == {"diagram without a netlist": 1}


@pytest.mark.parametrize(
    ("diagram", "message"),
    [
        (replace(DIAGRAM, domain="shapes"), "diagram d0 is of domain 'shapes'"),
        (replace(DIAGRAM, truth="R1 1"), r"diagram d0 \(drawn\): line 1: R1 has 1 nodes"),
        (replace(DIAGRAM, questions="{"), r"diagram d0 \(drawn\): its questions are no JSON list"),
        (replace(DIAGRAM, questions='[{"kind": "transfer"}]'), r"KeyError: 'gold'"),
    ],
)
def test_a_diagram_that_cannot_be_labelled_is_named(diagram: Described, message: str):
    with pytest.raises(LabelError, match=message):
        label(diagram, ASKING)


def test_the_metrics_count_by_kind_level_reason_and_verdict():
    labelled = [label(DIAGRAM, ASKING), label(imported(gold("-R1/(R1+R2)")), ASKING)]
    checks = [Checked("a", "transfer", "agree"), Checked("b", "transfer", "undecided: took too long")]
    metrics = label_metrics(labelled, checks)
    assert metrics["diagrams"] == 2
    assert metrics["questions"]["transfer"] == {"level 1": 3}
    assert metrics["skipped"] == {"voltage: a part has no numeric value": 1, "current: a part has no numeric value": 1}
    assert metrics["imported"] == {"transfer": {"agree": 1}}
    assert metrics["cross_check"] == {"transfer": {"agree": 1, "undecided: took too long": 1}}
