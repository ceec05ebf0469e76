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

from transformers import TrainerCallback, TrainerState, TrainingArguments
from transformers.integrations.integration_utils import (
    DVCLiveCallback,
    MLflowCallback,
    TensorBoardCallback,
    WandbCallback,
)

from diagramlens.training.phases import RecipeError

# mlflow itself wants an older pyarrow than datasets does; its light edition lacks nothing but what its SQLite store needs.
_PACKAGES = {"mlflow": "mlflow-skinny sqlalchemy alembic"}


def check_tracker(name: str) -> None:
    """Raise RecipeError where a tracker's module, which has its name, is not installed."""
    if name != "none" and importlib.util.find_spec(name) is None:
        packages = _PACKAGES.get(name, name)
        raise RecipeError(
            f"runtime.tracker = {name}: that package is not installed; pip install -c constraints.txt {packages}, or set it to none"
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
    """A run for each phase, in a folder of its own: transformers would go on with the first one's, and wandb reads WANDB_DIR but once."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def setup(self, args: TrainingArguments, state: TrainerState, model: Any, **named: Any) -> None:
        if state.is_world_process_zero and self._wandb.run is None:
            project = os.environ.get("WANDB_PROJECT", "diagramlens")
            self._wandb.init(project=project, dir=str(self._folder), name=args.run_name)
        super().setup(args, state, model, **named)

    def on_train_end(self, args: TrainingArguments, state: Any, control: Any, *rest: Any, **named: Any) -> None:
        super().on_train_end(args, state, control, *rest, **named)
        self._wandb.finish()


def _wandb(folder: Path, resumed: bool) -> TrainerCallback:
    return _WandbPhase(folder)


def _mlflow(folder: Path, resumed: bool) -> TrainerCallback:
    import mlflow

    # An address of the user's stays. The one of an earlier phase does not: mlflow puts what it is told into the environment too.
    given = os.environ.get("MLFLOW_TRACKING_URI")
    if not given or given.startswith(f"sqlite:///{folder.parent}/"):
        mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    os.environ.setdefault("MLFLOW_EXPERIMENT_NAME", "diagramlens")
    return MLflowCallback()


class _DvcLivePhase(DVCLiveCallback):
    """DVCLive counts its own steps, one a report; the trainer's are meant."""

    live: Any

    def on_log(self, args: Any, state: Any, control: Any, *rest: Any, **named: Any) -> None:
        self.live.step = state.global_step
        super().on_log(args, state, control, *rest, **named)


def _dvclive(folder: Path, resumed: bool) -> TrainerCallback:
    from dvclive.live import Live

    # Left to itself it writes into dvc.yaml and commits an experiment. The pipeline is ours, and the commit the user's.
    live = Live(dir=str(folder), save_dvc_exp=False, dvcyaml=None, report=None, resume=resumed, cache_images=False)
    return _DvcLivePhase(live=live)
