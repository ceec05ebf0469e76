"""The real pipeline under the real dvc, in the tiny profile: what runs, what does not, what comes out.

One workspace is run through once and then changed bit by bit: the tests build on each other, in the order written here.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from diagramlens.records import Prediction, Question, read_rows
from diagramlens.splitting import SPLITS, place
from tests.pipeline.conftest import ANOTHER_SPLIT
from tests.pipeline.workspace import Workspace, ran

STAGES = ["generate", "label", "split", "train", "merge", "quantize", "evaluate"]


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[str], Workspace]) -> Workspace:
    """A workspace in which everything has run once, committed."""
    made = make_workspace("pipeline")
    assert ran(made.dvc("repro")) == STAGES
    made.commit("the first results")
    return made


def test_a_second_run_has_nothing_to_do(workspace: Workspace) -> None:
    assert ran(workspace.dvc("repro")) == []
    assert "Data and pipelines are up to date." in workspace.dvc("status")


def test_git_sees_the_results_and_none_of_the_data(workspace: Workspace) -> None:
    tracked = workspace.git("ls-files").split()
    assert "metrics/metrics.json" in tracked
    assert "dvc.lock" in tracked
    assert not [path for path in tracked if path.startswith("data/") and path != "data/imports/README.md"]
    assert not [path for path in tracked if path.startswith("models/") and not path.startswith("models/base/")]
    assert workspace.git("status", "--porcelain") == ""


def test_every_variant_is_measured_and_no_topology_is_shared(workspace: Workspace) -> None:
    metrics = json.loads((workspace.folder / "metrics/metrics.json").read_text(encoding="utf-8"))
    assert {"base", "merged"} <= set(metrics)
    assert json.loads((workspace.folder / "metrics/split.json").read_text(encoding="utf-8"))["groups_shared"] == 0


def test_test_topologies_that_the_base_was_pretrained_on_are_counted(workspace: Workspace) -> None:
    examined = json.loads((workspace.folder / "metrics/evaluate.json").read_text(encoding="utf-8"))
    group_of = {row.id: row.group for row in read_rows(workspace.folder / "data/split/test.parquet", Question)}
    answered = read_rows(workspace.folder / "data/predictions/base.parquet", Prediction)
    groups = {group_of[row.question_id] for row in answered}
    shares = {name: float(ANOTHER_SPLIT[name]) for name in SPLITS}
    drawn = [group for group in groups if place(group, str(ANOTHER_SPLIT["salt"]), shares) == "train"]
    assert drawn, "the tiny profile has a test topology that the other salt puts into train"
    assert (examined["topologies"], examined["topologies_pretrained_on"]) == (len(groups), len(drawn))


def test_another_rank_runs_training_and_what_follows_and_nothing_before(workspace: Workspace) -> None:
    assert ran(workspace.dvc("exp", "run", "-S", "lora.r=2")) == ["train", "merge", "quantize", "evaluate"]


def test_the_differences_of_metrics_and_parameters_are_named(workspace: Workspace) -> None:
    """After the run with another rank: what a review looks at."""
    parameters = json.loads(workspace.dvc("params", "diff", "HEAD", "--json"))
    assert parameters["params.yaml"]["lora.r"] | {"diff": -2} == {"old": 4, "new": 2, "diff": -2}
    differences = json.loads(workspace.dvc("metrics", "diff", "HEAD", "--json"))
    assert differences["metrics/train.json"], "a smaller adapter trains fewer parameters"
    table = workspace.dvc("metrics", "diff", "HEAD")
    for file, metrics in differences.items():
        for name in metrics:
            assert f"{file}" in table
            assert name in table


def test_going_back_runs_nothing(workspace: Workspace) -> None:
    adapter = workspace.content("models/adapter")
    assert ran(workspace.dvc("exp", "run", "-S", "lora.r=4")) == []
    assert workspace.content("models/adapter") != adapter
    # What dvc.lock and the metrics say is what was committed.
    assert workspace.git("status", "--porcelain") == ""


def test_without_dvc_lock_nothing_runs_either(workspace: Workspace) -> None:
    (workspace.folder / "dvc.lock").unlink()
    assert ran(workspace.dvc("repro")) == []
    assert workspace.git("status", "--porcelain") == ""


def test_a_recipe_or_model_that_is_not_selected_makes_nothing_stale(workspace: Workspace) -> None:
    assert ran(workspace.dvc("exp", "run", "-S", "models.qwen2-vl-7b.micro_batch=1", "-S", "runtime.workers=2")) == []
    workspace.git("checkout", "--", "params.yaml")


def test_a_sweep_is_queued_without_hydra(workspace: Workspace) -> None:
    workspace.dvc("exp", "run", "--queue", "-S", "lora.r=8,16")
    queued = workspace.dvc("queue", "status")
    assert queued.count("Queued") == 2
    workspace.dvc("queue", "remove", "--all")
    assert workspace.git("status", "--porcelain") == ""


def test_a_misspelt_override_is_refused_by_dvc(workspace: Workspace) -> None:
    assert "lora.rank" in workspace.dvc("exp", "run", "-S", "lora.rank=16", expect=255)
    assert workspace.git("status", "--porcelain") == ""


def test_an_unknown_recipe_stops_the_pipeline(workspace: Workspace) -> None:
    output = workspace.dvc("exp", "run", "-S", "recipe=r9-other", expect=255)
    assert "r9-other" in output
    assert "Traceback" not in output
    workspace.git("checkout", "--", ".")
    assert ran(workspace.dvc("repro")) == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_wrong_parameter_stops_every_stage_with_one_line_and_leaves_everything(
    workspace: Workspace, stage: str
) -> None:
    file = workspace.folder / "params.yaml"
    right = file.read_text(encoding="utf-8")
    before = {folder: workspace.content(folder) for folder in ("data", "models", "metrics")}
    try:
        file.write_text(right.replace("  tolerance: 0.05", "  tolerence: 0.05"), encoding="utf-8")
        output = workspace.run("python", f"stages/{stage}.py", expect=1)
    finally:
        file.write_text(right, encoding="utf-8")
    (line,) = [line for line in output.splitlines() if line.startswith("stage ")]
    assert line == (
        f"stage {stage}: params.yaml: merge.tolerence = 0.05: unknown key, did you mean tolerance? merge has tolerance, samples, pictures"
    )
    assert "Traceback" not in output
    assert {folder: workspace.content(folder) for folder in before} == before


@pytest.mark.slow
def test_two_runs_from_an_empty_cache_give_the_same_bytes(
    workspace: Workspace, make_workspace: Callable[[str], Workspace]
) -> None:
    other = make_workspace("other")
    assert ran(other.dvc("repro", "train")) == ["generate", "label", "split", "train"]
    for folder in ("data/diagrams", "data/labelled", "data/split", "models/adapter"):
        assert workspace.content(folder) == other.content(folder), folder
