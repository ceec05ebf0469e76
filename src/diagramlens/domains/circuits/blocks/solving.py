"""Transfer functions of block diagrams, exactly, by elimination.

Every element gives one equation: a block with transfer function n/d says d·y = n·u, a summing point y = ±u ± …; the sparse
fraction-free elimination that solves circuits solves these too. Mason's formula (`mason`) is the independent check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flint import fmpz_mpoly

from diagramlens.domains.circuits.blocks.text import Block, BlockDiagram, BlocksError, entries
from diagramlens.domains.circuits.blocks.values import LAPLACE, Quotient, names_in, read_value
from diagramlens.domains.circuits.elimination import Row, cancel, eliminate, ring
from diagramlens.domains.circuits.formula import Formula, formula_of, natural


@dataclass(frozen=True)
class Gains:
    """The transfer functions of all blocks over one ring: generator 0 is s, generator k + 1 is `names[k]`."""

    names: tuple[str, ...]
    of: Mapping[str, Quotient]
    one: fmpz_mpoly


def gains_of(diagram: BlockDiagram, *, values: bool = True) -> Gains:
    """The blocks' printed transfer functions; a block without one, or every block where not `values`, is a symbol of its own name."""
    stated = {block.name: block.value for block in diagram.blocks if values and block.value is not None}
    own = [block.name for block in diagram.blocks if block.name not in stated]
    names = tuple(sorted({*own, *(name for value in stated.values() for name in names_in(value))}, key=natural))
    context, generators = ring(len(names))
    one = context.constant(1)
    symbols = dict(zip(names, generators[1:], strict=True))
    quotients = {name: (symbols[name], one) for name in own}
    return Gains(names, quotients | {name: read_value(value, names) for name, value in stated.items()}, one)


def closed_loop(diagram: BlockDiagram, source: str, *, values: bool = True) -> Formula:
    """Output over the input named `source`, as it is written: in s and the names that `gains_of` gives. Raises as `transfer_of`."""
    gains = gains_of(diagram, values=values)
    return formula_of((LAPLACE, *gains.names), [False] * (len(gains.names) + 1), *transfer_of(diagram, source, gains))


def transfer_of(diagram: BlockDiagram, source: str, gains: Gains) -> Quotient:
    """Output over the input named `source`, all other inputs zero, in lowest terms.

    Raises BlocksError for an unknown input, and for a diagram that is not well posed: one with a loop whose equations have no single
    solution, be it for every s (a loop of gain one) or as s grows without bound, where such a loop acts at once.
    """
    if source not in diagram.inputs:
        raise BlocksError(f"the diagram has no input {source!r}; its inputs are: {', '.join(diagram.inputs)}")
    found = _solve(diagram, source, gains.of, gains.one)
    if found is None or _solve(diagram, source, _at_infinity(gains), gains.one) is None:
        raise BlocksError(
            "the diagram is not well posed: the gain around its loops adds up to one, so they determine nothing"
        )
    return cancel(*found)


def _solve(diagram: BlockDiagram, source: str, gains: Mapping[str, Quotient], one: fmpz_mpoly) -> Quotient | None:
    column = {element.name: place for place, element in enumerate(diagram.elements)}
    size = len(column)
    rows: list[Row] = []

    def take(row: Row, signal: str, factor: fmpz_mpoly) -> None:
        """Put `factor` times a signal into a row: an unknown to its column, the driving input, moved across, to the last."""
        if signal in column:
            row[column[signal]] = row.get(column[signal], one * 0) + factor
        elif signal == source:
            row[size] = row.get(size, one * 0) - factor

    for element in diagram.elements:
        above, below = gains[element.name] if isinstance(element, Block) else (one, one)
        row: Row = {}
        take(row, element.name, below)
        for sign, signal in entries(element):
            take(row, signal, -sign * above)
        rows.append(row)
    if diagram.shown not in column:
        return one * int(diagram.shown == source), one
    rows.append({column[diagram.shown]: one})
    return eliminate(rows, size, one)


def _at_infinity(gains: Gains) -> dict[str, Quotient]:
    """What the blocks do to what is infinitely fast: the limit of each for large s.

    A block without a limit (s + 1) stays as it is, and so do symbols, which stand for transfer functions of any kind.
    """
    limits = {}
    for name, (above, below) in gains.of.items():
        order, own = (int(polynomial.degrees()[0]) for polynomial in (above, below))
        if order > own:
            limits[name] = (above, below)
        elif order < own:
            limits[name] = (gains.one * 0, gains.one)
        else:
            limits[name] = cancel(_leading(above, order), _leading(below, own))
    return limits


def _leading(polynomial: fmpz_mpoly, order: int) -> fmpz_mpoly:
    """The coefficient of s to the power `order`, a polynomial in the other names."""
    terms = {(0, *monomial[1:]): number for monomial, number in polynomial.to_dict().items() if monomial[0] == order}
    return polynomial.context().from_dict(terms)
