"""Line charts as SVG text, drawn without a plotting library so that a page needs nothing but itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 520, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 14, 12, 38

Point = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """One line of a chart: its name for the legend, colour, and points (x, y), of which there may be one or none."""

    name: str
    colour: str
    points: Sequence[Point]
    dots: bool = False


def line_chart(lines: Sequence[Line], *, x_label: str, percent: bool = False) -> Markup:
    """An SVG element of WIDTH × HEIGHT units; empty where no line has a point. `percent` runs the y axis from 0 to 100 %."""
    points = [point for line in lines for point in line.points]
    if not points:
        return Markup("")
    xs, ys = [x for x, _ in points], [y for _, y in points]
    x_ticks, y_ticks = ticks(min(xs), max(xs)), [0, 0.25, 0.5, 0.75, 1.0] if percent else ticks(0, max(ys))
    x_low, x_high = (min(xs), max(xs)) if min(xs) < max(xs) else (xs[0] - 1, xs[0] + 1)
    y_high = max(max(y_ticks), max(ys)) or 1.0

    def place(point: Point) -> Point:
        across = _LEFT + (point[0] - x_low) / (x_high - x_low) * (WIDTH - _LEFT - _RIGHT)
        return across, HEIGHT - _BOTTOM - point[1] / y_high * (HEIGHT - _TOP - _BOTTOM)

    drawn = [_grid_line(place((x_low, tick))[1], f"{100 * tick:.0f} %" if percent else f"{tick:g}") for tick in y_ticks]
    drawn += [_x_tick(place((tick, 0))[0], f"{tick:g}") for tick in x_ticks if x_low <= tick <= x_high]
    drawn += [_line(line, [place(point) for point in line.points]) for line in lines]
    label = Markup('<text x="{}" y="{}" class="axis" text-anchor="middle">{}</text>').format(
        (WIDTH + _LEFT - _RIGHT) / 2, HEIGHT - 4, x_label
    )
    described = "; ".join(f"{line.name}: {len(line.points)} points" for line in lines)
    opening = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">').format(WIDTH, HEIGHT, described)
    return opening + Markup("").join(drawn) + label + Markup("</svg>")


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from about `low` to about `high`: steps of 1, 2 or 5 times a power of ten.

    >>> ticks(0, 230)
    [0.0, 50.0, 100.0, 150.0, 200.0, 250.0]
    """
    if not high > low:
        return [low]
    rough = (high - low) / wanted
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(size * power for size in (1, 2, 5, 10) if size * power >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [round(number * step, 10) for number in range(first, last + 1)]


def points_of(rows: Sequence[Mapping[str, str]], x: str, y: str) -> list[Point]:
    """The points of two columns of a CSV table; rows that lack either, or hold no number there, are no points."""
    found = []
    for row in rows:
        try:
            point = float(row.get(x) or "nan"), float(row.get(y) or "nan")
        except ValueError:
            continue
        if math.isfinite(point[0]) and math.isfinite(point[1]):
            found.append(point)
    return found


def _grid_line(y: float, text: str) -> Markup:
    return Markup(
        '<line x1="{}" x2="{}" y1="{:.1f}" y2="{:.1f}" class="grid"/><text x="{}" y="{:.1f}" class="axis" text-anchor="end">{}</text>'
    ).format(_LEFT, WIDTH - _RIGHT, y, y, _LEFT - 7, y + 4, text)


def _x_tick(x: float, text: str) -> Markup:
    return Markup('<text x="{:.1f}" y="{}" class="axis" text-anchor="middle">{}</text>').format(
        x, HEIGHT - _BOTTOM + 16, text
    )


def _line(line: Line, placed: Sequence[Point]) -> Markup:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    drawn = Markup('<polyline points="{}" fill="none" stroke="{}" stroke-width="2" stroke-linejoin="round"/>').format(
        path, line.colour
    )
    if line.dots or len(placed) == 1:
        dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"><title>{}</title></circle>')
        drawn += Markup("").join(dot.format(x, y, line.colour, escape(line.name)) for x, y in placed)
    return drawn
