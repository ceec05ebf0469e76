"""A random model of every architecture, a thousandth of the published ones in size, in the published layout of files.

Sizes are the smallest in which nothing is lost: two layers of everything, heads that share keys and values, a merger that merges.
"""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    Idefics3Config,
    Idefics3ForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    PreTrainedTokenizerFast,
    ProcessorMixin,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    SmolVLMConfig,
    SmolVLMForConditionalGeneration,
)
from transformers.models.idefics3.image_processing_pil_idefics3 import Idefics3ImageProcessorPil
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil
from transformers.models.smolvlm.image_processing_pil_smolvlm import SmolVLMImageProcessorPil

from diagramlens.models.families import FAMILIES
from diagramlens.models.processors import (
    PicturesOnlyIdefics3Processor,
    PicturesOnlyQwen2p5VLProcessor,
    PicturesOnlySmolVLMProcessor,
)
from diagramlens.models.scratch import build_processor, build_qwen2_vl, train_tokenizer
from diagramlens.params import ModelEntry
from tests.tiny_entry import tiny_entry

# Every architecture of the families table, by the family that it belongs to.
ARCHITECTURES = {kind: family.name for family in FAMILIES.values() for kind in family.architectures}

TEXTS = [
    "V1 e a\nR1 a b\nC1 b f\nL1 a c\nI1 c g\nW f e\nW g f\nW f 0",
    "What is the transfer function from V1 to the voltage across R2, positive at its left end?",
    "Read the netlist of this circuit. With V1 = 10 V, R1 = 2 kΩ and R2 = 3 kΩ: 4 V, -2.5 mA, 12.5 µA",
] * 4

TILE = 56  # pixels: 4 x 4 patches of 14, merged by 2 to 4 tokens
TILE_AREA = (2 * TILE) ** 2  # pictures of up to two tiles a side

_LANGUAGE = {
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 4096,
}


def save_tiny(kind: str, folder: Path) -> ModelEntry:
    """Write a random model of that `model_type` in fp32, with its processor, and say what params.yaml would of it."""
    model, processor = _MAKERS[kind]()
    _enliven(model)
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    pixels = {"min_pixels": TILE_AREA, "max_pixels": TILE_AREA} if ARCHITECTURES[kind] == "smolvlm" else {}
    return tiny_entry(folder, family=ARCHITECTURES[kind], **pixels)


def _enliven(model: PreTrainedModel) -> None:
    """Larger weights: as initialised, a picture changes the logits by less than rounding does."""
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                scale = 0.1 if "embed_tokens" in name else parameter[0].numel() ** -0.5
                parameter.normal_(std=scale, generator=generator)
            elif name.endswith(".bias"):
                parameter.normal_(std=0.1, generator=generator)


def _qwen2_vl() -> tuple[PreTrainedModel, ProcessorMixin]:
    tokenizer = train_tokenizer(TEXTS, vocabulary=320)
    model = build_qwen2_vl(
        tokenizer,
        vision_depth=3,
        vision_width=32,
        vision_heads=2,
        language_depth=2,
        language_width=64,
        language_heads=4,
        language_kv_heads=2,
        language_feed_forward=96,
        seed=0,
    )
    return model, build_processor(tokenizer, min_pixels=3136, max_pixels=200704)


def _qwen2_5_vl() -> tuple[PreTrainedModel, ProcessorMixin]:
    """The head has a matrix of its own, as in the 7B. Windows of 2 x 2 cells, the second block looking beyond them."""
    tokenizer = train_tokenizer(TEXTS, vocabulary=320)
    ids = {name: tokenizer.convert_tokens_to_ids(f"<|{name}|>") for name in _QWEN_MARKS}
    ends = {"bos_token_id": ids["endoftext"], "eos_token_id": ids["im_end"], "pad_token_id": ids["endoftext"]}
    rotations = {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [2, 3, 3]}
    config = Qwen2_5_VLConfig(
        text_config={
            **_LANGUAGE,
            **ends,
            "vocab_size": len(tokenizer),
            "rope_parameters": rotations,
            "tie_word_embeddings": False,
        },
        vision_config={
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_heads": 2,
            "out_hidden_size": 64,
            "window_size": 56,
            "fullatt_block_indexes": [1],
        },
        image_token_id=ids["image_pad"],
        video_token_id=ids["video_pad"],
        vision_start_token_id=ids["vision_start"],
        vision_end_token_id=ids["vision_end"],
        tie_word_embeddings=False,
    )
    pictures = Qwen2VLImageProcessorPil(size={"shortest_edge": 3136, "longest_edge": 200704})
    processor = PicturesOnlyQwen2p5VLProcessor(pictures, tokenizer, chat_template=tokenizer.chat_template)
    return _seeded(Qwen2_5_VLForConditionalGeneration, config), processor


_QWEN_MARKS = ("endoftext", "im_end", "image_pad", "video_pad", "vision_start", "vision_end")


def _smolvlm() -> tuple[PreTrainedModel, ProcessorMixin]:
    tokenizer = _smolvlm_tokenizer()
    pictures = SmolVLMImageProcessorPil(max_image_size={"longest_edge": TILE}, size={"longest_edge": 2 * TILE})
    processor = PicturesOnlySmolVLMProcessor(
        pictures, tokenizer, image_seq_len=4, chat_template=tokenizer.chat_template
    )
    return _seeded(SmolVLMForConditionalGeneration, SmolVLMConfig(**_smolvlm_config(tokenizer, tied=True))), processor


def _idefics3() -> tuple[PreTrainedModel, ProcessorMixin]:
    """The head has a matrix of its own, as in the published SmolVLM-256M."""
    tokenizer = _smolvlm_tokenizer()
    pictures = Idefics3ImageProcessorPil(max_image_size={"longest_edge": TILE}, size={"longest_edge": 2 * TILE})
    processor = PicturesOnlyIdefics3Processor(
        pictures, tokenizer, image_seq_len=4, chat_template=tokenizer.chat_template
    )
    return _seeded(
        Idefics3ForConditionalGeneration, Idefics3Config(**_smolvlm_config(tokenizer, tied=False))
    ), processor


_MAKERS = {"qwen2_vl": _qwen2_vl, "qwen2_5_vl": _qwen2_5_vl, "smolvlm": _smolvlm, "idefics3": _idefics3}


def _smolvlm_config(tokenizer: PreTrainedTokenizerBase, tied: bool) -> dict[str, Any]:
    end, pad = tokenizer.eos_token_id, tokenizer.pad_token_id
    return {
        "text_config": {
            **_LANGUAGE,
            "model_type": "llama",
            "vocab_size": len(tokenizer),
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": end,
            "pad_token_id": pad,
            "tie_word_embeddings": tied,
        },
        "vision_config": {
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": TILE,
            "patch_size": 14,
        },
        "scale_factor": 2,
        "image_token_id": tokenizer.convert_tokens_to_ids("<image>"),
        "pad_token_id": pad,
        "tie_word_embeddings": tied,
    }


def _seeded(kind: Any, config: Any) -> PreTrainedModel:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model: PreTrainedModel = kind(config)
    return model


def _smolvlm_tokenizer() -> PreTrainedTokenizerBase:
    """Byte-level BPE with SmolVLM's control tokens and chat template."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320, initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    marks = ["<|im_start|>", "<end_of_utterance>", "<fake_token_around_image>", "<image>", "<global-img>"]
    marks += [f"<row_{row}_col_{column}>" for row in range(1, 4) for column in range(1, 4)]
    tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
    wrapped = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|im_start|>",
        eos_token="<end_of_utterance>",
        pad_token="<|im_start|>",
    )
    wrapped.chat_template = resources.files("trl").joinpath("chat_templates/smolvlm.jinja").read_text(encoding="utf-8")
    return wrapped
