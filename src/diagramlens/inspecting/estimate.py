"""How much memory a recipe wants of a GPU, phase by phase, for a model and a micro-batch.

Counted are weights (4-bit ones with their scales), adapters, gradients, AdamW's two states, and the activations of a rehearsed step
(models.rehearsal) with pictures at the whole budget. Not counted are the optimizer's and clipping's momentary buffers, the visual tokens
of frozen towers, which are kept in the computer's memory, and evaluation, which takes less. What CUDA and its libraries take for themselves
and what is lost between allocations is added as RESERVED and FRAGMENTED when a card is chosen.

How good it is: activations of fp32 steps on a CPU, models of 30 million parameters, 4 samples of 448 x 448 pixels, of Qwen2-VL,
Qwen2.5-VL and SmolVLM each, with LoRA on the language model, LoRA on both, everything in full and the vision tower in full, with gradient
checkpointing and without: the estimate was 0.93 to 1.03 times what the process grew by, in all 24 cases. On a GPU it has not been measured;
there the kernels' workspace and the allocator's rounding come on top.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from diagramlens.models.families import Family, plain_name
from diagramlens.models.rehearsal import Step, activation_bytes
from diagramlens.params import ModelEntry, Phase, Train
from diagramlens.training.phases import in_four_bit, is_adapter, sees_frozen, set_trainable

CARDS = (6, 8, 12, 16, 24, 32, 40, 48, 80, 96, 141)  # GiB of cards that are sold
RESERVED = 2**30  # the CUDA context and cuBLAS's workspace: half a gibibyte to one
FRAGMENTED = 0.05  # of all the rest
IN_8_BITS = 4096  # numbers from which on a tensor's moments are kept in 8 bits by the optimizer that does so
# nf4: weights that share a scale, and scales that share one of their own (QLoRA's double quantisation)
BLOCK, OUTER = 64, 256


@dataclasses.dataclass(frozen=True)
class Memory:
    """Bytes that training a phase takes at its highest. `dequantized` is the one 4-bit matrix that is being multiplied by, in bf16."""

    weights: int
    adapters: int
    gradients: int
    optimizer: int
    activations: int
    dequantized: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(dataclasses.astuple(self))

    @property
    def wanted(self) -> int:
        """What a card must have for it."""
        return int(self.total * (1 + FRAGMENTED)) + RESERVED

    @property
    def card(self) -> int | None:
        """GiB of the smallest card that has it; None where no single one does."""
        return next((size for size in CARDS if size * 2**30 >= self.wanted), None)


@dataclasses.dataclass(frozen=True)
class PhaseEstimate:
    """One phase: what it trains, and its memory as the model's entry says, and with gradient checkpointing the other way."""

    name: str
    four_bit: bool
    trainable: dict[str, int]
    memory: Memory
    checkpointing: bool
    otherwise: Memory | None

    @property
    def trained(self) -> int:
        """Trainable parameters of all components."""
        return sum(self.trainable.values())


@dataclasses.dataclass(frozen=True)
class Batch:
    """What goes through the model at once: samples, pixels a picture, text tokens a sample, and how many of those have a loss."""

    samples: int
    pixels: int
    text: int
    supervised: int


def estimate_phases(
    family: Family,
    model: PreTrainedModel | PeftModel,
    phases: Sequence[Phase],
    entry: ModelEntry,
    batch: Batch,
    rounded: set[str],
    *,
    settings: Train,
    both_ways: bool = True,
) -> list[PhaseEstimate]:
    """The phases' estimates. `model` is on the meta device with the recipe's adapters; `rounded` the modules that 4 bits round.

    `both_ways` also estimates each phase with gradient checkpointing turned round, which doubles the time.
    """
    estimates = []
    bf16 = computes_in_bf16(settings)
    for phase in phases:
        trainable = set_trainable(family, model, phase)
        four_bit = in_four_bit(phase, entry)

        def with_checkpointing(on: bool, phase: Phase = phase, four_bit: bool = four_bit) -> Memory:
            step = Step(batch.samples, batch.pixels, batch.text, batch.supervised, bf16, on, sees_frozen(phase))
            return _memory(model, rounded if four_bit else set(), settings, activation_bytes(family, model, step))

        now = entry.gradient_checkpointing
        other = with_checkpointing(not now) if both_ways else None
        estimates.append(PhaseEstimate(phase.name, four_bit, trainable, with_checkpointing(now), now, other))
    return estimates


def computes_in_bf16(settings: Train) -> bool:
    """Whether training computes in bf16 on a GPU of today."""
    return settings.precision != "fp32"


def batch_of(entry: ModelEntry, settings: Train, *, visual: int, text: int, supervised: int) -> Batch:
    """What goes through at once: micro_batch samples; where samples are packed, as many as a row holds, longer ones to fill it.

    `visual`, `text` and `supervised` are a sample's tokens. A sample that is longer than a row is taken whole.
    """
    if settings.packing == "none":
        return Batch(entry.micro_batch, entry.max_pixels, text, supervised)
    samples = max(1, settings.pack_tokens // (visual + text))
    filled = max(text, settings.pack_tokens // samples - visual)
    return Batch(samples, entry.max_pixels, filled, supervised * filled // text)


def _memory(model: PreTrainedModel | PeftModel, rounded: set[str], settings: Train, activations: int) -> Memory:
    weights = adapters = trained = largest = states = 0
    small = settings.optimizer == "paged-adamw-8bit"
    for name, parameter in model.named_parameters():
        size = parameter.numel() * parameter.element_size()
        module = plain_name(name).removesuffix(".weight").removesuffix(".base_layer")
        if is_adapter(name):
            adapters += size
        elif name.endswith(".weight") and module in rounded:
            weights += nf4_bytes(parameter.numel())
            largest = max(largest, parameter.numel() * torch.bfloat16.itemsize)
        else:
            weights += size
        if parameter.requires_grad:
            trained += parameter.numel()
            states += (
                2 * parameter.numel() * (1 if small and parameter.numel() >= IN_8_BITS else torch.float32.itemsize)
            )
    return Memory(weights, adapters, trained * torch.float32.itemsize, states, activations, largest)


def nf4_bytes(weights: int) -> int:
    """Bytes of that many weights in nf4 with double quantisation: half a byte each, a byte a block, and a number a block of blocks.

    >>> nf4_bytes(64 * 256) / (64 * 256)
    0.515869140625
    """
    blocks = math.ceil(weights / BLOCK)
    return math.ceil(weights / 2) + blocks + 4 * math.ceil(blocks / OUTER)
