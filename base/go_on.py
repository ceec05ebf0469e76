"""Lets the pretraining go on from the weights in models/base, for those who have no checkpoint of it.

Append phases to params.yaml, run `python base/go_on.py`, then `make base`: the checkpoint that is written stands at the end of the phases
that models/base has been through, and only the new ones are run. Adam's moments and the dense heads are not in models/base and begin
anew, so the first new phase wants a rate that rises, and one that teaches the heads some time.
"""

from __future__ import annotations

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from transformers import Qwen2VLForConditionalGeneration

from curve import read_curve
from learner import Pretraining
from pretrain import HERE, MODEL_FOLDER, checkpoint_path
from settings import load_settings


def begun(settings: dict[str, Any], folder: Path, pictures: int) -> Pretraining:
    """A pretraining that stands where the model in `folder` does, after so many pictures. Raises ValueError where no phase ends there."""
    phases, size = settings["pretrain"]["phases"], settings["pretrain"]["batch"]
    if pictures not in accumulate(phase["pictures"] for phase in phases):
        raise ValueError(
            f"{folder} has seen {pictures} pictures, and no phase of params.yaml ends there: append to those it has been through"
        )
    run = Pretraining(settings, torch.device("cpu"))
    run.model.load_state_dict(Qwen2VLForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).state_dict())
    run.batches_seen = pictures // size
    return run


def main() -> None:
    settings = load_settings()
    pictures = json.loads((HERE / "metrics.json").read_text(encoding="utf-8"))["pictures"]
    try:
        run = begun(settings, MODEL_FOLDER, pictures)
    except ValueError as error:
        raise SystemExit(str(error)) from error
    run.curve = read_curve(HERE / "learning_curve.csv")
    run.save(checkpoint_path(settings))
    print(
        f"{checkpoint_path(settings).name} stands at {pictures} of {run.schedule.pictures} pictures; make base goes on"
    )


if __name__ == "__main__":
    main()
