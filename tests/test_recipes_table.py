"""The comparison of recipes: its table, and that what the README shows is what was measured."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from diagramlens.params import load_params
from tests.committed import committed_json, committed_yaml

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def recipes() -> ModuleType:
    """benchmarks/recipes.py, which is a script and in no package."""
    spec = importlib.util.spec_from_file_location("recipes", ROOT / "benchmarks" / "recipes.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_has_the_base_and_each_recipe_in_the_order_of_the_parameters(recipes: ModuleType) -> None:
    def row(minutes: float | None, share: float, **trained: int) -> dict[str, Any]:
        merged = dict.fromkeys(recipes.ACCURACIES, share)
        return {"commit": "0123456789abcdef", "minutes": minutes, "trained": trained, "merged": merged}

    found = {
        "base": dict.fromkeys(recipes.ACCURACIES, 0.5),
        # Keys of JSON files are sorted, phases are not.
        "recipes": {
            "r3-two-stage": row(12.4, 0.75, language=640_000, vision=2_000_000),
            "r1-llm-only": row(None, 0.25, language=10_000),
            "r4-joint": row(3.0, 0.25, joint=10_000) | {"commit": "fedcba9876543210"},
        },
    }
    known = load_params(ROOT / "params.yaml").recipes
    lines = recipes.table(found, known).splitlines()
    base, one, two, three = lines[2:]
    assert base.startswith("| none: the base | | | 50.0 % |")
    assert one.startswith("| `r1-llm-only` | 0.01 M | the default run | 25.0 % |")
    assert two.startswith("| `r3-two-stage` | 2.00 M, then 0.64 M | 12 | 75.0 % |")
    assert three.startswith("| `r4-joint` | 0.01 M | 3 | 25.0 % |")
    assert {line.count("|") for line in lines} == {4 + len(recipes.ACCURACIES)}
    assert recipes.table(found, known) in recipes.page(found, known)
    page = recipes.page(found, known)
    assert "- of the tree of commit 0123456789ab: `r1-llm-only`, `r3-two-stage`\n" in page
    assert "- of the tree of commit fedcba987654: `r4-joint`\n" in page


def test_the_accuracies_of_the_table_are_those_that_evaluate_writes(recipes: ModuleType) -> None:
    metrics = committed_json("metrics/metrics.json")
    assert all(set(recipes.ACCURACIES) <= set(metrics[variant]["overall"]) for variant in ("base", "merged"))


def test_the_readme_shows_what_was_measured(recipes: ModuleType) -> None:
    found = json.loads((ROOT / "docs/recipes.json").read_text(encoding="utf-8"))
    known = load_params(ROOT / "params.yaml").recipes
    assert {"r1-llm-only", "r2-vision-only", "r3-two-stage", "r4-joint", "full"} <= set(found["recipes"]) <= set(known)
    assert recipes.table(found, known) in (ROOT / "README.md").read_text(encoding="utf-8")
    assert recipes.page(found, known) == (ROOT / "docs/recipes.md").read_text(encoding="utf-8")


def test_the_row_of_the_default_recipe_is_the_committed_run(recipes: ModuleType) -> None:
    metrics = committed_json("metrics/metrics.json")
    row = recipes.committed()
    assert row["minutes"] is None
    assert row["merged"] == {name: metrics["merged"]["overall"][name] for name in recipes.ACCURACIES}
    params = committed_yaml("params.yaml")
    assert list(row["trained"]) == [phase["name"] for phase in params["recipes"][params["recipe"]]["phases"]]


def test_the_table_agrees_with_the_committed_metrics_about_the_base_and_the_default_recipe(recipes: ModuleType) -> None:
    """It was made from them; metrics that another processor has written and committed since may differ in a question in a hundred."""
    found = json.loads((ROOT / "docs/recipes.json").read_text(encoding="utf-8"))
    metrics = committed_json("metrics/metrics.json")
    default = found["recipes"][committed_yaml("params.yaml")["recipe"]]["merged"]
    for shown, variant in ((found["base"], "base"), (default, "merged")):
        assert shown == pytest.approx({name: metrics[variant]["overall"][name] for name in shown}, abs=0.01)
