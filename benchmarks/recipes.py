"""What each recipe makes of the same model and data: experiments of the committed tree, and a table of them.

    python benchmarks/recipes.py                         every recipe of params.yaml, one after the other
    python benchmarks/recipes.py r1-llm-only full        some of them

The one that params.yaml selects is the default run, whose metrics are committed. Each of the others is `dvc exp run` in a copy of the tree,
from train on, with the merged model alone evaluated, and stays as an experiment called recipe-NAME (`dvc exp show`). What was measured is
in docs/recipes.json, each row with the commit of the tree that gave it, the table in docs/recipes.md. What is asked for and was measured
of this very state of code, parameters and model is not measured again, so that it goes on where it was stopped. The minutes are those of
train, merge, quantize and evaluate on the machine at hand.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dvc.api

from diagramlens.params import Recipe, load_params

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "recipes.json"
TABLE = ROOT / "docs" / "recipes.md"
# What may change without any recipe having to be measured again.
WORDS = [":!docs", ":!benchmarks", ":!tests", ":!*.md"]
ACCURACIES = {
    "netlist_exact_accuracy": "netlist exact",
    "netlist_terminal_f1": "terminal F1",
    "equation_via_netlist_accuracy": "equation via the netlist",
    "equation_sympy_accuracy": "equation directly",
    "qa_numerical_accuracy": "number",
    "count_accuracy": "count",
    "accuracy": "all questions",
}


def main() -> None:
    """Measure what is missing and print the table."""
    params = load_params(ROOT / "params.yaml")
    recipes = params.recipes
    parser = argparse.ArgumentParser(
        description="What each recipe makes of the same model and data.",
        epilog="docs/recipes.md is rewritten after every recipe",
    )
    parser.add_argument(
        "recipes", nargs="*", metavar="RECIPE", help=f"of {', '.join(recipes)}; all where none is named"
    )
    wanted = parser.parse_args().recipes or list(recipes)
    if unknown := [name for name in wanted if name not in recipes]:
        parser.error(f"params.yaml has no recipe {', '.join(unknown)}; it has {', '.join(recipes)}")
    if _output("git", "status", "--porcelain", "--untracked-files=no", "--", ".", *WORDS):
        parser.error("there are changes that are not committed: an experiment would run without what git does not know")
    commit = _output("git", "log", "-1", "--format=%H", "--", ".", *WORDS)
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {"recipes": {}}
    found["base"] = _accuracies(_metrics("metrics")["base"])
    for name in wanted:
        if found["recipes"].get(name, {}).get("commit") != commit:
            row = committed() if name == params.recipe else measured(name)
            found["recipes"][name] = row | {"commit": commit}
            RESULTS.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
            TABLE.write_text(page(found, recipes), encoding="utf-8")
    print(TABLE.read_text(encoding="utf-8"))


def committed() -> dict[str, Any]:
    """The row of the recipe of the default run, from the committed metrics, which tell no minutes."""
    return _row(None, _metrics("train")["phases"], _metrics("metrics")["merged"])


def measured(recipe: str) -> dict[str, Any]:
    """Run the default data and model with a recipe, from train on; minutes, parameters trained in each phase, and accuracies."""
    experiment = f"recipe-{recipe}"
    # One of an earlier state of the tree, where there is one, would share the name.
    subprocess.run(["dvc", "exp", "remove", "--quiet", experiment], cwd=ROOT, check=False, stderr=subprocess.DEVNULL)
    command = ["dvc", "exp", "run", "--temp", "--force", "--downstream", "train", "--name", experiment]
    changed = ["--set-param", f"recipe={recipe}", "--set-param", "evaluate.variants=[merged]"]
    start = time.monotonic()
    subprocess.run([*command, *changed], cwd=ROOT, check=True)
    minutes = (time.monotonic() - start) / 60
    metrics = dvc.api.metrics_show(
        "metrics/metrics.json", "metrics/train.json", "metrics/merge.json", repo=str(ROOT), rev=experiment
    )
    return _row(round(minutes, 1), metrics["phases"], metrics["merged"])


def _metrics(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_output("git", "show", f"HEAD:metrics/{name}.json"))
    return found


def _row(minutes: float | None, phases: Mapping[str, Any], merged: Mapping[str, Any]) -> dict[str, Any]:
    trained = {name: sum(phase["trainable_parameters"].values()) for name, phase in phases.items()}
    return {"minutes": minutes, "trained": trained, "merged": _accuracies(merged)}


def page(found: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> str:
    """docs/recipes.md: the table and how it came about."""
    return (
        "# The recipes on the default run\n\n"
        "Measured by `benchmarks/recipes.py`, each recipe from train to evaluate. The accuracies are those of the merged model on the\n"
        "test split; those of the base are the committed metrics'.\n\n"
        + table(found, recipes)
        + "\n"
        + _commits(found, recipes)
    )


def _commits(found: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> str:
    """Which trees the rows are of."""
    rows: dict[str, list[str]] = {}
    for name in (name for name in recipes if name in found["recipes"]):
        rows.setdefault(found["recipes"][name]["commit"], []).append(f"`{name}`")
    return "".join(f"- of the tree of commit {commit[:12]}: {', '.join(names)}\n" for commit, names in rows.items())


def table(found: Mapping[str, Any], recipes: Mapping[str, Recipe]) -> str:
    """The table as Markdown: the base first, then the recipes in the order of params.yaml; phases stand in the order in which they run."""
    lines = [
        "| recipe | trained | minutes | " + " | ".join(ACCURACIES.values()) + " |",
        "|---|---|---|" + "---|" * len(ACCURACIES),
        "| none: the base | | | " + _cells(found["base"]) + " |",
    ]
    for name in (name for name in recipes if name in found["recipes"]):
        row = found["recipes"][name]
        trained = ", then ".join(f"{row['trained'][phase.name] / 1e6:.2f} M" for phase in recipes[name].phases)
        minutes = "the default run" if row["minutes"] is None else f"{row['minutes']:.0f}"
        lines.append(f"| `{name}` | {trained} | {minutes} | {_cells(row['merged'])} |")
    return "\n".join(lines) + "\n"


def _accuracies(metrics: Mapping[str, Any]) -> dict[str, float]:
    return {name: metrics["overall"][name] for name in ACCURACIES}


def _cells(accuracies: Mapping[str, float]) -> str:
    return " | ".join(f"{accuracies[name]:.1%}".replace("%", " %") for name in ACCURACIES)


def _output(*command: str) -> str:
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.strip()


if __name__ == "__main__":
    main()
