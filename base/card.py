"""Writes the model card of models/base out of the parameters and figures of the run that made it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

_CARD = """---
library_name: transformers
pipeline_tag: image-text-to-text
tags: [circuits, diagrams, qwen2_vl]
---
# The embedded model

A Qwen2-VL of {millions:.1f} million parameters in architecture, tokenizer format, chat template and file layout, pretrained from nothing by
`make base` to describe drawings of circuits. It lets every stage of the pipeline run for real on a laptop. It knows nothing but such
drawings. Of the questions that `label` asks it has met a few, so that no token is new to it; answering them is what fine-tuning teaches.

**Data.** {pictures:,} pictures drawn on the fly, none twice (seed {corpus_seed}), in three styles: {levels}. Only topologies that
`split` puts into train, with its default salt, were drawn.

**What it says.** `{example}`: junctions are named by place, row by row, four letters a row.

**Training.** Next-token loss, plus {dense_weight} times a loss on what lies in each 28-pixel cell of the picture; AdamW, batches of
{batch}, warm-up over {warmup:,} pictures, then in a straight line from one rate to the next:

| pictures | drawn | rate at the end | questions among the samples |
|---|---|---|---|
{phases}

Seeds: weights {model_seed}, corpus {corpus_seed}, questions {question_seed}.

**Results**, on {held_out} held-out pictures of topologies never drawn in training, greedy:

| | told exactly | phrases right | pictures |
|---|---|---|---|
{rows}

`base/learning_curve.csv` has the way there, on fewer held-out pictures, so that it jitters. Intended use: the default run, tests, and
trying things out. It reads the drawings of this repository; a scan or a photograph it has never seen.
"""


def write_card(
    path: Path, settings: Mapping[str, Any], parameters: int, example: str, results: Mapping[str, Mapping[str, float]]
) -> None:
    """Write the card. `results` maps a name to its shares `exact` and `phrases` and the number of `pictures`."""
    corpus, wanted = settings["corpus"], settings["pretrain"]
    rows = [
        f"| {name.replace('_', ' ')} | {r['exact']:.1%} | {r['phrases']:.1%} | {r['pictures']} |"
        for name, r in results.items()
    ]
    phases = [
        f"| {p['pictures']:,} | {p['domain']} | {p['rate']:g} | {sum(p['questions'].values()):.0%} |"
        for p in wanted["phases"]
    ]
    drawn = corpus["domains"][wanted["phases"][-1]["domain"]]["levels"]
    levels = [
        "level {} with {minimum} to {maximum} parts".format(name.removeprefix("level_"), **sizes["parts"])
        for name, sizes in drawn.items()
        if sizes["weight"] > 0
    ]
    text = _CARD.format(
        millions=parameters / 1e6,
        pictures=sum(phase["pictures"] for phase in wanted["phases"]),
        corpus_seed=corpus["seed"],
        levels=", ".join(levels),
        example=example,
        dense_weight=wanted["dense_weight"],
        batch=wanted["batch"],
        warmup=wanted["warmup"],
        phases="\n".join(phases),
        model_seed=settings["model"]["seed"],
        question_seed=wanted["question_seed"],
        held_out=results["overall"]["pictures"],
        rows="\n".join(rows),
    )
    path.write_text(text, encoding="utf-8")
