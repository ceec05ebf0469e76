"""Charts as SVG."""

from __future__ import annotations

import doctest
import re

import pytest

from diagramlens.report import charts, wording
from diagramlens.report.charts import HEIGHT, WIDTH, Line, line_chart, points_of, ticks


def test_points_lie_within_the_drawing() -> None:
    drawn = line_chart([Line("loss", "#000", [(0, 3.7), (10, 0.2), (20, 0)])], x_label="step")
    found = re.search(r'points="([^"]+)"', drawn)
    assert found is not None
    places = [tuple(map(float, pair.split(","))) for pair in found[1].split()]
    assert len(places) == 3
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in places)
    assert places[0][1] < places[1][1] < places[2][1], "less loss is further down"


@pytest.mark.parametrize("points", [[(1.0, 0.5)], [(1.0, 0.0), (2.0, 0.0)], [(-1.0, 0.3), (1e6, 0.9)]])
def test_odd_data_still_make_a_chart(points: list[tuple[float, float]]) -> None:
    assert "nan" not in line_chart([Line("x", "#000", points)], x_label="x", percent=True)


def test_nothing_to_draw_draws_nothing() -> None:
    assert line_chart([Line("empty", "#000", [])], x_label="x") == ""


def test_names_are_escaped() -> None:
    assert "<i>" not in line_chart([Line("<i>", "#000", [(0, 1), (1, 1)], dots=True)], x_label="<i>")


def test_rows_without_a_number_are_no_points() -> None:
    rows = [
        {"step": "1", "loss": "2"},
        {"step": "2", "loss": ""},
        {"step": "3", "loss": "nan"},
        {"step": "x", "loss": "1"},
    ]
    assert points_of(rows, "step", "loss") == [(1.0, 2.0)]


def test_ticks_are_round() -> None:
    assert ticks(3, 7) == [3.0, 4.0, 5.0, 6.0, 7.0]
    assert ticks(5, 5) == [5]


def test_the_examples_in_the_documentation_hold() -> None:
    assert doctest.testmod(charts).failed == 0
    assert doctest.testmod(wording).failed == 0
