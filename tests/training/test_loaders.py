"""The processes that load for a training: how many, for how long, and that they end with it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from diagramlens.runtime import explanation
from diagramlens.training.loaders import deal
from diagramlens.training.recipe import Machine
from diagramlens.training.trainer import PhaseTrainer
from tests.training.killing import Killed, content_of, kill_after

ROOT = Path(__file__).parents[2]


@pytest.fixture
def watched(monkeypatch) -> dict[str, list[frozenset[int]]]:
    """By phase, which processes there are beside the one that trains, at its steps and after its evaluations."""
    seen: dict[str, list[frozenset[int]]] = {}
    before = {process.pid for process in multiprocessing.active_children()}

    def watching(name: str) -> None:
        untouched = getattr(PhaseTrainer, name)

        def watched(self, *arguments, **named):
            result = untouched(self, *arguments, **named)
            others = {process.pid for process in multiprocessing.active_children()} - before
            seen.setdefault(self.args.run_name, []).append(frozenset(others))
            return result

        monkeypatch.setattr(PhaseTrainer, name, watched)

    watching("training_step")
    watching("evaluate")
    return seen


@pytest.fixture
def learning_to_see(train, phase):
    """Trains in two phases whose pictures are decoded again and again, with so many cores."""

    def run(cores: int, **named):
        phases = (phase(name=name, vision=("full", 1e-4), language=("lora", 1e-3)) for name in ("one", "two"))
        return train(*phases, machine=Machine(device="cpu", workers=cores), **named)

    return run


@pytest.mark.parametrize(
    ("cores", "batches", "validation_batches", "expected"),
    [
        (1, 100, 10, (0, 0)),
        (2, 100, 10, (1, 0)),
        (4, 100, 10, (2, 1)),
        (7, 100, 10, (4, 2)),
        (64, 100, 10, (6, 2)),
        (64, 3, 1, (3, 1)),
        (64, 1, 1, (1, 1)),
        (64, 100, 0, (8, 0)),
    ],
)
def test_there_are_no_more_than_there_are_cores_and_batches(cores, batches, validation_batches, expected) -> None:
    assert deal(cores, batches, validation_batches) == expected


def test_a_phase_begins_them_once_and_ends_them(watched, learning_to_see) -> None:
    learning_to_see(4)  # two for training and one for validation
    kept = {name: max(seen, key=len) for name, seen in watched.items()}
    for name, seen in watched.items():
        assert len(kept[name]) == 3
        assert all(others <= kept[name] for others in seen), "begun anew in an epoch or an evaluation"
    assert not kept["one"] & kept["two"], "not ended with its phase"
    assert not {process.pid for process in multiprocessing.active_children()} & (kept["one"] | kept["two"])


@pytest.mark.slow
def test_a_resumed_phase_has_no_more_of_them(watched, learning_to_see, monkeypatch, tmp_path: Path) -> None:
    kill_after(4, monkeypatch, phase="one")
    with pytest.raises(Killed):
        learning_to_see(4, where=tmp_path)
    watched.clear()
    learning_to_see(4, where=tmp_path)
    assert max(len(others) for seen in watched.values() for others in seen) == 3


@pytest.mark.slow
def test_how_many_they_are_changes_nothing_that_is_learnt(learning_to_see, lora) -> None:
    noisy = lora.model_copy(update={"dropout": 0.3})
    alone, two, many = (learning_to_see(cores, lora=noisy) for cores in (1, 2, 8))
    assert content_of(alone.adapter) == content_of(two.adapter) == content_of(many.adapter)


def test_that_one_was_killed_is_said_in_a_line(learning_to_see, monkeypatch) -> None:
    untouched = PhaseTrainer.training_step

    def training_step(self, *arguments, **named):
        for process in multiprocessing.active_children():
            os.kill(process.pid, signal.SIGKILL)
        return untouched(self, *arguments, **named)

    monkeypatch.setattr(PhaseTrainer, "training_step", training_step)
    with pytest.raises(RuntimeError) as raised:
        learning_to_see(2)
    assert str(explanation(raised.value)).startswith("a process that loads pictures was killed, for want of memory")


def test_they_end_when_who_they_load_for_is_killed(tmp_path: Path) -> None:
    script = """
import os, signal
from datasets import Dataset
from torch.utils.data import SequentialSampler
from diagramlens.training.loaders import row_loader
rows = Dataset.from_dict({"row": list(range(100))})
loader = row_loader(rows, SequentialSampler(rows), 1, lambda batch: os.getpid(), 2, pinned=False)
print(len({next(batches) for batches in [iter(loader)] for _ in range(4)}), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    # They hold the pipe open: this returns when the last of them has ended.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert (ended.stdout, ended.returncode) == ("2\n", -9)
