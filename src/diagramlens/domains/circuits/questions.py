"""Questions about a circuit, with exact answers: its netlist, transfer functions, voltages and currents.

Every question names the source, the part and the polarity asked for. Polarity is said by the drawing's own directions
("positive at its left end"), which the hints of the truth give; where a truth has none, by its nodes. A part beside which
+ and - are printed (hint `v=…`) or an arrow (`i=…`), both in the direction from its first node to its second, is asked
for most often, and "as marked".

An answer that needs no look at the picture teaches guessing: transfer functions of 0, 1 and -1 and voltages and currents
of zero are not asked, nor what the prompt itself states (the voltage across a voltage source, the current through a
current source).
"""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from diagramlens.domains.circuits.netlist import (
    SOURCES,
    Netlist,
    Part,
    format_netlist,
    is_number,
    merge_wires,
    merged_nodes,
    parse_netlist,
    value_of,
)
from diagramlens.domains.circuits.solve import SolveError, operating_point, symbols_of, transfer, transfer_text
from diagramlens.records import DiagramLensError, Question

NetlistForm = Literal["traced", "merged"]
KINDS = ("netlist", "transfer", "voltage", "current")
TEACHER = "solver"

# How often a marked part is preferred where there is one. Not always: the others must be learnt too.
PREFER_MARKED = 0.8

UNITS = {
    "V": "V",
    "I": "A",
    "R": "\N{GREEK CAPITAL LETTER OMEGA}",
    "L": "H",
    "C": "F",
    "E": "",
    "F": "",
    "G": "S",
    "H": "\N{GREEK CAPITAL LETTER OMEGA}",
}
_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "\N{MICRO SIGN}", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
# Which end of a part its first node is, by the drawing's direction from first to second node.
_ENDS = {"right": ("left", "right"), "left": ("right", "left"), "up": ("bottom", "top"), "down": ("top", "bottom")}

_WORDINGS: Mapping[str, Sequence[str]] = {
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
    "transfer": (
        "What is the transfer function from {source} to the voltage across {part}, {polarity}?{others}",
        "Find the transfer function from source {source} to the voltage across {part} ({polarity}).{others}",
        "Derive the voltage across {part}, {polarity}, divided by the value of {source}, as a function of s.{others}",
        "Give H(s) from {source} to the voltage across {part}, {polarity}.{others}",
    ),
    "voltage": (
        "{values}. What is the {steady}voltage across {part}, {polarity}?",
        "Given {values}, find the {steady}voltage across {part}, {polarity}.",
        "Calculate the {steady}voltage across {part}, {polarity}, for {values}.",
        "Let {values}. How many volts are there across {part} {in_steady}({polarity})?",
    ),
    "current": (
        "{values}. What is the {steady}current through {part}, {polarity}?",
        "Given {values}, find the {steady}current through {part}, {polarity}.",
        "Calculate the {steady}current through {part}, {polarity}, for {values}.",
        "Let {values}. Which current flows through {part} {in_steady}({polarity})?",
    ),
}


class QuestionError(DiagramLensError):
    """A kind of question that circuits do not know."""


@dataclass(frozen=True)
class _Asked:
    """A question before it has an id: which wording's slots are filled with what, and the answer."""

    slots: Mapping[str, str]
    answer: str
    gold: Mapping[str, object]


@dataclass(frozen=True)
class _Circuit:
    """One truth in the forms that questions need."""

    drawn: Netlist  # as in the truth
    merged: Netlist  # wires contracted, nodes numbered in reading order


def ask(
    diagram_id: str,
    group: str,
    level: int,
    truth: str,
    *,
    kinds: Mapping[str, int],
    netlist_form: NetlistForm,
    seed: int,
) -> list[Question]:
    """The questions about one diagram, up to `kinds[kind]` of each kind.

    Those of a kind depend on `seed`, `diagram_id` and the truth alone, not on what else is asked.
    Raises NetlistError where the truth is no netlist, QuestionError for an unknown kind.
    """
    return ask_and_count(diagram_id, group, level, truth, kinds=kinds, netlist_form=netlist_form, seed=seed)[0]


def ask_and_count(
    diagram_id: str,
    group: str,
    level: int,
    truth: str,
    *,
    kinds: Mapping[str, int],
    netlist_form: NetlistForm,
    seed: int,
) -> tuple[list[Question], Counter[str]]:
    """As `ask`, and how many questions of each kind could not be asked, and why (`"voltage: …"` → number)."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise QuestionError(f"circuits have no questions of kind {unknown[0]!r}; they have: {', '.join(KINDS)}")
    drawn = parse_netlist(truth)
    circuit = _Circuit(drawn, number_nodes(drawn))
    questions: list[Question] = []
    skipped: Counter[str] = Counter()
    for kind, wanted in kinds.items():
        rng = _random(seed, diagram_id, kind)
        found: list[_Asked] = []
        reasons: Counter[str] = Counter()
        for asked in _candidates(kind, circuit, netlist_form, rng) if wanted else ():
            if isinstance(asked, str):
                reasons[asked] += 1
            elif len(found) < wanted:
                found.append(asked)
            if len(found) == wanted:
                break
        wordings = _WORDINGS[netlist_form if kind == "netlist" else kind]
        for number, asked in enumerate(found):
            prompt = rng.choice(wordings).format(**asked.slots)
            gold = json.dumps(asked.gold, sort_keys=True)
            questions.append(
                Question(
                    f"{diagram_id}-{kind}-{number}",
                    diagram_id,
                    group,
                    level,
                    kind,
                    prompt,
                    asked.answer,
                    gold,
                    TEACHER,
                    1.0,
                )
            )
        if len(found) < wanted and kind != "netlist":
            why = reasons.most_common(1)[0][0] if reasons else "too few parts"
            skipped[f"{kind}: {why}"] += wanted - len(found)
    return questions, skipped


def _random(seed: int, diagram_id: str, kind: str) -> random.Random:
    digest = hashlib.blake2b(f"{seed} {kind} {diagram_id}".encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))


def _candidates(kind: str, circuit: _Circuit, form: NetlistForm, rng: random.Random) -> Iterator[_Asked | str]:
    """What can be asked, in random order; a string says why something was not."""
    match kind:
        case "netlist":
            yield _ask_netlist(circuit, form)
        case "transfer":
            yield from _ask_transfers(circuit, rng)
        case _:
            yield from _ask_quantities(kind, circuit, rng)


# --- Netlists ---------------------------------------------------------------------------------------------------------


def number_nodes(drawn: Netlist) -> Netlist:
    """The circuit with its wires contracted and its nodes numbered from 1 in reading order, ground staying 0.

    Where all nodes are named by grid places (single letters) reading order is the alphabet's, else the text's.
    """
    name = merged_nodes(drawn)
    merged = merge_wires(drawn)
    by_place = all(node == "0" or (len(node) == 1 and node.islower()) for node in name)
    used = set(merged.nodes)
    order = dict.fromkeys(name[node] for node in (sorted(name) if by_place else name) if name[node] in used - {"0"})
    number = {node: str(index) for index, node in enumerate(order, start=1)} | {"0": "0"}
    return Netlist(tuple(replace(part, nodes=tuple(number[node] for node in part.nodes)) for part in merged.parts))


def _names_and_nodes(netlist: Netlist) -> str:
    return format_netlist(Netlist(tuple(replace(part, value=None) for part in netlist.parts)), hints=False)


def _ask_netlist(circuit: _Circuit, form: NetlistForm) -> _Asked:
    text = _names_and_nodes(circuit.drawn if form == "traced" else circuit.merged)
    grounded = "0" in circuit.drawn.nodes
    return _Asked({"ground": " Ground is node 0." if grounded else ""}, text, {"netlist": text, "ground": grounded})


# --- Transfer functions -----------------------------------------------------------------------------------------------


def _ask_transfers(circuit: _Circuit, rng: random.Random) -> Iterator[_Asked | str]:
    sources = [part for part in circuit.drawn.parts if part.kind in SOURCES]
    if not sources:
        yield "no independent source"
        return
    # Every part from one source first, then the pairs that are left.
    parts = _shuffled(circuit.drawn, "v", rng)
    first = [(rng.choice(sources), part) for part in parts]
    rest = [(source, part) for part in parts for source in sources if (source, part) not in first]
    symbolic = Netlist(
        tuple(
            replace(part, value=None) if part.value is None or is_number(part.value) else part
            for part in circuit.merged.parts
        )
    )
    text = format_netlist(symbolic, hints=False)
    names = symbols_of(symbolic)
    for source, part in first + rest:
        if part.name == source.name:
            continue
        plus = 0 if _is_marked(part, "v") else rng.randrange(2)
        ends = circuit.merged.part(part.name).nodes
        try:
            result = transfer(symbolic, source.name, ends[plus], ends[1 - plus])
        except SolveError:
            yield "no single solution"
            continue
        answer = transfer_text(result)
        if answer in ("0", "1", "-1"):
            yield "only answers of 0, 1 or -1"
            continue
        gold = {
            "numerator": result.numerator,
            "denominator": result.denominator,
            "names": names,
            "source": source.name,
            "positive": ends[plus],
            "negative": ends[1 - plus],
            "across": part.name,
            "plus": plus,
            "netlist": text,
        }
        others = " All other independent sources are zero." if len(sources) > 1 else ""
        slots = {"source": source.name, "part": part.name, "polarity": _positive_end(part, plus), "others": others}
        yield _Asked(slots, answer, gold)


# --- Voltages and currents --------------------------------------------------------------------------------------------


def _ask_quantities(kind: str, circuit: _Circuit, rng: random.Random) -> Iterator[_Asked | str]:
    valued = [part for part in circuit.drawn.parts if part.kind != "W"]
    if not all(is_number(part.value) for part in valued):
        yield "a part has no numeric value"
        return
    try:
        point = operating_point(circuit.merged)
    except SolveError:
        yield "no single DC operating point"
        return
    reactive = any(part.kind in "LC" for part in valued)
    values = ", ".join(f"{part.name} = {value_text(value_of(part.value or ''), UNITS[part.kind])}" for part in valued)
    given = "V" if kind == "voltage" else "I"
    netlist = format_netlist(circuit.merged, hints=False)
    for part in _shuffled(circuit.drawn, "v" if kind == "voltage" else "i", rng):
        if part.kind == given:
            continue
        merged = circuit.merged.part(part.name)
        plus = 0 if _is_marked(part, "v" if kind == "voltage" else "i") else rng.randrange(2)
        exact = point.across(merged) if kind == "voltage" else point.currents[part.name]
        exact = -exact if plus else exact
        if exact == 0:
            yield "only answers of zero"
            continue
        unit = "V" if kind == "voltage" else "A"
        slots = {
            "part": part.name,
            "values": values,
            "polarity": _positive_end(part, plus) if kind == "voltage" else _flow(part, plus),
            "steady": "DC steady-state " if reactive else "",
            "in_steady": "in DC steady state " if reactive else "",
        }
        gold = {
            "value": f"{exact.numerator}/{exact.denominator}",
            "unit": unit,
            "netlist": netlist,
            "across": part.name,
            "plus": plus,
        }
        yield _Asked(slots, quantity_text(exact, unit), gold)


def quantity_text(value: Fraction, unit: str) -> str:
    """A quantity to three significant digits (half to even) with an SI prefix: `4 V`, `-2.5 mA`; at most 0.5 % off."""
    if value == 0:
        return f"0 {unit}"
    power = _power(value) - 2
    digits = round(abs(value) / Fraction(10) ** power)
    return ("-" if value < 0 else "") + value_text(digits * Fraction(10) ** power, unit)


def value_text(value: Fraction, unit: str) -> str:
    """A decimal fraction exactly, with the SI prefix that leaves 1 to 3 digits before the point: `2.2 kΩ`, `100 nF`."""
    power = min(12, max(-15, _power(value) // 3 * 3)) if value else 0
    scaled = value / Fraction(10) ** power
    number = format((Decimal(scaled.numerator) / Decimal(scaled.denominator)).normalize(), "f")
    return f"{number} {_PREFIXES[power]}{unit}".rstrip()


def _power(value: Fraction) -> int:
    """The power of ten of a number's first digit, exactly."""
    value = abs(value)
    power = len(str(value.numerator)) - len(str(value.denominator))
    return power if value >= Fraction(10) ** power else power - 1


# --- Parts and their ends ---------------------------------------------------------------------------------------------


def _shuffled(netlist: Netlist, mark: str, rng: random.Random) -> list[Part]:
    """The parts in random order, one that carries the mark usually first."""
    parts = [part for part in netlist.parts if part.kind != "W"]
    rng.shuffle(parts)
    if rng.random() < PREFER_MARKED:
        parts.sort(key=lambda part: not _is_marked(part, mark))
    return parts


def _is_marked(part: Part, mark: str) -> bool:
    return any(hint.startswith(f"{mark}=") for hint in part.hints)


def _ends(part: Part) -> tuple[str, str] | None:
    """What the ends at the first and second node are called in the drawing, None where the truth has no direction."""
    directions = (_ENDS.get(hint.partition("=")[0]) for hint in part.hints)
    return next((ends for ends in directions if ends is not None), None)


def _positive_end(part: Part, plus: int) -> str:
    marked = ", as marked" if _is_marked(part, "v") else ""
    ends = _ends(part)
    where = f"its {ends[plus]} end" if ends else f"node {part.nodes[plus]}"
    return f"positive at {where}{marked}"


def _flow(part: Part, plus: int) -> str:
    marked = ", as marked" if _is_marked(part, "i") else ""
    ends = _ends(part)
    if ends:
        return f"flowing from its {ends[plus]} end to its {ends[1 - plus]} end{marked}"
    return f"flowing from node {part.nodes[plus]} to node {part.nodes[1 - plus]}{marked}"
