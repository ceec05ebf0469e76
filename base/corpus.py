"""What the embedded model sees while it is pretrained: circuits drawn on the fly, each with a description and dense targets.

A sample depends on the corpus seed and its own number alone. Circuits whose topology `split` would put into validation or test are
passed over, so the pretraining has seen none of the topologies that the default run is graded on.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import blake2b
from typing import Any

from PIL import Image

from diagramlens.domains.circuits.netlist import Part, parse_netlist
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.questions import Expressions, pose, stepped_answer
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, paint, sample_circuit, sample_look, told
from diagramlens.domains.circuits.scene import Scene
from diagramlens.records import Question
from diagramlens.splitting import place

PROMPTS = ("Describe this circuit.", "Describe the drawing.", "What does the circuit show?")


@dataclass(frozen=True)
class Sample:
    """One picture and what there is to say about it."""

    picture: Image.Image
    level: int
    scene: Scene
    objects: tuple[DrawnObject, ...]
    truth: str
    prompt: str
    description: str

    def asked(self, kinds: Mapping[str, int], seed: int, *, steps: bool) -> list[Question]:
        """Questions about the picture, at most so many of each kind, as `label` asks them: those that can be asked.

        With `steps` they are answered as with its `reasoning: steps` and `expressions: nested`, else in its plainest way.
        """
        of = ("", "", self.level, self.truth)
        expressions: Expressions = "nested" if steps else "expanded"
        posed, _ = pose(*of, kinds=dict(kinds), netlist_form="traced", seed=seed, expressions=expressions)
        if not steps:
            return [one.question for one in posed]
        return [replace(one.question, answer=stepped_answer(one, one.question.answer)) for one in posed]


def describe(truth: str) -> str:
    """A drawing in words, one phrase a line of its netlist, in reading order: first junction, part, and the other junctions.

    A wire is its two junctions, a ground or supply its junction and what hangs there; a controlled source ends in what rules it.

    >>> describe("V1 e a 10; up\\nR1 a b 2k; right\\nW b f; down\\nW e 0; down, ground\\n")
    'e V1 a, a R1 b, b f, e ground'
    >>> describe("E1 c d a b; right, l=E1\\nE2 g 0 opamp b f; l=E2\\nF1 c d V1; up\\nVDD c 0 10; up, supply\\n")
    'c E1 d a b, g E2 b f, c F1 d V1, c VDD'
    """
    return ", ".join(_phrase(part) for part in parse_netlist(truth).parts)


def _phrase(part: Part) -> str:
    first, *others = part.nodes
    if part.kind == "W":
        return f"{first} {'ground' if others == ['0'] else others[0]}"
    if part.model == "opamp" or "supply" in part.hints:
        others = others[1:]  # the reference of either is ground, and not drawn
    words = [first, part.name, *others, part.control]
    return " ".join("ground" if word == "0" else word for word in words if word is not None)


def sample(number: int, corpus: Mapping[str, Any], domain: str, part: str = "train") -> Sample:
    """Sample `number` of a part ("train", "validation" or "test") of a domain of the corpus that base/params.yaml describes."""
    recipe = CircuitRecipe.of(corpus["domains"][domain])
    fractions = {name: corpus["split"][name] for name in ("train", "validation", "test")}
    for attempt in range(1000):
        seed = blake2b(f"{corpus['seed']}/{part}/{number}/{attempt}".encode(), digest_size=8).digest()
        rng = random.Random(int.from_bytes(seed))
        circuit = sample_circuit(recipe, rng)
        if isinstance(circuit, Circuit) and place(circuit.group, corpus["split"]["salt"], fractions) == part:
            look = sample_look(recipe, rng)
            picture, objects = paint(circuit, look)
            truth = told(circuit, look)
            return Sample(
                picture, circuit.level, circuit.scene, tuple(objects), truth, rng.choice(PROMPTS), describe(truth)
            )
    raise RuntimeError(f"no circuit of the {part} part in 1000 draws; check corpus.split")
