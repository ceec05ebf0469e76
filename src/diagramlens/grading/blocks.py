"""Is the predicted text the same block diagram?

Two are the same where the same blocks, inputs and output are joined by the same signed summing points. The names of summing points are
free, and so is the order of lines and of a summing point's inputs; blocks, inputs and the output are named as printed. A transfer
function that the gold prints must be there, in any equivalent form.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from diagramlens.domains.circuits.blocks.graph import canonical_blocks
from diagramlens.domains.circuits.blocks.text import (
    KEYWORDS,
    Block,
    BlockDiagram,
    BlocksError,
    Element,
    Output,
    Sum,
    parse_blocks,
    read_element,
)
from diagramlens.domains.circuits.blocks.values import names_in, read_value

MAX_CHARACTERS = 20_000
MAX_LINES = 400

# (signal, what it enters, sign): from an input or block to a block or the output, whatever summing points lie between.
Connection = tuple[str, str, int]


@dataclass(frozen=True)
class BlocksScore:
    """`exact`: the same diagram. `connection_f1`: F1 over signed connections of blocks. `reason` names the first difference."""

    exact: bool
    connection_f1: float
    reason: str


def compare_blocks(gold_text: str, predicted_text: str) -> BlocksScore:
    """Score a predicted block diagram, which is hostile text, against the gold one.

    Code fences, list marks and prose around the lines are passed over. A line that looks like an element but is none makes the diagram
    inexact; F1 counts the other lines. Raises BlocksError for a gold that is no block diagram.
    """
    gold = parse_blocks(gold_text)
    if len(predicted_text) > MAX_CHARACTERS:
        return BlocksScore(
            False, 0.0, f"the answer has {len(predicted_text)} characters; at most {MAX_CHARACTERS} are read"
        )
    lines = _element_lines(predicted_text)
    if not lines:
        return BlocksScore(False, 0.0, "there is no block diagram in the answer")
    try:
        predicted = parse_blocks("\n".join(lines))
    except BlocksError as error:
        return BlocksScore(False, _f1(_joined(gold), _connections(_readable(lines))), str(error))
    fault = _first_difference(gold, predicted)
    if fault:
        return BlocksScore(False, _f1(_joined(gold), _joined(predicted)), fault)
    return BlocksScore(True, 1.0, "the same blocks and summing points, joined the same way")


def _element_lines(text: str) -> list[str]:
    """The lines that start like an element, without list marks; a prose line such as `in this diagram` is none."""
    found = []
    for line in text.splitlines()[:MAX_LINES]:
        bare = re.sub(r"\A(?:[-*•]\s+|\d+[.)]\s+)", "", line.strip().strip("`").strip())
        words = bare.split()
        if words and words[0] in KEYWORDS and (words[0] != "in" or len(words) == 2):
            found.append(bare)
    return found


def _joined(diagram: BlockDiagram) -> set[Connection]:
    return _connections((*diagram.elements, Output(diagram.output, diagram.shown)))


def _connections(elements: Iterable[Element]) -> set[Connection]:
    """What is joined to what with which sign, looking through summing points; bounded by their number, whatever loops they form."""
    elements = tuple(elements)
    sums = {element.name: element.inputs for element in elements if isinstance(element, Sum)}
    found: set[Connection] = set()
    for element in elements:
        if not isinstance(element, (Block, Output)):
            continue
        reached, border = {(1, element.source)}, [(1, element.source)]
        while border:
            sign, signal = border.pop()
            steps = {(sign * more, earlier) for more, earlier in sums.get(signal, ())} - reached
            reached |= steps
            border += steps
        found |= {(signal, element.name, sign) for sign, signal in reached if signal not in sums}
    return found


def _readable(lines: Sequence[str]) -> Iterator[Element]:
    """The elements in those lines of a faulty diagram that can be read, the first of each name."""
    seen: set[str] = set()
    for number, line in enumerate(lines, start=1):
        try:
            element = read_element(line, number)
        except BlocksError:
            continue
        if element.name not in seen:
            seen.add(element.name)
            yield element


def _f1(gold: set[Connection], predicted: set[Connection]) -> float:
    total = len(gold) + len(predicted)
    return 2 * len(gold & predicted) / total if total else 1.0


def _first_difference(gold: BlockDiagram, predicted: BlockDiagram) -> str:
    """What is wrong with a prediction, empty where nothing is."""
    for what, wanted, found in (
        ("input", gold.inputs, predicted.inputs),
        ("block", tuple(b.name for b in gold.blocks), tuple(b.name for b in predicted.blocks)),
        ("output", (gold.output,), (predicted.output,)),
    ):
        for name in sorted(set(wanted) - set(found)):
            return f"{what} {name} is missing in the prediction"
        for name in sorted(set(found) - set(wanted)):
            return f"{what} {name[:40]} is not in the gold"
    written = {block.name: block for block in predicted.blocks}
    for block in gold.blocks:
        if not _same_value(block, written[block.name]):
            return f"{block.name} is {block.value or 'without a transfer function'} in the gold"
    joined, drawn = _joined(gold), _joined(predicted)
    for source, sink, sign in sorted(drawn - joined):
        if (source, sink, -sign) in joined - drawn:
            return f"{source} reaches {sink} with the wrong sign in the prediction"
        return f"{source} reaches {sink} in the prediction but not in the gold"
    for source, sink, _ in sorted(joined - drawn):
        return f"{source} reaches {sink} in the gold but not in the prediction"
    # Only now, when it is no larger than the gold, is a prediction worth the search for an isomorphism.
    if len(gold.sums) != len(predicted.sums) or len(list(gold.connections())) != len(list(predicted.connections())):
        return f"there are {len(gold.sums)} summing points in the gold, {len(predicted.sums)} in the prediction"
    same = canonical_blocks(gold, named=True) == canonical_blocks(predicted, named=True)
    return "" if same else "the same connections, but through other summing points"


def _same_value(gold: Block, predicted: Block) -> bool:
    """Whether two blocks have equal transfer functions, or neither has one."""
    if gold.value is None or predicted.value is None:
        return gold.value == predicted.value
    names = sorted({*names_in(gold.value), *names_in(predicted.value)})
    (above, below), (over, under) = read_value(gold.value, names), read_value(predicted.value, names)
    return bool(above * under == over * below)
