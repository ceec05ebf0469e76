"""One process of several: which one this is, and parameters that no process holds alone.

The launcher (torchrun, by way of accelerate) tells each process its place by environment variables; without it there is one process.
"""

from __future__ import annotations

import os

import torch


def process_count() -> int:
    """How many processes train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Whether this is the process that writes and speaks."""
    return os.environ.get("RANK", "0") == "0"


def own_device(device: torch.device) -> torch.device:
    """The GPU of this process where several share a machine's GPUs; else the device itself."""
    if device.type != "cuda" or "LOCAL_RANK" not in os.environ:
        return device
    return torch.device("cuda", int(os.environ["LOCAL_RANK"]))


def is_sharded() -> bool:
    """Whether the model, or its optimizer, is dealt among the processes: FSDP and DeepSpeed ZeRO (arXiv:1910.02054)."""
    return any(os.environ.get(f"ACCELERATE_USE_{kind}", "").lower() == "true" for kind in ("FSDP", "DEEPSPEED"))


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """The full value of a parameter or norm, on its device. All processes must ask for the same in the same order.

    FSDP's parts know how to come together (torch.distributed.tensor.DTensor); DeepSpeed lends the whole for a block.
    """
    if hasattr(tensor, "full_tensor"):
        return tensor.full_tensor().detach()
    if hasattr(tensor, "ds_id"):
        from deepspeed.zero import GatheredParameters

        with GatheredParameters([tensor]):
            return tensor.detach().clone()
    return tensor.detach()
