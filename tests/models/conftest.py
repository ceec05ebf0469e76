"""The tiny model's entry in params.yaml's terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagramlens.params import ModelEntry


@pytest.fixture(scope="session")
def entry(tiny_model_dir: Path) -> ModelEntry:
    return ModelEntry(
        family="qwen2-vl",
        source=str(tiny_model_dir),
        revision=None,
        min_pixels=3136,
        max_pixels=200704,
        micro_batch=4,
        rate_scale=1.0,
        four_bit=True,
        gradient_checkpointing=False,
    )
