"""The tiny model's entry in the terms of params.yaml."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from diagramlens.params import ModelEntry


def tiny_entry(folder: Path, **other: Any) -> ModelEntry:
    """An entry for a model folder; `other` replaces single keys."""
    keys: dict[str, Any] = {
        "family": "qwen2-vl",
        "source": str(folder),
        "revision": None,
        "min_pixels": 3136,
        "max_pixels": 200704,
        "micro_batch": 4,
        "rate_scale": 1.0,
        "four_bit": True,
        "gradient_checkpointing": False,
    }
    return ModelEntry(**{**keys, **other})
