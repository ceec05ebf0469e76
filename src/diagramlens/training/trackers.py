"""Where the curves can be watched while a training runs: what `runtime.tracker` names, by transformers' own integrations.

A tracker hears of what the trainer logs and has no other part in it. What it writes holds times and hosts, so it goes to a folder of its
own that neither Git nor DVC looks at, one for each phase of a training; addresses and keys come from the environment.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path
from typing import Any

from transformers import TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import (
    DVCLiveCallback,
    MLflowCallback,
    TensorBoardCallback,
    WandbCallback,
)

from diagramlens.training.phases import RecipeError


def check_tracker(name: str) -> None:
    """Raise RecipeError where a tracker's package, which has its name, is not installed."""
    if name != "none" and importlib.util.find_spec(name) is None:
        raise RecipeError(
            f"runtime.tracker = {name}: that package is not installed; pip install {name}, or set it to none"
        )


def tracker(name: str, folder: Path, phase: str, resumed: bool) -> TrainerCallback | None:
    """The callback that reports a phase, its files in `folder`/<phase>; None for `none`.

    A phase that starts anew removes what an earlier run of the very same training left there.
    """
    if name == "none":
        return None
    own = (folder / phase).resolve()
    if not resumed and own.exists():
        shutil.rmtree(own)
    own.mkdir(parents=True, exist_ok=True)
    return {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow, "dvclive": _dvclive}[name](own, resumed)


def _tensorboard(folder: Path, resumed: bool) -> TrainerCallback:
    from torch.utils.tensorboard import SummaryWriter

    return TensorBoardCallback(SummaryWriter(log_dir=str(folder)))


class _WandbPhase(WandbCallback):
    """A run for each phase: transformers would go on with the first phase's."""

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, *rest: Any, **named: Any) -> None:
        super().on_train_end(args, state, control, *rest, **named)
        self._wandb.finish()


def _wandb(folder: Path, resumed: bool) -> TrainerCallback:
    os.environ["WANDB_DIR"] = str(folder)
    os.environ.setdefault("WANDB_PROJECT", "diagramlens")
    return _WandbPhase()


def _mlflow(folder: Path, resumed: bool) -> TrainerCallback:
    os.environ.setdefault("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "diagramlens")
    return MLflowCallback()


class _DvcLivePhase(DVCLiveCallback):
    """DVCLive counts its own steps, one a report; the trainer's are meant."""

    live: Any

    def on_log(self, args: Any, state: Any, control: Any, *rest: Any, **named: Any) -> None:
        self.live.step = state.global_step
        super().on_log(args, state, control, *rest, **named)


def _dvclive(folder: Path, resumed: bool) -> TrainerCallback:
    from dvclive import Live

    # Left to itself it writes into dvc.yaml and commits an experiment. The pipeline is ours, and the commit the user's.
    live = Live(dir=str(folder), save_dvc_exp=False, dvcyaml=None, report=None, resume=resumed, cache_images=False)
    return _DvcLivePhase(live=live)
