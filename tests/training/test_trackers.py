"""Trackers hear of a training, have its curves, and change nothing of it.

wandb and mlflow are tried where they are installed, which `make test-trackers` sees to.
"""

from __future__ import annotations

import csv
import importlib.util
import json
import os
import struct
import subprocess
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from diagramlens.training.phases import RecipeError
from diagramlens.training.recipe import Machine
from tests.training.killing import Killed, content_of, kill_after

ROOT = Path(__file__).parents[2]


def skip_unless_installed(name: str) -> None:
    if importlib.util.find_spec(name) is None:
        pytest.skip(f"{name} is not installed; make test-trackers installs it")


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
    skip_unless_installed(name)
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


@pytest.mark.parametrize("name", ["tensorboard", "dvclive", "wandb", "mlflow"])
def test_a_tracker_goes_on_where_a_killed_training_does(name, train, whole, tmp_path, monkeypatch) -> None:
    skip_unless_installed(name)
    machine = Machine(device="cpu", tracker=name, tracker_folder=tmp_path / "runs")
    kill_after(3, monkeypatch)
    with pytest.raises(Killed):
        train(where=tmp_path, machine=machine)
    # SQLite's journal is there while a thread of mlflow's writes, and no longer.
    first = {path for path in everything(tmp_path / "runs") if not path.endswith("-journal")}
    resumed = train(where=tmp_path, machine=machine)
    assert resumed.trained == whole.trained
    assert first <= set(everything(tmp_path / "runs"))
    if name == "mlflow":
        return  # it has the file open, in this process: a training that starts anew is another process
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


Curves = Mapping[str, Mapping[int, float]]
"""What a tracker was told, by its name for it and by step."""


def of_tensorboard(folder: Path) -> Curves:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {tag: {event.step: event.value for event in events.Scalars(tag)} for tag in events.Tags()["scalars"]}


def of_dvclive(folder: Path) -> Curves:
    curves = {}
    for path in (folder / "plots/metrics").rglob("*.tsv"):
        with path.open(encoding="utf-8", newline="") as file:
            name = path.relative_to(folder / "plots/metrics").with_suffix("").as_posix()
            curves[name] = {
                int(row["step"]): float(row[path.stem]) for row in csv.DictReader(file, dialect="excel-tab")
            }
    return curves


def of_mlflow(folder: Path) -> Curves:
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder}/mlflow.db")
    (run,) = client.search_runs([client.get_experiment_by_name("diagramlens").experiment_id])
    assert run.info.status == "FINISHED"
    return {
        name: {point.step: point.value for point in client.get_metric_history(run.info.run_id, name)}
        for name in run.data.metrics
    }


def of_wandb(folder: Path) -> Curves:
    """The offline run's file: a log in LevelDB's format, of 7 bytes of header and blocks of 32 KiB, its records protocol buffers."""
    from wandb.proto.wandb_internal_pb2 import Record

    (path,) = folder.glob("wandb/offline-run-*/run-*.wandb")
    content, place, whole = path.read_bytes(), 7, b""
    curves: dict[str, dict[int, float]] = defaultdict(dict)
    while place < len(content):
        if 32768 - place % 32768 < 7:  # too little of the block is left for a record's header
            place += 32768 - place % 32768
            continue
        _, length, part = struct.unpack_from("<IHB", content, place)
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if part in (1, 4):  # a whole record, or the last part of one
            items = Record.FromString(whole).history.item
            values = {item.key or "/".join(item.nested_key): json.loads(item.value_json) for item in items}
            for name, value in values.items():
                curves[name][values["train/global_step"]] = value
            whole = b""
    return curves


READERS: dict[str, tuple[Callable[[Path], Curves], str, str]] = {
    # How its files are read, and its names for what is logged in training and in an evaluation.
    "tensorboard": (of_tensorboard, "train/", "eval/"),
    "dvclive": (of_dvclive, "", "eval/"),
    "wandb": (of_wandb, "train/", "eval/"),
    "mlflow": (of_mlflow, "", "eval_"),
}


@pytest.mark.parametrize("name", READERS)
def test_a_tracker_has_the_curves_of_every_phase_and_component(name, train, tmp_path, phase) -> None:
    skip_unless_installed(name)
    folder, (read, training, evaluation) = tmp_path / "runs", READERS[name]
    first = phase(name="first", language=("lora", 1e-3), merger=("full", 1e-4))
    second = phase(name="second", language=("lora", 1e-3))
    machine = Machine(device="cpu", tracker=name, tracker_folder=folder)
    curves = train(first, second, machine=machine).trained.curves
    steps = max(row["step"] for row in curves if row["phase"] == "first")
    for part, components, before in (("first", ("language", "merger"), 0), ("second", ("language",), steps)):
        names = {"train_loss": f"{training}loss", "validation_loss": f"{evaluation}loss"}
        figures = [f"{component}_{figure}" for component in components for figure in ("rate", "grad_norm")]
        names |= {figure: f"{training}component/{figure}" for figure in figures}
        shown = read(folder / part)
        for column, shown_as in names.items():
            rows = [row for row in curves if row["phase"] == part and column in row]
            assert rows
            expected = {row["step"] - before: pytest.approx(row[column], rel=1e-4, abs=1e-6) for row in rows}
            assert dict(shown[shown_as]) == expected, (part, column)


def test_a_tracker_that_is_not_installed_is_one_line(train) -> None:
    with pytest.raises(
        RecipeError, match=r"runtime\.tracker = no_such_tracker: that package is not installed; pip install"
    ):
        train(machine=Machine(device="cpu", tracker="no_such_tracker"))
