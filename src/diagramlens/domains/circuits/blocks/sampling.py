"""Random block diagrams, from plan to picture: level 5.

`sample_blocks` says what will be drawn and `BlockPicture.paint` draws it, as with circuits, so that whoever wants only certain
diagrams can look before paying.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image

from diagramlens.domains.circuits.blocks.drawing import draw_blocks
from diagramlens.domains.circuits.blocks.graph import blocks_group, loops
from diagramlens.domains.circuits.blocks.placing import place_blocks
from diagramlens.domains.circuits.blocks.plan import sample_plan
from diagramlens.domains.circuits.blocks.scene import BlockScene, read_scene
from diagramlens.domains.circuits.blocks.solving import gains_of, transfer_of
from diagramlens.domains.circuits.blocks.text import BlockDiagram, BlocksError, format_blocks, parse_blocks
from diagramlens.domains.circuits.layout import LayoutError
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import REFERENCE_PITCH
from diagramlens.domains.circuits.styles import Style

LEVEL = 5
# As large as a picture may be for a model that sees 256 cells of 28 x 28 pixels, at the reference pitch.
MAX_AREA = 448 * 448
_ATTEMPTS = 500


@dataclass(frozen=True)
class BlockPicture:
    """A placed block diagram: its geometry in pixels and the text read back from it."""

    scene: BlockScene
    truth: str
    pitch: int
    level: int = LEVEL

    @property
    def group(self) -> str:
        """The canonical form of its graph, 16 hex digits."""
        return blocks_group(parse_blocks(self.truth))

    def paint(self, style: Style) -> tuple[Image.Image, list[DrawnObject]]:
        """The picture (RGB, of `scene.size`), and the boxes of what is in it."""
        return draw_blocks(self.scene, style, self.pitch)


def sample_blocks(parts: tuple[int, int], rng: random.Random, pitch: int) -> BlockPicture:
    """A random well-posed diagram of `parts` = (fewest, most) blocks, summing points not counted; `pitch` scales the picture.

    Raises LayoutError where there is none of that size.
    """
    for _ in range(_ATTEMPTS):
        scene = place_blocks(sample_plan(parts, rng), pitch, rng)
        if scene.size[0] * scene.size[1] > MAX_AREA * (pitch / REFERENCE_PITCH) ** 2:
            continue
        diagram = read_scene(scene)
        if is_sound(diagram):
            return BlockPicture(scene, format_blocks(diagram) + "\n", pitch)
    raise LayoutError(
        f"no block diagram of {parts[0]} to {parts[1]} blocks fits its picture; lower domains.circuits.levels.level_5.parts"
    )


def is_sound(diagram: BlockDiagram) -> bool:
    """Whether every loop passes a block, and the diagram is well posed with its values and without."""
    names = {block.name for block in diagram.blocks}
    if any(names.isdisjoint(loop.elements) for loop in loops(diagram)):
        return False
    try:
        for values in {False, any(block.value is not None for block in diagram.blocks)}:
            transfer_of(diagram, diagram.inputs[0], gains_of(diagram, values=values))
    except BlocksError:
        return False
    return True
