"""How a family shows a picture to its model: to which size it is scaled, what stands for it among the tokens, and which tensors it becomes.

There are two ways. Qwen2-VL and Qwen2.5-VL scale a picture to any area between `min_pixels` and `max_pixels` and cut it into one grid of
patches. Idefics3 and SmolVLM scale its longer edge to a fixed number of tiles, cut it into square tiles, and add the whole picture once
more in the size of a tile; marks between the tiles say in which row and column each lies.

A picture's *layout* is what follows from its width and height alone: (frames, rows, columns) of patches there, (rows, columns) of tiles
here, (0, 0) for a picture of one tile.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from PIL import Image
from transformers import ProcessorMixin
from transformers.image_utils import SizeDict
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from diagramlens.records import DiagramLensError

Layout = tuple[int, ...]


class PictureBudgetError(DiagramLensError):
    """`min_pixels` and `max_pixels` that a family's way of scaling pictures cannot meet."""


class VisionInputs(Protocol):
    """One family's way of showing pictures, with the sizes that its processor was given."""

    def __init__(self, processor: Any) -> None: ...

    @staticmethod
    def set_budget(processor: ProcessorMixin, min_pixels: int, max_pixels: int) -> None:
        """Have the processor scale pictures into that range of areas. Raises PictureBudgetError where it cannot."""
        ...

    def layout(self, width: int, height: int) -> Layout:
        """How a picture of that size in pixels is cut up."""
        ...

    def visual_tokens(self, layout: Layout) -> int:
        """Number of tokens that the vision part makes of such a picture."""
        ...

    def pixels(self, layout: Layout) -> int:
        """Number of pixels that the vision part sees of such a picture."""
        ...

    def placeholder(self, layout: Layout) -> tuple[int, ...]:
        """The token ids that stand for such a picture, those of visual tokens and those of the marks between them."""
        ...

    def tensors(self, images: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
        """What the model wants of these pictures, one picture a sample."""
        ...

    def beside(self, layouts: Sequence[Layout], ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the model wants besides visual tokens: of these pictures, and of token ids (batch, length)."""
        ...


class PatchGrid:
    """Qwen2-VL's and Qwen2.5-VL's way: `pixel_values` (patches, channels * temporal * patch * patch), `image_grid_thw` (pictures, 3)."""

    def __init__(self, processor: Any) -> None:
        self._images = processor.image_processor
        self._token: int = processor.image_token_id

    @staticmethod
    def set_budget(processor: ProcessorMixin, min_pixels: int, max_pixels: int) -> None:
        """See VisionInputs. Every range will do."""
        processor.image_processor.size = SizeDict(shortest_edge=min_pixels, longest_edge=max_pixels)

    def layout(self, width: int, height: int) -> Layout:
        """See VisionInputs."""
        patch = self._images.patch_size
        rows, columns = smart_resize(
            height,
            width,
            patch * self._images.merge_size,
            min_pixels=self._images.size["shortest_edge"],
            max_pixels=self._images.size["longest_edge"],
        )
        return 1, rows // patch, columns // patch

    def visual_tokens(self, layout: Layout) -> int:
        """See VisionInputs."""
        return math.prod(layout) // int(self._images.merge_size) ** 2

    def pixels(self, layout: Layout) -> int:
        """See VisionInputs."""
        return math.prod(layout) * int(self._images.patch_size) ** 2

    def placeholder(self, layout: Layout) -> tuple[int, ...]:
        """See VisionInputs."""
        return (self._token,) * self.visual_tokens(layout)

    def tensors(self, images: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
        """See VisionInputs."""
        return dict(self._images(images=[image.convert("RGB") for image in images], return_tensors="pt"))

    def beside(self, layouts: Sequence[Layout], ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """`image_grid_thw` (pictures, 3) and `mm_token_type_ids` (batch, length)."""
        # Without the token types M-RoPE silently falls back to one-dimensional positions.
        named = {"mm_token_type_ids": (ids == self._token).long()}
        return named | ({"image_grid_thw": torch.tensor(layouts)} if layouts else {})


class Tiles:
    """Idefics3's and SmolVLM's way: `pixel_values` (batch, tiles, 3, edge, edge), `pixel_attention_mask` (batch, tiles, edge, edge)."""

    def __init__(self, processor: Any) -> None:
        self._processor = processor
        self._images = processor.image_processor
        self._known: dict[Layout, tuple[int, ...]] = {}

    @staticmethod
    def set_budget(processor: ProcessorMixin, min_pixels: int, max_pixels: int) -> None:
        """Have the longer edge of every picture, small or large, scaled to the root of `max_pixels`.

        That edge must be a whole number of tiles, and `min_pixels` must be equal, since nothing stays smaller. Raises PictureBudgetError.
        """
        tile = processor.image_processor.max_image_size["longest_edge"]
        edge = math.isqrt(max_pixels)
        if min_pixels != max_pixels or edge * edge != max_pixels or edge % tile:
            choices = ", ".join(str((tile * count) ** 2) for count in (1, 2, 3, 4))
            raise PictureBudgetError(
                f"min_pixels = {min_pixels}, max_pixels = {max_pixels}: the longer edge of every picture is scaled to whole tiles of "
                f"{tile} pixels here, so both must be the square of one, two or more tiles: {choices}, …"
            )
        processor.image_processor.size = SizeDict(longest_edge=edge)

    def layout(self, width: int, height: int) -> Layout:
        """See VisionInputs."""
        _, rows, columns = self._images.get_number_of_image_patches(height, width)
        return rows, columns

    def visual_tokens(self, layout: Layout) -> int:
        """See VisionInputs."""
        return (math.prod(layout) + 1) * int(self._processor.image_seq_len)

    def pixels(self, layout: Layout) -> int:
        """See VisionInputs."""
        return (math.prod(layout) + 1) * int(self._images.max_image_size["longest_edge"]) ** 2

    def placeholder(self, layout: Layout) -> tuple[int, ...]:
        """See VisionInputs. It begins and ends with control tokens, so the text around it is cut into tokens as if it were not there."""
        if layout not in self._known:
            rows, columns = layout
            text = self._processor.replace_image_token({"rows": [[rows]], "cols": [[columns]]}, 0)
            self._known[layout] = tuple(self._processor.tokenizer(text, add_special_tokens=False)["input_ids"])
        return self._known[layout]

    def tensors(self, images: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
        """See VisionInputs."""
        return dict(self._images(images=[[image.convert("RGB")] for image in images], return_tensors="pt"))

    def beside(self, layouts: Sequence[Layout], ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """Nothing: positions are one-dimensional."""
        return {}
