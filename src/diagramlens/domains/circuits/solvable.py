"""Whether a circuit can be solved at all: what floats, what loops, what would be too large."""

from __future__ import annotations

from collections.abc import Sequence

from flint import fmpz_mat

from diagramlens.domains.circuits.netlist import Netlist, Part, is_ideal
from diagramlens.records import DiagramLensError


class SolveError(DiagramLensError):
    """A question that the circuit has no single answer to: what floats, loops or is missing."""


def reference_node(circuit: Netlist) -> str:
    nodes = circuit.nodes
    return "0" if "0" in nodes or not nodes else nodes[0]


def term_count(circuit: Netlist) -> int:
    """How many terms the determinant has at most: the spanning trees of the circuit (Kirchhoff), voltage sources contracted.

    Exact for R, L, C and independent sources; a controlled current source counts as one part more. With ideal op-amps a term is a tree
    both of the circuit with their outputs contracted and of that with their inputs contracted (Davies 1966): the fewer of both.
    """
    trees = _trees(circuit, [part.nodes[:2] for part in circuit.parts if part.kind in "VEH"])
    if any(is_ideal(part) for part in circuit.parts):
        inputs = [part.nodes[2:] if is_ideal(part) else part.nodes[:2] for part in circuit.parts if part.kind in "VEH"]
        trees = min(trees, _trees(circuit, inputs))
    return trees


def _trees(circuit: Netlist, fixed: Sequence[tuple[str, ...]]) -> int:
    component = components(fixed, circuit.nodes)
    column = {node: index for index, node in enumerate(dict.fromkeys(component.values()))}
    size = len(column) - 1
    if size <= 0:
        return 1
    laplacian = fmpz_mat(size, size)
    for part in circuit.parts:
        if part.kind in "RLCGF":
            first, second = column[component[part.nodes[0]]], column[component[part.nodes[1]]]
            for row, col, value in ((first, first, 1), (second, second, 1), (first, second, -1), (second, first, -1)):
                if first != second and row < size and col < size:
                    laplacian[row, col] = laplacian[row, col] + value
    return int(laplacian.det())


def components(pairs: Sequence[tuple[str, ...]], nodes: Sequence[str]) -> dict[str, str]:
    """For each node a representative of those that the pairs join it to."""
    name = {node: node for node in nodes}

    def root(node: str) -> str:
        while name[node] != node:
            node = name[node]
        return node

    for first, second in pairs:
        name[root(first)] = root(second)
    return {node: root(node) for node in nodes}


def refuse_floating(circuit: Netlist, *, open_kinds: str, why: str) -> None:
    """Raise SolveError for a node that has no path to the reference through parts of other kinds than `open_kinds`."""
    joined = [(part.nodes[0], part.nodes[1]) for part in circuit.parts if part.kind not in open_kinds]
    component = components(joined, circuit.nodes)
    reference = reference_node(circuit)
    floating = [node for node in circuit.nodes if component[node] != component[reference]]
    if floating:
        raise SolveError(f"node {floating[0]} floats{why}: no path leads from it to the reference node {reference}")


def closes_loop(parts: Sequence[Part]) -> Part | None:
    """The first of these parts that closes a loop with those before it, None where none does."""
    nodes = [node for part in parts for node in part.nodes[:2]]
    before: list[tuple[str, ...]] = []
    for part in parts:
        first, second = part.nodes[:2]
        component = components(before, nodes)
        if component[first] == component[second]:
            return part
        before.append((first, second))
    return None


def loop_text(closing: Part, what: str) -> str:
    """What is wrong where a part closes a loop of parts that each fix a voltage."""
    return f"{closing.name} closes a loop of {what}, in which the current is not determined"


def why_singular(circuit: Netlist, *, shorts: str) -> str:
    """One line on why the equations have no single solution, looking for a loop of parts that each fix a voltage."""
    closing = closes_loop([part for part in circuit.parts if part.kind in shorts])
    if closing is not None:
        return loop_text(closing, "voltage sources and inductors" if "L" in shorts else "voltage sources")
    if any(is_ideal(part) for part in circuit.parts):
        return "the equations are singular: an ideal op-amp needs feedback from its output to its inputs"
    return "the equations are singular: the circuit has no single solution"
