"""How a transfer function of a block diagram is worked out: the diagram, its forward paths and loops, and Mason's determinants."""

from __future__ import annotations

from collections.abc import Sequence

from diagramlens.domains.circuits.blocks.graph import Path, forward_paths, loops
from diagramlens.domains.circuits.blocks.text import BlockDiagram, BlocksError, format_blocks
from diagramlens.domains.circuits.questions.working import closing

DIAGRAM = "Block diagram:"
"""What stands above the elements of a diagram in an answer."""
MAX_WORKED = 12
"""Loops of a diagram that is still worked out in words."""


def worked_blocks(diagram: BlockDiagram, source: str, answer: str, result: str = "") -> str:
    """An answer behind its working; the last line is what is graded. `result` stands before it where the answer is only a letter.

    M are the gains of forward paths and L those of loops, as products of the blocks' names, whatever is printed in them. Where there
    are more than MAX_WORKED of either, the answer stands alone.
    """
    try:
        around, ways = loops(diagram), forward_paths(diagram, source)
    except BlocksError:
        return f"Answer: {answer}"
    if max(len(around), len(ways)) > MAX_WORKED:
        return f"Answer: {answer}"
    names = {block.name for block in diagram.blocks}
    lines = [DIAGRAM, format_blocks(diagram), f"Forward paths from {source} to {diagram.output}:"]
    lines += [f"M{number}={_gain(way, names)}" for number, way in enumerate(ways, start=1)]
    lines += ["Loops:", *(f"L{number}={_gain(loop, names)}" for number, loop in enumerate(around, start=1))]
    lines += ["Determinants:", f"Delta={_determinant(around, range(len(around)))}"]
    for number, way in enumerate(ways, start=1):
        apart = [place for place, loop in enumerate(around) if not loop.touches(way)]
        lines.append(f"Delta{number}={_determinant(around, apart)}")
    total = "+".join(f"M{number}*Delta{number}" for number in range(1, len(ways) + 1))
    return "\n".join([*lines, f"Sought: ({total or '0'})/Delta", *closing(answer, result)])


def read_blocks(diagram: BlockDiagram, answer: str, result: str = "") -> str:
    """The answer behind the diagram that it follows from, in words."""
    return "\n".join((DIAGRAM, format_blocks(diagram), *closing(answer, result)))


def _gain(path: Path, names: set[str]) -> str:
    factors = "*".join(name for name in path.elements if name in names) or "1"
    return factors if path.sign > 0 else f"-{factors}"


def _determinant(around: Sequence[Path], places: Sequence[int]) -> str:
    """1 less the loops, plus the products of two that do not touch, less those of three, and so on."""
    terms = "1"
    sets: list[tuple[int, ...]] = [(place,) for place in places]
    sign = "-"
    while sets:
        terms += "".join(sign + "*".join(f"L{place + 1}" for place in group) for group in sets)
        sets = [
            (*group, place)
            for group in sets
            for place in places
            if place > group[-1] and not any(around[place].touches(around[other]) for other in group)
        ]
        sign = "-" if sign == "+" else "+"
    return terms
