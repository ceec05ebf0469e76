"""Which parts can be asked about, and how a prompt says which of their ends is positive.

Polarity is said by the drawing's own directions, which the hints of the truth give; where a truth has none, by its nodes.
"""

from __future__ import annotations

import random

from diagramlens.domains.circuits.netlist import TRANSISTORS, Netlist, Part, is_supply
from diagramlens.domains.circuits.questions.circuit import Circuit

VOLTAGE, CURRENT = "v", "i"
"""The hints of a printed + and - and of a printed arrow."""

# How often the marked parts come before the others where there are any. Not always: the others must be learnt too.
PREFER_MARKED = 0.8
NOTHING_MARKED = "no part whose polarity is printed"
# The sources whose symbol says which end is positive, and those in which an arrow says where the current flows.
_SIGNED = {VOLTAGE: "VEH", CURRENT: "IFG"}

# Which end of a part its first node is, by the drawing's direction from first to second node.
_ENDS = {"right": ("left", "right"), "left": ("right", "left"), "up": ("bottom", "top"), "down": ("top", "bottom")}


def has_two_ends(part: Part) -> bool:
    """Whether there is a voltage across a part: not a wire, an op-amp, a transistor or the rail of a supply."""
    return part.kind not in "W" + TRANSISTORS and part.model is None and not is_supply(part)


def shuffled(netlist: Netlist, mark: str, rng: random.Random) -> list[Part]:
    """The parts with two ends in random order, those that carry the mark usually first; ports only where voltages are asked for."""
    parts = [part for part in netlist.parts if has_two_ends(part) and (mark == VOLTAGE or part.kind != "P")]
    rng.shuffle(parts)
    if rng.random() < PREFER_MARKED:
        parts.sort(key=lambda part: not is_marked(part, mark))
    return parts


def with_polarity(circuit: Circuit, mark: str, rng: random.Random) -> list[Part]:
    """As `shuffled`, for what has a polarity; where only marked parts are asked about, those alone whose polarity the picture shows."""
    parts = shuffled(circuit.drawn, mark, rng)
    return [part for part in parts if shows_polarity(part, mark)] if circuit.marked_only else parts


def shows_polarity(part: Part, mark: str) -> bool:
    """Whether a picture shows which way a voltage or current counts: by a mark beside the part, or by the symbol of a source."""
    return is_marked(part, mark) or part.kind in _SIGNED[mark]


def is_marked(part: Part, mark: str) -> bool:
    """Whether + and - (`v`) or an arrow (`i`) is printed beside a part; a port is a mark itself."""
    return part.kind == "P" or any(hint.startswith(f"{mark}=") for hint in part.hints)


def called(part: Part) -> str:
    """A part in a sentence."""
    return f"the port {part.name}" if part.kind == "P" else part.name


def positive_end(part: Part, plus: int) -> str:
    """`positive at its left end`; `plus` is the place (0 or 1) of the positive end among the part's nodes."""
    if part.kind == "P" and part.nodes[1 - plus] == "0":
        return "positive at its terminal, negative at ground"
    marked = ", as marked" if is_marked(part, VOLTAGE) else ""
    ends = _ends(part)
    where = f"its {ends[plus]} end" if ends else f"node {part.nodes[plus]}"
    return f"positive at {where}{marked}"


def flow(part: Part, plus: int) -> str:
    """`flowing from its top end to its bottom end`, from the node at the place `plus`."""
    marked = ", as marked" if is_marked(part, CURRENT) else ""
    ends = _ends(part)
    if ends:
        return f"flowing from its {ends[plus]} end to its {ends[1 - plus]} end{marked}"
    return f"flowing from node {part.nodes[plus]} to node {part.nodes[1 - plus]}{marked}"


def _ends(part: Part) -> tuple[str, str] | None:
    """What the ends at the first and second node are called in the drawing, None where the truth has no direction."""
    directions = (_ENDS.get(hint.partition("=")[0]) for hint in part.hints)
    return next((ends for ends in directions if ends is not None), None)
