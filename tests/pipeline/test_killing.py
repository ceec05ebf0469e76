"""Training that is killed and started again ends where an uninterrupted one ends, and there is never a second writer."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from tests.pipeline.workspace import Workspace, ran

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel's signal on a parent's death is Linux's"),
]

# Some more steps than elsewhere, a checkpoint after each few of them: time to hit it in the middle.
LONGER = ["train.epochs=6", "train.checkpoints=12"]


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[str], Workspace]) -> Workspace:
    """A workspace in which everything before training has run."""
    made = make_workspace("killing")
    apply_overrides(made.folder / "params.yaml", LONGER)
    assert ran(made.dvc("repro", "split")) == ["generate", "label", "split"]
    return made


def complete_checkpoints(workspace: Workspace) -> set[Path]:
    return {marker.parent for marker in workspace.folder.glob("checkpoints/*/*/checkpoint-*/complete")}


def stage_of(dvc: subprocess.Popen[str]) -> int:
    """The process number of the stage that dvc runs."""
    children = Path(f"/proc/{dvc.pid}/task/{dvc.pid}/children").read_text(encoding="ascii").split()
    (stage,) = [int(pid) for pid in children if b"stages/train.py" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return stage


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def train_until_a_new_checkpoint(workspace: Workspace) -> tuple[subprocess.Popen[str], int]:
    """Start dvc, wait for a checkpoint that was not there before; dvc and the process number of its stage."""
    before = complete_checkpoints(workspace)
    dvc = workspace.start("python", "-m", "dvc", "repro", "train")
    while not complete_checkpoints(workspace) - before:
        assert dvc.poll() is None, f"training ended before it could be killed:\n{dvc.communicate()[0]}"
        time.sleep(0.005)
    return dvc, stage_of(dvc)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} outlived its dvc"
        time.sleep(0.01)


def test_training_killed_in_every_way_ends_in_the_adapter_of_an_uninterrupted_one(workspace: Workspace) -> None:
    for victim, number in (
        ("dvc", signal.SIGTERM),
        ("dvc", signal.SIGKILL),
        ("stage", signal.SIGTERM),
        ("stage", signal.SIGKILL),
    ):
        dvc, stage = train_until_a_new_checkpoint(workspace)
        if victim == "dvc":
            dvc.send_signal(number)
        else:
            os.kill(stage, number)
        output, _ = dvc.communicate(timeout=60)
        assert dvc.returncode != 0, output
        wait_until_gone(stage)
        assert not (workspace.folder / "models/adapter").exists(), "half an adapter that looks like a whole one"
        assert not (workspace.folder / "metrics/train.json").exists()
        assert complete_checkpoints(workspace), "nothing to resume from"

    output = workspace.dvc("repro", "train")
    assert ran(output) == ["train"]
    killed = workspace.content("models/adapter")
    metrics = workspace.content("metrics")
    assert not list(workspace.folder.glob("checkpoints/*")), "a finished run must not be resumed"
    assert not list(workspace.folder.glob("**/.*.partial"))

    assert ran(workspace.dvc("repro", "--force", "--single-item", "train")) == ["train"]
    assert workspace.content("models/adapter") == killed
    assert workspace.content("metrics") == metrics


def test_a_second_writer_is_refused_while_the_first_goes_on(workspace: Workspace) -> None:
    apply_overrides(workspace.folder / "params.yaml", ["train.seed=77"])
    dvc, stage = train_until_a_new_checkpoint(workspace)
    os.kill(stage, signal.SIGSTOP)  # lest it be done before the second one has started
    try:
        refused = workspace.run("python", "stages/train.py", expect=1)
    finally:
        os.kill(stage, signal.SIGCONT)
    assert f"already running, as process {stage}" in refused
    output, _ = dvc.communicate(timeout=120)
    assert dvc.returncode == 0, output
