"""The topology that circuits are grouped by: what two drawings of one circuit share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from diagramlens.domains.circuits.canonical import TooSymmetricError, canonical_form
from diagramlens.domains.circuits.netlist import PINS, Netlist, NetlistError, Part, merge_wires


def topology_group(netlist: Netlist) -> str:
    """16 hexadecimal digits that two circuits share exactly when they are one circuit up to names, values, order and orientation.

    Compared are the kinds of the parts and which of their ends meet, wires contracted; the ends of a part are alike (a source turned
    round is the same topology) but for controlled sources, whose output and control pairs differ, and for op-amps and transistors, whose
    every pin differs. A supply is a voltage source; a port is nothing, for no current flows in it. Which node is ground does not matter
    (but to op-amps), nor do nodes at which no part ends. Raises NetlistError for a circuit too symmetric to be named in bounded time.
    """
    try:
        form = canonical_form(*_coloured_graph(merge_wires(netlist).parts))
    except TooSymmetricError as error:
        raise NetlistError(f"the circuit is too symmetric to be compared with others: {error}") from error
    return hashlib.blake2b(repr(form).encode(), digest_size=8).hexdigest()


def _coloured_graph(parts: Iterable[Part]) -> tuple[list[str], dict[tuple[int, int], list[str]]]:
    """Vertices: the nodes (colour: kinds of the parts that return to them), and parts with more to them than two equal ends."""
    parts = tuple(part for part in parts if part.kind != "P")
    controls = {part.control for part in parts if part.control is not None}
    nodes = {node: index for index, node in enumerate(dict.fromkeys(node for part in parts for node in part.nodes))}
    colours: list[list[str]] = [[] for _ in nodes]
    edges: dict[tuple[int, int], list[str]] = {}
    vertex_of_part: dict[str, int] = {}

    def join(first: int, second: int, label: str) -> None:
        edges.setdefault((min(first, second), max(first, second)), []).append(label)

    for part in parts:
        ends = [nodes[node] for node in part.nodes]
        if len(ends) == 2 and part.control is None and part.name not in controls:
            if ends[0] == ends[1]:
                colours[ends[0]].append(part.kind)
            else:
                join(ends[0], ends[1], part.kind)
            continue
        vertex_of_part[part.name] = vertex = len(colours)
        colours.append(["part", part.model or part.kind])
        pins = PINS[part.kind] if part.model else ("output", "output", "control", "control")
        for pin, end in zip(pins, ends, strict=False):
            join(vertex, end, pin)
    for part in parts:
        if part.control is not None:
            join(vertex_of_part[part.name], vertex_of_part[part.control], "rules")
    return [" ".join(sorted(colour)) for colour in colours], edges
