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
drawings, and some algebra of small circuits: of the questions that `label` asks it has met those named below; answering them better is
what fine-tuning teaches.

**Data.** {pictures:,} pictures drawn on the fly, none twice (seed {corpus_seed}), in three styles: {levels}. Only topologies that
`split` puts into train, with its default salt, were drawn.

**What it says.** `{example}`: junctions are named by place, row by row, four letters a row.

**Training.** Next-token loss, plus {dense_weight} times a loss on what lies in each 28-pixel cell of the picture; AdamW, batches of
{batch}, warm-up over {warmup:,} pictures, then in a straight line from one rate to the next:

| pictures | drawn | what learns | layers of the language part | rate at the end | asked of each | of that, questions |
|---|---|---|---|---|---|---|
{phases}

What is not a question is a description. Questions there are of the kinds {kinds}; `base/params.yaml` has the share of each.

Seeds: weights {model_seed}, corpus {corpus_seed}, questions {question_seed}.

**Results**, on {held_out} held-out pictures of topologies never drawn in training, greedy:

| | told exactly | phrases right | pictures |
|---|---|---|---|
{rows}

Asked as `label` asks, one question of a kind about each, and graded as `evaluate` grades:

| | right | questions |
|---|---|---|
{answered}

![What is read and answered after how many pictures](learning_curve.png)

The curve is that of `base/learning_curve.csv`, on fewer held-out pictures, so that it jitters; `base/README.md` tells how to read it.

**What it is worth.** {control}

**Limits.** It reads the drawings of this repository, up to the sizes above. Other people's schematics it does not read: the last four
pictures below are CircuitSense's (MIT) and ci2n's (Apache-2.0), drawn at other sizes, with other symbols, or scanned, and what it says of
them is guessed. Algebra of more than a few parts it hardly does, arithmetic not at all. Intended use: the default run, tests, and trying
things out.

![Pictures, what the model says of them, and whether that is right](examples.png)
"""

_ROWS = {
    "netlist_exact_accuracy": "netlist exact",
    "netlist_terminal_f1": "terminal F1",
    "equation_via_netlist_accuracy": "equation via the netlist",
    "equation_sympy_accuracy": "equation, directly",
    "qa_numerical_accuracy": "number",
    "count_accuracy": "count",
}


def write_card(
    path: Path,
    settings: Mapping[str, Any],
    example: str,
    summary: Mapping[str, Any],
    control: Mapping[str, Any] | None = None,
) -> None:
    """Write the card. `summary` is what stands in metrics.json, `control` what `control.py` found, where it was run."""
    corpus, wanted, told = settings["corpus"], settings["pretrain"], summary["held_out"]
    drawn = corpus["domains"][wanted["phases"][-1]["domain"]]["levels"]
    levels = [
        "level {} with {minimum} to {maximum} parts".format(name.removeprefix("level_"), **sizes["parts"])
        for name, sizes in drawn.items()
        if sizes["weight"] > 0
    ]
    text = _CARD.format(
        millions=summary["parameters"] / 1e6,
        pictures=summary["pictures"],
        corpus_seed=corpus["seed"],
        levels=", ".join(levels),
        example=example,
        dense_weight=wanted["dense_weight"],
        batch=wanted["batch"],
        warmup=wanted["warmup"],
        phases="\n".join(_phase(phase) for phase in wanted["phases"]),
        kinds=", ".join(sorted({kind for phase in wanted["phases"] for kind in phase["questions"]})),
        model_seed=settings["model"]["seed"],
        question_seed=wanted["question_seed"],
        held_out=told["overall"]["pictures"],
        rows="\n".join(
            f"| {_title(name)} | {row['exact']:.1%} | {row['phrases']:.1%} | {row['pictures']} |"
            for name, row in told.items()
        ),
        answered="\n".join(
            f"| {kind}{'' if name == 'overall' else ', ' + _title(name)} | {row['right']:.1%} | {row['questions']} |"
            for kind, rows in summary["answered"].items()
            for name, row in sorted(rows.items(), key=lambda item: item[0] != "overall")
        ),
        control=_worth(control),
    )
    path.write_text(text, encoding="utf-8")


def _title(name: str) -> str:
    return name.replace("_", " ")


def _phase(phase: Mapping[str, Any]) -> str:
    start = f"| {phase['pictures']:,} | {phase['domain']} |"
    if phase["learns"] == "vision":
        return f"{start} vision | | {phase['rate']:g} | | |"
    asked = f"{phase['asked']} | {sum(phase['questions'].values()):.0%}"
    return f"{start} {phase['learns']} | {phase['layers']} | {phase['rate']:g} | {asked} |"


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
