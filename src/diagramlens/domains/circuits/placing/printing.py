"""What is printed beside the parts of a netlist: labels, and the marks by which controlled sources name what rules them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from diagramlens.domains.circuits.netlist import OPAMP, Netlist, Part, is_number, is_supply, value_of
from diagramlens.domains.circuits.scene import Point, Segment
from diagramlens.domains.circuits.values import UNITS

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "\N{MICRO SIGN}", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


@dataclass(frozen=True)
class Printed:
    """What stands beside a part, as Segment has it."""

    label: str = ""
    voltage: str = ""
    current: str = ""
    control: str = ""


@dataclass
class Printing:
    """By the name of each part what is printed, and the nets whose names must be printed because a controlled source refers to them."""

    parts: dict[str, Printed]
    named: list[str] = field(default_factory=list)


def printing_of(circuit: Netlist, labels: str | None) -> Printing:
    """What to print of a circuit without wires; `labels` is names, values, both, or None for what its hints say (else names)."""
    printing = Printing({part.name: _hinted(part, labels) for part in circuit.parts})
    taken = {mark for printed in printing.parts.values() for mark in (printed.voltage, printed.current) if mark}
    for part in circuit.parts:
        if part.control is not None:
            mark = _mark(printing.parts, part.control, "current", taken)
        elif part.kind in "EG" and part.model != OPAMP:
            mark = _voltage_mark(circuit, part, printing, taken)
        else:
            continue
        printing.parts[part.name] = replace(printing.parts[part.name], control=mark)
    return printing


def as_segment(part: Part, start: Point, end: Point, printed: Mapping[str, Printed]) -> Segment:
    """A part with two ends, its first terminal at `start`."""
    said = printed[part.name]
    return Segment(
        part.kind, part.name, part.value or "", start, end, said.label, said.voltage, said.current, said.control
    )


def _hinted(part: Part, labels: str | None) -> Printed:
    said = dict(hint.split("=", 1) for hint in part.hints if "=" in hint)
    label = _label(part, labels) if labels is not None else said.get("l", "")
    return Printed(label, said.get("v", ""), said.get("i", ""))


def _label(part: Part, labels: str) -> str:
    if labels == "names" or part.value is None or part.value == part.name or part.kind not in UNITS:
        return ""
    text = f"A={printed_value('E', part.value)}" if part.model == OPAMP else printed_value(part.kind, part.value)
    return text if labels == "values" and part.model is None else f"{part.name} {text}"


def printed_value(kind: str, value: str) -> str:
    """A value as a picture prints it: a symbol as it is, a number with a prefix and the unit of its kind.

    >>> printed_value("R", "2200"), printed_value("C", "100nF"), printed_value("G", "gm1")
    ('2.2 kΩ', '100 nF', 'gm1')
    """
    if not is_number(value):
        return value
    number = value_of(value)
    exponent = 0
    if number:
        exponent = next((e for e in sorted(_PREFIXES, reverse=True) if abs(number) >= Decimal(10) ** e), min(_PREFIXES))
    scaled = float(number / 10**exponent) if exponent >= 0 else float(number * 10**-exponent)
    return f"{scaled:.6g} {_PREFIXES[exponent]}{UNITS[kind]}".rstrip()


def _mark(printed: dict[str, Printed], name: str, what: str, taken: set[str]) -> str:
    """The mark on a part, given to it where it has none: v1, v2, … or i1, i2, …"""
    mark: str = getattr(printed[name], what)
    # `vo` and `io` are drawn without a name, so nothing can refer to them.
    if mark in ("", "vo", "io"):
        mark = next(text for k in range(1, len(taken) + 2) if (text := f"{what[0].replace('c', 'i')}{k}") not in taken)
        taken.add(mark)
        printed[name] = replace(
            printed[name],
            voltage=mark if what == "voltage" else printed[name].voltage,
            current=mark if what == "current" else printed[name].current,
        )
    return mark


def _voltage_mark(circuit: Netlist, part: Part, printing: Printing, taken: set[str]) -> str:
    """The mark on a part across the two nodes that rule a source; where there is none, the voltage by the names of its nodes."""
    nodes = part.nodes[2:]
    # A supply may be drawn as a rail, which bears no marks.
    across = [
        other
        for other in circuit.parts
        if other.nodes == nodes and other.kind in "RLCIV" and other.name != part.name and not is_supply(other)
    ]
    if across:
        best = max(
            across, key=lambda other: (printing.parts[other.name].voltage not in ("", "vo"), other.kind in "RLC")
        )
        return _mark(printing.parts, best.name, "voltage", taken)
    printing.named += nodes
    return f"V({nodes[0]},{nodes[1]})"
