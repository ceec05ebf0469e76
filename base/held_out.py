"""Describes held-out pictures, of topologies that the pretraining never draws, and grades the descriptions."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import torch
from transformers import Qwen2VLForConditionalGeneration

from corpus import Sample, sample
from diagramlens.domains.circuits.size import part_count
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor


@dataclass(frozen=True)
class Told:
    """A held-out sample and what the model said of it."""

    sample: Sample
    text: str

    @property
    def exact(self) -> bool:
        """Whether every phrase is right and in its place."""
        return self.text == self.sample.description

    @property
    def phrases(self) -> float:
        """Phrases that description and text share, of all that either has."""
        drawn, told = set(self.sample.description.split(", ")), set(self.text.split(", "))
        return len(drawn & told) / len(drawn | told)


@torch.no_grad()
def tell(
    model: Qwen2VLForConditionalGeneration,
    processor: PicturesOnlyQwen2VLProcessor,
    corpus: Mapping[str, Any],
    domain: str,
    part: str,
    count: int,
    batch: int = 64,
) -> list[Told]:
    """Have the model describe samples 0 to count - 1 of a part of a domain of the corpus, greedily. Leaves the model in its mode."""
    was_training = model.training
    model.eval()
    processor.tokenizer.padding_side = "left"
    told: list[Told] = []
    for start in range(0, count, batch):
        samples = [sample(number, corpus, domain, part) for number in range(start, min(count, start + batch))]
        messages = [
            [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": s.prompt}]}] for s in samples
        ]
        texts = [processor.apply_chat_template(m, add_generation_prompt=True, tokenize=False) for m in messages]
        inputs = processor(images=[s.picture for s in samples], text=texts, padding=True, return_tensors="pt").to(
            model.device
        )
        with torch.autocast(model.device.type, dtype=torch.bfloat16):
            written = model.generate(**inputs, max_new_tokens=120, do_sample=False)
        answers = processor.tokenizer.batch_decode(written[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
        told += [Told(s, answer.strip()) for s, answer in zip(samples, answers, strict=True)]
    model.train(was_training)
    return told


def figures(told: Sequence[Told]) -> dict[str, Any]:
    """Share told exactly and share of phrases right: overall, by number of parts and by level."""
    groups: dict[str, list[Told]] = defaultdict(list)
    for one in told:
        groups["overall"].append(one)
        groups[f"level_{one.sample.level}"].append(one)
        groups[f"parts_{part_count(one.sample.truth)}"].append(one)
    return {
        name: {
            "exact": round(fmean(t.exact for t in rows), 4),
            "phrases": round(fmean(t.phrases for t in rows), 4),
            "pictures": len(rows),
        }
        for name, rows in sorted(groups.items())
    }
