"""From a netlist to the scene of its picture, in pixels: by what the netlist says of places, else along buses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diagramlens.domains.circuits.layout import terminals
from diagramlens.domains.circuits.netlist import GROUND, Netlist, merge_wires
from diagramlens.domains.circuits.pen import REFERENCE_PITCH
from diagramlens.domains.circuits.placing.bus import place_on_bus
from diagramlens.domains.circuits.placing.hints import HintsError, by_directions, by_names
from diagramlens.domains.circuits.placing.nets import PlacingError, is_device
from diagramlens.domains.circuits.placing.printing import Printing, printing_of
from diagramlens.domains.circuits.placing.row import STEP
from diagramlens.domains.circuits.scene import Point, Port, Scene

_MARGIN = 40  # pixels round the outermost terminals, at the reference pitch: for symbols, grounds and labels
_CELL = 28  # both sides of a picture are multiples of it, as a model sees it
_VALUED, _MARKED = 0.4, 0.2  # pitches by which columns are wider where values are printed, where voltages are marked
_SHORT = 5  # letters of a label for which the usual columns are wide enough
MAX_PIXELS = 24_000_000


@dataclass(frozen=True)
class Placed:
    """A scene in pixels, how its places were found (names, directions or buses), and what must be said about that."""

    scene: Scene
    way: str
    notes: tuple[str, ...] = ()


def place(netlist: Netlist, pitch: int = REFERENCE_PITCH, labels: str | None = None) -> Placed:
    """Place any connected netlist; `labels` is names, values or both, None for what its hints say.

    Raises PlacingError for one that is empty, in pieces, too large for a picture, or with a part that has no symbol for what it says.
    """
    circuit = merge_wires(netlist)
    if all(part.kind in "WP" for part in netlist.parts):
        raise PlacingError("there is no part in it to be drawn")
    _refuse_pieces(circuit)
    notes: tuple[str, ...] = ()
    stated = printing_of(netlist, labels)
    drawn = None if stated.named else by_names(netlist, stated.parts)
    way = "names"
    if drawn is None:
        way = "directions"
        try:
            drawn = by_directions(netlist, stated.parts)
        except HintsError as error:
            notes = (f"hints fix no places ({error}); the parts are placed anew",)
    if drawn is None:
        printing, way = printing_of(circuit, labels), "buses"
        drawn = place_on_bus(circuit, printing.parts, tuple(printing.named))
    elif stated.named:
        drawn = replace(drawn, ports=(*drawn.ports, *_names_of_nodes(netlist, drawn, stated.named)))
    return Placed(_in_pixels(drawn, pitch, _broad(stated, labels) if way == "buses" else 1.0), way, notes)


def _broad(printing: Printing, labels: str | None) -> float:
    """How many times wider columns are than a pitch: as wide as their labels need."""
    valued = labels in ("values", "both") or any(len(said.label) > _SHORT for said in printing.parts.values())
    marked = any(said.voltage or said.control for said in printing.parts.values())
    return 1.0 + _VALUED * valued + _MARKED * marked


def _names_of_nodes(netlist: Netlist, drawn: Scene, named: list[str]) -> list[Port]:
    """Open terminals with the names of nodes, each where a part of its own ends there."""
    at: dict[str, Point] = {}
    for segment in drawn.segments:
        if segment.kind != "W":
            nodes = netlist.part(segment.name).nodes
            at |= {nodes[0]: segment.start, nodes[1]: segment.end}
    return [Port(node, at[node], None) for node in dict.fromkeys(named) if node != GROUND and node in at]


def _refuse_pieces(circuit: Netlist) -> None:
    """Raise PlacingError for a part that nothing joins to the others."""
    group = {node: node for node in circuit.nodes}

    def root(node: str) -> str:
        while group[node] != node:
            node = group[node]
        return node

    for part in circuit.parts:
        # What rules a controlled source is no connection; nor is the reference of an op-amp more than one.
        ends = part.nodes if is_device(part) else part.nodes[:2]
        for node in ends[1:]:
            group[root(node)] = root(ends[0])
    main = root(GROUND) if GROUND in group else root(circuit.parts[0].nodes[0])
    for part in circuit.parts:
        for node in part.nodes:
            if root(node) != main:
                rest = "ground, node 0" if GROUND in group else circuit.parts[0].name
                raise PlacingError(f"node {node} of {part.name} floats: no parts lead from it to {rest}", part.name)


def _in_pixels(drawn: Scene, pitch: int, broad: float) -> Scene:
    """The scene with its units as pixels: columns `broad` pitches apart, uprights a pitch long."""
    points = terminals(drawn) | set(drawn.grounds)
    left, top = min(x for x, _ in points), min(y for _, y in points)
    across, down = pitch * broad / STEP, pitch / STEP
    margin = round(_MARGIN * pitch / REFERENCE_PITCH)
    side = round(margin * broad)  # labels stand beside uprights

    def at(point: Point) -> Point:
        return side + round((point[0] - left) * across), margin + round((point[1] - top) * down)

    right, foot = (max(axis) for axis in zip(*map(at, points), strict=True))
    right, foot = right + side, foot + margin
    size = -(-right // _CELL) * _CELL, -(-foot // _CELL) * _CELL
    if size[0] * size[1] > MAX_PIXELS:
        raise PlacingError(
            f"the picture would be {size[0]} x {size[1]} pixels, too large; draw fewer parts, or with a smaller --pitch"
        )
    # Whole cells leave some pixels over: half of them on each side.
    slack = (size[0] - right) // 2, (size[1] - foot) // 2

    def put(point: Point) -> Point:
        x, y = at(point)
        return x + slack[0], y + slack[1]

    return _moved(drawn, size, put)


def _moved(drawn: Scene, size: tuple[int, int], put: Callable[[Point], Point]) -> Scene:
    devices = []
    for device in drawn.devices:
        first, second, third = device.pins
        x0, y0, x1, y1 = device.cell
        devices.append(
            replace(device, pins=(put(first), put(second), put(third)), cell=(*put((x0, y0)), *put((x1, y1))))
        )
    return Scene(
        size,
        tuple(replace(part, start=put(part.start), end=put(part.end)) for part in drawn.segments),
        tuple(map(put, drawn.grounds)),
        tuple(devices),
        tuple(replace(rail, at=put(rail.at)) for rail in drawn.rails),
        tuple(
            replace(port, positive=put(port.positive), negative=put(port.negative) if port.negative else None)
            for port in drawn.ports
        ),
        tuple(map(put, drawn.crossings)),
    )
