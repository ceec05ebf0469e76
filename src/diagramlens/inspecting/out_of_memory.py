"""No memory left, in one line: what was too large, and which keys make it smaller.

    with out_of_memory_advice(Use("train", "qwen2-vl-7b", entry, recipe=recipe, lora=lora, settings=train)):
        ...

Torch's own message names megabytes and an environment variable. What the person needs is the key in params.yaml, and how much memory the
whole would take: that is rehearsed on the meta device, which needs next to none itself.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Literal

import torch

from diagramlens.inspecting.inspection import inspect_recipe
from diagramlens.inspecting.tables import gib
from diagramlens.models.anatomy import component_sizes, model_on_meta, read_config
from diagramlens.models.families import family_named
from diagramlens.params import Lora, ModelEntry, Recipe, Train
from diagramlens.records import DiagramLensError

# torch's allocator on a CPU, CUDA's, and the libraries that take memory past it for a workspace of their own
_WORDS = ("can't allocate memory", "out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
_TEXT_TOKENS, _ANSWER_TOKENS = 384, 128  # of a sample, as `diagramlens inspect` takes them


class NoMemoryError(DiagramLensError):
    """The GPU's or the computer's memory did not suffice; the message names what to lower."""


@dataclasses.dataclass(frozen=True)
class Use:
    """Who uses the memory: a stage, and the model's entry with its name. `recipe`, `lora` and `settings` belong to train."""

    stage: Literal["train", "merge", "quantize", "evaluate"]
    name: str
    entry: ModelEntry
    recipe: Recipe | None = None
    lora: Lora | None = None
    settings: Train | None = None
    batch: int | None = None  # evaluate.batch


@contextlib.contextmanager
def out_of_memory_advice(use: Use) -> Iterator[None]:
    """Turn the want of memory inside the block into a NoMemoryError that names keys of params.yaml. Other errors pass."""
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        # Computed here, not in the block: what that holds is freed by now, but for the traceback.
        raise NoMemoryError(_message(use, error)) from error


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory is used up: torch says so by its class on a GPU, and by its words alone on a CPU."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    words = str(error)
    return isinstance(error, RuntimeError) and any(told in words for told in _WORDS)


def _message(use: Use, error: BaseException) -> str:
    on_gpu = isinstance(error, torch.OutOfMemoryError) or any(
        name in str(error) for name in ("CUDA", "CUBLAS", "CUDNN")
    )
    where = "the GPU" if on_gpu else "this machine"
    has = _card() if where == "the GPU" else ""
    return f"no memory left on {where}{has} in {use.stage} with model {use.name}{_estimate(use)}; {', or '.join(_keys(use))}"


def _keys(use: Use) -> list[str]:
    """What to change, the cheapest first."""
    here, entry = f"models.{use.name}", use.entry
    if use.stage == "evaluate":
        halved = f" from {use.batch} to {max(1, use.batch // 2)}" if use.batch and use.batch > 1 else ""
        keys = [f"lower evaluate.batch{halved}"] if use.batch != 1 else []
        return [
            *keys,
            f"lower {here}.max_pixels ({entry.max_pixels})",
            "evaluate fewer variants, nf4 alone needing a quarter of merged",
        ]
    if use.stage in ("merge", "quantize"):
        return ["set runtime.device: cpu, which takes the computer's memory", "select a smaller model"]
    keys = []
    if not entry.gradient_checkpointing:
        keys.append(f"set {here}.gradient_checkpointing: true")
    packed = use.settings is not None and use.settings.packing != "none"
    if use.settings and packed:
        keys.append(f"lower train.pack_tokens from {use.settings.pack_tokens} to {use.settings.pack_tokens // 2}")
    if entry.micro_batch > 1:
        halved = f"lower {here}.micro_batch from {entry.micro_batch} to {entry.micro_batch // 2}"
        keys.append(halved + (", if that was an evaluation" if packed else ""))
    keys.append(f"lower {here}.max_pixels ({entry.max_pixels})")
    phases = use.recipe.phases if use.recipe else []
    if not entry.four_bit and any(phase.four_bit for phase in phases):
        keys.append(f"set {here}.four_bit: true")
    if any(plan.train == "full" for phase in phases for plan in phase.components.values()):
        if use.settings and use.settings.optimizer == "adamw":
            keys.append("set train.optimizer: paged-adamw-8bit (6 bytes a trained parameter less)")
        keys.append("select a recipe that trains through lora")
    return keys


def _estimate(use: Use) -> str:
    """What it would take, in parentheses; empty where the model's configuration cannot be had."""
    try:
        if use.stage == "train" and use.recipe and use.lora and use.settings:
            found = inspect_recipe(
                use.entry,
                use.recipe.phases,
                use.lora,
                use.settings,
                text=_TEXT_TOKENS,
                supervised=_ANSWER_TOKENS,
                both_ways=False,
            )
            largest = max(found.phases, key=lambda phase: phase.memory.total)
            memory = largest.memory
            return (
                f" (on a GPU phase {largest.name} takes about {gib(memory.total)} GiB: {gib(memory.weights + memory.adapters)} of weights, "
                f"{gib(memory.gradients + memory.optimizer)} for training them, {gib(memory.activations)} of activations)"
            )
        family = family_named(use.entry.family)
        parameters = sum(component_sizes(family, model_on_meta(family, read_config(use.entry, family))).values())
    except DiagramLensError:
        return ""
    each = torch.float32.itemsize if use.stage == "merge" else torch.bfloat16.itemsize
    return f" (its weights alone take {gib(parameters * each)} GiB there)"


def _card() -> str:
    if not torch.cuda.is_available():
        return ""
    return f" ({gib(torch.cuda.get_device_properties(torch.cuda.current_device()).total_memory)} GiB)"
