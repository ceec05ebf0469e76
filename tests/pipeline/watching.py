"""What goes on in a workspace while dvc runs there: which stage, its processes, what it has written; and its end at a chosen moment."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from dvc.utils.serialize import load_yaml

from diagramlens.runtime import hidden_sibling
from tests.pipeline.workspace import Workspace

PATIENCE_SECONDS = 300.0


def descendants(pid: int) -> list[int]:
    """The processes that a process has started, and those that they have."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            own = [int(child) for child in task.read_text(encoding="ascii").split()]
        except (FileNotFoundError, ProcessLookupError):
            continue
        found += [*own, *(further for child in own for further in descendants(child))]
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} outlived what started it"
        time.sleep(0.01)


def stage_of(dvc: subprocess.Popen[str], name: str) -> int | None:
    """The process number of that stage, where dvc runs it now."""
    for pid in descendants(dvc.pid):
        try:
            if f"stages/{name}.py".encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                return pid
        except (FileNotFoundError, ProcessLookupError):
            continue
    return None


def outputs_of(workspace: Workspace, name: str) -> list[Path]:
    entry = load_yaml(str(workspace.folder / "dvc.yaml"))["stages"][name]
    listed = [item for section in ("outs", "metrics", "plots") for item in entry.get(section, [])]
    return [workspace.folder / (item if isinstance(item, str) else next(iter(item))) for item in listed]


def complete_checkpoints(workspace: Workspace) -> set[Path]:
    return {marker.parent for marker in workspace.folder.glob("checkpoints/*/*/checkpoint-*/complete")}


class Attempt:
    """`dvc repro` up to one stage, watched: `changes` counts how often what the stage writes was seen to have changed."""

    def __init__(self, workspace: Workspace, name: str, *options: str) -> None:
        self.workspace = workspace
        self.name = name
        self.outputs = outputs_of(workspace, name)
        self.dvc = workspace.start("python", "-m", "dvc", "repro", *options, name)
        self.stage: int | None = None
        self.started: list[int] = []
        self.changes = 0
        self.checkpoints: list[int] = []  # steps, in the order in which checkpoints were completed
        self._there = complete_checkpoints(workspace)
        self._seen: object = None

    @property
    def in_place(self) -> bool:
        """Whether the stage has put all its outputs in place. (dvc has removed older ones before it started.)"""
        return self.stage is not None and all(output.exists() for output in self.outputs)

    def watch(self, until: Callable[[Attempt], bool] = lambda _: False) -> None:
        """Look, a hundred times a second, until the moment has come or dvc has ended."""
        while self.dvc.poll() is None:
            self._look()
            if until(self):
                return
            time.sleep(0.01)

    def _look(self) -> None:
        if self.stage is None:
            self.stage = stage_of(self.dvc, self.name)
        if self.stage is None:
            return
        written: dict[Path, int] = {}
        for top in (*self.outputs, *map(hidden_sibling, self.outputs), self.workspace.folder / "checkpoints"):
            with contextlib.suppress(FileNotFoundError):  # renamed or removed just now
                for path in (top, *top.rglob("*")):
                    written[path] = path.stat().st_size
        if written != self._seen:
            self.changes += self._seen is not None
            self._seen = written
        for checkpoint in complete_checkpoints(self.workspace) - self._there:
            self._there.add(checkpoint)
            self.checkpoints.append(int(checkpoint.name.rpartition("-")[2]))

    def kill(self, victim: str, number: signal.Signals) -> str:
        """Send the signal to `dvc`, or to the `stage` where it is there still; wait for all to be gone. What was hit, and how dvc ended."""
        running = descendants(self.dvc.pid)
        target = self.dvc.pid
        if victim == "stage" and self.stage is not None and is_alive(self.stage):
            target = self.stage
        try:
            os.kill(target, number)
        except ProcessLookupError:
            target = 0
        self.watch()
        for pid in running:
            wait_until_gone(pid)
        hit = {self.dvc.pid: "dvc", self.stage: "stage"}.get(target, "nobody")
        return f"{hit}, {'dvc ended well' if self.dvc.returncode == 0 else 'dvc failed'}"

    def output(self) -> str:
        """What dvc and the stage have printed, once they have ended."""
        return self.dvc.communicate(timeout=PATIENCE_SECONDS)[0]
