"""The curves of a training: what is measured at a step, and metrics/train_curves.csv.

    step, phase, train_loss, validation_loss           a value is empty where it was not measured
    validation_accuracy                                of the answers to `train.generated` questions
    <component>_rate, …_grad_norm, …_weight_norm       empty in a phase that leaves the component frozen
    validation_<score>                                 of each of the grader's scores, where there are any

The gradient's norm is that before clipping, and a component's rate that of its slowest parameters: what LoRA+ multiplies is not in it.
But for the scores the columns are the same for every recipe, because DVC draws no plot of which one column is missing.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

FIGURES = ("rate", "grad_norm", "weight_norm")
_LOSSES = {"loss": "train_loss", "eval_loss": "validation_loss"}
_ALWAYS = ("step", "phase", *_LOSSES.values(), "validation_accuracy")
_EVALUATION = "eval_"
_COMPONENT = "component/"
_SIGNIFICANT_DIGITS = 6


def component_figures(param_groups: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Rate, gradient norm and weight norm of each component now, as `component/<name>_<figure>`.

    `param_groups` are the optimizer's, each with the key `component`. One transfer from the device a figure: cheap at every few steps.
    """
    groups: dict[str, list[Mapping[str, Any]]] = {}
    for group in param_groups:
        groups.setdefault(group["component"], []).append(group)
    figures: dict[str, float] = {}
    for component, own in groups.items():
        weights = [parameter for group in own for parameter in group["params"]]
        figures[f"{_COMPONENT}{component}_rate"] = float(min(group["lr"] for group in own))
        figures[f"{_COMPONENT}{component}_grad_norm"] = _norm([weight.grad for weight in weights])
        figures[f"{_COMPONENT}{component}_weight_norm"] = _norm([weight.detach() for weight in weights])
    return figures


def _norm(tensors: Sequence[torch.Tensor]) -> float:
    norm: Any = torch.nn.utils.get_total_norm(tensors)
    # Where a model is dealt among processes, each holds its part of the norm.
    return float(norm.full_tensor() if hasattr(norm, "full_tensor") else norm)


def curve_of(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of one phase by step, out of the trainer's log."""
    rows: dict[int, dict[str, Any]] = {}
    for entry in history:
        for key, value in entry.items():
            name = _column(key)
            if name is not None:
                rows.setdefault(entry["step"], {})[name] = _rounded(name, value)
    return [{"step": step, **rows[step]} for step in sorted(rows)]


def _column(key: str) -> str | None:
    if key in _LOSSES:
        return _LOSSES[key]
    if key.startswith(_EVALUATION):
        return "validation_" + key.removeprefix(_EVALUATION)
    return key.removeprefix(_COMPONENT) if key.startswith(_COMPONENT) else None


def _rounded(name: str, value: float) -> float:
    # Rates and norms range over many powers of ten, losses and shares do not.
    return float(f"{value:.{_SIGNIFICANT_DIGITS}g}") if name.endswith(FIGURES) else round(value, _SIGNIFICANT_DIGITS)


def joined(curves: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """The curves of the phases, by name and in order, one behind the other, steps counted on."""
    rows: list[dict[str, Any]] = []
    before = 0
    for phase, curve in curves.items():
        rows += [{**row, "step": row["step"] + before, "phase": phase} for row in curve]
        before += curve[-1]["step"]
    return rows


def write_curves(path: Path, curves: Sequence[Mapping[str, Any]], components: Iterable[str]) -> None:
    """Write rows as CSV, in the columns of the module's docstring; `components` are all that the model has."""
    columns = [*_ALWAYS, *(f"{component}_{figure}" for component in components for figure in FIGURES)]
    columns += sorted({column for row in curves for column in row} - set(columns))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(curves)
