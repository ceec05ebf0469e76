"""The table of model families: what their parts are called, and what follows from it.

Freezing, learning rates, LoRA targets, modules that 4-bit loading skips, the way pictures become tokens and the report of trainable
parameters all read this one table. A component's pattern must match something in a model of the family, and every parameter belongs to
exactly one component: a library that renames its modules then fails loudly here instead of training the wrong part.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

from torch import nn
from transformers import (
    Idefics3ForConditionalGeneration,
    PreTrainedModel,
    ProcessorMixin,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2VLForConditionalGeneration,
    SmolVLMForConditionalGeneration,
)

from diagramlens.models.processors import (
    PicturesOnlyIdefics3Processor,
    PicturesOnlyQwen2p5VLProcessor,
    PicturesOnlyQwen2VLProcessor,
    PicturesOnlySmolVLMProcessor,
)
from diagramlens.models.vision_inputs import PatchGrid, Tiles, VisionInputs
from diagramlens.records import DiagramLensError


class FamilyError(DiagramLensError):
    """A family, component or parameter that the table does not cover."""


@dataclasses.dataclass(frozen=True)
class Architecture:
    """The classes that a folder's config.json names by its `model_type`."""

    model: type[PreTrainedModel]
    processor: type[ProcessorMixin]


@dataclasses.dataclass(frozen=True)
class Family:
    """Architectures whose parts have the same names.

    `architectures` maps the `model_type` of config.json to its classes, the family's own first. `pictures` is its way of showing
    pictures. `components` maps a component to a regex searched from the start of parameter names, as the model gives them without
    PEFT's prefix. `linear` maps a component to a regex that the whole name of a linear module must match to carry a LoRA, `attention`
    to one for those in its attention layers alone; a component that is missing there cannot be trained so. `unquantized` lists the
    modules that 4-bit loading leaves alone. `tied` names the component whose only weight may be another's (an output head that shares
    the token embedding), and that other one. `patch_embedding` is the convolution that cuts patches. `boxes` says in which unit the
    family writes coordinates. `gguf` is the architecture's name in GGUF files, None where there is no converter here.
    """

    name: str
    architectures: Mapping[str, Architecture]
    pictures: type[VisionInputs]
    components: Mapping[str, str]
    linear: Mapping[str, str]
    attention: Mapping[str, str]
    unquantized: tuple[str, ...]
    tied: Mapping[str, str]
    vision_tower: str
    patch_embedding: str
    end_of_turn: str
    boxes: str
    gguf: str | None


_QWEN_COMPONENTS = {
    "vision": r"model\.visual\.(?!merger\.)",
    "merger": r"model\.visual\.merger\.",
    "language": r"model\.language_model\.",
    "head": r"lm_head\.",
}
# The head is absent from the LoRA patterns of every family: TRL multiplies by lm_head.weight itself, so an adapter there would never be
# trained. Patterns are anchored to a component, because the names after it are not: `q_proj` is in SmolVLM's tower as well, and
# `gate_proj` in Qwen2.5-VL's.
_QWEN_LANGUAGE_ATTENTION = r"model\.language_model\.layers\.\d+\.self_attn\.[qkvo]_proj"
_QWEN_LANGUAGE = r"model\.language_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)"
_QWEN_VISION_ATTENTION = r"model\.visual\.blocks\.\d+\.attn\.(qkv|proj)"
_QWEN_MERGER = r"model\.visual\.merger\.mlp\.[02]"

FAMILIES: dict[str, Family] = {
    "qwen2-vl": Family(
        name="qwen2-vl",
        architectures={"qwen2_vl": Architecture(Qwen2VLForConditionalGeneration, PicturesOnlyQwen2VLProcessor)},
        pictures=PatchGrid,
        components=_QWEN_COMPONENTS,
        linear={
            "vision": r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.fc[12])",
            "merger": _QWEN_MERGER,
            "language": _QWEN_LANGUAGE,
        },
        attention={"vision": _QWEN_VISION_ATTENTION, "language": _QWEN_LANGUAGE_ATTENTION},
        unquantized=("model.visual", "lm_head"),
        tied={"head": "language"},
        vision_tower="model.visual",
        patch_embedding="model.visual.patch_embed.proj",
        end_of_turn="<|im_end|>",
        boxes="thousandths",
        gguf="qwen2vl",
    ),
    "qwen2.5-vl": Family(
        name="qwen2.5-vl",
        architectures={"qwen2_5_vl": Architecture(Qwen2_5_VLForConditionalGeneration, PicturesOnlyQwen2p5VLProcessor)},
        pictures=PatchGrid,
        components=_QWEN_COMPONENTS,
        linear={
            "vision": r"model\.visual\.blocks\.\d+\.(attn\.(qkv|proj)|mlp\.(gate|up|down)_proj)",
            "merger": _QWEN_MERGER,
            "language": _QWEN_LANGUAGE,
        },
        attention={"vision": _QWEN_VISION_ATTENTION, "language": _QWEN_LANGUAGE_ATTENTION},
        unquantized=("model.visual", "lm_head"),
        tied={"head": "language"},
        vision_tower="model.visual",
        patch_embedding="model.visual.patch_embed.proj",
        end_of_turn="<|im_end|>",
        boxes="pixels",
        gguf=None,
    ),
    # The first SmolVLMs are published as Idefics3, SmolVLM2 under its own name; modules and arithmetic are the same.
    "smolvlm": Family(
        name="smolvlm",
        architectures={
            "smolvlm": Architecture(SmolVLMForConditionalGeneration, PicturesOnlySmolVLMProcessor),
            "idefics3": Architecture(Idefics3ForConditionalGeneration, PicturesOnlyIdefics3Processor),
        },
        pictures=Tiles,
        components={
            "vision": r"model\.vision_model\.",
            "merger": r"model\.connector\.",
            "language": r"model\.text_model\.",
            "head": r"lm_head\.",
        },
        linear={
            "vision": r"model\.vision_model\.encoder\.layers\.\d+\.(self_attn\.([qkv]|out)_proj|mlp\.fc[12])",
            "merger": r"model\.connector\.modality_projection\.proj",
            "language": r"model\.text_model\.layers\.\d+\.(self_attn\.[qkvo]_proj|mlp\.(gate|up|down)_proj)",
        },
        attention={
            "vision": r"model\.vision_model\.encoder\.layers\.\d+\.self_attn\.([qkv]|out)_proj",
            "language": r"model\.text_model\.layers\.\d+\.self_attn\.[qkvo]_proj",
        },
        unquantized=("model.vision_model", "model.connector", "lm_head"),
        tied={"head": "language"},
        vision_tower="model.vision_model",
        patch_embedding="model.vision_model.embeddings.patch_embedding",
        end_of_turn="<end_of_utterance>",
        # No convention of its own is published; tiles hide the picture's size from the model, so a share of it is what it can know.
        boxes="thousandths",
        gguf=None,
    ),
}

# What PEFT puts in front of the base model's names, and inside them: `lora_A.default`, `base_layer`, `modules_to_save.default`.
_PEFT_PREFIX = "base_model.model."


def family_named(name: str) -> Family:
    """The family of that name. Raises FamilyError listing the names there are."""
    if name not in FAMILIES:
        raise FamilyError(f"family = {name}: unknown; one of {', '.join(sorted(FAMILIES))}")
    return FAMILIES[name]


def family_of(processor: ProcessorMixin) -> Family:
    """The family whose processor this is. Raises FamilyError for a class that no architecture names."""
    for family in FAMILIES.values():
        if any(type(processor) is architecture.processor for architecture in family.architectures.values()):
            return family
    raise FamilyError(f"a processor of class {type(processor).__name__} belongs to no family")


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


def is_quantized_component(family: Family, component: str) -> bool:
    """Whether 4-bit loading rounds a component's matrices."""
    return not family.components[component].replace(r"\.", ".").startswith(family.unquantized)


def _lora_pattern(family: Family, component: str, targets: str) -> str:
    """The regex of the modules of a component that carry a LoRA: `all` its linear ones, or those of its `attention`.

    Raises FamilyError for a component that has none.
    """
    patterns = family.linear if targets == "all" else family.attention
    if component not in patterns:
        where = "" if targets == "all" else f" with lora.targets = {targets}"
        raise FamilyError(
            f"family {family.name}: {component} cannot be trained as lora{where}; one of {', '.join(sorted(patterns))}, "
            "or frozen or full"
        )
    return patterns[component]


def linear_modules(family: Family, model: nn.Module, component: str, targets: str = "all") -> list[str]:
    """The names, sorted, of a component's linear modules that a LoRA is put on.

    Raises FamilyError for a component without a pattern, and where the pattern matches nothing.
    """
    pattern = re.compile(_lora_pattern(family, component, targets))
    found = [
        name for name, module in model.named_modules() if isinstance(module, nn.Linear) and pattern.fullmatch(name)
    ]
    if not found:
        raise FamilyError(
            f"family {family.name}: the LoRA pattern of {component} matches no linear module of this model"
        )
    return sorted(found)


def lora_targets(family: Family, components: list[str], targets: str = "all") -> str:
    """One regex for PEFT's `target_modules`: the linear modules of these components and no other.

    A regex, because PEFT matches it against whole names, keeps it as it is in adapter_config.json, and writes it in the same
    order each time; of a list of names it keeps a set of shortened endings.
    """
    return "|".join(f"({_lora_pattern(family, component, targets)})" for component in sorted(components))
