"""Dense targets: what lies in each merged cell (28 pixels square) of a picture, read off the drawing's own geometry.

Next-token loss alone taught a model of this size nothing about pictures in 42,000 of them; with a loss on the merged visual tokens
it read ladders within 16,000. The heads are used in pretraining only and are not part of the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from corpus import Sample
from diagramlens.domains.circuits.layout import GRID_LIMIT, Point, Scene

CELL = 28
NONE = 0
IGNORE = -100
_KINDS = "RLCVI"

# Heads, and how many classes each tells apart. 0 is "nothing of the sort in this cell".
HEADS = {
    "symbol": 1
    + len(_KINDS) * 4
    + 2
    + 1,  # a part's middle: kind and direction; a wire's middle: level or upright; a ground
    "letter": 1 + len(_KINDS),  # a label's letter
    "digit": 10,  # and its number
    "junction": 1 + GRID_LIMIT * GRID_LIMIT,  # a junction, by the rank of its row and column
    "own_digit": 10,  # at a symbol: the number in its label
    "first": 1 + GRID_LIMIT * GRID_LIMIT,  # at a symbol: the junction of its first terminal
    "second": 1 + GRID_LIMIT * GRID_LIMIT,
}
_AT_SYMBOLS_ONLY = ("own_digit", "first", "second")


@dataclass(frozen=True)
class Cells:
    """Targets of one picture: head name to an int64 array (rows, columns) of classes."""

    targets: dict[str, np.ndarray]


def cells(sample: Sample) -> Cells:
    """The dense targets of a sample. A cell that two things share keeps the later one."""
    width, height = sample.scene.size
    shape = (height // CELL, width // CELL)
    targets = {name: np.full(shape, IGNORE if name in _AT_SYMBOLS_ONLY else NONE, dtype=np.int64) for name in HEADS}
    names = _junction_ranks(sample.scene)
    for point, rank in names.items():
        targets["junction"][_cell(point, shape)] = rank
    for segment in sample.scene.segments:
        (x0, y0), (x1, y1) = segment.start, segment.end
        middle = _cell(((x0 + x1) // 2, (y0 + y1) // 2), shape)
        level = y0 == y1
        if segment.kind == "W":
            targets["symbol"][middle] = 1 + len(_KINDS) * 4 + (0 if level else 1)
        else:
            direction = (0 if x1 > x0 else 1) if level else (2 if y1 > y0 else 3)
            targets["symbol"][middle] = 1 + _KINDS.index(segment.kind) * 4 + direction
            targets["own_digit"][middle] = int(segment.name[1:])
        targets["first"][middle], targets["second"][middle] = names[segment.start], names[segment.end]
    for drawn in sample.objects:
        x0, y0, x1, y1 = drawn.label
        where = _cell(((x0 + x1) // 2, (y0 + y1) // 2), shape)
        if drawn.kind == "ground":
            targets["symbol"][where] = HEADS["symbol"] - 1
        else:
            targets["letter"][where], targets["digit"][where] = 1 + _KINDS.index(drawn.kind), int(drawn.name[1:])
    return Cells(targets)


def _cell(point: Point, shape: tuple[int, int]) -> tuple[int, int]:
    return min(max(point[1], 0) // CELL, shape[0] - 1), min(max(point[0], 0) // CELL, shape[1] - 1)


def _junction_ranks(scene: Scene) -> dict[Point, int]:
    points = {end for segment in scene.segments for end in (segment.start, segment.end)}
    columns = {x: rank for rank, x in enumerate(sorted({x for x, _ in points}))}
    rows = {y: rank for rank, y in enumerate(sorted({y for _, y in points}))}
    return {(x, y): 1 + rows[y] * GRID_LIMIT + columns[x] for x, y in points}


class DenseHeads(nn.Module):
    """Linear classifiers over merged visual tokens, (tokens, width), in the order of the pictures' cells row by row."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.heads = nn.ModuleDict({name: nn.Linear(width, classes) for name, classes in HEADS.items()})

    def forward(self, tokens: torch.Tensor, targets: dict[str, torch.Tensor]) -> tuple[torch.Tensor, dict[str, float]]:
        """Mean loss over the heads, and each head's accuracy on cells that hold something.

        Cells with something and cells with nothing weigh the same in sum, or the many empty ones would drown the rest.
        """
        tokens = self.norm(tokens)
        losses, accuracy = [], {}
        for name, head in self.heads.items():
            wanted = targets[name]
            logits = head(tokens).float()
            full, empty = wanted > NONE, wanted == NONE
            losses.append(functional.cross_entropy(logits[full], wanted[full]))
            if name not in _AT_SYMBOLS_ONLY:
                losses.append(functional.cross_entropy(logits[empty], wanted[empty]))
            accuracy[name] = (logits[full].argmax(-1) == wanted[full]).float().mean().item()
        return torch.stack(losses).mean(), accuracy
