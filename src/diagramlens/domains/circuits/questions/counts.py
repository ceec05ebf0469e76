"""Perception: how many parts of a kind there are."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping

from diagramlens.domains.circuits.netlist import OPAMP, TRANSISTORS, Part, is_supply
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit

WORDINGS = {
    "count": (
        "How many {what} are there in this circuit?",
        "Count the {what} in the picture.",
        "Give the number of {what} in this circuit.",
        "How many {what} does the drawing show?",
    )
}

# What is counted, by what it is called. A supply's rail is no symbol of a source, and a port no part.
COUNTED: Mapping[str, Callable[[Part], bool]] = {
    "resistors": lambda part: part.kind == "R",
    "capacitors": lambda part: part.kind == "C",
    "inductors": lambda part: part.kind == "L",
    "independent voltage sources": lambda part: part.kind == "V" and not is_supply(part),
    "independent current sources": lambda part: part.kind == "I",
    "controlled sources": lambda part: part.kind in "EFGH" and part.model is None,
    "op-amps": lambda part: part.model == OPAMP,
    "transistors": lambda part: part.kind in TRANSISTORS,
    "parts, sources included but wires not,": lambda part: part.kind != "P" and not is_supply(part),
}


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """What there is at least one of, in random order."""
    present = [what for what, counts in COUNTED.items() if any(map(counts, circuit.parts))]
    rng.shuffle(present)
    yield from (Subject(form=what) for what in present)


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """A number of at least one."""
    number = sum(map(COUNTED[subject.form], circuit.parts))
    if number == 0:
        return "only answers of zero"
    return Asked("count", {"what": subject.form}, str(number), {"count": number, "what": subject.form})


KIND = Kind("perception", WORDINGS, subjects, answer)
