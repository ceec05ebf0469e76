"""Analysis: the nodal equation of one node, sources in it by their names.

Nodes are called by their printed numbers (Vn3 is the voltage of node 3 over ground). Where none are printed, a node is described by two
parts that meet there and nowhere else, and the voltages that the equation needs are called Va, Vb, ….
"""

from __future__ import annotations

import random
import string
from collections.abc import Iterator, Mapping
from itertools import combinations

from diagramlens.domains.circuits.netlist import GROUND, Netlist, is_supply
from diagramlens.domains.circuits.nodal import NodalEquation, nodal_equation
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.nodes import drawn_nodes
from diagramlens.domains.circuits.questions.notes import symbol_notes
from diagramlens.domains.circuits.questions.working import Working, node_voltage
from diagramlens.domains.circuits.solve import SolveError

_SOURCES = "Sources go by their names; where a voltage source joins a node to ground, its name (with its sign) is that node's voltage."
WORDINGS = {
    "numbered": (
        "Derive the nodal equation of node {node} in the s-domain, Vn1, Vn2, … being the voltages of the nodes over ground. {sources}",
        "Write Kirchhoff's current law at node {node}. Call the voltage of node k over ground Vnk. {sources}",
        "What is the nodal equation in s of node {node}, in terms of the node voltages over ground (Vn{node} is its own)? {sources}",
    ),
    "described": (
        "Derive the nodal equation in the s-domain of the node where {meeting}. {voltages} {sources}",
        "Write Kirchhoff's current law for the node where {meeting}. {voltages} {sources}",
        "Give the nodal equation, as a function of s, of the node where {meeting}. {voltages} {sources}",
    ),
}


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """The nodes but ground, in random order."""
    if GROUND not in circuit.symbolic.nodes:
        yield "no ground"
        return
    nodes = [node for node in circuit.symbolic.nodes if node != GROUND]
    rng.shuffle(nodes)
    yield from (Subject(nodes=(node,), form="numbered" if circuit.numbered else "described") for node in nodes)


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The current law, fixed voltages put in."""
    (node,) = subject.nodes
    derived = _derived(circuit, subject)
    if isinstance(derived, str):
        return derived
    equation, names, phrases = derived
    slots = {"node": node, "sources": _SOURCES, **phrases}
    voltages = [name.strip("-()") for name in equation.voltages]
    if not set(voltages) <= {name.strip("-()") for name in names.values()}:
        return "a current rules a source at the node"
    if equation.text.count("/") + equation.text.count("*") < 2:
        return "no node at which parts meet"
    return Asked(subject.form, slots, equation.text, _gold(circuit, node, equation, voltages), symbol_notes(circuit))


def working(circuit: Circuit, subject: Subject) -> Working | None:
    """The parts at the node and the voltages of the nodes to which they lead: the law itself is the answer."""
    (node,) = subject.nodes
    derived = _derived(circuit, subject)
    if isinstance(derived, str):
        return None
    equation, names, _ = derived
    here = ", ".join(part.name for part in circuit.symbolic.parts if node in part.nodes[:2] and part.kind != "P")
    known = ", ".join(
        f"{name.strip('()')} at node {other}" for other, name in names.items() if name in equation.voltages
    )
    return Working(circuit.symbolic, (), steps=(f"At node {node}: {here}", f"Voltages over ground: {known}"))


def _derived(circuit: Circuit, subject: Subject) -> tuple[NodalEquation, dict[str, str], Mapping[str, str]] | str:
    """The equation, what the voltages of the nodes are called in it, and the words that say so; a string where there are none."""
    (node,) = subject.nodes
    fixed = fixed_voltages(circuit.symbolic)
    names = {other: fixed.get(other, node_voltage(other)) for other in circuit.symbolic.nodes}
    phrases: Mapping[str, str] = {}
    try:
        equation = nodal_equation(circuit.symbolic, node, called=names.__getitem__)
        if subject.form == "described":
            described = _described(circuit.merged, node, [n for n, name in names.items() if name in equation.voltages])
            if isinstance(described, str):
                return described
            letters, phrases = described
            names |= letters
            equation = nodal_equation(circuit.symbolic, node, called=names.__getitem__)
    except SolveError:
        return "no node whose currents are all known from voltages"
    return equation, names, phrases


def _gold(circuit: Circuit, node: str, equation: NodalEquation, voltages: list[str]) -> dict[str, object]:
    # Sources are as voltages here: two equations that differ by a factor with a source in it are not the same.
    sources = [source.name for source in circuit.sources if source.name in equation.text]
    return {
        "left": equation.left,
        "right": equation.right,
        "names": sorted({*equation.names, *sources, "s"}),
        "voltages": sorted({*voltages, *sources}),
        "node": node,
        "netlist": circuit.symbolic_text,
    }


def fixed_voltages(circuit: Netlist) -> dict[str, str]:
    """The nodes that a voltage source joins to ground, and their voltages: `V1`, `(-V1)`."""
    fixed: dict[str, str] = {}
    for part in circuit.parts:
        if part.kind == "V" and GROUND in part.nodes:
            plus, minus = part.nodes
            if plus != GROUND:
                fixed.setdefault(plus, part.name)
            elif minus != GROUND:
                fixed.setdefault(minus, f"(-{part.name})")
    return fixed


def _described(merged: Netlist, node: str, needed: list[str]) -> tuple[Mapping[str, str], dict[str, str]] | str:
    """Letters for the voltages needed and the words that say which nodes they are of; a string where a node cannot be told."""
    fixed = fixed_voltages(merged)
    letters: dict[str, str] = {}
    sentences = []
    for letter, other in zip(string.ascii_lowercase, sorted({*needed, node} - set(fixed)), strict=False):
        meeting = _meeting(merged, other)
        if meeting is None:
            return "no words for a node whose number is not printed"
        letters[other] = f"V{letter}"
        sentences.append(f"V{letter} is the voltage over ground of the node where {meeting}.")
    meeting = _meeting(merged, node)
    return letters, {"meeting": meeting or "", "voltages": " ".join(sentences)}


def _meeting(merged: Netlist, node: str) -> str | None:
    """Two parts that meet at this node and at no other."""
    parts = [(part.name, set(drawn_nodes(part))) for part in merged.parts if part.kind != "P" and not is_supply(part)]
    for (first, at_first), (second, at_second) in combinations(parts, 2):
        if at_first & at_second == {node}:
            return f"{first} and {second} meet"
    return None


KIND = Kind("analysis", WORDINGS, subjects, answer, working)
