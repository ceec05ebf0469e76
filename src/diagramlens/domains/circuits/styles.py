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

# A wave that moves lines: reach, turns per unit rightwards and downwards (radians), phase.
Wave = tuple[float, float, float, float]


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
    label_above: bool  # labels of level parts above, of upright ones right; else below and left where there is room
    body: float  # length of a part's symbol
    ground: str  # how grounds of amplifiers look: "bars" or "triangle"; circuits without one always have bars
    rail: str  # how supplies look: "bar" or "arrow"
    hops: (
        bool  # a wire hops over one that it crosses; else it runs straight through, and dots tell crossings from joints
    )
    encircled: bool  # a circle round transistors
    wobble: tuple[Wave, ...] | None = None  # how an unsteady hand moves the lines; None: ruled


def sample_style(name: str, rng: random.Random) -> Style:
    """A style of a family, its details drawn from `rng`."""
    textbook = name == "textbook"
    shade = rng.choice((0, 0, 0, 30, 60))
    paper = 255 - rng.choice((0, 0, 0, 6, 14))
    line, face = rng.uniform(1.1, 2.2), rng.choice(_FACES[name])
    type_size = rng.uniform(13.5, 15.5) + (1.5 if textbook else 0.0)
    nodes = rng.choice(("numbers", "numbers", "dots")) if textbook else rng.choice(("none", "dots", "dots", "rings"))
    # What only larger circuits show has a stream of its own: circuits without it look as they did before.
    later = random.Random(f"{line} amplifiers")
    return Style(
        name=name,
        line=line,
        face=face,
        type_size=type_size,
        subscript=textbook,
        nodes=nodes,
        ink=(shade, shade, rng.choice((shade, shade, min(255, shade + 70)))),
        paper=(paper, paper, max(0, paper - rng.choice((0, 0, 8)))),
        label_above=rng.random() < 0.75,
        body=rng.uniform(24.0, 28.0),
        ground=later.choice(("bars", "bars", "triangle")),
        rail={"american": "bar", "european": "arrow", "textbook": later.choice(("bar", "arrow"))}[name],
        hops=nodes != "dots" or later.random() < 0.5,
        encircled=name == "european",
    )


@lru_cache(maxsize=64)
def font(face: str, size: int) -> ImageFont.FreeTypeFont:
    """A face at a size in pixels. Cached: opening one costs more than drawing a picture."""
    return ImageFont.truetype(str(_font_folder() / face), size)


@lru_cache(maxsize=1024)
def has_glyphs(face: str, text: str) -> bool:
    """Whether a face has a glyph of its own for every character: STIX italic, say, knows no ohm sign."""
    return _characters(face).issuperset(map(ord, text))


@lru_cache(maxsize=16)
def _characters(face: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    return frozenset(FT2Font(str(_font_folder() / face)).get_charmap())


@lru_cache(maxsize=1)
def _font_folder() -> Path:
    import matplotlib

    return Path(matplotlib.get_data_path()) / "fonts" / "ttf"
