"""4 bits: the folder loads like any other, keeps the vision part whole, and computes with the weights it rounded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import bitsandbytes as bnb
import pytest
import torch
from safetensors.torch import load_file

from diagramlens.export import weight_bytes
from diagramlens.export.merge import Sample, answer_logits, merged_entry, shift_between
from diagramlens.export.nf4 import write_nf4
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry

Entry = Callable[[Path], ModelEntry]


@pytest.fixture(scope="module")
def nf4_dir(base_dir: Path, entry: Entry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("quantised") / "nf4"
    write_nf4(entry(base_dir), base_dir, out)
    return out


def test_only_the_language_layers_are_quantised(base_dir: Path, nf4_dir: Path) -> None:
    quantised = {
        name.removesuffix(".absmax") for name in load_file(nf4_dir / "model.safetensors") if name.endswith(".absmax")
    }
    matrices = {
        name
        for name, tensor in load_file(base_dir / "model.safetensors").items()
        if name.startswith("model.layers.") and tensor.ndim == 2
    }
    assert quantised == matrices
    settings = json.loads((nf4_dir / "config.json").read_text())["quantization_config"]
    assert settings["bnb_4bit_quant_type"] == "nf4"
    assert settings["bnb_4bit_use_double_quant"] is True
    assert weight_bytes(nf4_dir) < weight_bytes(base_dir)


def test_the_folder_loads_with_the_ordinary_code_and_computes_with_its_rounded_weights(
    base_dir: Path, nf4_dir: Path, samples: list[Sample], entry: Entry
) -> None:
    small = merged_entry(entry(base_dir), nf4_dir)
    processor = load_processor(small)
    quantised, whole = load_model(small, dtype=torch.bfloat16), load_model(entry(base_dir))
    found = answer_logits(quantised, processor, samples)

    layers = [name for name, module in quantised.named_modules() if isinstance(module, bnb.nn.Linear4bit)]
    assert len(layers) == 14
    for name in layers:
        packed, weight = quantised.get_submodule(name).weight, whole.get_submodule(name).weight
        rounded = bnb.functional.dequantize_4bit(packed.data, packed.quant_state).float()
        # 4 bits of a normal distribution: about 9 % of the weights' norm.
        assert (rounded - weight).norm() < 0.12 * weight.norm(), name
        with torch.no_grad():
            weight.copy_(rounded)
    shift = shift_between(answer_logits(whole, processor, samples), found)
    # What remains is the arithmetic in bf16.
    assert shift.mean < 0.1
    assert shift.agreement > 0.9


def test_in_fp32_the_folder_is_unpacked_to_the_numbers_that_its_4_bits_stand_for(
    base_dir: Path, nf4_dir: Path, samples: list[Sample], entry: Entry
) -> None:
    small = merged_entry(entry(base_dir), nf4_dir)
    packed, unpacked = load_model(small, dtype=torch.bfloat16), load_model(small)
    assert not [name for name, module in unpacked.named_modules() if isinstance(module, bnb.nn.Linear4bit)]
    weights = dict(unpacked.named_parameters())
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    for name, parameter in packed.named_parameters():
        stored = (
            bnb.functional.dequantize_4bit(parameter.data, parameter.quant_state)
            if hasattr(parameter, "quant_state")
            else parameter
        )
        assert torch.equal(weights[name], stored.float()), name
    processor = load_processor(small)
    found = [answer_logits(model, processor, samples) for model in (unpacked, packed)]
    shift = shift_between(*found)
    # What remains is the arithmetic in bf16.
    assert shift.mean < 0.1
    assert shift.agreement > 0.9


def test_quantising_twice_gives_the_same_bytes(base_dir: Path, nf4_dir: Path, tmp_path: Path, entry: Entry) -> None:
    write_nf4(entry(base_dir), base_dir, tmp_path / "again")
    for path in sorted(nf4_dir.iterdir()):
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes(), path.name
