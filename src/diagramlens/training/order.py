"""The order of samples: picture by picture, shuffled by seed and epoch, the same after a resume."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence

from torch.utils.data import Sampler


class ByPicture(Sampler[int]):
    """Sample indices such that questions about one picture follow each other, in an order drawn from seed and epoch.

    `pictures` names each sample's picture, "" where it has none. An incomplete batch comes last. Inside a batch samples are sorted by
    `lengths` where these are given: micro-batches that are padded then hold samples of like length. Which samples make a batch depends
    neither on that nor on its division into micro-batches.
    """

    def __init__(self, pictures: Sequence[str], batch: int, seed: int, lengths: Sequence[int] | None = None) -> None:
        groups: dict[str, list[int]] = {}
        for index, picture in enumerate(pictures):
            groups.setdefault(picture or f"without {index}", []).append(index)
        self._groups = list(groups.values())
        self._count = len(pictures)
        self._batch = batch
        self._seed = seed
        self._lengths = lengths
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch whose order comes next; the trainer calls this, also when it resumes."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        order = self._order_of(self._epoch)
        for start in range(0, len(order), self._batch):
            batch, lengths = order[start : start + self._batch], self._lengths
            yield from sorted(batch, key=lambda index: lengths[index]) if lengths is not None else batch

    def batch_of(self, step: int) -> list[int]:
        """The samples of an optimiser step, the first of the phase being 1, of all processes together."""
        epoch, number = divmod(step - 1, math.ceil(self._count / self._batch))
        return self._order_of(epoch)[number * self._batch : (number + 1) * self._batch]

    def _order_of(self, epoch: int) -> list[int]:
        groups = list(self._groups)
        random.Random(f"{self._seed} {epoch}").shuffle(groups)
        return [index for group in groups for index in group]
