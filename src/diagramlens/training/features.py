"""Visual tokens of a frozen vision tower, computed once for the whole phase.

Where nothing between the pixels and the visual tokens is trained, every epoch and every question about a picture would compute the
same tokens again: with four questions a picture and three epochs, twelve times. They are computed once instead and kept in memory.
For the embedded model that is 50 MB per 1,000 pictures of 256 tokens (bf16 100 KB a picture), for Qwen2-VL-7B 1.8 GB; beyond
`LARGEST` bytes nothing is kept, and pictures are encoded as they come.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers import ProcessorMixin

from diagramlens.training.conversation import Pictures, patches, visual_length

LARGEST = 8 * 2**30
PATCHES_AT_ONCE = 16384  # sixteen pictures of 448 x 448 pixels


class FrozenFeatures:
    """The visual tokens of pictures, by diagram id: one tensor for all, and where each picture's rows lie in it."""

    def __init__(
        self, tokens: torch.Tensor, starts: dict[str, int], grids: dict[str, torch.Tensor], merged: int
    ) -> None:
        self._tokens = tokens
        self._starts = starts
        self._grids = grids
        self._merged = merged

    def rows(self, diagram_ids: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens of these pictures one after the other (tokens, width), and their grids (pictures, 3)."""
        grids = torch.stack([self._grids[name] for name in diagram_ids])
        lengths = (grids.prod(-1) // self._merged).tolist()
        starts = [self._starts[name] for name in diagram_ids]
        return torch.cat(
            [self._tokens[start : start + length] for start, length in zip(starts, lengths, strict=True)]
        ), grids


def features_fit(processor: ProcessorMixin, pictures: Pictures, diagram_ids: Sequence[str], width: int) -> bool:
    """Whether the visual tokens of these pictures, `width` channels of at most 4 bytes, stay below LARGEST."""
    tokens = sum(visual_length(processor.image_processor, pictures.open(name)) for name in diagram_ids)
    return tokens * width * 4 <= LARGEST


def frozen_features(
    model: nn.Module,
    processor: ProcessorMixin,
    pictures: Pictures,
    diagram_ids: Sequence[str],
    autocast: AbstractContextManager[None],
) -> FrozenFeatures:
    """Encode each picture once, several at a time in the order of their ids. `autocast` is the trainer's precision."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    device = next(base.parameters()).device
    names = sorted(set(diagram_ids))
    merged = processor.image_processor.merge_size**2
    tokens: list[torch.Tensor] = []
    starts: dict[str, int] = {}
    grids: dict[str, torch.Tensor] = {}
    total = 0
    base.eval()
    with torch.inference_mode(False), torch.no_grad(), autocast:
        for group in _groups(processor, pictures, names):
            batch = patches(processor.image_processor, [pictures.open(name) for name in group])
            grid = batch["image_grid_thw"]
            seen = base.get_image_features(
                batch["pixel_values"].to(device), grid.to(device), return_dict=True
            ).pooler_output
            for name, rows, its_grid in zip(group, seen, grid, strict=True):
                starts[name], grids[name] = total, its_grid
                total += len(rows)
                tokens.append(rows.cpu())
    return FrozenFeatures(torch.cat(tokens), starts, grids, merged)


def _groups(processor: ProcessorMixin, pictures: Pictures, names: Sequence[str]) -> Iterator[list[str]]:
    group: list[str] = []
    count = 0
    for name in names:
        own = visual_length(processor.image_processor, pictures.open(name)) * processor.image_processor.merge_size**2
        if group and count + own > PATCHES_AT_ONCE:
            yield group
            group, count = [], 0
        group.append(name)
        count += own
    if group:
        yield group
