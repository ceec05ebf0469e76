"""What many tests share: a tiny Qwen2-VL folder, the same architecture as the published models at a thousandth of the size."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes is the machine's business: behaviour is what is tested.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# A wrong model id must fail at once and clearly, not after a try at the network.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

TINY_TEXTS = [
    "V1 e a\nR1 a b\nC1 b f\nL1 a c\nI1 c g\nW f e\nW g f\nW f 0",
    "What is the transfer function from V1 to the voltage across R2, positive at its left end?",
    "R2/(R1+R2)",
    "1/(C1*R1*s+1)",
    "Read the netlist of this circuit. Find the current through R1, flowing from its top end to its bottom end.",
    "With V1 = 10 V, R1 = 2 kΩ and R2 = 3 kΩ: 4 V, -2.5 mA, 12.5 µA",
] * 4


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random Qwen2-VL (vision 3 x 32, language 2 x 64, fp32) and its processor; read only."""
    import torch

    from diagramlens.models.scratch import build_processor, build_qwen2_vl, save_model_folder, train_tokenizer

    tokenizer = train_tokenizer(TINY_TEXTS, vocabulary=384)
    model = build_qwen2_vl(
        tokenizer,
        vision_depth=3,
        vision_width=32,
        vision_heads=2,
        language_depth=2,
        language_width=64,
        language_heads=4,
        language_kv_heads=2,
        language_feed_forward=128,
        seed=0,
    )
    folder = tmp_path_factory.mktemp("tiny-qwen2-vl")
    save_model_folder(
        model, build_processor(tokenizer, min_pixels=3136, max_pixels=200704), folder, dtype=torch.float32
    )
    return folder
