"""What is killed and started again ends where what was never killed ends, little is done twice, and there is never a second writer."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.pipeline.watching import Attempt, complete_checkpoints, outputs_of, wait_until_gone
from tests.pipeline.workspace import Workspace, ran

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel's signal on a parent's death is Linux's"),
]

STAGES = ("generate", "label", "split", "train", "merge", "quantize", "evaluate")
# Some more steps than elsewhere, a checkpoint after each few of them: time to hit it in the middle.
LONGER = ["train.epochs=6", "train.checkpoints=12"]
SEED = 17
SIGNALS = (signal.SIGTERM, signal.SIGKILL)
VICTIMS = ("dvc", "stage")


@dataclasses.dataclass(frozen=True)
class Kill:
    """`change`: after how many changes of what the stage has written; None: when its outputs are in place, and dvc.lock is not written."""

    stage: str
    change: int | None
    victim: str
    number: signal.Signals

    def has_come(self, attempt: Attempt) -> bool:
        if attempt.stage is None:
            return False
        return attempt.in_place or (self.change is not None and attempt.changes >= self.change)


@dataclasses.dataclass(frozen=True)
class Whole:
    """The pipeline run through without being killed: the content of its outputs, and how often each stage was seen to write."""

    outputs: dict[Path, dict[str, bytes]]
    changes: dict[str, int]


def content(output: Path) -> dict[str, bytes]:
    files = [output] if output.is_file() else sorted(file for file in output.rglob("*") if file.is_file())
    return {file.relative_to(output.parent).as_posix(): file.read_bytes() for file in files}


def contents(workspace: Workspace) -> dict[Path, dict[str, bytes]]:
    """Of all outputs of all stages that are there."""
    found = {}
    for stage in STAGES:
        for output in outputs_of(workspace, stage):
            if output.exists():
                found[output.relative_to(workspace.folder)] = content(output)
    return found


def is_locked(workspace: Workspace, stage: str) -> bool:
    lock = workspace.folder / "dvc.lock"
    return lock.exists() and f"\n  {stage}:\n" in lock.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def whole(make_workspace: Callable[[str], Workspace]) -> Whole:
    workspace = make_workspace("whole")
    apply_overrides(workspace.folder / "params.yaml", LONGER)
    changes = {}
    for stage in STAGES:
        attempt = Attempt(workspace, stage)
        attempt.watch()
        assert ran(attempt.output()) == [stage]
        changes[stage] = attempt.changes
    return Whole(contents(workspace), changes)


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[str], Workspace]) -> Workspace:
    """One that is killed again and again: the tests build on each other, in the order written here."""
    made = make_workspace("killing")
    apply_overrides(made.folder / "params.yaml", LONGER)
    return made


def drawn_kills(changes: dict[str, int]) -> list[Kill]:
    """Three of each stage: in the first and in the second half of what it writes, and when that is in place; whom and how by lot."""
    rng = random.Random(SEED)
    kills = []
    for stage in STAGES:
        half = changes[stage] // 2
        for change in (rng.randint(0, half), rng.randint(half, changes[stage]), None):
            kills.append(Kill(stage, change, rng.choice(VICTIMS), rng.choice(SIGNALS)))
    assert len({(kill.victim, kill.number) for kill in kills}) == 4
    return kills


def test_any_stage_killed_at_any_moment_ends_in_the_same_outputs(whole: Whole, workspace: Workspace) -> None:
    before = STAGES[0]
    completed: list[int] = []  # the steps after which training has completed a checkpoint, over all attempts
    rows = []
    for kill in drawn_kills(whole.changes):
        attempt = Attempt(workspace, kill.stage)
        attempt.watch(kill.has_come)
        came, in_place = attempt.changes, attempt.in_place
        outcome = attempt.kill(kill.victim, kill.number)
        stages = ran(attempt.output())
        locked = is_locked(workspace, kill.stage)
        moment = "outputs in place" if in_place else f"change {came} of {whole.changes[kill.stage]}"
        rows.append(f"{kill.stage:9} {kill.number.name:8} {moment:20} hit {outcome}{', locked' if locked else ''}")
        # What has ended well is never done again. (The stage before may not have been run to its end.)
        assert set(stages) <= {before, kill.stage}, rows
        before = kill.stage
        completed += attempt.checkpoints
        for path, found in contents(workspace).items():
            assert found == whole.outputs[path], f"half of {path} is where a whole one belongs: {rows}"
    rest = workspace.dvc("repro")
    print("\n".join(["", "stage     signal   moment               outcome", *rows]))
    assert set(ran(rest)) <= {"evaluate"}
    assert contents(workspace) == whole.outputs
    assert completed == sorted(set(completed)), "steps before a complete checkpoint were done twice"
    assert ran(workspace.dvc("repro")) == []
    assert not list(workspace.folder.glob("**/.*.partial"))
    assert not list(workspace.folder.glob("checkpoints/*/0-*")), "a training that dvc.lock holds is not kept any more"
    for answers in workspace.folder.glob("checkpoints/*/*.jsonl"):
        given = answers.read_text(encoding="utf-8").splitlines()
        assert len(given) == len(set(given)), "a question was answered twice"


def test_a_training_that_ended_before_dvc_noted_it_is_not_done_again(workspace: Workspace) -> None:
    apply_overrides(workspace.folder / "params.yaml", ["train.seed=76"])
    attempt = Attempt(workspace, "train")
    attempt.watch(lambda now: now.in_place)
    attempt.kill("dvc", signal.SIGKILL)
    trained = content(workspace.folder / "models/adapter")
    again = Attempt(workspace, "train")
    again.watch()
    output = again.output()
    assert ran(output) == ["train"], output
    assert "finished before, and dvc.lock does not have it yet" in output
    assert again.checkpoints == []
    assert content(workspace.folder / "models/adapter") == trained


def train_until_a_new_checkpoint(workspace: Workspace, *options: str) -> Attempt:
    """Start dvc, and wait for training to complete a checkpoint."""
    attempt = Attempt(workspace, "train", *options)
    attempt.watch(lambda now: bool(now.checkpoints))
    assert attempt.dvc.poll() is None, f"training ended before it could be killed:\n{attempt.output()}"
    return attempt


def test_training_killed_in_every_way_ends_in_the_adapter_of_an_uninterrupted_one(workspace: Workspace) -> None:
    apply_overrides(workspace.folder / "params.yaml", ["train.seed=75"])
    for victim in VICTIMS:
        for number in SIGNALS:
            attempt = train_until_a_new_checkpoint(workspace)
            assert attempt.kill(victim, number) == f"{victim}, dvc failed", attempt.output()
            assert not (workspace.folder / "models/adapter").exists(), "half an adapter that looks like a whole one"
            assert not (workspace.folder / "metrics/train.json").exists()
            assert complete_checkpoints(workspace), "nothing to resume from"

    output = workspace.dvc("repro", "train")
    assert ran(output) == ["train"]
    killed = workspace.content("models/adapter")
    metrics = workspace.content("metrics")
    assert not list(workspace.folder.glob("**/.*.partial"))

    # A finished run must not be resumed.
    anew = train_until_a_new_checkpoint(workspace, "--force", "--single-item")
    assert ran(anew.output()) == ["train"]
    assert workspace.content("models/adapter") == killed
    assert workspace.content("metrics") == metrics
    assert ran(workspace.dvc("repro", "merge")) == ["merge"]
    assert not list(workspace.folder.glob("checkpoints/*")), "a finished run must not be kept"


def test_a_second_writer_is_refused_while_the_first_goes_on(workspace: Workspace) -> None:
    apply_overrides(workspace.folder / "params.yaml", ["train.seed=77"])
    first = train_until_a_new_checkpoint(workspace)
    assert first.stage is not None
    os.kill(first.stage, signal.SIGSTOP)  # lest it be done before the second one has started
    try:
        refused = workspace.run("python", "stages/train.py", expect=1)
    finally:
        os.kill(first.stage, signal.SIGCONT)
    assert f"already running, as process {first.stage}" in refused
    output = first.output()
    assert first.dvc.returncode == 0, output
    wait_until_gone(first.stage)
