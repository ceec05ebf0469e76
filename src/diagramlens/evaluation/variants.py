"""The variants of one model that are compared: where each lies, and how it is opened."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import torch

from diagramlens.export.familiarity import Familiarity, read_familiarity
from diagramlens.export.llama import GGUFAnswerer, is_available
from diagramlens.inference import Answerer, TransformersAnswerer
from diagramlens.models.loading import has_bf16_matmul, load_model, load_processor, pick_device
from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError

MERGED = Path("models/merged")
QUANTIZED = Path("models/quantized")
_FOLDERS = {"merged": MERGED, "nf4": QUANTIZED / "nf4"}


class VariantError(DiagramLensError):
    """A variant that cannot be asked on this machine."""


def is_gguf(variant: str) -> bool:
    """Whether llama.cpp answers for this variant: one question at a time, remembering the last picture."""
    return variant.startswith("gguf-")


def check_variants(variants: Iterable[str]) -> None:
    """Raise VariantError for a GGUF variant where llama-cpp-python is missing: at once, not after the others have answered.

    It is an error and not a variant left out, because metrics of two machines must not differ by what is installed there.
    """
    missing = [variant for variant in variants if is_gguf(variant)]
    if missing and not is_available():
        raise VariantError(
            f"evaluate.variants = {missing[0]}: llama-cpp-python is not installed; "
            "pip install -r requirements-llama.txt, or take it off the list"
        )


def open_variant(variant: str, entry: ModelEntry, *, device: str, attention: str, threads: int) -> Answerer:
    """The model that answers as `variant`: `base` is `entry` untouched, the others are what merge and quantize made of it.

    `device` and `attention` are runtime's; `threads` is for llama.cpp, which always runs on the CPU here. Raises LoadingError or
    ExportError for what is not there.
    """
    if is_gguf(variant):
        gguf = QUANTIZED / "gguf"
        language, vision = gguf / f"model-{variant.removeprefix('gguf-')}.gguf", gguf / "mmproj-f16.gguf"
        return GGUFAnswerer(language, vision, load_processor(moved(entry, MERGED)), threads=threads)
    return open_model(
        moved(entry, _FOLDERS[variant]) if variant in _FOLDERS else entry, device=device, attention=attention
    )


def familiarity_of(variant: str) -> Familiarity | None:
    """What the variant's folder says of the pictures it was made for, if it says anything."""
    return read_familiarity(_FOLDERS[variant]) if variant in _FOLDERS else None


def open_model(entry: ModelEntry, *, device: str, attention: str, adapter: Path | None = None) -> TransformersAnswerer:
    """A model and its processor, ready to answer: in bf16 on a GPU, else in fp32 (see diagramlens.inference).

    A 4-bit folder stays packed on a GPU. On a CPU its weights are unpacked once, instead of at every step: then it takes the time and the
    memory that the model took before it was quantised.
    """
    place = pick_device(device)
    half = place.type == "cuda" and (has_bf16_matmul(place) or is_quantized(entry))
    dtype = torch.bfloat16 if half else torch.float32
    model = load_model(entry, device=place, dtype=dtype, adapter=adapter, attention=attention)
    return TransformersAnswerer(model, load_processor(entry))


def is_quantized(entry: ModelEntry) -> bool:
    """Whether the entry is a folder whose weights were saved in 4 bits."""
    config = Path(entry.source) / "config.json"
    return (
        entry.is_local and config.is_file() and "quantization_config" in json.loads(config.read_text(encoding="utf-8"))
    )


def moved(entry: ModelEntry, folder: Path) -> ModelEntry:
    """The same model's entry in params.yaml, its weights being in a folder."""
    # Without a sign that it is a path, `a/b` would be read as a model of the hub.
    path = str(folder) if folder.is_absolute() or str(folder).startswith("models/") else f"./{folder}"
    return entry.model_copy(update={"source": path, "revision": None})
