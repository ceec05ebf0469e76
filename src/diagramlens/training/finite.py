"""Numbers that have become infinite or none at all end a phase, before a step spoils the weights with them or a checkpoint keeps them.

transformers would go on (it logs the average of earlier losses instead), and every weight is no number after the next step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NoReturn

import torch

from diagramlens.records import DiagramLensError

_NAMED = 32  # questions of a batch that a message names
_TOO_FAST = (
    "lower models.<name>.rate_scale or train.max_grad_norm, lengthen train.warmup, or set train.precision to fp32; the last checkpoint "
    "before it stays"
)
_FROM_THE_START = (
    "nothing has been learnt yet, so it is no matter of rates: set train.precision to fp32 or runtime.attention to eager, and see what "
    "diagramlens check --forward says of the model"
)


class NotFiniteError(DiagramLensError):
    """A loss, a gradient or a weight that is infinite or no number."""


def stop(what: str, phase: str, step: int, questions: Sequence[str] = ()) -> NoReturn:
    """Raise NotFiniteError: `what` is not finite in a step of the phase (the first is 1), whose batch asks these questions.

    Without questions it is what the weights, as they are after the step, lead to.
    """
    asked = f", whose batch asks {_listed(questions)}" if questions else ""
    raise NotFiniteError(
        f"phase {phase}, step {step}{asked}: {what} is not a finite number; {_FROM_THE_START if questions and step == 1 else _TOO_FAST}"
    )


def _listed(questions: Sequence[str]) -> str:
    more = f" and {len(questions) - _NAMED} more" if len(questions) > _NAMED else ""
    return ", ".join(questions[:_NAMED]) + more


def not_finite(weights: Mapping[str, torch.Tensor]) -> list[str]:
    """The names of those weights that hold an infinite value or none."""
    return [name for name, weight in weights.items() if not weight.isfinite().all()]
