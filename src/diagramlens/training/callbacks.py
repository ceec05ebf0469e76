"""What happens between the steps of a phase: logging, evaluating and saving at evenly spaced steps, the best weights, the progress bar."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Mapping
from typing import Any, Literal, Protocol

from torch import nn
from tqdm import tqdm
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

CURVE_POINTS = 200

BestBy = Literal["loss", "accuracy"]


def evenly(total: int, times: int) -> set[int]:
    """`times` of the steps 1 … total, evenly spaced and ending with the last.

    >>> sorted(evenly(10, 4))
    [3, 5, 8, 10]
    """
    times = min(times, total)
    return {math.ceil(total * index / times) for index in range(1, times + 1)}


@dataclasses.dataclass
class Progress:
    """What a phase has come to: written into every checkpoint. Loss and accuracy are those of the best evaluation."""

    best_loss: float = math.inf
    best_accuracy: float | None = None
    best_step: int | None = None
    evaluations_without_gain: int = 0
    supervised_tokens: int = 0

    def take(self, step: int, metrics: Mapping[str, float], by: BestBy) -> bool:
        """Note an evaluation; whether it is the best so far. Of equally accurate ones the lower loss is better: small samples often tie."""
        loss, accuracy = metrics["eval_loss"], metrics.get("eval_accuracy")
        better = loss < self.best_loss
        if by == "accuracy" and self.best_step is not None:
            assert accuracy is not None and self.best_accuracy is not None
            better = (accuracy, -loss) > (self.best_accuracy, -self.best_loss)
        if better:
            self.best_step, self.best_loss, self.best_accuracy = step, loss, accuracy
        self.evaluations_without_gain = 0 if better else self.evaluations_without_gain + 1
        return better

    def has_waited(self, patience: int | None) -> bool:
        """Whether patience has run out: so many evaluations were no gain."""
        return patience is not None and self.evaluations_without_gain >= patience


class Phase(Protocol):
    """What the callbacks need of the trainer."""

    model: nn.Module
    progress: Progress

    def keep_best(self, step: int) -> None:
        """Keep the weights as they are now as the best."""

    def begin_epoch(self, epoch: int) -> None:
        """Have the order of that epoch."""


@dataclasses.dataclass(frozen=True)
class Timetable:
    """After which steps of a phase (the first is 1) to log the curves, evaluate and save."""

    points: frozenset[int]
    evaluations: frozenset[int]
    saves: frozenset[int]

    @staticmethod
    def of(steps: int, evaluations: int, saves: int) -> Timetable:
        """Evenly spaced over a phase of `steps` steps."""
        evaluated = frozenset(evenly(steps, evaluations))
        return Timetable(frozenset(evenly(steps, CURVE_POINTS)) | evaluated, evaluated, frozenset(evenly(steps, saves)))


class Conductor(TrainerCallback):
    """Follows the timetable, keeps the best weights, and stops when patience is out."""

    def __init__(self, phase: Phase, timetable: Timetable, best_by: BestBy, patience: int | None) -> None:
        self._phase = phase
        self._timetable = timetable
        self._best_by = best_by
        self._patience = patience

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._phase.begin_epoch(int(state.epoch or 0))

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        step = state.global_step
        control.should_log = step in self._timetable.points
        control.should_evaluate = step in self._timetable.evaluations
        # After the last step the phase is finished, and its result is kept instead.
        control.should_save = step in self._timetable.saves and step < state.max_steps
        return control

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **named: Any,
    ) -> TrainerControl:
        """Keep the weights of the best evaluation so far; stop where patience has run out."""
        progress = self._phase.progress
        if progress.take(state.global_step, named["metrics"], self._best_by):
            self._phase.keep_best(state.global_step)
        if progress.has_waited(self._patience):
            control.should_training_stop = True
        return control


class Bar(TrainerCallback):
    """A progress bar over steps: time left, supervised tokens a second, the last losses and accuracy."""

    _SHOWN = (("loss", "loss"), ("eval_loss", "validation"), ("eval_accuracy", "accuracy"))

    def __init__(self, phase: Phase) -> None:
        self._phase = phase
        self._bar: Any = None
        self._shown: dict[str, str] = {}
        self._tokens_before = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        interval = 0.2 if sys.stderr.isatty() else 30.0
        self._tokens_before = self._phase.progress.supervised_tokens
        self._bar = tqdm(
            desc="train", total=state.max_steps, initial=state.global_step, unit=" step", mininterval=interval
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        tokens = self._phase.progress.supervised_tokens - self._tokens_before
        self._shown["tok/s"] = f"{tokens / max(self._bar.format_dict['elapsed'], 1e-9):.0f}"
        self._bar.set_postfix(self._shown, refresh=False)
        self._bar.update(state.global_step - self._bar.n)

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, float] | None = None,
        **_: Any,
    ) -> None:
        for key, name in self._SHOWN:
            if logs and key in logs:
                self._shown[name] = f"{logs[key]:.3f}"

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.close()
