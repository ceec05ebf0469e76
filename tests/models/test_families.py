"""The components table against a real model of each family."""

from __future__ import annotations

import dataclasses
import typing

import pytest
from torch import nn

from diagramlens.models.families import (
    FAMILIES,
    FamilyError,
    check_components,
    component_of,
    family_named,
    is_quantized_component,
    is_tied,
    linear_modules,
    lora_targets,
)
from diagramlens.models.loading import load_model
from diagramlens.params import GGUF_FAMILIES, ModelEntry
from tests.models.tiny import ARCHITECTURES

FAMILY = FAMILIES["qwen2-vl"]
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)


@pytest.fixture(scope="module")
def model(entry):
    return load_model(entry)


@each_architecture
def test_every_parameter_is_in_one_component_and_every_component_has_one(kind, entry_of) -> None:
    entry = entry_of(kind)
    family, model = family_named(entry.family), load_model(entry)
    check_components(family, model)
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert {component_of(family, name) for name in names} == set(family.components)
    assert type(model) is family.architectures[kind].model


def test_the_schema_of_params_knows_the_families_and_what_can_be_made_of_them() -> None:
    assert set(typing.get_args(ModelEntry.model_fields["family"].annotation)) == set(FAMILIES)
    assert set(GGUF_FAMILIES) == {name for name, family in FAMILIES.items() if family.gguf}


def test_a_pattern_that_matches_nothing_is_an_error(model) -> None:
    renamed = dataclasses.replace(FAMILY, components={**FAMILY.components, "detection": r"detector\."})
    with pytest.raises(FamilyError, match="the pattern of detection matches no parameter"):
        check_components(renamed, model)


def test_a_parameter_in_no_component_or_in_two_is_an_error(model) -> None:
    with pytest.raises(FamilyError, match=r"belongs to no component"):
        component_of(FAMILY, "detector.weight")
    overlapping = dataclasses.replace(FAMILY, components={**FAMILY.components, "vision": r"model\.visual\."})
    with pytest.raises(FamilyError, match=r"belongs to vision, merger"):
        check_components(overlapping, model)


def test_component_names_see_through_peft() -> None:
    name = "base_model.model.model.language_model.layers.0.self_attn.q_proj.lora_A.default.weight"
    assert component_of(FAMILY, name) == "language"
    assert component_of(FAMILY, "base_model.model.model.visual.merger.mlp.0.base_layer.weight") == "merger"


LAYERS = {"qwen2_vl": (3 * 4, 2), "qwen2_5_vl": (2 * 5, 2), "smolvlm": (2 * 6, 1), "idefics3": (2 * 6, 1)}


@each_architecture
def test_lora_targets_of_one_component_never_hit_another(kind, entry_of) -> None:
    entry = entry_of(kind)
    family, model = family_named(entry.family), load_model(entry)
    found = {component: linear_modules(family, model, component) for component in family.linear}
    assert len(found["language"]) == 2 * 7
    assert (len(found["vision"]), len(found["merger"])) == LAYERS[kind]
    for component, names in found.items():
        assert {component_of(family, f"{name}.weight") for name in names} == {component}
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert linear - set().union(*found.values()) == {"lm_head"}
    assert lora_targets(family, ["merger", "language"]).count("|(") == 1


@each_architecture
def test_attention_targets_are_the_linear_modules_of_attention_layers(kind, entry_of) -> None:
    entry = entry_of(kind)
    family, model = family_named(entry.family), load_model(entry)
    for component in ("vision", "language"):
        everywhere = linear_modules(family, model, component)
        attention = linear_modules(family, model, component, "attention")
        assert attention == [name for name in everywhere if "attn." in name]
        assert 0 < len(attention) < len(everywhere)
    with pytest.raises(FamilyError, match=r"merger cannot be trained as lora with lora\.targets = attention"):
        linear_modules(family, model, "merger", "attention")


@each_architecture
def test_four_bits_round_the_language_model_and_nothing_else(kind, entry_of) -> None:
    entry = entry_of(kind)
    family, model = family_named(entry.family), load_model(entry, four_bit=True)
    rounded = {name for name, parameter in model.named_parameters() if not parameter.is_floating_point()}
    assert len(rounded) == 2 * 7
    assert {component_of(family, name) for name in rounded} == {"language"}
    assert [part for part in family.components if is_quantized_component(family, part)] == ["language"]


def test_lora_on_the_head_is_refused(model) -> None:
    with pytest.raises(FamilyError, match="head cannot be trained as lora; one of language, merger, vision"):
        linear_modules(FAMILY, model, "head")


def test_a_head_that_shares_the_embedding_is_known(model) -> None:
    assert is_tied(FAMILY, model, "head")
    assert not is_tied(FAMILY, model, "language")


def test_an_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(FamilyError, match=r"family = llava: unknown; one of qwen2-vl, qwen2\.5-vl, smolvlm"):
        family_named("llava")
