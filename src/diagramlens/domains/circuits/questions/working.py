"""How an answer is worked out: the netlist, the nodal equations, and what is sought of their unknowns.

The equations are those of the whole circuit, as many as there are unknowns, with a line for every source that is zero. So they can be
solved, and their solution is the answer. They are in symbols; where the answer is a number, the netlist gives the values, those that are
printed in the picture among them, so that reading them is part of what is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist
from diagramlens.domains.circuits.nodal import nodal_equations
from diagramlens.domains.circuits.reduction import Reduction
from diagramlens.domains.circuits.solvable import SolveError, reference_node

TEST_SOURCE = "Itest"
BEHIND_TRACED = "Nodes:"
"""The line with which an answer in steps goes on from the netlist as traced."""


@dataclass(frozen=True)
class Working:
    """The circuit whose equations are written, the sources in it that are zero, and the expression that is sought (empty: none).

    `currents` names parts that fix a voltage and whose currents are sought. `shown` is the netlist that is written in the place of the
    circuit, and `remark` says how the circuit comes from it. `steps` are written in the place of the equations where there are any.
    """

    netlist: Netlist
    zero: tuple[str, ...]
    sought: str = ""
    currents: tuple[str, ...] = ()
    shown: Netlist | None = None
    remark: str = ""
    steps: tuple[str, ...] = ()


def node_voltage(node: str) -> str:
    """What the voltage of a numbered node is called: `Vn3`, which no source is called."""
    return f"Vn{node}"


def equations(working: Working) -> list[str] | None:
    """The equations in lines, None where they cannot be written (a node floats, names collide)."""
    try:
        written = nodal_equations(working.netlist, called=node_voltage, currents=working.currents)
    except SolveError:
        return None
    return [*(equation.text for equation in written), *(f"{name}=0" for name in working.zero)]


def worked(working: Working, answer: str, result: str = "") -> str:
    """The answer behind its working; the last line is what is graded. `result` stands before it where the answer is only a letter."""
    steps = list(working.steps)
    if not steps:
        lines = equations(working)
        steps = [] if lines is None else ["Nodal equations:", *lines]
    return "\n".join((*_read(working), *steps, *(_sought(working) if steps else ()), *closing(answer, result)))


def begun(working: Working, traced: Netlist | None, answer: str, result: str = "") -> str:
    """As `worked` without the equations: what is read, what is sought, and the answer. `traced` is the netlist as the eye follows it, which
    stands first where it is given."""
    followed = [] if traced is None else ["Traced:", format_netlist(traced, hints=False)]
    return "\n".join((*followed, *_read(working), *_sought(working), *closing(answer, result)))


def stepped(traced: Netlist, reduction: Reduction, answer: str, result: str = "") -> str:
    """The answer behind the netlist as traced, the junctions that are one node, the parts that count with their nodes called by the first
    of these, and what each step joined between the two ends that are asked about."""
    positive, negative = reduction.ends
    netlist = format_netlist(traced, hints=False)
    begin = f"Joined from {positive} to {negative}:"
    nodes, edges, steps = map(" ".join, reduction.nodes), map(str, reduction.edges), map(str, reduction.steps)
    return "\n".join(
        ("Traced:", netlist, BEHIND_TRACED, *nodes, "Merged:", *edges, begin, *steps, *closing(answer, result))
    )


def _read(working: Working) -> list[str]:
    remark = [working.remark] if working.remark else []
    return ["Netlist:", format_netlist(working.shown or working.netlist, hints=False), *remark]


def _sought(working: Working) -> list[str]:
    return [f"Sought: {working.sought}"] if working.sought else []


def closing(answer: str, result: str) -> list[str]:
    """The lines that are graded; `result` stands before an answer that is only a letter."""
    return [*([f"Result: {result}"] if result else []), f"Answer: {answer}"]


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
            parts.append(replace(part, name=dc_name(part), kind="V", value=None))
            zero.append(dc_name(part))
        elif part.kind != "C":
            parts.append(part)
    return replace(netlist, parts=tuple(parts)), tuple(zero)


def dc_name(part: Part) -> str:
    """What a part is called in the circuit of `at_dc`."""
    return f"V{part.name}" if part.kind == "L" else part.name


def dc_remark(netlist: Netlist) -> str:
    """What `at_dc` did to a circuit; empty where nothing."""
    stores = {kind: [part for part in netlist.parts if part.kind == kind] for kind in "CL"}
    said = ["a capacitor is open"] if stores["C"] else []
    if stores["L"]:
        wires = ", ".join(f"{dc_name(part)} for {part.name}" for part in stores["L"])
        said.append(f"an inductor is a wire, written as a source of 0 V ({wires})")
    return f"In DC steady state {' and '.join(said)}." if said else ""


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
