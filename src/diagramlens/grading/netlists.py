"""Is the predicted netlist the same circuit?

Two netlists are the same where the same parts meet at the same places: the names of nodes are free, wires are contracted, the order of
lines does not matter, and the two ends of a resistor, coil or capacitor are alike. The ends of sources and ports are not, nor those of
op-amps and transistors, whose pins have each its role; whether a transistor is npn or pnp is part of what it is. Where the gold has a
ground (node `0`), that node must be the predicted `0` too. Values are not compared: a picture that shows names does not tell them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from itertools import combinations

from diagramlens.domains.circuits.netlist import GROUND, PINS, Netlist, NetlistError, Part, merge_wires, parse_netlist
from diagramlens.domains.circuits.netlist_file import netlist_of
from diagramlens.grading.netlist_answers import read_netlist_answer

UNPOLARISED = "RLC"
# What the ends of a part are called, in the order of its nodes; those of op-amps and transistors are the netlist's own PINS.
ROLES = {
    **dict.fromkeys("VEHP", ("+", "-", "control +", "control -")),
    **dict.fromkeys("IGF", ("first", "second", "control +", "control -")),
}

# A terminal is the name of a part and the role of its pin; all pins of an unpolarised part have the role "".
Terminal = tuple[str, str]
Pair = tuple[Terminal, Terminal]


@dataclass(frozen=True)
class NetlistScore:
    """`exact`: the same circuit. `terminal_f1`: F1 over pairs of terminals that are joined. `reason` names the first difference."""

    exact: bool
    terminal_f1: float
    reason: str


def compare_netlists(gold_text: str, predicted_text: str) -> NetlistScore:
    """Score a predicted netlist, which is hostile text, against the gold one.

    Code fences, list marks and prose around the parts are passed over, values and remarks behind their nodes too. A line that looks like
    a part but is none makes the netlist inexact; F1 counts the other lines. F1 is that of the multiset of unordered pairs of terminals
    joined at a node, the ground being a terminal where the gold has one. Raises NetlistError for a gold that is no netlist.
    """
    gold = merge_wires(_gold(gold_text))
    parsed, fault = read_netlist_answer(predicted_text, {part.name for part in gold.parts})
    if not parsed.parts:
        return NetlistScore(False, 0.0, fault or "there is no part in the answer")
    predicted = merge_wires(parsed)
    grounded = GROUND in gold.nodes
    gold_nodes, predicted_nodes = _terminals_by_node(gold, grounded), _terminals_by_node(predicted, grounded)
    f1 = _f1(_pairs(gold_nodes), _pairs(predicted_nodes))
    same = Counter(map(_signature, gold_nodes.values())) == Counter(map(_signature, predicted_nodes.values()))
    if same and not fault:
        return NetlistScore(True, 1.0, "the same parts meet at the same nodes")
    return NetlistScore(False, f1, fault or _first_difference(gold, predicted, gold_nodes, predicted_nodes))


def _gold(text: str) -> Netlist:
    """The gold's netlist: this project's own text, or one that another program wrote."""
    try:
        return parse_netlist(text)
    except NetlistError:
        return netlist_of(text).netlist


def _terminals_by_node(netlist: Netlist, grounded: bool) -> dict[str, list[Terminal]]:
    """The terminals at each node of a netlist without wires; the ground is one more terminal of node 0."""
    nodes: dict[str, list[Terminal]] = {}
    for part in netlist.parts:
        what = part.control or part.model
        name = f"{part.name}({what})" if what else part.name
        for place, node in enumerate(part.nodes):
            nodes.setdefault(node, []).append((name, _role(part, place)))
    if grounded and GROUND in nodes:
        nodes[GROUND].append(("ground", ""))
    return nodes


def _role(part: Part, place: int) -> str:
    if part.kind in UNPOLARISED:
        return ""
    return (PINS[part.kind] if part.model else ROLES[part.kind])[place]


def _signature(terminals: list[Terminal]) -> tuple[Terminal, ...]:
    return tuple(sorted(terminals))


def _pairs(nodes: dict[str, list[Terminal]]) -> Counter[Pair]:
    return Counter(pair for terminals in nodes.values() for pair in combinations(sorted(terminals), 2))


def _f1(gold: Counter[Pair], predicted: Counter[Pair]) -> float:
    total = gold.total() + predicted.total()
    return 2 * (gold & predicted).total() / total if total else 1.0


def _first_difference(
    gold: Netlist, predicted: Netlist, gold_nodes: dict[str, list[Terminal]], predicted_nodes: dict[str, list[Terminal]]
) -> str:
    gold_names, predicted_names = ([part.name for part in netlist.parts] for netlist in (gold, predicted))
    for name in gold_names:
        if name not in predicted_names:
            return f"{name} is missing in the prediction"
    for name in predicted_names:
        if name not in gold_names:
            return f"{name} is not in the gold"
    models = {part.name: part.model for part in predicted.parts}
    for part in gold.parts:
        if part.model != models[part.name]:
            return f"{part.name} is {models[part.name] or 'no device'} in the prediction, not {part.model or 'a plain source'}"
    turned = _turned_part(predicted, gold_nodes)
    if turned:
        return turned
    if ("ground", "") in gold_nodes.get(GROUND, ()) and GROUND not in predicted_nodes:
        return "there is no ground (node 0) in the prediction"
    gold_pairs, predicted_pairs = _pairs(gold_nodes), _pairs(predicted_nodes)
    for pair in sorted(predicted_pairs - gold_pairs):
        return f"{_joins(pair)} in the prediction but not in the gold"
    for pair in sorted(gold_pairs - predicted_pairs):
        return f"{_joins(pair)} in the gold but not in the prediction"
    return "the same pairs of parts meet, but not at the same nodes"


def _turned_part(predicted: Netlist, gold_nodes: dict[str, list[Terminal]]) -> str:
    """What is said of the one part whose turning round would make the prediction right, "" where there is none."""
    wanted = Counter(map(_signature, gold_nodes.values()))
    grounded = ("ground", "") in gold_nodes.get(GROUND, ())
    for place, part in enumerate(predicted.parts):
        for said, nodes in _turns(part):
            parts = (*predicted.parts[:place], replace(part, nodes=nodes), *predicted.parts[place + 1 :])
            if Counter(map(_signature, _terminals_by_node(Netlist(parts), grounded).values())) == wanted:
                return f"{part.name} {said}"
    return ""


def _turns(part: Part) -> list[tuple[str, tuple[str, ...]]]:
    """The ways to turn a part that a reader of drawings confuses, each with what is wrong if that way is right."""
    nodes = part.nodes
    if part.model and part.kind == "E":
        return [("has its two inputs exchanged in the prediction", (*nodes[:2], nodes[3], nodes[2]))]
    if part.model:
        return [(f"has its {PINS[part.kind][0]} and {PINS[part.kind][2]} exchanged in the prediction", nodes[::-1])]
    if part.kind not in ROLES:
        return []
    turns = [("is the wrong way round in the prediction", (nodes[1], nodes[0], *nodes[2:]))]
    if len(nodes) == 4:
        turns.append(("has its control the wrong way round in the prediction", (*nodes[:2], nodes[3], nodes[2])))
    return turns


def _joins(pair: Pair) -> str:
    (first, first_role), (second, second_role) = pair
    ends = [
        f"the {role} end of {name}" if role else name for name, role in ((first, first_role), (second, second_role))
    ]
    if first == second and first_role == second_role:
        return f"{first} is short-circuited"
    return f"{ends[0]} joins {ends[1]}"
