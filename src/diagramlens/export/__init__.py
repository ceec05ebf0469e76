"""What leaves the house: the adapter merged into its base, the merged model in 4 bits, and GGUF files for llama.cpp."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from diagramlens.records import DiagramLensError


class ExportError(DiagramLensError):
    """A model that cannot be exported as asked. The message names the file, tensor or number, and what would be right."""


def weight_bytes(*places: Path) -> int:
    """The size on disk, in bytes, of the weights alone: of GGUF files, and of the safetensors of model folders."""
    return sum(file.stat().st_size for place in places for file in _weight_files(place))


def _weight_files(place: Path) -> Iterable[Path]:
    return place.glob("*.safetensors") if place.is_dir() else [place]
