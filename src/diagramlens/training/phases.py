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

from diagramlens.models.families import Family, component_of, is_tied, linear_modules, lora_targets, plain_name
from diagramlens.params import FrozenComponent, Lora, ModelEntry, Phase, TrainedComponent
from diagramlens.records import DiagramLensError


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


def check_phases(family: Family, model: nn.Module, phases: Sequence[Phase]) -> None:
    """Raise RecipeError or FamilyError, naming phase and component, for what this model cannot be trained as.

    `model` is the base without adapters, loaded as the first phase wants it.
    """
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
                linear_modules(family, model, component)
            if is_tied(family, model, component):
                _check_tied(family, phase, component)


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
        target_modules=lora_targets(family, components),
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
    """Switch gradients on for exactly what the phase trains. Returns the number of trainable parameters of each component.

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
    for component, count in counts.items():
        tied = is_tied(family, model, component)
        if (count > 0) != (plan_of(phase, component).train != "frozen") and not tied:
            raise RecipeError(
                f"phase {phase.name}: {component} is {plan_of(phase, component).train}, with {count} trainable parameters"
            )
    return counts


def is_adapter(name: str) -> bool:
    """Whether a parameter belongs to a LoRA rather than to the base model."""
    return ".lora_" in name


def parameter_groups(
    family: Family, model: nn.Module, phase: Phase, rate_scale: float, weight_decay: float
) -> list[ParameterGroup]:
    """Every trainable parameter, biases and norms included, in one group of its component's rate times `rate_scale`.

    Vectors (biases, norms) get the rate of their component and no weight decay.
    """
    groups = []
    trainable = [
        (component_of(family, name), parameter)
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    ]
    for component, plan in phase.components.items():
        own = [parameter for owner, parameter in trainable if owner == component]
        for decay, members in (
            (weight_decay, [parameter for parameter in own if parameter.ndim >= 2]),
            (0.0, [parameter for parameter in own if parameter.ndim < 2]),
        ):
            if members:
                groups.append(ParameterGroup(component, plan.rate * rate_scale, decay, tuple(members)))
    grouped = sum(len(group.parameters) for group in groups)
    if grouped != len(trainable):
        raise RecipeError(
            f"phase {phase.name}: {len(trainable)} trainable parameters, {grouped} of them in a group with a learning rate"
        )
    return groups


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
    """Copies, on the CPU, of all parameters that now require gradients, by name without PEFT's prefix."""
    return {
        plain_name(name): parameter.detach().cpu().clone()
        for name, parameter in model.named_parameters()
        if parameter.requires_grad
    }
