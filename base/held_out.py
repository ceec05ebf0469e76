"""Asks about held-out pictures, of topologies that the pretraining never draws, and grades what is said of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from transformers import Qwen2VLForConditionalGeneration

from corpus import Sample, sample
from diagramlens.domains.circuits.size import part_count
from diagramlens.grading.answers import grade
from diagramlens.inference import TransformersAnswerer
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor

_LONGEST = 260  # tokens of an answer


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


def held_out(corpus: Mapping[str, Any], domain: str, part: str, count: int) -> list[Sample]:
    """Samples 0 to count - 1 of a part ("validation" or "test") of a domain of the corpus."""
    return [sample(number, corpus, domain, part) for number in range(count)]


def tell(
    model: Qwen2VLForConditionalGeneration, processor: PicturesOnlyQwen2VLProcessor, samples: Sequence[Sample]
) -> list[Told]:
    """Have the model describe pictures, greedily. Leaves the model in its mode."""
    texts = _answers(model, processor, [(drawn, drawn.prompt) for drawn in samples])
    return [Told(drawn, text) for drawn, text in zip(samples, texts, strict=True)]


def answer(
    model: Qwen2VLForConditionalGeneration,
    processor: PicturesOnlyQwen2VLProcessor,
    samples: Sequence[Sample],
    kind: str,
    seed: int,
) -> list[tuple[Sample, bool]]:
    """Ask one question of a kind about each picture that has one, as `label` asks it; the pictures asked about, and whether the answer is
    right, as `evaluate` grades it."""
    asked = [
        (drawn, row)
        for number, drawn in enumerate(samples)
        for row in drawn.asked({kind: 1}, seed + number, steps=False)
    ]
    texts = _answers(model, processor, [(drawn, row.prompt) for drawn, row in asked])
    return [
        (drawn, grade(row.kind, json.loads(row.gold), row.answer, text).correct)
        for (drawn, row), text in zip(asked, texts, strict=True)
    ]


def _answers(
    model: Qwen2VLForConditionalGeneration,
    processor: PicturesOnlyQwen2VLProcessor,
    asked: Sequence[tuple[Sample, str]],
    batch: int = 64,
) -> list[str]:
    was_training = model.training
    answerer = TransformersAnswerer(model, processor)
    texts: list[str] = []
    for start in range(0, len(asked), batch):
        rows = asked[start : start + batch]
        texts += answerer.answer([drawn.picture for drawn, _ in rows], [prompt for _, prompt in rows], _LONGEST)
    model.train(was_training)
    return texts


def shares_right(answered: Sequence[tuple[Sample, bool]]) -> dict[str, dict[str, float]]:
    """Share of questions answered right, overall and by level."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for drawn, right in answered:
        groups["overall"].append(right)
        groups[f"level_{drawn.level}"].append(right)
    return {
        name: {"right": round(fmean(rights), 4), "questions": len(rights)} for name, rights in sorted(groups.items())
    }


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
