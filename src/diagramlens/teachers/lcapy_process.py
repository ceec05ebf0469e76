"""lcapy as a second solver, in a process of its own.

lcapy cannot be interrupted (it takes minutes over some circuits), and importing it changes how SymPy prints in the whole process; so it
is asked over a pipe, and killed when it takes too long. It takes a current source's current to leave its first node, against SPICE;
its netlists are written accordingly. An ideal op-amp is given a finite gain A, and the limit of the answer for A to infinity taken.

No name of ours reaches lcapy 1.26. There a value called k, n or z is a discrete-time variable and vanishes from the answer, I and j are
imaginary, pi is a number, a node GND is not the ground, and names with other characters than letters and digits are refused. So
every part, node and symbol goes by its kind or an x and a number, and the answer is brought back to the names that were asked in.
"""

from __future__ import annotations

import multiprocessing
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any

from diagramlens.domains.circuits.netlist import (
    GROUND,
    SOURCES,
    TURNED_BY_LCAPY,
    Netlist,
    format_netlist,
    is_ideal,
    merged_nodes,
    parse_netlist,
    value_of,
)
from diagramlens.domains.circuits.solve import symbol_of
from diagramlens.records import DiagramLensError
from diagramlens.runtime import die_with_parent

SECONDS_TO_START = 120.0
DC_KINDS = ("voltage", "current")
# No part is called so, for no kind of part begins with A.
_GAIN = "A_ideal_0"
# A source whose Laplace transform is 1.
_UNIT = "s 1"
_SYMBOL = re.compile(r"\bx(\d+)\b")


class LcapyError(DiagramLensError):
    """lcapy cannot be run here."""


class Lcapy:
    """A process that answers one question at a time, and is killed and replaced when it takes too long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def answer(self, kind: str, gold: Mapping[str, Any]) -> tuple[str | None, str]:
        """lcapy's answer as text, or None and the reason why there is none."""
        self.start()
        assert self._pipe is not None
        try:
            self._pipe.send((kind, dict(gold)))
            if not self._pipe.poll(self.seconds):
                self.stop()
                return None, "took too long"
            return self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.stop()
            return None, "process died"

    def start(self) -> None:
        """Start the process where there is none; that takes two seconds or more. Raises LcapyError where lcapy is missing."""
        if self._pipe is not None:
            return
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        if not self._pipe.poll(SECONDS_TO_START):
            self.stop()
            raise LcapyError(
                f"lcapy did not start within {SECONDS_TO_START:.0f} s; try again, or set label.cross_check to 0"
            )
        problem = self._pipe.recv()
        if problem:
            self.stop()
            raise LcapyError(f"lcapy cannot be imported ({problem}); pip install lcapy, or set label.cross_check to 0")

    def kill(self) -> None:
        """End the process; whoever waits for its answer is told that it died."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the process and forget it; the next question starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection) -> None:
    """The process's loop: a question in, an answer or a reason out."""
    die_with_parent()
    warnings.simplefilter("ignore")  # lcapy warns of every source that it removes, as it is asked to
    try:
        import lcapy  # noqa: F401 - two seconds, once, before the clock of the first question runs
    except ImportError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    while True:
        try:
            kind, gold = pipe.recv()
        except EOFError:
            return
        pipe.send(solve_with_lcapy(kind, gold))


def solve_with_lcapy(kind: str, gold: Mapping[str, Any]) -> tuple[str | None, str]:
    """lcapy's answer to a question in this process: an expression, or an exact number as `num/den`; None and why where it fails."""
    from sympy.polys.polyerrors import BasePolynomialError

    circuit = renamed(parse_netlist(gold["netlist"]))
    try:
        if kind not in DC_KINDS:
            positive, negative = circuit.nodes[gold["positive"]], circuit.nodes[gold["negative"]]
            return circuit.translated(_transfer(circuit, circuit.parts[gold["source"]], positive, negative)), ""
        value = _dc(circuit.netlist, kind, circuit.parts[gold["across"]])
        return (f"{-value if gold['plus'] else value}", "") if value is not None else (None, "no exact number")
    # What lcapy and the SymPy below it are known to raise for circuits that they cannot do.
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        RuntimeError,
        AssertionError,
        SyntaxError,
        BasePolynomialError,
    ) as error:
        return None, f"raised {type(error).__name__}"


@dataclass(frozen=True)
class Renamed:
    """A circuit in names that mean nothing to lcapy: `parts` and `nodes` map its own names to them.

    `symbols` maps the new names of parts to symbols x1, x2, …, of which the n-th stands for `meant[n - 1]`.
    """

    netlist: Netlist
    parts: Mapping[str, str]
    nodes: Mapping[str, str]
    symbols: Mapping[str, str]
    meant: tuple[str, ...]

    def translated(self, expression: str) -> str:
        """An expression in those symbols as one in the circuit's own; a name that none of them is stays, and no gold has it."""
        return _SYMBOL.sub(lambda found: self.meant[int(found[1]) - 1], expression)


def renamed(netlist: Netlist) -> Renamed:
    """The circuit with every part, node and symbol called otherwise, values as they are; node 0 stays."""
    nodes = {node: str(number) for number, node in enumerate((n for n in netlist.nodes if n != GROUND), start=1)}
    nodes |= {GROUND: GROUND} if GROUND in netlist.nodes else {}
    parts = {part.name: f"{part.kind}{number}" for number, part in enumerate(netlist.parts, start=1)}
    meant = tuple(dict.fromkeys(symbol_of(part) for part in netlist.parts))
    symbols = {parts[part.name]: f"x{meant.index(symbol_of(part)) + 1}" for part in netlist.parts}
    renamed_parts = (
        replace(
            part,
            name=f"{part.kind}{number}",
            nodes=tuple(nodes[node] for node in part.nodes),
            control=parts[part.control] if part.control else None,
        )
        for number, part in enumerate(netlist.parts, start=1)
    )
    return Renamed(Netlist(tuple(renamed_parts)), parts, nodes, symbols, meant)


def _transfer(renamed: Renamed, source: str, positive: str, negative: str) -> str:
    """V(positive) - V(negative) over the source, by lcapy's nodal analysis.

    Circuit.transfer would first look for a ladder, a search that never ends for some circuits of 6 parts and more (lcapy 1.26).
    """
    from lcapy import Circuit

    netlist = _without_shorted(renamed.netlist, source)
    symbols: dict[str, object] = {
        part.name: renamed.symbols[part.name] for part in netlist.parts if part.kind not in SOURCES
    }
    drive = netlist.part(source)
    if any(part.control == source for part in netlist.parts):
        # What the source's current rules needs the source itself: it stays, with the Laplace transform 1.
        circuit = Circuit(lcapy_text(netlist, symbols | {source: _UNIT}))
        return str(_with_ideal_opamps(circuit.kill_except(source).Voc(positive, negative).laplace().sympy))
    circuit = Circuit(lcapy_text(netlist, symbols))
    circuit.remove(source)
    if drive.kind == "V":
        driven = circuit.apply_test_voltage_source(*drive.nodes)
    else:
        # A current through the source from its first node to its second enters the circuit at the second.
        driven = circuit.apply_test_current_source(*reversed(drive.nodes))
    return str(_with_ideal_opamps(driven.Voc(positive, negative).laplace().sympy))


def _without_shorted(netlist: Netlist, source: str) -> Netlist:
    """The circuit without what the other voltage sources short once they are zero.

    No current flows in it. But lcapy 1.26 takes an inductor with both ends at one node for an inductor from there to ground.
    """
    shorts = {part.name for part in netlist.parts if part.kind == "V" and part.name != source}
    wires = (replace(part, kind="W") if part.name in shorts else part for part in netlist.parts)
    name = merged_nodes(Netlist(tuple(wires)))
    passive = (part.kind in "RLC" and len({name[node] for node in part.nodes}) == 1 for part in netlist.parts)
    return Netlist(tuple(part for part, shorted in zip(netlist.parts, passive, strict=True) if not shorted))


def _with_ideal_opamps(expression: Any) -> Any:
    """The limit of a rational expression for infinite gain: the ratio of the leading coefficients."""
    from sympy import Poly, fraction, oo, together

    gain = next((symbol for symbol in expression.free_symbols if symbol.name == _GAIN), None)
    if gain is None:
        return expression
    above, below = (Poly(side, gain) for side in fraction(together(expression)))
    # Both may still have a common factor, which can make neither degree lower: the difference of the degrees is right.
    if above.is_zero or above.degree() < below.degree():
        return 0 * gain
    return above.LC() / below.LC() if above.degree() == below.degree() else oo


def _dc(netlist: Netlist, kind: str, across: str) -> Fraction | None:
    from lcapy import Circuit

    turned = netlist.part(across).kind in TURNED_BY_LCAPY
    if kind == "current" and netlist.part(across).kind in "IGF":
        return None
    values = {part.name: value_of(part.value) for part in netlist.parts if part.value is not None}
    part = Circuit(lcapy_text(netlist, values))[across]
    number = _with_ideal_opamps((part.V if kind == "voltage" else part.I).dc.sympy)
    if not number.is_Rational:
        return None
    return Fraction(int(number.p), int(number.q)) * (-1 if turned else 1)


def lcapy_text(netlist: Netlist, values: Mapping[str, object]) -> str:
    """The netlist as lcapy reads it: current sources turned round; the values given by part; other sources without a value."""
    parts = []
    for part in netlist.parts:
        if part.kind == "P":
            continue
        nodes = (part.nodes[1], part.nodes[0], *part.nodes[2:]) if part.kind in TURNED_BY_LCAPY else part.nodes
        value = _GAIN if is_ideal(part) else values.get(part.name)
        text = None if value is None else _UNIT if value == _UNIT else f"{{{value}}}"
        parts.append(replace(part, nodes=nodes, value=text))
    return format_netlist(Netlist(tuple(parts)), hints=False)
