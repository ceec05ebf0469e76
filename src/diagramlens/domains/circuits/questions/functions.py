"""Perception: what a circuit is for, derived from the structure of its transfer function and from nothing else.

A label is given only where it holds for all positive values of the parts: which powers of s occur above and below, which signs their
coefficients have, and identities between them. A low-pass has a constant above and a constant in its denominator; a high-pass the highest
power alone above; an all-pass has the denominator at -s above. What is none of these has no name here and is not asked about: nor is a
part straight across the source (a gain of 1 or -1 is no divider), a filter whose signs depend on the values (it may grow without bound),
nor an amplifier whose source has its positive end at ground, which inverts what the circuit does not.

Of the labels offered just one is right. An active high-pass is an inverting amplifier too, and a passive one a divider: where the gain
depends on the frequency, the names of what treats all frequencies alike are not offered.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from diagramlens.domains.circuits.formula import Formula, Term
from diagramlens.domains.circuits.netlist import GROUND, OPAMP
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.notes import symbol_notes
from diagramlens.domains.circuits.questions.transfers import output_nodes, path_slots
from diagramlens.domains.circuits.questions.transfers import subjects as transfer_subjects
from diagramlens.domains.circuits.solve import SolveError

LABELS = (
    "voltage divider",
    "inverting amplifier",
    "non-inverting amplifier",
    "voltage follower",
    "integrator",
    "differentiator",
    "low-pass filter",
    "high-pass filter",
    "band-pass filter",
    "band-stop filter",
    "all-pass filter",
    "lead network",
    "lag network",
)
# What has the same gain at all frequencies.
FLAT = ("voltage divider", "inverting amplifier", "non-inverting amplifier", "voltage follower")
# Two labels of which the first is a special case of the second, so that both would be right: one of them is offered.
_ALIKE = (
    ("voltage follower", "non-inverting amplifier"),
    ("integrator", "low-pass filter"),
    ("differentiator", "high-pass filter"),
)
WORDINGS = {
    "function": (
        "What is the function of this circuit, from {source} to the voltage across {part}, {polarity}?{others} Choose from: {labels}.",
        "With {source} as input and the voltage across {part} ({polarity}) as output, what is this circuit?{others} One of: {labels}.",
        "Name what this circuit is, seen from {source} to the voltage across {part}, {polarity}.{others} It is one of: {labels}.",
    )
}

# The coefficient of each power of s: exponents of the other names to a whole number.
Powers = Mapping[int, Mapping[bytes, int]]


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """As of transfer functions, but from voltage sources only: the labels are those of a voltage over a voltage."""
    for subject in transfer_subjects(circuit, rng):
        if isinstance(subject, str) or circuit.drawn.part(subject.source).kind == "V":
            yield subject


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The label, and all that were offered."""
    try:
        formula = circuit.formula(subject.source, *output_nodes(circuit, subject))
    except SolveError:
        return "no single solution"
    passive = all(part.kind in "RLCVIP" for part in circuit.symbolic.parts)
    if not passive and not _is_output(circuit, subject):
        return "no output of an amplifier"
    label = function_of(formula, passive=passive)
    if label is None or (label == "voltage follower" and not _opamps(circuit)):
        return "no name for what the circuit does"
    if label.endswith("inverting amplifier") and circuit.symbolic.part(subject.source).nodes[1] != GROUND:
        return "an amplifier whose source is not upright on ground"
    # The same for the same question, whatever else is asked: what is offered is part of the question, and not of how it is worded.
    labels = offered(label, random.Random(f"{circuit.symbolic_text} {subject}"))
    slots = path_slots(circuit, subject) | {"labels": ", ".join(labels)}
    gold = {
        "label": label,
        "labels": labels,
        "source": subject.source,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.symbolic_text,
    }
    return Asked("function", slots, label, gold, symbol_notes(circuit))


def offered(label: str, rng: random.Random) -> list[str]:
    """The right label and others that are wrong for such a circuit, in the order of LABELS.

    Which one of two alike is left out must not betray the other: where neither is right chance decides.
    """
    wrong = [other for other in LABELS if label in FLAT or other not in FLAT]
    for pair in _ALIKE:
        left_out = next((other for other in pair if label in pair and other != label), rng.choice(pair))
        wrong = [other for other in wrong if other != left_out]
    return wrong


def _opamps(circuit: Circuit) -> set[str]:
    """The nodes of the op-amps' outputs."""
    return {part.nodes[0] for part in circuit.symbolic.parts if part.model == OPAMP}


def _is_output(circuit: Circuit, subject: Subject) -> bool:
    """Whether a part of an active circuit lies from an output to ground: one of an op-amp's, else a node where the source is not."""
    positive, negative = output_nodes(circuit, subject)
    outputs = _opamps(circuit)
    driven = set(circuit.symbolic.part(subject.source).nodes)
    return negative == GROUND and (positive in outputs if outputs else positive not in driven)


def function_of(formula: Formula, *, passive: bool) -> str | None:
    """What a voltage transfer function is for, None where no label fits.

    >>> R, RC = bytes([0, 0]), bytes([1, 1])
    >>> function_of(Formula(("s", "C1"), ((R, 1),), ((RC, 1), (R, 1))), passive=True)
    'low-pass filter'
    """
    above, below = _powers(formula.above), _powers(formula.below)
    if not above:
        return None
    highest = max(below)
    if max(above) == highest == 0:
        return _constant(above[0], below[0], passive)
    if set(below) == {1} and set(above) == {0}:
        return "integrator"
    if set(below) == {0}:
        return "differentiator" if set(above) == {1} else None
    if (
        0 not in below
        or max(above) > highest
        or not _sign([number for terms in below.values() for number in terms.values()])
    ):
        return None
    if len(above) == 1:
        ((power, terms),) = above.items()
        if not _sign(terms.values()):
            return None
        return "low-pass filter" if power == 0 else "high-pass filter" if power == highest else "band-pass filter"
    if _is_all_pass(above, below):
        return "all-pass filter"
    if set(above) == {0, 2} and set(below) == {0, 1, 2}:
        same = _product(above[0], below[2]) == _product(above[2], below[0])
        return "band-stop filter" if same and _sign([*above[0].values(), *above[2].values()]) else None
    if set(above) == set(below) == {0, 1}:
        return _shelf(above, below)
    return None


def _constant(above: Mapping[bytes, int], below: Mapping[bytes, int], passive: bool) -> str | None:
    sign = _sign(above.values()) * _sign(below.values())
    if sign == 0 or (passive and above in (below, {rest: -number for rest, number in below.items()})):
        return None
    if passive:
        return "voltage divider"
    if sign < 0:
        return "inverting amplifier"
    if above == below:
        return "voltage follower"
    return "non-inverting amplifier" if _sign(_sum(above, below, -1).values()) == _sign(below.values()) else None


def _shelf(above: Powers, below: Powers) -> str | None:
    """Lead where high frequencies pass better than low ones for all values, lag where they pass worse."""
    if not all(_sign(side[0].values()) == _sign(side[1].values()) != 0 for side in (above, below)):
        return None
    high, low = _product(above[1], below[0]), _product(above[0], below[1])
    difference = _sign(_sum(high, low, -1).values()) * _sign(high.values())
    return {1: "lead network", -1: "lag network"}.get(difference)


def _is_all_pass(above: Powers, below: Powers) -> bool:
    """Whether the numerator is the denominator at -s, up to a factor free of s."""
    mirrored = {
        power: {rest: number * (-1) ** power for rest, number in terms.items()} for power, terms in below.items()
    }
    return set(above) == set(mirrored) and all(
        _product(above[power], mirrored[0]) == _product(above[0], mirrored[power]) for power in above
    )


def _powers(terms: Sequence[Term]) -> Powers:
    powers: defaultdict[int, dict[bytes, int]] = defaultdict(dict)
    for exponents, number in terms:
        powers[exponents[0]][exponents[1:]] = number
    return dict(powers)


def _sign(numbers: Collection[int]) -> int:
    """1 or -1 where all are of that sign, so that the sum has it for all positive values; else 0."""
    signs = {number > 0 for number in numbers}
    return 0 if len(signs) != 1 else 1 if signs.pop() else -1


def _product(first: Mapping[bytes, int], second: Mapping[bytes, int]) -> dict[bytes, int]:
    result: defaultdict[bytes, int] = defaultdict(int)
    for a, m in first.items():
        for b, n in second.items():
            result[bytes(x + y for x, y in zip(a, b, strict=True))] += m * n
    return {rest: number for rest, number in result.items() if number}


def _sum(first: Mapping[bytes, int], second: Mapping[bytes, int], sign: int) -> dict[bytes, int]:
    result = {rest: first.get(rest, 0) + sign * second.get(rest, 0) for rest in {*first, *second}}
    return {rest: number for rest, number in result.items() if number}


KIND = Kind("perception", WORDINGS, subjects, answer)
