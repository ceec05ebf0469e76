"""Bode plots: magnitude and phase over frequency, as a picture or as a table in text."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from diagramlens.domains.circuits.response import Response
from diagramlens.records import DiagramLensError

PLOT_SUFFIXES = (".png", ".svg")
_INK, _CURVE, _MARK = "#222222", "#1f5fa8", "#b5541c"
_PREFIXES = ((1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "\N{MICRO SIGN}"))


class PlotError(DiagramLensError):
    """A plot that cannot be drawn or written."""


def hertz_text(hertz: float, digits: int = 4) -> str:
    """A frequency with an SI prefix: `1.592 kHz`."""
    for size, prefix in _PREFIXES:
        if abs(hertz) >= size * 0.99995:
            return f"{hertz / size:.{digits}g} {prefix}Hz"
    return f"{hertz:.{digits}g} Hz"


def bode_table(response: Response) -> str:
    """Frequency, gain and phase, two lines a decade at the most and thirteen in all, aligned."""
    low, high = (float(end) for end in np.log10(response.frequencies(2)))
    hertz = np.logspace(low, high, min(2 * round(high - low), 12) + 1)
    rows = [("frequency", "gain", "phase")]
    for at, decibels, degrees in zip(hertz, *response.bode(hertz), strict=True):
        # Adding zero turns -0.0 into 0.0.
        rows.append((hertz_text(at, 3), f"{round(decibels, 2) + 0:.2f} dB", f"{round(degrees, 1) + 0:.1f}°"))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    return "\n".join("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in rows)


def plot_bode(response: Response, path: Path, title: str) -> None:
    """Write the plot as PNG or SVG, by the suffix of `path`. Raises PlotError."""
    if path.suffix.lower() not in PLOT_SUFFIXES:
        raise PlotError(f"{path}: a plot is written as {' or '.join(PLOT_SUFFIXES)}")
    if not any(response.above):
        raise PlotError("the transfer function is zero; there is no curve to plot")
    # Here and not above: most who solve a circuit never plot, and matplotlib takes longer to load than any circuit to solve.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, MaxNLocator, MultipleLocator

    hertz = response.frequencies()
    decibels, degrees = response.bode(hertz)
    figure = Figure(figsize=(7.2, 5.2), layout="constrained")
    FigureCanvasAgg(figure)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    for axes, values, label in ((upper, decibels, "Gain in dB"), (lower, degrees, "Phase in degrees")):
        axes.semilogx(hertz, values, color=_CURVE, linewidth=1.8)
        axes.set_ylabel(label, color=_INK)
        axes.grid(True, which="major", color="#d5d5d5", linewidth=0.8)
        axes.grid(True, which="minor", axis="x", color="#ececec", linewidth=0.5)
        axes.tick_params(colors=_INK, labelsize=9)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
    # A flat curve must not be stretched into noise, nor a notch pull the rest together.
    bottom, top = max(decibels.min(), decibels.max() - 160), decibels.max()
    margin = max(2.0, 0.06 * (top - bottom))
    upper.set_ylim(bottom - margin, top + margin)
    upper.yaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 4, 5, 10]))
    span = degrees.max() - degrees.min()
    lower.yaxis.set_major_locator(MultipleLocator(45 if span <= 360 else 90))
    lower.set_ylim(degrees.min() - max(10.0, 0.08 * span), degrees.max() + max(10.0, 0.08 * span))
    for roots, marker, name in ((response.poles, "x", "pole"), (response.zeros, "o", "zero")):
        corners = np.array([abs(complex(root)) / (2 * np.pi) for root in roots if complex(root) != 0])
        if corners.size:
            heights = np.interp(np.log10(corners), np.log10(hertz), decibels).clip(bottom, top)
            upper.plot(corners, heights, marker, color=_MARK, markerfacecolor="none", markersize=7, label=name)
    if any(complex(root) != 0 for root in (*response.poles, *response.zeros)):
        upper.legend(frameon=False, fontsize=9, loc="best")
    lower.set_xlabel("Frequency", color=_INK)
    lower.xaxis.set_major_formatter(EngFormatter(unit="Hz"))
    lower.set_xlim(hertz[0], hertz[-1])
    upper.set_title(title, fontsize=10, color=_INK, loc="left")
    try:
        figure.savefig(path, dpi=150)
    except OSError as error:
        raise PlotError(f"{path}: cannot be written: {error.strerror}") from error
