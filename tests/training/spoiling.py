"""A loss that turns into another value, or its gradient, at a chosen step."""

from __future__ import annotations

import math

import pytest

from diagramlens.training.trainer import PhaseTrainer


def spoil(step: int, monkeypatch: pytest.MonkeyPatch, by: float = math.nan, gradient: bool = False) -> None:
    """Have the loss of the trainings to come be multiplied at that step, or its gradient alone."""
    untouched = PhaseTrainer.compute_loss

    def compute_loss(self, *arguments, **named):
        loss = untouched(self, *arguments, **named)
        if self.state.global_step + 1 != step:
            return loss
        if gradient:
            loss.register_hook(lambda value: value * by)
            return loss
        return loss * by

    monkeypatch.setattr(PhaseTrainer, "compute_loss", compute_loss)
