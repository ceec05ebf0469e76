"""Draws random circuits: a level, a placement, its pixels, a style, a picture; all from one random generator.

`sample_circuit` says what will be drawn and costs 0.2 ms, `Circuit.paint` draws it and costs some milliseconds, so that whoever wants
only certain topologies can look before paying.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from diagramlens.domains.circuits.draw import DrawnObject, draw
from diagramlens.domains.circuits.layout import Scene, place, scene, schematic
from diagramlens.domains.circuits.netlist import parse_netlist, topology_group
from diagramlens.domains.circuits.styles import Style, sample_style

Choice = TypeVar("Choice", int, str)


@dataclass(frozen=True)
class CircuitRecipe:
    """What to draw: weights of levels and styles, (fewest, most) parts and junctions a side, and pixels between junctions."""

    levels: Mapping[int, float]
    parts: tuple[int, int]
    grid: tuple[int, int]
    styles: Mapping[str, float]
    pitch: int


@dataclass(frozen=True)
class Circuit:
    """A placed circuit: its geometry in pixels and the schematic text read back from it."""

    level: int
    scene: Scene
    truth: str
    pitch: int

    @property
    def group(self) -> str:
        """The canonical form of its topology, 16 hex digits."""
        return topology_group(parse_netlist(self.truth))

    def paint(self, style: Style) -> tuple[Image.Image, list[DrawnObject]]:
        """The picture, and the boxes of its symbols."""
        return draw(self.scene, style, self.pitch)


def sample_circuit(recipe: CircuitRecipe, rng: random.Random) -> Circuit:
    """A random circuit of the recipe. Raises LayoutError where its sizes leave no room for one."""
    level = _choose(recipe.levels, rng)
    placed = place(level, recipe.parts, recipe.grid, rng)
    drawn = scene(placed, recipe.pitch, rng)
    return Circuit(level, drawn, schematic(drawn), recipe.pitch)


def sample_look(recipe: CircuitRecipe, rng: random.Random) -> Style:
    """A random style of the recipe."""
    return sample_style(_choose(recipe.styles, rng), rng)


def _choose(weights: Mapping[Choice, float], rng: random.Random) -> Choice:
    names = sorted(weights)
    return rng.choices(names, weights=[weights[name] for name in names])[0]
