"""Impedances seen into a circuit, exactly: between two nodes, by a source, at a port.

A test current is sent in and the voltage that it makes is the impedance; the circuit's own independent sources are zero (voltage sources
short, current sources open). With the source of the input zero that is the output impedance.
"""

from __future__ import annotations

from dataclasses import replace

from diagramlens.domains.circuits.formula import Rational
from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import SOURCES, Netlist, Part
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.domains.circuits.solve import transfer


def impedance(netlist: Netlist, positive: str, negative: str, *, symbols: bool = True) -> Rational:
    """Ohms between two nodes with all independent sources zero: `R1*R2/(R1+R2)`, `L1*s+R1`; 0 across a voltage source.

    Raises SolveError where the circuit has no single answer, and where nothing but the test current would flow between the nodes.
    """
    linear = linearise(netlist)
    test = Part(_free_name(linear, "I"), "I", (negative, positive), None)
    if not {positive, negative} <= set(linear.nodes):
        missing = positive if positive not in linear.nodes else negative
        raise SolveError(
            f"there is no node {missing!r} in the netlist; its nodes are: {' '.join(linear.nodes) or 'none'}"
        )
    return transfer(replace(linear, parts=(*linear.parts, test)), test.name, positive, negative, symbols=symbols)


def input_impedance(netlist: Netlist, source: str, *, symbols: bool = True) -> Rational:
    """Ohms that an independent source sees, the source itself taken out and all others zero. Raises SolveError."""
    linear = linearise(netlist)
    drive = linear.part(source)
    if drive.kind not in SOURCES:
        raise SolveError(f"{source} is no independent source, so nothing is driven by it")
    plus, minus = drive.nodes
    if drive.kind == "I":
        return transfer(linear, source, minus, plus, symbols=symbols)
    # A voltage source stays as a short in series with the test current, so that what its current controls keeps its control.
    inner = _free_node(linear)
    test = Part(_free_name(linear, "I"), "I", (minus, inner), None)
    parts = tuple(replace(part, nodes=(plus, inner)) if part.name == source else part for part in linear.parts)
    return transfer(replace(linear, parts=(*parts, test)), test.name, plus, minus, symbols=symbols)


def port_impedance(netlist: Netlist, port: str, *, symbols: bool = True) -> Rational:
    """Ohms seen into a port (a part of kind P) with all independent sources zero. Raises SolveError."""
    part = netlist.part(port)
    if part.kind != "P":
        raise SolveError(f"{port} is no port")
    return impedance(netlist, *part.nodes, symbols=symbols)


def _free_name(netlist: Netlist, kind: str) -> str:
    taken = {part.name for part in netlist.parts} | {part.value for part in netlist.parts}
    return next(name for number in range(len(taken) + 1) if (name := f"{kind}test{number}") not in taken)


def _free_node(netlist: Netlist) -> str:
    return next(node for number in range(len(netlist.nodes) + 1) if (node := f"test{number}") not in netlist.nodes)
