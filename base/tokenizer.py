"""The embedded model's tokenizer: trained on vocabulary.txt and on descriptions of drawn circuits; ten seconds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import PreTrainedTokenizerBase

from corpus import PROMPTS, sample
from diagramlens.models.scratch import train_tokenizer

_SENTENCES = Path(__file__).parent / "vocabulary.txt"
# Sentences are repeated, so that their words, and not only the alphabet of descriptions, earn merges.
_REPEATED = 50


def embedded_tokenizer(settings: dict[str, Any]) -> PreTrainedTokenizerBase:
    """Train the tokenizer that base/params.yaml describes; the same parameters give the same tokens."""
    wanted = settings["tokenizer"]
    written = _SENTENCES.read_text(encoding="utf-8")
    descriptions = [
        sample(number, settings["corpus"], wanted["domain"]).description for number in range(wanted["descriptions"])
    ]
    turns = [f"<|im_start|>{role}\n" for role in ("system", "user", "assistant")]
    return train_tokenizer(
        [written] * _REPEATED + list(PROMPTS) * _REPEATED + turns * _REPEATED + descriptions, wanted["vocabulary"]
    )
