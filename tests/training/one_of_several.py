"""A training as one process of several: `python -m tests.training.one_of_several JOB OUT`, its place given by torchrun's variables."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from diagramlens.params import Lora, ModelEntry, Phase, Train
from diagramlens.records import Question
from diagramlens.training import trainer
from diagramlens.training.conversation import Pictures
from diagramlens.training.processes import is_main
from diagramlens.training.recipe import Machine, train_recipe
from tests.training.spoiling import spoil


def run(job: dict[str, Any], where: Path) -> None:
    """Train what `job` says; adapter, metrics and curves appear in `where`."""
    out = where / "adapter"
    out.mkdir(parents=True, exist_ok=True)
    trained = train_recipe(
        ModelEntry.model_validate(job["entry"]),
        [Phase.model_validate(phase) for phase in job["phases"]],
        Lora.model_validate(job["lora"]),
        Train.model_validate(job["settings"]),
        Machine(device="cpu"),
        training=[Question(**question) for question in job["training"]],
        validation=[Question(**question) for question in job["validation"]],
        pictures=Pictures(Path(job["pictures"])),
        checkpoint_folder=where / "checkpoints",
        out=out,
    )
    if is_main():
        (where / "trained.json").write_text(json.dumps({"metrics": trained.metrics, "curves": trained.curves}))


def read_late(seconds: float) -> None:
    """Have this process read every weights file that much later than the others, as on a slow disk."""
    read = trainer.load_file

    def load_file(*arguments: Any) -> dict[str, Any]:
        time.sleep(seconds)
        return read(*arguments)

    trainer.load_file = load_file


if __name__ == "__main__":
    content = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if os.environ["RANK"] == "1":
        read_late(content.get("second_reads_late", 0.0))
    if "spoil_second_at" in content and os.environ["RANK"] == "1":
        spoil(content["spoil_second_at"], pytest.MonkeyPatch())
    if "kill_after" in content:
        from tests.training.killing import Killed, kill_after

        kill_after(content["kill_after"], pytest.MonkeyPatch(), phase=content["phases"][-1]["name"])
        try:
            run(content, Path(sys.argv[2]))
        except Killed:
            sys.exit(9)
    run(content, Path(sys.argv[2]))
