"""What a phase trains, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from diagramlens.export.merge import merge_adapter, merged_entry
from diagramlens.models.families import FAMILIES, component_of
from diagramlens.models.loading import load_model, load_processor
from diagramlens.models.vision_inputs import PatchGrid
from diagramlens.training.conversation import Collator, Encoder, conversation_dataset
from diagramlens.training.division import division
from diagramlens.training.phases import (
    RecipeError,
    attach_lora,
    check_bases,
    check_phases,
    check_pictures,
    is_adapter,
    parameter_groups,
    rate_factor,
    set_trainable,
    tower_without_graph,
)

FAMILY = FAMILIES["qwen2-vl"]


@pytest.fixture
def batch(entry, pictures, questions) -> dict[str, torch.Tensor]:
    processor = load_processor(entry)
    collator = Collator(PatchGrid(processor), Encoder(processor, FAMILY.end_of_turn), pictures)
    return collator(list(conversation_dataset(questions[:3])))


def test_gradients_flow_to_the_language_models_lora_and_nowhere_else(entry, lora, phase, batch) -> None:
    plan = phase(language=("lora", 1e-3))
    model = attach_lora(FAMILY, load_model(entry), [plan], lora, entry, seed=0)
    counts = set_trainable(FAMILY, model, plan)
    torch.nn.init.normal_(model.get_parameter(next(n for n, _ in model.named_parameters() if "lora_B" in n)))
    model.train()(**batch).loss.backward()
    with_gradient = {name for name, parameter in model.named_parameters() if parameter.grad is not None}
    adapters = {name for name, _ in model.named_parameters() if is_adapter(name)}
    assert with_gradient == adapters
    assert {component_of(FAMILY, name) for name in adapters} == {"language"}
    assert len(adapters) == 2 * 2 * 7  # matrices, layers, linear modules
    own = sum(model.get_parameter(name).numel() for name in adapters)
    assert counts == {"vision": 0, "merger": 0, "language": own, "head": 0}


def test_a_fresh_adapter_changes_nothing(entry, lora, phase, batch) -> None:
    bare = load_model(entry)(**batch).logits
    wrapped = attach_lora(FAMILY, load_model(entry), [phase(language=("lora", 1e-3))], lora, entry, seed=0).eval()
    assert torch.equal(wrapped(**batch).logits, bare)


def test_every_trainable_parameter_has_its_components_rate(entry, lora, phase) -> None:
    plan = phase(vision=("full", 1e-6), merger=("full", 1e-5), language=("lora", 1e-4))
    model = attach_lora(FAMILY, load_model(entry), [plan], lora, entry, seed=0)
    set_trainable(FAMILY, model, plan)
    groups = parameter_groups(FAMILY, model, plan, rate_scale=10.0, weight_decay=0.1, b_rate_ratio=1.0)
    rates = {id(p): (group.rate, group.weight_decay) for group in groups for p in group.parameters}
    expected = {"vision": 1e-5, "merger": 1e-4, "language": 1e-3}
    seen = set()
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            rate, decay = rates.pop(id(parameter))
            seen.add(component_of(FAMILY, name))
            assert rate == pytest.approx(expected[component_of(FAMILY, name)])
            assert decay == (0.1 if parameter.ndim >= 2 else 0.0), name
    assert not rates
    assert seen == set(expected)


def test_the_second_matrix_of_an_adapter_learns_faster_by_the_ratio_of_lora_plus(entry, lora, phase) -> None:
    plan = phase(merger=("full", 1e-5), language=("lora", 1e-4))
    model = attach_lora(FAMILY, load_model(entry), [plan], lora, entry, seed=0)
    set_trainable(FAMILY, model, plan)
    groups = parameter_groups(FAMILY, model, plan, rate_scale=2.0, weight_decay=0.0, b_rate_ratio=16.0)
    rates = {id(p): group.rate for group in groups for p in group.parameters}
    expected = {"lora_A": 2e-4, "lora_B": 32e-4, "merger": 2e-5}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            part = next(part for part in expected if part in name)
            assert rates[id(parameter)] == pytest.approx(expected[part]), name


@pytest.mark.parametrize(("rule", "factor"), [("none", 1.0), ("sqrt", 2.0), ("linear", 4.0)])
def test_rates_follow_the_batch_as_the_rule_says(settings, rule, factor) -> None:
    changed = {"rate_scaling": rule, "batch": 64, "reference_batch": 16}
    assert rate_factor(settings.model_copy(update=changed)) == factor


def test_dora_learns_lengths_and_merges_to_the_same_logits(train, entry, lora, phase, settings, tmp_path) -> None:
    dora = lora.model_copy(update={"use_dora": True, "targets": "attention"})
    adapter = train(phase(language=("lora", 1e-3)), lora=dora).adapter
    saved = load_file(adapter / "adapter_model.safetensors")
    assert sum("lora_magnitude_vector" in name for name in saved) == 2 * 4
    assert all("self_attn" in name for name in saved)
    merge_adapter(entry, adapter, tmp_path)
    base, merged = load_model(entry).state_dict(), load_model(merged_entry(entry, tmp_path)).state_dict()
    changed = {name for name in base if not torch.equal(base[name], merged[name])}
    assert len(changed) == 2 * 4
    assert all("self_attn" in name for name in changed)


def test_dora_over_a_component_that_another_phase_trains_in_full_is_refused(entry, lora, phase) -> None:
    plans = [phase(name="one", merger=("full", 1e-4)), phase(name="two", merger=("lora", 1e-4))]
    dora = lora.model_copy(update={"use_dora": True})
    check_phases(FAMILY, load_model(entry), plans, lora)
    with pytest.raises(RecipeError, match=r"lora\.use_dora = true: merger is full in one phase and lora in another"):
        check_phases(FAMILY, load_model(entry), plans, dora)


def test_a_four_bit_phase_after_one_that_trained_the_language_model_in_full_is_refused(entry, phase) -> None:
    quantised = entry.model_copy(update={"four_bit": True})
    first, second = phase(name="one", language=("full", 1e-4)), phase(name="two", four_bit=True, vision=("lora", 1e-4))
    with pytest.raises(RecipeError, match="phase two: four_bit: true would round language, which phase one trains in"):
        check_bases(FAMILY, [first, second], quantised)
    check_bases(FAMILY, [first, second], entry)  # this model's entry allows no 4 bits, so there are none
    check_bases(FAMILY, [phase(name="one", vision=("full", 1e-4)), second], quantised)


def test_a_phase_in_4_bits_without_any_adapter_is_refused(entry, phase) -> None:
    quantised = entry.model_copy(update={"four_bit": True})
    alone = phase(name="one", four_bit=True, merger=("full", 1e-4))
    with pytest.raises(RecipeError, match="phase one: four_bit: true, and no phase trains a component as lora"):
        check_bases(FAMILY, [alone], quantised)
    check_bases(FAMILY, [alone], entry)
    check_bases(FAMILY, [alone, phase(name="two", language=("lora", 1e-4))], quantised)


def test_a_phase_that_only_learns_to_see_wants_pictures(phase) -> None:
    seeing, both = (
        phase(name="see", vision=("full", 1e-4)),
        phase(name="all", merger=("full", 1e-4), language=("lora", 1e-4)),
    )
    with pytest.raises(
        RecipeError, match=r"phase see: trains vision alone, and no sample of .*train\.parquet has a picture"
    ):
        check_pictures([both, seeing], shown=False)
    check_pictures([both, seeing], shown=True)
    check_pictures([both], shown=False)


def test_a_tied_head_cannot_be_trained_alone(entry, phase, lora) -> None:
    with pytest.raises(RecipeError, match="head is one weight with language"):
        check_phases(FAMILY, load_model(entry), [phase(head=("full", 1e-4))], lora)


def test_a_quantised_component_cannot_be_trained_in_full(entry, phase) -> None:
    four_bit = load_model(entry, four_bit=True)
    plan = phase(language=("full", 1e-4))
    with pytest.raises(RecipeError, match="language cannot be trained in full over a 4-bit base"):
        set_trainable(FAMILY, four_bit, plan)


def test_a_frozen_tower_records_no_graph(entry, batch) -> None:
    model = load_model(entry)
    pixels, grid = batch["pixel_values"].requires_grad_(), batch["image_grid_thw"]
    assert model.get_image_features(pixels, grid).pooler_output[0].requires_grad
    with tower_without_graph(FAMILY, model):
        assert not model.get_image_features(pixels, grid).pooler_output[0].requires_grad
    assert model.get_image_features(pixels, grid).pooler_output[0].requires_grad


def test_a_batch_that_does_not_divide_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"train\.batch = 32: not a multiple of .*micro_batch = 5"):
        division(32, 5)


def test_an_adapter_has_its_dropout_in_the_phases_that_train_it_and_in_no_other(entry, lora, phase, batch) -> None:
    seeing, reading = phase(name="see", vision=("lora", 1e-3)), phase(name="read", language=("lora", 1e-3))
    noisy = lora.model_copy(update={"dropout": 0.5})
    model = attach_lora(FAMILY, load_model(entry), [seeing, reading], noisy, entry, seed=0)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B." in name:
                parameter.normal_(std=0.1, generator=generator)

    def noise() -> dict[str, bool]:
        """Of which components a second pass in training says something else than the first."""
        seen, told = [], []
        for _ in range(2):
            features = model.get_base_model().get_image_features(batch["pixel_values"], batch["image_grid_thw"])
            seen.append(torch.cat(features.pooler_output))
            model.get_base_model().model.visual.eval()
            told.append(model(**batch).logits)
            model.train()
        return {"vision": not torch.equal(*seen), "language": not torch.equal(*told)}

    model.train()
    for plan, trained in ((seeing, "vision"), (reading, "language"), (seeing, "vision")):
        set_trainable(FAMILY, model, plan)
        assert noise() == {"vision": trained == "vision", "language": trained == "language"}


def test_frozen_weights_stay_as_they_were(train, entry, phase, tiny_model_dir: Path) -> None:
    before = load_file(tiny_model_dir / "model.safetensors")
    result = train(phase(merger=("full", 1e-3), language=("lora", 1e-3)))
    assert result.moved == []
    adapter = result.adapter
    full = load_file(adapter / "full.safetensors")
    assert {component_of(FAMILY, name) for name in full} == {"merger"}
    after = load_model(entry, adapter=adapter).unload().state_dict()
    bare = load_model(entry).state_dict()
    assert len(before) == len(bare) - 1  # the tied head is not stored
    for name, tensor in after.items():
        changed = not torch.equal(tensor, bare[name])
        assert changed == (component_of(FAMILY, name) == "merger"), name
