"""Batches of the corpus as the model takes them, made in a worker beside the training."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from corpus import Sample, sample
from dense import HEADS, cells
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor
from schedule import Schedule


class Batches(Dataset):
    """Batch k holds the samples k * size to (k + 1) * size - 1, whatever came before: a resumed run sees what it would have seen."""

    def __init__(
        self,
        corpus: Mapping[str, Any],
        wanted: Mapping[str, Any],
        processor: PicturesOnlyQwen2VLProcessor,
        share: tuple[int, int] = (0, 1),
    ) -> None:
        """`corpus` and `wanted` are the groups of base/params.yaml called corpus and pretrain. With a share of (1, 2) every batch is the
        second half of the whole one."""
        self._corpus, self._wanted, self._processor = corpus, wanted, processor
        self._schedule = Schedule(wanted["phases"], wanted["warmup"])
        self._size, (self._rank, self._of) = wanted["batch"], share

    def __len__(self) -> int:
        return self._schedule.pictures // self._size

    def __getitem__(self, number: int) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        """The model's inputs with `labels` (batch, length), and the dense targets, each (merged tokens of all pictures,).

        In a phase that teaches the vision part alone the inputs are the pictures alone.
        """
        numbers = range(number * self._size + self._rank, (number + 1) * self._size, self._of)
        phase = self._schedule.phase_of(numbers[0])
        samples = [sample(n, self._corpus, phase["domain"]) for n in numbers]
        dense = [cells(s).targets for s in samples]
        targets = {name: torch.cat([torch.from_numpy(d[name].reshape(-1)) for d in dense]) for name in HEADS}
        if phase["vision_only"]:
            seen = self._processor.image_processor([s.picture for s in samples], return_tensors="pt")
            return {name: seen[name] for name in ("pixel_values", "image_grid_thw")}, targets
        said = [self._said(n, s) for n, s in zip(numbers, samples, strict=True)]
        return self._read(samples, said), targets

    def _read(self, samples: Sequence[Sample], said: Sequence[tuple[str, str]]) -> dict[str, torch.Tensor]:
        """Pictures, questions and answers as the model takes them, padded to the longest."""
        tokenizer = self._processor.tokenizer
        messages = [
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}] for prompt, _ in said
        ]
        texts = [self._processor.apply_chat_template(m, add_generation_prompt=True, tokenize=False) for m in messages]
        asked = self._processor(images=[s.picture for s in samples], text=texts)
        answers = tokenizer([answer + "<|im_end|>\n" for _, answer in said])["input_ids"]
        rows = [list(question) + list(answer) for question, answer in zip(asked["input_ids"], answers, strict=True)]
        length = max(map(len, rows))
        ids = torch.full((len(rows), length), tokenizer.pad_token_id)
        labels = torch.full((len(rows), length), -100)
        mask = torch.zeros((len(rows), length), dtype=torch.long)
        for row, (tokens, answer) in enumerate(zip(rows, answers, strict=True)):
            ids[row, : len(tokens)] = torch.tensor(tokens)
            mask[row, : len(tokens)] = 1
            labels[row, len(tokens) - len(answer) : len(tokens)] = torch.tensor(answer)
        image_token = tokenizer.convert_tokens_to_ids("<|image_pad|>")
        return {
            "input_ids": ids,
            "attention_mask": mask,
            "mm_token_type_ids": (ids == image_token).long(),
            "pixel_values": torch.as_tensor(asked["pixel_values"]),
            "image_grid_thw": torch.as_tensor(asked["image_grid_thw"]),
            "labels": labels,
        }

    def _said(self, number: int, drawn: Sample) -> tuple[str, str]:
        """What sample `number` is asked, and what it is to answer."""
        seed = self._wanted["question_seed"]
        rng = random.Random(f"{seed} {number}")
        shares = self._schedule.phase_of(number)["questions"]
        if rng.random() >= sum(shares.values()):
            return drawn.prompt, drawn.description
        kind = rng.choices(sorted(shares), weights=[shares[name] for name in sorted(shares)])[0]
        return drawn.asked(kind, seed + number)
