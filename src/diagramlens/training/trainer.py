"""TRL's SFTTrainer, taught what our phases need.

TRL and transformers run the loop: accumulation, clipping, mixed precision, schedules, devices, trackers, resuming. What is ours:

- the loss: the mean over all supervised tokens of an optimiser step, whatever its division into micro-batches or packed rows, with
  logits computed at supervised positions only (TRL's fused head scores every position where there is no Triton: on a CPU that is most of
  a step);
- the order of samples: picture by picture, shuffled by seed and epoch, the same after a resume;
- the parameter groups: each component at its own rate;
- evaluations: the validation loss, a mean over tokens, and the accuracy of a sample of answers, where wanted;
- the curves of each component: its rate, its gradient's norm, its weights' norm;
- checkpoints that hold every trained weight, not only LoRA;
- an end where a loss, a gradient or a weight is infinite or no number (see finite);
- what loads the batches (see loaders), and the same from several processes as from one (see shares).
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import torch
from datasets import Dataset
from safetensors.torch import load_file
from torch import nn
from torch.utils.data import DataLoader, Sampler, SequentialSampler
from transformers import PrinterCallback, TrainerCallback, TrainerState
from transformers.trainer import TRAINER_STATE_NAME
from trl.trainer.sft_config import SFTConfig
from trl.trainer.sft_trainer import SFTTrainer

from diagramlens.models.loading import put_weights
from diagramlens.training.callbacks import Bar, BestBy, Conductor, Progress, Timetable
from diagramlens.training.checkpoints import WEIGHTS, PhaseCheckpoints, read_progress, write_weights
from diagramlens.training.curves import component_figures
from diagramlens.training.finite import not_finite, stop
from diagramlens.training.generation import Sample, generation_metrics
from diagramlens.training.gradients import check_loss, fill_gradients, shows_pictures
from diagramlens.training.loaders import count_batches, deal, row_loader
from diagramlens.training.loss import summed_loss
from diagramlens.training.optimizers import OptimizerName, build_optimizer
from diagramlens.training.order import ByPicture
from diagramlens.training.packing import rows_of, silent
from diagramlens.training.phases import ParameterGroup, trained_weights
from diagramlens.training.processes import whole
from diagramlens.training.shares import Shared


class PhaseTrainer(SFTTrainer):
    """One phase of a recipe. Its arguments beside SFTTrainer's:

    `prepare` is called once TRL has set the model up, to switch gradients on, and gives the parameters with their rates (TRL casts
    whatever requires gradients over a 4-bit base to bf16: give it a model in which nothing does); `order` is that of the training
    samples, `questions` are their ids; `batch` is the effective batch; `sample` the questions to answer at each evaluation; `checkpoints`
    where a killed phase resumes from; `cores` how many this process and those that load for it may use; `watchers` further callbacks.
    With several processes both data sets end in the filler row (see shares).
    """

    # transformers allows None there: for models made by a function, before training, without a processor
    model: Any
    optimizer: Any
    processing_class: Any

    def __init__(
        self,
        *,
        args: SFTConfig,
        prepare: Callable[[nn.Module], list[ParameterGroup]],
        order: ByPicture,
        questions: Sequence[str],
        batch: int,
        evaluations: int,
        saves: int,
        best_by: BestBy,
        patience: int | None,
        sample: Sample,
        optimizer: OptimizerName,
        checkpoints: PhaseCheckpoints,
        cores: int,
        progress_bar: bool,
        watchers: Sequence[TrainerCallback] = (),
        **named: Any,
    ) -> None:
        # One process drives one GPU. With several in view transformers would take DataParallel, which TRL refuses.
        args._n_gpu = min(args.n_gpu, 1)
        super().__init__(args=args, **named)
        self.model_accepts_loss_kwargs = True  # so that the trainer counts the supervised tokens of a whole step
        self.loss_is_scaled_for_ga: Any = True
        self._groups = prepare(self.model)
        self._trained = {group.component for group in self._groups}
        self._seen = False  # whether a row since the last step showed a picture
        self._optimizer_name = optimizer
        self._order = order
        self._questions = questions
        self._losses: list[torch.Tensor] = []  # of the micro-batches since the last step
        self._sample = sample
        self._patience = patience
        self._figures: dict[str, float] = {}
        self._workers = self._deal(cores)
        self._validation_loader: Any = None
        self.checkpoints = checkpoints
        self.progress = Progress()
        self.remove_callback(PrinterCallback)
        steps = math.ceil(math.ceil(len(order) / batch) * self.args.num_train_epochs)
        self._timetable = Timetable.of(steps, evaluations, saves)
        self.add_callback(Conductor(self, self._timetable, best_by, patience))
        if progress_bar:
            self.add_callback(Bar(self))
        for watcher in watchers:
            self.add_callback(watcher)

    def run(self) -> dict[str, torch.Tensor]:
        """Train, from the latest complete checkpoint where there is one. Returns the trained weights of the best evaluation."""
        with self.accelerator.main_process_first():  # it removes incomplete ones
            latest = self.checkpoints.latest()
        if latest is not None:
            self.progress = Progress(**read_progress(latest))
            put_weights(self.model, load_file(latest / WEIGHTS), str(latest / WEIGHTS))
        if latest is not None and self.progress.has_waited(self._patience):
            # Killed when it had ended, and its result was not kept yet.
            self.state = TrainerState.load_from_json(str(latest / TRAINER_STATE_NAME))
        else:
            self.train(resume_from_checkpoint=str(latest) if latest is not None else None)
        # Takes accelerate's autocast off the model's forward, and what waits for other processes off its gradients, for the phase that
        # comes next.
        self.accelerator.unwrap_model(self.model, keep_fp32_wrapper=False)
        self.model_wrapped = self.model
        self._validation_loader = None
        self.callback_handler.train_dataloader = None  # the last that holds it, and the processes that load for it
        self.accelerator.free_memory()
        self.accelerator.wait_for_everyone()  # for the main process to have written the file
        weights = load_file(self.checkpoints.best_file(self.progress.best_step))
        self.accelerator.wait_for_everyone()  # for all to have read it: the main process is about to take it away
        return weights

    def keep_best(self, step: int) -> None:
        """Keep the trained weights as they are now, after that step, as the best."""
        weights = self._trained_weights()
        if self.args.should_save:
            write_weights(self.checkpoints.best_file(step), weights)

    def _trained_weights(self) -> dict[str, torch.Tensor]:
        weights = trained_weights(self.model)
        if lost := not_finite(weights):
            stop(f"a weight of {lost[0]}", self.args.run_name or "", self.state.global_step)
        return weights

    # ---- the loss

    def training_step(
        self, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: torch.Tensor | int | None = None
    ) -> torch.Tensor:
        """Forward and backward of a micro-batch, one packed row after the other, their gradients added up. Returns the sum of losses.

        Raises NotFiniteError, in all processes, where the losses of a step are not finite in any of them.
        """
        rows, state = self._rows(inputs), self.accelerator.gradient_state
        last = self.accelerator.sync_gradients  # whether the optimiser steps after this micro-batch
        losses = []
        for number, row in enumerate(rows, 1):
            finished = number == len(rows)
            # Processes add up their gradients once; DeepSpeed reads from the state alone when that is.
            state._set_sync_gradients(last and finished)
            waits = not finished and not self.is_deepspeed_enabled
            with self.accelerator.no_sync(model) if waits else contextlib.nullcontext():
                losses.append(super().training_step(model, row, num_items_in_batch))
        loss = torch.stack(losses).sum()
        self._losses.append(loss)
        if last:
            self._check_losses()
        return loss

    def _check_losses(self) -> None:
        total = self.accelerator.reduce(torch.stack(self._losses).sum(), reduction="sum")
        self._losses.clear()
        if not total.isfinite():
            self._stop("the loss")

    def _stop(self, what: str) -> NoReturn:
        step = self.state.global_step + 1  # the one that is under way
        asked = [self._questions[row] for row in self._order.batch_of(step)]
        stop(what, self.args.run_name or "", step, asked)

    def _rows(self, inputs: dict[str, Any]) -> list[dict[str, Any]]:
        """What goes through the model at once, equally often in all processes, since each pass is computed by all of them together."""
        rows = rows_of(inputs)
        if self.accelerator.num_processes > 1:
            own = torch.tensor([len(rows)], device=self.args.device)
            rows += [silent(rows[0])] * (int(self.accelerator.gather(own).max()) - len(rows))
        return rows

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """What transformers estimates for a batch, its packed rows taken together."""
        return sum(super(PhaseTrainer, self).floating_point_ops(row) for row in rows_of(inputs))

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: torch.Tensor | int | None = None,
    ) -> torch.Tensor:
        """Sum of the negative log-likelihoods of this micro-batch, over the supervised tokens of the whole optimiser step."""
        summed, count = summed_loss(model, inputs)
        loss = summed / (num_items_in_batch if num_items_in_batch is not None else count)
        check_loss(loss, inputs, self._trained)
        self._seen |= shows_pictures(inputs)
        if not loss.requires_grad:
            # Rows without a picture, where only what sees is trained: they teach nothing.
            loss.requires_grad_()
        # Several processes: the count is theirs together, and their gradients are averaged.
        return loss * self.accelerator.num_processes

    def evaluate(
        self, eval_dataset: Dataset | None = None, ignore_keys: list[str] | None = None, metric_key_prefix: str = "eval"
    ) -> dict[str, float]:
        """`eval_loss`, the mean negative log-likelihood of a supervised token of the validation set in nats, and what the answers to the
        sample are worth: `eval_accuracy` and the grader's scores. Raises NotFiniteError for a loss that is not finite."""
        self.model.eval()
        total = torch.zeros(2, dtype=torch.float64, device=self.args.device)
        with torch.no_grad():
            for inputs in self.get_eval_dataloader(eval_dataset):
                for row in self._rows(self._prepare_inputs(inputs)):
                    summed, count = summed_loss(self.model, row)
                    total += torch.stack([summed, count]).double()
        total = self.accelerator.reduce(total, reduction="sum")
        loss = float(total[0] / total[1])
        if not math.isfinite(loss):
            stop("the validation loss", self.args.run_name or "", self.state.global_step)
        answered = generation_metrics(
            self.model,
            self.processing_class,
            self._sample,
            self.args.per_device_eval_batch_size,
            self.accelerator,
        )
        measured = {"loss": loss, **answered}
        metrics = {f"{metric_key_prefix}_{name}": value for name, value in measured.items()}
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    # ---- order and rates

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], torch.Tensor | int | None]:
        """The micro-batches of this process for one step, and the number of supervised tokens in those of all processes."""
        batches, count = super().get_batch_samples(epoch_iterator, num_batches, device)
        self.progress.supervised_tokens += int(count or 0)
        return batches, count

    def begin_epoch(self, epoch: int) -> None:
        """Have the order of that epoch. (accelerate does not reach the sampler of several processes in an epoch that is resumed.)"""
        self._order.set_epoch(epoch)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """The training rows' batches of this process, epoch by epoch."""
        order, batch = self._get_train_sampler(), self.args.per_device_train_batch_size
        return self._loader(self.train_dataset, order, batch, self._workers[0])

    def get_eval_dataloader(self, eval_dataset: Any = None) -> DataLoader[Any]:
        """The validation rows' batches of this process, the same at every evaluation."""
        if self._validation_loader is None:
            rows = self.eval_dataset
            order, batch = self._get_eval_sampler(rows), self.args.per_device_eval_batch_size
            self._validation_loader = self._loader(rows, order, batch, self._workers[1])
        return self._validation_loader

    def _loader(self, rows: Any, order: Sampler[int], batch: int, workers: int) -> Any:
        pinned = self.args.device.type == "cuda"
        return self.accelerator.prepare(row_loader(rows, order, batch, self.data_collator, workers, pinned=pinned))

    def _deal(self, cores: int) -> tuple[int, int]:
        processes = self.args.world_size
        training = count_batches(self._get_train_sampler(), self.args.per_device_train_batch_size, processes)
        validation = self._get_eval_sampler(self.eval_dataset)
        return deal(cores, training, count_batches(validation, self.args.per_device_eval_batch_size, processes))

    def _get_train_sampler(self, train_dataset: Dataset | None = None) -> Sampler[int]:
        return self._shared(self._order, self.args.per_device_train_batch_size)

    def _get_eval_sampler(self, eval_dataset: Dataset) -> Sampler[int]:
        rows = len(eval_dataset) - (self.args.world_size > 1)
        return self._shared(SequentialSampler(range(rows)), self.args.per_device_eval_batch_size)

    def _shared(self, order: Any, micro_batch: int) -> Sampler[int]:
        processes = self.args.world_size
        return order if processes == 1 else Shared(order, filler=len(order), share=micro_batch * processes)

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """The one that `train.optimizer` names, over the phase's parameter groups."""
        if self.optimizer is None:
            self.optimizer = build_optimizer(self._optimizer_name, self._groups)
        return self.optimizer

    # ---- curves

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        # The last moment at which gradients are whole, and the rates still those of this step. (DeepSpeed keeps gradients to itself.)
        if not self.is_deepspeed_enabled:
            groups = self.optimizer.param_groups
            fill_gradients(groups, self._seen)
            self._seen = False
            if self.state.global_step + 1 in self._timetable.points:
                self._figures = component_figures(groups)
        norm = super()._clip_grad_norm(model)
        # FSDP gives a part of it, and DeepSpeed a number or nothing.
        if norm is not None and not math.isfinite(whole(norm) if isinstance(norm, torch.Tensor) else norm):
            self._stop("the gradient")
        return norm

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, for the curves and a tracker; the components' figures go with the training loss."""
        if "loss" in logs:
            logs |= self._figures
        super().log(logs, start_time)

    # ---- checkpoints

    def create_model_card(self, *_: Any, **__: Any) -> None:
        """None: a model card holds versions and dates."""

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Write the trained weights into a checkpoint's folder."""
        folder = Path(output_dir or self.args.output_dir or ".")
        weights = self._trained_weights()
        if self.args.should_save:
            folder.mkdir(parents=True, exist_ok=True)
            write_weights(folder / WEIGHTS, weights)
        self.accelerator.wait_for_everyone()  # each process puts its random state beside them

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self.checkpoints.complete(self.state.global_step, dataclasses.asdict(self.progress))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: nn.Module | None = None) -> None:
        """Nothing: `run` has put the weights where they belong before the model was dealt among processes."""
