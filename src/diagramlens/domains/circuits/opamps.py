"""Op-amp circuits, level 4: the ones in every textbook, and random networks fed back around an op-amp.

A template is a function that puts its circuit on at most 4 x 4 junctions, optional parts and kinds of parts drawn at random. Every
op-amp fills a cell, inputs on one upright side and output on the other: nothing else lies on those two sides.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from diagramlens.domains.circuits.feedback import random_feedback
from diagramlens.domains.circuits.layout import Junction, Layout
from diagramlens.domains.circuits.meshes import ATTEMPTS, check_grid, no_room
from diagramlens.domains.circuits.sketch import Sketch

LEVEL = 4
# How often an op-amp has a finite gain, which is printed beside it.
_FINITE = 0.25


def _gain(sketch: Sketch) -> str:
    return "A" if sketch.maybe(_FINITE) else ""


def _drive(sketch: Sketch, top: Junction) -> None:
    """A voltage source from a junction down to ground, + above but for a few."""
    below = top[0] + 1, top[1]
    ends = (top, below) if sketch.maybe(0.85) else (below, top)
    sketch.part("V", *ends)
    sketch.ground(below)


def _load(sketch: Sketch, output: Junction) -> None:
    """What hangs on an output: nothing, an open terminal, or a load a column further."""
    row, column = output
    beside = row, column + 1
    choice = sketch.rng.choice(("none", "port", "port", "load", "load")) if column < 3 else "port"
    if choice == "port":
        if column < 3 and sketch.maybe(0.6):
            sketch.wire(output, beside)
            sketch.port(beside)
        else:
            sketch.port(output)
    elif choice == "load":
        sketch.wire(output, beside)
        sketch.grounded("RRRC", beside, "vo" if sketch.maybe(0.6) else "")


def _feedback(sketch: Sketch, minus: Junction, output: Junction, kinds: tuple[str, ...]) -> None:
    """Parts from the output back to the inverting input, which lie in one row: over the op-amp's upper edge, or a row above, or both."""
    row, left, right = minus[0], minus[1], output[1]
    above = row - 1
    over = len(kinds) > 1 or sketch.maybe(0.65)
    if over:
        sketch.wire(minus, (above, left))
        sketch.part(kinds[0], (above, left), (above, right))
        sketch.wire((above, right), output)
    for kind in kinds[1:] if over else kinds:
        sketch.part(kind, minus, output)


def _quiet(sketch: Sketch, plus: Junction) -> None:
    """The non-inverting input at ground, at times through a resistor."""
    if sketch.maybe(0.25):
        sketch.grounded("R", plus)
    else:
        sketch.ground(plus)


def _inverting_stage(sketch: Sketch, entry: str, back: tuple[str, ...]) -> None:
    """One input part, one or two feedback parts, the non-inverting input at ground."""
    sketch.opamp((1, 2), (2, 1), (1, 1), _gain(sketch))
    sketch.part(entry, (1, 0), (1, 1))
    if entry == "W":
        sketch.grounded("I", (1, 0))
    else:
        _drive(sketch, (1, 0))
    _feedback(sketch, (1, 1), (1, 2), back)
    _quiet(sketch, (2, 1))
    _load(sketch, (1, 2))


def inverting(sketch: Sketch) -> None:
    """R in, R back, perhaps with C beside it."""
    _inverting_stage(sketch, "R", ("R", "C") if sketch.maybe(0.3) else ("R",))


def integrator(sketch: Sketch) -> None:
    """R in, C back; with R beside C it is lossy."""
    _inverting_stage(sketch, "R", ("R", "C") if sketch.maybe(0.3) else ("C",))


def differentiator(sketch: Sketch) -> None:
    """C in, R back."""
    _inverting_stage(sketch, "C", ("R", "C") if sketch.maybe(0.2) else ("R",))


def transimpedance(sketch: Sketch) -> None:
    """A current in, R back, perhaps with C beside it."""
    _inverting_stage(sketch, "W", ("R", "C") if sketch.maybe(0.4) else ("R",))


def non_inverting(sketch: Sketch) -> None:
    """The source at in+, a divider from the output to in-."""
    if sketch.maybe(0.5):  # in- above
        sketch.opamp((1, 2), (2, 1), (1, 1), _gain(sketch))
        sketch.part("R", (1, 0), (1, 1))
        sketch.ground((1, 0))
        _feedback(sketch, (1, 1), (1, 2), ("R", "C") if sketch.maybe(0.25) else ("R",))
        sketch.part("WWR", (2, 0), (2, 1))
        _drive(sketch, (2, 0))
        _load(sketch, (1, 2))
        return
    sketch.opamp((2, 2), (1, 1), (2, 1), _gain(sketch))
    sketch.part("WWR", (1, 0), (1, 1))
    _drive(sketch, (1, 0))
    sketch.part("R", (3, 0), (3, 1))
    sketch.ground((3, 0))
    sketch.wire((2, 1), (3, 1))
    sketch.part("RRRC", (3, 1), (3, 2))
    sketch.wire((2, 2), (3, 2))
    _load(sketch, (2, 2))


def buffer(sketch: Sketch) -> None:
    """The output straight back to in-, a divider or a filter before in+."""
    sketch.opamp((1, 2), (2, 1), (1, 1), _gain(sketch))
    if sketch.maybe(0.5):
        sketch.wire((1, 1), (1, 2))
    else:
        sketch.wire((1, 1), (0, 1), (0, 2), (1, 2))
    sketch.part("RC", (2, 0), (2, 1))
    _drive(sketch, (2, 0))
    sketch.grounded("RC", (2, 1))
    _load(sketch, (1, 2))


def summing(sketch: Sketch) -> None:
    """Two voltages in, each through a resistor of its own, into one node."""
    sketch.opamp((1, 3), (2, 2), (1, 2), _gain(sketch))
    sketch.part("R", (1, 1), (1, 2))
    _drive(sketch, (1, 1))
    sketch.part("R", (0, 1), (0, 2))
    sketch.wire((0, 0), (0, 1))
    _drive(sketch, (0, 0))
    sketch.wire((0, 2), (1, 2))
    sketch.part("RRC", (1, 2), (1, 3))
    _quiet(sketch, (2, 2))
    _load(sketch, (1, 3))


def difference(sketch: Sketch) -> None:
    """One voltage at each input through a divider."""
    sketch.opamp((1, 3), (2, 2), (1, 2), _gain(sketch))
    sketch.part("R", (1, 1), (1, 2))
    sketch.wire((1, 0), (1, 1))
    _drive(sketch, (1, 0))
    sketch.part("R", (2, 1), (2, 2))
    _drive(sketch, (2, 1))
    sketch.grounded("R", (2, 2))
    _feedback(sketch, (1, 2), (1, 3), ("R",))
    _load(sketch, (1, 3))


def all_pass(sketch: Sketch) -> None:
    """One voltage at both inputs: R to in-, R and C at in+."""
    sketch.opamp((1, 2), (2, 1), (1, 1), _gain(sketch))
    series, shunt = ("R", "C") if sketch.maybe(0.5) else ("C", "R")
    sketch.part("R", (1, 0), (1, 1))
    sketch.wire((1, 0), (2, 0))
    sketch.part(series, (2, 0), (2, 1))
    _drive(sketch, (2, 0))
    sketch.grounded(shunt, (2, 1))
    _feedback(sketch, (1, 1), (1, 2), ("R",))
    _load(sketch, (1, 2))


def _sallen_key(sketch: Sketch, series: str, other: str) -> None:
    """Two `series` parts to in+, an `other` from in+ to ground, an `other` from between them to the output of a follower."""
    sketch.opamp((1, 3), (2, 2), (1, 2), _gain(sketch))
    sketch.wire((1, 2), (1, 3))
    sketch.part(series, (2, 0), (2, 1))
    sketch.part(series, (2, 1), (2, 2))
    _drive(sketch, (2, 0))
    sketch.grounded(other, (2, 2))
    place = sketch.rng.randrange(3)
    path: list[Junction] = [(2, 1), (1, 1), (0, 1), (0, 2), (0, 3), (1, 3)]
    corner = (1, 2, 3)[place]
    sketch.wire(*path[: corner + 1])
    sketch.part(other, path[corner], path[corner + 1])
    sketch.wire(*path[corner + 1 :])
    sketch.port((1, 3))


def sallen_key_low_pass(sketch: Sketch) -> None:
    """R and R in line."""
    _sallen_key(sketch, "R", "C")


def sallen_key_high_pass(sketch: Sketch) -> None:
    """C and C in line."""
    _sallen_key(sketch, "C", "R")


def multiple_feedback(sketch: Sketch) -> None:
    """Two ways back, one to in- and one to the node before it: a low-pass filter, or with R and C exchanged a high-pass or band-pass."""
    entry, shunt, outer, inner, middle = sketch.rng.choice(("RCRCR", "CRCRC", "RRCRC"))
    sketch.opamp((1, 3), (2, 2), (1, 2), _gain(sketch))
    sketch.part(entry, (1, 0), (1, 1))
    _drive(sketch, (1, 0))
    sketch.grounded(shunt, (1, 1))
    sketch.part(middle, (1, 1), (1, 2))
    sketch.part(inner, (1, 2), (1, 3))
    sketch.wire((1, 1), (0, 1))
    sketch.part(outer, (0, 1), (0, 2))
    sketch.wire((0, 2), (0, 3), (1, 3))
    sketch.ground((2, 2))
    sketch.port((1, 3))


def gyrator(sketch: Sketch) -> None:
    """A follower that makes a capacitor look like an inductor, seen from a source or from open terminals."""
    sketch.opamp((1, 3), (2, 2), (1, 2), _gain(sketch))
    sketch.wire((1, 2), (1, 3))
    sketch.wire((1, 1), (2, 1))
    sketch.part("R", (1, 1), (1, 2))
    sketch.part("C", (2, 1), (2, 2))
    sketch.grounded("R", (2, 2))
    if sketch.maybe(0.6):
        sketch.part("R", (2, 0), (2, 1))
        _drive(sketch, (2, 0))
    else:
        sketch.wire((2, 0), (2, 1))
        sketch.port((2, 0))


def two_stage(sketch: Sketch) -> None:
    """A follower, then an inverting stage."""
    sketch.opamp((1, 1), (2, 0), (1, 0))
    if sketch.maybe(0.5):
        sketch.wire((1, 0), (0, 0), (0, 1), (1, 1))
    else:
        sketch.wire((1, 0), (1, 1))
    _drive(sketch, (2, 0))
    sketch.opamp((1, 3), (2, 2), (1, 2))
    sketch.part("RRC", (1, 1), (1, 2))
    _feedback(sketch, (1, 2), (1, 3), (sketch.rng.choice("RRC"),))
    _quiet(sketch, (2, 2))
    sketch.port((1, 3))


TEMPLATES: Mapping[str, Callable[[Sketch], None]] = {
    "inverting": inverting,
    "integrator": integrator,
    "differentiator": differentiator,
    "transimpedance": transimpedance,
    "non_inverting": non_inverting,
    "buffer": buffer,
    "summing": summing,
    "difference": difference,
    "all_pass": all_pass,
    "sallen_key_low_pass": sallen_key_low_pass,
    "sallen_key_high_pass": sallen_key_high_pass,
    "multiple_feedback": multiple_feedback,
    "gyrator": gyrator,
    "two_stage": two_stage,
}


# How often a circuit comes from a textbook and not from chance.
_KNOWN = 0.5


def place_opamp(parts: tuple[int, int], grid: tuple[int, int], rng: random.Random) -> Layout:
    """A random circuit of level 4 of (fewest, most) parts, the op-amp included. Raises LayoutError naming the sizes."""
    check_grid(grid)
    known = rng.random() < _KNOWN
    # Sizes that the one sort does not have may be had of the other.
    for textbook in (known, not known):
        for _ in range(ATTEMPTS):
            layout = (
                template(rng.choice(tuple(TEMPLATES)), rng)
                if textbook
                else random_feedback(LEVEL, rng.randint(*parts), grid, rng)
            )
            if layout is not None and layout.fits(parts, grid):
                return layout
    raise no_room(LEVEL, parts, grid, "op-amp circuit")


def template(name: str, rng: random.Random) -> Layout:
    """The op-amp circuit of a name in TEMPLATES, its optional parts, values and side drawn at random."""
    sketch = Sketch(rng)
    TEMPLATES[name](sketch)
    return sketch.finish(LEVEL, name)
