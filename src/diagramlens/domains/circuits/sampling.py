"""Draws random circuits: a level, a placement, its pixels, a look, a picture; all from one random generator.

`sample_circuit` says what will be drawn and costs a millisecond or less, `paint` draws it and costs some, so that whoever wants only
certain topologies can look before paying.

What came into the world later (shapes, labels, degradations, …) draws from streams of its own: the circuits of levels 0 and 1 on
which the embedded model was trained stay what they were, whatever else there is to choose.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from PIL import Image

from diagramlens.domains.circuits import degrade
from diagramlens.domains.circuits.amplifiers import place_amplifier
from diagramlens.domains.circuits.blocks.sampling import BlockPicture, sample_blocks
from diagramlens.domains.circuits.draw import draw
from diagramlens.domains.circuits.layout import Layout, scene
from diagramlens.domains.circuits.marking import marked
from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.networks import Kind, place_network
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.opamps import place_opamp
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.scene import Scene
from diagramlens.domains.circuits.schematic import NODES_PRINTED, schematic
from diagramlens.domains.circuits.styles import Style, sample_style
from diagramlens.domains.circuits.topology import topology_group
from diagramlens.domains.circuits.values import labelled

Choice = TypeVar("Choice", int, str)


@dataclass(frozen=True)
class Circuit:
    """A placed circuit: its geometry in pixels and the schematic text read back from it. `shape` is what kind of circuit it is."""

    level: int
    shape: str
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


@dataclass(frozen=True)
class Look:
    """A style, and what befalls the picture: one of degrade.DEGRADATIONS, its strength drawn from `seed`."""

    style: Style
    degradation: str
    seed: int

    @property
    def name(self) -> str:
        """`american`, or `american/jpeg` where the picture suffered."""
        return self.style.name if self.degradation == "clean" else f"{self.style.name}/{self.degradation}"


def sample_circuit(recipe: CircuitRecipe, rng: random.Random) -> Circuit | BlockPicture:
    """A random circuit, or block diagram at level 5, of the recipe. Raises LayoutError where its sizes leave no room for one."""
    seed = _peek(rng)
    level = _choose({level: sizes.weight for level, sizes in recipe.levels.items()}, rng)
    if level == 5:
        return sample_blocks(recipe.levels[level].parts, rng, recipe.pitch)
    stream = random.Random(f"{seed} labels")
    layout = labelled(_placed(level, recipe, seed, rng), _choose(recipe.labels, stream), stream)
    layout = marked(layout, recipe.marks, random.Random(f"{seed} marks"))
    drawn = scene(layout, recipe.pitch, rng)
    return Circuit(level, layout.shape, drawn, schematic(drawn), recipe.pitch)


def _placed(level: int, recipe: CircuitRecipe, seed: int, rng: random.Random) -> Layout:
    sizes = recipe.levels[level]
    if level == 3:
        return place_amplifier(sizes.parts, sizes.grid, rng)
    if level == 4:
        return place_opamp(sizes.parts, sizes.grid, rng)
    stream = random.Random(f"{seed} shape")
    shape = _choose(recipe.shapes, stream)
    crossing = shape == "grid" and stream.random() < recipe.crossings
    return place_network(Kind(level, shape, crossing, sizes.parts, sizes.grid, recipe.sources), rng)


def sample_look(recipe: CircuitRecipe, rng: random.Random) -> Look:
    """A random look of the recipe."""
    seed = _peek(rng)
    degradation = _choose(recipe.degradations, random.Random(f"{seed} degradation"))
    return Look(sample_style(_choose(recipe.styles, rng), rng), degradation, seed)


def paint(circuit: Circuit | BlockPicture, look: Look) -> tuple[Image.Image, Sequence[DrawnObject]]:
    """The picture in a look, and the boxes of its symbols."""
    stream = random.Random(f"{look.seed} strength")
    picture, objects = circuit.paint(degrade.hand(look.style, look.degradation, stream))
    return degrade.apply(picture, objects, look.degradation, stream)


def told(circuit: Circuit | BlockPicture, look: Look) -> str:
    """The truth of a circuit in a look: its text, and whether node numbers are printed."""
    numbered = isinstance(circuit, Circuit) and look.style.nodes == "numbers"
    return circuit.truth + NODES_PRINTED if numbered else circuit.truth


def _peek(rng: random.Random) -> int:
    """A number that the generator's state decides, without drawing from it."""
    twin = random.Random()
    twin.setstate(rng.getstate())
    return twin.getrandbits(64)


def _choose(weights: Mapping[Choice, float], rng: random.Random) -> Choice:
    names = sorted(weights)
    return rng.choices(names, weights=[weights[name] for name in names])[0]
