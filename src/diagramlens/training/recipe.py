"""A recipe from its first phase to the adapter folder.

The folder holds what was trained and nothing else: `adapter_model.safetensors` with `adapter_config.json` (PEFT's own layout) for
LoRA, `full.safetensors` for components trained in full, and `adapter_base.json`, which says what base they belong to. No dates, no
optimiser, no pickles: the same parameters give the same bytes on a CPU.
"""

from __future__ import annotations

import contextlib
import csv
import dataclasses
import importlib.util
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from datasets import Dataset
from peft import PeftModel
from torch import nn
from transformers import PreTrainedModel, ProcessorMixin
from trl.trainer.sft_config import SFTConfig

from diagramlens.models.families import Family, component_of, family_named, plain_name
from diagramlens.models.loading import (
    FULL_WEIGHTS_FILE,
    has_bf16_matmul,
    load_model,
    load_processor,
    pick_device,
    put_weights,
    quiet_libraries,
    write_adapter_base,
)
from diagramlens.params import Lora, ModelEntry, Phase, Train
from diagramlens.records import Question
from diagramlens.training.checkpoints import PhaseCheckpoints, write_weights
from diagramlens.training.conversation import Collator, Encoder, Pictures, conversation_dataset, texts_of, visual_length
from diagramlens.training.features import FrozenFeatures, features_fit, frozen_features
from diagramlens.training.phases import (
    ParameterGroup,
    RecipeError,
    attach_lora,
    check_phases,
    is_adapter,
    parameter_groups,
    sees_frozen,
    set_trainable,
    tower_without_graph,
)
from diagramlens.training.trainer import PhaseTrainer

_TRACKER_FOLDER = "runs"


@dataclasses.dataclass(frozen=True)
class Machine:
    """How to run, from the `runtime` group: nothing here changes what is learnt, but for rounding on a GPU."""

    device: str = "auto"
    attention: str = "auto"
    workers: int = 1
    progress: bool = False
    tracker: str = "none"


@dataclasses.dataclass(frozen=True)
class Trained:
    """What training came to. `curves` are rows of step, phase, train_loss and validation_loss; `metrics` holds no times."""

    metrics: dict[str, Any]
    curves: list[dict[str, Any]]


@dataclasses.dataclass(frozen=True)
class _Course:
    """What stays the same from phase to phase."""

    family: Family
    entry: ModelEntry
    settings: Train
    machine: Machine
    device: torch.device
    bf16: bool
    processor: ProcessorMixin
    encoder: Encoder
    pictures: Pictures
    training: Dataset
    validation: Dataset


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
    parameters, inputs and code, and removes after success.
    """
    four_bit = {phase.four_bit and entry.four_bit for phase in phases}
    if len(four_bit) > 1:
        raise RecipeError(
            "phases over different bases (one in 4 bits, one not) are not supported; give all phases the same four_bit"
        )
    device = pick_device(machine.device)
    family = family_named(entry.family)
    bf16 = settings.precision == "bf16" or (settings.precision == "auto" and has_bf16_matmul(device))
    dtype = torch.bfloat16 if bf16 and device.type == "cuda" else torch.float32
    base: Any = load_model(entry, device=device, dtype=dtype, four_bit=four_bit.pop(), attention=machine.attention)
    check_phases(family, base, phases)
    model = attach_lora(family, base, phases, lora, entry, settings.seed)
    processor = load_processor(entry)
    encoder = Encoder(processor, family.end_of_turn)
    course = _Course(
        family=family,
        entry=entry,
        settings=settings,
        machine=machine,
        device=device,
        bf16=bf16,
        processor=processor,
        encoder=encoder,
        pictures=pictures,
        training=conversation_dataset(training),
        validation=conversation_dataset(validation),
    )
    summaries = []
    for number, phase in enumerate(phases):
        checkpoints = PhaseCheckpoints(checkpoint_folder / f"{number}-{phase.name}")
        finished = checkpoints.finished()
        if finished is None:
            finished = _train_phase(course, model, phase, checkpoints)
        weights, summary = finished
        put_weights(model, weights, f"phase {phase.name}")
        summaries.append(summary)
    write_adapter(out, family, model, phases, entry)
    return Trained(
        metrics={
            "phases": {phase.name: summary["metrics"] for phase, summary in zip(phases, summaries, strict=True)},
            "best_validation_loss": summaries[-1]["metrics"]["best_validation_loss"],
        },
        curves=_joined([summary["curve"] for summary in summaries], phases),
    )


def _train_phase(
    course: _Course, model: PreTrainedModel | PeftModel, phase: Phase, checkpoints: PhaseCheckpoints
) -> tuple[dict[str, torch.Tensor], dict[str, Any]]:
    settings, entry = course.settings, course.entry
    counts: dict[str, int] = {}

    def prepare(prepared: nn.Module) -> list[ParameterGroup]:
        counts.update(set_trainable(course.family, prepared, phase))
        return parameter_groups(course.family, prepared, phase, entry.rate_scale, settings.weight_decay)

    lengths = [_length(course, example) for example in course.training]
    held_out = [_length(course, example) for example in course.validation]
    visual = _visual_tokens(course, model, phase)
    trainer = PhaseTrainer(
        args=_arguments(course, phase, checkpoints.folder),
        prepare=prepare,
        lengths=lengths,
        batch=settings.batch,
        evaluations=settings.evaluations,
        saves=settings.checkpoints,
        patience=settings.patience,
        checkpoints=checkpoints,
        progress_bar=course.machine.progress,
        model=model,
        data_collator=Collator(course.processor, course.encoder, course.pictures, visual),
        train_dataset=course.training,
        # By length, so that little of a batch is padding.
        eval_dataset=course.validation.select(sorted(range(len(held_out)), key=lambda row: held_out[row])),
        processing_class=course.processor,
    )
    unseen = sees_frozen(phase) and visual is None
    with tower_without_graph(course.family, model) if unseen else contextlib.nullcontext():
        weights = trainer.run()
    history = trainer.state.log_history
    summary = {
        "metrics": {
            "trainable_parameters": counts,
            "steps": trainer.state.global_step,
            "best_step": trainer.progress.best_step,
            "best_validation_loss": trainer.progress.best_loss,
            "final_validation_loss": [row["eval_loss"] for row in history if "eval_loss" in row][-1],
            "final_train_loss": [row["loss"] for row in history if "loss" in row][-1],
            "supervised_tokens": trainer.progress.supervised_tokens,
            "training_questions": len(course.training),
            "validation_questions": len(course.validation),
        },
        "curve": _curve(history),
    }
    checkpoints.finish(weights, summary)
    return weights, summary


def _visual_tokens(course: _Course, model: PreTrainedModel | PeftModel, phase: Phase) -> FrozenFeatures | None:
    """The visual tokens of all pictures where the phase never touches what makes them, and memory allows; else None."""
    if not sees_frozen(phase):
        return None
    names = sorted({row[0] for split in (course.training, course.validation) for row in split["images"]})
    if not features_fit(course.processor, course.pictures, names, model.config.text_config.hidden_size):
        return None
    autocast = torch.autocast(course.device.type, torch.bfloat16) if course.bf16 else contextlib.nullcontext()
    return frozen_features(model, course.processor, course.pictures, names, autocast)


def _length(course: _Course, example: Mapping[str, Any]) -> int:
    picture = course.pictures.open(example["images"][0])
    text = course.encoder.encode(*texts_of(example))
    return len(text.ids) - 1 + visual_length(course.processor.image_processor, picture)


def _arguments(course: _Course, phase: Phase, folder: Path) -> SFTConfig:
    settings, entry, machine = course.settings, course.entry, course.machine
    micro_batch, accumulation = division(settings.batch, entry.micro_batch)
    return SFTConfig(
        output_dir=str(folder),
        per_device_train_batch_size=micro_batch,
        per_device_eval_batch_size=micro_batch,
        gradient_accumulation_steps=accumulation,
        num_train_epochs=settings.epochs * phase.epochs,
        learning_rate=max(getattr(plan, "rate", 0.0) for plan in phase.components.values()) * entry.rate_scale,
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
        # Visual tokens at hand leave workers nothing to do; decoding pictures is worth one.
        dataloader_num_workers=0 if sees_frozen(phase) else max(0, machine.workers - 1),
        eval_strategy="no",
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
        report_to=_tracker(machine.tracker),
        run_name=phase.name,
    )


def division(batch: int, micro_batch: int) -> tuple[int, int]:
    """How an effective batch is taken: the micro-batch, and how many of them. Raises RecipeError where it does not divide.

    >>> division(32, 8)
    (8, 4)
    >>> division(4, 16)
    (4, 1)
    """
    if batch <= micro_batch:
        return batch, 1
    if batch % micro_batch:
        raise RecipeError(
            f"train.batch = {batch}: not a multiple of models.<name>.micro_batch = {micro_batch}; change one of them"
        )
    return micro_batch, batch // micro_batch


def _tracker(name: str) -> str:
    if name == "none":
        return name
    if importlib.util.find_spec(name) is None:
        raise RecipeError(
            f"runtime.tracker = {name}: that package is not installed; pip install {name}, or set it to none"
        )
    # Its files hold times and hosts, so they are no outputs; checkpoints are removed, so they must not lie there either.
    os.environ.setdefault("TENSORBOARD_LOGGING_DIR", _TRACKER_FOLDER)
    return name


def _curve(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    rows: dict[int, dict[str, Any]] = {}
    for entry in history:
        for key, name in (("loss", "train_loss"), ("eval_loss", "validation_loss")):
            if key in entry:
                rows.setdefault(entry["step"], {})[name] = round(entry[key], 6)
    return [{"step": step, **rows[step]} for step in sorted(rows)]


def _joined(curves: Sequence[list[dict[str, Any]]], phases: Sequence[Phase]) -> list[dict[str, Any]]:
    """The phases' curves one behind the other, steps counted on."""
    joined, before = [], 0
    for curve, phase in zip(curves, phases, strict=True):
        joined += [{**row, "step": row["step"] + before, "phase": phase.name} for row in curve]
        before += curve[-1]["step"]
    return joined


def write_curves(path: Path, curves: Sequence[Mapping[str, Any]]) -> None:
    """Write the loss curves as CSV: step, phase, train_loss, validation_loss (empty between evaluations)."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(
            file, ["step", "phase", "train_loss", "validation_loss"], restval="", lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(curves)


def write_adapter(
    out: Path, family: Family, model: PreTrainedModel | PeftModel, phases: Sequence[Phase], entry: ModelEntry
) -> None:
    """Write what was trained, and which base it belongs to, into the folder `out`."""
    full = {name for phase in phases for name, plan in phase.components.items() if plan.train == "full"}
    weights = {}
    for name, parameter in model.named_parameters():
        if not is_adapter(name) and component_of(family, name) in full:
            weights[plain_name(name).replace(".base_layer.", ".")] = parameter.detach().cpu()
    if weights:
        write_weights(out / FULL_WEIGHTS_FILE, weights)
    if isinstance(model, PeftModel):
        # Embeddings are not adapted; the automatic choice asks the hub whether they are.
        model.save_pretrained(str(out), safe_serialization=True, save_embedding_layers=False)
        (out / "README.md").unlink(missing_ok=True)
        config_file = out / "adapter_config.json"
        config = json.loads(config_file.read_text(encoding="utf-8"))
        if isinstance(config["target_modules"], list):
            config["target_modules"].sort()
        config_file.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    write_adapter_base(out, entry)
