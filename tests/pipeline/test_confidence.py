"""From a data set's table to the splits: a gold that the exact solver contradicts is in none of them, and is counted."""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from dvc.utils.hydra import apply_overrides
from PIL import Image

from diagramlens.records import Question, read_rows, write_table
from tests.pipeline.workspace import Workspace

DIVIDER = "V1 1 0 5\nR1 1 2 1k\nR2 2 0 1k"
FROM_TO = "What is the transfer function from V1 to R2?"
NODE = "Derive the nodal equation for node 2: what is the equation Vn2(s) = ...?"
CONFIRMED = [(FROM_TO, "R2/(R1 + R2)"), (NODE, "Vn2(s) = R2*V1/(R1 + R2)")]
CONTRADICTED = [(FROM_TO, "R1/(R1 + R2)"), (FROM_TO, "-R2/(R1 + R2)"), (NODE, "Vn2(s) = V1")]
UNDECIDED = [("What is the voltage across R2?", "2.5 V"), ("How many resistors are there?", "2")]

SOURCE = (
    "{kind: csv, weight: 1.0, path: data/imports/table/table.csv, images: data/imports/table, columns: {image: image, truth: netlist, \
question: question, answer: answer}, convention: spice, max_bad_fraction: 0.0}"
)
OVERRIDES = [
    "generate.sources.drawn.weight=0",
    f"+generate.sources.table={SOURCE}",
    # One topology, and so one split.
    "split.train=0",
    "split.validation=0",
    "split.test=1",
]


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[str], Workspace]) -> Workspace:
    """A table of questions about one divider, imported and labelled."""
    made = make_workspace("confidence")
    folder = made.folder / "data/imports/table"
    folder.mkdir(parents=True)
    with (folder / "table.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["image", "netlist", "question", "answer"])
        for number, asked in enumerate(CONFIRMED + CONTRADICTED + UNDECIDED):
            Image.linear_gradient("L").crop((0, 0, 100, 80 + number)).save(folder / f"p{number}.png")
            rows.writerow([f"p{number}.png", DIVIDER, *asked])
    apply_overrides(made.folder / "params.yaml", OVERRIDES)
    for stage in ("generate", "label"):
        made.run(sys.executable, f"stages/{stage}.py")
    return made


def split(workspace: Workspace, min_confidence: float, expect: int = 0) -> str:
    """What the split stage says."""
    apply_overrides(workspace.folder / "params.yaml", [f"split.min_confidence={min_confidence}"])
    return workspace.run(sys.executable, "stages/split.py", expect=expect)


def imported(workspace: Workspace) -> Counter[float]:
    """How many of the table's questions are in the test split, by confidence."""
    rows = read_rows(workspace.folder / "data/split/test.parquet", Question)
    return Counter(row.confidence for row in rows if row.teacher == "table")


def doubted(workspace: Workspace) -> dict[str, object]:
    return json.loads((workspace.folder / "metrics/split.json").read_text(encoding="utf-8"))["doubted"]


def test_contradicted_golds_are_set_aside_said_and_counted(workspace: Workspace) -> None:
    said = split(workspace, 0.5)
    assert imported(workspace) == {1.0: len(CONFIRMED), 0.5: len(UNDECIDED)}
    assert doubted(workspace) == {"questions": 3, "by_kind": {"nodal": 1, "transfer": 2}, "by_teacher": {"table": 3}}
    assert "3 of a confidence below split.min_confidence were set aside" in said


def test_every_gold_in_the_splits_is_right_by_its_own_grader(workspace: Workspace) -> None:
    split(workspace, 0.0)
    assert imported(workspace) == {1.0: len(CONFIRMED), 0.5: len(UNDECIDED), 0.0: len(CONTRADICTED)}
    assert doubted(workspace) == {"questions": 0, "by_kind": {}, "by_teacher": {}}
    assert "every gold answer is right" in workspace.run(sys.executable, "-m", "diagramlens.cli", "check", "--gold")


def test_only_what_the_solver_confirms_may_be_asked_for(workspace: Workspace) -> None:
    assert "set aside" in split(workspace, 1.0)
    assert imported(workspace) == {1.0: len(CONFIRMED)}


def test_where_no_gold_is_trusted_the_stage_ends_in_one_line_and_leaves_what_there_was(workspace: Workspace) -> None:
    labelled, before = workspace.folder / "data/labelled", workspace.content("data/split")
    contradicted = [row for row in read_rows(labelled, Question) if row.confidence == 0]
    write_table(labelled / "00000.parquet", contradicted, Question)
    assert split(workspace, 0.5, expect=1).splitlines() == [
        "stage split: data/labelled: every question is set aside: 3 have a confidence below split.min_confidence; "
        "lower split.min_confidence to 0"
    ]
    assert workspace.content("data/split") == before
