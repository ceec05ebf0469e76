"""Draws docs/levels.png: the six levels in the three styles, and below them what can be printed and what can befall a picture.

python docs/draw_levels.py
"""

from __future__ import annotations

import random
from pathlib import Path

from PIL import Image, ImageDraw

from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Look, paint, sample_circuit
from diagramlens.domains.circuits.styles import STYLE_NAMES, font, sample_style
from diagramlens.params import load_params

LEVELS = ("resistive", "R, L, C", "small signal", "transistors", "op-amps", "block diagrams")
LOOKS = ("blur", "jpeg", "noise", "rotation", "contrast", "wobble")
CELL, TITLE, GAP = 300, 30, 12


def picture(level: int, style: str, degradation: str, changes: dict[str, object]) -> Image.Image:
    """A circuit of a level, made smaller where it is larger than the cell."""
    domain = load_params().domains.circuits.model_dump() | {"pitch": 72} | changes
    for name, sizes in domain["levels"].items():
        sizes["weight"] = float(name == f"level_{level}")
    rng = random.Random(f"{level} {style} {degradation} {sorted(changes)}")
    circuit = sample_circuit(CircuitRecipe.of(domain), rng)
    drawn, _ = paint(circuit, Look(sample_style(style, rng), degradation, rng.getrandbits(32)))
    drawn = drawn.convert("RGB")
    drawn.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    return drawn


def main() -> None:
    plain: dict[str, object] = {"shapes": {"grid": 1.0, "ladder": 0.5, "bridge": 0.5, "two_port": 0.3}}
    printed = plain | {"labels": {"names": 0.0, "values": 0.5, "both": 0.5}, "crossings": 0.5}
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
