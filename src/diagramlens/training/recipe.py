"""A recipe from its first phase to the adapter folder.

Phases share one model as long as they want the same base. Where one wants it in 4 bits and the next does not, the base is loaded anew and
all that the phases before have trained is put on it; what 4 bits would round, a component of the language model trained in full, is
refused. Where the model is dealt among processes, each phase deals out one of its own.

Several processes run all of this side by side; the main one alone writes.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from peft.helpers import disable_input_dtype_casting
from torch import nn
from transformers import PreTrainedModel, ProcessorMixin
from transformers.integrations.deepspeed import unset_hf_deepspeed_config
from trl.trainer.sft_config import SFTConfig

from diagramlens.models.budget import check_budget
from diagramlens.models.families import Family, family_named
from diagramlens.models.loading import (
    has_bf16_matmul,
    load_model,
    load_processor,
    pick_device,
    put_weights,
    quiet_libraries,
)
from diagramlens.models.vision_inputs import VisionInputs
from diagramlens.params import Lora, ModelEntry, Phase, Train
from diagramlens.records import Question
from diagramlens.training.adapter_folder import write_adapter
from diagramlens.training.checkpoints import PhaseCheckpoints
from diagramlens.training.conversation import Collator, Encoder, Pictures, conversation_dataset, row_length
from diagramlens.training.curves import curve_of, joined
from diagramlens.training.division import division
from diagramlens.training.features import FrozenFeatures, features_fit, frozen_features
from diagramlens.training.generation import Sample, sample_of
from diagramlens.training.optimizers import check_optimizer
from diagramlens.training.order import ByPicture
from diagramlens.training.packing import (
    TOKENS,
    PackingCollator,
    attending_apart,
    check_lengths,
    knows_branches,
    rope_index_of,
)
from diagramlens.training.phases import (
    ParameterGroup,
    RecipeError,
    attach_lora,
    check_bases,
    check_phases,
    check_pictures,
    in_four_bit,
    parameter_groups,
    rate_factor,
    sees_frozen,
    set_trainable,
    tower_without_graph,
)
from diagramlens.training.processes import is_main, is_sharded, own_device, process_count
from diagramlens.training.shares import with_filler
from diagramlens.training.trackers import check_tracker, tracker
from diagramlens.training.trainer import PhaseTrainer


@dataclasses.dataclass(frozen=True)
class Machine:
    """How to run, from the `runtime` group: nothing here changes what is learnt, but for rounding on a GPU.

    `workers` are those of this process; `tracker_folder` is where a tracker may write.
    """

    device: str = "auto"
    attention: str = "auto"
    workers: int = 1
    progress: bool = False
    tracker: str = "none"
    tracker_folder: Path = Path("runs")


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training came to. `curves` are the rows that curves.write_curves takes; `metrics` holds no times."""

    metrics: dict[str, Any]
    curves: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Course:
    """What stays the same from phase to phase."""

    family: Family
    entry: ModelEntry
    phases: Sequence[Phase]
    lora: Lora
    settings: Train
    machine: Machine
    device: torch.device
    bf16: bool
    processor: ProcessorMixin
    encoder: Encoder
    vision: VisionInputs
    pictures: Pictures
    training: Dataset
    questions: Sequence[str]  # ids of the training rows
    validation: Dataset
    sample: Sample


@quiet_libraries()
def train_recipe(
    entry: ModelEntry,
    phases: Sequence[Phase],
    lora: Lora,
    settings: Train,
    machine: Machine,
    *,
    training: Sequence[Question],
    validation: Sequence[Question],
    pictures: Pictures,
    checkpoint_folder: Path,
    out: Path,
) -> Trained:
    """Train a recipe's phases one after the other and write the adapter folder `out` (which exists and is empty).

    A run that was killed goes on from the last complete checkpoint in `checkpoint_folder`, which the caller has chosen for exactly these
    parameters, inputs and code, and keeps until what came of it is safe.
    """
    device = own_device(pick_device(machine.device))
    family = family_named(entry.family)
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and has_bf16_matmul(device))
    check_tracker(machine.tracker)
    check_optimizer(settings.optimizer, device)
    check_bases(family, phases, entry)
    _check_dealt(phases, entry)
    check_pictures(phases, any(question.diagram_id for question in training))
    shown = sorted({question.diagram_id for question in (*training, *validation) if question.diagram_id})
    check_budget("<name>", entry, {name: pictures.open(name).size for name in shown})
    processor = load_processor(entry)
    encoder = Encoder(processor, family.end_of_turn)
    vision = family.pictures(processor)
    course = _Course(
        family=family,
        entry=entry,
        phases=phases,
        lora=lora,
        settings=settings,
        machine=machine,
        device=device,
        bf16=bf16,
        processor=processor,
        encoder=encoder,
        vision=vision,
        pictures=pictures,
        training=_measured(training, encoder, vision, pictures),
        questions=[question.id for question in training],
        validation=_measured(validation, encoder, vision, pictures),
        sample=sample_of(validation, settings.generated, encoder, pictures),
    )
    summaries: list[dict[str, Any]] = []
    trained: dict[str, torch.Tensor] = {}  # by all phases so far
    model: Any = None
    for number, phase in enumerate(phases):
        four_bit = in_four_bit(phase, entry)
        if model is None or is_sharded() or four_bit != in_four_bit(phases[number - 1], entry):
            del model  # before its successor takes the same memory
            model = _fresh_model(course, four_bit)
            put_weights(model, trained, f"phase {phase.name}", exact=True)
        checkpoints = PhaseCheckpoints(checkpoint_folder / f"{number}-{phase.name}")
        weights, summary = checkpoints.finished() or _train_phase(course, model, phase, checkpoints)
        trained |= weights
        summaries.append(summary)
        if not is_sharded():
            put_weights(model, weights, f"phase {phase.name}", exact=True)
    if is_main():
        if is_sharded():
            model = _fresh_model(course, four_bit=False)
            put_weights(model, trained, str(out), exact=True)
        write_adapter(out, family, model, phases, entry)
    return _trained({phase.name: summary for phase, summary in zip(phases, summaries, strict=True)})


def _trained(summaries: Mapping[str, Mapping[str, Any]]) -> Trained:
    metrics: dict[str, Any] = {"phases": {name: summary["metrics"] for name, summary in summaries.items()}}
    last = next(reversed(metrics["phases"].values()))
    metrics |= {key: last[key] for key in ("best_validation_loss", "best_validation_accuracy") if key in last}
    return Trained(metrics, joined({name: summary["curve"] for name, summary in summaries.items()}))


def _check_dealt(phases: Sequence[Phase], entry: ModelEntry) -> None:
    for phase in phases:
        if is_sharded() and in_four_bit(phase, entry):
            raise RecipeError(
                f"phase {phase.name}: four_bit: true, and 4-bit weights cannot be dealt among processes; set runtime.launcher to ddp"
            )


def _fresh_model(course: _Course, four_bit: bool) -> PreTrainedModel | PeftModel:
    """The base with every phase's adapters on it, which change nothing yet."""
    # What the trainer of a phase before has told transformers of ZeRO stage 3: it would have all processes create the weights together,
    # also those of a model that this one alone loads.
    unset_hf_deepspeed_config()
    base: Any = load_model(
        course.entry,
        # What is dealt among GPUs may be too large for one: each takes its part from the CPU's memory.
        device=torch.device("cpu") if is_sharded() else course.device,
        dtype=torch.bfloat16 if course.bf16 and course.device.type == "cuda" else torch.float32,
        four_bit=four_bit,
        attention=course.machine.attention,
    )
    check_phases(course.family, base, course.phases, course.lora)
    return attach_lora(course.family, base, course.phases, course.lora, course.entry, course.settings.seed)


def _train_phase(
    course: _Course, model: PreTrainedModel | PeftModel, phase: Phase, checkpoints: PhaseCheckpoints
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    settings = course.settings
    counts: dict[str, int] = {}

    def prepare(prepared: nn.Module) -> list[ParameterGroup]:
        counts.update(set_trainable(course.family, prepared, phase))
        scale, ratio = _rate_scale(course), course.lora.b_rate_ratio
        return parameter_groups(course.family, prepared, phase, scale, settings.weight_decay, ratio)

    lengths, held_out = list(course.training[TOKENS]), list(course.validation[TOKENS])
    packed = settings.packing != "none"
    budget = settings.pack_tokens if packed else None
    check_lengths({"train": lengths, "validation": held_out}, budget, model.config.text_config.max_position_embeddings)
    visual = _visual_tokens(course, model, phase)
    rows = _rows(course, lengths, held_out)
    filler = rows.training[-1] if process_count() > 1 and visual is None and rows.training[-1]["images"] else None
    collator: Any = Collator(course.vision, course.encoder, course.pictures, visual, filler)
    if budget is not None:
        shared = settings.packing == "shared" and knows_branches(model)
        collator = PackingCollator(collator, budget, rope_index_of(model), shared=shared)
    watcher = None
    if is_main():
        resumed = checkpoints.latest() is not None
        watcher = tracker(course.machine.tracker, course.machine.tracker_folder, phase.name, resumed)
    # TRL rounds to bf16 whatever requires gradients over a 4-bit base: also what the phase before has trained, and this one leaves alone.
    model.requires_grad_(False)
    trainer = PhaseTrainer(
        args=_arguments(course, phase, checkpoints.folder),
        prepare=prepare,
        order=ByPicture(
            [(*images, "")[0] for images in course.training["images"]],
            settings.batch,
            settings.seed,
            lengths=None if packed else lengths,
        ),
        questions=course.questions,
        batch=settings.batch,
        evaluations=settings.evaluations,
        saves=settings.checkpoints,
        best_by=settings.best_by,
        patience=settings.patience,
        sample=course.sample,
        optimizer=settings.optimizer,
        checkpoints=checkpoints,
        # Visual tokens at hand leave nothing to load.
        cores=1 if visual is not None else course.machine.workers,
        progress_bar=course.machine.progress and is_main(),
        watchers=[watcher] if watcher is not None else [],
        model=model,
        data_collator=collator,
        train_dataset=rows.training,
        eval_dataset=rows.validation,
        processing_class=course.processor,
    )
    unseen = sees_frozen(phase) and visual is None
    tower = tower_without_graph(course.family, model) if unseen else contextlib.nullcontext()
    attention = attending_apart(model) if packed else contextlib.nullcontext()
    # PEFT would bring the input of every adapter to fp32, and autocast straight back to bf16: 9 % of a step on two cores for the same bits.
    with tower, attention, disable_input_dtype_casting(model, active=course.bf16):
        weights = trainer.run()
    summary = _summary(course, phase, trainer, counts)
    if is_main():
        checkpoints.finish(weights, summary)
    trainer.accelerator.wait_for_everyone()
    return weights, summary


def _summary(course: _Course, phase: Phase, trainer: PhaseTrainer, counts: Mapping[str, int]) -> dict[str, Any]:
    history, progress = trainer.state.log_history, trainer.progress
    metrics = {
        "trainable_parameters": counts,
        "learning_rates": {name: plan.rate * _rate_scale(course) for name, plan in phase.components.items()},
        "steps": trainer.state.global_step,
        "best_step": progress.best_step,
        "best_validation_loss": progress.best_loss,
        "final_validation_loss": [row["eval_loss"] for row in history if "eval_loss" in row][-1],
        "final_train_loss": [row["loss"] for row in history if "loss" in row][-1],
        "supervised_tokens": progress.supervised_tokens,
        "training_questions": len(course.training),
        "validation_questions": len(course.validation),
    }
    if progress.best_accuracy is not None:
        metrics["best_validation_accuracy"] = progress.best_accuracy
        metrics["generated_questions"] = len(course.sample.questions)
    return {"metrics": metrics, "curve": curve_of(history)}


@dataclasses.dataclass(frozen=True)
class _Rows:
    """What the trainer reads; with several processes both end in the filler row."""

    training: Dataset
    validation: Dataset


def _rows(course: _Course, lengths: Sequence[int], held_out: Sequence[int]) -> _Rows:
    order = list(range(len(held_out)))  # of the split: those about a picture stand together
    if course.settings.packing == "none":
        order.sort(key=lambda row: held_out[row])  # so that little of a batch is padding
    if process_count() == 1:
        return _Rows(course.training, course.validation.select(order))
    # The cheapest row with a picture, where there is one.
    images = course.training["images"]
    filler = course.training[min(range(len(lengths)), key=lambda row: (not images[row], lengths[row]))]
    validation = with_filler(course.validation, filler).select([*order, len(order)])
    return _Rows(with_filler(course.training, filler), validation)


def _visual_tokens(course: _Course, model: PreTrainedModel | PeftModel, phase: Phase) -> FrozenFeatures | None:
    """The visual tokens of all pictures where the phase never touches what makes them, and memory allows; else None."""
    if not sees_frozen(phase) or is_sharded():
        return None
    names = sorted({name for split in (course.training, course.validation) for row in split["images"] for name in row})
    # What makes them ends with a linear layer, which autocast has answer in bf16.
    each = (torch.bfloat16 if course.bf16 else torch.float32).itemsize * model.config.text_config.hidden_size
    if not names or not features_fit(course.vision, course.pictures, names, each):
        return None
    autocast = torch.autocast(course.device.type, torch.bfloat16) if course.bf16 else contextlib.nullcontext()
    return frozen_features(model, course.vision, course.pictures, names, autocast)


def _measured(questions: Sequence[Question], encoder: Encoder, vision: VisionInputs, pictures: Pictures) -> Dataset:
    """The questions as conversations, with their numbers of tokens."""
    rows = conversation_dataset(questions)
    return rows.add_column(TOKENS, [row_length(row, encoder, vision, pictures) for row in rows])


def _rate_scale(course: _Course) -> float:
    """What the recipe's rates are multiplied by, for the size of the model and of the batch."""
    return course.entry.rate_scale * rate_factor(course.settings)


def _arguments(course: _Course, phase: Phase, folder: Path) -> SFTConfig:
    """A phase's settings in TRL's terms."""
    settings, entry = course.settings, course.entry
    # The collator deals a whole step's examples to rows, and the rows go through the model one by one.
    together = settings.batch if settings.packing != "none" else entry.micro_batch
    micro_batch, accumulation = division(settings.batch, together, process_count())
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=min(micro_batch, entry.micro_batch),
        gradient_accumulation_steps=accumulation,
        num_train_epochs=settings.epochs * phase.epochs,
        learning_rate=max(plan.rate for plan in phase.components.values()) * _rate_scale(course),
        lr_scheduler_type=settings.scheduler if settings.scheduler != "constant" else "constant_with_warmup",
        warmup_steps=settings.warmup,
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        seed=settings.seed,
        bf16=course.bf16,
        fp16=False,
        use_cpu=course.device.type == "cpu",
        gradient_checkpointing=entry.gradient_checkpointing,
        max_length=None,
        packing=False,
        # The collator says itself which tokens are the answer, from the model's own template.
        assistant_only_loss=False,
        remove_unused_columns=False,
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,  # such a loss ends the phase (see finite)
        disable_tqdm=True,
        report_to="none",
        run_name=phase.name,
        # Every process has a picture in every micro-batch (see shares), so all parameters are used; searching for unused ones costs time,
        # and cannot be done under gradient checkpointing.
        ddp_find_unused_parameters=not any(course.training["images"]),
        ddp_broadcast_buffers=False,  # none of them changes
    )
