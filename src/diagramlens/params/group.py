"""What every group of params.yaml is made of: the strict mapping, and the kinds of values that several groups have."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction01 = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
FilePath = Annotated[str, Field(min_length=1)]


class Group(BaseModel):
    """A mapping of params.yaml whose keys are all required and all known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


def distinct(values: Any) -> Any:
    """For a list: refuse what names anything twice."""
    if isinstance(values, list) and len(set(map(str, values))) < len(values):
        raise ValueError("must not name anything twice")
    return values


def some_weight(weights: Any) -> Any:
    """For a mapping to weights: refuse one whose weights are all 0."""
    numbers = list(weights.values()) if isinstance(weights, dict) else [1]
    if all(isinstance(number, int | float) for number in numbers) and sum(numbers) <= 0:
        raise ValueError("must hold at least one number above 0")
    return weights
