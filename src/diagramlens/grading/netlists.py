"""Is the predicted netlist the same circuit?

Two netlists are the same where the same parts meet at the same places: the names of nodes are free, wires are contracted, the order of
lines does not matter, and the two ends of a resistor, coil or capacitor are alike. The ends of sources are not. Where the gold has a ground
(node `0`), that node must be the predicted `0` too. Values are not compared: a picture that shows names does not tell them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

from diagramlens.domains.circuits.netlist import Netlist, NetlistError, Part, merge_wires, parse_netlist

MAX_CHARACTERS = 20_000
MAX_PARTS = 200
MAX_LINES = 400

UNPOLARISED = "RLC"
GROUND = "0"

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

    Code fences, list marks and prose around the parts are passed over. A line that looks like a part but is none makes the netlist
    inexact; F1 counts the other lines. F1 is that of the multiset of unordered pairs of terminals joined at a node, the ground being a
    terminal where the gold has one. Raises NetlistError for a gold that is no netlist.
    """
    gold = merge_wires(parse_netlist(gold_text))
    if len(predicted_text) > MAX_CHARACTERS:
        return NetlistScore(
            False, 0.0, f"the answer has {len(predicted_text)} characters; at most {MAX_CHARACTERS} are read"
        )
    parsed, fault = _read_tolerantly(predicted_text, {part.name for part in gold.parts})
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


def _read_tolerantly(text: str, known: Collection[str]) -> tuple[Netlist, str]:
    """The parts of an answer, and what was wrong with the first line that looks like a part but is none ("" where nothing was)."""
    lines = [line for line in map(_without_marks, text.splitlines()) if _looks_like_part(line, known)]
    try:
        return parse_netlist("\n".join(lines), limit=MAX_PARTS), ""
    except NetlistError as error:
        fault = str(error)
    parts: dict[str, Part] = {}
    for number, line in enumerate(lines[:MAX_LINES]):
        try:
            part = parse_netlist(line).parts[0]
        except NetlistError:
            continue
        # Wires may share a name; of two other parts with one name the first stays.
        parts.setdefault(f"{part.name} {number}" if part.kind == "W" else part.name, part)
    return Netlist(tuple(parts.values())[:MAX_PARTS]), fault


def _without_marks(line: str) -> str:
    return re.sub(r"\A(?:[-*•]\s+|\d+[.)]\s+)", "", line.strip().strip("`").strip())


def _looks_like_part(line: str, known: Collection[str]) -> bool:
    first, _, rest = line.partition(" ")
    return first in known or (re.fullmatch(r"[A-Za-z]{1,3}\d\w*|W", first) is not None and bool(rest.strip()))


def _terminals_by_node(netlist: Netlist, grounded: bool) -> dict[str, list[Terminal]]:
    """The terminals at each node of a netlist without wires; the ground is one more terminal of node 0."""
    nodes: dict[str, list[Terminal]] = {}
    for part in netlist.parts:
        name = f"{part.name}({part.control})" if part.control else part.name
        for place, node in enumerate(part.nodes):
            nodes.setdefault(node, []).append((name, "" if part.kind in UNPOLARISED else _role(part.kind, place)))
    if grounded and GROUND in nodes:
        nodes[GROUND].append(("ground", ""))
    return nodes


def _role(kind: str, place: int) -> str:
    if kind == "V":
        return "+-"[place]
    return ("first", "second", "third", "fourth")[place]


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
    turned = _turned_source(gold, predicted, gold_nodes)
    if turned:
        return f"{turned} is the wrong way round in the prediction"
    if ("ground", "") in gold_nodes.get(GROUND, ()) and GROUND not in predicted_nodes:
        return "there is no ground (node 0) in the prediction"
    gold_pairs, predicted_pairs = _pairs(gold_nodes), _pairs(predicted_nodes)
    for pair in sorted(predicted_pairs - gold_pairs):
        return f"{_joins(pair)} in the prediction but not in the gold"
    for pair in sorted(gold_pairs - predicted_pairs):
        return f"{_joins(pair)} in the gold but not in the prediction"
    return "the same pairs of parts meet, but not at the same nodes"


def _turned_source(gold: Netlist, predicted: Netlist, gold_nodes: dict[str, list[Terminal]]) -> str | None:
    """The one source whose turning round would make the prediction right, if there is one."""
    wanted = Counter(map(_signature, gold_nodes.values()))
    for place, part in enumerate(predicted.parts):
        if part.kind in "VI":
            turned = Part(part.name, part.kind, part.nodes[::-1], part.value)
            parts = (*predicted.parts[:place], turned, *predicted.parts[place + 1 :])
            nodes = _terminals_by_node(Netlist(parts), ("ground", "") in gold_nodes.get(GROUND, ()))
            if Counter(map(_signature, nodes.values())) == wanted:
                return part.name
    return None


def _joins(pair: Pair) -> str:
    (first, first_role), (second, second_role) = pair
    ends = [
        f"the {role} end of {name}" if role else name for name, role in ((first, first_role), (second, second_role))
    ]
    if first == second and first_role == second_role:
        return f"{first} is short-circuited"
    return f"{ends[0]} joins {ends[1]}"
