"""Netlists: the text of a circuit, read and written.

The text is SPICE's with lcapy's additions: one part a line, its name (whose first letter is its kind), its nodes, a value, and after a
semicolon hints for drawing. `W` is a wire, whose name need not be unique; a line of hints alone is about the whole drawing.

    V1 e a 10; up
    R1 a b 2k; right, v=v1
    E1 c d a b 5; right              E, G: output nodes, then the nodes whose voltage rules it
    F1 c d V1 2; up                  F, H: the voltage source whose current rules it
    E2 g 0 opamp b f                 an op-amp: output, reference, in+, in-; without a value it is ideal, a value is its gain
    Q1 c b e npn                     collector, base, emitter; npn or pnp
    M1 d g s nmos                    drain, gate, source; nmos or pmos; a bulk tied to the source, ground or a supply is dropped
    VDD c 0 10; up, supply           a supply: a voltage source that small signals see as a short
    P1 a 0; down, port               a port: two open terminals, between which no current flows
    W f 0; down, ground
    ; label_nodes=all

Node `0` is ground, and so is `gnd` in upper or lower case, which is read as `0`. A node may be called as the nets of other programs are:
`/in`, `+15V`, `Net-(R1-Pad2)`. What stands behind `;` is taken for hints; netlist_file.py tells them from SPICE's comments.

Signs are SPICE's: a voltage source's first node is its positive end; a current source, independent (I) or controlled (G, F), drives
its current through itself from its first node to its second. lcapy 1.26 has it the other way for I and G, though not for F (measured:
`I1 1 0 3` with `R1 1 0 2` gives +6 V at node 1); `parse_netlist(text, convention="lcapy")` swaps their ends on reading.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from diagramlens.domains.circuits.hint_words import split_hints
from diagramlens.domains.circuits.source_words import source_words
from diagramlens.domains.circuits.spice_numbers import spice_number
from diagramlens.records import DiagramLensError

Convention = Literal["spice", "lcapy"]

NODE_COUNTS = {
    "R": 2,
    "L": 2,
    "C": 2,
    "V": 2,
    "I": 2,
    "W": 2,
    "E": 4,
    "G": 4,
    "F": 2,
    "H": 2,
    "Q": 3,
    "M": 3,
    "P": 2,
}
GROUND = "0"
CURRENT_CONTROLLED = "FH"
TURNED_BY_LCAPY = "IG"
SOURCES = "VI"
TRANSISTORS = "QM"
OPAMP = "opamp"
"""The model of an op-amp, which is a part of kind E."""
MODELS = {"Q": ("npn", "pnp"), "M": ("nmos", "pmos")}
# What the ends of a part with a model are called, in the order of its nodes.
PINS = {
    "E": ("output", "reference", "in+", "in-"),
    "Q": ("collector", "base", "emitter"),
    "M": ("drain", "gate", "source"),
}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_SUPPLY = re.compile(r"V(DD|CC|SS|EE)\d*", re.IGNORECASE)
# Signs may stand around letters and digits; brackets are KiCad's, as in `Net-(R1-Pad2)` and `~{RESET}`.
_NODE = re.compile(r"[-+/~$!]*(?:\w|~\{\w+\})(?:[-\w.+/~$!#@:&%?<>^\[\]]|\(\w[-\w.+/~{}]*\)|~\{\w+\})*")
# Analyses and printing: they ask something of the circuit and change nothing in it. `.subckt`, `.model`, `.include` would.
_HARMLESS_DIRECTIVE = re.compile(r"\.(?:title|op|ac|dc|tran|tf|print|plot|probe|options?)", re.IGNORECASE)


class NetlistError(DiagramLensError):
    """A text that is no netlist: the line, what is wrong with it, and what would be right."""


@dataclass(frozen=True)
class Part:
    """One line of a netlist: `nodes` are as many as NODE_COUNTS says for `kind`; `control` names the source whose current rules F and H.

    `value` is a number with SPICE's suffixes, a symbol, or None where the text gives none. `model` tells an op-amp ("opamp", a part of
    kind E) and the type of a transistor ("npn", …).
    """

    name: str
    kind: str
    nodes: tuple[str, ...]
    value: str | None
    hints: tuple[str, ...] = ()
    control: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Netlist:
    """The parts of a circuit in the order of its text, wires included; `options` are the hints about the whole drawing."""

    parts: tuple[Part, ...]
    options: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        """The names of all nodes, in the order of the text."""
        return tuple(dict.fromkeys(node for part in self.parts for node in part.nodes))

    @property
    def reading_order(self) -> tuple[str, ...]:
        """All nodes but ground, as the eye meets them: by the alphabet where they are grid places (single letters), else as in the text."""
        nodes = tuple(node for node in self.nodes if node != "0")
        return tuple(sorted(nodes)) if all(len(node) == 1 and node.islower() for node in nodes) else nodes

    def part(self, name: str) -> Part:
        """The part of this name. Raises NetlistError naming those there are."""
        for part in self.parts:
            if part.name == name and part.kind != "W":
                return part
        names = ", ".join(part.name for part in self.parts if part.kind != "W")
        raise NetlistError(f"there is no part {name!r} in the netlist; its parts are: {names or 'none'}")


def node_named(text: str) -> str:
    """The node that a name means: `gnd`, `GND` or `Gnd` is ground, every other name is its own."""
    return GROUND if text.lower() == "gnd" else text


def parse_netlist(text: str, *, limit: int = 200, convention: Convention = "spice") -> Netlist:
    """Read a netlist of at most `limit` parts (wires included), in SPICE's or lcapy's sense of a current source's direction.

    Lines that start with `*` or `#` are comments; `.end` ends the text. Raises NetlistError naming the line.
    """
    if len(text) > 200 * max(limit, 1):
        raise NetlistError(
            f"the netlist is too large: {len(text)} characters; {200 * limit} are allowed for {limit} parts"
        )
    parts: list[Part] = []
    options: list[str] = []
    line_of: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if line.strip().lower() == ".end":
            break
        if line.lstrip().startswith(";"):
            options += split_hints(line.lstrip(" \t;"))
            continue
        part = _read_line(line, number)
        if part is None:
            continue
        if len(parts) == limit:
            raise NetlistError(f"line {number}: the netlist is too large: more than {limit} parts")
        if part.name in line_of and part.name != "W":
            raise NetlistError(f"line {number}: duplicate name {part.name!r}, first used in line {line_of[part.name]}")
        line_of.setdefault(part.name, number)
        if convention == "lcapy" and part.kind in TURNED_BY_LCAPY:
            part = replace(part, nodes=(part.nodes[1], part.nodes[0], *part.nodes[2:]))
        parts.append(part)
    for part in parts:
        if part.control is not None and not (part.control in line_of and part.control[0] in "Vv"):
            raise NetlistError(
                f"line {line_of[part.name]}: {part.name} is controlled by the current of {part.control!r}, which is no voltage source here"
            )
    netlist = Netlist(tuple(parts), tuple(options))
    return (
        _without_bulks(netlist, line_of) if any(len(part.nodes) > NODE_COUNTS[part.kind] for part in parts) else netlist
    )


def _without_bulks(netlist: Netlist, line_of: Mapping[str, int]) -> Netlist:
    """Take out the fourth node of MOS transistors, where it has no part in what the circuit does."""
    name = merged_nodes(netlist)
    quiet = {"0"} | {name[node] for part in netlist.parts if is_supply(part) for node in part.nodes}
    parts = []
    for part in netlist.parts:
        count = NODE_COUNTS[part.kind]
        for bulk in part.nodes[count:]:
            if name[bulk] not in quiet | {name[part.nodes[2]]}:
                raise NetlistError(
                    f"line {line_of[part.name]}: the bulk of {part.name} is at node {bulk}; only a bulk at the source, ground or a supply "
                    "can be read"
                )
        parts.append(replace(part, nodes=part.nodes[:count]))
    return replace(netlist, parts=tuple(parts))


def is_supply(part: Part) -> bool:
    """Whether a part is a supply: a voltage source drawn as one, or named VDD, VCC, VSS or VEE."""
    return part.kind == "V" and ("supply" in part.hints or _SUPPLY.fullmatch(part.name) is not None)


def is_ideal(part: Part) -> bool:
    """Whether a part is an op-amp of infinite gain, which has no value and no symbol."""
    return part.model == OPAMP and part.value is None


def without_numbers(netlist: Netlist) -> Netlist:
    """The circuit with symbols alone: numbers taken out, but that an op-amp of finite gain stays one, its gain called by its name."""
    return replace(
        netlist,
        parts=tuple(
            replace(part, value=part.name if part.model == OPAMP else None) if is_number(part.value) else part
            for part in netlist.parts
        ),
    )


def without_values(netlist: Netlist) -> Netlist:
    """The circuit in names and nodes alone."""
    return replace(netlist, parts=tuple(replace(part, value=None) for part in netlist.parts))


def _read_line(line: str, number: int) -> Part | None:
    """The part that a line states; None for a blank line, a comment or an analysis."""
    statement, _, hint_text = line.partition(";")
    words = statement.split()
    if not words or words[0][0] in "*#":
        return None
    name = words[0]
    if _HARMLESS_DIRECTIVE.fullmatch(name):
        return None
    if name.startswith("."):
        raise NetlistError(
            f"line {number}: directive {name!r} is not supported; write the circuit's parts out, one a line"
        )
    kind = name[0].upper()
    if kind not in NODE_COUNTS:
        raise NetlistError(
            f"line {number}: unknown part letter {name[0]!r} in {short(name)}; known are {' '.join(NODE_COUNTS)}"
        )
    if not _NAME.fullmatch(name):
        raise NetlistError(f"line {number}: {short(name)} is no part name: letters, digits and _ only")
    joined, rest = split_statement(words)
    control = None
    if kind in CURRENT_CONTROLLED:
        if len(joined) < 4:
            raise NetlistError(
                f"line {number}: {name} names no voltage source whose current controls it: {name} n+ n- V1 gain"
            )
        control = joined.pop()
    model, nodes = _read_model(kind, name, joined, rest, number)
    count = NODE_COUNTS[kind]
    if len(nodes) < count:
        raise NetlistError(f"line {number}: {name} has {len(nodes)} nodes, a part of kind {kind} takes {count}")
    for node in nodes:
        if not is_node_name(node):
            raise NetlistError(
                f"line {number}: {short(node)} is no node name: letters and digits with _ . + - / and the like"
            )
    value = _read_value(kind, name, rest, number)
    return Part(name, kind, tuple(map(node_named, nodes)), value, split_hints(hint_text), control, model)


def split_statement(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a part up to its last node and what belongs to them (a model, the source that rules it), and those behind: a value.

    `E1 o 0 opamp p m 1k` → `E1 o 0 opamp p m`, `1k`; `M1 d g s nmos W=1u` → `M1 d g s nmos`, `W=1u`. Of a transistor that does not say its
    type all words are before, as are those of a line that has too few.
    """
    kind = words[0][0].upper()
    end = 1 + NODE_COUNTS.get(kind, len(words)) + (kind in CURRENT_CONTROLLED)
    if kind == "E" and len(words) > 3 and words[3].lower() == OPAMP:
        end += 1
    if kind in MODELS:
        places = (place for place, word in enumerate(words) if place and word.lower() in MODELS[kind])
        end = next(places, len(words) - 1) + 1
    return list(words[:end]), list(words[end:])


def is_node_name(text: str) -> bool:
    """Whether a word can be the name of a node."""
    return _NODE.fullmatch(text) is not None


def _read_model(kind: str, name: str, joined: list[str], rest: list[str], number: int) -> tuple[str | None, list[str]]:
    """The model that a line names, and its nodes: `Q1 c b e npn`, `E1 o 0 opamp p m`."""
    if kind == "E" and len(joined) > 3 and joined[3].lower() == OPAMP:
        return OPAMP, [*joined[1:3], *joined[4:]]
    if kind not in MODELS:
        return None, joined[1:]
    *nodes, model = joined[1:] or [""]
    if model.lower() not in MODELS[kind]:
        raise NetlistError(
            f"line {number}: {name} does not say its type: {name} {' '.join(PINS[kind])} {' or '.join(MODELS[kind])}"
        )
    if rest:
        raise NetlistError(f"line {number}: {name} takes nothing after {model}, found {short(' '.join(rest))}")
    if len(nodes) > NODE_COUNTS[kind] + (kind == "M"):
        raise NetlistError(
            f"line {number}: {name} has {len(nodes)} nodes, a part of kind {kind} takes {NODE_COUNTS[kind]}"
        )
    return model.lower(), nodes


def _read_value(kind: str, name: str, words: list[str], number: int) -> str | None:
    """The value among the words after the nodes. Of a source that is its DC (or step) value; an AC amplitude is not one."""
    if kind in SOURCES:
        found = source_words(words)
        words = words if found.others else list(found.values)
    if len(words) > 1 or (words and kind in "WP"):
        _refuse_expression(name, " ".join(words), number)
        takes = "no value" if kind in "WP" else "one value"
        raise NetlistError(
            f"line {number}: {name} takes {NODE_COUNTS[kind]} nodes and {takes}, found also {short(' '.join(words))}"
        )
    if not words:
        return None
    value = words[0].removeprefix("{").removesuffix("}")
    if value == "s":
        raise NetlistError(f"line {number}: the value of {name} cannot be named 's', which is the Laplace variable")
    if not _NAME.fullmatch(value):
        try:
            value_of(value)
        except NetlistError as error:
            _refuse_expression(name, words[0], number)
            raise NetlistError(f"line {number}: {name}: {error}") from None
    return value


def _refuse_expression(name: str, text: str, number: int) -> None:
    if "{" in text:
        raise NetlistError(
            f"line {number}: {name}: {short(text)} is an expression, which is not read: write its number, or one name as in {{R1}}"
        )


def short(text: str) -> str:
    """A text as it stands in a message: in quotation marks, its end left out where it is long."""
    return repr(text if len(text) <= 40 else text[:37] + "...")


def value_of(text: str) -> Fraction:
    """The exact number a value's text stands for: `2.2k` → 2200, `100nF` → 1/10000000, `1meg` → 1000000.

    The rules are SPICE's: the case does not matter, `m` is milli and `meg` is mega, and `1F` is one femto (write a farad as `1`). Units
    after the suffix are allowed (ohm, F, H, V, A). Raises NetlistError.
    """
    number = spice_number(text)
    if number is None:
        raise NetlistError(
            f"{short(text)} is no value: a number such as 2.2k, 100n or 1meg (suffixes f p n u m k meg g t), or a name"
        )
    return number


def is_number(text: str | None) -> bool:
    """Whether a part's value is given as a number (a name or nothing makes it a symbol)."""
    return text is not None and not _NAME.fullmatch(text)


def format_netlist(netlist: Netlist, *, hints: bool = True) -> str:
    """The text of a netlist, one part a line without a final newline; `parse_netlist` reads it back to an equal Netlist."""
    lines = [_format_part(part, hints) for part in netlist.parts]
    if hints and netlist.options:
        lines.append(f"; {', '.join(netlist.options)}")
    return "\n".join(lines)


def _format_part(part: Part, hints: bool) -> str:
    # lcapy's op-amp has its model between its output and its input pins; a transistor has it behind all of them.
    place = 2 if part.model == OPAMP else len(part.nodes)
    words = [part.name, *part.nodes[:place], part.model, *part.nodes[place:], part.control, part.value]
    statement = " ".join(word for word in words if word is not None)
    return f"{statement}; {', '.join(part.hints)}" if hints and part.hints else statement


def merged_nodes(netlist: Netlist) -> dict[str, str]:
    """For each node its name once wires are contracted: `0` where it is among the joined, else the one first in the text."""
    place = {node: index for index, node in enumerate(netlist.nodes)}
    if "0" in place:
        place["0"] = -1
    name: dict[str, str] = {node: node for node in place}

    def root(node: str) -> str:
        while name[node] != node:
            name[node] = name[name[node]]
            node = name[node]
        return node

    for part in netlist.parts:
        if part.kind == "W":
            first, second = sorted((root(part.nodes[0]), root(part.nodes[1])), key=place.__getitem__)
            name[second] = first
    return {node: root(node) for node in place}


def merge_wires(netlist: Netlist) -> Netlist:
    """The circuit with its wires contracted, its nodes named as `merged_nodes` says; the same object where it has no wires."""
    if all(part.kind != "W" for part in netlist.parts):
        return netlist
    name = merged_nodes(netlist)
    return Netlist(
        tuple(
            replace(part, nodes=tuple(name[node] for node in part.nodes)) for part in netlist.parts if part.kind != "W"
        )
    )
