"""Several conversations in one row: no padding, and none of them sees another.

What a model gets of a row is what `transformers` understands as packed: a batch of one, no attention mask, and positions that start again
with every conversation. A model with M-RoPE wants four rows of them, the first counting tokens and the others its own `get_rope_index` of
each conversation; with three, or with a mask of ones, conversations would attend to each other and nothing would say so.

How the attention is kept apart is decided where it is computed. `eager` builds a block-diagonal mask, whose cost grows with the square of
the row. Instead of that, `sdpa` here attends to each conversation by itself, and FlashAttention 2 is told where each begins. On two cores
a model of 6 million parameters takes 0.79 s of processor time for a step of 32 examples in one row of 3,400 tokens so, 2.02 s through a
mask, and 0.83 s padded; hence the row's budget may be large everywhere but with `eager`.

The examples of an optimiser step are the same packed and padded, and so is the loss, the mean over their supervised tokens: packing is only
how they go through the model.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from diagramlens.records import DiagramLensError
from diagramlens.training.conversation import IGNORED

TOKENS = "tokens"  # the column of a dataset that holds the length of each conversation, pictures included
_APART = "sdpa_apart"

# Takes what a model's `get_rope_index` takes, and returns positions (3, batch, length) and offsets.
RopeIndex = Callable[..., tuple[torch.Tensor, torch.Tensor]]


class PackingError(DiagramLensError):
    """A conversation that does not fit into a row."""


# ------------------------------------------------------------------------------------------------------------------------ rows


def fill_rows(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Deal conversations of these lengths, in tokens, to rows of at most `budget` tokens; rows of indices, each ascending.

    Best fit decreasing: the longest first, each into the fullest row that has room, which takes at most 11/9 of the fewest rows possible
    (Johnson et al., SIAM J. Comput. 3, 1974). The same lengths give the same rows. Raises PackingError for a conversation longer than that.

    >>> fill_rows([5, 3, 4, 2], 7)
    [[0, 3], [1, 2]]
    """
    rows: list[list[int]] = []
    room: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda index: -lengths[index]):
        length = lengths[index]
        if length > budget:
            raise PackingError(f"a conversation of {length} tokens; train.pack_tokens = {budget} must be at least that")
        fitting = [row for row, left in enumerate(room) if left >= length]
        if fitting:
            row = min(fitting, key=lambda row: room[row])
            rows[row].append(index)
            room[row] -= length
        else:
            rows.append([index])
            room.append(budget - length)
    return sorted(sorted(row) for row in rows)


def check_lengths(lengths: Mapping[str, Sequence[int]], budget: int | None, positions: int) -> None:
    """Raise PackingError where a sample is longer than a row of `budget` tokens, or than the model's `positions`.

    `lengths` holds the numbers of tokens by the name of the split. Nothing is ever cut off: an answer without its end, or a picture
    without its last tokens, would teach something else. What is too long for any model is set aside, and counted, by the split stage.
    """
    for split, counts in lengths.items():
        for limit, key in ((positions, "the model has positions for"), (budget, "train.pack_tokens =")):
            too_long = sum(1 for count in counts if limit is not None and count > limit)
            if too_long:
                remedy = (
                    "lower models.<name>.max_pixels or split.max_bytes"
                    if limit == positions
                    else f"raise it to {max(counts)} at least, or lower models.<name>.max_pixels or split.max_bytes"
                )
                raise PackingError(
                    f"data/split/{split}.parquet: {too_long} samples of up to {max(counts)} tokens, and {key} {limit}; {remedy}"
                )


def pack_row(batch: Mapping[str, torch.Tensor], rope_index: RopeIndex | None) -> dict[str, torch.Tensor]:
    """A padded batch, as `Collator` gives it, as one row without padding: its conversations one behind the other.

    Gives `input_ids` and `labels` (1, tokens), `position_ids` (4, 1, tokens), or (1, tokens) for a model without `rope_index`, and the
    pictures as they were, since they lie in the order of the conversations either way.
    """
    row = dict(batch)
    mask = row.pop("attention_mask")
    real = mask.bool()
    counted = mask.cumsum(1) - 1  # (batch, length): each conversation from 0
    positions = counted[real][None]
    types = row.pop("mm_token_type_ids", None)
    if rope_index is not None:
        turned, _ = rope_index(row["input_ids"], types, image_grid_thw=row.get("image_grid_thw"), attention_mask=mask)
        positions = torch.cat([counted[None], turned])[:, real][:, None]
    # The labels of the first tokens are ignored in every conversation, so that none is taken for the continuation of its neighbour.
    return row | {
        "input_ids": row["input_ids"][real][None],
        "labels": row["labels"][real][None],
        "position_ids": positions,
    }


class PackingCollator:
    """Rows of a `conversation_dataset` with the column `tokens` to `rows`, each a batch of one for the model.

    `labels` (1, all tokens) stand beside them for whoever counts supervised tokens. All examples of a step are given at once.
    """

    def __init__(
        self,
        collate: Callable[[Sequence[Mapping[str, Any]]], dict[str, torch.Tensor]],
        budget: int,
        rope_index: RopeIndex | None,
    ) -> None:
        self._collate = collate
        self._budget = budget
        self._rope_index = rope_index

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        filled = fill_rows([example[TOKENS] for example in examples], self._budget)
        rows = [pack_row(self._collate([examples[index] for index in row]), self._rope_index) for row in filled]
        return {"rows": rows, "labels": torch.cat([row["labels"] for row in rows], dim=1)}


def rows_of(batch: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What of a batch goes through the model at once: each of its packed rows, or a padded batch whole."""
    return list(batch["rows"]) if "rows" in batch else [dict(batch)]


def silent(row: Mapping[str, Any]) -> dict[str, Any]:
    """The row with no token supervised: a pass through the model that teaches nothing."""
    return dict(row) | {"labels": torch.full_like(row["labels"], IGNORED)}


# ------------------------------------------------------------------------------------------------------------------- attention


def rope_index_of(model: nn.Module) -> RopeIndex | None:
    """The model's own way to three-dimensional positions; None where they have one dimension."""
    index: RopeIndex | None = getattr(_bare(model).model, "get_rope_index", None)
    return index


@contextlib.contextmanager
def attending_apart(model: nn.Module) -> Iterator[None]:
    """Inside the block, packed rows cost the language model what their conversations cost by themselves.

    Everything else, generating and padded batches, is computed as before.
    """
    decoder = _bare(model).get_decoder()
    before = decoder.config._attn_implementation
    if before == "sdpa":
        decoder.config._attn_implementation = _APART
    hook = decoder.register_forward_pre_hook(_say_where_each_begins, with_kwargs=True)
    try:
        yield
    finally:
        hook.remove()
        decoder.config._attn_implementation = before


def _bare(model: nn.Module) -> Any:
    return model.get_base_model() if isinstance(model, PeftModel) else model


def _say_where_each_begins(decoder: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Tell the attention layers of a packed row where each conversation begins.

    Here, and not in the arguments of the whole model: those of Qwen2-VL reach its vision tower too, which has boundaries of its own
    (transformers 5.23).
    """
    starts = _starts(named)
    if starts is None:
        return None
    ends = torch.cat([starts, starts.new_tensor([named["position_ids"].shape[-1]])])
    lengths = ends.diff().tolist()
    own: dict[str, Any]
    match decoder.config._attn_implementation:
        case "sdpa_apart":
            # A mask of four dimensions is taken as it is, so that no block-diagonal one is built; it is not looked at.
            own = {"conversation_lengths": lengths, "attention_mask": starts.new_zeros(1, 1, 1, 1)}
        case "flash_attention_2":
            # Else found out anew in every layer, each time waiting for the GPU.
            ends = ends.to(torch.int32)
            own = dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), ends) | dict.fromkeys(
                ("max_length_q", "max_length_k"), max(lengths)
            )
        case _:
            return None
    return arguments, named | own


def _starts(named: Mapping[str, Any]) -> torch.Tensor | None:
    """Where the conversations of a row begin (conversations,), or None for what is no packed row."""
    positions = named.get("position_ids")
    if positions is None or named.get("attention_mask") is not None or named.get("past_key_values") is not None:
        return None
    if positions.ndim == 3 and len(positions) != 4:
        return None
    counted = positions[0] if positions.ndim == 3 else positions  # (1, tokens)
    starts = (counted[0] == 0).nonzero().flatten()
    return starts if len(counted) == 1 and len(starts) and starts[0] == 0 else None


def _attend_apart(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    conversation_lengths: list[int] | None = None,
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' sdpa, for each conversation of a packed row by itself. `query` is (1, heads, tokens, channels)."""
    if conversation_lengths is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **named)
    apart = zip(*(tensor.split(conversation_lengths, dim=2) for tensor in (query, key, value)), strict=True)
    return torch.cat([sdpa_attention_forward(module, q, k, v, None, **named)[0] for q, k, v in apart], dim=1), None


ALL_ATTENTION_FUNCTIONS.register(_APART, _attend_apart)
ALL_MASK_ATTENTION_FUNCTIONS.register(_APART, sdpa_mask)
