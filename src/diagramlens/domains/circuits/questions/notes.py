"""Sentences that say in a prompt what the picture leaves open: models of parts, values, names that are not printed."""

from __future__ import annotations

from diagramlens.domains.circuits.linearise import parameters
from diagramlens.domains.circuits.netlist import OPAMP, TRANSISTORS, is_ideal, is_number
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.labels import shows_value
from diagramlens.domains.circuits.questions.quantities import stated

_GAINS = {
    "E": "voltage gain",
    "F": "current gain",
    "G": "transconductance",
    "H": "transresistance",
}

_FORMS = (
    (("opamp",), "An op-amp is written E1 out 0 opamp in+ in-."),
    (("npn", "pnp"), "A bipolar transistor is written Q1 collector base emitter npn (or pnp)."),
    (("nmos", "pmos"), "A MOS transistor is written M1 drain gate source nmos (or pmos)."),
    (
        ("E", "G"),
        "A source ruled by a voltage is written E1 (or G1) with its two output nodes, then the + and - node that rule it.",
    ),
    (
        ("F", "H"),
        "A source ruled by a current is written F1 (or H1) with its two nodes, then the source whose current rules it.",
    ),
    (("P",), "A port is written P1 with its two nodes."),
)


def naming_note(circuit: Circuit) -> tuple[str, ...]:
    """How parts are called whose labels are values only."""
    if not circuit.nameless:
        return ()
    return (
        # The order of schematic.reading_order, in which a truth is written.
        "Parts without a printed name are called by the letter of their kind (R, L, C, V, I …) and numbered in reading order: from top to "
        "bottom, then from left to right, by their upper left end, a level part before an upright one.",
    )


def symbol_notes(circuit: Circuit) -> tuple[str, ...]:
    """All that an expression in symbols needs to have said: names, controlled sources, op-amps, transistors."""
    return (*naming_note(circuit), *_gain_notes(circuit), *_opamp_notes(circuit), *small_signal_note(circuit))


def number_notes(circuit: Circuit) -> tuple[str, ...]:
    """All that a number needs to have said, but for the values."""
    notes = list(naming_note(circuit))
    for part in circuit.parts:
        if part.model == OPAMP:
            finite = "" if is_ideal(part) else " but for its open-loop gain"
            notes.append(f"The op-amp {part.name} is ideal{finite}.")
    if any(part.kind in _GAINS and part.model is None for part in circuit.parts):
        notes.append("The value of a controlled source is its gain.")
    return tuple(notes)


def format_note(circuit: Circuit) -> tuple[str, ...]:
    """How a netlist writes the parts that have more to them than two ends."""
    kinds = {part.model or part.kind for part in circuit.parts}
    return tuple(form for those, form in _FORMS if kinds & set(those))


def small_signal_note(circuit: Circuit) -> tuple[str, ...]:
    """The model that stands for each transistor."""
    notes = []
    for part in circuit.parts:
        if part.kind not in TRANSISTORS:
            continue
        of = parameters(circuit.drawn, part.name)
        if part.kind == "M":
            model = f"a source of {of['gm']}*vgs from drain to source with {of['ro']} across it"
        else:
            model = f"{of['rpi']} from base to emitter and a source of {of['gm']}*vbe from collector to emitter with {of['ro']} across it"
        notes.append(f"For small signals {part.name} is {model}.")
    if notes:
        notes.append("Supplies are grounds for small signals.")
    return tuple(notes)


def _gain_notes(circuit: Circuit) -> tuple[str, ...]:
    return tuple(
        f"{part.name} also stands for the {_GAINS[part.kind]} of {part.name}."
        for part in circuit.parts
        if part.kind in _GAINS and part.model is None and (part.value is None or is_number(part.value))
    )


def _opamp_notes(circuit: Circuit) -> tuple[str, ...]:
    notes = []
    for part in circuit.parts:
        if is_ideal(part):
            notes.append(f"The op-amp {part.name} is ideal.")
        elif part.model == OPAMP:
            gain = part.name if is_number(part.value) else part.value
            notes.append(f"The op-amp {part.name} is ideal but for its open-loop gain, which is called {gain}.")
    return tuple(notes)


def values_stated(circuit: Circuit, but: str = "") -> tuple[str, str]:
    """Which values a prompt lists (`R1 = 2 kΩ, C1 = 1 µF`), and the name of the way: `stated` all, `mixed` some, `printed` none.

    The part named `but` is passed over: its value is what is asked for.
    """
    valued = [part for part in circuit.parts if part.value is not None and part.name != but]
    listed = [part for part in valued if not shows_value(part)]
    way = "stated" if len(listed) == len(valued) else "mixed" if listed else "printed"
    return way, ", ".join(stated(part) for part in listed)


def given(circuit: Circuit, but: str = "") -> str:
    """The values as a sentence of a prompt."""
    way, values = values_stated(circuit, but)
    match way:
        case "stated":
            return f"Let {values}." if values else "No other value is needed."
        case "mixed":
            return f"Let {values}; the other values are printed."
        case _:
            return "The values are printed in the picture."
