"""Design: choose the value of a part so that a stated specification is met.

A specification is the value that a quantity takes for some round value of the part, chosen so that it can be stated exactly. Each quantity
here is a quotient of two linear functions of any one part's value (the determinant of a circuit is linear in it), so three values
of the quantity determine it, no two values of the part meet one specification, and the answer is found by turning the quotient round.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction

from diagramlens.domains.circuits.netlist import value_of
from diagramlens.domains.circuits.questions.asked import Asked, Kind, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.frequencies import time_constant, working_time_constant
from diagramlens.domains.circuits.questions.notes import given, number_notes
from diagramlens.domains.circuits.questions.polarity import CURRENT, VOLTAGE, called, flow, positive_end
from diagramlens.domains.circuits.questions.quantities import (
    UNITS,
    decade,
    few_digits,
    gold_value,
    quantity_text,
    spice_text,
    value_text,
)
from diagramlens.domains.circuits.questions.roots import response_to
from diagramlens.domains.circuits.questions.steady_state import subjects as steady_subjects
from diagramlens.domains.circuits.questions.steady_state import working as steady_working
from diagramlens.domains.circuits.questions.transfers import path_slots, path_working
from diagramlens.domains.circuits.questions.transfers import subjects as transfer_subjects
from diagramlens.domains.circuits.questions.working import Working
from diagramlens.domains.circuits.solve import SolveError

WORDINGS = {
    "voltage": (
        "{given} To what value must {design} be set so that the {steady}voltage across {part}, {polarity}, is {spec}?",
        "{given} Choose {design} such that there are {spec} across {part}, {polarity}{in_steady}.",
        "{given} Which value of {design} makes the {steady}voltage across {part} ({polarity}) equal to {spec}?",
    ),
    "current": (
        "{given} To what value must {design} be set so that the {steady}current through {part}, {polarity}, is {spec}?",
        "{given} Choose {design} such that {spec} flow through {part}, {polarity}{in_steady}.",
        "{given} Which value of {design} makes the {steady}current through {part} ({polarity}) equal to {spec}?",
    ),
    "gain": (
        "{given} To what value must {design} be set for a gain of {spec} from {source} to the voltage across {part}, {polarity}?{others}",
        "{given} Choose {design} such that the voltage across {part}, {polarity}, is {spec} times {source}.{others}",
        "{given} Which value of {design} gives a voltage across {part} ({polarity}) of {spec} times {source}?{others}",
    ),
    "time_constant": (
        "{given} To what value must {design} be set so that the circuit's time constant is {spec}?",
        "{given} Choose {design} for a time constant of {spec}.",
        "{given} Which value of {design} makes this circuit settle with a time constant of {spec}?",
    ),
    "cutoff": (
        "{given} Choose {design} so that the voltage across {part} over {source} has its cut-off (-3 dB) at {spec}.{others}",
        "{given} Which value of {design} puts the -3 dB point of the gain from {source} to the voltage across {part} at {spec}?{others}",
        "{given} To what value must {design} be set for a cut-off of {spec} from {source} to the voltage across {part}?{others}",
    ),
}
_SPEC_UNITS = {"voltage": "V", "current": "A", "gain": "", "time_constant": "s", "cutoff": "rad/s"}
_ROUND = ("1", "1.2", "1.5", "2", "2.2", "2.5", "3", "4", "4.7", "5", "6", "6.8", "8", "9", "10")
_SPEC_DIGITS = 3
_TRIES = 6


def subjects(circuit: Circuit, rng: random.Random) -> Iterator[Subject | str]:
    """A quantity, a part whose value it depends on, and what the quantity is to be."""
    if circuit.why_not_numeric:
        yield circuit.why_not_numeric
        return
    goals = list(_goals(circuit, rng))
    rng.shuffle(goals)
    for goal in goals:
        parts = [part for part in circuit.parts if part.kind in "RLC"]
        rng.shuffle(parts)
        for part in parts[:2]:
            before = value_of(part.value or "")
            for digits in rng.sample(_ROUND, _TRIES):
                after = Fraction(digits) * Fraction(10) ** decade(before)
                specified = _quantity(circuit.with_values({part.name: spice_text(after)}), goal)
                if after != before and specified and few_digits(specified, _SPEC_DIGITS):
                    yield Subject(
                        goal.source, goal.part, goal.plus, form=goal.form, design=part.name, value=str(specified)
                    )
                    break
            else:
                yield "no specification that can be stated exactly"


def _goals(circuit: Circuit, rng: random.Random) -> Iterator[Subject]:
    """One subject of each quantity that the circuit has."""
    reactive = sum(part.kind in "LC" for part in circuit.parts)
    for form in ("voltage", "current"):
        for subject in steady_subjects(form, circuit, rng):
            if not isinstance(subject, str) and subject.part:
                yield Subject(part=subject.part, plus=subject.plus, form=form)
                break
    if reactive == 1:
        yield Subject(form="time_constant")
    for subject in transfer_subjects(circuit, rng):
        if not isinstance(subject, str) and circuit.drawn.part(subject.source).kind == "V":
            form = "gain" if reactive == 0 else "cutoff"
            yield Subject(subject.source, subject.part, subject.plus, form=form)
            break


def answer(circuit: Circuit, subject: Subject) -> Asked | str:
    """The value that meets the specification: unique, positive, exact."""
    chosen = circuit.drawn.part(subject.design)
    value = _solve_for(circuit, subject)
    if value is None or value <= 0:
        return "no single value meets the specification"
    unit = UNITS[chosen.kind]
    gold = {
        "value": gold_value(value),
        "unit": unit,
        "design": chosen.name,
        "form": subject.form,
        "specified": gold_value(Fraction(subject.value)),
        "source": subject.source,
        "across": subject.part,
        "plus": subject.plus,
        "netlist": circuit.merged_text,
    }
    return Asked(subject.form, _slots(circuit, subject), quantity_text(value, unit), gold, number_notes(circuit))


def _slots(circuit: Circuit, subject: Subject) -> dict[str, str]:
    reactive = any(part.kind in "LC" for part in circuit.parts)
    slots = {
        "given": given(circuit, but=subject.design),
        "design": subject.design,
        "spec": _spec_text(Fraction(subject.value), _SPEC_UNITS[subject.form]),
        "steady": "DC steady-state " if reactive else "",
        "in_steady": ", in DC steady state" if reactive else "",
    }
    if subject.source:
        return slots | path_slots(circuit, subject)
    if subject.part:
        part = circuit.drawn.part(subject.part)
        words = {VOLTAGE: positive_end, CURRENT: flow}[VOLTAGE if subject.form == "voltage" else CURRENT]
        slots |= {"part": called(part), "polarity": words(part, subject.plus)}
    return slots


def _spec_text(value: Fraction, unit: str) -> str:
    """The specification, exactly; gains and angular frequencies without prefix."""
    if unit in ("", "rad/s"):
        return f"{spice_text(value)} {unit}".rstrip()
    return value_text(value, unit)


def _solve_for(circuit: Circuit, subject: Subject) -> Fraction | None:
    """The part's value at which the quantity is as specified, by the cross ratio of four points; None where it never is."""
    wanted = Fraction(subject.value)
    unit = Fraction(10) ** decade(value_of(circuit.drawn.part(subject.design).value or ""))
    places = [unit, 2 * unit, 3 * unit]
    found = [_quantity(circuit.with_values({subject.design: spice_text(place)}), subject) for place in places]
    values = [value for value in found if value is not None]
    if len(set(values)) < len(places):
        return None
    (x1, x2, x3), (q1, q2, q3) = places, values
    if wanted == q3:
        return x3
    ratio = (wanted - q1) * (q2 - q3) / ((wanted - q3) * (q2 - q1))
    below = (x2 - x3) - ratio * (x2 - x1)
    return None if below == 0 else (x1 * (x2 - x3) - ratio * x3 * (x2 - x1)) / below


def _quantity(circuit: Circuit, goal: Subject) -> Fraction | None:
    """What is specified, for the values that the circuit has; None where it is not determined."""
    try:
        match goal.form:
            case "time_constant":
                return time_constant(circuit.merged)
            case "gain":
                return response_to(circuit, goal).dc_gain()
            case "cutoff":
                return _angular_cutoff(circuit, goal)
    except SolveError:
        return None
    if circuit.point is None:
        return None
    part = circuit.merged.part(goal.part)
    exact = circuit.point.across(part) if goal.form == "voltage" else circuit.point.currents[part.name]
    return -exact if goal.plus else exact


def _angular_cutoff(circuit: Circuit, goal: Subject) -> Fraction | None:
    """Radians a second, of a low-pass or a high-pass of first order."""
    response = response_to(circuit, goal)
    if len(response.below) != 2 or sum(map(bool, response.above)) != 1 or response.below[0] * response.below[1] <= 0:
        return None
    return Fraction(response.below[0], response.below[1])


def working(circuit: Circuit, subject: Subject) -> Working | None:
    """The equations for what is specified, and what it is to be; the chosen part has no value yet."""
    quantity = _working_of_quantity(circuit, subject)
    if quantity is None:
        return None
    shown = tuple(replace(part, value=None) if part.name == subject.design else part for part in circuit.merged.parts)
    spec = _spec_text(Fraction(subject.value), _SPEC_UNITS[subject.form])
    relation = "has fallen by 3 dB at" if subject.form == "cutoff" else "is"
    sought = f"{subject.design} such that {quantity.sought} {relation} {spec}"
    return replace(quantity, sought=sought, shown=replace(circuit.merged, parts=shown))


def _working_of_quantity(circuit: Circuit, goal: Subject) -> Working | None:
    match goal.form:
        case "time_constant":
            return working_time_constant(circuit, goal)
        case "gain" | "cutoff":
            return path_working(circuit, goal)
        case _:
            return steady_working(goal.form, circuit, replace(goal, form=""))


KIND = Kind("design", WORDINGS, subjects, answer, working)
