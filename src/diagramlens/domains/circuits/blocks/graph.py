"""The graph of a block diagram: what it is grouped by, and Mason's way of looking at it, as forward paths and loops.

Vertices are the inputs, blocks, summing points and the output; an arrow leads from what puts a signal out to what it enters.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from diagramlens.domains.circuits.blocks.text import Block, BlockDiagram, BlocksError
from diagramlens.domains.circuits.canonical import Form, TooSymmetricError, canonical_form

# A diagram drawn here has a dozen loops at the most; their number grows exponentially with crossing branches.
MAX_PATHS = 500


@dataclass(frozen=True)
class Path:
    """A forward path from the input to the output, or a loop (then it ends where it began, and that is not repeated).

    `sign` is the product of the signs along it.
    """

    elements: tuple[str, ...]
    sign: int

    def touches(self, other: Path) -> bool:
        """Whether the two share a vertex."""
        return not set(self.elements).isdisjoint(other.elements)


def blocks_group(diagram: BlockDiagram) -> str:
    """16 hexadecimal digits that two diagrams share exactly when they are one up to names, signs, values and the order of lines.

    A changed sign is the same topology, as a source turned round is among circuits. Raises BlocksError for a diagram too symmetric
    to be named in bounded time.
    """
    return hashlib.blake2b(repr(canonical_blocks(diagram, named=False)).encode(), digest_size=8).hexdigest()


def canonical_blocks(diagram: BlockDiagram, *, named: bool) -> Form:
    """A form that two diagrams share exactly when one can be renamed into the other.

    With `named`, only summing points may be renamed, and the signs count. Raises BlocksError as `blocks_group` does.
    """
    try:
        return canonical_form(*_coloured_graph(diagram, named))
    except TooSymmetricError as error:
        raise BlocksError(f"the block diagram is too symmetric to be compared with others: {error}") from error


def _coloured_graph(diagram: BlockDiagram, named: bool) -> tuple[list[str], dict[tuple[int, int], list[str]]]:
    """One vertex an element, and one an arrow, whose two edges say at which end it starts and at which it enters."""
    colours = [f"in {name}" if named else "in" for name in diagram.inputs]
    vertex = {name: index for index, name in enumerate(diagram.inputs)}
    for element in diagram.elements:
        vertex[element.name] = len(colours)
        kind = "block" if isinstance(element, Block) else "sum"
        colours.append(f"block {element.name}" if named and kind == "block" else kind)
    vertex[diagram.output] = len(colours)
    colours.append(f"out {diagram.output}" if named else "out")
    edges: dict[tuple[int, int], list[str]] = {}
    for source, sink, sign in diagram.connections():
        arrow = len(colours)
        colours.append(f"arrow {sign}" if named else "arrow")
        edges[vertex[source], arrow] = ["leaves"]
        edges[vertex[sink], arrow] = ["enters"]
    return colours, edges


def forward_paths(diagram: BlockDiagram, source: str) -> list[Path]:
    """The paths from an input to the output that visit nothing twice. Raises BlocksError beyond MAX_PATHS."""
    following = _following(diagram)
    return _bounded(_walk(following, source, diagram.output, (source,), 1, frozenset()))


def loops(diagram: BlockDiagram) -> list[Path]:
    """The simple loops, each once, from its element that stands first in the text. Raises BlocksError beyond MAX_PATHS."""
    following = _following(diagram)
    names = [element.name for element in diagram.elements]
    found: list[Path] = []
    for place, name in enumerate(names):
        found += _bounded(_walk(following, name, name, (name,), 1, frozenset(names[:place])))
    return found


def _following(diagram: BlockDiagram) -> Mapping[str, list[tuple[str, int]]]:
    following: dict[str, list[tuple[str, int]]] = {}
    for source, sink, sign in diagram.connections():
        following.setdefault(source, []).append((sink, sign))
    return following


def _walk(
    following: Mapping[str, list[tuple[str, int]]],
    here: str,
    goal: str,
    walked: tuple[str, ...],
    sign: int,
    closed: frozenset[str],
) -> Iterator[Path]:
    """Depth first; a path to the goal leaves the goal out where it began there."""
    for sink, more in following.get(here, ()):
        if sink == goal:
            yield Path(walked if walked[0] == goal else (*walked, goal), sign * more)
        elif sink not in walked and sink not in closed:
            yield from _walk(following, sink, goal, (*walked, sink), sign * more, closed)


def _bounded(paths: Iterator[Path]) -> list[Path]:
    found = []
    for path in paths:
        found.append(path)
        if len(found) > MAX_PATHS:
            raise BlocksError(f"the diagram has more than {MAX_PATHS} paths or loops")
    return found
