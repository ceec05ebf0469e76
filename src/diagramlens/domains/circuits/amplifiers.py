"""Transistor stages, level 3: the recognised circuits, MOS and bipolar, with supplies, grounds, sources and loads.

A template puts its circuit on at most 4 x 4 junctions, optional parts drawn at random. Every transistor fills a cell: gate or base
on one upright side, the other side filled from corner to corner; nothing else lies on those two sides. Of a transistor's two main
pins the upper one is drain or collector of an n-type, source or emitter of a p-type.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from diagramlens.domains.circuits.determined import determined
from diagramlens.domains.circuits.layout import Junction, Layout
from diagramlens.domains.circuits.meshes import ATTEMPTS, check_grid, no_room
from diagramlens.domains.circuits.sketch import Sketch

LEVEL = 3


@dataclass(frozen=True)
class Family:
    """One technology: its two transistors and what its supply is called."""

    n: str
    p: str
    supply: str


_FAMILIES = (Family("nmos", "pmos", "VDD"), Family("npn", "pnp", "VCC"))


class Stage(Sketch):
    """A sketch of one technology."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__(rng)
        self.family = rng.choice(_FAMILIES)

    def n_type(self, upper: Junction, gate: Junction, lower: Junction) -> None:
        """An n-type transistor, drain or collector above."""
        self.transistor(self.family.n, upper, gate, lower)

    def p_type(self, upper: Junction, gate: Junction, lower: Junction) -> None:
        """A p-type transistor, source or emitter above."""
        self.transistor(self.family.p, lower, gate, upper)

    def supply(self, at: Junction) -> None:
        """The positive supply."""
        self.rail(self.family.supply, at)

    def drive(self, top: Junction) -> None:
        """The input's voltage source, from a junction down to ground."""
        self.grounded("V", top)

    def output(self, at: Junction, beside: Junction, *, load: bool) -> None:
        """An open terminal, or a load, where there is room for one: straight, by a wire, or through a capacitor."""
        if load and self.maybe(0.6):
            self.part("CCW", at, beside)
            self.grounded("RRRC", beside, "vo" if self.maybe(0.6) else "")
        elif self.maybe(0.5):
            self.wire(at, beside)
            self.port(beside)
        else:
            self.port(at)

    def input_above(self, *, bias: bool) -> None:
        """A source at column 0 to a gate at (1, 1), whose bias comes from the supply above (0, 2)."""
        self.part("CCRW", (1, 0), (1, 1))
        self.drive((1, 0))
        if bias and self.maybe(0.6):
            self.part("R", (0, 1), (1, 1))
            self.wire((0, 1), (0, 2))

    def input_below(self) -> None:
        """A source at column 0 to a gate at (2, 1), which a resistor may tie to ground."""
        self.part("CCRW", (2, 0), (2, 1))
        self.drive((2, 0))
        if self.maybe(0.6):
            self.grounded("R", (2, 1))


def common_source(stage: Stage) -> None:
    """Output at the drain or collector; the source grounded, degenerated, or degenerated and bypassed."""
    low = stage.maybe(0.5)
    gate = (2, 1) if low else (1, 1)
    stage.n_type((1, 2), gate, (2, 2))
    stage.part("R", (0, 2), (1, 2), "vo" if stage.maybe(0.1) else "")
    stage.supply((0, 2))
    if low:
        stage.input_below()
    else:
        stage.input_above(bias=True)
    bypassed = False
    if stage.maybe(0.6):
        stage.grounded("R", (2, 2))
        bypassed = stage.maybe(0.45)
    else:
        stage.ground((2, 2))
    if bypassed:
        stage.wire((2, 2), (2, 3))
        stage.grounded("C", (2, 3))
    stage.output((1, 2), (1, 3), load=not bypassed)


def common_source_p(stage: Stage) -> None:
    """The same with a p-type transistor: the source above, the load below."""
    low = stage.maybe(0.5)
    stage.p_type((1, 2), (2, 1) if low else (1, 1), (2, 2))
    if stage.maybe(0.5):
        stage.part("R", (0, 2), (1, 2))
        if stage.maybe(0.4):  # bypassed to the supply
            stage.wire((0, 2), (0, 3))
            stage.part("C", (0, 3), (1, 3))
            stage.wire((1, 2), (1, 3))
    else:
        stage.wire((0, 2), (1, 2))
    stage.supply((0, 2))
    stage.grounded("R", (2, 2))
    if low:
        stage.input_below()
    else:
        stage.input_above(bias=False)
    stage.output((2, 2), (2, 3), load=True)


def divider_biased(stage: Stage) -> None:
    """A common source or emitter whose bias is a divider from the supply, with all coupling and bypass capacitors."""
    stage.n_type((1, 3), (1, 2), (2, 3))
    stage.part("R", (0, 3), (1, 3))
    stage.part("R", (0, 1), (1, 1))
    stage.wire((0, 1), (0, 2), (0, 3))
    stage.supply((0, 2))
    stage.wire((1, 1), (1, 2))
    stage.grounded("R", (1, 1))
    stage.part("C", (1, 0), (1, 1))
    stage.drive((1, 0))
    stage.grounded("R", (2, 3))
    if stage.maybe(0.6):
        stage.wire((2, 2), (2, 3))
        stage.grounded("C", (2, 2))
    stage.port((1, 3))


def follower(stage: Stage) -> None:
    """Output at the source or emitter, the other end at the supply."""
    low = stage.maybe(0.5)
    stage.n_type((1, 2), (2, 1) if low else (1, 1), (2, 2))
    stage.wire((0, 2), (1, 2))
    stage.supply((0, 2))
    stage.grounded("RRI", (2, 2))
    if low:
        stage.input_below()
    else:
        stage.input_above(bias=True)
    stage.output((2, 2), (2, 3), load=True)


def follower_p(stage: Stage) -> None:
    """A p-type follower: output at the upper end, a resistor from there to the supply."""
    stage.p_type((1, 2), (2, 1), (2, 2))
    stage.part("RRI", (0, 2), (1, 2))
    stage.supply((0, 2))
    stage.ground((2, 2))
    stage.input_below()
    stage.output((1, 2), (1, 3), load=True)


def common_gate(stage: Stage) -> None:
    """The input at the source or emitter, the gate or base at ground, at once or through a capacitor."""
    if stage.maybe(0.5):
        stage.n_type((1, 2), (2, 1), (2, 2))
        stage.ground((2, 1))
    else:
        stage.n_type((1, 2), (1, 1), (2, 2))
        stage.part("R", (0, 1), (1, 1))
        stage.wire((0, 1), (0, 2))
        stage.wire((1, 0), (1, 1))
        stage.grounded("C", (1, 0))
    stage.part("R", (0, 2), (1, 2))
    stage.supply((0, 2))
    stage.grounded("RI", (2, 2))
    stage.part("CCR", (2, 2), (2, 3))
    stage.drive((2, 3))
    stage.output((1, 2), (1, 3), load=False)


def cascode(stage: Stage) -> None:
    """A common source below a common gate."""
    stage.part("R", (0, 2), (1, 2))
    stage.supply((0, 2))
    stage.n_type((2, 2), (2, 1), (3, 2))
    stage.ground((3, 2))
    stage.part("CRW", (2, 0), (2, 1))
    stage.drive((2, 0))
    way = stage.rng.choice(("supply", "bypassed", "right"))
    if way == "right":
        stage.n_type((1, 2), (2, 3), (2, 2))
        stage.grounded("V", (2, 3))
        stage.port((1, 2))
        return
    stage.n_type((1, 2), (1, 1), (2, 2))
    stage.wire((0, 1), (0, 2))
    if way == "supply":
        stage.wire((0, 1), (1, 1))
    else:
        stage.part("R", (0, 1), (1, 1))
        stage.part("C", (1, 0), (1, 1))
        stage.ground((1, 0))
    stage.output((1, 2), (1, 3), load=True)


def differential_pair(stage: Stage) -> None:
    """Two transistors whose sources or emitters meet at a tail, the second gate driven or at ground."""
    stage.n_type((1, 1), (2, 0), (2, 1))
    stage.n_type((1, 2), (2, 3), (2, 2))
    stage.part("R", (0, 1), (1, 1))
    if stage.maybe(0.7):
        stage.part("R", (0, 2), (1, 2))
    else:
        stage.wire((0, 2), (1, 2))
    stage.wire((0, 1), (0, 2))
    stage.supply((0, 1))
    stage.wire((2, 1), (2, 2))
    tail = stage.rng.choice(((2, 1), (2, 2)))
    below = 3, tail[1]
    stage.part("RI", tail, below)
    if stage.maybe(0.5):
        stage.rail("VSS" if stage.family.supply == "VDD" else "VEE", below)
    else:
        stage.ground(below)
    stage.drive((2, 0))
    if stage.maybe(0.5):
        stage.drive((2, 3))
    else:
        stage.ground((2, 3))
    stage.port((1, 1))


def current_mirror(stage: Stage) -> None:
    """One transistor tied to a reference current, a second one that repeats it into a load."""
    stage.n_type((1, 0), (1, 1), (2, 0))
    stage.n_type((1, 3), (1, 2), (2, 3))
    stage.wire((1, 0), (1, 1), (1, 2))
    stage.part("I", (0, 0), (1, 0))
    stage.wire((0, 0), (0, 1), (0, 2), (0, 3))
    stage.supply((0, stage.rng.choice((1, 2))))
    stage.part("R", (0, 3), (1, 3), "vo" if stage.maybe(0.5) else "")
    for column in (0, 3):
        if stage.maybe(0.3):
            stage.grounded("R", (2, column))
        else:
            stage.ground((2, column))
    stage.port((1, 3))


def active_load(stage: Stage) -> None:
    """A common source whose load is a current mirror."""
    stage.p_type((0, 0), (1, 1), (1, 0))
    stage.p_type((0, 3), (1, 2), (1, 3))
    stage.wire((1, 0), (1, 1), (1, 2))
    stage.wire((0, 0), (0, 1), (0, 2), (0, 3))
    stage.supply((0, stage.rng.choice((1, 2))))
    stage.grounded("RI", (1, 0))
    stage.n_type((1, 3), (2, 2), (2, 3))
    stage.part("RW", (2, 1), (2, 2))
    stage.drive((2, 1))
    if stage.maybe(0.4):
        stage.grounded("R", (2, 3))
    else:
        stage.ground((2, 3))
    stage.port((1, 3))


def two_stage(stage: Stage) -> None:
    """A common source, then another one or a follower, coupled by a capacitor or at once."""
    stage.n_type((1, 1), (2, 0), (2, 1))
    stage.drive((2, 0))
    stage.part("R", (0, 1), (1, 1))
    if stage.maybe(0.5):
        stage.grounded("R", (2, 1))
    else:
        stage.ground((2, 1))
    stage.n_type((1, 3), (1, 2), (2, 3))
    if stage.maybe(0.4):
        stage.part("C", (1, 1), (1, 2))
        stage.part("R", (0, 2), (1, 2))
    else:
        stage.wire((1, 1), (1, 2))
    stage.wire((0, 1), (0, 2), (0, 3))
    stage.supply((0, stage.rng.choice((2, 3))))
    if stage.maybe(0.5):
        stage.wire((0, 3), (1, 3))
        stage.grounded("R", (2, 3))
        stage.port((2, 3))
    else:
        stage.part("R", (0, 3), (1, 3))
        if stage.maybe(0.5):
            stage.grounded("R", (2, 3))
        else:
            stage.ground((2, 3))
        stage.port((1, 3))


TEMPLATES: Mapping[str, Callable[[Stage], None]] = {
    "common_source": common_source,
    "common_source_p": common_source_p,
    "divider_biased": divider_biased,
    "follower": follower,
    "follower_p": follower_p,
    "common_gate": common_gate,
    "cascode": cascode,
    "differential_pair": differential_pair,
    "current_mirror": current_mirror,
    "active_load": active_load,
    "two_stage": two_stage,
}


def template(name: str, rng: random.Random) -> Layout:
    """The stage of a name in TEMPLATES, its technology, optional parts, values and side drawn at random."""
    stage = Stage(rng)
    TEMPLATES[name](stage)
    return stage.finish(LEVEL, name)


def place_amplifier(parts: tuple[int, int], grid: tuple[int, int], rng: random.Random) -> Layout:
    """A random circuit of level 3 of (fewest, most) parts, the supply included. Raises LayoutError naming the sizes."""
    check_grid(grid)
    for _ in range(ATTEMPTS):
        layout = template(rng.choice(tuple(TEMPLATES)), rng)
        if layout.fits(parts, grid) and determined(layout):
            return layout
    raise no_room(LEVEL, parts, grid, "amplifier")
