"""A Qwen2-VL from nothing has the published one's format, and sizes that cannot be exported are refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from transformers import AutoTokenizer

from diagramlens.models.scratch import SPECIAL_TOKENS, ScratchError, build_qwen2_vl, chat_template, train_tokenizer

SIZES = {
    "vision_depth": 3,
    "vision_width": 32,
    "vision_heads": 2,
    "language_depth": 1,
    "language_width": 64,
    "language_heads": 4,
    "language_kv_heads": 2,
    "language_feed_forward": 64,
    "seed": 0,
}


def test_special_tokens_follow_the_vocabulary_in_qwens_order(tiny_model_dir: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    ids = tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS))
    assert sorted(ids) == list(range(len(tokenizer) - len(SPECIAL_TOKENS), len(tokenizer)))
    assert tokenizer.eos_token == "<|im_end|>"
    assert tokenizer.chat_template == chat_template()


@pytest.mark.parametrize("text", ["R2/(R1+R2)", "4.7 kΩ, 12.5 µA", "电阻 R1 é\n\n  x", "<|im_start|>"])
def test_any_text_survives_the_tokenizer(tiny_model_dir: Path, text: str) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    assert tokenizer.decode(tokenizer(text)["input_ids"]) == text


def test_digits_are_tokens_of_their_own_as_in_qwen2(tiny_model_dir: Path) -> None:
    assert AutoTokenizer.from_pretrained(tiny_model_dir).tokenize("R12") == ["R", "1", "2"]


def test_equal_seeds_give_equal_weights_and_leave_the_random_state_alone(tiny_model_dir: Path) -> None:
    import torch

    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    before = torch.get_rng_state()
    first, second = (build_qwen2_vl(tokenizer, **SIZES).state_dict() for _ in range(2))
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("vision_depth", 2),
        ("vision_width", 40),
        ("language_width", 48),
        ("language_feed_forward", 100),
        ("language_heads", 16),
    ],
)
def test_sizes_that_cannot_be_exported_are_refused_by_name(tiny_model_dir: Path, key: str, value: int) -> None:
    tokenizer = AutoTokenizer.from_pretrained(tiny_model_dir)
    with pytest.raises(ScratchError, match=key):
        build_qwen2_vl(tokenizer, **{**SIZES, key: value})


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(ScratchError, match="at least 270"):
        train_tokenizer(["R1"], vocabulary=200)
