"""Single edits of a circuit, each the kind of slip that a reader makes: a part taken for another, misplaced, turned round, misread.

The names in `keep` (those that a question is about) stay names of the same kind of part, so that the question can be asked of the edited
circuit too.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator
from dataclasses import replace

from diagramlens.domains.circuits.netlist import OPAMP, Part, is_number, is_supply, value_of
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.quantities import spice_text

_LIKE = {"R": "CL", "C": "RL", "L": "RC", "V": "I", "I": "V"}
_USUAL = {"R": "1k", "C": "1u", "L": "1m", "V": "5", "I": "1m"}


def edits(circuit: Circuit, keep: Collection[str], rng: random.Random) -> Iterator[Circuit]:
    """Circuits that differ from this one by one edit, without end (but for a circuit without parts), in random order."""
    sorts = (_change_kind, _exchange, _move, _turn_round, _change_value)
    parts = [place for place, part in enumerate(circuit.drawn.parts) if part.kind not in "WP" and not is_supply(part)]
    while parts:
        edited = rng.choice(sorts)(circuit, rng.choice(parts), keep, rng)
        if edited is not None:
            yield edited


def _change_kind(circuit: Circuit, place: int, keep: Collection[str], rng: random.Random) -> Circuit | None:
    part = circuit.drawn.parts[place]
    ruled = any(other.control == part.name for other in circuit.parts)
    if part.kind not in _LIKE or part.name in keep or ruled:
        return None
    kind = rng.choice(_LIKE[part.kind])
    taken = {other.name for other in circuit.parts}
    name = next(name for number in range(1, len(taken) + 2) if (name := f"{kind}{number}") not in taken)
    value = _USUAL[kind] if is_number(part.value) else None
    return _with(circuit, place, replace(part, name=name, kind=kind, value=value))


def _exchange(circuit: Circuit, place: int, keep: Collection[str], rng: random.Random) -> Circuit | None:
    """Two parts in each other's places."""
    part = circuit.drawn.parts[place]
    others = [
        index
        for index, other in enumerate(circuit.drawn.parts)
        if index != place
        and len(other.nodes) == len(part.nodes) == 2
        and other.kind not in "WP"
        and not is_supply(other)
    ]
    if not others:
        return None
    index = rng.choice(others)
    other = circuit.drawn.parts[index]
    parts = list(circuit.drawn.parts)
    parts[place], parts[index] = replace(part, nodes=other.nodes), replace(other, nodes=part.nodes)
    return circuit.with_parts(tuple(parts))


def _move(circuit: Circuit, place: int, keep: Collection[str], rng: random.Random) -> Circuit | None:
    """One terminal at another node."""
    part = circuit.drawn.parts[place]
    end = rng.randrange(len(part.nodes))
    nodes = list(part.nodes)
    nodes[end] = rng.choice(circuit.drawn.nodes)
    if nodes[0] == nodes[1] or tuple(nodes) == part.nodes or (part.model == OPAMP and end == 1):
        return None
    return _with(circuit, place, replace(part, nodes=tuple(nodes)))


def _turn_round(circuit: Circuit, place: int, keep: Collection[str], rng: random.Random) -> Circuit | None:
    """A source with its ends exchanged, an op-amp with its inputs exchanged."""
    part = circuit.drawn.parts[place]
    if part.kind in "RLC":
        return None
    first, second, *rest = part.nodes
    nodes = (first, second, *reversed(rest)) if part.model == OPAMP else (second, first, *rest)
    return _with(circuit, place, replace(part, nodes=nodes))


def _change_value(circuit: Circuit, place: int, keep: Collection[str], rng: random.Random) -> Circuit | None:
    part = circuit.drawn.parts[place]
    if not is_number(part.value):
        return None
    factor = rng.choice((2, 10, 100))
    value = value_of(part.value or "")
    return _with(
        circuit, place, replace(part, value=spice_text(value * factor if rng.random() < 0.5 else value / factor))
    )


def _with(circuit: Circuit, place: int, part: Part) -> Circuit:
    parts = list(circuit.drawn.parts)
    parts[place] = part
    return circuit.with_parts(tuple(parts))
