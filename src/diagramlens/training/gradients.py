"""Gradients that must be there, and those that may be missing.

A step whose samples show no picture gives the vision tower and the merger none, which is zero. Everywhere else a missing gradient is a
defect, of a library or of this code (a graph cut off by gradient checkpointing over frozen weights, a 4-bit layer that does not
differentiate), and training would go on without it and report a loss. So it ends the phase.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from diagramlens.records import DiagramLensError

SEEING = frozenset({"vision", "merger"})  # the components that a sample without a picture does not pass through
_REMEDY = (
    "training would go on without it; diagramlens check --forward shows which parameters gradients reach; try another runtime.attention, "
    "models.<name>.gradient_checkpointing: false, or four_bit: false"
)


class GradientError(DiagramLensError):
    """A component that is to be trained and gets no gradient."""


def shows_pictures(row: Mapping[str, Any]) -> bool:
    """Whether pixels go through the vision part with that row."""
    return "pixel_values" in row


def check_loss(loss: torch.Tensor, row: Mapping[str, Any], trained: Collection[str]) -> None:
    """Raise GradientError where a row's loss depends on nothing that is trained, and must: `trained` are the phase's components."""
    lost = sorted(component for component in trained if component not in SEEING or shows_pictures(row))
    if lost and not loss.requires_grad:
        raise GradientError(f"no gradient reaches {' and '.join(lost)}: the loss depends on none of it; {_REMEDY}")


def fill_gradients(groups: Sequence[Mapping[str, Any]], seen: bool) -> None:
    """Put zero where a parameter of the optimizer's `groups` may have no gradient: `seen` says whether a row of the step showed a picture.

    AdamW is to take it as zero however rows are divided. Raises GradientError for a matrix that must have one; a vector that has none
    (in some kernels a bias that moves nothing) is let through.
    """
    missing: Counter[str] = Counter()
    for group in groups:
        for parameter in group["params"]:
            if parameter.grad is None:
                missing[group["component"]] += parameter.ndim >= 2 and (seen or group["component"] not in SEEING)
                parameter.grad = torch.zeros_like(parameter)
    lost = {component: count for component, count in missing.items() if count}
    if lost:
        matrices = Counter[str]()
        for group in groups:
            matrices[group["component"]] += sum(parameter.ndim >= 2 for parameter in group["params"])
        told = " and ".join(f"{count} of {matrices[name]} matrices of {name}" for name, count in sorted(lost.items()))
        raise GradientError(f"no gradient reaches {told}: {_REMEDY}")
