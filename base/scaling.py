"""What more pretraining has brought: the figures of every version of the embedded model that Git has, as one table.

`python base/scaling.py` reads base/metrics.json of every commit that changed the weights and writes scaling.csv, a line a version, by the
pictures it had seen; those that were examined on simpler pictures are left out. A clone without the history has the last version alone.
base/README.md shows `table` of that file, and the law that `exponent` and `needed` tell.
"""

from __future__ import annotations

import csv
import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curve import read_curve

HERE = Path(__file__).parent
RESULT = HERE / "scaling.csv"
WEIGHTS = "models/base/model.safetensors"
LEVELS = ("level_0", "level_1", "level_2", "level_4")
KINDS = ("impedance", "transfer")
Row = Mapping[str, float | None]


def line(summary: Mapping[str, Any]) -> dict[str, float | None] | None:
    """The line of a version out of its metrics.json; None where it was not examined on all levels. A kind that it was not asked is None."""
    told, answered = summary["held_out"], summary.get("answered", {})
    if any(level not in told for level in LEVELS):
        return None
    row: dict[str, float | None] = {"pictures": summary["pictures"], "told": told["overall"]["exact"]}
    row |= {level: told[level]["exact"] for level in LEVELS}
    return row | {kind: answered[kind]["overall"]["right"] if kind in answered else None for kind in KINDS}


def exponent(rows: Sequence[Row]) -> float:
    """k of the law `drawings told wrongly ~ pictures ** -k` through the first and the last line."""
    (few, many), (before, after) = zip(*((_told(row)) for row in (rows[0], rows[-1])), strict=True)
    return -math.log((1 - after) / (1 - before)) / math.log(many / few)


def needed(rows: Sequence[Row], share: float) -> float:
    """How many times the pictures of the last line it takes, by that law, until `share` of the drawings is told exactly."""
    _, last = _told(rows[-1])
    return math.exp(math.log((1 - last) / (1 - share)) / exponent(rows))


def table(rows: Sequence[Row]) -> str:
    """The lines as Markdown."""
    titles = ["pictures seen", "told exactly", *(level.replace("_", " ") for level in LEVELS), *KINDS]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        shares = ["" if (share := row[column]) is None else f"{share:.1%}" for column in ("told", *LEVELS, *KINDS)]
        lines.append("| " + " | ".join([f"{_told(row)[0]:,.0f}", *shares]) + " |")
    return "\n".join(lines) + "\n"


def _told(row: Row) -> tuple[float, float]:
    pictures, told = row["pictures"], row["told"]
    assert pictures is not None and told is not None
    return pictures, told


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=HERE.parent, check=True, capture_output=True, text=True).stdout


def main() -> None:
    commits = _git("log", "--reverse", "--format=%H", "--", WEIGHTS).split()
    found = [line(json.loads(_git("show", f"{commit}:base/metrics.json"))) for commit in commits]
    rows = [row for row in found if row is not None]
    with RESULT.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    read = read_curve(RESULT)
    print(table(read))
    print(f"wrong ~ pictures ** -{exponent(read):.2f}; for 95 % {needed(read, 0.95):.0f} times as many")


if __name__ == "__main__":
    main()
