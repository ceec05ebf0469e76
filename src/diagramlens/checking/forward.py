"""A few samples of the training split through the real model and back: what goes in, what is learnt from, what moves."""

from __future__ import annotations

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
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
    """What one phase made of the samples. `batches` went through one after the other, `shapes` is of the first of them. `texts` are of the
    first samples, split into (text, supervised?) pieces; of what a sample shares with the one before it they lack all but the last."""

    phase: str
    batches: int
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
    """Collate the questions as in training, compute the loss, differentiate it. Changes no weight but for the types that set_trainable
    gives them."""
    batches = session.batches(model, questions)
    supervised = sum(int((batch["labels"] != IGNORED).sum()) for batch in batches)
    total = 0.0
    with phase_of(session, model, phase):
        model.zero_grad(set_to_none=True)
        for batch in batches:
            with session.precision():
                summed, _ = summed_loss(model, batch)
            (summed / supervised).backward()
            total += float(summed.detach())
    flows = _flows(session, model, phase)
    model.zero_grad(set_to_none=True)
    return Forward(
        phase=phase.name,
        batches=len(batches),
        shapes={
            name: f"{tuple(tensor.shape)} {str(tensor.dtype).removeprefix('torch.')}"
            for name, tensor in batches[0].items()
        },
        tokens=_tokens(session, batches),
        loss=total / supervised,
        uniform=float(torch.log(torch.tensor(float(len(session.processor.tokenizer))))),
        flows=flows,
        texts=[_pieces(session, *sample) for sample in itertools.islice(_samples(batches), SHOWN)],
    )


def _samples(batches: Iterable[dict[str, torch.Tensor]]) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """The token ids and labels of each sample: a row of a padded batch, or what lies in a packed row up to where positions start again."""
    for batch in batches:
        if "attention_mask" in batch:
            for ids, labels, mask in zip(
                batch["input_ids"], batch["labels"], batch["attention_mask"].bool(), strict=True
            ):
                yield ids[mask], labels[mask]
            continue
        positions = batch["position_ids"]
        counted = (positions[0] if positions.ndim == 3 else positions)[0]  # (tokens,)
        starts = (counted.diff(prepend=counted[:1] - 1) != 1).nonzero().flatten().tolist()
        lengths = torch.tensor([0, *starts, len(counted)]).diff().tolist()
        yield from zip(batch["input_ids"][0].split(lengths), batch["labels"][0].split(lengths), strict=True)


def _tokens(session: Session, batches: Iterable[dict[str, torch.Tensor]]) -> dict[str, int]:
    tokens = collections.Counter({"visual": 0, "prompt": 0, "supervised": 0, "padding": 0})
    for batch in batches:
        ids = batch["input_ids"]
        mask = batch.get("attention_mask", torch.ones_like(ids)).bool()
        visual = int((ids == session.encoder.picture_id).sum())
        supervised = int((batch["labels"] != IGNORED).sum())
        prompt = int(mask.sum()) - visual - supervised
        tokens.update({"visual": visual, "prompt": prompt, "supervised": supervised, "padding": int((~mask).sum())})
    return dict(tokens)


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


def _pieces(session: Session, sample: torch.Tensor, labels: torch.Tensor) -> list[tuple[str, bool]]:
    """A sample's tokens as text, cut where supervision begins and ends; a run of visual tokens is written as its length."""
    ids, learnt = sample.tolist(), (labels != IGNORED).tolist()
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
