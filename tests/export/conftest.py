"""A tiny Qwen2-VL whose answers depend on the picture, its entry in params.yaml's terms, an adapter for it, and questions."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from diagramlens.export.merge import Sample
from diagramlens.models.families import FAMILIES, lora_targets
from diagramlens.models.loading import load_model, load_processor, write_adapter_base
from diagramlens.params import ModelEntry
from tests.tiny_entry import tiny_entry


def entry_of(folder: Path) -> ModelEntry:
    return tiny_entry(folder, micro_batch=1)


def vivid(folder: Path, out: Path, *, dtype: torch.dtype = torch.float32, tied: bool = True) -> Path:
    """The model of `folder` with larger weights: as initialised, a picture changes its logits by less than rounding does."""
    model = load_model(entry_of(folder))
    generator = torch.Generator().manual_seed(0)
    if not tied:
        model.config.tie_word_embeddings = model.config.text_config.tie_word_embeddings = False
        model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape, generator=generator))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                fan = parameter[0].numel()
                parameter.normal_(std=0.3 if "embed_tokens" in name else 1.5 * fan**-0.5, generator=generator)
            elif name.endswith(".bias"):
                parameter.normal_(std=0.1, generator=generator)
    model.to(dtype).save_pretrained(out)
    load_processor(entry_of(folder)).save_pretrained(out)
    return out


@pytest.fixture(scope="session")
def base_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder as models/base is: bf16, tied embeddings. Read only."""
    return vivid(tiny_model_dir, tmp_path_factory.mktemp("vivid-qwen2-vl"), dtype=torch.bfloat16)


@pytest.fixture(scope="session")
def adapter_dir(base_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA over the language part of `base_dir`, as the train stage writes it, that changes answers visibly. Read only."""
    from peft import LoraConfig, get_peft_model

    model = load_model(entry_of(base_dir))
    adapted = get_peft_model(
        model, LoraConfig(r=4, lora_alpha=8, target_modules=lora_targets(FAMILIES["qwen2-vl"], ["language"]))
    )
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, parameter in adapted.named_parameters():
            if "lora_" in name:
                parameter.normal_(std=0.05, generator=generator)
    folder = tmp_path_factory.mktemp("adapter")
    adapted.save_pretrained(folder)
    write_adapter_base(folder, entry_of(base_dir))
    return folder


@pytest.fixture(scope="session")
def entry() -> Callable[[Path], ModelEntry]:
    """What params.yaml would say of a model folder."""
    return entry_of


@pytest.fixture(scope="session")
def untied_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model folder whose head is a matrix of its own, as Qwen2-VL-7B's is. Read only."""
    return vivid(tiny_model_dir, tmp_path_factory.mktemp("untied-qwen2-vl"), tied=False)


def picture(width: int, height: int, shade: int) -> Image.Image:
    drawn = Image.new("RGB", (width, height), "white")
    brush = ImageDraw.Draw(drawn)
    brush.rectangle((10, 10, width // 2, height // 2), outline=(shade, 0, 40), width=4)
    brush.line((width // 2, 12, width - 9, height - 7), fill="black", width=2)
    return drawn


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    return buffer.getvalue()


@pytest.fixture(scope="session")
def samples() -> list[Sample]:
    return [
        Sample(png(picture(150, 110, 0)), "Read the netlist of this circuit.", "V1 e a\nR1 a b\nW f 0"),
        Sample(png(picture(112, 224, 200)), "Find the current through R1, flowing from its top end.", "-2.5 mA"),
        Sample(png(picture(84, 84, 90)), "What is the transfer function from V1 to R2?", "R2/(R1+R2)"),
    ]
