"""One picture of many diagrams, for the eye: what did generate draw or import?"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from diagramlens.records import Diagram

_GAP = 8
_BACKGROUND = (222, 226, 230)
_LARGEST = 240  # pixels; a circuit on 4 x 4 junctions at the usual pitch is 224 wide


def contact_sheet(diagrams: Sequence[Diagram], columns: int = 8) -> Image.Image:
    """The diagrams in rows of `columns`, each centred in a square as large as the largest, and made smaller beyond 240 pixels."""
    pictures = [Image.open(io.BytesIO(diagram.image)) for diagram in diagrams]
    cell = min(_LARGEST, max((max(picture.size) for picture in pictures), default=_LARGEST))
    rows = max(1, -(-len(diagrams) // columns))
    step = cell + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, rows * step + _GAP), _BACKGROUND)
    for index, opened in enumerate(pictures):
        picture = opened.convert("RGB")
        picture.thumbnail((cell, cell), Image.Resampling.LANCZOS)
        left = _GAP + index % columns * step + (cell - picture.width) // 2
        top = _GAP + index // columns * step + (cell - picture.height) // 2
        sheet.paste(picture, (left, top))
    return sheet
