"""Equal shares of every batch for several processes, so that together they compute what one process would.

Processes wait for each other in every micro-batch, so each must have one, with something in it for every part of the model: a process
without a picture would not run the vision tower, whose gradients, or parameters, the others then wait for. Where something is missing a
filler takes its place: a row of the training set with a picture, of which no token is supervised, so that it adds zero to the loss, to
the gradients and to the count of tokens. (accelerate fills up with rows that count twice.)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, cast

from datasets import Dataset, concatenate_datasets
from torch.utils.data import Sampler

from diagramlens.training.conversation import UNSUPERVISED


def with_filler(rows: Dataset, row: Mapping[str, Any]) -> Dataset:
    """The rows, all of them supervised, and behind them `row` as the filler."""
    filler = Dataset.from_list([dict(row)], features=rows.features)
    marked = rows.add_column(UNSUPERVISED, [False] * len(rows))
    return cast(Dataset, concatenate_datasets([marked, filler.add_column(UNSUPERVISED, [True])]))


class Shared(Sampler[int]):
    """Another sampler's indices, then the filler's (the one behind them) up to a multiple of `share`, the rows of a micro-batch of all."""

    def __init__(self, order: Sampler[int], filler: int, share: int) -> None:
        self._order: Any = order
        self._filler = filler
        self._share = share

    def __len__(self) -> int:
        return math.ceil(len(self._order) / self._share) * self._share

    def __iter__(self) -> Iterator[int]:
        yield from self._order
        yield from [self._filler] * (len(self) - len(self._order))
