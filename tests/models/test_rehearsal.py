"""The rehearsed step against real steps of tiny models, storage by storage."""

from __future__ import annotations

import contextlib
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from diagramlens.models.anatomy import model_on_meta, read_config
from diagramlens.models.families import family_named
from diagramlens.models.loading import load_model
from diagramlens.models.rehearsal import LiveBytes, Step, activation_bytes, grid_side, tiles_of, visual_token_count
from diagramlens.params import Lora
from diagramlens.training.phases import attach_lora, sees_frozen, set_trainable, tower_without_graph
from tests.models.tiny import ARCHITECTURES, TILE
from tests.training.conftest import phase_of

BATCH, TEXT, SUPERVISED = 2, 192, 32
LORA = Lora(r=4, alpha=8.0, dropout=0.0, targets="all", use_rslora=False, use_dora=False, b_rate_ratio=1.0)
PHASES = {
    "language by lora": phase_of(language=("lora", 1e-3)),
    "vision in full": phase_of(vision=("full", 1e-3)),
    "both by lora": phase_of(vision=("lora", 1e-3), language=("lora", 1e-3)),
}
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)


def test_live_bytes_count_what_is_there_and_forget_what_is_gone() -> None:
    weight = torch.empty(10, 10, device="meta")
    with LiveBytes([weight]) as counted, torch.no_grad():
        once = weight * 2
        twice = once.t() * 2  # a view takes nothing
        assert counted.live == 2 * 400
        del once
        assert counted.live == 400
        weight.add_(twice)  # what was there before is not counted
    assert (counted.live, counted.peak) == (400, 800)


def real_inputs(kind: str, config, pixels: int) -> dict[str, torch.Tensor]:
    """A batch as the processor would give it for square pictures of that area."""
    tokens = visual_token_count(family_named(ARCHITECTURES[kind]), config, pixels)
    ids = torch.ones(BATCH, tokens + TEXT, dtype=torch.long)
    if ARCHITECTURES[kind] == "smolvlm":
        ids[:, :tokens] = config.image_token_id
        return {"input_ids": ids, "pixel_values": torch.randn(BATCH, tiles_of(pixels, TILE), 3, TILE, TILE)}
    ids[:, 0] = config.vision_start_token_id
    ids[:, 1 : tokens + 1] = config.image_token_id
    side = grid_side(pixels, 14, 2)
    return {
        "input_ids": ids,
        "mm_token_type_ids": (ids == config.image_token_id).long(),
        "pixel_values": torch.randn(BATCH * side**2, 3 * 2 * 14 * 14),
        "image_grid_thw": torch.tensor([[1, side, side]] * BATCH),
    }


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("plan", PHASES)
@each_architecture
def test_a_rehearsed_step_takes_what_a_real_one_takes(kind, plan, checkpointing, entry_of) -> None:
    entry, phase = entry_of(kind), PHASES[plan]
    pixels = entry.max_pixels if entry.family == "smolvlm" else 112**2
    family = family_named(entry.family)
    config = read_config(entry, family)
    with torch.device("meta"):
        shadow = attach_lora(family, model_on_meta(family, config, torch.float32), [phase], LORA, entry, seed=0)
    set_trainable(family, shadow, phase)
    step = Step(
        BATCH, pixels, TEXT, SUPERVISED, bf16=False, checkpointing=checkpointing, tower_frozen=sees_frozen(phase)
    )
    rehearsed = activation_bytes(family, shadow, step)

    model = attach_lora(family, load_model(entry), [phase], LORA, entry, seed=0)
    set_trainable(family, model, phase)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    model.train()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
    with (
        tower_without_graph(family, model) if sees_frozen(phase) else contextlib.nullcontext(),
        LiveBytes([*model.parameters(), *model.buffers(), *gradients]) as counted,
    ):
        inputs = real_inputs(kind, config, pixels)
        logits = model(**inputs, logits_to_keep=SUPERVISED, use_cache=False).logits
        targets = torch.zeros(BATCH * SUPERVISED, dtype=torch.long)
        torch.autograd.backward(functional.cross_entropy(logits.float().flatten(0, 1), targets))
    # Token ids and masks weigh something at this size.
    assert rehearsed == pytest.approx(counted.peak, rel=0.15)


@each_architecture
def test_a_rehearsal_leaves_the_model_as_it_was(kind, entry_of) -> None:
    entry = entry_of(kind)
    family = family_named(entry.family)
    shadow = model_on_meta(family, read_config(entry, family))
    set_trainable(family, shadow, PHASES["vision in full"])
    step = Step(1, entry.max_pixels, TEXT, SUPERVISED, bf16=True, checkpointing=False, tower_frozen=False)
    first = activation_bytes(family, shadow, step)
    assert all(parameter.grad is None for parameter in shadow.parameters())
    assert all("forward" not in module.__dict__ for module in shadow.modules() if type(module) is nn.Linear)
    assert activation_bytes(family, shadow, step) == first


def test_activations_grow_with_the_batch_and_the_picture(entry_of) -> None:
    entry = entry_of("qwen2_vl")
    family = family_named(entry.family)
    shadow = model_on_meta(family, read_config(entry, family))
    set_trainable(family, shadow, PHASES["vision in full"])

    def taken(batch: int, pixels: int) -> int:
        step = Step(batch, pixels, TEXT, SUPERVISED, bf16=True, checkpointing=False, tower_frozen=False)
        return activation_bytes(family, shadow, step)

    assert taken(8, 50176) == pytest.approx(8 * taken(1, 50176), rel=0.05)
    assert taken(1, 4 * 50176) > 2 * taken(1, 50176)


def test_visual_tokens_are_counted_as_the_processor_makes_them(entry_of) -> None:
    from diagramlens.models.loading import load_processor

    for kind in ARCHITECTURES:
        entry = entry_of(kind)
        family = family_named(entry.family)
        vision = family.pictures(load_processor(entry))
        side = math.isqrt(entry.max_pixels)
        expected = vision.visual_tokens(vision.layout(side, side))
        assert visual_token_count(family, read_config(entry, family), entry.max_pixels) == expected
