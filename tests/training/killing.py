"""A training that dies at a chosen step, and what a folder holds afterwards."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import NoReturn

import pytest

from diagramlens.training.trainer import PhaseTrainer


def content_of(folder: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())}


class Killed(BaseException):
    """Stands for the signal that ends a training."""


def kill_after(step: int, monkeypatch: pytest.MonkeyPatch, phase: str = "phase") -> None:
    """Have the next training die in that phase, in the micro-batch that follows that many optimiser steps."""
    untouched = PhaseTrainer.training_step

    def training_step(self, *arguments, **named):
        if self.args.run_name == phase and self.state.global_step == step:
            monkeypatch.setattr(PhaseTrainer, "training_step", untouched)
            raise Killed
        return untouched(self, *arguments, **named)

    monkeypatch.setattr(PhaseTrainer, "training_step", training_step)


def kill(*_: object, **__: object) -> NoReturn:
    """Die here."""
    raise Killed
