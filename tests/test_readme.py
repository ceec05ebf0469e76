"""The README's figures are those of the committed metrics."""

from __future__ import annotations

import re
from pathlib import Path

from tests.committed import committed_json

ROOT = Path(__file__).parents[1]


def test_the_table_of_results_is_that_of_the_committed_metrics() -> None:
    metrics = committed_json("metrics/metrics.json")
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows if cells.count("|") == 3}
    assert {"netlist_exact_accuracy", "equation_sympy_accuracy", "qa_numerical_accuracy"} <= set(shown)
    for name, cells in shown.items():
        expected = [
            f"{metrics[variant]['overall'][name]:.1%}".replace("%", " %") for variant in ("base", "merged", "nf4")
        ]
        assert cells == [*expected, str(metrics["base"]["overall"]["questions"][name])], name


def test_the_commands_that_the_readme_names_exist() -> None:
    from diagramlens.cli import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"^diagramlens (\w+)", text, flags=re.MULTILINE))
    assert named and named <= set(COMMANDS)
