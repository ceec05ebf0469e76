"""Draws docs/levels.png: the six levels in the three styles, and below them what can be printed and what can befall a picture.

python docs/draw_levels.py
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import overlap
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Look, paint, sample_circuit
from diagramlens.domains.circuits.styles import STYLE_NAMES, font, sample_style
from diagramlens.params import load_params

LEVELS = ("resistive", "R, L, C", "small signal", "transistors", "op-amps", "block diagrams")
LOOKS = ("blur", "jpeg", "noise", "rotation", "contrast", "wobble")
CELL, TITLE, GAP = 300, 30, 12
APART = 8  # pixels between labels
LEAST = 210, 160  # sides of the smallest picture that is shown


def picture(level: int, style: str, degradation: str, changes: dict[str, object]) -> Image.Image:
    """The first circuit of a level that takes up most of a cell and whose labels stand apart, made smaller where it is larger."""
    domain = load_params().domains.circuits.model_dump() | {"pitch": 84} | changes
    if level == 2:  # a two-port of controlled sources needs a larger grid
        domain["shapes"] = {**domain["shapes"], "two_port": 0.0}
    for name, sizes in domain["levels"].items():
        sizes["weight"] = float(name == f"level_{level}")
    rng = random.Random(f"{level} {style} {degradation} {sorted(changes)}")
    while True:
        circuit = sample_circuit(CircuitRecipe.of(domain), rng)
        drawn, objects = paint(circuit, Look(sample_style(style, rng), degradation, rng.getrandbits(32)))
        drawn = drawn.convert("RGB")
        drawn.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
        if max(drawn.size) >= LEAST[0] and min(drawn.size) >= LEAST[1] and not touching(objects):
            return drawn


def touching(objects: Sequence[DrawnObject]) -> bool:
    """Whether a label lies on another symbol, or so near to another label that both could be taken for one."""
    for shown in objects:
        (x0, y0, x1, y1), rest = shown.label, [other for other in objects if other is not shown]
        around = x0 - APART, y0 - APART, x1 + APART, y1 + APART
        if shown.label != shown.box and any(
            overlap(shown.label, other.box) or (other.label != other.box and overlap(around, other.label))
            for other in rest
        ):
            return True
    return False


def main() -> None:
    plain: dict[str, object] = {"shapes": {"grid": 1.0, "ladder": 0.5, "bridge": 0.5, "two_port": 0.3}}
    printed = plain | {"labels": {"names": 0.0, "values": 0.5, "both": 0.5, "mixed": 0.0}, "crossings": 0.5}
    printed["marks"] = {"voltage": 0.3, "current": 0.3}
    rows = [[picture(level, style, "clean", plain) for level in range(6)] for style in STYLE_NAMES]
    rows.append([picture(1 + index % 2, STYLE_NAMES[index % 3], look, printed) for index, look in enumerate(LOOKS)])
    sheet = Image.new("RGB", (6 * (CELL + GAP) + GAP, 4 * (CELL + GAP) + 2 * TITLE + GAP), "white")
    pen = ImageDraw.Draw(sheet)
    top = GAP
    for number, row in enumerate(rows):
        titles = {0: [f"level {level}: {name}" for level, name in enumerate(LEVELS)], 3: list(LOOKS)}.get(number, [])
        for column, title in enumerate(titles):
            middle = GAP + column * (CELL + GAP) + CELL // 2
            pen.text(
                (middle, top + TITLE // 2), title, font=font("DejaVuSans-Bold.ttf", 17), fill="#1b2230", anchor="mm"
            )
        top += TITLE if titles else 0
        for column, drawn in enumerate(row):
            left = GAP + column * (CELL + GAP)
            sheet.paste(drawn, (left + (CELL - drawn.width) // 2, top + (CELL - drawn.height) // 2))
            pen.rectangle((left, top, left + CELL, top + CELL), outline="#d5dae1")
        top += CELL + GAP
    sheet.quantize(64).save(Path(__file__).with_name("levels.png"), optimize=True)


if __name__ == "__main__":
    main()
