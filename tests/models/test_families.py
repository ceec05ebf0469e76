"""The components table against a real model of each family."""

from __future__ import annotations

import dataclasses

import pytest
from torch import nn

from diagramlens.models.families import (
    FAMILIES,
    FamilyError,
    check_components,
    component_of,
    family_named,
    is_tied,
    linear_modules,
    lora_targets,
)
from diagramlens.models.loading import load_model

FAMILY = FAMILIES["qwen2-vl"]


@pytest.fixture(scope="module")
def model(entry):
    return load_model(entry)


def test_every_parameter_is_in_one_component_and_every_component_has_one(model) -> None:
    check_components(FAMILY, model)
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    assert {component_of(FAMILY, name) for name in names} == set(FAMILY.components)


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


def test_lora_targets_of_one_component_never_hit_another(model) -> None:
    found = {component: linear_modules(FAMILY, model, component) for component in FAMILY.linear}
    assert len(found["language"]) == 2 * 7
    assert len(found["vision"]) == 3 * 4
    assert len(found["merger"]) == 2
    for component, names in found.items():
        assert {component_of(FAMILY, f"{name}.weight") for name in names} == {component}
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear)}
    assert linear - set().union(*found.values()) == {"lm_head"}
    assert lora_targets(FAMILY, ["merger", "language"]).count("|(") == 1


def test_lora_on_the_head_is_refused(model) -> None:
    with pytest.raises(FamilyError, match="head cannot be trained as lora; one of language, merger, vision"):
        linear_modules(FAMILY, model, "head")


def test_a_head_that_shares_the_embedding_is_known(model) -> None:
    assert is_tied(FAMILY, model, "head")
    assert not is_tied(FAMILY, model, "language")


def test_an_unknown_family_lists_the_known_ones() -> None:
    with pytest.raises(FamilyError, match="family = llava: unknown; one of qwen2-vl"):
        family_named("llava")
