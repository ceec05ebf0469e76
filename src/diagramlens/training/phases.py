"""What a phase of a recipe trains: components frozen, in full or through LoRA, each at its own learning rate.

One PEFT wrapper serves all phases: it carries adapters on every component that any phase trains as `lora`, and a phase merely
switches gradients on and off. An adapter that no phase has trained yet adds zero, so a phase starts from exactly what the one
before it left, and nothing is merged in between.
"""

from __future__ import annotations

import contextlib
import dataclasses
import types
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import nn
from transformers import PreTrainedModel

from diagramlens.models.families import (
    Family,
    component_of,
    is_quantized_component,
    is_tied,
    linear_modules,
    lora_targets,
    plain_name,
)
from diagramlens.params import FrozenComponent, Lora, ModelEntry, Phase, Train, TrainedComponent
from diagramlens.records import DiagramLensError
from diagramlens.training.gradients import SEEING
from diagramlens.training.processes import whole


class RecipeError(DiagramLensError):
    """A recipe that asks of a model what it cannot do."""


@dataclasses.dataclass(frozen=True)
class ParameterGroup:
    """Parameters that share a learning rate and a weight decay, in the model's order."""

    component: str
    rate: float
    weight_decay: float
    parameters: tuple[nn.Parameter, ...]


def plan_of(phase: Phase, component: str) -> FrozenComponent | TrainedComponent:
    """What a phase does with a component of the family's table."""
    return phase.components[cast(Any, component)]


def check_phases(family: Family, model: nn.Module, phases: Sequence[Phase], lora: Lora) -> None:
    """Raise RecipeError or FamilyError, naming phase and component, for what this model cannot be trained as.

    `model` is the base without adapters, loaded as the first phase wants it.
    """
    _check_dora(phases, lora)
    for phase in phases:
        unknown = sorted(set(phase.components) - set(family.components))
        absent = sorted(set(family.components) - set(phase.components))
        if unknown or absent:
            raise RecipeError(
                f"phase {phase.name}: components must be {', '.join(family.components)}, those of family {family.name}; "
                + (f"unknown: {', '.join(unknown)}" if unknown else f"missing: {', '.join(absent)}")
            )
        for component, plan in phase.components.items():
            if plan.train == "lora":
                linear_modules(family, model, component, lora.targets)
            if is_tied(family, model, component):
                _check_tied(family, phase, component)


def in_four_bit(phase: Phase, entry: ModelEntry) -> bool:
    """Whether a phase trains over a 4-bit base: where it asks for it and the model's entry allows it."""
    return phase.four_bit and entry.four_bit


def check_bases(family: Family, phases: Sequence[Phase], entry: ModelEntry) -> None:
    """Raise RecipeError where a component that 4 bits round is trained in full, in a 4-bit phase or in one that a 4-bit phase follows.

    Also where a phase is in 4 bits and no phase trains through LoRA: transformers trains a 4-bit model with adapters only.
    """
    full: dict[str, str] = {}
    for phase in phases:
        if in_four_bit(phase, entry) and not lora_components(phases):
            raise RecipeError(
                f"phase {phase.name}: four_bit: true, and no phase trains a component as lora, without which a 4-bit model is not trained; "
                "set four_bit: false"
            )
        full |= {name: phase.name for name, plan in phase.components.items() if plan.train == "full"}
        for component, trained_in in full.items():
            if in_four_bit(phase, entry) and is_quantized_component(family, component):
                raise RecipeError(
                    f"phase {phase.name}: four_bit: true would round {component}, which phase {trained_in} trains in full; "
                    f"set four_bit: false, or train {component} as lora"
                )


def check_pictures(phases: Sequence[Phase], shown: bool) -> None:
    """Raise RecipeError for a phase that would train nothing, because no training sample has a picture (`shown`)."""
    for phase in phases:
        trained = {name for name, plan in phase.components.items() if plan.train != "frozen"}
        if not shown and trained <= SEEING:
            raise RecipeError(
                f"phase {phase.name}: trains {' and '.join(sorted(trained))} alone, and no sample of data/split/train.parquet has a "
                "picture; choose a recipe that trains the language model, or questions about diagrams"
            )


def _check_dora(phases: Sequence[Phase], lora: Lora) -> None:
    # DoRA keeps the length of the base's rows; after a phase that trains the base they would no longer be its rows.
    both = {name for phase in phases for name, plan in phase.components.items() if plan.train == "full"}
    both &= set(lora_components(phases))
    if lora.use_dora and both:
        raise RecipeError(
            f"lora.use_dora = true: {', '.join(sorted(both))} is full in one phase and lora in another; set use_dora: false"
        )


def _check_tied(family: Family, phase: Phase, component: str) -> None:
    other = family.tied[component]
    if (plan_of(phase, component).train == "full") != (plan_of(phase, other).train == "full"):
        raise RecipeError(
            f"phase {phase.name}: in this model {component} is one weight with {other} (tied embeddings), so both must be full, or neither"
        )


def lora_components(phases: Sequence[Phase]) -> list[str]:
    """The components, sorted, that some phase trains through LoRA."""
    return sorted({name for phase in phases for name, plan in phase.components.items() if plan.train == "lora"})


def attach_lora(
    family: Family, model: PreTrainedModel, phases: Sequence[Phase], lora: Lora, entry: ModelEntry, seed: int
) -> PreTrainedModel | PeftModel:
    """Put adapters on every component that some phase trains as `lora`; the model itself where none does.

    The first matrix is drawn from `seed`, the second is zero, so that the wrapped model computes what the bare one did.
    """
    components = lora_components(phases)
    if not components:
        return model
    config = LoraConfig(
        r=lora.r,
        # Readers of adapters in other tools take a whole number where it is one.
        lora_alpha=cast(int, int(lora.alpha) if float(lora.alpha).is_integer() else lora.alpha),
        lora_dropout=lora.dropout,
        use_rslora=lora.use_rslora,
        use_dora=lora.use_dora,
        target_modules=lora_targets(family, components, lora.targets),
        bias="none",
        task_type="CAUSAL_LM",
        base_model_name_or_path=entry.source,
        revision=entry.revision,
    )
    torch.manual_seed(seed)
    wrapped = get_peft_model(model, config)
    # get_peft_model writes the absolute folder that the model was loaded from; the params say it portably.
    wrapped.peft_config["default"].base_model_name_or_path = entry.source
    wrapped.peft_config["default"].revision = entry.revision
    return wrapped


def set_trainable(family: Family, model: nn.Module, phase: Phase) -> dict[str, int]:
    """Switch gradients and dropout on for exactly what the phase trains. Returns the number of trainable parameters of each component.

    What is trained in full is brought to fp32: AdamW's steps are often below what bf16 can represent.
    Raises RecipeError where a component that is to be trained has nothing to train, or is quantised.
    """
    counts = dict.fromkeys(family.components, 0)
    for name, parameter in model.named_parameters():
        component = component_of(family, name)
        mode = plan_of(phase, component).train
        trained = mode == ("lora" if is_adapter(name) else "full")
        if trained and not parameter.is_floating_point():
            raise RecipeError(
                f"phase {phase.name}: {component} cannot be trained in full over a 4-bit base ({plain_name(name)} is quantised); "
                "set four_bit: false for the phase, or train it as lora"
            )
        parameter.requires_grad_(trained)
        if trained:
            parameter.data = parameter.data.float()
            counts[component] += parameter.numel()
    _set_dropout(family, model, phase)
    for component, count in counts.items():
        tied = is_tied(family, model, component)
        if (count > 0) != (plan_of(phase, component).train != "frozen") and not tied:
            raise RecipeError(
                f"phase {phase.name}: {component} is {plan_of(phase, component).train}, with {count} trainable parameters"
            )
    return counts


def _set_dropout(family: Family, model: nn.Module, phase: Phase) -> None:
    """Give the adapters that the phase trains their dropout, and take it from the others: what is not learnt is no noise to what is."""
    if not isinstance(model, PeftModel):
        return
    config = cast(LoraConfig, model.peft_config["default"])
    for name, module in model.named_modules():
        if ".lora_dropout." in name and isinstance(module, nn.Dropout):
            trained = plan_of(phase, component_of(family, name)).train == "lora"
            module.p = config.lora_dropout if trained else 0.0


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to a LoRA rather than to the base model."""
    return ".lora_" in name


def rate_factor(settings: Train) -> float:
    """What every learning rate is multiplied by for the size of the batch, as `train.rate_scaling` says.

    Linear: Goyal et al., arXiv:1706.02677; the root, for AdamW: Malladi et al., arXiv:2205.10287.
    """
    ratio = settings.batch / settings.reference_batch
    return {"none": 1.0, "sqrt": ratio**0.5, "linear": ratio}[settings.rate_scaling]


def parameter_groups(
    family: Family, model: nn.Module, phase: Phase, rate_scale: float, weight_decay: float, b_rate_ratio: float
) -> list[ParameterGroup]:
    """Every trainable parameter, biases and norms included, in one group of its component's rate times `rate_scale`.

    Vectors (biases, norms) get the rate of their component and no weight decay. `b_rate_ratio` is LoRA+'s: how many times faster the
    second matrix of an adapter learns than the first (arXiv:2402.12354).
    """
    groups: dict[tuple[str, float, float], list[nn.Parameter]] = {}
    trainable = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    for component, plan in phase.components.items():
        for name, parameter in trainable:
            if component_of(family, name) == component:
                rate = plan.rate * rate_scale * (b_rate_ratio if ".lora_B." in name else 1.0)
                key = (component, rate, weight_decay if parameter.ndim >= 2 else 0.0)
                groups.setdefault(key, []).append(parameter)
    grouped = sum(len(members) for members in groups.values())
    if grouped != len(trainable):
        raise RecipeError(
            f"phase {phase.name}: {len(trainable)} trainable parameters, {grouped} of them in a group with a learning rate"
        )
    return [
        ParameterGroup(component, rate, decay, tuple(members)) for (component, rate, decay), members in groups.items()
    ]


def sees_frozen(phase: Phase) -> bool:
    """Whether everything from the pixels to the visual tokens stays as it is throughout the phase."""
    return phase.components["vision"].train == "frozen" and phase.components["merger"].train == "frozen"


@contextlib.contextmanager
def tower_without_graph(family: Family, model: nn.Module) -> Iterator[None]:
    """Run the vision tower without recording a graph, inside the block.

    Gradient checkpointing makes the inputs of a tower require gradients, so that a frozen tower would be recorded and differentiated
    for nothing.
    """
    base = model.get_base_model() if isinstance(model, PeftModel) else model
    tower = base.get_submodule(family.vision_tower)
    forward = tower.forward

    def without_graph(self: nn.Module, *arguments: Any, **named: Any) -> Any:
        with torch.no_grad():
            return forward(*arguments, **named)

    tower.forward = types.MethodType(without_graph, tower)
    try:
        yield
    finally:
        tower.forward = forward


def trained_weights(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies, on the CPU, of all parameters that now require gradients, by name without PEFT's prefix.

    Where the model is dealt among processes, all of them must call this.
    """
    return {
        plain_name(name): whole(parameter).cpu().clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
