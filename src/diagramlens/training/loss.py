"""The loss of a batch: summed over its supervised tokens, so that whoever divides it says by how many."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import torch
from torch import nn
from torch.nn import functional
from transformers.modeling_outputs import BaseModelOutputWithPooling

from diagramlens.training.conversation import IGNORED


def summed_loss(model: nn.Module, batch: Mapping[str, Any]) -> tuple[torch.Tensor, torch.Tensor]:
    """The negative log-likelihoods of a batch's supervised tokens, summed, in nats, and how many tokens those are.

    `batch` holds the model's inputs and `labels`, (batch, length), in which what is not supervised is IGNORED; where it holds
    `visual_tokens`, (tokens, width), the pictures have been through the vision part already. Logits are computed in the columns that
    supervise something and in no others.
    """
    inputs = dict(batch)
    targets = inputs.pop("labels")[:, 1:]  # (batch, length - 1)
    columns = (targets != IGNORED).any(0).nonzero().flatten()
    targets = targets[:, columns]
    visual = inputs.pop("visual_tokens", None)
    if visual is not None:
        inputs["mm_encoder_outputs"] = {"image": BaseModelOutputWithPooling(pooler_output=cast(Any, (visual,)))}
    logits = model(**inputs, logits_to_keep=columns, use_cache=False).logits.float()  # (batch, columns, vocabulary)
    summed = functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="sum")
    return summed, (targets != IGNORED).sum()
