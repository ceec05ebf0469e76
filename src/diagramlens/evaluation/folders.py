"""A model folder given on the command line: which family it is of, and whether it is a whole model or an adapter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagramlens.evaluation.variants import moved, open_model
from diagramlens.inference import TransformersAnswerer
from diagramlens.models.families import FAMILIES
from diagramlens.models.loading import ADAPTER_BASE_FILE
from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError


class FolderError(DiagramLensError):
    """A folder that holds no model which can be asked."""


def open_folder(folder: Path, *, device: str = "auto", attention: str = "auto") -> TransformersAnswerer:
    """The model in a folder, ready to answer: a base, a merged or 4-bit copy, or an adapter, which is put on the base it was made for.

    Raises FolderError or LoadingError in one line for anything else.
    """
    about = folder / ADAPTER_BASE_FILE
    if not about.is_file():
        return open_model(_entry(folder), device=device, attention=attention)
    base = _read_json(about)
    if base.get("revision") is not None:
        raise FolderError(
            f"{folder}: an adapter for {base.get('source')} of the hub; run the merge stage and take models/merged instead"
        )
    return open_model(_entry(Path(str(base.get("source")))), device=device, attention=attention, adapter=folder)


def _entry(folder: Path) -> ModelEntry:
    """The entry that params.yaml would have for this folder, its pixel budget being the folder's own."""
    if not (folder / "config.json").is_file():
        hint = (
            "llama.cpp files are asked by the evaluate stage alone"
            if list(folder.glob("*.gguf"))
            else "expected config.json and safetensors"
        )
        raise FolderError(f"{folder}: {'no model there' if folder.is_dir() else 'no such folder'}; {hint}")
    kind = _read_json(folder / "config.json").get("model_type")
    known = {model_type: name for name, family in FAMILIES.items() for model_type in family.architectures}
    if kind not in known:
        raise FolderError(f"{folder}: a model of type {kind!r}; known are: {', '.join(known)}")
    smallest, largest = _pixel_budget(folder)
    entry = ModelEntry(
        family=known[kind],  # type: ignore[arg-type]  # one of the names that the schema lists
        source="models/base",
        revision=None,
        min_pixels=smallest,
        max_pixels=largest,
        micro_batch=1,
        rate_scale=1.0,
        four_bit=False,
        gradient_checkpointing=False,
    )
    return moved(entry, folder)


def _pixel_budget(folder: Path) -> tuple[int, int]:
    """Smallest and largest area of a picture in pixels, as the folder's image processor has it."""
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        raise FolderError(f"{folder}: no preprocessor_config.json there, so the size of its pictures is not known")
    settings = _read_json(path)
    size = settings.get("size") or {}
    if "longest_edge" in size and "shortest_edge" not in size:
        # SmolVLM scales the longer edge of every picture to this length, and its budget is that edge squared.
        return size["longest_edge"] ** 2, size["longest_edge"] ** 2
    # Folders of before transformers 4.50 have min_pixels and max_pixels.
    smallest, largest = (
        size.get(new) or settings.get(old)
        for new, old in (("shortest_edge", "min_pixels"), ("longest_edge", "max_pixels"))
    )
    if not (isinstance(smallest, int) and isinstance(largest, int)):
        raise FolderError(f"{path}: no size.shortest_edge and size.longest_edge (or min_pixels and max_pixels) there")
    return smallest, largest


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise FolderError(f"{path}: not JSON; the folder was not written to its end") from error
    if not isinstance(content, dict):
        raise FolderError(f"{path}: a JSON object is expected")
    return content
