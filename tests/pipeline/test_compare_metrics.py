"""The comparison that .ci/run ends with: what differs is named, and rounding is forgiven where it is to be expected."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci/compare_metrics.py"
spec = importlib.util.spec_from_file_location("compare_metrics", SCRIPT)
assert spec is not None
assert spec.loader is not None
compare_metrics = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compare_metrics)


def compared(tmp_path: Path, file: str, committed: Any, produced: Any) -> list[str]:
    for name, content in (("committed", committed), ("produced", produced)):
        (tmp_path / name).mkdir()
        if content is not None:
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / name / file).write_text(text, encoding="utf-8")
    return compare_metrics.compare(tmp_path / "committed", tmp_path / "produced")


@pytest.mark.parametrize(
    ("file", "committed", "produced", "told"),
    [
        ("split.json", {"train": {"groups": 10}}, {"train": {"groups": 10}}, []),
        (
            "split.json",
            {"a": 0.5},
            {"a": 0.500002},
            ["split.json.a: committed 0.5, produced 0.500002 (allowed: 1e-06)"],
        ),
        ("metrics.json", {"a": 0.5}, {"a": 0.53}, []),
        ("metrics.json", {"a": 0.5}, {"a": 0.56}, ["metrics.json.a: committed 0.5, produced 0.56 (allowed: 0.05)"]),
        ("metrics.json", {"n": 100}, {"n": 101}, ["metrics.json.n: committed 100, produced 101 (allowed: 0)"]),
        ("metrics.json", {"a": 1}, {"b": 1}, ["metrics.json.a: only committed", "metrics.json.b: only produced"]),
        ("metrics.json", {"a": "x"}, {"a": "y"}, ["metrics.json.a: committed 'x', produced 'y'"]),
        ("metrics.json", {"a": None}, {"a": 0.1}, ["metrics.json.a: committed None, produced 0.1"]),
        ("metrics.json", {"a": [1]}, {"a": [1, 2]}, ["metrics.json.a: 1 entries committed, 2 produced"]),
        ("train_curves.csv", "step,loss\n1,0.5\n2,\n", "step,loss\n1,0.6\n2,\n", []),
        (
            "train_curves.csv",
            "step,loss\n1,0.5\n",
            "step,loss\n2,0.5\n",
            ["train_curves.csv[0].step: committed 1, produced 2 (allowed: 0)"],
        ),
        ("train.json", {"a": 1.0}, None, ["train.json: only committed"]),
    ],
)
def test_differences_beyond_the_tolerance_are_named(
    tmp_path: Path, file: str, committed: Any, produced: Any, told: list[str]
) -> None:
    assert compared(tmp_path, file, committed, produced) == told
