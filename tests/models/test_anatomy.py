"""A model's parts from its configuration alone, against real models of every architecture and published figures."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from diagramlens.models.anatomy import (
    component_sizes,
    linear_kinds,
    model_on_meta,
    pattern_of,
    quantized_modules,
    read_config,
)
from diagramlens.models.families import FAMILIES, component_of, family_named
from diagramlens.models.loading import LoadingError, load_model
from tests.models.tiny import ARCHITECTURES

PUBLISHED = Path(__file__).parent / "configs" / "qwen2-vl-7b-instruct.json"
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)


@pytest.fixture(scope="module")
def published(entry):
    family = FAMILIES["qwen2-vl"]
    return model_on_meta(family, read_config(entry, family, PUBLISHED))


def test_the_published_7b_has_the_published_number_of_parameters(published) -> None:
    sizes = component_sizes(FAMILIES["qwen2-vl"], published)
    assert sum(sizes.values()) == 8_291_375_616
    assert sizes["head"] == 152064 * 3584
    assert {parameter.device.type for parameter in published.parameters()} == {"meta"}


def test_each_name_of_the_published_7b_is_where_it_really_is(published) -> None:
    kinds = linear_kinds(FAMILIES["qwen2-vl"], published)
    where = {(kind.leaf, kind.component): len(kind.names) for kind in kinds}
    assert where[("qkv", "vision")] == where[("proj", "vision")] == where[("fc1", "vision")] == 32
    assert where[("q_proj", "language")] == where[("down_proj", "language")] == 28
    assert ("q_proj", "vision") not in where
    shapes = {kind.pattern: kind.shape for kind in kinds}
    assert shapes["model.visual.blocks.*.attn.qkv"] == (3 * 1280, 1280)
    assert shapes["model.language_model.layers.*.self_attn.k_proj"] == (512, 3584)


@each_architecture
def test_a_model_without_weights_has_the_parts_of_the_real_one(kind, entry_of) -> None:
    entry = entry_of(kind)
    family = family_named(entry.family)
    shadow, real = model_on_meta(family, read_config(entry, family)), load_model(entry)
    shapes = {name: tensor.shape for name, tensor in real.named_parameters()}
    assert {name: tensor.shape for name, tensor in shadow.named_parameters()} == shapes
    assert component_sizes(family, shadow) == component_sizes(family, real)
    kinds = linear_kinds(family, shadow)
    linear = {name for name, module in real.named_modules() if isinstance(module, nn.Linear)}
    assert {name for each in kinds for name in each.names} == linear
    for each in kinds:
        assert {component_of(family, f"{name}.weight") for name in each.names} == {each.component}
        assert {pattern_of(name) for name in each.names} == {each.pattern}


@each_architecture
def test_what_four_bits_would_round_is_what_bitsandbytes_rounds(kind, entry_of) -> None:
    entry = entry_of(kind)
    family = family_named(entry.family)
    real = load_model(entry, four_bit=True)
    rounded = {name.removesuffix(".weight") for name, weight in real.named_parameters() if weight.dtype == torch.uint8}
    assert quantized_modules(family, model_on_meta(family, read_config(entry, family))) == rounded


def test_a_configuration_of_another_family_is_refused(entry, tmp_path) -> None:
    other = tmp_path / "config.json"
    other.write_text(json.dumps({"model_type": "llama"}), encoding="utf-8")
    with pytest.raises(LoadingError, match=r"a llama model, where family qwen2-vl wants qwen2_vl"):
        read_config(entry, FAMILIES["qwen2-vl"], other)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"model_type": "nonesuch"}', "{}"])
def test_a_damaged_configuration_is_told_in_one_line(entry, tmp_path, text) -> None:
    damaged = tmp_path / "config.json"
    damaged.write_text(text, encoding="utf-8")
    with pytest.raises(LoadingError) as caught:
        read_config(entry, FAMILIES["qwen2-vl"], damaged)
    assert str(damaged) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_configuration_that_is_not_there_is_named(entry, tmp_path) -> None:
    with pytest.raises(LoadingError, match=r"nowhere\.json: no such file"):
        read_config(entry, FAMILIES["qwen2-vl"], tmp_path / "nowhere.json")


def test_a_hub_model_that_is_not_cached_says_how_else_to_give_its_configuration(entry) -> None:
    absent = entry.model_copy(update={"source": "nobody/no-such-model", "revision": "0" * 40})
    with pytest.raises(LoadingError, match="--config FILE"):
        read_config(absent, FAMILIES["qwen2-vl"])
