"""A Qwen2-VL made from nothing: tokenizer, configuration, random weights, and the folder that `from_pretrained` reads.

`base/` pretrains such a model into `models/base`; the tests build far smaller ones. Architecture, tokenizer format, chat template
and file layout are those of `Qwen/Qwen2-VL-7B-Instruct`, so that whatever runs on the small model runs unchanged on the large one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from torch import nn
from transformers import PreTrainedTokenizerBase, Qwen2Tokenizer, Qwen2VLConfig, Qwen2VLForConditionalGeneration
from transformers.models.qwen2.tokenization_qwen2 import PRETOKENIZE_REGEX

from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor
from diagramlens.records import DiagramLensError

# Qwen2-VL's special tokens, in the order in which the published tokenizer adds them behind its vocabulary.
SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


class ScratchError(DiagramLensError):
    """Sizes that make no Qwen2-VL, or none that can be exported."""


def chat_template() -> str:
    """Qwen2-VL's chat template, as TRL ships it: SFTTrainer recognises it by exact text and adds the marks of the assistant's turn."""
    return resources.files("trl").joinpath("chat_templates/qwen2_5_vl.jinja").read_text(encoding="utf-8")


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerBase:
    """A byte-level BPE tokenizer with Qwen2's pre-tokenization and special tokens, trained on `texts`.

    `vocabulary` counts all tokens: 256 bytes, merges, and the 14 special tokens. The split regex must stay Qwen2's to the letter:
    GGUF readers choose their pre-tokenizer by name (`qwen2`) and would otherwise cut the text elsewhere.
    """
    smallest = 256 + len(SPECIAL_TOKENS)
    if vocabulary < smallest:
        raise ScratchError(f"vocabulary = {vocabulary}: at least {smallest} (256 bytes and the special tokens)")
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = _pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(SPECIAL_TOKENS),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    learnt = json.loads(tokenizer.to_str())["model"]
    # Pairs, as the tokenizers library takes them; the class says `list[str]` and hands them on unread.
    merges: Any = [tuple(pair) for pair in learnt["merges"]]
    trained = Qwen2Tokenizer(
        vocab=learnt["vocab"],
        merges=merges,
        eos_token="<|im_end|>",
        pad_token="<|endoftext|>",
        model_max_length=32768,
    )
    # One call, in Qwen2's order, so that ids behind the vocabulary are stable whatever order the class adds its own in.
    trained.add_special_tokens({"additional_special_tokens": list(SPECIAL_TOKENS)})
    trained.chat_template = chat_template()
    return trained


def _id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    number = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(number, int)
    return number


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    from tokenizers import Regex

    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated", invert=False),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def _check_sizes(
    vision_depth: int, vision_width: int, language_width: int, language_heads: int, language_feed_forward: int
) -> None:
    for name, width in (
        ("vision_width", vision_width),
        ("language_width", language_width),
        ("language_feed_forward", language_feed_forward),
    ):
        if width % 32:
            raise ScratchError(f"{name} = {width}: a multiple of 32, the block size of Q8_0")
    if vision_depth < 3:
        raise ScratchError(
            f"vision_depth = {vision_depth}: at least 3, or GGUF readers do not recognise the vision part"
        )
    head = language_width // language_heads
    if language_width % language_heads or head % 8:
        raise ScratchError(
            f"language_width / language_heads = {language_width} / {language_heads}: a multiple of 8 per head"
        )


def _rotations(head: int) -> dict[str, Any]:
    """M-RoPE over a head of `head` channels, its rotations shared out to time, height and width as 2 : 3 : 3, as published."""
    spatial = (head // 2 - head // 8) // 2
    return {
        "rope_type": "default",
        # The published 1e6 spreads rotations over 32k positions; our sequences are hundreds long.
        "rope_theta": 10000.0,
        "mrope_section": [head // 2 - 2 * spatial, spatial, spatial],
    }


def build_qwen2_vl(
    tokenizer: PreTrainedTokenizerBase,
    *,
    vision_depth: int,
    vision_width: int,
    vision_heads: int,
    language_depth: int,
    language_width: int,
    language_heads: int,
    language_kv_heads: int,
    language_feed_forward: int,
    seed: int,
) -> Qwen2VLForConditionalGeneration:
    """A randomly initialised Qwen2-VL in fp32 of the given sizes, with tied embeddings.

    Widths are in channels. Raises ScratchError for sizes that no GGUF reader takes: fewer than 3 vision layers, widths that are
    no multiple of 32 (the block of Q8_0), or a head that M-RoPE's three sections cannot share.
    """
    _check_sizes(vision_depth, vision_width, language_width, language_heads, language_feed_forward)
    config = Qwen2VLConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": language_width,
            "intermediate_size": language_feed_forward,
            "num_hidden_layers": language_depth,
            "num_attention_heads": language_heads,
            "num_key_value_heads": language_kv_heads,
            "max_position_embeddings": 32768,
            "rms_norm_eps": 1e-6,
            "rope_parameters": _rotations(language_width // language_heads),
            "bos_token_id": _id(tokenizer, "<|endoftext|>"),
            "eos_token_id": _id(tokenizer, "<|im_end|>"),
            "pad_token_id": _id(tokenizer, "<|endoftext|>"),
            "tie_word_embeddings": True,
        },
        vision_config={
            "depth": vision_depth,
            "embed_dim": vision_width,
            "hidden_size": language_width,
            "num_heads": vision_heads,
            "mlp_ratio": 4,
            "patch_size": 14,
            "spatial_merge_size": 2,
            "temporal_patch_size": 2,
        },
        image_token_id=_id(tokenizer, "<|image_pad|>"),
        video_token_id=_id(tokenizer, "<|video_pad|>"),
        vision_start_token_id=_id(tokenizer, "<|vision_start|>"),
        vision_end_token_id=_id(tokenizer, "<|vision_end|>"),
        tie_word_embeddings=True,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = Qwen2VLForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(["<|im_end|>", "<|endoftext|>"])
    model.generation_config.pad_token_id = _id(tokenizer, "<|endoftext|>")
    model.generation_config.do_sample = False
    return model


def build_processor(
    tokenizer: PreTrainedTokenizerBase, *, min_pixels: int, max_pixels: int
) -> PicturesOnlyQwen2VLProcessor:
    """The processor of such a model: 14-pixel patches, pictures resized to between `min_pixels` and `max_pixels` in area."""
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    pictures = Qwen2VLImageProcessorPil(size={"shortest_edge": min_pixels, "longest_edge": max_pixels})
    return PicturesOnlyQwen2VLProcessor(
        image_processor=pictures, tokenizer=tokenizer, chat_template=tokenizer.chat_template
    )


def save_model_folder(
    model: Qwen2VLForConditionalGeneration,
    processor: PicturesOnlyQwen2VLProcessor,
    folder: Path,
    dtype: torch.dtype = torch.bfloat16,
) -> None:
    """Write model (safetensors, in `dtype`) and processor into one folder that the ordinary loading code reads."""
    folder.mkdir(parents=True, exist_ok=True)
    nn.Module.to(model, dtype)  # not model.to, whose wrapper hides its arguments from the type checker
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
