"""How a circuit looks: three families of symbols, and what varies between two pictures of one family.

`american` zigzags and coils, `european` boxes and slashed source circles, `textbook` serif italics with subscripts, printed node
numbers and signs outside the circle, as circuitikz draws them. Every picture draws its own line width, type size and marks.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

STYLE_NAMES = ("american", "european", "textbook")

# Faces that matplotlib carries, so that a picture has its labels on every machine.
_FACES = {
    "american": ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSansMono.ttf"),
    "european": ("DejaVuSans.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf"),
    "textbook": ("STIXGeneralItalic.ttf", "DejaVuSerif-Italic.ttf", "STIXGeneralBolIta.ttf"),
}


@dataclass(frozen=True)
class Style:
    """The look of one picture. Lengths are in pixels of a picture whose junctions lie 56 pixels apart; drawing scales them."""

    name: str
    line: float
    face: str
    type_size: float
    subscript: bool  # digits of a name small and low
    nodes: str  # "none", "dots" (where three or more meet), "rings" (at every junction), "numbers"
    ink: tuple[int, int, int]
    paper: tuple[int, int, int]
    label_above: (
        bool  # labels of horizontal parts above, of vertical parts right; else below and left where there is room
    )
    body: float  # length of a part's symbol


def sample_style(name: str, rng: random.Random) -> Style:
    """A style of a family, its details drawn from `rng`."""
    textbook = name == "textbook"
    shade = rng.choice((0, 0, 0, 30, 60))
    paper = 255 - rng.choice((0, 0, 0, 6, 14))
    return Style(
        name=name,
        line=rng.uniform(1.1, 2.2),
        face=rng.choice(_FACES[name]),
        type_size=rng.uniform(13.5, 15.5) + (1.5 if textbook else 0.0),
        subscript=textbook,
        nodes=rng.choice(("numbers", "numbers", "dots")) if textbook else rng.choice(("none", "dots", "dots", "rings")),
        ink=(shade, shade, rng.choice((shade, shade, min(255, shade + 70)))),
        paper=(paper, paper, max(0, paper - rng.choice((0, 0, 8)))),
        label_above=rng.random() < 0.75,
        body=rng.uniform(24.0, 28.0),
    )


@lru_cache(maxsize=64)
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A face at a size in pixels. Cached: opening one costs more than drawing a picture."""
    return ImageFont.truetype(str(_font_folder() / face), size)


@lru_cache(maxsize=1)
def _font_folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
