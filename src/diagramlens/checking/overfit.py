"""The classic test of wiring: a model that cannot learn a handful of samples by heart will not learn thousands.

The recipe is taken as it is: its phases in order, its components, rates, adapters and dropout, optimizer, clipping, the precision. What
differs from the train stage: every step sees all the samples, and the rate is at its peak from the start.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from diagramlens.checking.session import Session, phase_of
from diagramlens.params import Phase
from diagramlens.records import Question
from diagramlens.training.loss import summed_loss
from diagramlens.training.optimizers import build_optimizer
from diagramlens.training.phases import in_four_bit, parameter_groups, rate_factor, trained_weights


@dataclasses.dataclass(frozen=True)
class Bounds:
    """When to stop: at a mean loss of `target` nats a supervised token, or after so many steps or seconds, all phases together."""

    target: float
    steps: int
    seconds: float


@dataclasses.dataclass(frozen=True)
class Attempt:
    """How far a phase got: mean losses a supervised token at its first and last step, and the lowest."""

    phase: str
    steps: int
    seconds: float
    first: float
    last: float
    lowest: float
    reached: bool


@dataclasses.dataclass(frozen=True)
class Overfit:
    """What came of it. `conflicts` are samples that ask the same of the same picture and want another answer."""

    samples: int
    attempts: list[Attempt]
    conflicts: int
    bounds: Bounds

    @property
    def reached(self) -> bool:
        """Whether the samples were learnt."""
        return self.attempts[-1].reached


def overfit(session: Session, questions: Sequence[Question], bounds: Bounds, say: Any = lambda _: None) -> Overfit:
    """Train the recipe's phases on these questions until they are learnt or the bounds are met. `say` gets a line now and then.

    Time is shared out evenly over the phases that are left; steps likewise.
    """
    attempts: list[Attempt] = []
    trained: dict[str, torch.Tensor] = {}
    model: Any = None
    before: Phase | None = None
    steps, deadline = bounds.steps, time.monotonic() + bounds.seconds
    for number, phase in enumerate(session.phases):
        entry = session.params.selected_model
        if before is None or in_four_bit(phase, entry) != in_four_bit(before, entry):
            del model  # before its successor takes the same memory
            model = session.model(phase, trained)
        left = len(session.phases) - number
        share = Bounds(bounds.target, max(1, steps // left), (deadline - time.monotonic()) / left)
        attempts.append(_learn(session, model, phase, session.batches(model, questions), share, say))
        trained |= trained_weights(model)
        steps, before = steps - attempts[-1].steps, phase
        if attempts[-1].reached:
            break
    return Overfit(len(questions), attempts, _conflicts(questions), bounds)


def _learn(
    session: Session, model: Any, phase: Phase, batches: list[dict[str, torch.Tensor]], bounds: Bounds, say: Any
) -> Attempt:
    began = said = time.monotonic()
    losses: list[float] = []
    torch.manual_seed(session.params.train.seed)
    with phase_of(session, model, phase):
        parameters, optimizer = _optimizer(session, model, phase)
        while True:
            optimizer.zero_grad(set_to_none=True)
            losses.append(_accumulate(session, model, batches))
            now = time.monotonic()
            reached = losses[-1] <= bounds.target
            if reached or not math.isfinite(losses[-1]) or len(losses) > bounds.steps or now - began > bounds.seconds:
                break
            nn.utils.clip_grad_norm_(parameters, session.params.train.max_grad_norm)
            optimizer.step()
            if now - said > 10:
                say(f"phase {phase.name}: loss {losses[-1]:.3f} after {len(losses) - 1} steps")
                said = now
    finite = [loss for loss in losses if math.isfinite(loss)] or [math.inf]
    return Attempt(phase.name, len(losses) - 1, time.monotonic() - began, losses[0], losses[-1], min(finite), reached)


def _accumulate(session: Session, model: Any, batches: list[dict[str, torch.Tensor]]) -> float:
    """Add up the gradients of the mean loss over all batches, and return that loss."""
    supervised = sum(int((batch["labels"][:, 1:] >= 0).sum()) for batch in batches)
    total = 0.0
    for batch in batches:
        with session.precision():
            summed, _ = summed_loss(model, batch)
        (summed / supervised).backward()
        total += float(summed.detach())
    return total / supervised


def _optimizer(session: Session, model: Any, phase: Phase) -> tuple[list[nn.Parameter], torch.optim.Optimizer]:
    settings, lora = session.params.train, session.params.lora
    scale = session.params.selected_model.rate_scale * rate_factor(settings)
    groups = parameter_groups(session.family, model, phase, scale, settings.weight_decay, lora.b_rate_ratio)
    optimizer = build_optimizer(settings.optimizer, groups)
    return [parameter for group in groups for parameter in group.parameters], optimizer


def _conflicts(questions: Sequence[Question]) -> int:
    answers: dict[tuple[str, str], set[str]] = {}
    for question in questions:
        answers.setdefault((question.diagram_id, question.prompt), set()).add(question.answer)
    return sum(len(given) - 1 for given in answers.values())


def advice(result: Overfit, model: str, recipe: str) -> list[str]:
    """What to look at where the samples were not learnt, likeliest first; nothing where they were."""
    if result.reached:
        return []
    first, last = result.attempts[0].first, result.attempts[-1].last
    lowest = min(attempt.lowest for attempt in result.attempts)
    lines = []
    if result.conflicts:
        lines.append(
            f"{result.conflicts} of the samples contradict another (same picture and question, other answer), which no model learns; "
            "look at metrics/label.json"
        )
    if not math.isfinite(last) or last > 1.5 * max(first, lowest):
        lines.append(f"the loss grew: lower models.{model}.rate_scale, or the rates of recipes.{recipe}")
    elif lowest > 0.9 * first:
        lines.append(
            f"the loss hardly fell: raise models.{model}.rate_scale, and see with check --forward what gets gradients"
        )
    elif last > 1.5 * lowest:
        lines.append(f"the loss fell and rose again: lower models.{model}.rate_scale or train.max_grad_norm")
    else:
        lines.append("the loss was still falling: allow more with --steps and --seconds before anything else")
    if lowest > 0.3 * first:
        lines.append(
            f"what may be too little: lora.r, or the components that recipes.{recipe} trains (frozen vision cannot learn to see); "
            f"models.{model}.max_pixels, if labels are too small to read"
        )
    return lines
