"""Checkpoints that a killed training resumes from, and that nothing mistakes for finished ones.

A training has one folder, named by what it depends on (parameters, inputs, code), and in it one folder for each phase:

    checkpoints/<fingerprint>/0-language/checkpoint-120/…        what the trainer needs to go on after step 120
    checkpoints/<fingerprint>/0-language/best-96.safetensors     the trained weights with the lowest validation loss so far
    checkpoints/<fingerprint>/0-language/finished.safetensors    the phase's result, with finished.json

A folder counts once it holds the file `complete`, which is written last; a file counts once it has its name, which it gets by a
rename. Everything else is removed at the next start.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

COMPLETE = "complete"
WEIGHTS = "trained.safetensors"
PROGRESS = "progress.json"


def write_weights(path: Path, weights: Mapping[str, torch.Tensor]) -> None:
    """Write tensors, in the order of their names, so that the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    save_file({name: weights[name].contiguous() for name in sorted(weights)}, partial, metadata={"format": "pt"})
    partial.replace(path)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON so that the file appears whole or not at all."""
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(path)


class PhaseCheckpoints:
    """The checkpoints of one phase, in a folder that is this process's alone."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def step_folder(self, step: int) -> Path:
        """Where the trainer writes the checkpoint after that step. The name is transformers'."""
        return self.folder / f"checkpoint-{step}"

    def complete(self, step: int, progress: Mapping[str, Any]) -> None:
        """Mark the checkpoint of that step complete, then drop older ones and best weights that no checkpoint refers to."""
        own = self.step_folder(step)
        write_json(own / PROGRESS, progress)
        (own / COMPLETE).touch()
        for other in self.folder.glob("checkpoint-*"):
            if other != own:
                shutil.rmtree(other)
        for weights in self.folder.glob("best-*.safetensors"):
            if weights != self.best_file(progress["best_step"]):
                weights.unlink()

    def latest(self) -> Path | None:
        """The newest complete checkpoint; incomplete ones are removed. None where there is none."""
        found = []
        for folder in self.folder.glob("checkpoint-*"):
            if (folder / COMPLETE).is_file():
                found.append((int(folder.name.rpartition("-")[2]), folder))
            else:
                shutil.rmtree(folder)
        return max(found)[1] if found else None

    def best_file(self, step: int | None) -> Path:
        """Where the trained weights of the best evaluation lie, which was after that step."""
        return self.folder / f"best-{step}.safetensors"

    def finish(self, weights: Mapping[str, torch.Tensor], summary: Mapping[str, Any]) -> None:
        """Keep the phase's result, for a training that is killed in a later phase; its checkpoints go."""
        write_weights(self.folder / "finished.safetensors", weights)
        write_json(self.folder / "finished.json", summary)
        for folder in self.folder.glob("checkpoint-*"):
            shutil.rmtree(folder)
        for best in self.folder.glob("best-*.safetensors"):
            best.unlink()

    def finished(self) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
        """Weights and summary of the phase where it has finished, else None."""
        try:
            summary = json.loads((self.folder / "finished.json").read_text(encoding="utf-8"))
            return load_file(self.folder / "finished.safetensors"), summary
        except (FileNotFoundError, SafetensorError):
            return None


def read_progress(checkpoint: Path) -> dict[str, Any]:
    """What `complete` was told about a checkpoint."""
    progress: dict[str, Any] = json.loads((checkpoint / PROGRESS).read_text(encoding="utf-8"))
    return progress
