"""Node voltages as published data sets name and state them: `Vn2` is that of node 2, each source in it a name or a step."""

from __future__ import annotations

import re

from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.solve import SolveError, transfer_text, voltage

MAX_SOLVED_PARTS = 16
"""Golds of larger circuits are taken unchecked: the exact solution of a grid of 16 parts takes up to 0.03 s, of 21 parts 18 s."""

_NODE_VOLTAGE = re.compile(r"V_?n?_?(\w+)", re.IGNORECASE)


def node_voltage_forms(netlist: Netlist, name: str) -> tuple[str, ...]:
    """What the node voltage `name` comes to over node 0, all sources at work: each source by its symbol, and as a step of it (over s).

    Then the same with the values of parts and sources in place of their names, where they are numbers.

    Raises SolveError where no node is so called, where the circuit has more than MAX_SOLVED_PARTS parts, and where it has no solution.
    """
    node = _NODE_VOLTAGE.fullmatch(name)
    if node is None or node[1] not in netlist.nodes or "0" not in netlist.nodes:
        raise SolveError(f"{name} is no node voltage of the netlist")
    if len(netlist.parts) > MAX_SOLVED_PARTS:
        raise SolveError(f"more than {MAX_SOLVED_PARTS} parts")
    solved = [transfer_text(voltage(netlist, node[1], "0", symbols=symbols).rational()) for symbols in (True, False)]
    return tuple(form for text in solved for form in (text, f"({text})/s"))
