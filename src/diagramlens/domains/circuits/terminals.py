"""What hangs on a junction or joins it: grounds, supply rails, ports, dots, printed node numbers, and wires that hop over another."""

from __future__ import annotations

import math
from collections import Counter

from diagramlens.domains.circuits.labels import Strip, around
from diagramlens.domains.circuits.marks import arrow_head, dot, open_terminal
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.pen import Pen, box_around
from diagramlens.domains.circuits.scene import Box, Point, Port, Rail, Scene, Segment

_HOP = 5.0
_NEGATIVE_SUPPLIES = ("VSS", "VEE")


def draw_wire(pen: Pen, wire: Segment, crossings: tuple[Point, ...]) -> None:
    """Draw a wire. Where it is level it hops over what it crosses, unless the style sets dots at joints, which tell them apart."""
    (x0, y0), (x1, y1) = wire.start, wire.end
    hops = (
        []
        if not pen.style.hops or y0 != y1
        else sorted(x for x, y in crossings if y == y0 and min(x0, x1) < x < max(x0, x1))
    )
    if not hops:
        pen.line([wire.start, wire.end])
        return
    radius = _HOP * pen.unit
    path: list[tuple[float, float]] = [(min(x0, x1), y0)]
    for x in hops:
        path += [(x - radius * math.cos(math.pi * k / 10), y0 - radius * math.sin(math.pi * k / 10)) for k in range(11)]
    pen.line([*path, (max(x0, x1), y0)])


def draw_ground(pen: Pen, at: Point, triangle: bool) -> DrawnObject:
    """A ground symbol that hangs on a point."""
    x, y = float(at[0]), float(at[1])
    drop = 7.0 * pen.unit
    pen.line([(x, y), (x, y + drop)])
    if triangle:
        pen.polygon([(x - 7 * pen.unit, y + drop), (x + 7 * pen.unit, y + drop), (x, y + drop + 7 * pen.unit)])
    else:
        for row, half in enumerate((8.0, 5.0, 2.0)):
            level = y + drop + row * 3.5 * pen.unit
            pen.line([(x - half * pen.unit, level), (x + half * pen.unit, level)], weight=0.9)
    box = box_around([(x - 8 * pen.unit, y + drop), (x + 8 * pen.unit, y + drop + 7 * pen.unit)])
    return DrawnObject("ground", "ground", box, box)


def draw_rail(pen: Pen, rail: Rail) -> tuple[Box, list[Strip]]:
    """A supply's bar or arrow, above its point or, for a negative one, below; returns its box and the places of its name."""
    (x, y), unit = rail.at, pen.unit
    way = 1.0 if rail.name in _NEGATIVE_SUPPLIES else -1.0
    end = y + way * (12.0 if pen.style.nodes == "numbers" else 8.0) * unit
    pen.line([rail.at, (x, end)])
    if pen.style.rail == "arrow":
        arrow_head(pen, (x, end + way * 3 * unit), (0, way))
        box = box_around([(x - 4 * unit, y), (x + 4 * unit, end + way * 3 * unit)])
        gap = 6.0
    else:
        pen.line([(x - 8 * unit, end), (x + 8 * unit, end)], weight=1.5)
        box = box_around([(x - 8 * unit, y), (x + 8 * unit, end + way * unit)])
        gap = 3.0
    outward = "b" if way < 0 else "t"
    places = around(pen, (x, end), rail.name, gap, {"m" + outward: 0.0})
    for scale, price in ((1.0, 2.0), (0.85, 4.0)):
        sides = {"lm": price, "rm": price + 0.5}
        places += around(pen, (x, end), rail.name, 10.0, sides, scale)
    return box, places


def draw_port(pen: Pen, port: Port) -> tuple[Box, list[Strip]]:
    """A port's open circles, to be drawn before the nodes; returns the box round them and the places of its name.

    Where nodes are numbered the circles go round the numbers' circles.
    """
    radius = 8.4 if pen.style.nodes == "numbers" else 3.6
    box = open_terminal(pen, port.positive, radius)
    if port.negative is not None:
        other = open_terminal(pen, port.negative, radius)
        box = box_around([box[:2], box[2:], other[:2], other[2:]])
    prices = {"lm": 0.0, "rm": 0.2, "mb": 0.4, "mt": 0.6, "lb": 1.0, "rb": 1.2, "lt": 1.4, "rt": 1.6}
    places = around(pen, port.positive, port.name, radius + 2.4, prices)
    places += around(pen, port.positive, port.name, radius + 1.4, {a: price + 4.0 for a, price in prices.items()}, 0.85)
    return box, places


def draw_nodes(pen: Pen, scene: Scene, numbers: dict[Point, int]) -> list[Box]:
    """Dots, rings or numbers at the junctions, as the style says; returns the boxes of what has a shape of its own."""
    if pen.style.nodes == "none":
        return []
    if pen.style.nodes == "numbers":
        radius = 5.8 * pen.unit
        for point, number in numbers.items():
            pen.circle(point, radius, fill="paper", weight=0.6)
            pen.text(point, "mm", [(str(number), 9.0, 0.0)])
        return [box_around([(x - radius, y - radius), (x + radius, y + radius)]) for x, y in numbers]
    meeting = Counter(end for segment in scene.segments for end in (segment.start, segment.end))
    joints = set(meeting)
    meeting.update(scene.grounds)
    meeting.update(pin for device in scene.devices for pin in device.pins)
    meeting.update(rail.at for rail in scene.rails)
    ports = {end for port in scene.ports for end in (port.positive, port.negative)}
    for point in sorted(joints - ports):
        if pen.style.nodes == "rings":
            pen.circle(point, 2.8 * pen.unit, fill="paper", weight=0.8)
        elif meeting[point] >= 3:
            dot(pen, point)
    return []
