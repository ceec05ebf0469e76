"""The processes that decode pictures and make batches while the model learns: as many as help, for as long as a phase lasts.

They are begun once a phase and not once an epoch or evaluation, are no more than there are batches, and die with the process that they work
for. Training and validation have some each, which wait while the others work: together they stay within the cores that are theirs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from datasets import Dataset
from torch.utils.data import DataLoader, Sampler

from diagramlens.runtime import die_with_parent

# One decodes some hundred pictures a second, more than a GPU learns from, and holds two batches in memory.
_ENOUGH = 8


def deal(cores: int, batches: int, validation_batches: int) -> tuple[int, int]:
    """How many processes are to load for training and for validation, beside the one that trains.

    `cores` are those of this process; both have so many batches of it to load. Validation has a third, once there are three.

    >>> deal(1, 100, 10), deal(2, 100, 10), deal(4, 100, 10), deal(64, 100, 10), deal(64, 3, 1)
    ((0, 0), (1, 0), (2, 1), (6, 2), (3, 1))
    """
    spare = min(max(0, cores - 1), _ENOUGH)
    validation = min(spare // 3, validation_batches)
    return min(spare - validation, batches), validation


def row_loader(
    rows: Dataset, order: Sampler[int], batch: int, collate: Callable[..., Any], workers: int, *, pinned: bool
) -> DataLoader[Any]:
    """Batches of rows in an order, made by so many processes; by none, they are made here when they are asked for."""
    return DataLoader(
        rows,
        batch_size=batch,
        sampler=order,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        worker_init_fn=_begin,
        # Every start of a loader draws a number. From the common generator, dropout would follow from how often processes are begun.
        generator=torch.Generator(),
        pin_memory=pinned,
    )


def count_batches(order: Any, batch: int, processes: int) -> int:
    """How many batches one of so many processes loads of the rows in that order."""
    return math.ceil(len(order) / (batch * processes))


def _begin(_number: int) -> None:
    die_with_parent()
