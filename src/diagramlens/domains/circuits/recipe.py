"""What to draw, as `domains.circuits` of params.yaml says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Dumpable(Protocol):
    """A pydantic model."""

    def model_dump(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class LevelSizes:
    """How often a level is drawn, (fewest, most) parts of its circuits, and (fewest, most) junctions a side of their grid."""

    weight: float
    parts: tuple[int, int]
    grid: tuple[int, int]


@dataclass(frozen=True)
class Marks:
    """Shares, 0 to 1, of the R, L and C of levels 0 to 4 that are marked besides those a circuit marks in any case.

    `voltage` by + and -, `current` by an arrow.
    """

    voltage: float
    current: float


@dataclass(frozen=True)
class CircuitRecipe:
    """Weights and sizes by level; weights of shapes, of one, two or three sources, of labels, degradations and styles.

    `crossings` is the share of circuits of levels 0 to 2 with two wires that cross, `pitch` the pixels between junctions.
    """

    levels: Mapping[int, LevelSizes]
    shapes: Mapping[str, float]
    sources: tuple[float, float, float]
    crossings: float
    labels: Mapping[str, float]
    marks: Marks
    degradations: Mapping[str, float]
    styles: Mapping[str, float]
    pitch: int

    @classmethod
    def of(cls, domain: Dumpable | Mapping[str, Any]) -> CircuitRecipe:
        """The recipe that `domains.circuits` of params.yaml states, as its pydantic model or as a mapping of the same keys."""
        content = domain if isinstance(domain, Mapping) else domain.model_dump()
        return cls(
            levels={int(key.removeprefix("level_")): _sizes(sizes) for key, sizes in content["levels"].items()},
            shapes=content["shapes"],
            sources=(content["sources"]["one"], content["sources"]["two"], content["sources"]["three"]),
            crossings=content["crossings"],
            labels=content["labels"],
            marks=Marks(content["marks"]["voltage"], content["marks"]["current"]),
            degradations=content["degradations"],
            styles=content["styles"],
            pitch=content["pitch"],
        )


def _sizes(sizes: Mapping[str, Any]) -> LevelSizes:
    parts, grid = sizes["parts"], sizes["grid"]
    return LevelSizes(sizes["weight"], (parts["minimum"], parts["maximum"]), (grid["minimum"], grid["maximum"]))
