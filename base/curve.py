"""Draws the learning curve of the pretraining for the model card: what is read and answered after how many pictures.

`python base/curve.py` draws it again, from learning_curve.csv and params.yaml.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, PercentFormatter

from settings import load_settings

HERE = Path(__file__).parent
PICTURE = HERE.parent / "models" / "base" / "learning_curve.png"
_INK, _FAINT, _LINE, _SHADE = "#1b2230", "#667085", "#e4e7ec", "#f1f3f7"
# Columns of the curve, what they are called in the picture, and their colours.
_LINES = {
    "held_out_phrases": ("phrases right", "#9aa3b2"),
    "held_out_exact": ("drawings told exactly", "#1f5bd8"),
    "held_out_transfer": ("transfer functions right, asked directly", "#c4320a"),
}
Row = Mapping[str, float | None]


def read_curve(path: Path) -> list[dict[str, float | None]]:
    """The lines of a learning curve as numbers; None where a column is empty, as held_out_transfer is before it was measured."""
    with path.open(newline="", encoding="utf-8") as file:
        return [{name: float(text) if text else None for name, text in row.items()} for row in csv.DictReader(file)]


def settled(curve: Sequence[Row], phases: Sequence[Mapping[str, Any]]) -> list[Row]:
    """The last lines of those phases at whose end the rate is zero: only they can be compared, for a high rate costs precision."""
    ends, seen = set(), 0
    for phase in phases:
        seen += phase["pictures"]
        if phase["rate"] == 0:
            ends.add(seen)
    return [row for row in curve if row["pictures"] in ends]


def draw_curve(curve: Sequence[Row], phases: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Write the picture as PNG. `curve` has the columns of learning_curve.csv, `phases` are those of params.yaml."""
    figure = Figure(figsize=(9, 4.2), dpi=130, facecolor="white", layout="constrained")
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    seen = 0
    for phase in phases:
        if phase["learns"] == "vision":
            axes.axvspan(seen, seen + phase["pictures"], color=_SHADE, zorder=0, linewidth=0)
        seen += phase["pictures"]
    for column, (label, colour) in _LINES.items():
        measured = [row for row in curve if row[column] is not None]
        axes.plot(
            [row["pictures"] for row in measured],
            [row[column] for row in measured],
            color=colour,
            linewidth=1.5,
            label=label,
        )
    for row in settled(curve, phases):
        for column, (_, colour) in _LINES.items():
            if column != "held_out_phrases" and row[column] is not None:
                axes.plot(row["pictures"], row[column], "o", color=colour, markersize=6)
    axes.plot([], [], "o", color=_INK, markersize=6, label="the rate has fallen to zero")
    axes.fill_between([], [], color=_SHADE, label="pictures alone, through the vision part")
    axes.set(xlim=(0, seen * 1.01), ylim=(0, 1))
    axes.set_xlabel("pictures seen", fontsize=9, color=_INK)
    axes.set_ylabel("of circuits of held-out topologies", fontsize=9, color=_INK)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.grid(axis="y", color=_LINE, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=8.5, colors=_FAINT, length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "bottom")
        spine.set_color("#b6bcc8")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5, frameon=False, labelcolor=_INK)
    canvas.print_png(str(path))


def main() -> None:
    phases = load_settings()["pretrain"]["phases"]
    draw_curve(read_curve(HERE / "learning_curve.csv"), phases, PICTURE)
    print(f"{PICTURE.relative_to(HERE.parent)} shows base/learning_curve.csv")


if __name__ == "__main__":
    main()
