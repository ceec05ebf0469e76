"""What the embedded model sees while it is pretrained: circuits drawn on the fly, each with a description and dense targets.

A sample depends on the corpus seed and its own number alone. Circuits whose topology `split` would put into validation or test are
passed over, so the pretraining has seen none of the topologies that the default run is graded on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from PIL import Image

from diagramlens.domains.circuits.draw import DrawnObject
from diagramlens.domains.circuits.layout import Scene
from diagramlens.domains.circuits.questions import ask
from diagramlens.domains.circuits.sampling import CircuitRecipe, sample_circuit, sample_look
from diagramlens.splitting import place

PROMPTS = ("Describe this circuit.", "Describe the drawing.", "What does the circuit show?")


@dataclass(frozen=True)
class Sample:
    """One picture and what there is to say about it."""

    picture: Image.Image
    scene: Scene
    objects: tuple[DrawnObject, ...]
    truth: str
    prompt: str
    description: str

    def asked(self, kind: str, seed: int) -> tuple[str, str]:
        """A question of a kind about the picture, as `label` asks it, and its answer; prompt and description where there is none to ask."""
        rows = ask("", "", 0, self.truth, kinds={kind: 1}, netlist_form="traced", seed=seed)
        return (rows[0].prompt, rows[0].answer) if rows else (self.prompt, self.description)


def describe(truth: str) -> str:
    """A drawing in words: junction, part, junction for each part, two junctions for a wire, in reading order.

    >>> describe("V1 e a 10; up\\nR1 a b 2k; right\\nW b f; down\\nW e 0; down, ground\\n")
    'e V1 a, a R1 b, b f, e ground'
    """
    phrases = []
    for line in truth.strip().splitlines():
        name, first, second = line.split(";")[0].split()[:3]
        if second == "0":
            phrases.append(f"{first} ground")
        else:
            phrases.append(f"{first} {second}" if name == "W" else f"{first} {name} {second}")
    return ", ".join(phrases)


def sample(number: int, corpus: Mapping[str, Any], part: str = "train") -> Sample:
    """Sample `number` of the part ("train", "validation" or "test") of the corpus that base/params.yaml describes."""
    recipe = CircuitRecipe(
        levels={int(level): weight for level, weight in corpus["levels"].items()},  # DVC takes no whole numbers as keys
        parts=(corpus["parts"]["minimum"], corpus["parts"]["maximum"]),
        grid=(corpus["grid"]["minimum"], corpus["grid"]["maximum"]),
        styles=corpus["styles"],
        pitch=corpus["pitch"],
    )
    fractions = {name: corpus["split"][name] for name in ("train", "validation", "test")}
    for attempt in range(1000):
        seed = blake2b(f"{corpus['seed']}/{part}/{number}/{attempt}".encode(), digest_size=8).digest()
        rng = random.Random(int.from_bytes(seed))
        circuit = sample_circuit(recipe, rng)
        if place(circuit.group, corpus["split"]["salt"], fractions) == part:
            picture, objects = circuit.paint(sample_look(recipe, rng))
            return Sample(
                picture, circuit.scene, tuple(objects), circuit.truth, rng.choice(PROMPTS), describe(circuit.truth)
            )
    raise RuntimeError(f"no circuit of the {part} part in 1000 draws; check corpus.split")
