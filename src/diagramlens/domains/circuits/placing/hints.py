"""Places that a netlist states itself: names of junctions (our own truths), or the directions behind its parts (lcapy schematics)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from diagramlens.domains.circuits.layout import GRID_LIMIT, JUNCTION_NAMES, box_of, terminals
from diagramlens.domains.circuits.netlist import GROUND, Netlist, Part, is_supply
from diagramlens.domains.circuits.placing.nets import device_pins, is_device
from diagramlens.domains.circuits.placing.printing import Printed, as_segment
from diagramlens.domains.circuits.placing.row import STEP
from diagramlens.domains.circuits.scene import Device, Point, Port, Rail, Scene, Segment

_WAYS = {"right": (1, 0), "left": (-1, 0), "down": (0, 1), "up": (0, -1)}
_SYMBOLS = {"ground", "sground", "rground", "cground"}


class HintsError(Exception):
    """Hints that fix no places: what is wrong with them. Whoever gets it places the parts otherwise."""


def by_names(netlist: Netlist, printed: Mapping[str, Printed]) -> Scene | None:
    """The picture, in units, of a truth of our own, whose junctions are named by their places; None for any other netlist."""
    names = set(netlist.nodes) - {GROUND}
    if not names or not names <= set(JUNCTION_NAMES):
        return None
    places = {name: divmod(JUNCTION_NAMES.index(name), GRID_LIMIT) for name in names}
    try:
        drawn = _collect(
            netlist, {name: (column * STEP, row * STEP) for name, (row, column) in places.items()}, printed
        )
        refuse_overlaps(drawn)
    except HintsError:
        return None
    return drawn


def by_directions(netlist: Netlist, printed: Mapping[str, Printed]) -> Scene | None:
    """The picture, in units, of a netlist whose every part says its direction; None where none does.

    Raises HintsError where only some do, or where they contradict each other or lay one thing upon another.
    """
    shown = [part for part in netlist.parts if _is_level_or_upright(part)]
    ways = {part.name: _way_of(part) for part in shown if part.kind != "W"}
    if not any(ways.values()):
        return None
    for part in netlist.parts:
        if is_device(part):
            raise HintsError(f"the place of {part.name} does not follow from directions")
    silent = next((name for name, way in ways.items() if way is None), None)
    if silent is not None:
        raise HintsError(f"{silent} says no direction")
    xs, ys = (_coordinates(shown, axis) for axis in (0, 1))
    drawn = _collect(netlist, {node: (xs[node], ys[node]) for node in xs}, printed)
    refuse_overlaps(drawn)
    return drawn


def _is_level_or_upright(part: Part) -> bool:
    """Whether a part is drawn as a line from one of its nodes to the other."""
    return not is_device(part) and not (_SYMBOLS & set(part.hints)) and not is_rail(part) and not _is_open(part)


def is_rail(part: Part) -> bool:
    """Whether a part is a supply's symbol."""
    return is_supply(part) and "supply" in part.hints and part.nodes[1] == GROUND


def _is_open(part: Part) -> bool:
    return part.kind == "P" and (part.nodes[1] == GROUND or _way_of(part) is None)


def _way_of(part: Part) -> tuple[int, int, int] | None:
    """Steps to the right and down of a part's second node from its first, and its length in units."""
    for hint in part.hints:
        word, _, size = hint.partition("=")
        if word.strip() in _WAYS:
            try:
                length = round(float(size) * STEP) if size else STEP
            except ValueError:
                raise HintsError(f"{part.name}: {hint!r} states no length") from None
            return (*_WAYS[word.strip()], max(1, length))
    return None


def _coordinates(parts: Iterable[Part], axis: int) -> dict[str, int]:
    """Each node's place on an axis: longest paths over parts along it, nodes joined by parts across it being at one place."""
    parts = list(parts)
    group = {node: node for part in parts for node in part.nodes[:2]}

    def root(node: str) -> str:
        while group[node] != node:
            node = group[node]
        return node

    along: list[tuple[str, str, int]] = []
    for part in parts:
        way = _way_of(part)
        if way is None:
            continue
        first, second = part.nodes[:2]
        if way[axis] == 0:
            group[root(first)] = root(second)
        else:
            along.append((first, second, way[2]) if way[axis] > 0 else (second, first, way[2]))
    steps = [(root(first), root(second), length) for first, second, length in along]
    place = dict.fromkeys({root(node) for node in group}, 0)
    for _ in range(len(place) + 1):
        changed = False
        for first, second, length in steps:
            if place[second] < place[first] + length:
                place[second], changed = place[first] + length, True
        if not changed:
            break
    else:
        raise HintsError("its directions contradict each other")
    # What nothing holds on its near side comes as near to what follows as it may.
    held = {second for _, second, _ in steps}
    for first in {first for first, _, _ in steps} - held:
        place[first] = min(place[second] - length for start, second, length in steps if start == first)
    return {node: place[root(node)] for node in group}


def _collect(netlist: Netlist, at: Mapping[str, Point], printed: Mapping[str, Printed]) -> Scene:
    """Everything drawn, at points. Raises HintsError for what lies neither level nor upright, or has no place."""
    segments: list[Segment] = []
    grounds: list[Point] = []
    devices: list[Device] = []
    rails: list[Rail] = []
    ports: list[Port] = []

    def spot(node: str, part: Part) -> Point:
        if node not in at:
            raise HintsError(f"node {node} of {part.name} has no place")
        return at[node]

    for part in netlist.parts:
        if is_device(part):
            pins = tuple(spot(node, part) for node in device_pins(part))
            cell, label = box_of(pins), printed[part.name].label
            devices.append(
                Device(str(part.model), part.name, part.value or "", (pins[0], pins[1], pins[2]), cell, label)
            )
        elif is_rail(part):
            rails.append(Rail(part.name, part.value or "", spot(part.nodes[0], part)))
        elif part.kind == "W" and _SYMBOLS & set(part.hints):
            grounds.append(spot(part.nodes[0], part))
        elif part.kind == "P":
            far = None if part.nodes[1] == GROUND and GROUND not in at else spot(part.nodes[1], part)
            ports.append(Port(part.name, spot(part.nodes[0], part), far))
        else:
            segments.append(_segment(part, spot(part.nodes[0], part), spot(part.nodes[1], part), printed))
    if GROUND in at and not grounds:
        grounds.append(at[GROUND])
    crossings = crossings_of(part for part in segments if part.kind == "W")
    return Scene((0, 0), tuple(segments), tuple(grounds), tuple(devices), tuple(rails), tuple(ports), crossings)


def _segment(part: Part, start: Point, end: Point, printed: Mapping[str, Printed]) -> Segment:
    way = _way_of(part)
    found = tuple((b > a) - (b < a) for a, b in zip(start, end, strict=True))
    if way is None or found != way[:2]:
        raise HintsError(f"{part.name} cannot lie as its direction says")
    return Segment("W", "W", "", start, end) if part.kind == "W" else as_segment(part, start, end, printed)


def crossings_of(wires: Iterable[Segment]) -> tuple[Point, ...]:
    """Where a level and an upright wire run through each other."""
    levels: list[tuple[Point, Point]] = []
    uprights: list[tuple[Point, Point]] = []
    for wire in wires:
        start, end = sorted((wire.start, wire.end))
        (levels if start[1] == end[1] else uprights).append((start, end))
    found: set[Point] = set()
    for (left, y), (right, _) in levels:
        found.update((x, y) for (x, top), (_, foot) in uprights if left < x < right and top < y < foot)
    return tuple(sorted(found))


def refuse_overlaps(drawn: Scene) -> None:
    """Raise HintsError where a line runs over another, or a terminal lies on a line that it does not end."""
    points = terminals(drawn)
    crossed = set(drawn.crossings)
    seen: dict[tuple[Point, Point], Segment] = {}
    for part in drawn.segments:
        start, end = sorted((part.start, part.end))
        if (start, end) in seen and (part.kind != "W" or seen[start, end].kind != "W"):
            raise HintsError(f"{part.name} and {seen[start, end].name} lie on one another")
        seen[start, end] = part
        for x, y in points - {start, end}:
            if start[0] <= x <= end[0] and start[1] <= y <= end[1] and (x, y) not in crossed:
                raise HintsError(f"{part.name} runs over a node that it is not joined to")
    parts = [part for part in drawn.segments if part.kind != "W"]
    for part in parts:
        for other in drawn.segments:
            if other is not part and crossings_of((part, other)):
                raise HintsError(f"{part.name} and {other.name} lie on one another")
