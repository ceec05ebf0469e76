"""What the pretraining is worth: the selected recipe once more, over a model of the same size that was never trained.

`make control` runs this. It writes the untrained model to models/untrained, lets an experiment of that model run in a copy of the committed
tree (`dvc exp run --temp`, from train on), and sets its accuracies beside those of the committed run, in base/control.json and in the model
card.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import dvc.api
import torch

from card import write_card
from corpus import sample
from diagramlens.models.scratch import save_model_folder
from diagramlens.runtime import replaced
from learner import Pretraining
from pretrain import MODEL_FOLDER, ROOT
from schedule import Schedule
from settings import load_settings

UNTRAINED = ROOT / "models" / "untrained"
RESULT = Path(__file__).parent / "control.json"
EXPERIMENT = "untrained-base"
METRICS = "metrics/metrics.json"


def write_untrained(settings: dict[str, Any], folder: Path) -> None:
    """Write the model as the pretraining finds it at its start, processor included; a folder that is there is replaced."""
    start = Pretraining(settings, torch.device("cpu"))
    with replaced(folder) as unfinished:
        save_model_folder(start.model, start.processor, unfinished)


def beside(pretrained: dict[str, Any], untrained: dict[str, Any]) -> dict[str, Any]:
    """Overall figures of both models, before and after fine-tuning; arguments are contents of metrics.json."""
    return {
        name: {variant: metrics[variant]["overall"] for variant in ("base", "merged")}
        for name, metrics in (("pretrained", pretrained), ("untrained", untrained))
    }


def main() -> None:
    settings = load_settings()
    write_untrained(settings, UNTRAINED)
    # An experiment in a copy of the tree sees what is committed, and no model that is not: hence the absolute path.
    command = ["dvc", "exp", "run", "--temp", "--force", "--downstream", "train", "--name", EXPERIMENT]
    changed = [f"models.base.source={UNTRAINED}", f"model_folder={UNTRAINED}", "evaluate.variants=[base,merged]"]
    overrides = [word for override in changed for word in ("--set-param", override)]
    subprocess.run([*command, *overrides], cwd=ROOT, check=True)
    metrics = {rev: dvc.api.metrics_show(METRICS, repo=str(ROOT), rev=rev) for rev in ("HEAD", EXPERIMENT)}
    found = beside(metrics["HEAD"], metrics[EXPERIMENT])
    RESULT.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    rewrite_card(settings, found)
    print(
        f"{RESULT.relative_to(ROOT)} and the card of models/base, which no stage reads, have the untrained model beside the pretrained one"
    )


def rewrite_card(settings: dict[str, Any], control: dict[str, Any]) -> None:
    """Write the card of models/base again, now with the control. Everything else in it stays as the pretraining wrote it."""
    summary = json.loads((RESULT.parent / "metrics.json").read_text(encoding="utf-8"))
    phases = Schedule(settings["pretrain"]["phases"], settings["pretrain"]["warmup"])
    example = sample(0, settings["corpus"], phases.domain, "validation").description
    write_card(MODEL_FOLDER / "README.md", settings, example, summary, control)


if __name__ == "__main__":
    main()
