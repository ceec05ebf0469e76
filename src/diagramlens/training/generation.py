"""Answers while training: a fixed sample of the validation questions, answered by the model as it stands and graded as in evaluate.

The loss is over the right answer's own tokens; what counts is whether the model, left to write, gets there. The sample is chosen by a
hash of the questions' ids, so that it is the same at every evaluation and in every run over the same data.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean
from typing import Any

import torch
from accelerate.accelerator import Accelerator
from accelerate.utils import gather_object
from torch import nn
from transformers import ProcessorMixin

from diagramlens.grading.answers import grade
from diagramlens.inference import Asked, TransformersAnswerer, answer_all
from diagramlens.records import Question
from diagramlens.training.conversation import Encoder, Pictures

# An answer may be so much longer than the longest right one of the sample: whoever writes on is lost, and costs the most time.
_ROOM = 1.25


@dataclasses.dataclass(frozen=True)
class Sample:
    """Questions to be answered at each evaluation, in at most `max_new_tokens` tokens each."""

    questions: tuple[Question, ...]
    asked: tuple[Asked, ...]
    max_new_tokens: int


def sample_of(validation: Sequence[Question], count: int, encoder: Encoder, pictures: Pictures) -> Sample:
    """The `count` questions about pictures whose ids have the lowest hashes: all, where there are fewer."""
    chosen = sorted((question for question in validation if question.diagram_id), key=_hash)[:count]
    longest = max((encoder.encode(question.prompt, question.answer).supervised for question in chosen), default=0)
    return Sample(
        questions=tuple(chosen),
        asked=tuple(Asked(q.id, pictures.png(q.diagram_id), q.prompt, q.kind) for q in chosen),
        max_new_tokens=math.ceil(longest * _ROOM),
    )


def _hash(question: Question) -> bytes:
    return hashlib.blake2b(question.id.encode(), digest_size=8, person=b"generated").digest()


def generation_metrics(
    model: nn.Module, processor: ProcessorMixin, sample: Sample, batch: int, accelerator: Accelerator
) -> dict[str, float]:
    """`accuracy`, the share of right answers, and the mean of each of the grader's scores over the questions that have it.

    Empty for an empty sample. Each process answers its share, all of them equally many: a model that is dealt among processes is computed
    by all of them together. The model is left in evaluation mode.
    """
    if not sample.questions:
        return {}
    count, processes, rank = len(sample.asked), accelerator.num_processes, accelerator.process_index
    share = [sample.asked[(turn * processes + rank) % count] for turn in range(math.ceil(count / processes))]
    answerer = TransformersAnswerer(accelerator.unwrap_model(model), processor)
    with _in_one_type(model, accelerator.device):
        texts = answer_all(answerer, share, batch=batch, max_new_tokens=sample.max_new_tokens)
    shares = [texts] if processes == 1 else gather_object([texts])
    in_order = [shares[place % processes][place // processes] for place in range(count)]
    return _graded(sample.questions, in_order)


def _in_one_type(model: nn.Module, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """bf16 autocast for a model of several types: on a GPU the base is in bf16, and what is trained in fp32.

    accelerate puts autocast around the forward pass of the whole model. PEFT generates with the base's own, which would end at the first
    matrix that meets the other type. A model of one type answers in it, as in evaluate (on a CPU that is fp32, and faster so).
    """
    types = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    return torch.autocast(device.type, torch.bfloat16) if len(types) > 1 else contextlib.nullcontext()


def _graded(questions: Sequence[Question], texts: Sequence[str]) -> dict[str, float]:
    scores: dict[str, list[float]] = defaultdict(list)
    for question, text in zip(questions, texts, strict=True):
        gold: dict[str, Any] = json.loads(question.gold)
        graded = grade(question.kind, gold, question.answer, text)
        scores["accuracy"].append(float(graded.correct))
        for name, score in graded.scores.items():
            scores[name].append(score)
    return {name: fmean(values) for name, values in scores.items()}
