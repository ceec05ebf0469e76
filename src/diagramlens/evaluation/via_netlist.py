"""The second route to an equation: the model reads the netlist, the exact solver does the algebra.

Published results say that connections are what models misread, and that algebra on top loses most of what was read rightly, so
both routes are graded. Here the model's netlist of the same diagram is solved for what the transfer question asks (source and output
part go by name) and compared with the gold, strictly in sign.

A netlist says nothing of left and right, while the question gives the output's positive end by the drawing. The two ends of a
resistor, inductor or capacitor may be listed in either order, so its positive end is found by what else is connected there in the
gold; only where both ends have the same neighbours in common is either order accepted. A source listed the wrong way round is
therefore wrong, as it should be, and an exactly right netlist is always right by this route.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import Netlist, NetlistError, merge_wires, parse_netlist
from diagramlens.domains.circuits.solve import SolveError, transfer_across, transfer_text
from diagramlens.grading.expressions import same_expression
from diagramlens.grading.netlist_answers import read_netlist_answer
from diagramlens.grading.verdict import Verdict

UNPOLARISED = "RLC"
# A wrong reading may list more parts than there are; one of a hundred would cost the symbolic solver hours.
_SPARE_PARTS = 4


def can_be_solved(gold: Mapping[str, Any]) -> bool:
    """Whether a transfer question names its output by a part, so that any netlist of the circuit can be asked for it."""
    return all(key in gold for key in ("source", "across", "plus", "netlist"))


def same_transfer_via_netlist(gold: Mapping[str, Any], predicted: str) -> Verdict:
    """Whether the predicted netlist has the gold's transfer function. `gold` is that of a transfer question; never raises for any text."""
    truth = merge_wires(parse_netlist(gold["netlist"]))
    read, fault = read_netlist_answer(predicted, {part.name for part in truth.parts})
    try:
        if fault:
            raise NetlistError(fault)
        # Of a transistor circuit the gold is about the small-signal circuit.
        circuit = _with_symbols_of(truth, merge_wires(linearise(read)))
        if len(circuit.parts) > len(truth.parts) + _SPARE_PARTS:
            return Verdict(
                False, f"the predicted netlist lists {len(circuit.parts)} parts, the circuit has {len(truth.parts)}"
            )
        expected = f"({gold['numerator']})/({gold['denominator']})"
        found = ""
        for plus in _positive_ends(circuit, truth, gold["across"], gold["plus"]):
            found = transfer_text(transfer_across(circuit, gold["source"], gold["across"], plus=plus))
            if same_expression(expected, found, gold["names"]).correct:
                return Verdict(True, f"the predicted netlist gives {found}")
        return Verdict(False, f"the predicted netlist gives {_short(found)}")
    except (NetlistError, SolveError) as error:
        return Verdict(False, f"the predicted netlist cannot be solved: {_short(str(error))}")


def _with_symbols_of(truth: Netlist, circuit: Netlist) -> Netlist:
    """The circuit with the gold's values, whatever the model made up: a part then goes by the same symbol on both sides."""
    values = {part.name: part.value for part in truth.parts}
    return Netlist(tuple(dataclasses.replace(part, value=values.get(part.name)) for part in circuit.parts))


def _positive_ends(circuit: Netlist, truth: Netlist, name: str, plus: int) -> tuple[int, ...]:
    """Which ends (0 or 1) of the predicted part may be the positive one. Raises NetlistError where the part is missing."""
    if circuit.part(name).kind not in UNPOLARISED:
        return (plus,)
    found, true = _neighbours(circuit, name), _neighbours(truth, name)
    agreement = [len(found[end] & true[plus]) + len(found[1 - end] & true[1 - plus]) for end in (0, 1)]
    if agreement[0] == agreement[1]:
        return (plus, 1 - plus)
    return (agreement.index(max(agreement)),)


def _neighbours(circuit: Netlist, name: str) -> tuple[set[str], set[str]]:
    """The names of the other parts at the first and at the second node of a part, wires being contracted."""
    first, second = (
        {part.name for part in circuit.parts if node in part.nodes and part.name != name}
        for node in circuit.part(name).nodes[:2]
    )
    return first, second


def _short(text: str, limit: int = 200) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
