"""The optimizers that `train.optimizer` names, over a phase's parameter groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import torch

from diagramlens.training.phases import ParameterGroup, RecipeError

OptimizerName = Literal["adamw", "paged-adamw-8bit"]

_BETAS, _EPSILON = (0.9, 0.999), 1e-8


def check_optimizer(name: OptimizerName, device: torch.device) -> None:
    """Raise RecipeError where the optimizer does not run on that device."""
    if name == "paged-adamw-8bit" and device.type != "cuda":
        raise RecipeError(
            f"train.optimizer = {name}: its memory is paged between a GPU and the CPU, and this run is on the {device.type}; use adamw"
        )


def build_optimizer(name: OptimizerName, groups: Sequence[ParameterGroup]) -> torch.optim.Optimizer:
    """AdamW (arXiv:1711.05101), or bitsandbytes' with both moments in 8 bits (arXiv:2110.02861), whose state a full GPU moves away.

    Each group of the optimizer says under `component` whose parameters it has. Tensors of fewer than 4,096 numbers keep 32 bits.
    """
    described: list[dict[str, Any]] = [
        {
            "params": list(group.parameters),
            "lr": group.rate,
            "weight_decay": group.weight_decay,
            "component": group.component,
        }
        for group in groups
    ]
    if name == "paged-adamw-8bit":
        from bitsandbytes.optim.adamw import PagedAdamW8bit  # it takes a second to import

        return PagedAdamW8bit(described, betas=_BETAS, eps=_EPSILON)
    return torch.optim.AdamW(described, betas=_BETAS, eps=_EPSILON, fused=True)
