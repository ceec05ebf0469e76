"""Pictures and text to the model's inputs, without torchvision."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from diagramlens.models.families import family_named
from diagramlens.models.processors import PicturesOnlyIdefics3Processor, PicturesOnlyQwen2VLProcessor
from tests.models.tiny import ARCHITECTURES

PROMPT = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "Read the netlist."}]}]


def inputs_of(processor: Any) -> dict[str, torch.Tensor]:
    text = processor.apply_chat_template(PROMPT, tokenize=False, add_generation_prompt=True)
    images = [Image.new("RGB", (120, 84), "white"), Image.new("RGB", (300, 200), "grey")]
    return dict(processor(images=images, text=[text, text + "V1 e a"], return_tensors="pt", padding=True))


@pytest.fixture
def processor(tiny_model_dir: Path) -> PicturesOnlyQwen2VLProcessor:
    return PicturesOnlyQwen2VLProcessor.from_pretrained(str(tiny_model_dir))


def test_it_gives_all_that_the_model_needs(processor) -> None:
    inputs = inputs_of(processor)
    assert inputs["image_grid_thw"].tolist() == [[1, 6, 8], [1, 14, 22]]
    assert inputs["pixel_values"].shape == (6 * 8 + 14 * 22, 3 * 2 * 14 * 14)
    assert inputs["input_ids"].shape == inputs["attention_mask"].shape == inputs["mm_token_type_ids"].shape
    assert inputs["mm_token_type_ids"].sum(1).tolist() == [6 * 8 // 4, 14 * 22 // 4]


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_it_saves_and_reloads(kind, entry_of, tmp_path) -> None:
    entry = entry_of(kind)
    own = family_named(entry.family).architectures[kind].processor
    processor = own.from_pretrained(entry.source)
    processor.save_pretrained(tmp_path)
    reloaded = own.from_pretrained(str(tmp_path))
    expected = inputs_of(processor)
    for name, tensor in inputs_of(reloaded).items():
        assert torch.equal(tensor, expected[name]), name
    again = tmp_path / "again"
    reloaded.save_pretrained(again)
    for path in sorted(again.iterdir()):
        assert path.read_bytes() == (tmp_path / path.name).read_bytes(), path.name
    assert not {"torchvision", "num2words"} & sys.modules.keys()


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_what_it_saves_does_not_tell_how_it_was_read(kind, entry_of, tmp_path) -> None:
    """Online and offline, from the hub's cache and from a folder: the same bytes."""
    entry = entry_of(kind)
    read = family_named(entry.family).architectures[kind].processor.from_pretrained(entry.source)
    read.tokenizer.init_kwargs |= {"is_local": False, "local_files_only": False}
    read.save_pretrained(tmp_path / "online")
    read.tokenizer.init_kwargs |= {"is_local": True, "local_files_only": True}
    read.save_pretrained(tmp_path / "offline")
    online, offline = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("online", "offline")
    )
    assert online == offline


def test_it_reads_the_layout_that_qwen_published(processor, tmp_path) -> None:
    processor.save_pretrained(tmp_path / "ours")
    published = tmp_path / "published"
    published.mkdir()
    shutil.copy(tmp_path / "ours" / "tokenizer.json", published)
    config = json.loads((tmp_path / "ours" / "tokenizer_config.json").read_text())
    (published / "tokenizer_config.json").write_text(json.dumps(config | {"chat_template": processor.chat_template}))
    (published / "chat_template.json").write_text(json.dumps({"chat_template": processor.chat_template}))
    pictures = {
        "min_pixels": 3136,
        "max_pixels": 200704,
        "patch_size": 14,
        "temporal_patch_size": 2,
        "merge_size": 2,
        "image_mean": [0.48145466, 0.4578275, 0.40821073],
        "image_std": [0.26862954, 0.26130258, 0.27577711],
        "image_processor_type": "Qwen2VLImageProcessor",
        "processor_class": "Qwen2VLProcessor",
    }
    (published / "preprocessor_config.json").write_text(json.dumps(pictures))
    expected = inputs_of(processor)
    for name, tensor in inputs_of(PicturesOnlyQwen2VLProcessor.from_pretrained(str(published))).items():
        assert torch.equal(tensor, expected[name]), name


def test_it_reads_the_layout_that_smolvlm_published(entry_of, tmp_path) -> None:
    source = Path(entry_of("idefics3").source)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(source / name, tmp_path)
    template = (source / "chat_template.jinja").read_text()
    (tmp_path / "chat_template.json").write_text(json.dumps({"chat_template": template}))
    (tmp_path / "processor_config.json").write_text(
        json.dumps({"image_seq_len": 64, "processor_class": "Idefics3Processor"})
    )
    pictures = {
        "do_convert_rgb": True,
        "do_image_splitting": True,
        "do_normalize": True,
        "do_pad": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_processor_type": "Idefics3ImageProcessor",
        "image_std": [0.5, 0.5, 0.5],
        "max_image_size": {"longest_edge": 512},
        "processor_class": "Idefics3Processor",
        "resample": 1,
        "rescale_factor": 0.00392156862745098,
        "size": {"longest_edge": 2048},
    }
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(pictures))
    processor = PicturesOnlyIdefics3Processor.from_pretrained(str(tmp_path))
    assert processor.chat_template == template
    inputs = inputs_of(processor)
    # 120 x 84 becomes 2048 x 1434: four by three tiles of 64 tokens, and the whole once more; 300 x 200 the same.
    assert inputs["pixel_values"].shape == (2, 13, 3, 512, 512)
    assert (inputs["input_ids"] == processor.image_token_id).sum(1).tolist() == [13 * 64] * 2


PUBLISHED = {
    "qwen2_vl": ("Qwen2VLProcessor", "Qwen2VLImageProcessor"),
    "qwen2_5_vl": ("Qwen2_5_VLProcessor", "Qwen2VLImageProcessor"),
    "smolvlm": ("SmolVLMProcessor", "SmolVLMImageProcessor"),
    "idefics3": ("Idefics3Processor", "Idefics3ImageProcessor"),
}


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_its_folder_names_the_published_classes(kind, entry_of) -> None:
    folder = Path(entry_of(kind).source)
    for name in ("processor_config.json", "preprocessor_config.json", "tokenizer_config.json"):
        assert json.loads((folder / name).read_text())["processor_class"] == PUBLISHED[kind][0], name
    pictures = json.loads((folder / "preprocessor_config.json").read_text())
    assert pictures["image_processor_type"] == PUBLISHED[kind][1]
    if kind.startswith("qwen"):
        assert pictures["size"] == {"shortest_edge": 3136, "longest_edge": 200704}
