"""The curves of a training: norms and rates by component, in columns that do not depend on the recipe."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
import torch

from diagramlens.training.curves import component_figures, write_curves
from diagramlens.training.optimizers import build_optimizer
from diagramlens.training.phases import ParameterGroup

COMPONENTS = ("vision", "merger", "language", "head")


def parameter(*values: float, gradient: list[float]) -> torch.nn.Parameter:
    made = torch.nn.Parameter(torch.tensor(values))
    made.grad = torch.tensor(gradient)
    return made


def test_a_component_is_measured_over_all_its_groups() -> None:
    first, second, other = (
        parameter(3.0, gradient=[1.0]),
        parameter(4.0, 0.0, gradient=[2.0, 2.0]),
        parameter(1.0, gradient=[0.5]),
    )
    groups = [
        ParameterGroup("language", 1e-3, 0.1, (first,)),
        ParameterGroup("language", 16e-3, 0.0, (second,)),  # as LoRA+ has it
        ParameterGroup("vision", 1e-5, 0.1, (other,)),
    ]
    assert component_figures(build_optimizer("adamw", groups).param_groups) == pytest.approx(
        {
            "component/language_rate": 1e-3,
            "component/language_grad_norm": 3.0,
            "component/language_weight_norm": 5.0,
            "component/vision_rate": 1e-5,
            "component/vision_grad_norm": 0.5,
            "component/vision_weight_norm": 1.0,
        }
    )


def test_curves_have_the_same_columns_whatever_a_recipe_trains(train, phase, tmp_path: Path) -> None:
    result = train(phase(name="see", merger=("full", 1e-3)), phase(name="say", language=("lora", 1e-3))).trained
    write_curves(tmp_path / "curves.csv", result.curves, COMPONENTS)
    with (tmp_path / "curves.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    for row in rows:
        trained, frozen = ("merger", "language") if row["phase"] == "see" else ("language", "merger")
        assert float(row[f"{trained}_grad_norm"]) > 0 and float(row[f"{trained}_weight_norm"]) > 0
        assert not any(row[f"{component}_rate"] for component in (frozen, "vision", "head"))


def test_norms_are_of_what_the_step_saw_before_clipping(train, settings, phase) -> None:
    free = train(phase(language=("lora", 1e-3))).trained.curves
    tight = train(
        phase(language=("lora", 1e-3)), settings=settings.model_copy(update={"max_grad_norm": 1e-3})
    ).trained.curves
    assert tight[0]["language_grad_norm"] == free[0]["language_grad_norm"] > 1e-3
    assert tight[0]["language_weight_norm"] == free[0]["language_weight_norm"]


def test_the_rate_rises_to_the_recipes_and_falls_to_nothing(train, settings, phase, entry) -> None:
    longer = settings.model_copy(update={"epochs": 8.0})
    rates = [row["language_rate"] for row in train(phase(language=("lora", 1e-3)), settings=longer).trained.curves]
    highest = max(rates)
    assert math.isclose(highest, 1e-3 * entry.rate_scale, rel_tol=1e-4)
    peak = rates.index(highest)
    assert rates[0] == 0 and rates[:peak] == sorted(rates[:peak])
    assert rates[peak:] == sorted(rates[peak:], reverse=True) and rates[-1] < highest / 100
