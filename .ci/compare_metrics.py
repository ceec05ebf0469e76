"""Compare two folders of metrics files, and exit with 1 where they differ.

    python .ci/compare_metrics.py COMMITTED PRODUCED

Keys, texts and whole numbers must be equal. Floats may differ by as much as the rule for their file says: on one machine a run repeats to
the last bit, but another processor sums in another order, training follows it elsewhere, and an answer more or less comes out right.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Largest difference of a float, in absolute terms, by file; for all others EXACT.
EXACT = 1e-6  # metrics are rounded to six digits
TOLERANCES = {
    "train.json": 0.05,  # losses
    "train_curves.csv": 0.25,  # the loss of single batches
    "evaluate.json": 0.02,  # a picture or two at the threshold
    "merge.json": 0.05,  # logits: rounding, of which merge.tolerance allows as much
    "quantize.json": 0.01,  # ratios of file sizes
    "metrics.json": 0.05,  # accuracies: 5 answers of 100
    "accuracy_by_parts.csv": 0.25,  # accuracies of a few questions each
    "accuracy_by_style.csv": 0.1,
}
# Whole numbers that follow from floats: sizes of files that hold text made from them.
INTEGER_SLACK = {"quantize.json": 4096}


def read(path: Path) -> Any:
    """A metrics file's content; a CSV table as a list of rows with numbers for what looks like one."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return [{key: number(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return json.loads(path.read_text(encoding="utf-8"))


def number(text: str) -> int | float | str:
    """`3` → 3, `0.5` → 0.5, `base` → base."""
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def differences(committed: Any, produced: Any, tolerance: float, slack: int, where: str) -> Iterator[str]:
    """One line for each difference, named by its path."""
    if isinstance(committed, dict) and isinstance(produced, dict):
        for key in sorted(committed.keys() | produced.keys()):
            if key not in produced or key not in committed:
                yield f"{where}.{key}: only {'committed' if key in committed else 'produced'}"
            else:
                yield from differences(committed[key], produced[key], tolerance, slack, f"{where}.{key}")
    elif isinstance(committed, list) and isinstance(produced, list):
        if len(committed) != len(produced):
            yield f"{where}: {len(committed)} entries committed, {len(produced)} produced"
        for index, (left, right) in enumerate(zip(committed, produced, strict=False)):
            yield from differences(left, right, tolerance, slack, f"{where}[{index}]")
    elif is_number(committed) and is_number(produced):
        whole = isinstance(committed, int) and isinstance(produced, int)
        if abs(committed - produced) > (slack if whole else tolerance):
            yield f"{where}: committed {committed}, produced {produced} (allowed: {slack if whole else tolerance})"
    elif committed != produced:
        yield f"{where}: committed {committed!r}, produced {produced!r}"


def is_number(value: Any) -> bool:
    """Whether a value is a number, and no truth value."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def compare(committed: Path, produced: Path) -> list[str]:
    """All differences of two folders of metrics."""
    found: list[str] = []
    for name in sorted({path.name for folder in (committed, produced) for path in folder.iterdir()}):
        if not (committed / name).exists() or not (produced / name).exists():
            found.append(f"{name}: only {'committed' if (committed / name).exists() else 'produced'}")
            continue
        tolerance, slack = TOLERANCES.get(name, EXACT), INTEGER_SLACK.get(name, 0)
        found.extend(differences(read(committed / name), read(produced / name), tolerance, slack, name))
    return found


def main() -> int:
    """Print the differences; 1 where there are any."""
    committed, produced = Path(sys.argv[1]), Path(sys.argv[2])
    found = compare(committed, produced)
    for line in found:
        print(line)
    print(f"{len(found)} differences" if found else f"{len(list(committed.iterdir()))} files agree within tolerance")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
