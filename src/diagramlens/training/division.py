"""How the batch of an optimiser step is divided among processes and micro-batches."""

from __future__ import annotations

from diagramlens.training.phases import RecipeError


def division(batch: int, micro_batch: int, processes: int = 1) -> tuple[int, int]:
    """How an effective batch is taken by each process: the micro-batch, and how many of them.

    Raises RecipeError where it does not divide.

    >>> division(32, 8)
    (8, 4)
    >>> division(4, 16)
    (4, 1)
    >>> division(32, 32, processes=4)
    (8, 1)
    """
    if batch % processes:
        raise RecipeError(
            f"train.batch = {batch}: not a multiple of the {processes} processes that share it; change it"
        )
    own = batch // processes
    if own <= micro_batch:
        return own, 1
    if own % micro_batch:
        raise RecipeError(
            f"train.batch = {batch}: not a multiple of models.<name>.micro_batch = {micro_batch}"
            + (f" times {processes} processes" if processes > 1 else "")
            + "; change one of them"
        )
    return micro_batch, own // micro_batch
