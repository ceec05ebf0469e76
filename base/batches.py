"""Batches of the corpus as the model takes them, made in a worker beside the training."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from corpus import Sample, sample, undrawn
from dense import HEADS, cells
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor
from schedule import Schedule

_DESCRIPTION = "description"
_PICTURE_END = "<|vision_end|>"


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

    def __getitem__(self, number: int) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
        """A batch, and its dense targets, each (merged tokens of all pictures,).

        The batch has the pictures as `pixel_values` and `image_grid_thw`; as `shown` the tokens that all conversations about a picture
        begin with, (pictures, length); and as `groups` how the conversations go on: each group with `input_ids` and `labels`
        (conversations, length), and with `about`, which picture each is about; as `undrawn` groups of conversations about circuits without
        a picture, whole. A phase that teaches the vision part alone has the pictures alone.
        """
        numbers = range(number * self._size + self._rank, (number + 1) * self._size, self._of)
        phase = self._schedule.phase_of(numbers[0])
        samples = [sample(n, self._corpus, phase["domain"]) for n in numbers]
        dense = [cells(s).targets for s in samples]
        targets = {name: torch.cat([torch.from_numpy(d[name].reshape(-1)) for d in dense]) for name in HEADS}
        seen = self._processor.image_processor([s.picture for s in samples], return_tensors="pt")
        batch: dict[str, Any] = {name: seen[name] for name in ("pixel_values", "image_grid_thw")}
        if phase["learns"] != "vision":
            merged = seen["image_grid_thw"].prod(-1) // self._processor.image_processor.merge_size**2
            batch["shown"] = self._padded(self._tokens([self._template("", int(count))[0] for count in merged]))
            batch["groups"] = self._groups(numbers, samples)
            batch["undrawn"] = self._undrawn(number, phase)
        return batch, targets

    def _groups(self, numbers: Sequence[int], samples: Sequence[Sample]) -> list[dict[str, torch.Tensor]]:
        """What is said about the pictures, as many conversations in a group as there are pictures, the shortest first, so that little of a
        group is padding."""
        said = [(about, *pair) for about, n in enumerate(numbers) for pair in self._said(n, samples[about])]
        texts = [(self._template(prompt, 1)[1], answer) for _, prompt, answer in said]
        return [
            group | {"about": torch.tensor([said[row][0] for row in rows])}
            for rows, group in self._grouped(texts, len(samples))
        ]

    def _undrawn(self, number: int, phase: Mapping[str, Any]) -> list[dict[str, torch.Tensor]]:
        """Conversations about circuits without a picture: the netlist is given, what is made of it is learnt."""
        first, kinds = number * self._size, self._wanted["undrawn_asked"]
        numbers = range(first + self._rank, first + phase["undrawn"], self._of)
        said = [row for n in numbers for row in undrawn(n, self._corpus, phase["domain"], kinds)]
        texts = [(self._worded(prompt) + traced, steps) for prompt, traced, steps in said]
        return [group for _, group in self._grouped(texts, self._size // self._of)]

    def _grouped(
        self, texts: Sequence[tuple[str, str]], size: int
    ) -> Iterator[tuple[list[int], dict[str, torch.Tensor]]]:
        """Texts that are given and what is learnt behind them, in groups of up to `size`, the shortest first: which they are, and their
        tokens with `labels`."""
        given = self._tokens([before for before, _ in texts])
        learnt = self._tokens([after + "<|im_end|>\n" for _, after in texts])
        order = sorted(range(len(texts)), key=lambda row: len(given[row]) + len(learnt[row]))
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            labels = self._padded([[-100] * len(given[row]) + learnt[row] for row in rows], -100)["input_ids"]
            yield rows, self._padded([given[row] + learnt[row] for row in rows]) | {"labels": labels}

    def _worded(self, prompt: str) -> str:
        """A question without a picture in the chat template."""
        message = {"role": "user", "content": [{"type": "text", "text": prompt}]}
        return str(self._processor.apply_chat_template([message], add_generation_prompt=True, tokenize=False))

    def _template(self, prompt: str, count: int) -> tuple[str, str]:
        """A question in the chat template, cut in two behind its picture of `count` merged tokens."""
        message = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
        text = str(self._processor.apply_chat_template([message], add_generation_prompt=True, tokenize=False))
        before, after = text.replace("<|image_pad|>", "<|image_pad|>" * count).split(_PICTURE_END)
        return before + _PICTURE_END, after

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        found: list[list[int]] = self._processor.tokenizer(texts)["input_ids"] if texts else []
        return found

    def _padded(self, rows: Sequence[Sequence[int]], fill: int | None = None) -> dict[str, torch.Tensor]:
        """Rows of tokens as `input_ids`, padded behind to the longest, and their `attention_mask`.

        Lengths are multiples of 16: for each new shape a CPU compiles its matrix products anew.
        """
        fill = self._processor.tokenizer.pad_token_id if fill is None else fill
        ids = torch.full((len(rows), -(-max(map(len, rows)) // 16) * 16), fill)
        mask = torch.zeros_like(ids)
        for row, tokens in enumerate(rows):
            ids[row, : len(tokens)], mask[row, : len(tokens)] = torch.tensor(tokens), 1
        return {"input_ids": ids, "attention_mask": mask}

    def _said(self, number: int, drawn: Sample) -> list[tuple[str, str]]:
        """What sample `number` is asked, and what it is to answer: what cannot be asked, or answered as shortly as the phase wants it, is
        the description instead, which is told once."""
        seed = self._wanted["question_seed"]
        rng = random.Random(f"{seed} {number}")
        phase = self._schedule.phase_of(number)
        shares = phase["questions"]
        kinds = [*sorted(shares), _DESCRIPTION]
        weights = [*(shares[kind] for kind in sorted(shares)), max(0.0, 1.0 - sum(shares.values()))]
        wanted = Counter(rng.choices(kinds, weights, k=phase["asked"]))
        told = wanted.pop(_DESCRIPTION, 0)
        rows = drawn.asked(wanted, seed + number, steps=phase["steps"])
        pairs = [(row.prompt, row.answer) for row in rows if len(row.answer) <= phase["longest"]]
        if told or len(pairs) < wanted.total():
            pairs.append((drawn.prompt, drawn.description))
        return pairs
