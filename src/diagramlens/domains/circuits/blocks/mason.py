"""Mason's gain formula (S. J. Mason, "Feedback theory: further properties of signal flow graphs", 1956).

    T = Σ P_k Δ_k / Δ,   Δ = 1 − Σ L_i + Σ L_i L_j − …

L are the gains of the loops, products being taken of loops that do not touch, P_k those of the forward paths, and Δ_k is Δ of what
path k does not touch. It shares nothing with the elimination of `solving` but the values of the blocks, which is what makes it a check
of it; its cost grows with the number of sets of loops, so that elimination is what answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flint import fmpz_mpoly

from diagramlens.domains.circuits.blocks.graph import Path, forward_paths, loops
from diagramlens.domains.circuits.blocks.solving import gains_of
from diagramlens.domains.circuits.blocks.text import BlockDiagram
from diagramlens.domains.circuits.blocks.values import LAPLACE, Quotient
from diagramlens.domains.circuits.elimination import cancel
from diagramlens.domains.circuits.formula import Formula, formula_of


def mason(diagram: BlockDiagram, source: str, gains: Mapping[str, Quotient], one: fmpz_mpoly) -> Quotient | None:
    """The transfer function from an input to the output, in lowest terms; None where Δ vanishes.

    `gains` are the blocks' transfer functions over one ring, `one` its unit. Raises BlocksError for too many loops or paths.
    """
    around = loops(diagram)
    below = _determinant(around, gains, one)
    if below[0].is_zero():
        return None
    total: Quotient = (one * 0, one)
    for path in forward_paths(diagram, source):
        apart = [loop for loop in around if not loop.touches(path)]
        total = _plus(total, _times(_gain(path, gains, one), _determinant(apart, gains, one)))
    return _times(total, (below[1], below[0]))


def mason_formula(diagram: BlockDiagram, source: str, *, values: bool) -> Formula | None:
    """As `solving.closed_loop`, by Mason's formula; None where the determinant vanishes. Equal transfer functions are equal Formulas."""
    gains = gains_of(diagram, values=values)
    found = mason(diagram, source, gains.of, gains.one)
    if found is None:
        return None
    return formula_of((LAPLACE, *gains.names), [False] * (len(gains.names) + 1), *found)


def _determinant(around: Sequence[Path], gains: Mapping[str, Quotient], one: fmpz_mpoly) -> Quotient:
    """Δ of these loops: with the first loop and without it, Δ = Δ(rest) − L Δ(rest that does not touch it)."""
    if not around:
        return one, one
    first, rest = around[0], around[1:]
    without = _determinant(rest, gains, one)
    apart = _determinant([loop for loop in rest if not loop.touches(first)], gains, one)
    above, below = _times(_gain(first, gains, one), apart)
    return _plus(without, (-above, below))


def _gain(path: Path, gains: Mapping[str, Quotient], one: fmpz_mpoly) -> Quotient:
    found: Quotient = (one * path.sign, one)
    for name in path.elements:
        if name in gains:
            found = _times(found, gains[name])
    return found


def _times(first: Quotient, second: Quotient) -> Quotient:
    return cancel(first[0] * second[0], first[1] * second[1])


def _plus(first: Quotient, second: Quotient) -> Quotient:
    return cancel(first[0] * second[1] + second[0] * first[1], first[1] * second[1])
