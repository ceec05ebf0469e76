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

from diagramlens.models.vision_inputs import Layout, VisionInputs
from diagramlens.training.conversation import Pictures

LARGEST = 8 * 2**30
PIXELS_AT_ONCE = 16 * 448**2


class FrozenFeatures:
    """The visual tokens of pictures, by diagram id: one tensor for all, and where each picture's rows lie in it."""

    def __init__(self, tokens: torch.Tensor, rows: dict[str, slice], layouts: dict[str, Layout]) -> None:
        self._tokens = tokens
        self._rows = rows
        self._layouts = layouts

    def layout(self, diagram_id: str) -> Layout:
        """How the picture was cut up."""
        return self._layouts[diagram_id]

    def rows(self, diagram_ids: Sequence[str]) -> torch.Tensor:
        """Tokens of these pictures one after the other (tokens, width)."""
        return torch.cat([self._tokens[self._rows[name]] for name in diagram_ids])


def features_fit(vision: VisionInputs, pictures: Pictures, diagram_ids: Sequence[str], each: int) -> bool:
    """Whether the visual tokens of these pictures, of `each` bytes, stay below LARGEST."""
    tokens = sum(vision.visual_tokens(vision.layout(*pictures.open(name).size)) for name in diagram_ids)
    return tokens * each <= LARGEST


def frozen_features(
    model: nn.Module,
    vision: VisionInputs,
    pictures: Pictures,
    diagram_ids: Sequence[str],
    autocast: AbstractContextManager[None],
) -> FrozenFeatures:
    """Encode each picture once, several at a time in the order of their ids. `autocast` is the trainer's precision."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    device = next(base.parameters()).device
    tokens: list[torch.Tensor] = []
    rows: dict[str, slice] = {}
    layouts = {name: vision.layout(*pictures.open(name).size) for name in sorted(set(diagram_ids))}
    total = 0
    base.eval()
    with torch.inference_mode(False), torch.no_grad(), autocast:
        for group in _groups(vision, layouts):
            batch = vision.tensors([pictures.open(name) for name in group])
            shown = {name: tensor.to(device) for name, tensor in batch.items()}
            seen = base.get_image_features(
                **shown, return_dict=True
            ).pooler_output  # a tensor (tokens, width) a picture
            for name, own in zip(group, seen, strict=True):
                rows[name] = slice(total, total + len(own))
                total += len(own)
                tokens.append(own.cpu())
    return FrozenFeatures(torch.cat(tokens), rows, layouts)


def _groups(vision: VisionInputs, layouts: dict[str, Layout]) -> Iterator[list[str]]:
    group: list[str] = []
    count = 0
    for name, layout in layouts.items():
        own = vision.pixels(layout)
        if group and count + own > PIXELS_AT_ONCE:
            yield group
            group, count = [], 0
        group.append(name)
        count += own
    if group:
        yield group
