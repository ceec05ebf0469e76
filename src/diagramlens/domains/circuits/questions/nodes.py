"""Perception: which parts meet at a printed node, and which lie between two of them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import combinations

from diagramlens.domains.circuits.netlist import GROUND, OPAMP, Part, is_supply
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import naming_note

JOINED_WORDINGS = {
    "joined": (
        "Which parts meet at node {node}?",
        "Name all parts that have a terminal at node {node}.",
        "List the parts connected to node {node}.",
        "What is connected to node {node}?",
    )
}
BETWEEN_WORDINGS = {
    "between": (
        "Which parts lie directly between {first} and {second}?",
        "Name every part that joins {first} to {second}.",
        "What connects {first} to {second} directly? Name the parts.",
        "List the parts whose two terminals are at {first} and {second}.",
    ),
    # Where a transistor or an op-amp is at both nodes too, which is not meant.
    "two_terminals": (
        "List the parts whose two terminals are at {first} and {second}.",
        "Which parts with two terminals lie directly between {first} and {second}?",
    ),
}


def drawn_nodes(part: Part) -> tuple[str, ...]:
    """The nodes at which a part is drawn: the nodes that rule a controlled source are not, nor is an op-amp's reference."""
    if part.model == OPAMP:
        return part.nodes[0], *part.nodes[2:]
    return part.nodes[:2] if part.kind in "EG" else part.nodes


def subjects_joined(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """The printed nodes but ground, and those at which a supply's rail is drawn."""
    if not circuit.numbered:
        yield "no node numbers are printed"
        return
    rails = {node for part in circuit.merged.parts if is_supply(part) for node in part.nodes}
    nodes = [node for node in circuit.merged.nodes if node not in rails | {GROUND}]
    rng.shuffle(nodes)
    yield from (Subject(nodes=(node,)) for node in nodes)


def answer_joined(circuit: Circuit, subject: Subject) -> Asked | str:
    """The names in the order of the text."""
    (node,) = subject.nodes
    names = [part.name for part in circuit.merged.parts if part.kind != "P" and node in drawn_nodes(part)]
    if len(names) < 2:
        return "no node at which parts meet"
    return _named("joined", circuit, {"node": node}, names, subject)


def subjects_between(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """Pairs of printed nodes that a part lies between."""
    if not circuit.numbered:
        yield "no node numbers are printed"
        return
    joined = {tuple(sorted(part.nodes[:2], key=int)) for part in _two_ended(circuit)}
    pairs = [pair for pair in combinations(sorted(circuit.merged.nodes, key=int), 2) if pair in joined]
    rng.shuffle(pairs)
    yield from (Subject(nodes=pair) for pair in pairs)


def answer_between(circuit: Circuit, subject: Subject) -> Asked | str:
    """The names in the order of the text."""
    names = [part.name for part in _two_ended(circuit) if set(part.nodes[:2]) == set(subject.nodes)]
    if not names:
        return "no part between two nodes"
    first, second = ("ground" if node == GROUND else f"node {node}" for node in reversed(subject.nodes))
    others = [part for part in circuit.merged.parts if len(part.nodes) > 2 and part.model is not None]
    joined = any(set(subject.nodes) <= set(drawn_nodes(part)) for part in others)
    return _named("two_terminals" if joined else "between", circuit, {"first": first, "second": second}, names, subject)


def _two_ended(circuit: Circuit) -> list[Part]:
    return [
        part
        for part in circuit.merged.parts
        if part.kind not in "PQM" and part.model is None and not is_supply(part) and part.nodes[0] != part.nodes[1]
    ]


def _named(kind: str, circuit: Circuit, slots: dict[str, str], names: Sequence[str], subject: Subject) -> Asked:
    gold = {"names": list(names), "nodes": list(subject.nodes), "netlist": circuit.merged_text}
    return Asked(kind, slots, ", ".join(names), gold, naming_note(circuit))


JOINED_KIND = Kind("perception", JOINED_WORDINGS, subjects_joined, answer_joined)
BETWEEN_KIND = Kind("perception", BETWEEN_WORDINGS, subjects_between, answer_between)
