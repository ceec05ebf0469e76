"""The solver teaches diagrams in order, whatever the number of workers, and judges answers that came along."""

from __future__ import annotations

import json
import multiprocessing
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import sympy

from diagramlens.grading.answers import grade
from diagramlens.records import Diagram, write_shards
from diagramlens.teachers import solver
from diagramlens.teachers.cross_check import Checked
from diagramlens.teachers.imported import check_gold
from diagramlens.teachers.label_metrics import LabelTally
from diagramlens.teachers.solver import Asking, Described, LabelError, count_described, label, label_all, read_described
from tests.teachers.ladder import LADDER

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
WORKED_KINDS = Asking(
    {"netlist": 1, "count": 1, "transfer": 3, "impedance": 3, "voltage": 3, "current": 2}, "traced", seed=2
)
# Node voltages of the ladder are volts for these values of its parts, at s = 3.
VALUES = {"V1": 10.0, "R1": 2000.0, "R2": 3000.0, "R3": 1000.0, "C1": 1e-6, "Itest": 1.0, "s": 3.0}


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


def node_voltage(name: str, value: str) -> dict[str, object]:
    """The gold of a solved node voltage, as it is imported."""
    return {"left": name, "right": value, "names": ["R1", "R2", "V1", "s"], "voltages": [name], "checked": False}


def test_a_diagram_gets_a_question_of_each_kind():
    questions = label(DIAGRAM, ASKING).questions
    assert [question.kind for question in questions] == ["netlist", "transfer", "voltage", "current"]
    assert {(question.diagram_id, question.group, question.level, question.teacher) for question in questions} == {
        ("d0", "g0", 1, "solver")
    }


def test_the_labels_do_not_depend_on_the_number_of_workers(monkeypatch: pytest.MonkeyPatch):
    diagrams = [replace(DIAGRAM, id=f"d{i}") for i in range(150)]
    here = list(label_all(diagrams, ASKING, workers=1, count=150))
    monkeypatch.setattr(solver, "POOL_FROM", 1)
    assert list(label_all(diagrams, ASKING, workers=2, count=150)) == here


def test_no_more_processes_label_than_there_is_work_for(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(solver, "POOL_FROM", 1)
    before = set(multiprocessing.active_children())
    labelled = label_all([replace(DIAGRAM, id=f"d{i}") for i in range(150)], ASKING, workers=50, count=150)
    next(labelled)
    assert len(set(multiprocessing.active_children()) - before) <= 3  # 64 diagrams at a time
    labelled.close()


def test_no_more_diagrams_are_read_than_are_soon_labelled(monkeypatch: pytest.MonkeyPatch):
    read = 0

    def diagrams() -> Iterator[Described]:
        nonlocal read
        for number in range(2000):
            read += 1
            yield replace(DIAGRAM, id=f"d{number}")

    monkeypatch.setattr(solver, "POOL_FROM", 1)
    monkeypatch.setattr(solver, "CHUNK", 8)
    labelled = label_all(diagrams(), ASKING, workers=2, count=2000)
    next(labelled)
    assert read <= 8 * (solver.AHEAD * 2 + 2)
    labelled.close()


def test_diagrams_are_read_in_order_without_their_pictures(tmp_path: Path):
    rows = [
        Diagram(f"d{i}", "g", "circuits", 0, "american", b"png", DIAGRAM.truth, "[]", "drawn", "[]") for i in range(5)
    ]
    write_shards(tmp_path, rows, Diagram, 2)
    assert [diagram.id for diagram in read_described(tmp_path)] == [f"d{i}" for i in range(5)]
    assert count_described(tmp_path) == 5


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
    tally = LabelTally()
    labelled = [label(DIAGRAM, ASKING), label(imported(gold("-R1/(R1+R2)")), ASKING)]
    assert len(list(tally.watch(labelled))) == 7
    tally.check(Checked("a", "transfer", "agree"))
    tally.check(Checked("b", "transfer", "undecided: took too long"))
    metrics = tally.metrics()
    assert metrics["diagrams"] == 2 and metrics["total"] == 7
    assert metrics["questions"]["transfer"] == {"level 1": 3}
    assert metrics["skipped"] == {"voltage: a part has no numeric value": 1, "current: a part has no numeric value": 1}
    assert metrics["imported"] == {"transfer": {"agree": 1}}
    assert metrics["cross_check"] == {"transfer": {"agree": 1, "undecided: took too long": 1}}


@pytest.mark.parametrize(
    ("kind", "gold", "verdict"),
    [
        ("voltage", {"value": "-4", "unit": "V", "across": "R1", "plus": 0}, "agree"),
        ("voltage", {"value": "-4", "unit": "V", "across": "R1", "plus": 1}, "disagree"),
        ("current", {"value": "-2/1000", "unit": "A", "across": "R2", "plus": 0}, "agree"),
        ("current", {"value": "2/1000", "unit": "A"}, "undecided"),
        (
            "nodal",
            {"node": "b", "left": "(Vb-Va)/R1", "right": "-Vb/R2", "names": ["R1", "R2"], "voltages": ["Va", "Vb"]},
            "agree",
        ),
        ("nodal", {"node": "b", "left": "Vb", "right": "Va", "names": [], "voltages": ["Va", "Vb"]}, "undecided"),
        ("nodal", node_voltage("Vb", "-R2*V1/(R1+R2)"), "agree"),
        ("nodal", node_voltage("Vn_b", "-R2*V1/(s*(R1+R2))"), "agree"),
        ("nodal", node_voltage("Vb", "R2*V1/(R1+R2)"), "disagree"),
        ("nodal", node_voltage("Vb", "0"), "disagree"),
        ("nodal", node_voltage("Vc", "V1"), "undecided"),
    ],
)
def test_numbers_and_equations_that_came_along_are_judged_too(kind: str, gold: dict[str, object], verdict: str):
    assert check_gold(kind, gold, DIAGRAM.truth) == verdict


def test_a_share_of_the_questions_becomes_multiple_choice_with_one_right_letter():
    asking = replace(ASKING, kinds={"netlist": 1, "transfer": 3, "voltage": 1, "design": 1})
    for number in range(12):
        diagram = replace(DIAGRAM, id=f"d{number}", truth=LADDER)
        opened = {question.id: question for question in label(diagram, asking).questions}
        labelled = label(diagram, replace(asking, choices=1.0))
        assert labelled.choices.total() >= 5
        for question in labelled.questions:
            if question.kind != "choice":
                continue
            gold, open_question = json.loads(question.gold), opened[question.id.removesuffix("-choice")]
            assert gold["of"] == open_question.kind
            right = [
                grade(gold["of"], json.loads(open_question.gold), open_question.answer, choice).correct
                for choice in gold["choices"]
            ]
            assert right == [letter == gold["letter"] for letter in "ABCD"]
            assert all(choice in question.prompt for choice in gold["choices"])
            assert question.answer == gold["letter"]
    some = [
        question.kind == "choice"
        for n in range(40)
        for question in label(replace(DIAGRAM, id=f"e{n}", truth=LADDER), replace(asking, choices=0.5)).questions
    ]
    assert 0.3 < sum(some) / len(some) < 0.6


def test_letters_are_dealt_evenly():
    asking = Asking({"transfer": 1}, "traced", seed=2, choices=1.0)
    questions = [label(replace(DIAGRAM, id=f"d{n}", truth=LADDER), asking).questions[0] for n in range(80)]
    letters = Counter(question.answer for question in questions if question.kind == "choice")
    assert set(letters) == set("ABCD") and max(letters.values()) < 40


def test_a_worked_answer_ends_in_the_answer_and_its_equations_lead_there():
    plain = {question.id: question for question in label(replace(DIAGRAM, truth=LADDER), WORKED_KINDS).questions}
    for question in label(replace(DIAGRAM, truth=LADDER), replace(WORKED_KINDS, reasoning="worked")).questions:
        gold, answer = json.loads(question.gold), plain[question.id].answer
        assert grade(question.kind, gold, answer, question.answer).correct
        if question.kind in ("netlist", "count"):
            assert question.answer == answer
            continue
        steps, final = question.answer.rsplit("\nAnswer: ", 1)
        assert final == answer
        if "Sought" not in steps:  # a current that Ohm's law does not give
            assert question.kind == "current"
            continue
        equations, sought = re.search(r"Nodal equations:\n(.*)\nSought: (.*)", steps, re.DOTALL).groups()  # type: ignore[union-attr]
        assert same_value(solved(equations.splitlines(), sought, known=VALUES), gold)


def solved(equations: list[str], sought: str, known: dict[str, float]) -> float:
    """What the equations make of the expression sought, for some values of the parts."""
    names = {name: sympy.Symbol(name) for line in (*equations, sought) for name in re.findall(r"[A-Za-z]\w*", line)}
    zero = {line.removesuffix("=0") for line in equations}
    numbers = {names[name]: value for name, value in known.items() if name in names and name not in zero}
    unknowns = [symbol for name, symbol in names.items() if symbol not in numbers]
    sides = [[sympy.sympify(side, locals=names).subs(numbers) for side in line.split("=")] for line in equations]
    (solution,) = sympy.linsolve([left - right for left, right in sides], unknowns)
    return complex(
        sympy.sympify(sought, locals=names).subs(numbers).subs(dict(zip(unknowns, solution, strict=True)))
    ).real


def same_value(found: float, gold: dict[str, str]) -> bool:
    if "value" in gold:
        expected = float(Fraction(gold["value"]))
    else:
        above, below = (sympy.sympify(gold[part]).subs(VALUES) for part in ("numerator", "denominator"))
        expected = float(above / below)
    return found == pytest.approx(expected)
