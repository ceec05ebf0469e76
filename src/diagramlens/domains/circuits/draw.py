"""Draws a placed circuit: symbols first, then part by part its label where there is room, its voltage's signs, its current's arrow.

Where values or many marks are printed, all of these are arranged together (`arrange`). A picture costs about two milliseconds, three
to ten times as many where it is arranged; circuitikz takes half a second. The second result of `draw` are the boxes of what was drawn, in
pixels, for detection and for the pretraining's dense targets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

from PIL import Image

from diagramlens.domains.circuits.arrange import arranged, nearby, read_by_place, type_for
from diagramlens.domains.circuits.devices import draw_device
from diagramlens.domains.circuits.labels import Place, Strip, at_spots, beside, cheapest, name_between, usual_box, write
from diagramlens.domains.circuits.layout import Islands
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import REFERENCE_PITCH, Pen
from diagramlens.domains.circuits.png import encode_png
from diagramlens.domains.circuits.scene import Box, Point, Scene, Segment
from diagramlens.domains.circuits.signs import (
    beside_lead,
    draw_arrow,
    draw_signs,
    leads_for_arrow,
    printed_mark,
    usual_signs,
)
from diagramlens.domains.circuits.styles import Style
from diagramlens.domains.circuits.symbols import Symbol, draw_symbol
from diagramlens.domains.circuits.terminals import draw_ground, draw_nodes, draw_port, draw_rail, draw_wire

__all__ = ["DrawnObject", "draw", "encode_png", "node_numbers"]


def draw(scene: Scene, style: Style, pitch: int = REFERENCE_PITCH) -> tuple[Image.Image, list[DrawnObject]]:
    """The picture (RGB, of `scene.size`) and the boxes of its symbols: parts, devices, rails, ports and grounds in the scene's order.

    `pitch` scales lines and type.
    """
    by_place = read_by_place(scene)
    pen = Pen(scene.size, type_for(style, pitch / REFERENCE_PITCH) if by_place else style, pitch)
    wires = [segment for segment in scene.segments if segment.kind == "W"]
    for wire in wires:
        draw_wire(pen, wire, scene.crossings)
    parts = [draw_symbol(pen, segment) for segment in scene.segments if segment.kind != "W"]
    devices = [draw_device(pen, device) for device in scene.devices]
    rails = [draw_rail(pen, rail) for rail in scene.rails]
    grounds = [draw_ground(pen, at, bool(devices) and style.ground == "triangle") for at in scene.grounds]
    ports = [draw_port(pen, port) for port in scene.ports]
    marks = draw_nodes(pen, scene, node_numbers(scene) if style.nodes == "numbers" else {})

    crowd = [box for part in parts for box in (part.box, *part.signs)] + [ground.box for ground in grounds]
    crowd += [box for device in devices for box in device.ink] + [box for box, _ in (*rails, *ports)] + marks
    crowd += [pen.line_box(wire.start, wire.end) for wire in wires]
    crowd += [box for part in parts for box in _leads(pen, part)]
    others = [
        _Other(
            device.device.name,
            device.device.kind,
            device.box,
            at_spots(device.spots, device.device.label or device.device.name),
        )
        for device in devices
    ]
    others += [_Other(rail.name, "rail", *drawn) for rail, drawn in zip(scene.rails, rails, strict=True)]
    others += [_Other(port.name, "port", *drawn) for port, drawn in zip(scene.ports, ports, strict=True)]
    label = _label_by_place if by_place else _label_in_turn
    objects = label(pen, parts, others, crowd)
    return pen.picture(), objects + grounds


class _Other(NamedTuple):
    """A device, rail or port once drawn, and where its label can stand."""

    name: str
    kind: str
    box: Box
    strips: list[Strip]


def _label_in_turn(pen: Pen, parts: Sequence[Symbol], others: Sequence[_Other], crowd: list[Box]) -> list[DrawnObject]:
    """Write what stands beside each symbol, one after the other."""
    objects = [_label_part(pen, part, crowd) for part in parts]
    for other in others:
        place = cheapest(pen, other.strips, nearby(pen, usual_box(pen, other.strips[0]), crowd)).place
        crowd.append(write(pen, place))
        objects.append(DrawnObject(other.name, other.kind, other.box, crowd[-1], len(place.block.rows)))
    return objects


def _label_by_place(
    pen: Pen, parts: Sequence[Symbol], others: Sequence[_Other], crowd: Sequence[Box]
) -> list[DrawnObject]:
    """Write what stands beside the symbols once everything has found its place."""
    found, places = arranged(pen, parts, [other.strips for other in others], crowd)
    objects = []
    for part, beside_it in zip(parts, found, strict=True):
        if beside_it.signs is not None:
            draw_signs(pen, part, beside_it.signs)
        if beside_it.arrow is not None:
            draw_arrow(pen, part, beside_it.arrow)
        name, kind, label = part.segment.name, part.segment.kind, beside_it.label
        objects.append(DrawnObject(name, kind, part.box, write(pen, label), len(label.block.rows)))
        for mark in (beside_it.voltage, beside_it.current):
            if mark is not None:
                write(pen, mark)
    for other, place in zip(others, places, strict=True):
        objects.append(DrawnObject(other.name, other.kind, other.box, write(pen, place), len(place.block.rows)))
    return objects


def _label_part(pen: Pen, part: Symbol, crowd: list[Box]) -> DrawnObject:
    """Write what stands beside a part: its label, its voltage, its current. Adds their boxes to the crowd."""
    segment, near = part.segment, nearby(pen, part.box, crowd)
    place = _best_place(pen, part, printed_mark(segment.voltage), near)
    written = [write(pen, place)]
    if segment.voltage:
        written += _voltage(pen, part, -place.side, [*near, *written])
    if segment.current:
        written += _current(pen, part, [*near, *written])
    crowd += written
    return DrawnObject(segment.name, segment.kind, part.box, written[0], len(place.block.rows))


def _best_place(pen: Pen, part: Symbol, voltage: str, near: Sequence[Box]) -> Place:
    """The place of a part's label, on the side that leaves the other for the name of its voltage where it has one."""
    if not voltage:
        return beside(pen, part, part.segment.printed, near).place
    found = []
    for side in (1.0, -1.0):
        opposite = cheapest(pen, name_between(pen, part, voltage, -side), near)
        label = beside(pen, part, part.segment.printed, near, (side,))
        found.append((label.price + opposite.price, label.place))
    return min(found, key=itemgetter(0))[1]


def _voltage(pen: Pen, part: Symbol, side: float, near: Sequence[Box]) -> list[Box]:
    """+ and - beside the leads, and their name between them; the boxes they take."""
    boxes = draw_signs(pen, part, usual_signs(pen, part, side))
    if name := printed_mark(part.segment.voltage):
        boxes.append(write(pen, cheapest(pen, name_between(pen, part, name, side), [*near, *boxes]).place))
    return boxes


def _current(pen: Pen, part: Symbol, near: Sequence[Box]) -> list[Box]:
    """An arrow on a lead and its name beside it; the boxes they take."""
    name, leads = printed_mark(part.segment.current), leads_for_arrow(pen, part)
    if not name:
        draw_arrow(pen, part, leads[0])
        return []
    found = [(cheapest(pen, beside_lead(pen, part, lead, name), near), lead) for lead in leads]
    best, lead = min(found, key=lambda pair: pair[0].price)
    draw_arrow(pen, part, lead)
    return [write(pen, best.place)]


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
