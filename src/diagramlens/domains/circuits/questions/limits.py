"""Analysis: the gain at DC and at high frequencies, in symbols."""

from __future__ import annotations

from functools import partial

from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import symbol_notes
from diagramlens.domains.circuits.questions.transfers import (
    output_nodes,
    path_slots,
    path_working,
    subjects,
    why_no_answer,
)
from diagramlens.domains.circuits.solve import SolveError, transfer_text

_WHERE = {"dc_gain": "at DC (s = 0)", "hf_gain": "at high frequencies (s to infinity)"}
_SHORT = {"dc_gain": "DC gain", "hf_gain": "high-frequency gain"}
WORDINGS = {
    "gain": (
        "What is the voltage across {part}, {polarity}, divided by {source}, {where}?{others}",
        "Find the {short} from {source} to the voltage across {part} ({polarity}).{others}",
        "Which value does the transfer function from {source} to the voltage across {part}, {polarity}, take {where}?{others}",
    )
}


def answer(kind: str, circuit: Circuit, subject: Subject) -> Asked | str:
    """The limit of the transfer function for s to zero or infinity."""
    try:
        formula = circuit.formula(subject.source, *output_nodes(circuit, subject))
        if not any(exponents[0] for exponents, _ in (*formula.above, *formula.below)):
            return "the gain is the same at all frequencies"
        limit = (formula.at_zero() if kind == "dc_gain" else formula.at_infinity()).rational()
    except SolveError:
        return "no single finite gain"
    text = transfer_text(limit)
    if why_no_answer(text):
        return why_no_answer(text)
    gold = {
        "numerator": limit.numerator,
        "denominator": limit.denominator,
        "names": circuit.symbols,
        "source": subject.source,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.symbolic_text,
    }
    slots = path_slots(circuit, subject) | {"where": _WHERE[kind], "short": _SHORT[kind]}
    return Asked("gain", slots, text, gold, symbol_notes(circuit))


DC_KIND = Kind("analysis", WORDINGS, subjects, partial(answer, "dc_gain"), partial(path_working, of="{} at s=0"))
HF_KIND = Kind(
    "analysis", WORDINGS, subjects, partial(answer, "hf_gain"), partial(path_working, of="{} for s to infinity")
)
