"""One batch of the training split through the real model and back: what goes in, what is learnt from, what moves."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

import torch

from diagramlens.checking.session import Session, phase_of
from diagramlens.models.families import component_of
from diagramlens.params import Phase
from diagramlens.records import Question
from diagramlens.training.conversation import IGNORED
from diagramlens.training.loss import summed_loss

SHOWN = 3  # samples whose text is printed


@dataclasses.dataclass(frozen=True)
class Flow:
    """A component in one backward pass: what the phase says of it, its parameters with a gradient, and the gradients' Euclidean norm."""

    component: str
    plan: str
    trainable: int
    reached: int
    norm: float

    @property
    def right(self) -> bool:
        """Whether gradients reach all of what is to be trained, and nothing else."""
        return self.trainable == self.reached


@dataclasses.dataclass(frozen=True)
class Forward:
    """What one batch of one phase came to. `texts` are of the first samples, split into (text, supervised?) pieces."""

    phase: str
    shapes: dict[str, str]
    tokens: dict[str, int]
    loss: float
    uniform: float
    flows: list[Flow]
    texts: list[list[tuple[str, bool]]]

    @property
    def right(self) -> bool:
        """Whether the loss is a number and every component is trained or left alone as the phase says."""
        return self.loss == self.loss and all(flow.right for flow in self.flows)


def go_forward(session: Session, model: Any, phase: Phase, questions: Sequence[Question]) -> Forward:
    """Collate the questions, compute the loss, differentiate it. Changes no weight but for the types that set_trainable gives them."""
    batch = session.batch(questions)
    with phase_of(session, model, phase):
        model.zero_grad(set_to_none=True)
        with session.precision():
            summed, count = summed_loss(model, batch)
        (summed / count).backward()
    flows = _flows(session, model, phase)
    model.zero_grad(set_to_none=True)
    return Forward(
        phase=phase.name,
        shapes={
            name: f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}" for name, tensor in batch.items()
        },
        tokens=_tokens(session, batch),
        loss=float(summed.detach() / count),
        uniform=float(torch.log(torch.tensor(float(len(session.processor.tokenizer))))),
        flows=flows,
        texts=[_pieces(session, batch, row) for row in range(min(SHOWN, len(questions)))],
    )


def _tokens(session: Session, batch: dict[str, torch.Tensor]) -> dict[str, int]:
    ids, mask, labels = batch["input_ids"], batch["attention_mask"].bool(), batch["labels"]
    visual = int((ids == session.encoder.picture_id).sum())
    supervised = int((labels != IGNORED).sum())
    return {
        "visual": visual,
        "prompt": int(mask.sum()) - visual - supervised,
        "supervised": supervised,
        "padding": int((~mask).sum()),
    }


def _flows(session: Session, model: Any, phase: Phase) -> list[Flow]:
    trainable, reached = collections.Counter[str](), collections.Counter[str]()
    squares: dict[str, float] = dict.fromkeys(phase.components, 0.0)
    for name, parameter in model.named_parameters():
        component = component_of(session.family, name)
        trainable[component] += parameter.numel() * parameter.requires_grad
        if parameter.grad is not None:
            reached[component] += parameter.numel()
            squares[component] += float(parameter.grad.float().square().sum())
    return [
        Flow(name, plan.train, trainable[name], reached[name], squares[name] ** 0.5)
        for name, plan in phase.components.items()
    ]


def _pieces(session: Session, batch: dict[str, torch.Tensor], row: int) -> list[tuple[str, bool]]:
    """A sample's tokens as text, cut where supervision begins and ends; a run of visual tokens is written as its length."""
    ids = batch["input_ids"][row][batch["attention_mask"][row].bool()].tolist()
    learnt = (batch["labels"][row][batch["attention_mask"][row].bool()] != IGNORED).tolist()
    tokenizer = session.processor.tokenizer
    pieces: list[tuple[str, bool]] = []
    start = 0
    for place in range(1, len(ids) + 1):
        kind = (ids[start] == session.encoder.picture_id, learnt[start])
        if place == len(ids) or (ids[place] == session.encoder.picture_id, learnt[place]) != kind:
            run = ids[start:place]
            text = f"[{len(run)} visual tokens]" if kind[0] else tokenizer.decode(run, skip_special_tokens=False)
            pieces.append((text, kind[1]))
            start = place
    return pieces
