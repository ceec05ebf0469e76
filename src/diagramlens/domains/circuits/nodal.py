"""Nodal equations as text: what leaves a node, part by part, as one writes it by hand: `(V1-V2)/R1+s*C1*V1-I1=0`.

Kirchhoff's current law holds at a node whose currents are all known from voltages. A part that fixes a voltage (a voltage source, a
controlled one, an op-amp's output) has a current of its own: the law is then written for the nodes that such parts join together (a
supernode), with the voltage that each fixes as an equation beside it. A source whose current controls another is given a current.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from diagramlens.domains.circuits.formula import LAPLACE
from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import Netlist, Part, is_ideal, merge_wires, merged_nodes
from diagramlens.domains.circuits.solvable import SolveError, components, reference_node, refuse_floating
from diagramlens.domains.circuits.solve import symbol_of

_FIXES_A_VOLTAGE = "VEH"


@dataclass(frozen=True)
class NodalEquation:
    """`left=right`, the names of parts, sources and s in it, and those of the unknowns: node voltages, and currents of sources."""

    left: str
    right: str
    names: tuple[str, ...]
    voltages: tuple[str, ...]

    @property
    def text(self) -> str:
        """The equation in one line."""
        return f"{self.left}={self.right}"


def voltage_name(node: str) -> str:
    """What the voltage of a node over the reference is called: `V3`, `Va`."""
    return f"V{node}"


def current_name(part: Part) -> str:
    """What the current of a source is called that controls another: by the arrow printed on it (`i=i1`), else `I` and its name."""
    printed = [hint.removeprefix("i=") for hint in part.hints if hint.startswith("i=") and hint != "i=io"]
    return printed[0] if printed else f"I{part.name}"


def nodal_equation(netlist: Netlist, node: str, *, called: Callable[[str], str] = voltage_name) -> NodalEquation:
    """Kirchhoff's current law at one node, the sum of the currents that leave it, symbolic; `called` names the node voltages.

    Raises SolveError for the reference node, for a node whose voltage a source or an op-amp fixes, and where a node voltage would be
    called like a part or a source in the equation.
    """
    circuit, name = _prepared(netlist)
    if node not in name:
        raise SolveError(f"there is no node {node!r} in the netlist; its nodes are: {' '.join(name) or 'none'}")
    here = name[node]
    if here == reference_node(circuit):
        raise SolveError(f"node {node} is the reference, for which no nodal equation is needed")
    for part in circuit.parts:
        if part.kind in _FIXES_A_VOLTAGE and here in part.nodes[:2]:
            raise SolveError(
                f"the voltage of node {node} is fixed by {part.name}, so the current law at it tells nothing new"
            )
    return _Writer(circuit, called).current_law((here,))


def nodal_equations(
    netlist: Netlist, *, called: Callable[[str], str] = voltage_name, currents: Collection[str] = ()
) -> tuple[NodalEquation, ...]:
    """As many equations as unknowns: the current law of every node or supernode but the reference's, then each fixed voltage.

    The parts named in `currents`, each of which fixes a voltage, have unknown currents of their own in them, called by `current_name`.
    Raises SolveError as `nodal_equation` does for names that collide.
    """
    circuit, _ = _prepared(netlist)
    writer = _Writer(circuit, called)
    writer.controlling |= set(currents)
    fixing = [part for part in circuit.parts if part.kind in _FIXES_A_VOLTAGE]
    joined = [part.nodes[:2] for part in fixing if part.name not in writer.controlling]
    component = components(joined, circuit.nodes)
    reference = component[reference_node(circuit)]
    groups: dict[str, list[str]] = {}
    for node in circuit.nodes:
        if component[node] != reference:
            groups.setdefault(component[node], []).append(node)
    laws = [writer.current_law(tuple(group)) for group in groups.values()]
    return (*laws, *(writer.fixed_voltage(part) for part in fixing))


def _prepared(netlist: Netlist) -> tuple[Netlist, dict[str, str]]:
    linear = linearise(netlist)
    circuit = merge_wires(linear)
    refuse_floating(circuit, open_kinds="IP", why="")
    return circuit, merged_nodes(linear)


class _Writer:
    """Writes equations about one circuit, noting which names they use."""

    def __init__(self, circuit: Netlist, called: Callable[[str], str]) -> None:
        self.circuit = circuit
        self.called = called
        self.reference = reference_node(circuit)
        self.controlling = {part.control for part in circuit.parts if part.control is not None}
        self.names: dict[str, None] = {}
        self.voltages: dict[str, None] = {}

    def current_law(self, nodes: tuple[str, ...]) -> NodalEquation:
        """The sum of the currents that leave a group of nodes, which is zero."""
        terms = []
        for part in self.circuit.parts:
            inside = [end in nodes for end in part.nodes[:2]]
            if inside[0] != inside[1]:
                terms += self._leaving(part, 0 if inside[0] else 1)
        return self._equation(_sum(terms), "0")

    def fixed_voltage(self, part: Part) -> NodalEquation:
        """What a part says of the voltages: `V1-V2=Vs`, `V3=A*(V1-V2)`, `V1=V2` for the inputs of an ideal op-amp."""
        if is_ideal(part):
            return self._equation(self._voltage(part.nodes[2]), self._voltage(part.nodes[3]))
        left = self._difference(*part.nodes[:2])
        value = self._name(symbol_of(part))
        if part.kind == "E":
            value = _product(value, self._difference(*part.nodes[2:]))
        elif part.control is not None:
            value = f"{value}*{self._current(part.control)}"
        return self._equation(left, value)

    def _leaving(self, part: Part, end: int) -> list[str]:
        """The signed terms of the current from one end of a part through it to the other."""
        sign = "-" if end else "+"
        voltage = self._difference(part.nodes[end], part.nodes[1 - end])
        match part.kind:
            case "R":
                return [f"+{voltage}/{self._name(symbol_of(part))}"]
            case "C":
                return [f"+{self._name(LAPLACE)}*{self._name(symbol_of(part))}*{voltage}"]
            case "L":
                return [f"+{voltage}/({self._name(LAPLACE)}*{self._name(symbol_of(part))})"]
            case "I":
                return [sign + self._name(symbol_of(part))]
            case "G":
                control = self._difference(*part.nodes[2:])
                return [] if control == "0" else [sign + _product(self._name(symbol_of(part)), control)]
            case "F":
                return [f"{sign}{self._name(symbol_of(part))}*{self._current(part.control or '')}"]
            case "P":
                return []
            case _:
                # A part that fixes a voltage lies within a supernode, unless its current is an unknown of its own.
                return [sign + self._current(part.name)]

    def _name(self, name: str) -> str:
        self.names[name] = None
        return name

    def _current(self, source: str) -> str:
        name = current_name(self.circuit.part(source))
        self.voltages[name] = None
        return name

    def _voltage(self, node: str) -> str:
        if node == self.reference:
            return "0"
        name = self.called(node)
        self.voltages[name] = None
        return name

    def _difference(self, plus: str, minus: str) -> str:
        """The voltage from the second node up to the first, in brackets where it is more than a name."""
        first, second = self._voltage(plus), self._voltage(minus)
        if first == second:
            return "0"
        if second == "0":
            return first
        return f"(-{second})" if first == "0" else f"({first}-{second})"

    def _equation(self, left: str, right: str) -> NodalEquation:
        names, voltages = tuple(sorted(self.names)), tuple(sorted(self.voltages))
        self.names, self.voltages = {}, {}
        both = set(names) & set(voltages)
        if both:
            raise SolveError(
                f"{min(both)} would be the name of a voltage or current and of a part; call the node voltages something else"
            )
        return NodalEquation(left, right, names, voltages)


def _product(factor: str, voltage: str) -> str:
    return "0" if voltage == "0" else f"{factor}*{voltage}"


def _sum(terms: list[str]) -> str:
    return "".join(terms).removeprefix("+") or "0"
