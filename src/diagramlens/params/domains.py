"""`domains`: what a diagram is."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from diagramlens.params.group import Fraction01, Group, Weight, some_weight

LevelName = Literal["level_0", "level_1", "level_2", "level_3", "level_4", "level_5"]
ShapeName = Literal["grid", "ladder", "bridge", "two_port"]
LabelName = Literal["names", "values", "both", "mixed"]
DegradationName = Literal["clean", "blur", "jpeg", "noise", "rotation", "contrast", "wobble"]
StyleName = Literal["american", "european", "textbook"]


def _some_level(levels: Any) -> Any:
    if isinstance(levels, dict) and all(isinstance(level, dict) for level in levels.values()):
        some_weight({name: level.get("weight") for name, level in levels.items()})
    return levels


class Range(Group):
    """A smallest and a largest whole number, both included."""

    minimum: int = Field(ge=2, le=24)
    maximum: int = Field(ge=2, le=24)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must not exceed maximum ({self.maximum})")
        return self


class GridRange(Range):
    """Junctions a side. Junctions are named by one of sixteen letters, hence at most four a side."""

    minimum: int = Field(ge=2, le=4)
    maximum: int = Field(ge=2, le=4)


class Level(Group):
    """`domains.circuits.levels.<level>`: how often it is drawn, and how large its circuits are."""

    weight: Weight
    parts: Range
    grid: GridRange

    @model_validator(mode="after")
    def _fits(self) -> Level:
        side = self.grid.maximum
        places = 2 * side * (side - 1)
        if self.parts.maximum > places:
            raise ValueError(
                f"parts.maximum ({self.parts.maximum}) must not exceed {places}, the edges of a grid of {side} junctions a side"
            )
        return self


class Sources(Group):
    """`domains.circuits.sources`: how often a circuit has so many independent sources."""

    one: Weight
    two: Weight
    three: Weight


class Marks(Group):
    """`domains.circuits.marks`: shares of the passive parts that carry marks besides those a circuit has in any case."""

    voltage: Fraction01
    current: Fraction01


class CircuitsDomain(Group):
    """`domains.circuits`: which circuits are drawn, and how they look."""

    levels: Annotated[dict[LevelName, Level], BeforeValidator(_some_level)]
    shapes: Annotated[dict[ShapeName, Weight], BeforeValidator(some_weight)]
    sources: Annotated[Sources, BeforeValidator(some_weight)]
    crossings: Fraction01
    labels: Annotated[dict[LabelName, Weight], BeforeValidator(some_weight)]
    marks: Marks
    degradations: Annotated[dict[DegradationName, Weight], BeforeValidator(some_weight)]
    styles: Annotated[dict[StyleName, Weight], BeforeValidator(some_weight)]
    pitch: int = Field(ge=40, le=256)

    @model_validator(mode="after")
    def _all_named(self) -> CircuitsDomain:
        for key, names in (
            ("levels", LevelName),
            ("shapes", ShapeName),
            ("labels", LabelName),
            ("degradations", DegradationName),
        ):
            missing = [name for name in typing.get_args(names) if name not in getattr(self, key)]
            if missing:
                raise ValueError(
                    f"{key} must give a weight for every entry (0 for never); missing: {', '.join(missing)}"
                )
        return self

    @model_validator(mode="after")
    def _room_for_shapes(self) -> CircuitsDomain:
        wide = [name for name in ("bridge", "two_port") if self.shapes[name] > 0] + ["crossings"] * (self.crossings > 0)
        for name in ("level_0", "level_1", "level_2"):
            level = self.levels[name]
            if level.weight == 0:
                continue
            if wide and level.grid.maximum < 3:
                raise ValueError(f"levels.{name}.grid.maximum ({level.grid.maximum}) must be at least 3 for {wide[0]}")
            fewest, most, grid = level.parts.minimum, level.parts.maximum, level.grid.maximum
            for shape, fits, told in (
                ("bridge", most >= 6, f"parts.maximum ({most}) must be at least 6"),
                ("two_port", fewest <= 5, f"parts.minimum ({fewest}) must be at most 5"),
                # A source's two branches and what they join need the room.
                ("two_port", name != "level_2" or grid >= 4, f"grid.maximum ({grid}) must be at least 4"),
                ("ladder", fewest <= 7, f"parts.minimum ({fewest}) must be at most 7"),
            ):
                if self.shapes[cast(ShapeName, shape)] > 0 and not fits:
                    raise ValueError(f"levels.{name}.{told} for shapes.{shape}")
        return self


class Domains(Group):
    """`domains`: each domain has a schema of its own."""

    circuits: CircuitsDomain
