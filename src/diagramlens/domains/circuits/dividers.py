"""Transfer functions and impedances as people write them: dividers one behind the other, with `||` for what lies in parallel.

`R2||(R3+R4)/(R1+R2||(R3+R4))` says what divides what; multiplied out the same has seven products and says nothing (Middlebrook's
low-entropy expressions, "Low-entropy expressions: the key to design-oriented analysis", Frontiers in Education 1991). It can be written
where the circuit that a source sees is of resistors, inductors and capacitors in series and in parallel: bridges, controlled sources and
op-amps have no such form.

A circuit is reduced to a tree of series and parallel combinations between the ends of the source. The voltage across a part is that of the
whole, divided at every series combination on the way from the root of the tree to the part.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from diagramlens.domains.circuits.formula import LAPLACE, Formula
from diagramlens.domains.circuits.netlist import Netlist, Part

_PASSIVE = "RLC"
_PORTS = "P"
_LARGE = 10**9


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


def nested_transfer(netlist: Netlist, source: str, part: str, exact: Formula) -> str | None:
    """The transfer function from a source to the voltage across a part, or None where it has no such form.

    The netlist is in symbols, its wires contracted; all other independent sources are zero. `exact` is the same function solved: what is
    written equals it, and takes its sign from it.
    """
    driving = netlist.part(source)
    tree = _seen(netlist, source, driving.nodes[0], driving.nodes[1])
    if tree is None or not tree.holds(part):
        return None
    steps = list(_way(tree, part))
    if driving.kind == "V":
        return _signed("*".join(_divided(*step) for step in steps), [], steps, exact) if steps else None
    # A current flows through all that is in series: its voltage needs no divider.
    first = steps.pop(0)[0] if tree.joined == "series" else tree
    shares = [_divided(*step) for step in steps]
    return _signed(
        "*".join([first.factor if first.joined == "parallel" else first.text, *shares]), [first], steps, exact
    )


def nested_impedance(netlist: Netlist, positive: str, negative: str, exact: Formula) -> str | None:
    """The impedance between two nodes, all independent sources zero, or None where it has no such form; `exact` is as above."""
    tree = _seen(netlist, "", positive, negative)
    return None if tree is None else _signed(tree.text, [tree], [], exact)


def _way(tree: Tree, part: str) -> Iterator[tuple[Tree, tuple[Tree, ...]]]:
    """Of every series combination on the way to a part, the branch that leads there, and the others."""
    while tree.branches:
        inner = next(branch for branch in tree.branches if branch.holds(part))
        if tree.joined == "series":
            yield inner, tuple(branch for branch in tree.branches if branch is not inner)
        tree = inner


def _divided(inner: Tree, rest: Sequence[Tree]) -> str:
    """What share of a voltage falls across `inner`, in series with the rest: `R2/(R1+R2)`, or `1/(1+C1*s*R1)`."""
    if inner.part and inner.part.kind == "C":
        others = rest[0] if len(rest) == 1 else Tree("series", None, tuple(rest))
        return f"1/(1+{inner.part.name}*s*{others.factor})"
    across = inner.factor if inner.joined == "parallel" else inner.text
    whole = Tree("series", None, in_order((*rest, inner)))
    return f"{across}/({whole.text})"


def _signed(
    text: str, size: Iterable[Tree], steps: Iterable[tuple[Tree, tuple[Tree, ...]]], exact: Formula
) -> str | None:
    """The text with the sign that makes it equal to what was solved; None where neither does."""
    # Where two rational functions are the same at one point chosen at random, they are the same (Schwartz, J. ACM 27, 1980).
    chance = random.Random(1)
    values = {name: Fraction(chance.randrange(1, _LARGE)) for name in exact.names}
    try:
        found = prod((tree.value(values) for tree in size), start=Fraction(1))
        for inner, rest in steps:
            across = inner.value(values)
            found *= across / sum((branch.value(values) for branch in rest), across)
        wanted = _value(exact, values)
    except (ZeroDivisionError, KeyError):
        return None
    return {wanted: text, -wanted: f"-{text}"}.get(found) if wanted else None


def _value(formula: Formula, values: Mapping[str, Fraction]) -> Fraction:
    above, below = (
        sum(
            number * prod(values[name] ** power for name, power in zip(formula.names, powers, strict=True))
            for powers, number in terms
        )
        for terms in (formula.above, formula.below)
    )
    return Fraction(above) / Fraction(below)


# --- From a netlist to its tree ---------------------------------------------------------------------------------------

_Edge = tuple[str, str, Tree]


def _seen(netlist: Netlist, source: str, positive: str, negative: str) -> Tree | None:
    """What lies between two nodes where a source is taken out and the others are zero; None where it is no such tree."""
    shorted: dict[str, str] = {}

    def node(name: str) -> str:
        while name in shorted:
            name = shorted[name]
        return name

    rest = [part for part in netlist.parts if part.name != source and part.kind not in _PORTS + "I"]
    if any(part.kind not in _PASSIVE + "V" or part.control is not None for part in rest):
        return None
    for part in rest:
        first, second = map(node, part.nodes[:2])
        if part.kind == "V" and first != second:
            shorted[first] = second
    edges = [(node(a), node(b), Tree("part", part)) for part in rest if part.kind != "V" for a, b in (part.nodes[:2],)]
    return _reduced(edges, {node(positive), node(negative)})


def _reduced(edges: list[_Edge], ends: set[str]) -> Tree | None:
    """The one tree between two ends that edges combine to, if they do."""
    while True:
        edges = _parallel([edge for edge in edges if edge[0] != edge[1]])
        inner = _next_series(edges, ends)
        if inner is None:
            break
        meeting = [edge for edge in edges if inner in edge[:2]]
        edges = [edge for edge in edges if inner not in edge[:2]]
        if len(meeting) == 2:  # of one edge alone no current flows
            (a, b, first), (c, d, second) = meeting
            edges.append((b if a == inner else a, d if c == inner else c, _joined("series", first, second)))
    between = [edge for edge in edges if set(edge[:2]) == ends]
    # What hangs together with neither end may be left.
    beside = [edge for edge in edges if edge not in between and ends & set(edge[:2])]
    return between[0][2] if len(between) == 1 and len(ends) == 2 and not beside else None


def _next_series(edges: Sequence[_Edge], ends: set[str]) -> str | None:
    """A node that lies between two edges, or at the end of one, and is no end of the whole."""
    meeting: dict[str, int] = {}
    for first, second, _ in edges:
        meeting[first], meeting[second] = meeting.get(first, 0) + 1, meeting.get(second, 0) + 1
    return next((node for node, count in meeting.items() if count <= 2 and node not in ends), None)


def _parallel(edges: Sequence[_Edge]) -> list[_Edge]:
    """The edges with those between the same two nodes made one."""
    found: dict[frozenset[str], _Edge] = {}
    for first, second, tree in edges:
        key = frozenset((first, second))
        if key in found:
            tree = _joined("parallel", found[key][2], tree)
        found[key] = (first, second, tree)
    return list(found.values())


def _joined(how: str, first: Tree, second: Tree) -> Tree:
    """Two trees in series or in parallel, by names: combinations of the same sort become one."""
    branches = [inner for tree in (first, second) for inner in (tree.branches if tree.joined == how else (tree,))]
    return Tree(how, None, in_order(branches))


def in_order(branches: Iterable[Tree]) -> tuple[Tree, ...]:
    """Branches as they are written: parts first, by name, then combinations."""
    return tuple(
        sorted(branches, key=lambda branch: (branch.part is None, branch.part.name if branch.part else branch.text))
    )
