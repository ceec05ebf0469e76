"""A circuit in pixels: what layout hands to drawing, and all that the netlist of a picture is derived from.

Points are (x, y) in pixels of the picture, y downwards. Terminals that share a point are joined; nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass

Point = tuple[int, int]
Box = tuple[int, int, int, int]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Segment:
    """A part with two drawn terminals, or a wire (kind W), level or upright, from its first terminal to its second.

    The first terminal is the positive one of a voltage source and the tail of a current source's arrow. A controlled source (E, G, F,
    H) is the diamond of its output; `control` is what is printed beside its name and names what rules it: the `voltage` or
    `current` of another segment.
    """

    kind: str
    name: str
    value: str
    start: Point
    end: Point
    label: str = ""  # what is printed beside it; empty: its name
    voltage: str = (
        ""  # + and - are printed beside it, + at `start`, and this name between them (but for "vo", which only marks)
    )
    current: str = (
        ""  # an arrow from `start` to `end` is printed on its lead, with this name (but for "io", which only marks)
    )
    control: str = ""

    @property
    def printed(self) -> str:
        """What stands beside it: its label or name, and what rules it."""
        return f"{self.label or self.name} {self.control}".rstrip()


@dataclass(frozen=True)
class Device:
    """A symbol with three terminals that fills a cell of the grid: an op-amp or a transistor.

    `pins` are in the netlist's order: opamp (output, non-inverting, inverting), npn and pnp (collector, base, emitter), nmos and pmos
    (drain, gate, source). Each pin is a corner of `cell`; the symbol's leads run to it along the cell's upright sides, on which
    nothing else lies. An op-amp has its inputs on one side and its output on the other; a transistor has its base or gate on one
    side, and fills the other side from corner to corner.
    """

    kind: str  # opamp, npn, pnp, nmos, pmos
    name: str
    value: str
    pins: tuple[Point, Point, Point]
    cell: Box
    label: str = ""


@dataclass(frozen=True)
class Rail:
    """A supply (VDD, VCC, VSS, VEE): a short bar with its name at a point; a voltage source from there to ground."""

    name: str
    value: str
    at: Point


@dataclass(frozen=True)
class Port:
    """A pair of open terminals, or one (`negative` None: against ground): small circles, with a name beside the positive one."""

    name: str
    positive: Point
    negative: Point | None


@dataclass(frozen=True)
class Scene:
    """Everything that will be drawn in a picture of `size` = (width, height).

    At each point of `crossings` a level and an upright wire cross without being joined: both are segments that run through.
    """

    size: tuple[int, int]
    segments: tuple[Segment, ...]
    grounds: tuple[Point, ...]
    devices: tuple[Device, ...] = ()
    rails: tuple[Rail, ...] = ()
    ports: tuple[Port, ...] = ()
    crossings: tuple[Point, ...] = ()
