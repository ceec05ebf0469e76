"""Loading, and what it refuses in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import diagramlens.models.loading as loading
from diagramlens.models.families import FAMILIES, family_named, lora_targets
from diagramlens.models.loading import (
    LoadingError,
    attention_for,
    has_bf16_matmul,
    linear_patch_embedding,
    load_model,
    load_processor,
    pick_device,
    put_weights,
    weights_fingerprint,
    write_adapter_base,
)
from diagramlens.params import ModelEntry
from tests.models.tiny import ARCHITECTURES

FAMILY = FAMILIES["qwen2-vl"]


def copied(entry: ModelEntry, folder: Path) -> ModelEntry:
    shutil.copytree(entry.source, folder)
    return entry.model_copy(update={"source": str(folder)})


def change_weights(entry: ModelEntry, change) -> None:
    path = Path(entry.source) / "model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def refusal(entry: ModelEntry, **named) -> str:
    with pytest.raises(LoadingError) as refused:
        load_model(entry, **named)
    message = str(refused.value)
    assert "\n" not in message
    return message


def test_a_loaded_model_has_the_weights_of_its_file(entry) -> None:
    model = load_model(entry)
    stored = load_file(Path(entry.source) / "model.safetensors")
    own = dict(model.named_parameters())
    assert sum(parameter.numel() for parameter in own.values()) == sum(tensor.numel() for tensor in stored.values())
    assert not model.training
    norm = next(tensor for name, tensor in stored.items() if name.endswith("layers.1.mlp.down_proj.weight"))
    assert torch.equal(own["model.language_model.layers.1.mlp.down_proj.weight"], norm)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_the_linear_patch_embedding_equals_the_convolution(kind, entry_of) -> None:
    entry = entry_of(kind)
    family = family_named(entry.family)
    model: Any = family.architectures[kind].model.from_pretrained(entry.source, dtype=torch.float32)
    convolution = model.get_submodule(family.patch_embedding)
    names = list(model.state_dict())
    extents = [2 * k for k in convolution.kernel_size[-2:]] if family.name == "smolvlm" else convolution.kernel_size
    pixels = torch.randn(24, 3, *extents)
    convolved = convolution(pixels)
    linear_patch_embedding(family, model)
    torch.testing.assert_close(convolution(pixels), convolved, atol=1e-5, rtol=1e-5)
    assert list(model.state_dict()) == names


def test_exact_weights_keep_the_type_they_were_trained_in(entry) -> None:
    name = "model.visual.merger.mlp.2.bias"
    trained = torch.full((64,), 1 / 3)
    model = load_model(entry, dtype=torch.bfloat16)
    put_weights(model, {name: trained}, "here")
    assert torch.equal(model.get_parameter(name), trained.bfloat16())
    put_weights(model, {name: trained}, "here", exact=True)
    assert torch.equal(model.get_parameter(name), trained)


def test_four_bit_spares_vision_and_head(entry) -> None:
    model = load_model(entry, four_bit=True)
    quantised = [name for name, module in model.named_modules() if type(module).__name__ == "Linear4bit"]
    assert len(quantised) == 2 * 7
    assert all(name.startswith("model.language_model.layers.") for name in quantised)
    weights = [module.weight for module in model.modules() if type(module).__name__ == "Linear4bit"]
    assert {weight.quant_type for weight in weights} == {"nf4"}
    assert all(weight.quant_state.nested for weight in weights)


def test_the_processor_resizes_as_the_entry_says(entry) -> None:
    processor = load_processor(entry.model_copy(update={"min_pixels": 3136, "max_pixels": 28 * 28 * 4}))
    grid = processor.image_processor(images=[Image.new("RGB", (560, 560))], return_tensors="pt")["image_grid_thw"]
    assert grid.tolist() == [[1, 4, 4]]
    assert processor.image_processor.get_number_of_image_patches(560, 560) == 16


def test_a_folder_that_does_not_exist_is_one_line(entry) -> None:
    missing = entry.model_copy(update={"source": "models/nowhere"})
    assert refusal(missing).startswith("model source models/nowhere: no such folder; set models.<name>.source")
    with pytest.raises(LoadingError, match="models/nowhere: no such folder"):
        load_processor(missing)


def test_a_hub_model_that_cannot_be_had_is_one_line(entry) -> None:
    absent = entry.model_copy(update={"source": "Qwen/Qwen2-VL-2B-Instruct", "revision": "a" * 40})
    message = refusal(absent)
    assert "Qwen/Qwen2-VL-2B-Instruct" in message
    assert "models.<name>.source and revision in params.yaml" in message


def test_missing_unexpected_and_wrongly_shaped_weights_are_errors(entry, tmp_path) -> None:
    name = "model.language_model.norm.weight"
    stored = next(
        key
        for key in load_file(Path(entry.source) / "model.safetensors")
        if key.endswith("norm.weight") and "layers" not in key and "visual" not in key
    )
    lacking = copied(entry, tmp_path / "lacking")
    change_weights(lacking, lambda weights: weights.pop(stored))
    assert f"1 missing weights for family qwen2-vl, the first is {name}" in refusal(lacking)
    too_many = copied(entry, tmp_path / "too-many")
    change_weights(too_many, lambda weights: weights.update({"model.language_model.extra.weight": torch.zeros(2)}))
    assert "1 unexpected weights for family qwen2-vl, the first is model.language_model.extra.weight" in refusal(
        too_many
    )
    misshapen = copied(entry, tmp_path / "misshapen")
    change_weights(misshapen, lambda weights: weights.update({stored: torch.zeros(3)}))
    assert "1 wrongly shaped weights for family qwen2-vl" in refusal(misshapen)


def test_a_truncated_weights_file_is_one_line(entry, tmp_path) -> None:
    damaged = copied(entry, tmp_path / "damaged")
    path = Path(damaged.source) / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000])
    assert "weights cannot be loaded" in refusal(damaged)


def test_another_architecture_is_refused(entry, tmp_path) -> None:
    other = copied(entry, tmp_path / "other")
    path = Path(other.source) / "config.json"
    path.write_text(json.dumps({"model_type": "gpt2"}))
    assert "a gpt2 model, where models.<name>.family = qwen2-vl wants qwen2_vl" in refusal(other)


@pytest.fixture
def adapter(entry, tmp_path) -> Path:
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=2, target_modules=lora_targets(FAMILY, ["language"]), init_lora_weights=False)
    folder = tmp_path / "adapter"
    get_peft_model(load_model(entry), config).save_pretrained(folder)
    write_adapter_base(folder, entry)
    return folder


def test_an_adapter_made_for_another_base_is_refused(entry, adapter, tmp_path) -> None:
    load_model(entry, adapter=adapter)
    sibling = copied(entry, tmp_path / "sibling")
    load_model(sibling, adapter=adapter)  # the same weights elsewhere are the same base
    change_weights(sibling, lambda weights: next(iter(weights.values())).add_(0.01))
    assert weights_fingerprint(sibling) != weights_fingerprint(entry)
    assert "made for another base" in refusal(sibling, adapter=adapter)


def test_an_adapter_whose_names_do_not_fit_is_refused_instead_of_loading_empty(entry, adapter) -> None:
    path = adapter / "adapter_model.safetensors"
    renamed = {name.replace("language_model", "text_model"): tensor for name, tensor in load_file(path).items()}
    save_file(renamed, path, metadata={"format": "pt"})
    assert "28 missing weights" in refusal(entry, adapter=adapter)


def test_a_folder_without_an_adapter_is_one_line(entry, tmp_path) -> None:
    assert "no adapter there" in refusal(entry, adapter=tmp_path)


def test_full_weights_beside_an_adapter_replace_the_bases(entry, adapter) -> None:
    merged = torch.full((64,), 0.5)
    name = "model.visual.merger.mlp.2.bias"
    save_file({name: merged}, adapter / "full.safetensors")
    loaded = load_model(entry, adapter=adapter)
    assert torch.equal(loaded.get_parameter(f"base_model.model.{name}"), merged)
    save_file({"model.visual.merger.nothing": merged}, adapter / "full.safetensors")
    assert "model.visual.merger.nothing: no such parameter" in refusal(entry, adapter=adapter)


def test_devices_and_attention_follow_what_is_there() -> None:
    cpu = torch.device("cpu")
    assert pick_device("cpu") == cpu
    assert attention_for("auto", cpu, torch.float32) == "sdpa"
    assert attention_for("eager", cpu, torch.float32) == "eager"
    if not torch.cuda.is_available():
        assert pick_device("auto") == cpu
        with pytest.raises(LoadingError, match=r"runtime\.device = cuda: this machine has no CUDA device"):
            pick_device("cuda")


def test_bf16_is_what_a_gpu_computes_and_not_what_it_emulates(monkeypatch) -> None:
    # A T4 emulates it: torch says so unless asked, and training is slower than in fp32.
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation=True: including_emulation)
    assert not has_bf16_matmul(torch.device("cuda"))


@pytest.mark.parametrize(
    ("capability", "expected"), [((7, 5), "sdpa"), ((8, 0), "flash_attention_2"), ((9, 0), "flash_attention_2")]
)
def test_flash_attention_is_taken_where_its_kernels_run(capability, expected, monkeypatch) -> None:
    monkeypatch.setattr(loading, "is_flash_attn_2_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    gpu = torch.device("cuda")
    assert attention_for("auto", gpu, torch.bfloat16) == expected
    assert attention_for("auto", gpu, torch.float32) == "sdpa"
    assert attention_for("auto", torch.device("cpu"), torch.bfloat16) == "sdpa"
