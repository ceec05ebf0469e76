"""What a model is made of, from its configuration alone.

The model is built on torch's meta device, where tensors have shapes and no content: a model of 70 billion parameters takes a second and no
memory, and of a hub model nothing is fetched but its config.json. Everything that is said here of components is the family table's.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PretrainedConfig, PreTrainedModel
from transformers.quantizers.quantizers_utils import should_convert_module

from diagramlens.models.families import Family, check_components, component_of
from diagramlens.models.source import CONFIG_ADVICE, LoadingError, check_source
from diagramlens.params import ModelEntry


@dataclasses.dataclass(frozen=True)
class LinearKind:
    """Linear modules that differ in the number of their layer alone.

    `pattern` is their name with `*` for the layer's number, `leaf` its last part, `shape` that of the weight (outputs, inputs). `names`
    are the modules' own. `quantized` says whether 4-bit loading rounds them.
    """

    component: str
    pattern: str
    leaf: str
    shape: tuple[int, int]
    names: tuple[str, ...]
    quantized: bool

    @property
    def parameters(self) -> int:
        """Parameters of all their weights, biases left out."""
        return self.shape[0] * self.shape[1] * len(self.names)


def read_config(entry: ModelEntry, family: Family, file: Path | None = None) -> PretrainedConfig:
    """The configuration in `file`, or else that of the model's source: no weights are read or fetched.

    Raises LoadingError where it is missing, unreadable, or of another family's architecture.
    """
    if file is None:
        check_source(entry, otherwise=CONFIG_ADVICE)
    elif not file.is_file():
        raise LoadingError(f"{file}: no such file; give the path of a config.json")
    where = entry.source if file is None else str(file)
    try:
        config = AutoConfig.from_pretrained(
            where, revision=(entry.revision if file is None else None) or "main", trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        words = " ".join(str(error).split()).split(". ")[0]  # what comes after it is advice for programmers
        advice = (
            "a config.json as the model's makers publish it" if file else f"--config FILE with {where}'s config.json"
        )
        raise LoadingError(f"{where}: its config.json cannot be read ({words[:160]}); wanted is {advice}") from error
    if config.model_type not in family.architectures:
        known = " or ".join(family.architectures)
        raise LoadingError(
            f"{where}: a {config.model_type} model, where family {family.name} wants {known}; select another model"
        )
    return config


def model_on_meta(family: Family, config: PretrainedConfig, dtype: torch.dtype = torch.bfloat16) -> PreTrainedModel:
    """The model of a configuration with shapes for weights, in `dtype`. Raises FamilyError where the family's table does not cover it."""
    kind: Any = family.architectures[config.model_type].model
    with torch.device("meta"):
        model: PreTrainedModel = kind(config)
    nn.Module.to(model, dtype)  # not model.to, whose wrapper hides its arguments from the type checker
    check_components(family, model)
    return model


def linear_kinds(family: Family, model: nn.Module) -> list[LinearKind]:
    """All linear modules of a model without adapters, by component (in the table's order) and pattern."""
    grouped: dict[tuple[str, str, tuple[int, int]], list[str]] = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            key = (component_of(family, f"{name}.weight"), pattern_of(name), (module.out_features, module.in_features))
            grouped.setdefault(key, []).append(name)
    rounded = quantized_modules(family, model)
    kinds = [
        LinearKind(component, pattern, pattern.rpartition(".")[2], shape, tuple(names), names[0] in rounded)
        for (component, pattern, shape), names in grouped.items()
    ]
    order = list(family.components)
    return sorted(kinds, key=lambda kind: order.index(kind.component))


def pattern_of(name: str) -> str:
    """A module's name with `*` for the numbers of layers.

    >>> pattern_of("model.visual.blocks.31.attn.qkv")
    'model.visual.blocks.*.attn.qkv'
    >>> pattern_of("model.visual.merger.mlp.0")
    'model.visual.merger.mlp.0'
    """
    return re.sub(r"\.\d+(?=\.)", ".*", name)


def quantized_modules(family: Family, model: nn.Module) -> set[str]:
    """The names of the modules that loading in 4 bits rounds: by transformers' own rule, over the family's list of exceptions."""
    skipped = list(family.unquantized)
    # Exactly nn.Linear, as transformers has it: a subclass may compute something else.
    return {
        name
        for name, module in model.named_modules()
        if type(module) is nn.Linear and should_convert_module(name, skipped)
    }


def component_sizes(family: Family, model: nn.Module) -> dict[str, int]:
    """Number of parameters of each component, adapters included; a head that shares the token embedding counts 0."""
    sizes = dict.fromkeys(family.components, 0)
    for name, parameter in model.named_parameters():
        sizes[component_of(family, name)] += parameter.numel()
    return sizes
