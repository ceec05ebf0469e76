"""Symbols with three terminals that fill a cell of the grid: op-amps and transistors.

Which way a symbol faces is read off its pins: an op-amp points from its inputs to its output, a transistor has its channel on the
side that its first and last pin share. Leads leave the symbol level and run along the cell's upright sides to the corners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from diagramlens.domains.circuits.marks import arrow_head, minus, plus
from diagramlens.domains.circuits.pen import Pen, Spot, box_around
from diagramlens.domains.circuits.scene import Box, Device

_TRIANGLE = (18.0, 19.0)  # half of an op-amp's length and height
_INPUT = 9.5  # how far an op-amp's inputs lie above and below its middle
_CONTACT = 8.0  # the same for a transistor's two contacts


@dataclass(frozen=True)
class DeviceSymbol:
    """A device once drawn: its box, the boxes that its ink and leads fill, and the spots where its label may stand, best first.

    A spot is a point and the anchor of the text there, as `Pen.text` takes them.
    """

    device: Device
    box: Box
    ink: tuple[Box, ...]
    spots: tuple[tuple[Spot, str], ...]


def draw_device(pen: Pen, device: Device) -> DeviceSymbol:
    """Draw an op-amp or a transistor and its leads."""
    return _opamp(pen, device) if device.kind == "opamp" else _transistor(pen, device)


def _opamp(pen: Pen, device: Device) -> DeviceSymbol:
    output, positive, negative = device.pins
    x, y = _middle(device.cell)
    facing = 1.0 if output[0] > positive[0] else -1.0
    # Nothing but its own leads lies in the cell, so a narrow cell has a smaller triangle.
    scale = min(pen.unit, (device.cell[2] - device.cell[0]) / 48, (device.cell[3] - device.cell[1]) / 48)
    long, high, spread = _TRIANGLE[0] * scale, _TRIANGLE[1] * scale, _INPUT * scale
    tip, back = x + facing * long, x - facing * long
    pen.polygon([(back, y - high), (tip, y), (back, y + high)])
    above, below = sorted((positive, negative), key=lambda pin: pin[1])
    leads = [
        [above, (above[0], y - spread), (back, y - spread)],
        [below, (below[0], y + spread), (back, y + spread)],
        [(tip, y), (output[0], y), output],
    ]
    for lead in leads:
        pen.line(lead)
    sign, arm = back + facing * 5.5 * scale, 2.8 * scale / pen.unit
    plus(pen, (sign, y - spread if positive == above else y + spread), arm)
    minus(pen, (sign, y - spread if negative == above else y + spread), arm)
    box = box_around([(back, y - high), (tip, y + high)])
    # The box without the two corners that a triangle leaves free, in steps.
    steps = [
        box_around(
            [
                (back + facing * long * k / 2, y - high * (4 - k) / 4),
                (back + facing * long * (k + 1) / 2, y + high * (4 - k) / 4),
            ]
        )
        for k in range(4)
    ]
    free = -1.0 if output[1] > y else 1.0  # the half into which the output does not turn
    corner = "l" if facing > 0 else "r"
    edge = x + facing * 2 * scale
    spots: list[tuple[Spot, str]] = [
        ((edge, y + free * (high - 4 * scale)), corner + ("b" if free < 0 else "t")),
        ((edge, y - free * (high - 4 * scale)), corner + ("t" if free < 0 else "b")),
        ((x, y - high), "mb"),
        ((x, y + high), "mt"),
    ]
    return DeviceSymbol(device, box, (*steps, *_lead_boxes(pen, leads)), tuple(spots))


def _transistor(pen: Pen, device: Device) -> DeviceSymbol:
    first, control, last = device.pins
    side = float(first[0])
    y = _middle(device.cell)[1]
    inward = 1.0 if control[0] > first[0] else -1.0
    down = 1.0 if last[1] > first[1] else -1.0  # from the first contact to the last
    unit = 1.3 * min(pen.unit, (device.cell[3] - device.cell[1]) / 48)
    spread = _CONTACT * unit
    draw = _bipolar if device.kind in ("npn", "pnp") else _mos
    plate = draw(pen, device.kind, (side, y), inward, down, unit)
    corners = [(side, y - spread - 2 * unit), (plate, y + spread + 2 * unit)]
    if pen.style.encircled:
        centre, radius = side + inward * 6.5 * unit, 15.5 * unit
        pen.circle((centre, y), radius, weight=0.8)
        corners = [(centre - radius, y - radius), (centre + radius, y + radius)]
    box = box_around(corners)
    leads = [
        [(plate, y), (control[0], y), control],
        [first, (side, y - down * spread)],
        [(side, y + down * spread), last],
    ]
    for lead in leads:
        pen.line(lead)
    outer, inner = ("r", "l") if inward > 0 else ("l", "r")
    near, far = sorted((box[0], box[2]), key=lambda x: abs(x - side))
    outside, inside = near - inward * 4 * unit, far + inward * 2 * unit
    quarter = (device.cell[3] - device.cell[1]) / 2 - 2 * unit
    spots: list[tuple[Spot, str]] = [
        ((outside, y), outer + "m"),
        ((inside, y - 3 * unit), inner + "b"),
        ((inside, y + 3 * unit), inner + "t"),
        ((outside, y - 10 * unit), outer + "m"),
        ((outside, y + 10 * unit), outer + "m"),
        ((plate, y - quarter), inner + "t"),
        ((plate, y + quarter), inner + "b"),
    ]
    return DeviceSymbol(device, box, (box, *_lead_boxes(pen, leads)), tuple(spots))


def _bipolar(pen: Pen, kind: str, at: Spot, inward: float, down: float, unit: float) -> float:
    """Base bar and two slanted contacts, an arrow on the emitter; returns where the base's lead starts."""
    (side, y), spread = at, _CONTACT * unit
    bar = side + inward * 11 * unit
    pen.line([(bar, y - 9 * unit), (bar, y + 9 * unit)], weight=1.8)
    collector, emitter = (side, y - down * spread), (side, y + down * spread)
    inner_emitter = (bar, y + down * 3.5 * unit)
    pen.line([(bar, y - down * 3.5 * unit), collector])
    pen.line([inner_emitter, emitter])
    way = (emitter[0] - inner_emitter[0], emitter[1] - inner_emitter[1])
    out = kind == "npn"  # the arrow shows the way of the current: out of an npn's emitter, into a pnp's
    share = 0.92 if out else 0.2
    tip = (inner_emitter[0] + way[0] * share, inner_emitter[1] + way[1] * share)
    arrow_head(pen, tip, way if out else (-way[0], -way[1]), 6.0 * unit / pen.unit, 3.0 * unit / pen.unit)
    return bar


def _mos(pen: Pen, kind: str, at: Spot, inward: float, down: float, unit: float) -> float:
    """Channel, gate plate and contacts; returns where the gate's lead starts.

    What tells the source from the drain is the arrow on it, or, in the european symbol, the bulk that is tied to it.
    """
    (side, y), spread = at, _CONTACT * unit
    channel, gate = side + inward * 8.5 * unit, side + inward * 12.5 * unit
    if pen.style.name == "european":  # an enhancement channel, in three pieces, with the bulk's arrow
        for part in (-1, 0, 1):
            pen.line([(channel, y + (part * 7 - 2.6) * unit), (channel, y + (part * 7 + 2.6) * unit)], weight=1.4)
        pen.line([(channel, y), (side, y), (side, y + down * spread)])
        bulk = (channel, y) if kind == "nmos" else (side, y)
        arrow_head(pen, bulk, (inward if kind == "nmos" else -inward, 0), 6.5 * unit / pen.unit, 3.4 * unit / pen.unit)
    else:
        pen.line([(channel, y - 10 * unit), (channel, y + 10 * unit)], weight=1.4)
    pen.line([(gate, y - 7.5 * unit), (gate, y + 7.5 * unit)], weight=1.4)
    for way in (-1.0, 1.0):
        pen.line([(channel, y + way * spread), (side, y + way * spread)])
    if pen.style.name == "european":
        return gate
    source = y + down * spread
    out = kind == "nmos"
    tip = (side + inward * 1.0 * unit, source) if out else (channel - inward * 0.5 * unit, source)
    arrow_head(pen, tip, (-inward if out else inward, 0), 6.0 * unit / pen.unit, 3.0 * unit / pen.unit)
    if out or pen.style.name == "american":
        return gate
    bubble = 2.4 * unit
    pen.circle((gate + inward * bubble, y), bubble, weight=0.9)
    return gate + inward * 2 * bubble


def _middle(cell: Box) -> Spot:
    return (cell[0] + cell[2]) / 2, (cell[1] + cell[3]) / 2


def _lead_boxes(pen: Pen, leads: Sequence[Sequence[Spot]]) -> list[Box]:
    return [pen.line_box(a, b) for lead in leads for a, b in pairwise(lead)]
