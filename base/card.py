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

| pictures | drawn | what learns | rate at the end | questions among the samples |
|---|---|---|---|---|
{phases}

Seeds: weights {model_seed}, corpus {corpus_seed}, questions {question_seed}.

**Results**, on {held_out} held-out pictures of topologies never drawn in training, greedy:

| | told exactly | phrases right | pictures |
|---|---|---|---|
{rows}

`base/learning_curve.csv` has the way there, on fewer held-out pictures, so that it jitters.

**What it is worth.** {control}

**Limits.** It reads the drawings of this repository, up to the sizes above. Other people's schematics it does not read: the last four
pictures below are CircuitSense's (MIT) and ci2n's (Apache-2.0), drawn at other sizes, with other symbols, or scanned, and what it says of
them is guessed. Algebra and arithmetic it hardly does. Intended use: the default run, tests, and trying things out.

![Pictures, what the model says of them, and whether that is right](examples.png)
"""

_ROWS = {
    "netlist_exact_accuracy": "netlist exact",
    "netlist_terminal_f1": "terminal F1",
    "equation_via_netlist_accuracy": "equation via the netlist",
    "equation_sympy_accuracy": "equation, directly",
    "qa_numerical_accuracy": "number",
}


def write_card(
    path: Path,
    settings: Mapping[str, Any],
    parameters: int,
    example: str,
    results: Mapping[str, Mapping[str, float]],
    control: Mapping[str, Any] | None = None,
) -> None:
    """Write the card.

    `results` maps a name to its shares `exact` and `phrases` and the number of `pictures`; `control` is what `control.py` found, where it
    was run.
    """
    corpus, wanted = settings["corpus"], settings["pretrain"]
    rows = [
        f"| {name.replace('_', ' ')} | {r['exact']:.1%} | {r['phrases']:.1%} | {r['pictures']} |"
        for name, r in results.items()
    ]
    phases = [
        f"| {p['pictures']:,} | {p['domain']} | {'vision' if p['vision_only'] else 'all'} | {p['rate']:g} | {_asked(p)} |"
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
        control=_worth(control),
    )
    path.write_text(text, encoding="utf-8")


def _asked(phase: Mapping[str, Any]) -> str:
    return "" if phase["vision_only"] else f"{sum(phase['questions'].values()):.0%}"


def _worth(control: Mapping[str, Any] | None) -> str:
    if control is None:
        return "`make control` lets a model of the same size that was never trained learn from the same fine-tuning."
    trained, untrained = control["pretrained"], control["untrained"]
    lines = [
        "The same fine-tuning of a model of the same size that was never trained, on the default run's test questions:",
        "",
        "| | pretrained | and fine-tuned | untrained | and fine-tuned |",
        "|---|---|---|---|---|",
    ]
    for name, title in _ROWS.items():
        shares = [run[variant][name] for run in (trained, untrained) for variant in ("base", "merged")]
        lines.append(f"| {title} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")
    return "\n".join(lines)
