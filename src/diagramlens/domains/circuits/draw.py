"""Draws a placed circuit: symbols first, then labels where there is room, then voltages' signs and currents' arrows with their names.

A picture costs about two milliseconds; circuitikz takes half a second. The second result of `draw` are the boxes of what was drawn, in
pixels, for detection and for the pretraining's dense targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from PIL import Image

from diagramlens.domains.circuits.devices import DeviceSymbol, draw_device
from diagramlens.domains.circuits.labels import (
    Place,
    at_spots,
    beside,
    block_box,
    cheapest,
    name_between,
    typeset,
    write,
)
from diagramlens.domains.circuits.layout import Islands
from diagramlens.domains.circuits.marks import arrow_head, barbed_head, minus, plus
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import REFERENCE_PITCH, Pen
from diagramlens.domains.circuits.png import encode_png
from diagramlens.domains.circuits.scene import Box, Point, Scene, Segment
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.symbols import Symbol, draw_symbol
from diagramlens.domains.circuits.terminals import draw_ground, draw_nodes, draw_port, draw_rail, draw_wire

__all__ = ["DrawnObject", "draw", "encode_png", "node_numbers"]

_NEARBY = 70  # units round a symbol within which its labels can come to stand
_UNNAMED = {"vo", "io"}  # a voltage or current of this name is marked, and its name not printed


def draw(scene: Scene, style: Style, pitch: int = REFERENCE_PITCH) -> tuple[Image.Image, list[DrawnObject]]:
    """The picture (RGB, of `scene.size`) and the boxes of its symbols: parts, devices, rails, ports and grounds in the scene's order.

    `pitch` scales lines and type.
    """
    pen = Pen(scene.size, style, pitch)
    wires = [segment for segment in scene.segments if segment.kind == "W"]
    for wire in wires:
        draw_wire(pen, wire, scene.crossings)
    parts = [draw_symbol(pen, segment) for segment in scene.segments if segment.kind != "W"]
    devices = [draw_device(pen, device) for device in scene.devices]
    rails = [draw_rail(pen, rail) for rail in scene.rails]
    grounds = [draw_ground(pen, at, bool(devices) and style.ground == "triangle") for at in scene.grounds]
    ports = [draw_port(pen, port) for port in scene.ports]
    marks = draw_nodes(pen, scene, node_numbers(scene))

    crowd = [box for part in parts for box in (part.box, *part.signs)] + [ground.box for ground in grounds]
    crowd += [box for device in devices for box in device.ink] + [box for box, _ in (*rails, *ports)] + marks
    crowd += [pen.line_box(wire.start, wire.end) for wire in wires]
    crowd += [box for part in parts for box in _leads(pen, part)]
    objects = [_label_part(pen, part, crowd) for part in parts]
    objects += [_label_device(pen, device, crowd) for device in devices]
    for named, kind in ((zip(scene.rails, rails, strict=True), "rail"), (zip(scene.ports, ports, strict=True), "port")):
        for thing, (box, places) in named:
            objects.append(DrawnObject(thing.name, kind, box, _write(pen, places, crowd)))
    return pen.picture(), objects + grounds


def _label_part(pen: Pen, part: Symbol, crowd: list[Box]) -> DrawnObject:
    """Write what stands beside a part: its label, its voltage, its current. Adds their boxes to the crowd."""
    segment, near = part.segment, _near(pen, part.box, crowd)
    printed = f"{segment.label or segment.name} {segment.control}".rstrip()
    named = segment.voltage if segment.voltage not in _UNNAMED else ""
    place = _best_place(pen, part, printed, named, near)
    written = [write(pen, place)]
    if segment.voltage:
        written += _voltage(pen, part, -place.side, named, [*near, *written])
    if segment.current:
        written += _current(pen, part, [*near, *written])
    crowd += written
    return DrawnObject(segment.name, segment.kind, part.box, written[0])


def _best_place(pen: Pen, part: Symbol, printed: str, voltage: str, near: Sequence[Box]) -> Place:
    """The place of a part's label, on the side that leaves the other for the name of its voltage where it has one."""
    if not voltage:
        return beside(pen, part, printed, near)[1]
    found = []
    for side in (1.0, -1.0):
        opposite, _ = cheapest(pen, name_between(pen, part, voltage, -side), near)
        price, place = beside(pen, part, printed, near, (side,))
        found.append((price + opposite, place))
    return min(found, key=itemgetter(0))[1]


def _voltage(pen: Pen, part: Symbol, side: float, name: str, near: Sequence[Box]) -> list[Box]:
    """+ and - beside the leads, + at the first terminal, and the name between them; the boxes they take."""
    away, aside = max(part.reach + 4 * pen.unit, 11 * pen.unit), side * 7 * pen.unit
    boxes = [plus(pen, part.frame.at(-away, aside)), minus(pen, part.frame.at(away, aside))]
    if name:
        _, place = cheapest(pen, name_between(pen, part, name, side), [*near, *boxes])
        boxes.append(write(pen, place))
    return boxes


def _current(pen: Pen, part: Symbol, near: Sequence[Box]) -> list[Box]:
    """An arrow on a lead, from the first terminal to the second, and its name beside it; the boxes they take."""
    frame, name = part.frame, part.segment.current
    room = (frame.length / 2 - (5.8 * pen.unit if pen.style.nodes == "numbers" else 2.0 * pen.unit) + part.reach) / 2
    # The european current source has its own arrow on the lead behind it.
    leads = [-room] if part.segment.kind in "IGF" and pen.style.name == "european" else [-room, room]
    found: list[tuple[float, float, Place | None]] = []
    for lead in leads:
        if name in _UNNAMED:
            found.append((0.0, lead, None))
            continue
        places = list(_beside_lead(pen, part, lead, name))
        price, place = cheapest(pen, places, near)
        found.append((price, lead, place))
    _, lead, best = min(found, key=itemgetter(0))
    tip = frame.at(lead + 3.2 * pen.unit)
    if pen.style.name == "textbook":
        barbed_head(pen, tip, frame.along)
    else:
        arrow_head(pen, tip, frame.along, width=3.4 if pen.style.name == "american" else 2.6)
    return [] if best is None else [write(pen, best)]


def _beside_lead(pen: Pen, part: Symbol, lead: float, name: str) -> Iterator[Place]:
    (mx, my), level = part.frame.at(lead), part.frame.level
    for scale, price in ((0.9, 0.0), (0.82, 2.0)):
        for side in (1.0, -1.0):
            for farther in (0.0, 4.0):
                x, y = part.frame.at(lead, side * (6.0 + farther) * pen.unit)
                anchor = ("mb" if y < my else "mt") if level else ("lm" if x > mx else "rm")
                yield Place((typeset(pen.style, name, scale),), (x, y), anchor, price + farther / 2, side)


def _label_device(pen: Pen, symbol: DeviceSymbol, crowd: list[Box]) -> DrawnObject:
    device = symbol.device
    places = at_spots(pen, symbol.spots, device.label or device.name)
    return DrawnObject(device.name, device.kind, symbol.box, _write(pen, places, crowd))


def _write(pen: Pen, places: Sequence[Place], crowd: list[Box]) -> Box:
    """Write a label at the cheapest of some places and add its box to the crowd."""
    _, place = cheapest(pen, places, _near(pen, block_box(pen, places[0]), crowd))
    crowd.append(write(pen, place))
    return crowd[-1]


def _near(pen: Pen, box: Box, crowd: Sequence[Box]) -> list[Box]:
    """The boxes of the crowd that a label of what fills `box` could come upon."""
    reach = round(_NEARBY * pen.unit)
    left, top, right, bottom = box[0] - reach, box[1] - reach, box[2] + reach, box[3] + reach
    return [o for o in crowd if o[0] < right and left < o[2] and o[1] < bottom and top < o[3]]


def _leads(pen: Pen, part: Symbol) -> list[Box]:
    frame, segment = part.frame, part.segment
    return [pen.line_box(segment.start, frame.at(-part.reach)), pen.line_box(frame.at(part.reach), segment.end)]


def node_numbers(scene: Scene) -> dict[Point, int]:
    """The electrical node of every junction: 0 for what wires join to a ground, the others numbered from 1 in reading order."""
    wires = Islands()
    for segment in scene.segments:
        if segment.kind == "W":
            wires.join(segment.start, segment.end)
    points = set(_junctions(scene))
    numbers = {wires.root(ground): 0 for ground in scene.grounds}
    following = 1
    for point in sorted(points, key=lambda p: (p[1], p[0])):
        if wires.root(point) not in numbers:
            numbers[wires.root(point)] = following
            following += 1
    return {point: numbers[wires.root(point)] for point in sorted(points)}


def _junctions(scene: Scene) -> Iterator[Point]:
    segments: Sequence[Segment] = scene.segments
    yield from (end for segment in segments for end in (segment.start, segment.end))
    yield from (pin for device in scene.devices for pin in device.pins)
    yield from (rail.at for rail in scene.rails)
