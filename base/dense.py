"""Dense targets: what lies in each merged cell (28 pixels square) of a picture, read off the drawing's own geometry.

Next-token loss alone taught a model of this size nothing about pictures in 42,000 of them; with a loss on the merged visual tokens
it read ladders within 16,000. The heads are used in pretraining only and are not part of the model.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from corpus import Sample
from diagramlens.domains.circuits.layout import GRID_LIMIT, Islands, terminals
from diagramlens.domains.circuits.scene import Device, Point, Scene, Segment

CELL = 28
NONE = 0
IGNORE = -100

# What a cell can hold: a part's middle, its kind and the way from its first to its second terminal; the middle of a wire, level or
# upright; a ground; a transistor or op-amp, the side of its first pin and the order of the others; a supply; a port.
_WAYS = ("right", "left", "down", "up")
_SYMBOLS = (
    *(f"{kind} {way}" for kind in "RLCVI" for way in _WAYS),
    "wire level",
    "wire upright",
    "ground",
    *(f"{kind} {way}" for kind in "EGFH" for way in _WAYS),
    *(
        f"{kind} {side} {order}"
        for kind in ("opamp", "npn", "pnp", "nmos", "pmos")
        for side in _WAYS[:2]
        for order in _WAYS[2:]
    ),
    *("VDD", "VCC", "VSS", "VEE"),
    "port",
)
_LETTERS = "RLCVIEGFHQMP"
_MARKS = tuple(f"{quantity}{number}" for quantity in "vi" for number in range(1, 5))
_PLACES = 1 + GRID_LIMIT * GRID_LIMIT  # a junction, by the rank of its row and column

# Heads, and how many classes each tells apart; 0 is "nothing of the sort in this cell".
HEADS = {
    "symbol": 1 + len(_SYMBOLS),
    "letter": 1 + len(_LETTERS),  # a label's letter
    "digit": 10,  # and its number
    "junction": _PLACES,
    # These are asked at symbols only.
    "own_digit": 10,  # the number in its label
    "first": _PLACES,  # the junctions of its terminals
    "second": _PLACES,
    "third": _PLACES,  # of a transistor or op-amp
    "mark": 1 + len(_MARKS),  # the name of the voltage or current marked at a part
    "control": 1 + len(_MARKS),  # the name of what rules a controlled source
    "control_first": _PLACES,  # the terminals of the part that rules it
    "control_second": _PLACES,
    # Junctions and the same terminals as what is joined to them by wires, grounds and rails: the first of those junctions in reading order.
    "node": _PLACES,
    "node_first": _PLACES,
    "node_second": _PLACES,
    "node_third": _PLACES,
}
_EVERYWHERE = ("symbol", "letter", "digit", "junction")


@dataclass(frozen=True)
class Cells:
    """Targets of one picture: head name to an int64 array (rows, columns) of classes."""

    targets: dict[str, np.ndarray]


def cells(sample: Sample) -> Cells:
    """The dense targets of a sample. A cell that two things share keeps the later one."""
    width, height = sample.scene.size
    shape = (height // CELL, width // CELL)
    targets = {name: np.full(shape, NONE if name in _EVERYWHERE else IGNORE, dtype=np.int64) for name in HEADS}
    places = _places(sample.scene)
    node_of = _nodes(sample.scene, places)
    for point, place in places.items():
        targets["junction"][_cell(point, shape)] = place
        targets["node"][_cell(point, shape)] = node_of[place]
    for where, found in _symbols(sample.scene, places):
        joined = {f"node_{end}": node_of[found[end]] for end in ("first", "second", "third") if end in found}
        for name, value in (found | joined).items():
            targets[name][_cell(where, shape)] = value
    for drawn in sample.objects:
        named = re.fullmatch(f"([{_LETTERS}])([1-9])", drawn.name)
        if named:
            x0, y0, x1, y1 = drawn.label
            where = _cell(((x0 + x1) // 2, (y0 + y1) // 2), shape)
            targets["letter"][where], targets["digit"][where] = 1 + _LETTERS.index(named[1]), int(named[2])
    for point in sample.scene.grounds:
        targets["symbol"][_cell((point[0], point[1] + CELL // 3), shape)] = _symbol("ground")
    return Cells(targets)


def _symbols(scene: Scene, places: Mapping[Point, int]) -> Iterator[tuple[Point, dict[str, int]]]:
    """Where each symbol lies, and what the heads are to say there."""
    ruling = {mark: segment for segment in scene.segments for mark in (segment.voltage, segment.current) if mark}
    for segment in scene.segments:
        found = {"first": places[segment.start], "second": places[segment.end]}
        level = segment.start[1] == segment.end[1]
        if segment.kind == "W":
            found["symbol"] = _symbol("wire level" if level else "wire upright")
        else:
            found |= {"symbol": _symbol(f"{segment.kind} {_way(segment)}"), "own_digit": _digit(segment.name)}
        for mark in (segment.voltage, segment.current):
            if mark in _MARKS:
                found["mark"] = 1 + _MARKS.index(mark)
        if segment.control:
            rules = ruling[segment.control]
            found |= {"control_first": places[rules.start], "control_second": places[rules.end]}
            found["control"] = 1 + _MARKS.index(segment.control)
        yield _between(segment.start, segment.end), found
    for device in scene.devices:
        left, top, right, bottom = device.cell
        first, second, third = (places[pin] for pin in device.pins)
        yield (
            _between((left, top), (right, bottom)),
            {"symbol": _symbol(_pose(device)), "own_digit": _digit(device.name)}
            | {"first": first, "second": second, "third": third},
        )
    for rail in scene.rails:
        yield (rail.at[0], rail.at[1] - CELL // 3), {"symbol": _symbol(rail.name), "first": places[rail.at]}
    for port in scene.ports:
        found = {"symbol": _symbol("port"), "own_digit": _digit(port.name), "first": places[port.positive]}
        if port.negative is not None:
            found["second"] = places[port.negative]
        yield _between(port.positive, port.negative or port.positive), found


def _symbol(name: str) -> int:
    return 1 + _SYMBOLS.index(name)


def _digit(name: str) -> int:
    """The number of a part's name as a class; 0 for a name that is none of `R1` to `R9`."""
    return int(name[1:]) if re.fullmatch(r"[A-Z][1-9]", name) else NONE


def _way(segment: Segment) -> str:
    (x0, y0), (x1, y1) = segment.start, segment.end
    if y0 == y1:
        return "right" if x1 > x0 else "left"
    return "down" if y1 > y0 else "up"


def _pose(device: Device) -> str:
    """A device's kind, the side of its first pin (output, collector, drain), and whether its second pin lies above its third or below."""
    (x, _), (_, second), (_, third) = device.pins
    side = "right" if x == device.cell[2] else "left"
    return f"{device.kind} {side} {'down' if second < third else 'up'}"


def _between(first: Point, second: Point) -> Point:
    return (first[0] + second[0]) // 2, (first[1] + second[1]) // 2


def _cell(point: Point, shape: tuple[int, int]) -> tuple[int, int]:
    return min(max(point[1], 0) // CELL, shape[0] - 1), min(max(point[0], 0) // CELL, shape[1] - 1)


def _places(scene: Scene) -> dict[Point, int]:
    points = terminals(scene)
    columns = {x: rank for rank, x in enumerate(sorted({x for x, _ in points}))}
    rows = {y: rank for rank, y in enumerate(sorted({y for _, y in points}))}
    return {(x, y): 1 + rows[y] * GRID_LIMIT + columns[x] for x, y in points}


def _nodes(scene: Scene, places: Mapping[Point, int]) -> dict[int, int]:
    """By the place of each junction, what it is joined to by wires, and by hanging on ground or on one rail: the smallest place of all."""
    islands = Islands()
    pairs = [(segment.start, segment.end) for segment in scene.segments if segment.kind == "W"]
    pairs += pairwise(scene.grounds)
    for name in {rail.name for rail in scene.rails}:
        pairs += pairwise(rail.at for rail in scene.rails if rail.name == name)
    for first, second in pairs:
        islands.join(first, second)
    smallest: dict[Point, int] = {}
    for point, place in sorted(places.items(), key=lambda item: item[1]):
        smallest.setdefault(islands.root(point), place)
    return {place: smallest[islands.root(point)] for point, place in places.items()}


class DenseHeads(nn.Module):
    """Linear classifiers over merged visual tokens, (tokens, width), in the order of the pictures' cells row by row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict({name: nn.Linear(width, classes) for name, classes in HEADS.items()})

    def forward(
        self, tokens: torch.Tensor, targets: Mapping[str, torch.Tensor], weights: Mapping[str, float] | None = None
    ) -> tuple[torch.Tensor, dict[str, Any]]:
        """Weighted mean of the heads' losses, and each head's accuracy on cells that hold something.

        `weights` says how much the loss of a head counts among the others; 1 where nothing is said. Cells with nothing are a loss of their
        own with weight 1, or the many empty ones would drown the rest. A head that has nothing to say of any picture of the batch is left
        out.
        """
        counts = {**dict.fromkeys(HEADS, 1.0), **(weights or {})}
        if unknown := sorted(counts.keys() - HEADS.keys()):
            raise ValueError(f"dense_weights: no head is called {', '.join(unknown)}; there are {', '.join(HEADS)}")
        tokens = self.norm(tokens)
        losses, shares, accuracy = [], [], {}
        for name, head in self.heads.items():
            wanted = targets[name]
            logits = head(tokens).float()
            full, empty = wanted > NONE, wanted == NONE
            if not full.any():
                continue
            losses.append(counts[name] * functional.cross_entropy(logits[full], wanted[full]))
            shares.append(counts[name])
            if name in _EVERYWHERE and empty.any():
                losses.append(functional.cross_entropy(logits[empty], wanted[empty]))
                shares.append(1.0)
            accuracy[name] = (logits[full].argmax(-1) == wanted[full]).float().mean().item()
        return torch.stack(losses).sum() / sum(shares), accuracy
