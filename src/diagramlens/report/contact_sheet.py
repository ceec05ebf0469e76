"""One picture of many diagrams, for the eye: what did generate draw or import?"""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image

from diagramlens.records import Diagram

_GAP = 8
_BACKGROUND = (222, 226, 230)


def contact_sheet(diagrams: Sequence[Diagram], columns: int = 8, cell: int = 176) -> Image.Image:
    """The diagrams in rows of `columns`, each centred in a square of `cell` pixels and made smaller where it is larger than that."""
    rows = max(1, -(-len(diagrams) // columns))
    step = cell + _GAP
    sheet = Image.new("RGB", (columns * step + _GAP, rows * step + _GAP), _BACKGROUND)
    for index, diagram in enumerate(diagrams):
        picture = Image.open(io.BytesIO(diagram.image)).convert("RGB")
        picture.thumbnail((cell, cell), Image.Resampling.LANCZOS)
        left = _GAP + index % columns * step + (cell - picture.width) // 2
        top = _GAP + index // columns * step + (cell - picture.height) // 2
        sheet.paste(picture, (left, top))
    return sheet
