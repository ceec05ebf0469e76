"""The table of model families: what their parts are called, and what follows from it.

Freezing, learning rates, LoRA targets, modules that 4-bit loading skips and the report of trainable parameters all read this one
table. A component's pattern must match something in a model of the family, and every parameter belongs to exactly one component:
a library that renames its modules then fails loudly here instead of training the wrong part.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from torch import nn
from transformers import PreTrainedModel, ProcessorMixin, Qwen2VLForConditionalGeneration

from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor
from diagramlens.records import DiagramLensError


class FamilyError(DiagramLensError):
    """A family, component or parameter that the table does not cover."""


@dataclasses.dataclass(frozen=True)
class Family:
    """One architecture.

    `components` maps a component to a regex searched from the start of parameter names, as the model gives them without PEFT's
    prefix. `linear` maps a component to a regex that the whole name of a linear module must match to carry a LoRA; a component
    that is missing there cannot be trained so. `unquantized` lists the modules that 4-bit loading leaves alone. `tied` names the
    component whose only weight may be another's (an output head that shares the token embedding), and that other one.
    `boxes` says in which unit the family writes coordinates. `gguf` is the architecture's name in GGUF files.
    """

    name: str
    model: type[PreTrainedModel]
    processor: type[ProcessorMixin]
    components: Mapping[str, str]
    linear: Mapping[str, str]
    unquantized: tuple[str, ...]
    tied: Mapping[str, str]
    vision_tower: str
    patch_embedding: str
    end_of_turn: str
    boxes: str
    gguf: str


FAMILIES: dict[str, Family] = {
    "qwen2-vl": Family(
        name="qwen2-vl",
        model=Qwen2VLForConditionalGeneration,
        processor=PicturesOnlyQwen2VLProcessor,
        components={
            "vision": r"model\.visual\.(?!merger\.)",
            "merger": r"model\.visual\.merger\.",
            "language": r"model\.language_model\.",
            "head": r"lm_head\.",
        },
        # The head is absent: TRL multiplies by lm_head.weight itself, so an adapter there would never be trained.
        linear={
            "vision": r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])",
            "merger": r"model\.visual\.merger\.mlp\.[02]",
            "language": r"model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)",
        },
        unquantized=("model.visual", "lm_head"),
        tied={"head": "language"},
        vision_tower="model.visual",
        patch_embedding="model.visual.patch_embed",
        end_of_turn="<|im_end|>",
        boxes="thousandths",
        gguf="qwen2vl",
    ),
}

# What PEFT puts in front of the base model's names, and inside them: `lora_A.default`, `base_layer`, `modules_to_save.default`.
_PEFT_PREFIX = "base_model.model."


def family_named(name: str) -> Family:
    """The family of that name. Raises FamilyError listing the names there are."""
    if name not in FAMILIES:
        raise FamilyError(f"family = {name}: unknown; one of {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def plain_name(name: str) -> str:
    """A parameter's or module's name without the prefix of a PEFT wrapper.

    >>> plain_name("base_model.model.lm_head.weight")
    'lm_head.weight'
    """
    return name.removeprefix(_PEFT_PREFIX)


def component_of(family: Family, name: str) -> str:
    """The component that a parameter belongs to, from its name with or without PEFT's prefix.

    Raises FamilyError where none or several patterns match.
    """
    plain = plain_name(name)
    found = [component for component, pattern in family.components.items() if re.match(pattern, plain)]
    if len(found) != 1:
        claimed = ", ".join(found) if found else "no component"
        raise FamilyError(f"family {family.name}: parameter {plain} belongs to {claimed}; it must be exactly one")
    return found[0]


def is_tied(family: Family, model: nn.Module, component: str) -> bool:
    """Whether a component has no weight of its own in this model because it shares another component's."""
    if component not in family.tied:
        return False
    own = {component_of(family, name) for name, _ in model.named_parameters()}
    return component not in own


def check_components(family: Family, model: nn.Module) -> None:
    """Raise FamilyError unless each component's pattern matches a parameter, and each parameter is in exactly one component."""
    # With duplicates, since a head that is tied to the embedding is listed under the embedding's name only.
    names = [name for name, _ in model.named_parameters(remove_duplicate=False)]
    counts = dict.fromkeys(family.components, 0)
    for name in names:
        counts[component_of(family, name)] += 1
    empty = [component for component, count in counts.items() if count == 0]
    if empty:
        raise FamilyError(f"family {family.name}: the pattern of {', '.join(empty)} matches no parameter of this model")


def linear_modules(family: Family, model: nn.Module, component: str) -> list[str]:
    """The names, sorted, of a component's linear modules that a LoRA is put on.

    Raises FamilyError for a component without a pattern, and where the pattern matches nothing.
    """
    if component not in family.linear:
        possible = ", ".join(sorted(family.linear))
        raise FamilyError(
            f"family {family.name}: {component} cannot be trained as lora; one of {possible}, or frozen or full"
        )
    pattern = re.compile(family.linear[component])
    found = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and pattern.fullmatch(name)
    ]
    if not found:
        raise FamilyError(
            f"family {family.name}: the LoRA pattern of {component} matches no linear module of this model"
        )
    return sorted(found)


def lora_targets(family: Family, components: list[str]) -> str:
    """One regex for PEFT's `target_modules`: the linear modules of these components and no other.

    A regex, because PEFT matches it against whole names, keeps it as it is in adapter_config.json, and writes it in the same
    order each time; of a list of names it keeps a set of shortened endings.
    """
    return "|".join(f"({family.linear[component]})" for component in sorted(components))
