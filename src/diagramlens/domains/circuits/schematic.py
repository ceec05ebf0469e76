"""The netlist of a drawing, read back from its pixels alone."""

from __future__ import annotations

from diagramlens.domains.circuits.layout import GRID_LIMIT, JUNCTION_NAMES, terminals
from diagramlens.domains.circuits.scene import Device, Point, Port, Rail, Scene, Segment

# Last line of the truth of a picture in which node numbers are printed.
NODES_PRINTED = "; label_nodes=all\n"


def schematic(drawn: Scene) -> str:
    """The netlist of a drawing as lcapy schematic text, one line a segment, device, rail, port and ground.

    Terminals at one point are one junction, named by the rank of its row and column. Lines stand in reading order, grounds last.
    Each segment's hints begin with the direction from its first to its second terminal; then follow the marks and the label
    that are printed: `v=…`, `i=…`, `l=…`. Values stand behind the nodes.
    """
    points = terminals(drawn)
    columns = {x: rank for rank, x in enumerate(sorted({x for x, _ in points}))}
    rows = {y: rank for rank, y in enumerate(sorted({y for _, y in points}))}
    names = {(x, y): JUNCTION_NAMES[rows[y] * GRID_LIMIT + columns[x]] for x, y in points}
    ruling = {mark: part for part in drawn.segments for mark in (part.voltage, part.current) if mark}

    lines = [(reading_order(part), _segment(part, names, ruling)) for part in drawn.segments]
    lines += [((box[1], box[0], 2), _device(device, names)) for device in drawn.devices for box in (device.cell,)]
    lines += [((rail.at[1], rail.at[0], 3), _rail(rail, names)) for rail in drawn.rails]
    lines += [((port.positive[1], port.positive[0], 4), _port(port, names)) for port in drawn.ports]
    grounds = sorted(drawn.grounds, key=lambda point: (point[1], point[0]))
    texts = [text for _, text in sorted(lines)] + [f"W {names[ground]} 0; down, ground" for ground in grounds]
    return "\n".join(texts) + "\n"


def reading_order(part: Segment) -> tuple[int, int, int]:
    """Where a segment in pixels stands among others: by the row, then the column of its upper left end, level before upright."""
    (x, y), (_, other) = sorted((part.start, part.end), key=lambda point: (point[1], point[0]))
    return y, x, int(other != y)


def _segment(part: Segment, names: dict[Point, str], ruling: dict[str, Segment]) -> str:
    words = [part.name, names[part.start], names[part.end]]
    if part.kind in "EG":
        words += [names[ruling[part.control].start], names[ruling[part.control].end]]
    elif part.kind in "FH":
        words.append(ruling[part.control].name)
    hints = [_direction(part)]
    hints += [f"{key}={text}" for key, text in (("v", part.voltage), ("i", part.current), ("l", part.label)) if text]
    return f"{_joined(words, part.value)}; {', '.join(hints)}"


def _device(device: Device, names: dict[Point, str]) -> str:
    first, second, third = (names[pin] for pin in device.pins)
    if device.kind == "opamp":
        words = [device.name, first, "0", device.kind, second, third]
        return f"{_joined(words, device.value)}; l={device.label or device.name}"
    hint = f"; l={device.label}" if device.label else ""
    return _joined([device.name, first, second, third, device.kind], device.value) + hint


def _rail(rail: Rail, names: dict[Point, str]) -> str:
    direction = "down" if rail.value.startswith("-") else "up"
    return f"{_joined([rail.name, names[rail.at], '0'], rail.value)}; {direction}, supply"


def _port(port: Port, names: dict[Point, str]) -> str:
    if port.negative is None:
        return f"{port.name} {names[port.positive]} 0; down, port"
    ends = port.positive, port.negative
    return f"{port.name} {names[ends[0]]} {names[ends[1]]}; {_way(*ends)}, port"


def _joined(words: list[str], value: str) -> str:
    return " ".join([*words, value] if value else words)


def _direction(part: Segment) -> str:
    return _way(part.start, part.end)


def _way(start: Point, end: Point) -> str:
    if start[1] == end[1]:
        return "right" if end[0] > start[0] else "left"
    return "down" if end[1] > start[1] else "up"
