"""Everything that `diagramlens inspect` finds out, gathered before a line is printed."""

from __future__ import annotations

import dataclasses
import time
import warnings
from pathlib import Path
from typing import Any

import torch

from diagramlens.inspecting.adapters import Verdict, hit_modules, judge, modules_matching
from diagramlens.inspecting.estimate import Batch, PhaseEstimate, batch_of, computes_in_bf16, estimate_phases
from diagramlens.models.anatomy import (
    LinearKind,
    component_sizes,
    linear_kinds,
    model_on_meta,
    quantized_modules,
    read_config,
)
from diagramlens.models.families import family_named, is_tied, linear_modules
from diagramlens.models.loading import quiet_libraries
from diagramlens.models.rehearsal import visual_token_count
from diagramlens.params import Lora, ModelEntry, Phase, Train
from diagramlens.training.phases import attach_lora, check_bases, check_phases, in_four_bit, lora_components


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a model is made of and what a recipe does to it. Sizes are numbers of parameters, by component.

    `adapters` are those of the LoRA; `rounded` the parameters that some phase holds in 4 bits. `verdict` is on the recipe's LoRA, or on
    the `targets` that were asked about instead.
    """

    architecture: str
    family: str
    kinds: list[LinearKind]
    hits: frozenset[str]
    sizes: dict[str, int]
    tied: list[str]
    adapters: dict[str, int]
    rounded: dict[str, int]
    verdict: Verdict
    visual_tokens: int
    packed: bool
    batch: Batch
    phases: list[PhaseEstimate]
    seconds: float

    @property
    def total(self) -> int:
        """Parameters of the bare model."""
        return sum(self.sizes.values())


@quiet_libraries()
def inspect_recipe(
    entry: ModelEntry,
    phases: list[Phase],
    lora: Lora,
    settings: Train,
    *,
    text: int,
    supervised: int,
    config_file: Path | None = None,
    targets: str | None = None,
    both_ways: bool = True,
) -> Inspection:
    """Build the model without weights, put the recipe's adapters on, and rehearse a step of each phase.

    `text` and `supervised` are tokens of a sample beside its picture. Raises the errors of loading a configuration, and those that training
    the recipe would: RecipeError, FamilyError.
    """
    began = time.monotonic()
    family = family_named(entry.family)
    config = read_config(entry, family, config_file)
    check_bases(family, phases, entry)
    bare = model_on_meta(family, config, torch.bfloat16 if computes_in_bf16(settings) else torch.float32)
    check_phases(family, bare, phases, lora)
    kinds, sizes, rounded = linear_kinds(family, bare), component_sizes(family, bare), quantized_modules(family, bare)
    tied = [component for component in family.components if is_tied(family, bare, component)]
    named = lora_components(phases)
    wanted = {name for component in named for name in linear_modules(family, bare, component, lora.targets)}
    with torch.device("meta"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The PEFT config's `base_model_name_or_path` was renamed")
        model = attach_lora(family, bare, phases, lora, entry, settings.seed)
    hits = modules_matching(targets, kinds) if targets else hit_modules(model)
    with_adapters = component_sizes(family, model)
    visual = visual_token_count(family, config, entry.max_pixels)
    batch = batch_of(entry, settings, visual=visual, text=text, supervised=supervised)
    some_rounded = rounded if any(in_four_bit(phase, entry) for phase in phases) else set()
    estimates = estimate_phases(
        family, model, phases, entry, batch, some_rounded, settings=settings, both_ways=both_ways
    )
    return Inspection(
        architecture=config.model_type,
        family=family.name,
        kinds=kinds,
        hits=frozenset(hits),
        sizes=sizes,
        tied=tied,
        adapters={name: with_adapters[name] - sizes[name] for name in sizes},
        rounded={
            component: sum(k.parameters for k in kinds if k.component == component and k.names[0] in some_rounded)
            for component in sizes
        },
        verdict=judge(family, named, wanted, hits),
        visual_tokens=visual,
        packed=settings.packing != "none",
        batch=batch,
        phases=estimates,
        seconds=time.monotonic() - began,
    )


def as_json(found: Inspection) -> dict[str, Any]:
    """An inspection as plain values: sizes in parameters, memory in bytes."""
    return {
        "architecture": found.architecture,
        "family": found.family,
        "parameters": {"total": found.total, "by_component": found.sizes, "tied": found.tied},
        "four_bit": {"parameters": found.rounded, "modules": _quantized(found)},
        "linear_modules": [
            {
                "component": kind.component,
                "pattern": kind.pattern,
                "shape": list(kind.shape),
                "modules": len(kind.names),
                "parameters": kind.parameters,
                "lora": sum(name in found.hits for name in kind.names),
            }
            for kind in found.kinds
        ],
        "lora": {
            "components": list(found.verdict.named),
            "parameters": found.adapters,
            "exact": found.verdict.exact,
            "hit": found.verdict.hit,
            "missed": found.verdict.missed,
            "strays": found.verdict.strays,
            "verdict": found.verdict.sentence,
        },
        "batch": dataclasses.asdict(found.batch) | {"visual": found.visual_tokens, "packed": found.packed},
        "phases": [_phase(found, phase) for phase in found.phases],
    }


def _quantized(found: Inspection) -> list[str]:
    return [kind.pattern for kind in found.kinds if kind.quantized and found.rounded[kind.component]]


def _phase(found: Inspection, phase: PhaseEstimate) -> dict[str, Any]:
    now, other = phase.memory, phase.otherwise
    with_, without = (now, other) if phase.checkpointing else (other, now)
    return {
        "name": phase.name,
        "four_bit": phase.four_bit,
        "trainable": {"total": phase.trained, "share": phase.trained / all_parameters(found)}
        | {"by_component": phase.trainable},
        "gradient_checkpointing": phase.checkpointing,
        "bytes": dataclasses.asdict(now) | {"total": now.total, "wanted": now.wanted},
        "card_gib": now.card,
        "activations": {
            "with_checkpointing": with_.activations if with_ else None,
            "without_checkpointing": without.activations if without else None,
        },
    }


def all_parameters(found: Inspection) -> int:
    """Parameters of the model and its adapters: what shares of trainable ones are of."""
    return found.total + sum(found.adapters.values())
