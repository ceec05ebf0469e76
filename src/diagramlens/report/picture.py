"""A run in one picture, for a README: how well each variant reads, and what that looks like on three circuits it had never seen."""

from __future__ import annotations

import io
import textwrap
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch
from PIL import Image

from diagramlens.report.results import Example, Results, choose
from diagramlens.report.wording import METRIC_NAMES, group_name, metric_name, showable, variant_colour, variant_name

INK, FAINT, LINE = "#1b2230", "#667085", "#e4e7ec"
RIGHT, WRONG = "#0a7d45", "#c4320a"
CARDS = 3
# Fractions of the figure's height, and where a card's text begins.
_CARDS_TOP, _CARDS_BOTTOM, _GAP = 0.878, 0.03, 0.02
_TEXT = 0.29
_UNBROKEN = "\N{NO-BREAK SPACE}"


def draw_picture(results: Results, path: Path) -> None:
    """Write the picture as PNG, 2100 × 1200 pixels."""
    figure = Figure(figsize=(14, 8), dpi=150, facecolor="white")
    canvas = FigureCanvasAgg(figure)
    diagrams = len({example.diagram.id for example in results.examples})
    figure.text(0.028, 0.945, "Reading circuits never seen before", fontsize=21, fontweight="bold", color=INK)
    about = (
        f"{len(results.examples)} questions about {diagrams} test circuits; no training circuit shares their topology"
    )
    figure.text(0.028, 0.908, about, fontsize=11.5, color=FAINT)
    halves = figure.add_gridspec(1, 2, width_ratios=[0.43, 0.57])
    left, right = (figure.add_subfigure(halves[0, column]) for column in range(2))
    for side in (left, right):
        side.set_facecolor("none")
    _draw_bars(left, results)
    _draw_cards(right, results)
    canvas.print_png(str(path))


def _draw_bars(figure: SubFigure, results: Results) -> None:
    variants = results.variants
    overall = {variant: results.metrics[variant]["overall"] for variant in variants}
    metrics = [metric for metric in METRIC_NAMES if any(metric in overall[variant] for variant in variants)]
    axes = figure.add_axes((0.405, 0.1, 0.535, 0.78))
    height = 0.78 / len(variants)
    for row, metric in enumerate(metrics):
        for number, variant in enumerate(variants):
            value = overall[variant].get(metric)
            if value is None:
                continue
            place = row - 0.39 + height * (number + 0.5)
            axes.barh(place, value, height * 0.86, color=variant_colour(variant), zorder=2)
            strong = variant == results.subject
            colour, weight = (INK, "bold") if strong else (FAINT, "normal")
            axes.text(
                value + 0.012, place, f"{100 * value:.0f} %", va="center", fontsize=9, color=colour, fontweight=weight
            )
        count = next(overall[variant]["questions"][metric] for variant in variants if metric in overall[variant])
        axes.text(-0.03, row - 0.1, metric_name(metric), ha="right", va="center", fontsize=10.5, color=INK)
        axes.text(-0.03, row + 0.19, f"{count} questions", ha="right", va="center", fontsize=8.5, color=FAINT)
    axes.set(ylim=(len(metrics) - 0.5, -0.5), xlim=(0, 1.09), yticks=[], xticks=[0, 0.25, 0.5, 0.75, 1])
    axes.set_xticklabels(["0", "25 %", "50 %", "75 %", "100 %"], fontsize=9, color=FAINT)
    axes.grid(axis="x", color=LINE, linewidth=0.8, zorder=0)
    axes.tick_params(length=0)
    for name, spine in axes.spines.items():
        spine.set_visible(name == "left")
        spine.set_color("#b6bcc8")
    figure.legend(
        handles=[Patch(color=variant_colour(variant), label=variant_name(variant)) for variant in variants],
        loc="lower left",
        bbox_to_anchor=(0.045, 0.012),
        ncols=min(len(variants), 3),
        frameon=False,
        fontsize=9.5,
        handlelength=1.1,
        columnspacing=1.4,
    )


def _draw_cards(figure: SubFigure, results: Results) -> None:
    step = (_CARDS_TOP - _CARDS_BOTTOM + _GAP) / CARDS
    for number, example in enumerate(choose(results, CARDS)):
        _draw_card(figure, example, results, bottom=_CARDS_TOP - (number + 1) * step + _GAP, height=step - _GAP)


def _draw_card(figure: SubFigure, example: Example, results: Results, bottom: float, height: float) -> None:
    frame = figure.add_axes((0.02, bottom, 0.955, height))
    frame.set(xticks=[], yticks=[], xlim=(0, 1), ylim=(0, 1))
    for spine in frame.spines.values():
        spine.set_color(LINE)
    picture = figure.add_axes((0.03, bottom + 0.012, 0.245, height - 0.024))
    picture.axis("off")
    with Image.open(io.BytesIO(example.diagram.image)) as image:
        picture.imshow(np.asarray(image.convert("RGB")), interpolation="lanczos")
    heading = f"{group_name(example.question.kind)}  ·  {group_name(f'level_{example.question.level}')}".upper()
    frame.text(_TEXT, 0.92, heading, fontsize=7.8, color=FAINT, fontweight="bold", va="top")
    top = (
        _write(frame, _TEXT, 0.835, showable(example.question.prompt, 300), width=70, lines=3, size=9.4, colour=INK)
        - 0.035
    )
    top = _answer(frame, top, "truth", example.question.answer, INK, "")
    for variant in results.compared:
        prediction = example.answers[variant]
        mark, colour = ("✓", RIGHT) if prediction.correct else ("✗", WRONG)
        top = _answer(frame, top, variant, prediction.text, colour, mark)


def _answer(frame: Axes, top: float, who: str, text: str, colour: str, mark: str) -> float:
    """A line of who said it, right or wrong, and what; returns where the next may begin."""
    frame.text(_TEXT, top - 0.005, who, fontsize=9, color=FAINT, va="top")
    frame.text(_TEXT + 0.093, top, mark, fontsize=10, color=colour, va="top", fontweight="bold")
    # A netlist's lines stand side by side, unbroken: a card has no room for ten below each other.
    lines = [showable(" ".join(line.split()), 200) for line in text[:2000].splitlines() if line.strip()]
    flat = ", ".join(line.replace(" ", _UNBROKEN) for line in lines) if len(lines) > 1 else "".join(lines)
    return (
        _write(
            frame,
            _TEXT + 0.122,
            top,
            flat or "(nothing)",
            width=58,
            lines=3,
            size=8.8,
            colour=colour,
            family="monospace",
        )
        - 0.03
    )


def _write(
    frame: Axes,
    x: float,
    top: float,
    text: str,
    *,
    width: int,
    lines: int,
    size: float,
    colour: str,
    family: str = "sans-serif",
) -> float:
    """Wrapped text from `top` down, at most `lines` lines of `width` characters; returns where it ends."""
    wrapped = textwrap.wrap(text, width, max_lines=lines, placeholder=" …") or [""]
    # A model's text may hold dollar signs, which are not to be read as mathematics.
    frame.text(
        x,
        top,
        "\n".join(wrapped),
        fontsize=size,
        color=colour,
        va="top",
        family=family,
        parse_math=False,
        linespacing=1.25,
    )
    return top - 0.0086 * size * len(wrapped)
