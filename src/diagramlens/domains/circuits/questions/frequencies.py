"""Analysis: cut-off frequencies and time constants."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from functools import partial

from diagramlens.domains.circuits.impedance import impedance
from diagramlens.domains.circuits.netlist import Netlist, value_of
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import given, number_notes
from diagramlens.domains.circuits.questions.quantities import gold_value, quantity_text
from diagramlens.domains.circuits.questions.roots import numeric_subjects, response_to
from diagramlens.domains.circuits.questions.transfers import path_slots, path_working
from diagramlens.domains.circuits.questions.working import TEST_SOURCE, Working, driven_by_test_current
from diagramlens.domains.circuits.solve import SolveError, symbol_of

CUTOFF_WORDINGS = {
    "cutoff": (
        "{given} What is the cut-off frequency (-3 dB) of the voltage across {part} over {source}, in Hz?{others}",
        "{given} At which frequency has the gain from {source} to the voltage across {part} fallen by 3 dB from its pass band?{others}",
        "{given} Find the -3 dB frequency of the transfer function from {source} to the voltage across {part}.{others}",
    )
}
TIME_CONSTANT_WORDINGS = {
    "time_constant": (
        "{given} What is the time constant of this circuit?",
        "{given} Find the time constant with which this circuit settles.",
        "{given} Calculate the circuit's time constant, all independent sources being zero.",
    )
}


def answer_cutoff(circuit: Circuit, subject: Subject) -> Asked | str:
    """The one frequency at which the gain is the pass band's over √2."""
    try:
        response = response_to(circuit, subject)
        if any(pole.real >= 0 for pole in response.poles):
            return "nothing settles"
        if response.peaks_above_pass_band():
            return "a gain that peaks 3 dB above the pass band"
        found = response.cutoffs()
    except SolveError:
        return "no cut-off frequency"
    if len(found) != 1:
        return "several cut-off frequencies"
    (hertz,) = found
    gold = {
        "value": str(hertz),
        "unit": "Hz",
        "source": subject.source,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.merged_text,
    }
    slots = path_slots(circuit, subject) | {"given": given(circuit)}
    return Asked("cutoff", slots, quantity_text(Fraction(hertz), "Hz"), gold, number_notes(circuit))


def subjects_time_constant(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """The whole circuit, where it stores energy in one place."""
    if circuit.why_not_numeric:
        yield circuit.why_not_numeric
    elif sum(part.kind in "LC" for part in circuit.parts) != 1:
        yield "not one capacitor or inductor"
    else:
        yield Subject()


def answer_time_constant(circuit: Circuit, subject: Subject) -> Asked | str:
    """RC or L/R, R being what the capacitor or inductor sees."""
    try:
        seconds = time_constant(circuit.merged)
    except SolveError:
        return "no time constant"
    gold = {"value": gold_value(seconds), "unit": "s", "netlist": circuit.merged_text}
    return Asked("time_constant", {"given": given(circuit)}, quantity_text(seconds, "s"), gold, number_notes(circuit))


def working_time_constant(circuit: Circuit, subject: Subject) -> Working | None:
    """The equations with a test current in the place of the capacitor or inductor, all sources being zero."""
    (store,) = (part for part in circuit.symbolic.parts if part.kind in "LC")
    driven = driven_by_test_current(circuit.symbolic, store.name, "", [source.name for source in circuit.sources])
    if driven is None:
        return None
    name, resistance = symbol_of(store), driven.sought
    sought = f"{name}*({resistance})" if store.kind == "C" else f"{name}/({resistance})"
    remark = f"All sources are zero, and a test current {TEST_SOURCE} in the place of {store.name} sees the resistance that it sees."
    return replace(driven, sought=sought, shown=circuit.merged, remark=remark)


def time_constant(netlist: Netlist) -> Fraction:
    """Seconds of a circuit with one capacitor or inductor. Raises SolveError where it sees no positive resistance."""
    stores = [part for part in netlist.parts if part.kind in "LC"]
    if len(stores) != 1:
        raise SolveError(f"a time constant is of a circuit with one capacitor or inductor; this one has {len(stores)}")
    store = stores[0]
    rest = Netlist(tuple(part for part in netlist.parts if part is not store))
    seen = impedance(rest, *store.nodes, symbols=False)
    try:
        resistance = Fraction(int(seen.numerator), int(seen.denominator))
    except ValueError:
        raise SolveError(f"what {store.name} sees is no resistance: {seen.numerator}") from None
    if resistance <= 0:
        raise SolveError(f"{store.name} sees a resistance of {resistance} ohms")
    value = value_of(store.value or "")
    return resistance * value if store.kind == "C" else value / resistance


CUTOFF_KIND = Kind(
    "analysis",
    CUTOFF_WORDINGS,
    numeric_subjects,
    answer_cutoff,
    partial(path_working, of="where {} has fallen by 3 dB", valued=True),
)
TIME_CONSTANT_KIND = Kind(
    "analysis", TIME_CONSTANT_WORDINGS, subjects_time_constant, answer_time_constant, working_time_constant
)
