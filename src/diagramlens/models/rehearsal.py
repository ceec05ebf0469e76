"""A training step rehearsed on the meta device, to learn how much memory its activations take.

The model's own code runs forward and backward over tensors that have shapes and no content, and every storage that comes and goes is
counted: what autograd keeps, what gradient checkpointing drops and makes again, and what lies around for a moment, in the numbers of bytes
that a GPU would hold. That follows the recipe, the family and the library's version by itself, where a formula would have to be told.

Two things stand in for what the meta device lacks. Attention keeps what FlashAttention and the memory-efficient kernels keep (queries,
keys, values, output, and one number a query and head), keys and values repeated for grouped heads as transformers does before SDPA. Mixed
precision casts the inputs and weights of linear modules and convolutions to bf16, and layer norms to fp32, as torch.autocast does.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import types
import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from torch.nn import functional
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel

from diagramlens.models.families import Family
from diagramlens.models.vision_inputs import Tiles

_ATTENTION = "rehearsed"


@dataclasses.dataclass(frozen=True)
class Step:
    """One micro-batch: `batch` samples, each with a picture of `pixels` and `text` tokens, the last `supervised` of them with a loss.

    `bf16` is mixed precision; `checkpointing` gradient checkpointing; `tower_frozen` that nothing up to the visual tokens is trained.
    """

    batch: int
    pixels: int
    text: int
    supervised: int
    bf16: bool
    checkpointing: bool
    tower_frozen: bool


class LiveBytes(TorchDispatchMode):
    """Counts, inside its block, the bytes of tensors made there: `live` now, `peak` at most. `before` are there already."""

    def __init__(self, before: Iterable[torch.Tensor]) -> None:
        super().__init__()
        self.live = 0
        self.peak = 0
        self._known: dict[int, Any] = {storage._cdata: storage for storage in (t.untyped_storage() for t in before)}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        arguments = (args, kwargs or {})
        places = {leaf.is_meta for leaf in tree_leaves(arguments) if isinstance(leaf, torch.Tensor)}
        if len(places) > 1:
            # Sizes of pictures and positions are real, and small; they meet the weights here.
            arguments = tree_map_only(torch.Tensor, lambda tensor: tensor.to("meta"), arguments)
        result = func(*arguments[0], **arguments[1])
        tree_map_only(torch.Tensor, self._count, result)
        return result

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key not in self._known:
            self.live += size
            self.peak = max(self.peak, self.live)
            self._known[key] = weakref.ref(storage, lambda _: self._forget(key, size))

    def _forget(self, key: int, size: int) -> None:
        self.live -= size
        del self._known[key]


def activation_bytes(family: Family, model: PreTrainedModel | PeftModel, step: Step) -> int:
    """Most bytes that a step holds beside weights, gradients and optimizer states.

    `model` is on the meta device, its gradients switched on as the phase wants them. It is left with an attention of this module.
    """
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    base.set_attn_implementation(_ATTENTION)
    if step.checkpointing:
        base.gradient_checkpointing_enable({"use_reentrant": False})
    else:
        base.gradient_checkpointing_disable()
    base.train()
    trained = [parameter for parameter in base.parameters() if parameter.requires_grad]
    for parameter in trained:
        # There from the second micro-batch on, so that backward adds to them.
        parameter.grad = torch.zeros_like(parameter)
    try:
        with _mixed_precision(base, step.bf16) as copies:
            before = [*base.parameters(), *base.buffers(), *(parameter.grad for parameter in trained)]
            with LiveBytes(before) as bytes_:
                pixels = _pixels(family, base, step)  # a batch stays to the end of its step
                loss = _loss(family, base, step, pixels)
                copies.close()
                torch.autograd.backward(loss)
                del pixels
    finally:
        for parameter in trained:
            parameter.grad = None
    return bytes_.peak


def _loss(family: Family, base: Any, step: Step, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad() if step.tower_frozen else contextlib.nullcontext():
        visual = _visual_tokens(
            family, base, step, pixels.bfloat16() if step.bf16 else pixels
        )  # (batch, tokens, width)
    words = base.get_input_embeddings()(torch.zeros(step.batch, step.text, dtype=torch.long, device="meta"))
    embedded = torch.cat([visual.to(words.dtype), words], dim=1)
    # With a mask, transformers does not look into positions for packed samples, of which the meta device knows nothing.
    mask = torch.ones(embedded.shape[:2], dtype=torch.bool, device="meta")
    hidden = base.get_decoder()(inputs_embeds=embedded, attention_mask=mask, use_cache=False).last_hidden_state
    logits = base.get_output_embeddings()(hidden[:, -step.supervised :]).float()
    targets = torch.zeros(step.batch * step.supervised, dtype=torch.long, device="meta")
    return functional.cross_entropy(logits.flatten(0, 1), targets, reduction="sum")


def _pixels(family: Family, base: Any, step: Step) -> torch.Tensor:
    """Pixels as processors give them, in fp32: of tiles (tiles, 3, edge, edge), or of patches (patches, channels * area)."""
    vision = base.config.vision_config
    if family.pictures is Tiles:
        tiles = tiles_of(step.pixels, vision.image_size) * step.batch
        return torch.empty(tiles, 3, vision.image_size, vision.image_size, device="meta")
    side = grid_side(step.pixels, vision.patch_size, vision.spatial_merge_size)
    return torch.empty(step.batch * side**2, 3 * vision.temporal_patch_size * vision.patch_size**2, device="meta")


def _visual_tokens(family: Family, base: Any, step: Step, pixels: torch.Tensor) -> torch.Tensor:
    vision, tower = base.config.vision_config, base.get_submodule(family.vision_tower)
    if family.pictures is Tiles:
        side = vision.image_size // vision.patch_size
        patches = torch.ones(len(pixels), side, side, dtype=torch.bool)
        seen = base.model.connector(tower(pixel_values=pixels, patch_attention_mask=patches).last_hidden_state)
    else:
        side = grid_side(step.pixels, vision.patch_size, vision.spatial_merge_size)
        seen = tower(pixels, torch.tensor([[1, side, side]] * step.batch)).pooler_output
    return seen.reshape(step.batch, -1, seen.shape[-1])


def grid_side(pixels: int, patch: int, merge: int) -> int:
    """Patches a side of the largest square picture within `pixels`, a multiple of `merge`.

    >>> grid_side(1003520, 14, 2)
    70
    """
    return max(1, math.isqrt(pixels) // (patch * merge)) * merge


def tiles_of(pixels: int, edge: int) -> int:
    """Tiles of `edge` pixels a side that a square picture of that area becomes, the whole picture once more among them.

    >>> tiles_of(1048576, 512), tiles_of(262144, 512)
    (5, 1)
    """
    side = max(1, math.isqrt(pixels) // edge)
    return side**2 + 1 if side > 1 else 1


def visual_token_count(family: Family, config: Any, pixels: int) -> int:
    """Visual tokens of the largest square picture within `pixels`."""
    vision = config.vision_config
    if family.pictures is Tiles:
        each = (vision.image_size // vision.patch_size // config.scale_factor) ** 2
        return tiles_of(pixels, vision.image_size) * int(each)
    return (grid_side(pixels, vision.patch_size, vision.spatial_merge_size) // int(vision.spatial_merge_size)) ** 2


# ------------------------------------------------------------------------------------------------------- what the meta device lacks


class _Attended(torch.autograd.Function):
    """Keeps for backward what a fused attention kernel keeps; (batch, heads, length, width) each."""

    @staticmethod
    def forward(ctx: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        out = torch.empty_like(query)
        ctx.save_for_backward(query, key, value, out, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, ...]:
        query, key, value, _, _ = ctx.saved_tensors
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value)


def _attention(module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, *_: Any, **__: Any) -> Any:
    groups = getattr(module, "num_key_value_groups", 1)
    if groups > 1:
        key, value = key.repeat_interleave(groups, dim=1), value.repeat_interleave(groups, dim=1)
    return _Attended.apply(query, key, value).transpose(1, 2).contiguous(), None


def _no_mask(*_: Any, **__: Any) -> None:
    return None


AttentionInterface.register(_ATTENTION, _attention)
AttentionMaskInterface.register(_ATTENTION, _no_mask)


class _Copies:
    """The bf16 copies of trained weights that autocast keeps to the end of the forward pass."""

    def __init__(self) -> None:
        self._held: list[torch.Tensor] | None = []

    def of(self, tensor: torch.Tensor | None) -> torch.Tensor | None:
        if tensor is None or tensor.dtype == torch.bfloat16:
            return tensor
        copy = tensor.to(torch.bfloat16)
        if self._held is not None and tensor.is_leaf and tensor.requires_grad:
            self._held.append(copy)
        return copy

    def close(self) -> None:
        """The forward pass is over; what is recomputed in the backward pass keeps nothing."""
        self._held = None


@contextlib.contextmanager
def _mixed_precision(model: nn.Module, bf16: bool) -> Iterator[_Copies]:
    copies = _Copies()

    def linear(self: Any, inputs: torch.Tensor) -> torch.Tensor:
        return functional.linear(copies.of(inputs), copies.of(self.weight), copies.of(self.bias))  # type: ignore[arg-type]

    def convolution(self: Any, inputs: torch.Tensor) -> Any:
        return self._conv_forward(copies.of(inputs), copies.of(self.weight), copies.of(self.bias))

    def norm(self: Any, inputs: torch.Tensor) -> torch.Tensor:
        weight, bias = (None if tensor is None else tensor.float() for tensor in (self.weight, self.bias))
        return functional.layer_norm(inputs.float(), self.normalized_shape, weight, bias, self.eps)

    replaced = {nn.Linear: linear, nn.Conv2d: convolution, nn.Conv3d: convolution, nn.LayerNorm: norm}
    found = [module for module in model.modules() if type(module) in replaced] if bf16 else []
    for module in found:
        setattr(module, "forward", types.MethodType(replaced[type(module)], module))  # noqa: B010 - torch types it otherwise
    try:
        yield copies
    finally:
        for module in found:
            del module.__dict__["forward"]
