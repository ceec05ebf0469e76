"""Perception: the netlist of a circuit, traced as drawn or merged; of a transistor circuit also the linearised one."""

from __future__ import annotations

import random
from collections.abc import Iterator

from diagramlens.domains.circuits.netlist import Netlist, format_netlist, without_values
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import format_note, naming_note, small_signal_note

# How often the netlist of a transistor circuit is asked for with its small-signal model put in.
LINEARISED = 0.3

WORDINGS = {
    "traced": (
        "Trace this circuit: list every part and wire with the two junctions it joins.{ground}",
        "Write the netlist of this circuit as drawn, one part or wire a line.{ground}",
        "List the parts and wires of this circuit, each with its two junctions.{ground}",
        "Read the drawing: which part or wire lies between which junctions?{ground}",
    ),
    "merged": (
        "Write the netlist of this circuit, its nodes numbered in reading order.{ground}",
        "List every part of this circuit with its nodes, numbered in reading order.{ground}",
        "Give the SPICE netlist of this circuit without values; number the nodes in reading order.{ground}",
    ),
    "linearised": (
        "Write the small-signal netlist of this circuit, its nodes numbered in reading order.{ground}",
        "Put the small-signal model in the place of every transistor and give the SPICE netlist.{ground}",
        "Give the linearised netlist of this circuit: every transistor as a controlled source with its resistances.{ground}",
    ),
}
_CALLED = "The source of gm1 is called Ggm1, the resistances ro1 and rpi1 Rro1 and Rrpi1."


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """The netlist as drawn, and of a transistor circuit the linearised one, in either order."""
    forms = [circuit.form, "linearised"] if circuit.has_transistors else [circuit.form]
    if len(forms) > 1 and rng.random() < LINEARISED:
        forms.reverse()
    yield from (Subject(form=form) for form in forms)


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The text without values; whether its `0` is the picture's ground."""
    grounded = "0" in circuit.drawn.nodes
    slots = {"ground": " Ground is node 0." if grounded else ""}
    if subject.form == "linearised":
        text = _names_and_nodes(circuit.symbolic)
        notes = (*naming_note(circuit), *small_signal_note(circuit), _CALLED)
    else:
        text = _names_and_nodes(circuit.drawn if subject.form == "traced" else circuit.merged)
        notes = (*naming_note(circuit), *format_note(circuit))
    return Asked(subject.form, slots, text, {"netlist": text, "ground": grounded}, notes)


def _names_and_nodes(netlist: Netlist) -> str:
    return format_netlist(without_values(netlist), hints=False)


KIND = Kind("perception", WORDINGS, subjects, answer)
