"""Analysis: poles and zeros of a transfer function in numbers."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Context
from functools import partial

from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import given, number_notes
from diagramlens.domains.circuits.questions.transfers import path_slots, path_working
from diagramlens.domains.circuits.questions.transfers import subjects as transfer_subjects
from diagramlens.domains.circuits.response import Response, Root, response_of
from diagramlens.domains.circuits.solve import SolveError

_DIGITS = Context(prec=4)

WORDINGS = {
    "roots": (
        "{given} What are the {roots} of the transfer function from {source} to the voltage across {part}, {polarity}, in rad/s?{others}",
        "{given} Find the {roots} in rad/s of the voltage across {part} ({polarity}) over {source}.{others}",
        "{given} List the {roots}, in rad/s, of H(s) from {source} to the voltage across {part}, {polarity}.{others}",
    )
}


def numeric_subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """As of transfer functions, where every part has a number for its value."""
    if circuit.why_not_numeric:
        yield circuit.why_not_numeric
        return
    yield from transfer_subjects(circuit, rng)


def response_to(circuit: Circuit, subject: Subject) -> Response:
    """The transfer function in numbers. Raises SolveError."""
    ends = circuit.merged.part(subject.part).nodes
    positive, negative = ends[subject.plus], ends[1 - subject.plus]
    return response_of(circuit.formula(subject.source, positive, negative, symbols=False))


def answer(kind: str, circuit: Circuit, subject: Subject) -> Asked | str:
    """The roots, each as often as it occurs, to four digits."""
    try:
        response = response_to(circuit, subject)
    except SolveError:
        return "no single solution"
    if not any(response.above):
        return "only answers of 0, 1 or -1"
    found = response.poles if kind == "poles" else response.zeros
    if not found:
        return f"a transfer function without {kind}"
    if all(root.real == root.imaginary == 0 for root in found):
        return "only answers of zero"
    gold = {
        "roots": [[str(root.real), str(root.imaginary)] for root in found],
        "unit": "rad/s",
        "source": subject.source,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.merged_text,
    }
    slots = path_slots(circuit, subject) | {"roots": kind, "given": given(circuit)}
    return Asked("roots", slots, ", ".join(map(root_text, found)), gold, number_notes(circuit))


def root_text(root: Root) -> str:
    """A root to four digits: `-1000`, `-50+200j`, `1.414j`.

    >>> from decimal import Decimal
    >>> root_text(Root(Decimal("-50"), Decimal("1234.56")))
    '-50+1235j'
    """
    real, imaginary = (format(value.normalize(_DIGITS) + 0, "f") for value in (root.real, root.imaginary))
    if imaginary == "0":
        return real
    return f"{imaginary}j" if real == "0" else f"{real}{'' if imaginary.startswith('-') else '+'}{imaginary}j"


POLES_KIND = Kind(
    "analysis",
    WORDINGS,
    numeric_subjects,
    partial(answer, "poles"),
    partial(path_working, of="the poles of {}", valued=True),
)
ZEROS_KIND = Kind(
    "analysis",
    WORDINGS,
    numeric_subjects,
    partial(answer, "zeros"),
    partial(path_working, of="the zeros of {}", valued=True),
)
