"""What lies between two nodes of a circuit, joined step by step: series and parallel combinations of its parts.

A step joins two neighbours: two combinations between the same two nodes are in parallel, two that meet at a node where nothing else
ends are in series. Bridges, controlled sources and op-amps stop it. Every combination remembers from which node to which it lies, so
that a voltage keeps its sign from the part that it is asked across to the ends of the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from diagramlens.domains.circuits.formula import LAPLACE
from diagramlens.domains.circuits.netlist import Netlist, Part, merged_nodes

_PASSIVE = "RLC"
# What no current flows through: ports, and current sources that are zero.
_OPEN = "PI"


@dataclass(frozen=True)
class Tree:
    """What lies between two nodes: a part, or trees in series or in parallel. `joined` is "part", "series" or "parallel"."""

    joined: str
    part: Part | None = None
    branches: tuple[Tree, ...] = ()

    def holds(self, name: str) -> bool:
        """Whether a part is in it."""
        return self.part.name == name if self.part else any(branch.holds(name) for branch in self.branches)

    @property
    def text(self) -> str:
        """The impedance as an expression: a product or quotient, a sum, or combinations with bars, which bind tightest."""
        if self.part:
            return {"R": "{0}", "L": "{0}*s", "C": "1/({0}*s)"}[self.part.kind].format(self.part.name)
        if self.joined == "series":
            return "+".join(branch.text for branch in self.branches)
        return "||".join(branch.factor for branch in self.branches)

    @property
    def named(self) -> str:
        """The combination in names of parts alone, + for series: `C1+R1||(L1+R2)`."""
        if self.part:
            return self.part.name
        if self.joined == "series":
            return "+".join(branch.named for branch in self.branches)
        return "||".join(branch.named if branch.part else f"({branch.named})" for branch in self.branches)

    @property
    def factor(self) -> str:
        """The same where a product, a quotient or bars stand beside it."""
        return self.text if self.part and self.part.kind == "R" else f"({self.text})"

    def value(self, values: Mapping[str, Fraction]) -> Fraction:
        """The impedance in numbers; raises ZeroDivisionError where there is none."""
        if self.part:
            size, s = values[self.part.name], values[LAPLACE]
            return {"R": size, "L": size * s, "C": 1 / (size * s)}[self.part.kind]
        inner = [branch.value(values) for branch in self.branches]
        return sum(inner, Fraction()) if self.joined == "series" else 1 / sum((1 / one for one in inner), Fraction())


@dataclass(frozen=True)
class Edge:
    """A tree from one node to another: what is said of the voltage across it holds from the first to the second."""

    first: str
    second: str
    tree: Tree

    @property
    def ends(self) -> frozenset[str]:
        """Both nodes."""
        return frozenset((self.first, self.second))

    def turned(self) -> Edge:
        """The same, seen from its other end."""
        return Edge(self.second, self.first, self.tree)

    def __str__(self) -> str:
        return f"{self.tree.named} {self.first} {self.second}"


@dataclass(frozen=True)
class Reduction:
    """How a circuit is reduced between two ends: its edges at the start, what each step joined, and what that came to.

    `nodes` are the junctions that wires and voltage sources at zero make one, each lot beginning with the one that all are called by.
    The edges at the start begin with the part that is sought, from its positive to its negative end, and the driving source, which is among
    them alone; all others lie as they come. `result` lies between the two ends; None where they could not be reached.
    """

    ends: tuple[str, str]
    nodes: tuple[tuple[str, ...], ...]
    edges: tuple[Edge, ...]
    steps: tuple[Edge, ...]
    result: Edge | None


def reduced(netlist: Netlist, source: str, ends: tuple[str, str], sought: str = "", plus: int = 0) -> Reduction | None:
    """Reduce what a source sees, or what lies between two nodes where `source` is empty; the other independent sources are zero.

    Joining begins at the part `sought`, which is positive at its node at place `plus`, and goes on outwards. What lies across a voltage
    source besides the part that is sought is left as it is: it has no influence. Without a source or such a part all is joined. Ports and
    wires may be there. None where the circuit has parts that are neither resistors, inductors or capacitors nor independent sources, and
    where both ends are one node.
    """
    rest = [part for part in netlist.parts if part.name == source or part.kind not in _OPEN]
    if any(part.kind not in _PASSIVE + "VW" or part.control is not None for part in rest if part.name != source):
        return None
    wires = [part for part in rest if part.kind in "VW" and part.name != source]
    name = _joined_nodes(netlist, wires)
    parts = [part for part in rest if part not in wires]
    edges = [Edge(name[part.nodes[0]], name[part.nodes[1]], Tree("part", part)) for part in parts]
    edges = [edge.turned() if plus and _holds(edge, sought) else edge for edge in edges if len(edge.ends) == 2]
    low, high = (name[end] for end in ends)
    if low == high:
        return None
    alone = bool(source and sought) and netlist.part(source).kind == "V"
    edges.sort(key=lambda edge: (not _holds(edge, sought), not _holds(edge, source)))
    left = [edge for edge in edges if not _holds(edge, source)]
    steps: list[Edge] = []
    while True:
        left = _carrying(left, {low, high})
        result = _between(left, {low, high}, sought if alone else "")
        pair = None if result else _next_pair(left, {low, high}, alone)
        if pair is None:
            return Reduction((low, high), tuple(_lots(name, wires)), tuple(edges), tuple(steps), result)
        joined = _together(*pair, sought)
        left = [joined if edge is pair[0] else edge for edge in left if edge is not pair[1]]
        steps.append(joined)


def _holds(edge: Edge, name: str) -> bool:
    return bool(name) and edge.tree.holds(name)


def _between(edges: Sequence[Edge], ends: set[str], alone: str) -> Edge | None:
    """What lies between two ends: all that hangs together with them, or what holds the part `alone`, whatever lies beside it."""
    reaching = [edge for edge in edges if edge.ends & ends and (not alone or _holds(edge, alone))]
    return reaching[0] if len(reaching) == 1 and reaching[0].ends == ends else None


def _joined_nodes(netlist: Netlist, wires: Iterable[Part]) -> dict[str, str]:
    """For each node the first of those that it is one with, in reading order; ground is last."""
    name = merged_nodes(Netlist(tuple(replace(part, kind="W") for part in wires)))
    order = (*netlist.reading_order, "0")
    first: dict[str, str] = {}
    for node in order:
        first.setdefault(name.get(node, node), node)
    return {node: first[name.get(node, node)] for node in order}


def _lots(name: Mapping[str, str], wires: Sequence[Part]) -> Iterator[tuple[str, ...]]:
    """The junctions that go by the name of one of them, of each such name in order: that one, then from wire to wire."""
    for first in dict.fromkeys(name.values()):
        lot = [first]
        for node in lot:  # which grows on the way
            for wire in wires:
                lot += [other for other in wire.nodes[:2] if node in wire.nodes[:2] and other not in lot]
        if len(lot) > 1:
            yield tuple(lot)


def _carrying(edges: Sequence[Edge], ends: set[str]) -> list[Edge]:
    """The edges without those through which no current flows, as they end where nothing else does."""
    kept = list(edges)
    while True:
        meeting = Counter(node for edge in kept for node in edge.ends)
        flowing = [edge for edge in kept if all(meeting[node] > 1 or node in ends for node in edge.ends)]
        if len(flowing) == len(kept):
            return flowing
        kept = flowing


def _next_pair(edges: Sequence[Edge], ends: set[str], alone: bool) -> tuple[Edge, Edge] | None:
    """The first edge that can be joined with a later one, and that one: in parallel before in series."""
    meeting = Counter(node for edge in edges for node in edge.ends)
    for index, edge in enumerate(edges):
        later = edges[index + 1 :]
        if not (alone and edge.ends == ends):
            for other in later:
                if other.ends == edge.ends:
                    return edge, other
        for other in later:
            if any(meeting[node] == 2 and node not in ends for node in edge.ends & other.ends):
                return edge, other
    return None


def _together(edge: Edge, other: Edge, sought: str) -> Edge:
    """Two neighbours as one edge, turned as the one that holds the part which is sought."""
    if _holds(other, sought):
        edge, other = other, edge
    if edge.ends == other.ends:
        return Edge(edge.first, edge.second, _joined("parallel", edge.tree, other.tree))
    (inner,) = edge.ends & other.ends
    (outer,) = other.ends - {inner}
    first, second = (outer if node == inner else node for node in (edge.first, edge.second))
    return Edge(first, second, _joined("series", edge.tree, other.tree))


def _joined(how: str, first: Tree, second: Tree) -> Tree:
    """Two trees in series or in parallel, by names: combinations of the same sort become one."""
    branches = [inner for tree in (first, second) for inner in (tree.branches if tree.joined == how else (tree,))]
    return Tree(how, None, in_order(branches))


def in_order(branches: Iterable[Tree]) -> tuple[Tree, ...]:
    """Branches as they are written: parts first, by name, then combinations."""
    return tuple(
        sorted(branches, key=lambda branch: (branch.part is None, branch.part.name if branch.part else branch.text))
    )
