"""Level 5 from drawing to verdict: every answer is right to its own grader, and Mason's rule agrees with what elimination found."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from diagramlens.domains.circuits.blocks.text import format_blocks, parse_blocks
from diagramlens.domains.circuits.drawn import draw_diagram
from diagramlens.domains.circuits.questions import KINDS
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.grading.answers import Graded, grade
from diagramlens.params import read_yaml
from diagramlens.records import Question, write_shards
from diagramlens.teachers.cross_check import Checked, CrossCheckError, cross_check
from diagramlens.teachers.label_metrics import LabelTally
from diagramlens.teachers.sample import to_solve_again
from diagramlens.teachers.solver import Asking, Described, label

ROOT = Path(__file__).parents[2]
DIAGRAMS = 60
ANALYSIS = ("transfer", "dc_gain", "poles", "zeros")
OPEN = Asking(dict.fromkeys(KINDS, 2), "traced", seed=3)
MASON = "agree: Mason's rule"


@pytest.fixture(scope="module")
def drawn() -> list[Described]:
    """Diagrams as the stage that draws them writes them."""
    content = read_yaml(ROOT / "params.yaml")["domains"]["circuits"]
    for name, level in content["levels"].items():
        level["weight"] = float(name == "level_5")
    recipe = CircuitRecipe.of(content)
    rows = [draw_diagram(number, recipe, seed=5) for number in range(DIAGRAMS)]
    return [Described(**{name: getattr(row, name) for name in Described.__dataclass_fields__}) for row in rows]


@pytest.fixture(scope="module")
def asked(drawn: list[Described]) -> list[Question]:
    return [question for diagram in drawn for question in label(diagram, OPEN).questions]


def graded(question: Question, answer: str) -> Graded:
    return grade(question.kind, json.loads(question.gold), question.answer, answer)


def of_blocks(source: str, numerator: str, denominator: str, *, kind: str = "transfer") -> Question:
    """A question about a loop of an integrator and a gain that stands open at its other input."""
    blocks = "in R\nin D\nsum S1 +R -H1\nblock G1 S1 10/s\nblock H1 G1 0.5\nout Y G1"
    gold = {"blocks": blocks, "source": source, "printed": True, "names": ["s"]}
    gold |= {"numerator": numerator, "denominator": denominator}
    return Question("q", "d", "g", 5, kind, "?", "!", json.dumps(gold), "solver", 1.0)


def test_every_answer_is_right_to_its_own_grader(asked: list[Question]):
    kinds = Counter(question.kind for question in asked)
    assert set(kinds) == {"netlist", "count", *ANALYSIS}
    assert min(kinds.values()) >= 10, kinds
    for question in asked:
        verdict = graded(question, question.answer)
        assert verdict.correct and set(verdict.scores.values()) == {1.0}, (question, verdict)


def test_worked_answers_and_choices_are_right_to_their_graders(drawn: list[Described]):
    asking = replace(OPEN, choices=0.6, reasoning="worked")
    worked, chosen = Counter[str](), Counter[str]()
    for diagram in drawn:
        for question in label(diagram, asking).questions:
            assert graded(question, question.answer).correct, question
            kind = json.loads(question.gold)["of"] if question.kind == "choice" else question.kind
            shown = "Forward paths from " in question.answer
            assert shown <= (kind in ANALYSIS), question
            worked[kind] += shown
            if question.kind == "choice":
                chosen[kind] += 1
                assert not shown or "\nResult: " in question.answer
    assert min(worked[kind] for kind in ANALYSIS) >= 5, worked
    assert {"netlist", *ANALYSIS} <= set(chosen), chosen


def test_an_answer_behind_the_diagram_begins_with_what_it_follows_from(drawn: list[Described]):
    asking = replace(OPEN, choices=0.5, reasoning="netlist")
    behind = Counter[str]()
    for diagram in drawn:
        for question in label(diagram, asking).questions:
            assert graded(question, question.answer).correct, question
            if question.answer.startswith("Block diagram:\n"):
                text = (
                    question.answer.removeprefix("Block diagram:\n")
                    .partition("\nAnswer: ")[0]
                    .partition("\nResult: ")[0]
                )
                assert format_blocks(parse_blocks(text)) == text
                behind[question.kind] += 1
    assert {"choice", *ANALYSIS} <= set(behind) and not {"netlist", "count"} & set(behind), behind


def test_block_diagrams_have_no_parts_to_be_joined_step_by_step(drawn: list[Described]):
    for diagram in drawn[:20]:
        assert label(diagram, replace(OPEN, reasoning="steps")) == label(diagram, OPEN)


def test_a_wrong_sign_in_the_text_of_a_diagram_is_wrong(asked: list[Question]):
    turned = 0
    for question in asked:
        other = re.sub(r"(?m)^(sum \w+ )\+", r"\1-", question.answer, count=1)
        if question.kind == "netlist" and other != question.answer:
            verdict = graded(question, other)
            assert not verdict.correct and verdict.scores["blocks_connection_f1"] < 1
            turned += 1
    assert turned > DIAGRAMS / 2


def test_blocks_may_be_written_as_functions_of_s(asked: list[Question]):
    tried = 0
    for question in asked:
        functions = json.loads(question.gold).get("functions")
        if question.kind != "transfer" or not functions:
            continue
        name = re.compile(rf"\b({'|'.join(functions)})\b(\*\*\d+)?")
        if not name.search(question.answer):
            continue
        assert graded(question, name.sub(r"\1(s)\2", question.answer)).correct, question
        assert not graded(question, name.sub(r"\1*(s)\2", question.answer)).correct, question
        tried += 1
    assert tried > DIAGRAMS / 2


def test_masons_rule_agrees_with_every_transfer_function_and_gain(asked: list[Question], tmp_path: Path):
    write_shards(tmp_path, asked, Question, 10_000)
    sample, tally = to_solve_again(tmp_path, 1.0, seed=1), LabelTally()
    assert [question.id for question in sample] == [q.id for q in asked if q.kind in ("transfer", "dc_gain")]
    assert {question.diagram_id for question in sample} == {question.diagram_id for question in asked}
    for checked in cross_check(sample, workers=1):
        tally.check(checked)
    verdicts = tally.metrics()["cross_check"]
    assert {kind: set(found) for kind, found in verdicts.items()} == {"transfer": {MASON}, "dc_gain": {MASON}}
    assert tally.checked == len(sample)


def test_a_gold_that_masons_rule_does_not_find_is_an_error_that_shows_the_diagram():
    right = of_blocks("R", "10", "s+5")
    assert list(cross_check([right], workers=1)) == [Checked("q", "transfer", MASON)]
    gain = of_blocks("R", "2", "1", kind="dc_gain")
    assert next(cross_check([gain], workers=1)).verdict == MASON
    for wrong in (of_blocks("R", "10", "s-5"), of_blocks("D", "10", "s+5"), of_blocks("R", "3", "1", kind="dc_gain")):
        with pytest.raises(CrossCheckError, match=r"in \[in R; in D; sum S1 .*Mason's rule"):
            list(cross_check([wrong], workers=1))
