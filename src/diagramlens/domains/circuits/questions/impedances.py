"""Analysis: input and output impedances in symbols.

Asked for is what an independent source sees (the source taken out), what is seen into a port, or between the ends of a part that stays in
its place. All other independent sources are zero.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from diagramlens.domains.circuits.dividers import nested_impedance
from diagramlens.domains.circuits.formula import Rational
from diagramlens.domains.circuits.impedance import impedance, input_impedance
from diagramlens.domains.circuits.netlist import format_netlist
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import symbol_notes
from diagramlens.domains.circuits.questions.polarity import VOLTAGE, called, shuffled
from diagramlens.domains.circuits.questions.transfers import why_no_answer
from diagramlens.domains.circuits.questions.working import TEST_SOURCE, Working, driven_by_test_current
from diagramlens.domains.circuits.reduction import Reduction, reduced
from diagramlens.domains.circuits.solve import SolveError, formula, transfer_text

WORDINGS = {
    "input": (
        "What impedance does the source {source} see?{others}",
        "Find the input impedance at the terminals of {source}, as a function of s.{others}",
        "Derive the impedance between the terminals of {source} with {source} taken out.{others}",
    ),
    "output": (
        "What is the output impedance between the ends of {part}, {part} staying in place and all independent sources zero?",
        "With all independent sources zero, find the impedance seen between the two ends of {part} ({part} included).",
        "Derive the output impedance at {part}, {part} included, as a function of s; all independent sources are zero.",
    ),
    "port": (
        "What impedance is seen into {part}, all independent sources being zero?",
        "Find the impedance between the terminals of {part} as a function of s, with all independent sources zero.",
        "Derive the impedance that {part} offers to the outside when all independent sources are zero.",
    ),
}


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """The sources and the parts, either first; of the parts a port or a marked one usually before the others."""
    parts = [part for part in shuffled(circuit.drawn, VOLTAGE, rng) if part.kind not in "VI"]
    inputs = [Subject(source=source.name, form="input") for source in circuit.sources]
    outputs = [Subject(part=part.name, form="port" if part.kind == "P" else "output") for part in parts]
    rng.shuffle(inputs)
    yield from inputs + outputs if rng.random() < 0.5 else outputs + inputs


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The impedance as cancelled polynomials; the text as the circuit wants it."""
    driven = working(circuit, subject)
    if driven is None:
        return "the current of the source rules another"
    try:
        result = _solved(circuit, subject)
    except SolveError:
        return "no single solution"
    text = transfer_text(result)
    if text == "0" or (text in circuit.symbols and subject.form == "output"):
        return "only answers that are seen at once"
    if why_no_answer(text):
        return why_no_answer(text)
    positive, negative = circuit.symbolic.part(subject.source or subject.part).nodes[:2]
    if circuit.expressions == "nested":
        exact = formula(driven.netlist, TEST_SOURCE, positive, negative)
        text = nested_impedance(driven.netlist, positive, negative, exact) or text
    gold = {
        "numerator": result.numerator,
        "denominator": result.denominator,
        "names": circuit.symbols,
        "form": subject.form,
        "at": subject.source or subject.part,
        "source": TEST_SOURCE,
        "positive": positive,
        "negative": negative,
        "netlist": format_netlist(driven.netlist, hints=False),
    }
    others = " All other independent sources are zero." if len(circuit.sources) > 1 else ""
    part = called(circuit.drawn.part(subject.part)) if subject.part else ""
    return Asked(
        subject.form, {"source": subject.source, "part": part, "others": others}, text, gold, symbol_notes(circuit)
    )


def _solved(circuit: Circuit, subject: Subject) -> Rational:
    if subject.form == "input":
        return input_impedance(circuit.symbolic, subject.source)
    return impedance(circuit.symbolic, *circuit.symbolic.part(subject.part).nodes[:2])


def working(circuit: Circuit, subject: Subject) -> Working | None:
    """The equations with a test current."""
    zero = tuple(source.name for source in circuit.sources if source.name != subject.source)
    return driven_by_test_current(circuit.symbolic, subject.source, subject.part, zero)


def reduction(circuit: Circuit, subject: Subject) -> Reduction | None:
    """How what lies between the two ends is joined, a source taken out and a part left in."""
    traced = circuit.traced
    positive, negative = traced.part(subject.source or subject.part).nodes[:2]
    return reduced(traced, subject.source, (positive, negative), "" if subject.source else subject.part)


KIND = Kind("analysis", WORDINGS, subjects, answer, working, reduction)
