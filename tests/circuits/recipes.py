"""Recipes for tests: params.yaml's own, but with meshes of levels 0 and 1 alone and room for every shape at every level."""

from __future__ import annotations

from typing import Any

from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.params import load_params
from tests.committed import DEFAULT_PARAMS

DOMAIN: dict[str, Any] = load_params(DEFAULT_PARAMS).domains.circuits.model_dump()
for _name, _level in DOMAIN["levels"].items():
    _level["weight"] = float(_name in ("level_0", "level_1"))
DOMAIN["shapes"] = {"grid": 1.0, "ladder": 0.0, "bridge": 0.0, "two_port": 0.0}
DOMAIN["levels"]["level_2"] |= {"parts": {"minimum": 4, "maximum": 8}, "grid": {"minimum": 2, "maximum": 4}}
DOMAIN["levels"]["level_4"] |= {"parts": {"minimum": 4, "maximum": 9}}

EVERY_SHAPE = {"grid": 2.0, "ladder": 1.0, "bridge": 1.0, "two_port": 1.0}
EVERY_LABEL = {"names": 1.0, "values": 1.0, "both": 1.0}


def recipe(levels: dict[int, float] | None = None, **changed: Any) -> CircuitRecipe:
    """params.yaml's circuits, drawn at these levels with these weights, other keys of the group changed."""
    domain = {**DOMAIN, **changed}
    if levels is not None:
        domain["levels"] = {
            name: {**level, "weight": levels.get(int(name[-1]), 0.0)} for name, level in domain["levels"].items()
        }
    return CircuitRecipe.of(domain)


def full_recipe(*levels: int, marks: float = 0.0, **changed: Any) -> CircuitRecipe:
    """All that can be drawn at these levels: every shape, crossings, up to three sources, every label; that share of parts marked."""
    everything = {
        "shapes": EVERY_SHAPE,
        "sources": {"one": 1.0, "two": 1.0, "three": 1.0},
        "crossings": 0.3,
        "labels": EVERY_LABEL,
        "marks": {"voltage": marks, "current": marks},
    }
    return recipe(dict.fromkeys(levels, 1.0), **(everything | changed))
