"""Fraction-free elimination over integer polynomials in many variables.

Bareiss (1968) keeps every entry a minor of the matrix, so that each division is exact and nothing grows beyond the determinant. Here
each row remembers the pivot of the last step that changed it and is divided by that one, so that rows which a step does not touch cost
nothing: in a circuit's sparse matrix that is most of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from flint import Ordering, fmpq_mpoly_ctx, fmpz_mpoly_ctx

# fmpz_mpoly or fmpq_mpoly: what is done here is the same for both, which a union of the two types cannot say.
Polynomial = Any
Row = dict[int, Polynomial]


@lru_cache(maxsize=256)
def ring(variables: int, *, fractions: bool = False) -> tuple[Any, tuple[Polynomial, ...]]:
    """The ring of s (generator 0) and as many other variables, with its generators; over the integers, or over fractions."""
    names = ("s", *(f"x{index}" for index in range(variables)))
    context = (fmpq_mpoly_ctx if fractions else fmpz_mpoly_ctx).get(names, Ordering.degrevlex)
    return context, context.gens()


def eliminate(rows: list[Row], size: int, one: Polynomial) -> tuple[Polynomial, Polynomial] | None:
    """The quotient c·A⁻¹·b of the bordered matrix [[A, b], [c, 0]], as numerator and denominator; None when A is singular.

    Every stored row is its `level` times the row of the Schur complement, `level` being the pivot of the last step that changed it.
    """
    rows = [{col: value for col, value in row.items() if not value.is_zero()} for row in rows]
    level = [one] * (size + 1)
    last = one
    active = set(range(size))
    for _ in range(size):
        chosen = _pivot(rows, active, size)
        if chosen is None:
            return None
        pivot_index, pivot_col = chosen
        active.remove(pivot_index)
        pivot_row = rows[pivot_index]
        if level[pivot_index] is not last:
            divisor = level[pivot_index]
            pivot_row = {col: value * last / divisor for col, value in pivot_row.items()}
        pivot = pivot_row.pop(pivot_col)
        for index in (*active, size):
            row = rows[index]
            factor = row.pop(pivot_col, None)
            if factor is None:
                continue
            divisor = level[index]
            changed = {col: pivot * value for col, value in row.items()}
            for col, value in pivot_row.items():
                product = factor * value
                changed[col] = changed[col] - product if col in changed else -product
            rows[index] = {
                col: value if divisor.is_one() else value / divisor
                for col, value in changed.items()
                if not value.is_zero()
            }
            level[index] = pivot
        last = pivot
    return -rows[size].get(size, one * 0), level[size]


def _pivot(rows: Sequence[Row], active: set[int], size: int) -> tuple[int, int] | None:
    """The non-zero entry whose elimination fills in least (Markowitz), with the fewest terms among those."""
    count = [0] * (size + 1)
    for index in (*active, size):
        for col in rows[index]:
            count[col] += 1
    best: tuple[int, int, int, int] | None = None
    for index in active:
        row = rows[index]
        width = len(row) - 1
        for col, value in row.items():
            if col < size:
                candidate = (width * (count[col] - 1), len(value), index, col)
                if best is None or candidate < best:
                    best = candidate
    return None if best is None else best[2:]


def cancel(numerator: Polynomial, denominator: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Both without their greatest common divisor."""
    common = numerator.gcd(denominator)
    return (numerator, denominator) if common.is_one() else (numerator / common, denominator / common)
