"""What the picture of a netlist consists of before anything has a place: pads of nets, what hangs on them, what runs between them.

Ground and positive supplies are rails: what leads to them hangs below or stands above its net. Every other net has a pad in the row. A
device is a block of two pads, its upper pins, and a low pin; a net that only low pins, parts to ground and few others meet stays low,
as an emitter with its resistor does. Nets that join but two level parts are no pads: their parts lie one behind the other in a chain.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from diagramlens.domains.circuits.netlist import GROUND, OPAMP, TRANSISTORS, Netlist, Part, is_supply
from diagramlens.records import DiagramLensError

_BELOW = ("VSS", "VEE")  # supplies that are drawn below what they feed
HangKind = Literal["part", "ground", "supply", "port"]


class PlacingError(DiagramLensError):
    """A circuit that cannot be drawn: why, and the name of the part to blame, empty where it is none."""

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.part = part


@dataclass(frozen=True)
class Hang:
    """What leads from a pad down to ground or up to a supply: a part (`turned`: its second node is at the pad), or the end itself."""

    kind: HangKind
    part: Part | None = None
    turned: bool = False
    net: str = GROUND


@dataclass(eq=False)
class Pad:
    """A piece of the row that belongs to a net; `block` is set on the two pads of a device."""

    net: str
    block: Block | None = None
    downs: list[Hang] = field(default_factory=list)
    ups: list[Hang] = field(default_factory=list)


@dataclass(eq=False)
class Block:
    """A device between two pads of the row. Its `low_pin` is number of a pin, below the left or right pad; `hangs` lead down from there."""

    part: Part
    left_pin: int
    right_pin: int
    low_pin: int
    low_left: bool
    left: Pad = field(init=False)
    right: Pad = field(init=False)
    hangs: list[Hang] = field(default_factory=list)

    def __post_init__(self) -> None:
        pins = device_pins(self.part)
        self.left, self.right = Pad(pins[self.left_pin], self), Pad(pins[self.right_pin], self)

    @property
    def low_net(self) -> str:
        """The net at the low pin."""
        return device_pins(self.part)[self.low_pin]


End = Pad | Block  # of a block, its low pin


@dataclass(frozen=True, eq=False)
class Edge:
    """Parts in a chain from one end to another (with whether each is `turned`), or a wire; in a lane above the row, or `low` below it."""

    first: End
    second: End
    chain: tuple[tuple[Part, bool], ...] = ()

    @property
    def low(self) -> bool:
        """Whether it must run below the row."""
        return isinstance(self.first, Block) or isinstance(self.second, Block)


@dataclass
class Plan:
    """All of a picture: its pads and blocks in the order of the text, its edges, its supplies (net → parts)."""

    pads: list[Pad] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    supplies: dict[str, Part] = field(default_factory=dict)
    ground: str | None = GROUND

    @property
    def items(self) -> list[Pad | Block]:
        """What stands in the row."""
        return [*self.pads, *self.blocks]


def device_pins(part: Part) -> tuple[str, ...]:
    """The nets of a device's three pins, in the order of Device.pins."""
    return (part.nodes[0], *part.nodes[2:]) if part.model == OPAMP else part.nodes


def _ends(part: Part) -> tuple[str, ...]:
    """The nets at which a part ends; what merely rules a controlled source is none."""
    return device_pins(part) if is_device(part) else part.nodes[:2]


def is_device(part: Part) -> bool:
    """Whether a part has a symbol with three pins."""
    return part.model == OPAMP or part.kind in TRANSISTORS


def plan_of(circuit: Netlist, named: Iterable[str] = ()) -> Plan:
    """The plan of a circuit without wires; the nets of `named` get an open terminal with their name.

    Raises PlacingError for an op-amp whose reference is not ground.
    """
    parts = circuit.parts
    devices = [part for part in parts if is_device(part)]
    for part in devices:
        if part.model == OPAMP and part.nodes[1] != GROUND:
            raise PlacingError(
                f"{part.name}: its reference is node {part.nodes[1]}; an op-amp can be drawn with its reference at 0 only",
                part.name,
            )
    builder = _Builder(_ground_of(circuit, devices), parts)
    builder.add_supplies()
    named = [net for net in dict.fromkeys(named) if net != builder.plan.ground]
    builder.named.update(named)
    for part in devices:
        builder.add_block(part)
    builder.find_low_nets()
    for net in named:
        builder.pad(net).downs.append(Hang("port", Part(net, "P", (net, GROUND), None)))
    for part in parts:
        if not is_device(part) and part not in builder.rail_parts:
            builder.add_part(part)
    builder.join_pins()
    _make_chains(builder.plan)
    return builder.plan


def _ground_of(circuit: Netlist, devices: list[Part]) -> str | None:
    """The net that is the bottom rail: 0, or the one where most parts meet in a circuit without it."""
    if GROUND in circuit.nodes or devices:
        return GROUND if GROUND in circuit.nodes else None
    degree = Counter(node for part in circuit.parts for node in part.nodes[:2])
    return degree.most_common(1)[0][0] if degree else None


class _Builder:
    def __init__(self, ground: str | None, parts: tuple[Part, ...]) -> None:
        self.plan = Plan(ground=ground)
        self.parts = parts
        self.pad_of: dict[str, Pad] = {}
        self.low: dict[str, Block] = {}
        self.rail_parts: list[Part] = []
        self.named: set[str] = set()  # nets whose names are printed

    def add_supplies(self) -> None:
        """Find the supplies that are drawn as rails: one a net, its other end at ground, ruling nothing."""
        controls = {part.control for part in self.parts}
        for part in self.parts:
            if part.kind == "V" and is_supply(part) and part.name not in controls:
                net, other = part.nodes
                if other == self.plan.ground == GROUND and net != other and net not in self.plan.supplies:
                    self.plan.supplies[net] = part
                    self.rail_parts.append(part)

    def is_top(self, net: str) -> bool:
        """Whether a net is a supply above the row."""
        return net in self.plan.supplies and self.plan.supplies[net].name not in _BELOW

    def is_foot(self, net: str) -> bool:
        """Whether a net is a supply below the row to which one part alone leads, at whose foot its symbol hangs."""
        if net not in self.plan.supplies or self.is_top(net) or net in self.named:
            return False
        ends = [part for part in self.parts if part not in self.rail_parts and net in _ends(part)]
        return len(ends) == 1 and not is_device(ends[0]) and len(set(_ends(ends[0]))) == 2 and ends[0].kind != "P"

    def is_bottom(self, net: str) -> bool:
        """Whether parts that lead to a net hang down."""
        return net == self.plan.ground or self.is_foot(net)

    def pad(self, net: str) -> Pad:
        """The pad of a net. One of ground or of a supply is made anew every time: what leads there needs no joining."""
        if net in self.pad_of:
            return self.pad_of[net]
        pad = Pad(net)
        self.plan.pads.append(pad)
        self.anchor(pad)
        if net != self.plan.ground and not self.is_top(net):
            self.pad_of[net] = pad
            if net in self.plan.supplies:
                pad.downs.append(Hang("supply", self.plan.supplies[net], net=net))
        return pad

    def anchor(self, pad: Pad) -> None:
        """Join a pad of ground or of a positive supply to what it belongs to."""
        if pad.net == self.plan.ground:
            pad.downs.append(Hang("ground"))
        elif self.is_top(pad.net):
            pad.ups.append(Hang("supply", net=pad.net))

    def add_block(self, part: Part) -> None:
        block = _opamp_block(part, self.parts) if part.model == OPAMP else self._transistor_block(part)
        self.plan.blocks.append(block)
        self.anchor(block.left)
        self.anchor(block.right)

    def _transistor_block(self, part: Part) -> Block:
        """Which end of the channel is on top: what leads to a supply, then what does not lead to ground, then by type."""
        height = {0: self._height(part.nodes[0]), 2: self._height(part.nodes[2])}
        usual = 0 if part.model in ("npn", "nmos") else 2
        top = max((0, 2), key=lambda pin: (height[pin], pin == usual))
        return Block(part, 1, top, 2 - top, False)

    def _height(self, net: str) -> int:
        if net == self.plan.ground:
            return -1
        return (1 if self.is_top(net) else -1) if net in self.plan.supplies else 0

    def find_low_nets(self) -> None:
        """Nets at low pins that may stay below the row: no other pins there, at most one part to another net of the row."""
        uppers = {pad.net for block in self.plan.blocks for pad in (block.left, block.right)}
        named = {*self.named, *(node for part in self.parts if part.kind == "P" for node in part.nodes)}
        for block in self.plan.blocks:
            net = block.low_net
            if net == self.plan.ground:
                block.hangs.append(Hang("ground"))
                continue
            if net in uppers | named or self.is_top(net) or net in self.low:
                continue
            others = [p for p in self.parts if net in p.nodes[:2] and not is_device(p) and p not in self.rail_parts]
            across = [p for p in others if not any(map(self.is_bottom, p.nodes[:2]))]
            driven = block.part.model == OPAMP and any(p.kind == "V" for p in others)
            if (
                driven
                or len(across) > 1
                or any(self.is_top(node) or p.nodes[0] == p.nodes[1] for p in across for node in p.nodes[:2])
            ):
                continue
            self.low[net] = block
            if net in self.plan.supplies:
                block.hangs.append(Hang("supply", self.plan.supplies[net], net=net))

    def end(self, net: str) -> End:
        """Where an edge to a net begins."""
        return self.low[net] if net in self.low else self.pad(net)

    def add_part(self, part: Part) -> None:
        """A part with two ends: down to ground, up to a supply, or across."""
        first, second = part.nodes[:2]
        if part.kind == "P":
            self._add_port(part)
        elif first == second or {self.is_top(first), self.is_top(second)} == {True}:
            pads = self.pad(first), self._extra(second)
            self.plan.edges.append(Edge(*pads, ((part, False),)))
            if first == second and first in self.pad_of:
                self.plan.edges.append(Edge(*pads))
        elif self.is_bottom(first) or self.is_bottom(second):
            turned = self.is_bottom(first)
            end = self.end(second if turned else first)
            hang = Hang("part", part, turned, first if turned else second)
            (end.hangs if isinstance(end, Block) else end.downs).append(hang)
        elif self.is_top(first) or self.is_top(second):
            turned = self.is_top(first)
            pad = self.pad(second if turned else first)
            pad.ups.append(Hang("part", part, turned, first if turned else second))
        else:
            self.plan.edges.append(Edge(self.end(first), self.end(second), ((part, False),)))

    def _extra(self, net: str) -> Pad:
        """A second pad of a net."""
        if net not in self.pad_of:
            return self.pad(net)
        pad = Pad(net)
        self.plan.pads.append(pad)
        return pad

    def _add_port(self, part: Part) -> None:
        first, second = part.nodes
        if self.plan.ground == GROUND and second == GROUND != first:
            self.pad(first).downs.append(Hang("port", part))
            return
        for turned, net in enumerate((first, second)):
            self.pad(net).downs.append(Hang("port", part, bool(turned)))

    def join_pins(self) -> None:
        """Wires from the pads and low pins of devices to the pads of their nets."""
        for block in self.plan.blocks:
            for pad in (block.left, block.right):
                if pad.net != self.plan.ground and not self.is_top(pad.net):
                    self.plan.edges.append(Edge(self.pad(pad.net), pad))
            net = block.low_net
            if net != self.plan.ground and self.low.get(net) is not block:
                self.plan.edges.append(Edge(block, self.end(net)))


def _opamp_block(part: Part, parts: tuple[Part, ...]) -> Block:
    """An op-amp with its inverting input on top, or below where all that comes there is its feedback and what divides that."""
    output, plus, minus = device_pins(part)
    low = minus == output or (
        plus != GROUND
        and minus != GROUND
        and all(
            {*other.nodes[:2]} <= {minus, output, GROUND}
            for other in parts
            if minus in other.nodes[:2] and not is_device(other)
        )
    )
    return Block(part, 1, 0, 2, True) if low or minus == GROUND != plus else Block(part, 2, 0, 1, True)


def _make_chains(plan: Plan) -> None:
    """Take out pads at which only two level chains meet, making one chain of both."""
    for pad in list(plan.pads):
        if pad.downs or pad.ups or pad.net == plan.ground:
            continue
        here = [edge for edge in plan.edges if pad in (edge.first, edge.second)]
        if len(here) != 2 or not all(edge.chain for edge in here) or any(edge.low for edge in here):
            continue
        one, two = here
        before, after = other_end(one, pad), other_end(two, pad)
        if before is after or pad in (before, after):
            continue
        plan.edges[plan.edges.index(one)] = Edge(before, after, _from(one, before) + _from(two, pad))
        plan.edges.remove(two)
        plan.pads.remove(pad)


def other_end(edge: Edge, end: End) -> End:
    """The end of an edge that is not this one."""
    return edge.second if edge.first is end else edge.first


def _from(edge: Edge, start: End) -> tuple[tuple[Part, bool], ...]:
    """An edge's chain as it is met from one of its ends."""
    return chain_from(edge.chain, edge.first is start)


def chain_from(chain: tuple[tuple[Part, bool], ...], forward: bool) -> tuple[tuple[Part, bool], ...]:
    """A chain forwards, or met from its other end."""
    return chain if forward else tuple((part, not turned) for part, turned in reversed(chain))
