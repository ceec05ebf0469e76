"""Lines, which are drawn faster than Pillow draws them, are Pillow's to the pixel."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from PIL import Image, ImageChops, ImageDraw

from diagramlens.domains.circuits.pen import OVERSAMPLING, Pen, Spot
from diagramlens.domains.circuits.styles import sample_style

SIDE = 40
BLACK_ON_WHITE = replace(sample_style("american", random.Random(0)), ink=(0, 0, 0), paper=(255, 255, 255))


def by_pillow(points: list[Spot], width: int) -> Image.Image:
    canvas = Image.new("L", (SIDE * OVERSAMPLING, SIDE * OVERSAMPLING), 0)
    scaled = [(x * OVERSAMPLING, y * OVERSAMPLING) for x, y in points]
    ImageDraw.Draw(canvas).line(scaled, fill=255, width=width, joint="curve")
    return ImageChops.invert(canvas.reduce(OVERSAMPLING))


def by_pen(points: list[Spot], width: int) -> Image.Image:
    pen = Pen((SIDE, SIDE), replace(BLACK_ON_WHITE, line=width / OVERSAMPLING))
    pen.line(points)
    return pen.picture().convert("L")


@pytest.mark.parametrize("width", range(1, 16))
def test_lines_are_pillows(width: int) -> None:
    """Level, upright and slanted ones, there and back, with corners, and beyond the edge of the picture."""
    rng = random.Random(width)

    def somewhere() -> float:
        return rng.choice((rng.uniform(-6, SIDE + 6), rng.randrange(SIDE), rng.randrange(2 * SIDE) / 2))

    for _ in range(60):
        x, y = somewhere(), somewhere()
        level, upright = [(x, y), (somewhere(), y)], [(x, y), (x, somewhere())]
        bent = [(somewhere(), somewhere()) for _ in range(rng.randint(2, 6))]
        for points in (level, upright, bent, [*upright, (somewhere(), upright[1][1])], [(x, y), (x, y)]):
            assert by_pen(points, width).tobytes() == by_pillow(points, width).tobytes(), points
