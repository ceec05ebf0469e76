"""Block diagrams as text: what a control-system drawing states, one element a line, read and written.

    in R                     an input signal, by the name printed at it
    in D
    sum S1 +R -H1            a summing point: its signed inputs, + and - as printed beside the arrow heads
    block G1 S1 10/(s+2)     a block: its name, the signal that enters it, and its transfer function where one is printed
    sum S2 +G1 +D
    block G2 S2
    block H1 G2
    out Y G2                 the output signal, and where it is taken

A signal has the name of what it leaves: `G1` is what block G1 puts out, `S1` what the summing point does. So wires and take-off points
need no names of their own (a signal used twice has a take-off point), and only the names of summing points, which no drawing prints,
are free. Elements stand from left to right as drawn; a reader of this text may not rely on any order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diagramlens.domains.circuits.blocks.values import ValueTextError, check_value
from diagramlens.records import DiagramLensError

KEYWORDS = ("in", "sum", "block", "out")
MAX_ELEMENTS = 200
MAX_LINE = 400

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,30}")
_SIGNED = re.compile(r"\s*([+-])\s*([A-Za-z][A-Za-z0-9_]{0,30})")
_FORMS = {"in": "in R", "sum": "sum S1 +R -H1", "block": "block G1 S1 1/(s+2)", "out": "out Y G1"}


class BlocksError(DiagramLensError):
    """A text that is no block diagram: the line, what is wrong with it, and what would be right."""


@dataclass(frozen=True)
class Block:
    """A box: what enters it, and its transfer function in s as ASCII, None where only its name is printed."""

    name: str
    source: str
    value: str | None = None


@dataclass(frozen=True)
class Sum:
    """A summing point: pairs of sign (+1 or -1) and the signal that enters with it."""

    name: str
    inputs: tuple[tuple[int, str], ...]


@dataclass(frozen=True)
class Input:
    """A signal that comes from outside."""

    name: str


@dataclass(frozen=True)
class Output:
    """A signal that goes out, and what it shows."""

    name: str
    source: str


Element = Input | Sum | Block | Output


@dataclass(frozen=True)
class BlockDiagram:
    """Inputs, blocks and summing points in the order of the text, and the output with the signal that it shows."""

    inputs: tuple[str, ...]
    elements: tuple[Block | Sum, ...]
    output: str
    shown: str

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The boxes in the order of the text."""
        return tuple(element for element in self.elements if isinstance(element, Block))

    @property
    def sums(self) -> tuple[Sum, ...]:
        """The summing points in the order of the text."""
        return tuple(element for element in self.elements if isinstance(element, Sum))

    def connections(self) -> Iterator[tuple[str, str, int]]:
        """Every arrow as (the signal, what it enters, its sign there); the output is entered by the signal that it shows."""
        for element in self.elements:
            for sign, source in entries(element):
                yield source, element.name, sign
        yield self.shown, self.output, 1


def entries(element: Block | Sum) -> tuple[tuple[int, str], ...]:
    """The signed signals that enter an element; a block's is its one source, positive."""
    return element.inputs if isinstance(element, Sum) else ((1, element.source),)


def is_block_diagram(truth: str) -> bool:
    """Whether a truth is a block diagram's rather than a netlist, whose lines never start with `block`, `sum` or `out`."""
    return any(line.split(maxsplit=1)[:1] in (["block"], ["sum"], ["out"]) for line in truth.splitlines())


def parse_blocks(text: str, *, limit: int = MAX_ELEMENTS) -> BlockDiagram:
    """Read a block diagram of at most `limit` elements. Blank lines and lines that start with `#` are passed over.

    Raises BlocksError naming the line: an unknown word, a name used twice, a signal that nothing puts out, no input, not one output.
    """
    if len(text) > MAX_LINE * limit:
        raise BlocksError(f"the text is too large: {len(text)} characters; {MAX_LINE * limit} are allowed")
    found: dict[str, Element] = {}
    line_of: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        element = read_element(line, number)
        if element.name in found:
            raise BlocksError(
                f"line {number}: duplicate name {element.name!r}, first used in line {line_of[element.name]}"
            )
        if len(found) == limit:
            raise BlocksError(f"line {number}: more than {limit} elements")
        found[element.name], line_of[element.name] = element, number
    inputs = tuple(element.name for element in found.values() if isinstance(element, Input))
    outputs = [element for element in found.values() if isinstance(element, Output)]
    if not inputs:
        raise BlocksError("the diagram has no input: write a line such as `in R`")
    if len(outputs) != 1:
        raise BlocksError(f"the diagram has {len(outputs)} outputs; write one line such as `out Y G1`")
    inner = tuple(element for element in found.values() if isinstance(element, (Block, Sum)))
    diagram = BlockDiagram(inputs, inner, outputs[0].name, outputs[0].source)
    _refuse_unknown_signals(diagram, line_of)
    return diagram


def read_element(line: str, number: int) -> Element:
    """The element that a line states, whose signals may be unknown. Raises BlocksError naming the line by `number`."""
    keyword, name, rest = _read_words(line, number)
    match keyword:
        case "in":
            return Input(name)
        case "sum":
            return Sum(name, _read_inputs(name, rest, number))
        case "block":
            return _read_block(name, rest, number)
        case _:
            return Output(name, rest)


def _read_words(line: str, number: int) -> tuple[str, str, str]:
    """Keyword, name and what follows them."""
    if len(line) > MAX_LINE:
        raise BlocksError(f"line {number}: {len(line)} characters; at most {MAX_LINE} are read")
    words = line.replace("\N{MINUS SIGN}", "-").split(maxsplit=2)
    keyword = words[0]
    if keyword not in KEYWORDS:
        raise BlocksError(f"line {number}: unknown word {keyword[:40]!r}; a line starts with {', '.join(KEYWORDS)}")
    rest = words[2].strip() if len(words) > 2 else ""
    if len(words) < 2 or (keyword == "in") != (not rest):
        raise BlocksError(f"line {number}: {line.strip()[:40]!r} does not read like `{_FORMS[keyword]}`")
    if not _NAME.fullmatch(words[1]) or words[1] == "s":
        raise BlocksError(f"line {number}: {words[1][:40]!r} is no name: a letter, then letters, digits and _; not s")
    if keyword == "out" and not _NAME.fullmatch(rest):
        raise BlocksError(f"line {number}: {rest[:40]!r} is no signal; an output shows one, as in `{_FORMS['out']}`")
    return keyword, words[1], rest


def _read_inputs(name: str, rest: str, number: int) -> tuple[tuple[int, str], ...]:
    found: list[tuple[int, str]] = []
    place = 0
    while match := _SIGNED.match(rest, place):
        found.append((1 if match[1] == "+" else -1, match[2]))
        place = match.end()
    if place < len(rest):
        raise BlocksError(
            f"line {number}: {rest[place : place + 40].strip()!r} is no signed input of {name}; "
            f"write every one with its sign, as in `{_FORMS['sum']}`"
        )
    return tuple(found)


def _read_block(name: str, rest: str, number: int) -> Block:
    source, _, value = rest.partition(" ")
    if not _NAME.fullmatch(source):
        raise BlocksError(f"line {number}: {source[:40]!r} is no signal; a block reads `{_FORMS['block']}`")
    value = "".join(value.split())
    if not value:
        return Block(name, source)
    try:
        check_value(value)
    except ValueTextError as fault:
        raise BlocksError(f"line {number}: the transfer function of {name}: {fault}") from None
    return Block(name, source, value)


def _refuse_unknown_signals(diagram: BlockDiagram, line_of: dict[str, int]) -> None:
    signals = {*diagram.inputs, *(element.name for element in diagram.elements)}
    for source, sink, _ in diagram.connections():
        if source not in signals:
            raise BlocksError(
                f"line {line_of[sink]}: {sink} takes the signal {source!r}, which nothing puts out; "
                f"signals are: {', '.join(sorted(signals)[:20])}"
            )


def format_blocks(diagram: BlockDiagram, *, values: bool = True) -> str:
    """The text of a diagram, one element a line without a final newline; `parse_blocks` reads it back to an equal one."""
    lines = [f"in {name}" for name in diagram.inputs]
    for element in diagram.elements:
        if isinstance(element, Sum):
            signed = " ".join(f"{'+' if sign > 0 else '-'}{source}" for sign, source in element.inputs)
            lines.append(f"sum {element.name} {signed}")
        else:
            value = f" {element.value}" if values and element.value is not None else ""
            lines.append(f"block {element.name} {element.source}{value}")
    return "\n".join([*lines, f"out {diagram.output} {diagram.shown}"])
