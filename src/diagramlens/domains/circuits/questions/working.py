"""How an answer is worked out: the netlist, the nodal equations, and what is sought of their unknowns.

The equations are those of the whole circuit, as many as there are unknowns, with a line for every source that is zero. So they can be
solved, and their solution is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist
from diagramlens.domains.circuits.nodal import nodal_equations
from diagramlens.domains.circuits.solvable import SolveError, reference_node

TEST_SOURCE = "Itest"


@dataclass(frozen=True)
class Working:
    """The circuit whose equations are written, the sources in it that are zero, and the expression that is sought (empty: none)."""

    netlist: Netlist
    zero: tuple[str, ...]
    sought: str = ""


def node_voltage(node: str) -> str:
    """What the voltage of a numbered node is called: `Vn3`, which no source is called."""
    return f"Vn{node}"


def equations(working: Working) -> list[str] | None:
    """The equations in lines, None where they cannot be written (a node floats, names collide)."""
    try:
        written = nodal_equations(working.netlist, called=node_voltage)
    except SolveError:
        return None
    return [*(equation.text for equation in written), *(f"{name}=0" for name in working.zero)]


def worked(working: Working, answer: str, result: str = "") -> str:
    """The answer behind its working; the last line is what is graded. `result` stands before it where the answer is only a letter."""
    lines = equations(working)
    steps = [] if lines is None else ["Nodal equations:", *lines]
    sought = [f"Sought: {working.sought}"] if steps and working.sought else []
    results = [f"Result: {result}"] if result else []
    netlist = format_netlist(working.netlist, hints=False)
    return "\n".join(("Netlist:", netlist, *steps, *sought, *results, f"Answer: {answer}"))


def between(netlist: Netlist, positive: str, negative: str) -> str:
    """The voltage between two nodes in the names of node voltages."""
    reference = reference_node(netlist)
    plus, minus = ("" if node == reference else node_voltage(node) for node in (positive, negative))
    return f"{plus}-{minus}" if minus else plus or "0"


def at_dc(netlist: Netlist) -> tuple[Netlist, tuple[str, ...]]:
    """The circuit of the DC steady state: capacitors left out, inductors as voltage sources (VL1 for L1) that are zero."""
    parts: list[Part] = []
    zero = []
    for part in netlist.parts:
        if part.kind == "L":
            parts.append(replace(part, name=f"V{part.name}", kind="V", value=None))
            zero.append(f"V{part.name}")
        elif part.kind != "C":
            parts.append(part)
    return replace(netlist, parts=tuple(parts)), tuple(zero)


def driven_by_test_current(netlist: Netlist, source: str, part: str, zero: Sequence[str]) -> Working | None:
    """The circuit with a test current in the place of a source, or across a part that stays; what is sought is an impedance.

    None where the source cannot be taken out because its current rules another.
    """
    positive, negative = netlist.part(source or part).nodes[:2]
    rest = tuple(part for part in netlist.parts if not source or part.name != source)
    if source and any(part.control == source for part in rest):
        return None
    test = Part(TEST_SOURCE, "I", (negative, positive), None)
    driven = replace(netlist, parts=(*rest, test))
    return Working(driven, tuple(zero), f"({between(driven, positive, negative)})/{TEST_SOURCE}")
