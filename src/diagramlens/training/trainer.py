"""TRL's SFTTrainer, taught what our phases need.

TRL and transformers run the loop: accumulation, clipping, mixed precision, schedules, devices, trackers, resuming. What is ours:

- the loss: the mean over all supervised tokens of an optimiser step, whatever its division into micro-batches, with logits computed
  at supervised positions only (TRL's fused head scores every position where there is no Triton: on a CPU that is most of a step);
- the order of samples: batches of like length, shuffled by seed and epoch, the same after a resume;
- the parameter groups: each component at its own rate;
- evaluations at evenly spaced steps, the validation loss being a mean over tokens, and the best weights kept;
- checkpoints that hold every trained weight, not only LoRA.
"""

from __future__ import annotations

import dataclasses
import math
import random
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional
from torch.utils.data import Sampler
from tqdm import tqdm
from transformers import PrinterCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.modeling_outputs import BaseModelOutputWithPooling
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from diagramlens.models.loading import put_weights
from diagramlens.training.checkpoints import WEIGHTS, PhaseCheckpoints, read_progress, write_weights
from diagramlens.training.conversation import IGNORED
from diagramlens.training.phases import ParameterGroup, trained_weights

CURVE_POINTS = 200


def evenly(total: int, times: int) -> set[int]:
    """`times` of the steps 1 … total, evenly spaced and ending with the last.

    >>> sorted(evenly(10, 4))
    [3, 5, 8, 10]
    """
    times = min(times, total)
    return {math.ceil(total * index / times) for index in range(1, times + 1)}


class LikeLengths(Sampler[int]):
    """Sample indices such that each effective batch holds samples of like length, in an order drawn from seed and epoch.

    Samples are shuffled, cut into windows of 16 batches, sorted by length inside a window, and the batches shuffled again. An incomplete
    batch comes last. The order depends on the effective batch only, not on its division into micro-batches.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths = lengths
        self._batch = batch
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the trainer calls this, also when it resumes."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = random.Random(f"{self._seed} {self._epoch}")
        order = list(range(len(self._lengths)))
        draw.shuffle(order)
        window = 16 * self._batch
        batches: list[list[int]] = []
        for start in range(0, len(order), window):
            near = sorted(order[start : start + window], key=lambda index: self._lengths[index])
            batches += [near[place : place + self._batch] for place in range(0, len(near), self._batch)]
        whole = [group for group in batches if len(group) == self._batch]
        draw.shuffle(whole)
        rest = [group for group in batches if len(group) < self._batch]
        return iter([index for group in whole + rest for index in group])


@dataclasses.dataclass
class Progress:
    """What a phase has come to: written into every checkpoint."""

    best_loss: float = math.inf
    best_step: int | None = None
    evaluations_without_gain: int = 0
    supervised_tokens: int = 0


class PhaseTrainer(SFTTrainer):
    """One phase of a recipe. Its arguments beside SFTTrainer's:

    `groups` are the parameters with their rates; `lengths` the training samples' numbers of tokens; `batch` the effective batch;
    `checkpoints` where a killed phase resumes from; `prepare` is called once TRL has set the model up, to switch gradients on (TRL
    casts the adapters of a 4-bit base to bf16, which loses small steps, and this casts them back).
    """

    model: Any  # transformers allows None there, for models made by a function

    def __init__(
        self,
        *,
        args: SFTConfig,
        prepare: Callable[[nn.Module], list[ParameterGroup]],
        lengths: Sequence[int],
        batch: int,
        evaluations: int,
        saves: int,
        patience: int | None,
        checkpoints: PhaseCheckpoints,
        progress_bar: bool,
        **named: Any,
    ) -> None:
        # One process drives one GPU. With several in view transformers would take DataParallel, which TRL refuses.
        args._n_gpu = min(args.n_gpu, 1)
        super().__init__(args=args, **named)
        self.model_accepts_loss_kwargs = True  # so that the trainer counts the supervised tokens of a whole step
        self.loss_is_scaled_for_ga: Any = True
        self._groups = prepare(self.model)
        self._order = LikeLengths(lengths, batch, self.args.seed)
        self.checkpoints = checkpoints
        self.progress = Progress()
        self.remove_callback(PrinterCallback)
        steps = math.ceil(math.ceil(len(lengths) / batch) * self.args.num_train_epochs)
        self.add_callback(
            _Timetable(self, evenly(steps, evaluations), evenly(steps, saves), evenly(steps, CURVE_POINTS), patience)
        )
        if progress_bar:
            self.add_callback(_Bar(self))

    def run(self) -> dict[str, torch.Tensor]:
        """Train, from the latest complete checkpoint where there is one. Returns the trained weights with the lowest validation loss."""
        latest = self.checkpoints.latest()
        if latest is not None:
            self.progress = Progress(**read_progress(latest))
        self.train(resume_from_checkpoint=str(latest) if latest is not None else None)
        # Takes accelerate's autocast off the model's forward, for the phase that comes next.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        return load_file(self.checkpoints.best_file(self.progress.best_step))

    # ---- the loss

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Sum of the negative log-likelihoods of this micro-batch, over the supervised tokens of the whole optimiser step."""
        summed, count = self._summed_loss(model, inputs)
        self.progress.supervised_tokens += int(count)
        loss = summed / (num_items_in_batch if num_items_in_batch is not None else count)
        # Several processes: the count is theirs together, and their gradients are averaged.
        return loss * self.accelerator.num_processes

    def _summed_loss(self, model: nn.Module, inputs: dict[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = dict(inputs)
        targets = inputs.pop("labels")[:, 1:]  # (batch, length - 1)
        columns = (targets != IGNORED).any(0).nonzero().flatten()
        targets = targets[:, columns]
        visual = inputs.pop("visual_tokens", None)
        if visual is not None:
            inputs["mm_encoder_outputs"] = {"image": BaseModelOutputWithPooling(pooler_output=cast(Any, (visual,)))}
        logits = model(**inputs, logits_to_keep=columns, use_cache=False).logits.float()  # (batch, columns, vocabulary)
        summed = functional.cross_entropy(
            logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum"
        )
        return summed, (targets != IGNORED).sum()

    def evaluate(
        self, eval_dataset: Dataset | None = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """Mean negative log-likelihood of a supervised token of the validation set, in nats, as `eval_loss`."""
        self.model.eval()
        total = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad():
            for inputs in self.get_eval_dataloader(eval_dataset):
                inputs = self._prepare_inputs(inputs)
                with self.compute_loss_context_manager():
                    summed, count = self._summed_loss(self.model, inputs)
                total += torch.stack([summed, count]).double()
        total = self.accelerator.reduce(total, reduction="sum")
        metrics = {f"{metric_key_prefix}_loss": float(total[0] / total[1])}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    # ---- order and rates

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        return self._order

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """AdamW over the phase's parameter groups."""
        if self.optimizer is None:
            groups = [
                {"params": list(group.parameters), "lr": group.rate, "weight_decay": group.weight_decay}
                for group in self._groups
            ]
            self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=1e-8, fused=True)
        return self.optimizer

    # ---- checkpoints

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a model card holds versions and dates."""

    def _save(self, output_dir: str | None = None, state_dict: Mapping[str, Any] | None = None) -> None:
        folder = Path(output_dir or self.args.output_dir or ".")
        folder.mkdir(parents=True, exist_ok=True)
        write_weights(folder / WEIGHTS, trained_weights(self.model))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.checkpoints.complete(self.state.global_step, dataclasses.asdict(self.progress))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        weights_file = Path(resume_from_checkpoint) / WEIGHTS
        put_weights(self.model, load_file(weights_file), str(weights_file))


class _Timetable(TrainerCallback):
    """Says after which steps to log, evaluate and save, keeps the best weights, and stops when patience is out."""

    def __init__(
        self, trainer: PhaseTrainer, evaluations: set[int], saves: set[int], points: set[int], patience: int | None
    ) -> None:
        self._trainer = trainer
        self._evaluations = evaluations
        self._saves = saves
        self._points = points
        self._patience = patience

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any
    ) -> TrainerControl:
        step = state.global_step
        control.should_log = step in self._points or step in self._evaluations
        control.should_evaluate = step in self._evaluations
        # After the last step the phase is finished, and its result is kept instead.
        control.should_save = step in self._saves and step < state.max_steps
        return control

    def on_evaluate(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **named: Any,
    ) -> TrainerControl:
        progress, loss = self._trainer.progress, named["metrics"]["eval_loss"]
        if loss < progress.best_loss:
            progress.best_loss, progress.best_step, progress.evaluations_without_gain = loss, state.global_step, 0
            write_weights(self._trainer.checkpoints.best_file(state.global_step), trained_weights(self._trainer.model))
        else:
            progress.evaluations_without_gain += 1
        if self._patience is not None and progress.evaluations_without_gain >= self._patience:
            control.should_training_stop = True
        return control


class _Bar(TrainerCallback):
    """A progress bar over steps: time left, supervised tokens a second, the last losses."""

    def __init__(self, trainer: PhaseTrainer) -> None:
        self._trainer = trainer
        self._bar: Any = None
        self._shown: dict[str, str] = {}
        self._tokens_before = 0

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        interval = 0.2 if sys.stderr.isatty() else 30.0
        self._tokens_before = self._trainer.progress.supervised_tokens
        self._bar = tqdm(
            desc="train", total=state.max_steps, initial=state.global_step, unit=" step", mininterval=interval
        )

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        tokens = self._trainer.progress.supervised_tokens - self._tokens_before
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
        for key, name in (("loss", "loss"), ("eval_loss", "validation")):
            if logs and key in logs:
                self._shown[name] = f"{logs[key]:.3f}"

    def on_train_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._bar.close()
