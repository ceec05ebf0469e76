"""Analysis: voltages, currents and powers of the DC steady state, exact."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.nodal import current_name
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import given, number_notes, values_stated
from diagramlens.domains.circuits.questions.polarity import (
    CURRENT,
    NOTHING_MARKED,
    VOLTAGE,
    called,
    flow,
    is_marked,
    positive_end,
    shuffled,
    with_polarity,
)
from diagramlens.domains.circuits.questions.quantities import gold_value, quantity_text
from diagramlens.domains.circuits.questions.working import Working, at_dc, between, dc_name, dc_remark
from diagramlens.domains.circuits.solvable import reference_node
from diagramlens.domains.circuits.solve import symbol_of

# The unit of each kind, and the kind of part whose answer the prompt or the picture gives away.
_UNIT = {"voltage": "V", "current": "A", "power": "W"}
_GIVEN_AWAY = {"voltage": "V", "current": "I", "power": ""}
_MARK = {"voltage": VOLTAGE, "current": CURRENT, "power": VOLTAGE}

VOLTAGE_WORDINGS = {
    "stated": (
        "{values}. What is the {steady}voltage across {part}, {polarity}?",
        "Given {values}, find the {steady}voltage across {part}, {polarity}.",
        "Calculate the {steady}voltage across {part}, {polarity}, for {values}.",
        "Let {values}. How many volts are there across {part} {in_steady}({polarity})?",
    ),
    "mixed": (
        "The values not printed are {values}. What is the {steady}voltage across {part}, {polarity}?",
        "Find the {steady}voltage across {part}, {polarity}, with the printed values and {values}.",
    ),
    "printed": (
        "What is the {steady}voltage across {part}, {polarity}, for the values printed?",
        "Calculate the {steady}voltage across {part}, {polarity}, from the values in the picture.",
        "Reading the values off the picture, how many volts are there across {part} {in_steady}({polarity})?",
    ),
    "node": (
        "{given} What is the {steady}voltage of node {node} over ground?",
        "{given} Find the {steady}voltage at node {node}, measured from ground.",
        "{given} Calculate the {steady}potential of node {node} with respect to ground.",
    ),
}
CURRENT_WORDINGS = {
    "stated": (
        "{values}. What is the {steady}current through {part}, {polarity}?",
        "Given {values}, find the {steady}current through {part}, {polarity}.",
        "Calculate the {steady}current through {part}, {polarity}, for {values}.",
        "Let {values}. Which current flows through {part} {in_steady}({polarity})?",
    ),
    "mixed": (
        "The values not printed are {values}. What is the {steady}current through {part}, {polarity}?",
        "Find the {steady}current through {part}, {polarity}, with the printed values and {values}.",
    ),
    "printed": (
        "What is the {steady}current through {part}, {polarity}, for the values printed?",
        "Calculate the {steady}current through {part}, {polarity}, from the values in the picture.",
        "Reading the values off the picture, which current flows through {part} {in_steady}({polarity})?",
    ),
}
POWER_WORDINGS = {
    "stated": (
        "{values}. What {steady}power does {part} {verb}?",
        "Given {values}, find the {steady}power that {part} {verbs}.",
        "Calculate the {steady}power which {part} {verbs}, for {values}.",
    ),
    "mixed": (
        "The values not printed are {values}. What {steady}power does {part} {verb}?",
        "Find the {steady}power that {part} {verbs}, with the printed values and {values}.",
    ),
    "printed": (
        "What {steady}power does {part} {verb}, for the values printed?",
        "Calculate the {steady}power that {part} {verbs}, from the values in the picture.",
    ),
}


def subjects(kind: str, circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """Parts with a direction; voltages also of nodes where their numbers are printed."""
    if circuit.why_not_numeric:
        yield circuit.why_not_numeric
        return
    if circuit.point is None:
        yield "no single DC operating point"
        return
    mark = _MARK[kind]
    nodes = _printed_nodes(circuit) if kind == "voltage" and circuit.numbered else []
    # A power has no polarity: who delivers and who absorbs is said in words.
    parts = shuffled(circuit.drawn, mark, rng) if kind == "power" else with_polarity(circuit, mark, rng)
    for part in parts:
        if nodes and rng.random() < 0.5:
            yield Subject(nodes=(nodes.pop(rng.randrange(len(nodes))),), form="node")
        if part.kind == _GIVEN_AWAY[kind] or (kind == "power" and part.kind not in "RVI"):
            continue
        plus = 0 if is_marked(part, mark) or kind == "power" else rng.randrange(2)
        yield Subject(part=part.name, plus=plus)
    if circuit.marked_only:
        # Where hardly a part is marked the printed nodes are most of what can be asked about.
        yield from (Subject(nodes=(node,), form="node") for node in nodes)
        if all(part.kind == _GIVEN_AWAY[kind] for part in parts):
            yield NOTHING_MARKED


def _printed_nodes(circuit: Circuit) -> list[str]:
    return [node for node in circuit.merged.nodes if node != "0"] if "0" in circuit.merged.nodes else []


def answer(kind: str, circuit: Circuit, subject: Subject) -> Asked | str:
    """The exact quantity, in three digits as text."""
    if circuit.point is None:
        return "no single DC operating point"
    if subject.form == "node" and subject.nodes[0] not in circuit.point.voltages:
        return "no such node"
    exact = _exact(kind, circuit, subject)
    if exact == 0:
        return "only answers of zero"
    gold: dict[str, object] = {"value": gold_value(exact), "unit": _UNIT[kind], "netlist": circuit.merged_text}
    reactive = any(part.kind in "LC" for part in circuit.parts)
    way, values = values_stated(circuit)
    slots = {
        "values": values,
        "steady": "DC steady-state " if reactive else "",
        "in_steady": "in DC steady state " if reactive else "",
    }
    if subject.form == "node":
        gold["node"] = subject.nodes[0]
        slots |= {"node": subject.nodes[0], "given": given(circuit)}
        return Asked("node", slots, quantity_text(exact, _UNIT[kind]), gold, number_notes(circuit))
    gold |= {"across": subject.part, "plus": subject.plus}
    part = circuit.drawn.part(subject.part)
    slots["part"] = called(part)
    if kind == "power":
        verb = "deliver" if part.kind in "VI" else "absorb"
        slots |= {"verb": verb, "verbs": f"{verb}s"}
        gold["delivered"] = part.kind in "VI"
    else:
        slots["polarity"] = (positive_end if kind == "voltage" else flow)(part, subject.plus)
    return Asked(way, slots, quantity_text(exact, _UNIT[kind]), gold, number_notes(circuit))


def working(kind: str, circuit: Circuit, subject: Subject) -> Working:
    """The equations at DC; sought is a voltage, what Ohm's law makes of one, or the current of a source."""
    netlist, zero = at_dc(circuit.symbolic)
    dc = Working(netlist, zero, shown=circuit.merged, remark=dc_remark(circuit.symbolic))
    if subject.form == "node":
        return replace(dc, sought=between(netlist, subject.nodes[0], reference_node(netlist)))
    part = circuit.symbolic.part(subject.part)
    across = between(netlist, part.nodes[subject.plus], part.nodes[1 - subject.plus])
    if kind == "voltage":
        return replace(dc, sought=across)
    if part.kind == "R":
        return replace(
            dc, sought=f"({across})/{symbol_of(part)}" if kind == "current" else f"({across})**2/{symbol_of(part)}"
        )
    through, currents = _current_through(netlist, dc_name(part))
    if kind == "power":
        # Both are counted from the first node to the second: what is delivered is not absorbed.
        return replace(dc, sought=f"-({across})*{through}", currents=currents)
    return replace(dc, sought=f"-{through}" if subject.plus else through, currents=currents)


def _current_through(netlist: Netlist, name: str) -> tuple[str, tuple[str, ...]]:
    """The current from a part's first node to its second, and the part's name where that is an unknown of its own."""
    part = netlist.part(name)
    if part.kind == "I":
        return symbol_of(part), ()
    if part.kind == "G":
        return f"{symbol_of(part)}*({between(netlist, *part.nodes[2:])})", ()
    if part.kind == "F" and part.control is not None:
        return f"{symbol_of(part)}*{current_name(netlist.part(part.control))}", ()
    return current_name(part), (part.name,)


def _exact(kind: str, circuit: Circuit, subject: Subject) -> Fraction:
    """Volts, amperes, or watts: those that a source delivers, those that a resistor absorbs."""
    point = circuit.point
    assert point is not None
    if subject.form == "node":
        return point.voltages[subject.nodes[0]]
    part = circuit.merged.part(subject.part)
    if kind == "power":
        absorbed = point.across(part) * point.currents[part.name]
        return -absorbed if part.kind in "VI" else absorbed
    exact = point.across(part) if kind == "voltage" else point.currents[part.name]
    return -exact if subject.plus else exact


VOLTAGE_KIND = Kind(
    "analysis", VOLTAGE_WORDINGS, partial(subjects, "voltage"), partial(answer, "voltage"), partial(working, "voltage")
)
CURRENT_KIND = Kind(
    "analysis", CURRENT_WORDINGS, partial(subjects, "current"), partial(answer, "current"), partial(working, "current")
)
POWER_KIND = Kind(
    "analysis", POWER_WORDINGS, partial(subjects, "power"), partial(answer, "power"), partial(working, "power")
)
