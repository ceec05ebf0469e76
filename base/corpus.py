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

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist, parse_netlist
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.questions import Expressions, pose, stepped_answer
from diagramlens.domains.circuits.questions.working import BEHIND_TRACED
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, paint, sample_circuit, sample_look, told
from diagramlens.domains.circuits.scene import Scene
from diagramlens.records import Question
from diagramlens.splitting import place

# What junctions of a circuit without a picture are called: what those of drawn ones are.
_LETTERS = "abcdefghijklmnop"
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
        return _asked(self.truth, self.level, kinds, seed, steps=steps)


def _asked(truth: str, level: int, kinds: Mapping[str, int], seed: int, *, steps: bool) -> list[Question]:
    expressions: Expressions = "nested" if steps else "expanded"
    of = ("", "", level, truth)
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
    circuit, rng = _circuit(f"{part}/{number}", corpus, recipe, part)
    look = sample_look(recipe, rng)
    picture, objects = paint(circuit, look)
    truth = told(circuit, look)
    return Sample(picture, circuit.level, circuit.scene, tuple(objects), truth, rng.choice(PROMPTS), describe(truth))


def undrawn(
    number: int, corpus: Mapping[str, Any], domain: str, kinds: Mapping[str, int]
) -> list[tuple[str, str, str]]:
    """Questions about a circuit without a picture, at most so many of each kind: the prompt, the netlist as traced, the steps behind it.

    Letters of junctions and digits of parts are drawn at random, so that nothing in the steps can be guessed: all of it has to be looked up
    in the netlist or in the steps before. Questions that are not answered in steps are left out.
    """
    recipe = CircuitRecipe.of(corpus["domains"][domain])
    circuit, rng = _circuit(f"undrawn/{number}", corpus, recipe, "train")
    truth = format_netlist(_renamed(parse_netlist(told(circuit, sample_look(recipe, rng))), rng), hints=False)
    rows = _asked(truth, circuit.level, kinds, rng.randrange(2**32), steps=True)
    told_apart = [(row.prompt, *row.answer.partition(BEHIND_TRACED)) for row in rows]
    return [(prompt, traced, mark + steps) for prompt, traced, mark, steps in told_apart if mark]


def _renamed(netlist: Netlist, rng: random.Random) -> Netlist:
    """The same circuit, its junctions called by other letters and its parts by other digits."""
    nodes = [node for node in netlist.nodes if node != "0"]
    letter = dict(zip(nodes, rng.sample(_LETTERS, len(nodes)), strict=True)) | {"0": "0"}
    named = [part for part in netlist.parts if part.kind != "W"]
    name = {"W": "W"}
    for kind in sorted({part.kind for part in named}):
        of_kind = [part.name for part in named if part.kind == kind]
        name |= zip(of_kind, (f"{kind}{digit}" for digit in rng.sample(range(1, 10), len(of_kind))), strict=True)
    parts = (
        replace(
            part, name=name[part.name], control=name.get(part.control or ""), nodes=tuple(letter[n] for n in part.nodes)
        )
        for part in netlist.parts
    )
    return Netlist(tuple(parts))


def _circuit(name: str, corpus: Mapping[str, Any], recipe: CircuitRecipe, part: str) -> tuple[Circuit, random.Random]:
    """The circuit of that name, of a topology that belongs to a part of the split, and the randomness that goes on from it."""
    fractions = {name: corpus["split"][name] for name in ("train", "validation", "test")}
    for attempt in range(1000):
        seed = blake2b(f"{corpus['seed']}/{name}/{attempt}".encode(), digest_size=8).digest()
        rng = random.Random(int.from_bytes(seed))
        circuit = sample_circuit(recipe, rng)
        if isinstance(circuit, Circuit) and place(circuit.group, corpus["split"]["salt"], fractions) == part:
            return circuit, rng
    raise RuntimeError(f"no circuit of the {part} part in 1000 draws; check corpus.split")
