"""What one stage may read of params.yaml: what dvc.yaml declares for it, and nothing else.

Were a stage to read a parameter that it does not declare, changing that parameter would make nothing stale, and the results on disk would
silently be those of another configuration. So the view raises instead.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from diagramlens.params import (
    CircuitsDomain,
    Evaluate,
    Generate,
    Group,
    Label,
    Lora,
    Merge,
    ModelEntry,
    Params,
    ParamsError,
    Quantize,
    Recipe,
    Split,
    Train,
)

_AXES = {"domains": "domain", "models": "model", "recipes": "recipe"}


class UndeclaredParamError(AttributeError):
    """A stage read a parameter that dvc.yaml does not declare for it: a mistake of the stage or dvc.yaml, not of params.yaml."""


@dataclasses.dataclass(frozen=True)
class Names:
    """The names that the three axes select; None where the stage declares neither the name nor the entry."""

    domain: str | None
    model: str | None
    recipe: str | None


class StageParams:
    """The parameters that dvc.yaml declares for one stage, by group; `domain`, `model` and `recipe` are the entries selected.

    `names` has the selected names, `declared` the plain content, for hashing. Reading anything else raises UndeclaredParamError.
    """

    stage: str
    names: Names
    declared: Mapping[str, Any]
    domain: CircuitsDomain
    model: ModelEntry
    recipe: Recipe
    generate: Generate
    label: Label
    split: Split
    lora: Lora
    train: Train
    merge: Merge
    quantize: Quantize
    evaluate: Evaluate

    def __init__(self, stage: str, names: Names, declared: Mapping[str, Any], groups: Mapping[str, Group]) -> None:
        self.__dict__.update({"stage": stage, "names": names, "declared": declared, **groups})

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"parameters are read, never set: {name}")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # copy and pickle probe for methods by name
            raise AttributeError(name)
        groups = sorted(set(self.__dict__) - {"stage", "names", "declared"})
        raise UndeclaredParamError(
            f"stage {self.stage} reads {name}, which dvc.yaml does not declare for it (it declares {', '.join(groups) or 'nothing'})"
        )


def declared_params(stage: str, declared: Mapping[str, Any], content: Mapping[str, Any], params: Params) -> StageParams:
    """What a stage may read, out of the nested mapping that dvc.api.params_show returns for it.

    `content` is the plain content of params.yaml, and `params` the same, checked. `declared` holds whole groups (`lora: {…}`), selected
    entries (`models: {base: {…}}`) or selecting names (`model: base`). A part of a group is refused with ParamsError, for the stage
    would then see keys that it does not declare.
    """
    names: dict[str, str | None] = {"domain": None, "model": None, "recipe": None}
    groups: dict[str, Group] = {}
    for key, value in declared.items():
        if key in names:
            names[key] = value
        elif key in _AXES:
            axis = _AXES[key]
            selected = getattr(params, axis)
            if value != {selected: content[key][selected]}:
                raise ParamsError(
                    [f"dvc.yaml: stage {stage} must declare {key}.${{{axis}}}, and declares {', '.join(value)}"]
                )
            names[axis] = selected
            groups[axis] = getattr(params, f"selected_{axis}")
        elif key == "runtime" or value != content.get(key):
            raise ParamsError(
                [f"dvc.yaml: stage {stage} declares {key} wrongly; declare whole groups, and never runtime"]
            )
        else:
            groups[key] = getattr(params, key)
    return StageParams(stage, Names(**names), declared, groups)
