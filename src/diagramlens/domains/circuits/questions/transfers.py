"""Analysis: transfer functions in symbols."""

from __future__ import annotations

import random
from collections.abc import Iterator

from diagramlens.domains.circuits.dividers import driven_ends, nested_transfer
from diagramlens.domains.circuits.netlist import Part
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import symbol_notes
from diagramlens.domains.circuits.questions.polarity import (
    NOTHING_MARKED,
    VOLTAGE,
    called,
    is_marked,
    positive_end,
    with_polarity,
)
from diagramlens.domains.circuits.questions.working import Working, between
from diagramlens.domains.circuits.reduction import Reduction, reduced
from diagramlens.domains.circuits.solve import SolveError, transfer_text

WORDINGS = {
    "transfer": (
        "What is the transfer function from {source} to the voltage across {part}, {polarity}?{others}",
        "Find the transfer function from source {source} to the voltage across {part} ({polarity}).{others}",
        "Derive the voltage across {part}, {polarity}, divided by the value of {source}, as a function of s.{others}",
        "Give H(s) from {source} to the voltage across {part}, {polarity}.{others}",
    )
}
GUESSABLE = ("0", "1", "-1")
# Characters of an expression. A longer one is no answer that anybody would write down; circuits of 7 parts stay well below.
MAX_ANSWER = 500


def why_no_answer(text: str) -> str:
    """Why an expression is not asked for; empty where it is."""
    if text in GUESSABLE:
        return "only answers of 0, 1 or -1"
    return f"answers of over {MAX_ANSWER} characters" if len(text) > MAX_ANSWER else ""


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """Pairs of a source and a part with a polarity: every part from one source first, then the pairs that are left."""
    sources = circuit.sources
    if not sources:
        yield "no independent source"
        return
    parts = with_polarity(circuit, VOLTAGE, rng)
    if not any(part.kind != "V" for part in parts) and circuit.marked_only:
        yield NOTHING_MARKED
        return
    first = [(rng.choice(sources), part) for part in parts]
    rest = [(source, part) for part in parts for source in sources if (source, part) not in first]
    for source, part in first + rest:
        if part.name != source.name:
            plus = 0 if is_marked(part, VOLTAGE) else rng.randrange(2)
            yield Subject(source=source.name, part=part.name, plus=plus)


def output_nodes(circuit: Circuit, subject: Subject) -> tuple[str, str]:
    """The positive and the negative node of a subject's part in the symbolic circuit."""
    ends = circuit.symbolic.part(subject.part).nodes
    return ends[subject.plus], ends[1 - subject.plus]


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The transfer function as cancelled polynomials; the text as the circuit wants it."""
    positive, negative = output_nodes(circuit, subject)
    try:
        exact = circuit.formula(subject.source, positive, negative)
    except SolveError:
        return "no single solution"
    result = exact.rational()
    text = transfer_text(result)
    if why_no_answer(text):
        return why_no_answer(text)
    if circuit.expressions == "nested":
        text = nested_transfer(circuit.symbolic, subject.source, subject.part, exact) or text
    gold = {
        "numerator": result.numerator,
        "denominator": result.denominator,
        "names": circuit.symbols,
        "source": subject.source,
        "positive": positive,
        "negative": negative,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.symbolic_text,
    }
    return Asked("transfer", path_slots(circuit, subject), text, gold, symbol_notes(circuit))


def path_working(circuit: Circuit, subject: Subject, *, of: str = "{}", valued: bool = False) -> Working:
    """The equations from a source to the voltage across a part, the other sources being zero; `of` says what is sought of the ratio.

    `valued` says whether the netlist gives the values.
    """
    sought = between(circuit.symbolic, *output_nodes(circuit, subject))
    zero = tuple(source.name for source in circuit.sources if source.name != subject.source)
    shown = circuit.merged if valued else None
    return Working(circuit.symbolic, zero, of.format(f"({sought})/{subject.source}"), shown=shown)


def reduction(circuit: Circuit, subject: Subject) -> Reduction | None:
    """How what the source sees is joined, from the part that is asked about outwards."""
    traced = circuit.traced
    return reduced(traced, subject.source, driven_ends(traced, subject.source), subject.part, subject.plus)


def path_slots(circuit: Circuit, subject: Subject) -> dict[str, str]:
    """How a prompt says from where to where: source, part, polarity, and that other sources are zero."""
    part: Part = circuit.drawn.part(subject.part)
    return {
        "source": subject.source,
        "part": called(part),
        "polarity": positive_end(part, subject.plus),
        "others": " All other independent sources are zero." if len(circuit.sources) > 1 else "",
    }


KIND = Kind("analysis", WORDINGS, subjects, answer, path_working, reduction)
