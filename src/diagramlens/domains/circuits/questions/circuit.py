"""One truth in the forms that questions need, each computed once: as drawn, merged, symbolic, linearised, solved.

A diagram gets several questions, and most of them need the same few things; what is solved for one is kept for the next.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from diagramlens.domains.circuits.formula import Formula
from diagramlens.domains.circuits.linearise import has_transistors, linearise
from diagramlens.domains.circuits.netlist import (
    OPAMP,
    SOURCES,
    Netlist,
    Part,
    format_netlist,
    is_number,
    is_supply,
    merge_wires,
    merged_nodes,
    parse_netlist,
    without_numbers,
    without_values,
)
from diagramlens.domains.circuits.questions.labels import number_the_nameless
from diagramlens.domains.circuits.solve import (
    OperatingPoint,
    SolveError,
    formula,
    operating_point,
    symbols_of,
)

NetlistForm = Literal["traced", "merged"]
Expressions = Literal["expanded", "nested"]

NODES_PRINTED = "label_nodes=all"


@dataclass(frozen=True)
class Circuit:
    """A circuit to ask about. `nameless`: the names that were given here to parts whose labels show none.

    `marked_only`: whether voltages and currents are asked of those parts alone whose polarity the picture shows. `expressions`: how answers
    in symbols are written, multiplied out or, where they can be, as dividers with `||` (see dividers).
    """

    drawn: Netlist
    form: NetlistForm
    nameless: tuple[str, ...] = ()
    marked_only: bool = False
    expressions: Expressions = "expanded"
    _formulas: dict[tuple[str, str, str, bool], Formula | SolveError] = field(
        default_factory=dict, repr=False, compare=False
    )

    @cached_property
    def merged(self) -> Netlist:
        """Wires contracted, nodes numbered in reading order."""
        return number_nodes(self.drawn)

    @cached_property
    def traced(self) -> Netlist:
        """The circuit as drawn, wires and all, in names and nodes alone."""
        return without_values(self.drawn)

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The parts as drawn, wires left out."""
        return tuple(part for part in self.drawn.parts if part.kind != "W")

    @cached_property
    def sources(self) -> tuple[Part, ...]:
        """The independent sources that carry a signal: not the supplies."""
        return tuple(part for part in self.parts if part.kind in SOURCES and not is_supply(part))

    @cached_property
    def has_transistors(self) -> bool:
        return has_transistors(self.drawn)

    @property
    def numbered(self) -> bool:
        """Whether node numbers are printed."""
        return NODES_PRINTED in self.drawn.options

    @cached_property
    def symbolic(self) -> Netlist:
        """The merged circuit as small signals see it, every value a symbol."""
        plain = without_numbers(self.merged)
        return merge_wires(linearise(plain)) if self.has_transistors else plain

    @cached_property
    def symbolic_text(self) -> str:
        return format_netlist(self.symbolic, hints=False)

    @cached_property
    def symbols(self) -> list[str]:
        """The names that may occur in an expression about this circuit."""
        return symbols_of(self.symbolic)

    @cached_property
    def merged_text(self) -> str:
        """The merged circuit with its values."""
        return format_netlist(self.merged, hints=False)

    @cached_property
    def why_not_numeric(self) -> str:
        """Why nothing can be computed in numbers; empty where it can."""
        if self.has_transistors:
            return "transistors have no exact operating point"
        valued = (part for part in self.parts if part.kind != "P" and not (part.model == OPAMP and part.value is None))
        return "" if all(is_number(part.value) for part in valued) else "a part has no numeric value"

    @cached_property
    def point(self) -> OperatingPoint | None:
        """The DC steady state, None where there is no single one."""
        try:
            return operating_point(self.merged)
        except SolveError:
            return None

    def formula(self, source: str, positive: str, negative: str, *, symbols: bool = True) -> Formula:
        """As solve.formula, for nodes of `symbolic` (or `merged`, for numbers). Raises SolveError."""
        key = (source, positive, negative, symbols)
        if key not in self._formulas:
            try:
                self._formulas[key] = formula(
                    self.symbolic if symbols else self.merged, source, positive, negative, symbols=symbols
                )
            except SolveError as error:
                self._formulas[key] = error
        found = self._formulas[key]
        if isinstance(found, SolveError):
            raise found
        return found

    def with_parts(self, parts: tuple[Part, ...]) -> Circuit:
        """The circuit with other parts, drawn and labelled the same way, nothing solved yet."""
        return Circuit(replace(self.drawn, parts=parts), self.form, self.nameless, self.marked_only, self.expressions)

    def with_values(self, values: Mapping[str, str]) -> Circuit:
        """The circuit with other values of some parts, by name."""
        return self.with_parts(
            tuple(replace(part, value=values.get(part.name, part.value)) for part in self.drawn.parts)
        )


def read_circuit(
    truth: str, form: NetlistForm, *, marked_only: bool = False, expressions: Expressions = "expanded"
) -> Circuit:
    """Read a truth; parts whose names are not printed are named in reading order. Raises NetlistError."""
    named, nameless = number_the_nameless(parse_netlist(truth))
    return Circuit(named, form, nameless, marked_only, expressions)


def number_nodes(drawn: Netlist) -> Netlist:
    """The circuit with its wires contracted and its nodes numbered from 1 in reading order, ground staying 0."""
    name = merged_nodes(drawn)
    parts = [part for part in drawn.parts if part.kind != "W"]
    used = {name[node] for part in parts for node in part.nodes} - {"0"}
    order = dict.fromkeys(name[node] for node in drawn.reading_order if name[node] in used)
    number = {node: str(index) for index, node in enumerate(order, start=1)} | {"0": "0"}
    return Netlist(tuple(replace(part, nodes=tuple(number[name[node]] for node in part.nodes)) for part in parts))
