"""Trackers hear of a training and change nothing of it. Each is tried where its package is installed."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from diagramlens.training.phases import RecipeError
from diagramlens.training.recipe import Machine
from tests.training.killing import Killed, content_of, kill_after

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def offline(monkeypatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


@pytest.mark.parametrize("name", ["tensorboard", "dvclive", "wandb", "mlflow"])
def test_a_tracker_changes_neither_the_outputs_nor_the_repository(
    name, train, whole, tmp_path, monkeypatch, phase
) -> None:
    pytest.importorskip(name)
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    monkeypatch.chdir(workspace)
    for command in (["git", "init", "--quiet"], ["dvc", "init", "--quiet"]):
        subprocess.run(command, check=True)
    (workspace / "dvc.yaml").write_text("stages: {}\n")
    (workspace / ".gitignore").write_text("/runs/\n")
    commit = ["git", "-c", "user.name=test", "-c", "user.email=test@localhost", "commit", "--quiet", "--all", "-m", "x"]
    subprocess.run(["git", "add", "--all"], check=True)
    subprocess.run(commit, check=True)
    before = everything(workspace)

    result = train(machine=Machine(device="cpu", tracker=name, tracker_folder=workspace / "runs/some-training"))

    assert content_of(result.adapter) == content_of(whole.adapter)
    assert result.trained == whole.trained
    written = set(everything(workspace)) - set(before)
    assert written and all(path.startswith("runs/some-training/phase/") for path in written), written
    assert {path: time for path, time in everything(workspace).items() if path in before} == before


@pytest.mark.parametrize("name", ["tensorboard", "dvclive"])
def test_a_tracker_goes_on_where_a_killed_training_does(name, train, whole, tmp_path, monkeypatch) -> None:
    pytest.importorskip(name)
    machine = Machine(device="cpu", tracker=name, tracker_folder=tmp_path / "runs")
    kill_after(3, monkeypatch)
    with pytest.raises(Killed):
        train(where=tmp_path, machine=machine)
    first = set(everything(tmp_path / "runs"))
    resumed = train(where=tmp_path, machine=machine)
    assert resumed.trained == whole.trained
    assert first <= set(everything(tmp_path / "runs"))
    train(machine=machine)
    if name == "tensorboard":
        assert not first & set(everything(tmp_path / "runs")), "an earlier run of the same training among the new one"


def everything(folder: Path) -> dict[str, int]:
    """All files but Git's and DVC's own caches, with the time of their last change."""
    kept = {}
    for root, _, files in os.walk(folder):
        for file in files:
            path = Path(root, file)
            name = path.relative_to(folder).as_posix()
            if not name.startswith((".dvc/tmp", ".git/index")):
                kept[name] = path.stat().st_mtime_ns
    return kept


def test_tensorboard_has_the_curves_of_every_component(train, tmp_path, phase) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = tmp_path / "runs"
    trained = train(
        phase(language=("lora", 1e-3), merger=("full", 1e-4)),
        machine=Machine(device="cpu", tracker="tensorboard", tracker_folder=folder),
    ).trained
    events = EventAccumulator(str(folder / "phase")).Reload()
    assert {"train/component/merger_grad_norm", "train/component/language_rate", "eval/loss"} <= set(
        events.Tags()["scalars"]
    )
    shown = [(event.step, round(event.value, 4)) for event in events.Scalars("train/loss")]
    assert shown == [(row["step"], pytest.approx(row["train_loss"], abs=1e-4)) for row in trained.curves]


def test_a_tracker_that_is_not_installed_is_one_line(train) -> None:
    with pytest.raises(
        RecipeError, match=r"runtime\.tracker = no_such_tracker: that package is not installed; pip install"
    ):
        train(machine=Machine(device="cpu", tracker="no_such_tracker"))
