"""Circuits solved exactly: transfer functions and voltages as cancelled quotients of polynomials.

They come from modified nodal analysis over polynomials with whole coefficients (python-flint's fmpz_mpoly). Each symbol is a variable;
resistances and inductances enter by their inverse, and where there is an inductor every current law is multiplied by s, so
that all entries are polynomials. An ideal op-amp is a nullor: an output current that is whatever makes the inputs equal. The elimination
is fraction-free (Bareiss 1968) and sparse: a row remembers the pivot it was last divided by, so that rows that a step does not touch
cost nothing. A greatest common divisor cancels the result; turning the inverses back is then a matter of exponents. About 0.3 ms for 4
parts and 2 ms for a bridge of 9, hundreds of times faster than lcapy.

Transistor circuits are solved as their small-signal circuits (linearise.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from flint import fmpq

from diagramlens.domains.circuits.elimination import Polynomial, Row, cancel, eliminate, ring
from diagramlens.domains.circuits.formula import LAPLACE, Formula, Rational, formula_of, natural, transfer_text
from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import (
    SOURCES,
    Netlist,
    Part,
    is_ideal,
    is_number,
    merge_wires,
    merged_nodes,
    value_of,
)
from diagramlens.domains.circuits.operating_point import OperatingPoint, operating_point
from diagramlens.domains.circuits.solvable import (
    SolveError,
    closes_loop,
    loop_text,
    reference_node,
    refuse_floating,
    term_count,
    why_singular,
)

__all__ = [
    "OperatingPoint",
    "Rational",
    "SolveError",
    "TooLargeError",
    "formula",
    "operating_point",
    "refuse_faulty",
    "symbol_of",
    "symbols_of",
    "transfer",
    "transfer_across",
    "transfer_text",
    "voltage",
]

# A ladder of 12 RC sections has 75,025 terms.
MAX_TERMS = 100_000


class TooLargeError(SolveError):
    """A formula of too many terms to be written; with a number for every part it would have few."""


def symbol_of(part: Part) -> str:
    """The name a part goes by in an equation: its value where that is a name (`G1 … y_1`), else its own name."""
    return part.name if part.value is None or is_number(part.value) else part.value


def symbols_of(netlist: Netlist) -> list[str]:
    """All names that may occur in a transfer function of this circuit, s included, sorted."""
    return sorted({symbol_of(part) for part in linearise(netlist).parts if _has_symbol(part)} | {LAPLACE})


def _has_symbol(part: Part) -> bool:
    return part.kind not in SOURCES + "WP" and not is_ideal(part)


def transfer(
    netlist: Netlist, source: str, positive: str, negative: str, *, symbols: bool = True, max_terms: int = MAX_TERMS
) -> Rational:
    """V(positive) − V(negative) over the value of the named independent source, all other independent sources being zero.

    The result is in V/V for a voltage source and V/A for a current source, symbolic in the parts' names; `symbols=False` puts in the
    values that are numbers. The reference is node 0, or the first node where there is none. Raises SolveError, and TooLargeError for an
    answer of more than about `max_terms` terms: their number grows exponentially with the symbols, and netlists come from models too.
    With numbers alone there is no such bound: a ladder of 99 RC sections takes 0.05 s, a mesh of 180 parts (R, L, C) 15 s.
    """
    return formula(netlist, source, positive, negative, symbols=symbols, max_terms=max_terms).rational()


def transfer_across(netlist: Netlist, source: str, part: str, *, plus: int = 0, symbols: bool = True) -> Rational:
    """The transfer function from a source to the voltage across a part, positive at its first node (`plus=0`) or second (1)."""
    nodes = netlist.part(part).nodes
    return transfer(netlist, source, nodes[plus], nodes[1 - plus], symbols=symbols)


def formula(
    netlist: Netlist, source: str, positive: str, negative: str, *, symbols: bool = True, max_terms: int = MAX_TERMS
) -> Formula:
    """As `transfer`, as terms that have limits and coefficients."""
    circuit, ends = _prepared(netlist, (positive, negative))
    drive = _drive(circuit, source)
    known = {} if symbols else known_values(circuit)
    _refuse_too_large(circuit, known, max_terms)
    return _solve(circuit, {drive.name: None}, ends, known)


def voltage(
    netlist: Netlist, positive: str, negative: str, *, symbols: bool = True, max_terms: int = MAX_TERMS
) -> Formula:
    """V(positive) − V(negative) with all independent sources at work (superposition), in the names of the parts and of the sources.

    A source is called as a part is: by its value where that is a name. `symbols=False` puts in the values that are numbers, those of the
    sources too. Raises SolveError, also where there is no source.
    """
    circuit, ends = _prepared(netlist, (positive, negative))
    drives = {part.name: symbol_of(part) for part in circuit.parts if part.kind in SOURCES}
    if not drives:
        raise SolveError("there is no independent source in the netlist, so every voltage is zero")
    known = {} if symbols else known_values(circuit) | known_values(circuit, kinds=SOURCES)
    _refuse_too_large(circuit, known, max_terms)
    return _solve(circuit, drives, ends, known)


def known_values(circuit: Netlist, *, kinds: str = "RLCEGFH") -> dict[str, Fraction]:
    """The numbers that parts of these kinds have as values, by the parts' names. Raises SolveError for a resistance of zero."""
    known = {}
    for part in circuit.parts:
        if part.kind in kinds and part.value is not None and is_number(part.value):
            known[part.name] = value_of(part.value)
            if part.kind in "RL" and not known[part.name]:
                raise SolveError(f"{part.name} has the value 0; write a wire (W) in its place")
    return known


def refuse_faulty(netlist: Netlist) -> None:
    """Raise SolveError for what no question could be asked of: a node that floats, or voltage sources that close a loop."""
    circuit = merge_wires(linearise(netlist))
    refuse_floating(circuit, open_kinds="IP", why="")
    # Controlled sources may close a loop and be determined all the same: an H that the current of the loop rules fixes that current.
    closing = closes_loop([part for part in circuit.parts if part.kind == "V"])
    if closing is not None:
        raise SolveError(loop_text(closing, "voltage sources"))


def _prepared(netlist: Netlist, ends: tuple[str, str]) -> tuple[Netlist, tuple[str, str]]:
    """The linear circuit without wires, and what two of its nodes are called there."""
    linear = linearise(netlist)
    name = merged_nodes(linear)
    for node in ends:
        if node not in name:
            raise SolveError(f"there is no node {node!r} in the netlist; its nodes are: {' '.join(name) or 'none'}")
    return merge_wires(linear), (name[ends[0]], name[ends[1]])


def _refuse_too_large(circuit: Netlist, known: Mapping[str, Fraction], max_terms: int) -> None:
    """Raise TooLargeError where the determinant may have too many terms; of numbers alone there is one for each power of s."""
    if all(part.name in known or not _has_symbol(part) for part in circuit.parts):
        return
    terms = term_count(circuit)
    if terms > max_terms:
        raise TooLargeError(
            f"the circuit is too large: its determinant has about {terms} terms, {max_terms} are allowed; "
            "with a number for every part it can be solved for its values"
        )


def _drive(circuit: Netlist, source: str) -> Part:
    sources = [part for part in circuit.parts if part.kind in SOURCES]
    for part in sources:
        if part.name == source:
            return part
    names = ", ".join(part.name for part in sources) or "none"
    raise SolveError(f"there is no independent source {source!r} in the netlist; its sources are: {names}")


def _solve(
    circuit: Netlist, drives: Mapping[str, str | None], ends: tuple[str, str], known: Mapping[str, Fraction]
) -> Formula:
    """The voltage between two nodes, each drive having the value of its symbol (None: one), the other sources zero."""
    refuse_floating(circuit, open_kinds="IP", why="")
    letters = _Letters(circuit, drives, known)
    result = eliminate(*_equations(circuit, letters, drives, ends))
    if result is None:
        raise SolveError(why_singular(circuit, shorts="VEH"))
    return formula_of((LAPLACE, *letters.names), (False, *letters.inverted), *cancel(*result))


class _Letters:
    """What stands in the equations for each part: a generator of the ring for its symbol, or the number that is known."""

    def __init__(self, circuit: Netlist, drives: Mapping[str, str | None], known: Mapping[str, Fraction]) -> None:
        wanted: dict[str, tuple[str, bool]] = {}
        for part in circuit.parts:
            if part.name not in known and _has_symbol(part):
                wanted[part.name] = symbol_of(part), part.kind in "RL"
        wanted |= {source: (name, False) for source, name in drives.items() if name is not None and source not in known}
        order = sorted(set(wanted.values()), key=lambda letter: (natural(letter[0]), letter))
        self.names = [name for name, _ in order]
        self.inverted = [turned for _, turned in order]
        context, (self.s, *generators) = ring(len(order), fractions=bool(known))
        self.one, self.zero = context.constant(1), context.constant(0)
        of_letter = dict(zip(order, generators, strict=True))
        self.of: dict[str, Polynomial] = {name: of_letter[letter] for name, letter in wanted.items()}
        kinds = {part.name: part.kind for part in circuit.parts}
        for name, value in known.items():
            number = 1 / value if kinds[name] in "RL" else value
            self.of[name] = context.constant(fmpq(number.numerator, number.denominator))
        self.of |= {source: self.one for source, name in drives.items() if name is None}


def _equations(
    circuit: Netlist, letters: _Letters, drives: Mapping[str, str | None], ends: tuple[str, str]
) -> tuple[list[Row], int, Polynomial]:
    """The bordered matrix of the nodal equations: current laws, one row for each part that fixes a voltage, and what is asked for."""
    reference = reference_node(circuit)
    column = {node: index for index, node in enumerate(node for node in circuit.nodes if node != reference)}
    branches = [part for part in circuit.parts if part.kind in "VEH"]
    current = {part.name: len(column) + index for index, part in enumerate(branches)}
    size = len(column) + len(branches)
    rows: list[Row] = [{} for _ in range(size + 1)]
    one, zero, s = letters.one, letters.zero, letters.s
    # Current laws, and with them the unknown currents, are multiplied by s where an inductor would divide by it.
    scale = s if any(part.kind == "L" for part in circuit.parts) else one

    def add(row: int | None, col: int | None, value: Polynomial) -> None:
        if row is not None and col is not None:
            rows[row][col] = rows[row].get(col, zero) + value

    def between(first: int | None, second: int | None, plus: int | None, minus: int | None, value: Polynomial) -> None:
        """A current `value * (V(plus) − V(minus))` from the first node to the second."""
        for row, row_sign in ((first, 1), (second, -1)):
            add(row, plus, value * row_sign)
            add(row, minus, value * -row_sign)

    for part in circuit.parts:
        first, second, *controls = (column.get(node) for node in part.nodes)
        if part.kind in "RLC":
            admittance = {"R": scale, "L": one, "C": scale * s}[part.kind] * letters.of[part.name]
            between(first, second, first, second, admittance)
        elif part.kind == "G":
            between(first, second, controls[0], controls[1], scale * letters.of[part.name])
        elif part.kind == "F" and part.control is not None:
            add(first, current[part.control], letters.of[part.name])
            add(second, current[part.control], -letters.of[part.name])
        elif part.kind == "I" and part.name in drives:
            add(first, size, -scale * letters.of[part.name])
            add(second, size, scale * letters.of[part.name])
        elif part.kind in "VEH":
            branch = current[part.name]
            add(first, branch, one)
            add(second, branch, -one)
            if is_ideal(part):
                add(branch, controls[0], one)
                add(branch, controls[1], -one)
                continue
            unit = scale if part.kind == "H" else one
            add(branch, first, unit)
            add(branch, second, -unit)
            if part.kind == "E":
                add(branch, controls[0], -letters.of[part.name])
                add(branch, controls[1], letters.of[part.name])
            elif part.kind == "H" and part.control is not None:
                add(branch, current[part.control], -letters.of[part.name])
            elif part.name in drives:
                add(branch, size, letters.of[part.name])
    add(size, column.get(ends[0]), one)
    add(size, column.get(ends[1]), -one)
    return rows, size, one
