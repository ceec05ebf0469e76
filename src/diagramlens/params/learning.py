"""`models` and `recipes`: what learns, and how."""

from __future__ import annotations

import re
import typing
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from diagramlens.params.group import Group, distinct

ComponentName = Literal["vision", "merger", "language", "head"]


def _rates_of_the_trained(components: Any) -> Any:
    for name, plan in components.items() if isinstance(components, dict) else ():
        if isinstance(plan, dict) and plan.get("train") == "frozen" and "rate" in plan:
            raise ValueError(f"{name} is frozen and has no learning rate: remove its rate, or train it as full or lora")
    return components


class ModelEntry(Group):
    """`models.<name>`: which weights, how large a picture, and what fits the memory."""

    family: Literal["qwen2-vl", "qwen2.5-vl", "smolvlm"]
    source: str = Field(min_length=1)
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|main)$")] | None
    min_pixels: int = Field(ge=28 * 28, le=2**26)
    max_pixels: int = Field(ge=28 * 28, le=2**26)
    micro_batch: int = Field(ge=1, le=4096)
    rate_scale: float = Field(gt=0, le=1000)
    four_bit: bool
    gradient_checkpointing: bool

    @property
    def is_local(self) -> bool:
        """Whether `source` is a folder of this repository or machine (models/…, ./…, /…) and no hub id."""
        return self.source.startswith(("models/", ".", "/", "~"))

    @model_validator(mode="after")
    def _consistent(self) -> ModelEntry:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels ({self.min_pixels}) must not exceed max_pixels ({self.max_pixels})")
        if self.family == "smolvlm" and self.min_pixels != self.max_pixels:
            raise ValueError(
                f"min_pixels ({self.min_pixels}) must equal max_pixels ({self.max_pixels}): smolvlm scales every picture to one size"
            )
        if self.is_local and self.revision is not None:
            raise ValueError(f"revision must be null for {self.source}: a folder has no revisions (a hub model does)")
        if not self.is_local and self.revision is None:
            raise ValueError(f"revision must be a commit of 40 hex digits (or main) for the hub model {self.source}")
        if not self.is_local and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.source):
            raise ValueError(
                f"source ({self.source}) must be a hub id like Qwen/Qwen2-VL-7B-Instruct, or a folder: models/…, ./… or /…"
            )
        return self


class FrozenComponent(Group):
    """A component that a phase leaves as it is."""

    train: Literal["frozen"]

    @property
    def rate(self) -> float:
        """0.0: what is frozen does not move."""
        return 0.0


class TrainedComponent(Group):
    """A component that a phase trains, whole (`full`) or through low-rank adapters (`lora`), at a learning rate."""

    train: Literal["full", "lora"]
    rate: float = Field(gt=0, le=1)


Component = Annotated[FrozenComponent | TrainedComponent, Field(discriminator="train")]


class Phase(Group):
    """One phase of a recipe. `epochs` multiplies train.epochs."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    four_bit: bool
    epochs: float = Field(gt=0, le=100)
    components: Annotated[dict[ComponentName, Component], BeforeValidator(_rates_of_the_trained)]

    @model_validator(mode="after")
    def _possible(self) -> Phase:
        missing = [name for name in typing.get_args(ComponentName) if name not in self.components]
        if missing:
            raise ValueError(
                f"components must say of every component whether it is frozen, full or lora; missing: {', '.join(missing)}"
            )
        if all(component.train == "frozen" for component in self.components.values()):
            raise ValueError("components must train at least one component, and all are frozen")
        if self.components["head"].train == "lora":
            raise ValueError(
                "components.head must be frozen or full: the loss is fused with it, and would bypass an adapter"
            )
        if self.four_bit and self.components["language"].train == "full":
            raise ValueError(
                "components.language must be frozen or lora where four_bit is true: 4-bit weights cannot be trained"
            )
        return self


class Recipe(Group):
    """`recipes.<name>`: phases, one after the other, each starting from what the one before it left."""

    phases: list[Phase] = Field(min_length=1, max_length=16)

    @model_validator(mode="after")
    def _possible(self) -> Recipe:
        distinct([phase.name for phase in self.phases])
        adapted = any(component.train == "lora" for phase in self.phases for component in phase.components.values())
        for phase in self.phases:
            if phase.four_bit and not adapted:
                raise ValueError(
                    f"phases: four_bit of {phase.name} must be false where no phase trains a component as lora: a 4-bit model is trained "
                    "through adapters only"
                )
        return self
