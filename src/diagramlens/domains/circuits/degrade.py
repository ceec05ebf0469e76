"""How pictures suffer on their way: scanned, photographed, compressed, or drawn by hand. Every strength leaves the labels readable.

`hand(style, name, rng)` comes before drawing and makes an unsteady hand of a style for `wobble`; `apply(picture, objects, name, rng)`
comes after drawing and does the rest. Both may be called with every name: what is not theirs passes unchanged. All keep the size.
"""

from __future__ import annotations

import dataclasses
import io
import math
import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageFilter

from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import Spot, box_around
from diagramlens.domains.circuits.scene import Box
from diagramlens.domains.circuits.styles import Style
from diagramlens.records import DiagramLensError

DEGRADATIONS = ("clean", "blur", "jpeg", "noise", "rotation", "contrast", "wobble")

_STEEPEST = 3.0  # degrees
_LETTER = 10.0  # height of the smallest capitals, in pixels, for which strengths in pixels are stated
_ROW = 1.7  # what each further row adds to a label's height, in capitals


class DegradationError(DiagramLensError):
    """A degradation that is not known."""


def hand(style: Style, name: str, rng: random.Random) -> Style:
    """The style to draw with: for `wobble` one whose lines an unsteady hand drew, else the same."""
    _known(name)
    if name != "wobble":
        return style
    waves = []
    for length, reach in ((75.0, 0.9), (34.0, 0.6), (17.0, 0.3)):
        turn, pulse = rng.uniform(0, math.tau), math.tau / (length * rng.uniform(0.85, 1.2))
        strength = reach * rng.uniform(0.6, 1.1)
        waves.append((strength, pulse * math.cos(turn), pulse * math.sin(turn), rng.uniform(0, math.tau)))
    return dataclasses.replace(style, wobble=tuple(waves))


def apply(
    picture: Image.Image, objects: Sequence[DrawnObject], name: str, rng: random.Random
) -> tuple[Image.Image, list[DrawnObject]]:
    """The degraded picture (RGB, same size) and the objects with their boxes where they are now.

    Raises DegradationError for a name that is not in DEGRADATIONS.
    """
    _known(name)
    if name == "rotation":
        return _rotated(picture, objects, rng)
    # The smallest label decides, as that one too is to be read.
    letters = [_letter(shown) for shown in objects if shown.label != shown.box]
    scale = min(letters) / _LETTER if letters else 1.0
    return _FILTERS[name](picture, scale, rng) if name in _FILTERS else picture, list(objects)


def _letter(shown: DrawnObject) -> float:
    """The height of the capitals of an object's label, in pixels."""
    return (shown.label[3] - shown.label[1]) / (1.0 + _ROW * (shown.rows - 1))


def _known(name: str) -> None:
    if name not in DEGRADATIONS:
        raise DegradationError(f"degradation {name!r}: there are {', '.join(DEGRADATIONS)}")


def _blurred(picture: Image.Image, scale: float, rng: random.Random) -> Image.Image:
    return picture.filter(ImageFilter.GaussianBlur(rng.uniform(0.6, 1.0) * scale))


def _compressed(picture: Image.Image, scale: float, rng: random.Random) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, format="JPEG", quality=rng.randint(20, 45))
    with Image.open(buffer) as stored:
        return stored.convert("RGB")


def _scanned(picture: Image.Image, scale: float, rng: random.Random) -> Image.Image:
    """Grain, specks of dust and lint, and light that falls off to one side."""
    source = np.random.default_rng(rng.getrandbits(64))
    height, width = picture.height, picture.width
    values = np.asarray(picture, dtype=np.float32)
    grain = source.standard_normal((height, width), dtype=np.float32) * rng.uniform(9.0, 24.0)
    turn = rng.uniform(0, math.tau)
    x, y = np.linspace(-1, 1, width, dtype=np.float32), np.linspace(-1, 1, height, dtype=np.float32)
    shade = rng.uniform(0.0, 18.0) * (math.cos(turn) * x[None, :] + math.sin(turn) * y[:, None] - 1.0)
    change = grain + shade
    specks = rng.randint(0, round(6e-4 * width * height / (scale * scale)))
    rows, columns = source.integers(0, height - 1, specks), source.integers(0, width - 1, specks)
    change[rows, columns] += source.choice(np.array([-150.0, 120.0], dtype=np.float32), specks)
    return Image.fromarray(np.clip(values + change[:, :, None], 0, 255).astype(np.uint8))


def _faded(picture: Image.Image, scale: float, rng: random.Random) -> Image.Image:
    """Ink and paper move towards each other, a third of their distance or more being left."""
    light = rng.uniform(185, 240)
    dark = light - rng.uniform(85, 125)
    ramp = [round(dark + (light - dark) * value / 255) for value in range(256)]
    return picture.point(ramp * 3)


_FILTERS: dict[str, Callable[[Image.Image, float, random.Random], Image.Image]] = {
    "blur": _blurred,
    "jpeg": _compressed,
    "noise": _scanned,
    "contrast": _faded,
}


def _rotated(
    picture: Image.Image, objects: Sequence[DrawnObject], rng: random.Random
) -> tuple[Image.Image, list[DrawnObject]]:
    """Turned by up to 3 degrees about the middle, and as much smaller as keeps the whole sheet in the picture."""
    angle = math.radians(rng.uniform(0.7, _STEEPEST)) * rng.choice((-1, 1))
    width, height = picture.size
    long, short = max(width, height), min(width, height)
    shrink = 1.0 / (math.cos(angle) + abs(math.sin(angle)) * long / short)
    mx, my = width / 2, height / 2
    cos, sin = math.cos(angle), math.sin(angle)

    def moved(point: Spot) -> Spot:
        x, y = point[0] - mx, point[1] - my
        return mx + shrink * (cos * x - sin * y), my + shrink * (sin * x + cos * y)

    # Pillow wants the way back: where each pixel of the new picture comes from.
    a, b = cos / shrink, sin / shrink
    back = (a, b, mx - a * mx - b * my, -b, a, my + b * mx - a * my)
    paper = picture.getpixel((0, 0))
    turned = picture.transform(picture.size, Image.Transform.AFFINE, back, Image.Resampling.BICUBIC, fillcolor=paper)

    def followed(box: Box) -> Box:
        x0, y0, x1, y1 = box
        left, top, right, bottom = box_around([moved(corner) for corner in ((x0, y0), (x1, y0), (x1, y1), (x0, y1))])
        return max(0, left), max(0, top), min(width, right), min(height, bottom)

    turned_objects = [
        dataclasses.replace(shown, box=followed(shown.box), label=followed(shown.label)) for shown in objects
    ]
    return turned, turned_objects
