"""What more pretraining has brought: the figures of every version of the embedded model that Git has, as one table.

`python base/scaling.py` reads base/metrics.json of every commit that changed the weights and writes scaling.csv, a line a version, by the
pictures it had seen; those that were examined on simpler pictures are left out. A clone without the history has the last version alone.
base/README.md shows `table` of that file, and the laws that `exponent`, `needed` and `expected` tell.
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
# What share of each one would want to have right.
GOALS = {"told": 0.95, "impedance": 0.6, "transfer": 0.6}
Row = Mapping[str, float | None]


def line(summary: Mapping[str, Any]) -> dict[str, float | None] | None:
    """The line of a version out of its metrics.json; None where it was not examined on all levels. A kind that it was not asked is None."""
    told, answered = summary["held_out"], summary.get("answered", {})
    if any(level not in told for level in LEVELS):
        return None
    row: dict[str, float | None] = {"pictures": summary["pictures"], "told": told["overall"]["exact"]}
    row |= {level: told[level]["exact"] for level in LEVELS}
    return row | {kind: answered[kind]["overall"]["right"] if kind in answered else None for kind in KINDS}


def exponent(rows: Sequence[Row], of: str = "told") -> float:
    """k of the law `what is wrong ~ pictures ** -k` through the first and the last line that have a share of it."""
    (few, before), (many, after) = _ends(rows, of)
    return -math.log((1 - after) / (1 - before)) / math.log(many / few)


def needed(rows: Sequence[Row], share: float, of: str = "told") -> float:
    """How many times the pictures of the last line it takes, by that law, until `share` is right."""
    _, (_, last) = _ends(rows, of)
    return math.exp(math.log((1 - last) / (1 - share)) / exponent(rows, of))


def expected(rows: Sequence[Row], times: float, of: str = "told") -> float:
    """The share that is right, by that law, after so many times the pictures of the last line."""
    _, (_, last) = _ends(rows, of)
    return 1 - (1 - last) * times ** -exponent(rows, of)


def table(rows: Sequence[Row]) -> str:
    """The lines as Markdown."""
    titles = ["pictures seen", "told exactly", *(level.replace("_", " ") for level in LEVELS), *KINDS]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        shares = ["" if (share := row[column]) is None else f"{share:.1%}" for column in ("told", *LEVELS, *KINDS)]
        lines.append("| " + " | ".join([f"{row['pictures']:,.0f}", *shares]) + " |")
    return "\n".join(lines) + "\n"


def _ends(rows: Sequence[Row], of: str) -> tuple[tuple[float, float], tuple[float, float]]:
    """Pictures and share right in the first and in the last line that have both."""
    found = [(pictures, share) for row in rows if (share := row[of]) is not None and (pictures := row["pictures"])]
    return found[0], found[-1]


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
    for of, share in GOALS.items():
        print(
            f"{of}: wrong ~ pictures ** -{exponent(read, of):.2f}; for {share:.0%} {needed(read, share, of):.0f} times as many"
        )


if __name__ == "__main__":
    main()
