"""`diagramlens check --gold`: every gold answer of every split by its own grader."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path

import pytest

from diagramlens.checking.gold import SHOWN, why_wrong
from diagramlens.cli import main
from diagramlens.records import Question, write_table
from diagramlens.splitting import SPLITS
from diagramlens.teachers.solver import Asking, Described, label
from tests.teachers.ladder import LADDER

ROOT = Path(__file__).parents[1]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data/split").mkdir(parents=True)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def questions(reasoning: str = "none", choices: float = 0.0) -> list[Question]:
    """What is asked of one circuit, of many kinds."""
    kinds = dict.fromkeys(("netlist", "count", "transfer", "impedance", "nodal", "voltage", "poles", "design"), 2)
    diagram = Described("d", "g", "circuits", 1, LADDER, "drawn", "[]")
    return list(label(diagram, Asking(kinds, "traced", seed=1, choices=choices, reasoning=reasoning)).questions)  # type: ignore[arg-type]


def write(rows: list[Question]) -> None:
    """A split of each name, all the rows in the last."""
    for name in SPLITS:
        write_table(Path(f"data/split/{name}.parquet"), rows if name == SPLITS[-1] else [], Question)


def spoilt(question: Question, **fields: object) -> Question:
    """The question with other values in its gold."""
    return dataclasses.replace(question, gold=json.dumps(json.loads(question.gold) | fields))


@pytest.mark.parametrize(
    ("reasoning", "choices"), [("none", 0.0), ("none", 1.0), ("worked", 0.0), ("netlist", 0.0), ("steps", 0.0)]
)
def test_the_solver_s_own_answers_are_right_and_counted_by_kind(
    workspace: Path, capsys: pytest.CaptureFixture[str], reasoning: str, choices: float
) -> None:
    rows = questions(reasoning, choices)
    write(rows)
    assert main(["check", "--gold"]) == 0
    out, err = capsys.readouterr()
    assert f"{len(rows)} of {len(rows)}: every gold answer is right" in out and err == ""
    for kind in {row.kind for row in rows}:
        count = sum(row.kind == kind for row in rows)
        assert f"{kind} {count} of {count}" in " ".join(out.split())


def test_a_gold_that_its_answer_does_not_meet_is_named_with_the_reason(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = questions()
    number = next(index for index, row in enumerate(rows) if row.kind == "count")
    write([*rows[:number], spoilt(rows[number], count=77), *rows[number + 1 :]])
    assert main(["check", "--gold"]) == 1
    out, err = capsys.readouterr()
    assert f"{len(rows) - 1} of {len(rows)}: 1 are not" in out
    (line,) = err.splitlines()
    assert line.startswith(
        f"diagramlens check: data/split/test.parquet: question {rows[number].id} (count, by solver), "
        f"answer '{rows[number].answer}': "
    )


def test_of_many_only_the_first_are_named(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    count = next(row for row in questions() if row.kind == "count")
    write([spoilt(count, count=77)] * (SHOWN + 5))
    assert main(["check", "--gold"]) == 1
    out, err = capsys.readouterr()
    assert len(err.splitlines()) == SHOWN
    assert f"0 of {SHOWN + 5}: {SHOWN + 5} are not" in out


@pytest.mark.parametrize(
    ("gold", "reason"),
    [
        ("", "its gold is no JSON"),
        ("[1]", "its gold is no JSON object"),
        ("{}", "'count'"),
        ('{"count": "2"}', "a whole number"),
        ('{"count": 2.5}', "a whole number"),
    ],
)
def test_a_damaged_gold_is_a_reason_and_no_traceback(gold: str, reason: str) -> None:
    count = next(row for row in questions() if row.kind == "count")
    assert reason in (why_wrong(dataclasses.replace(count, gold=gold)) or "")


def test_a_kind_without_a_grader_is_a_reason() -> None:
    odd = dataclasses.replace(questions()[0], kind="riddle")
    assert "no grader for questions of the kind 'riddle'" in (why_wrong(odd) or "")


def test_a_split_that_is_missing_or_empty_is_one_line(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--gold"]) == 1
    missing = "diagramlens check: data/split/train.parquet: not there yet; run dvc repro split first\n"
    assert capsys.readouterr().err == missing
    write([])
    assert main(["check", "--gold"]) == 1
    assert "data/split: its splits hold no question" in capsys.readouterr().err
