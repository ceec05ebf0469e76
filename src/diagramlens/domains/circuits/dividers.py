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
from fractions import Fraction
from math import prod

from diagramlens.domains.circuits.formula import Formula
from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.reduction import Tree, in_order, reduced

_LARGE = 10**9


def driven_ends(netlist: Netlist, source: str) -> tuple[str, str]:
    """The nodes of an independent source, the one that it makes positive first: a current source's current comes out at its second."""
    drive = netlist.part(source)
    positive, negative = drive.nodes[:2] if drive.kind == "V" else reversed(drive.nodes[:2])
    return positive, negative


def nested_transfer(netlist: Netlist, source: str, part: str, exact: Formula) -> str | None:
    """The transfer function from a source to the voltage across a part, or None where it has no such form.

    The netlist is in symbols; all other independent sources are zero. `exact` is the same function solved: what is written equals it, and
    takes its sign from it.
    """
    reduction = reduced(netlist, source, driven_ends(netlist, source), part)
    if reduction is None or reduction.result is None or not reduction.result.tree.holds(part):
        return None
    tree = reduction.result.tree
    steps = list(_way(tree, part))
    if netlist.part(source).kind == "V":
        return _signed("*".join(_divided(*step) for step in steps), [], steps, exact) if steps else None
    # A current flows through all that is in series: its voltage needs no divider.
    first = steps.pop(0)[0] if tree.joined == "series" else tree
    shares = [_divided(*step) for step in steps]
    return _signed(
        "*".join([first.factor if first.joined == "parallel" else first.text, *shares]), [first], steps, exact
    )


def nested_impedance(netlist: Netlist, positive: str, negative: str, exact: Formula) -> str | None:
    """The impedance between two nodes, all independent sources zero, or None where it has no such form; `exact` is as above."""
    reduction = reduced(netlist, "", (positive, negative))
    if reduction is None or reduction.result is None:
        return None
    tree = reduction.result.tree
    return _signed(tree.text, [tree], [], exact)


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
