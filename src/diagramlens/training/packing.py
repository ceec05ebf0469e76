"""Several conversations in one row: no padding, none of them sees another, and what they have in common is read once.

What a model gets of a row is what `transformers` understands as packed: a batch of one, no attention mask, and positions that start again
with every conversation. A model with M-RoPE wants four rows of them, the first counting tokens and the others its own `get_rope_index` of
each conversation; with three, or with a mask of ones, conversations would attend to each other and nothing would say so.

Questions about one picture begin with the same tokens: the picture's, and those of the template before it. In a shared row these stand
once, and the conversations branch off behind them: a *tree* of one stem and several branches, each of which sees the stem and itself. The
positions say so: they start again at nought where a tree begins, and at the length of the stem where a further branch does. Since
attention is causal, the stem is what it would be in each conversation alone, so logits and gradients are the same, at fewer tokens, and
what makes the visual tokens runs once a picture.

How the attention is kept apart is decided where it is computed. `eager` is given a mask over the whole row, whose cost grows with the
square of the row. Instead of that, `sdpa` here attends to each tree by itself, and FlashAttention 2, which knows no branches, is told where
each conversation begins. Hence the row's budget may be large everywhere but with `eager`.

The examples of an optimiser step are the same shared, apart and padded, and so is the loss, the mean over their supervised tokens: packing
is only how they go through the model.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from peft import PeftModel
from torch import nn
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, sdpa_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from diagramlens.records import DiagramLensError
from diagramlens.training.conversation import IGNORED, Collator, Encoded

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


def stem_length(conversations: Sequence[Encoded]) -> int:
    """How many tokens the conversations begin with in common, all of them before an answer; 0 for one alone.

    One less than up to the first answer, so that the token behind which an answer begins is the branch's own.

    >>> stem_length([Encoded((5, 6, 7, 8, 9), answer=4), Encoded((5, 6, 1, 2), answer=3)])
    2
    """
    if len(conversations) == 1:
        return 0
    side_by_side = zip(*(conversation.ids for conversation in conversations), strict=False)
    common = sum(1 for _ in itertools.takewhile(lambda tokens: len(set(tokens)) == 1, side_by_side))
    return min(common, *(conversation.answer - 1 for conversation in conversations))


def pack_row(
    batch: Mapping[str, torch.Tensor], rope_index: RopeIndex | None, told: Sequence[int] | None = None
) -> dict[str, torch.Tensor]:
    """A padded batch, as `Collator` gives it, as one row without padding: its conversations one behind the other.

    `told` says of each how many of its first tokens stand in the row already, with an earlier branch of its tree. Gives `input_ids` and
    `labels` (1, tokens), `position_ids` (4, 1, tokens), or (1, tokens) for a model without `rope_index`, and whatever else is in the batch.
    """
    row = dict(batch)
    mask = row.pop("attention_mask")
    counted = mask.cumsum(1) - 1  # (batch, length): each conversation from 0
    real = mask.bool()
    if told is not None:
        real = real & (counted >= torch.tensor(told)[:, None])
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


@dataclasses.dataclass(frozen=True)
class Tree:
    """Conversations that begin with the same `stem` tokens, those of their picture among them; or one conversation."""

    examples: tuple[Mapping[str, Any], ...]
    stem: int

    @property
    def tokens(self) -> int:
        """Tokens in a row."""
        return sum(example[TOKENS] for example in self.examples) - self.stem * (len(self.examples) - 1)


class PackingCollator:
    """Rows of a `conversation_dataset` with the column `tokens` to `rows`, each a batch of one for the model.

    `labels` (1, all tokens) stand beside them for whoever counts supervised tokens. All examples of a step are given at once. Those about
    one picture share it where `shared`, as far as a row holds them.
    """

    def __init__(self, collate: Collator, budget: int, rope_index: RopeIndex | None, *, shared: bool) -> None:
        self._collate = collate
        self._budget = budget
        self._rope_index = rope_index
        self._shared = shared

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        trees = self._trees(examples)
        filled = fill_rows([tree.tokens for tree in trees], self._budget)
        rows = [self._row([trees[index] for index in row]) for row in filled]
        return {"rows": rows, "labels": torch.cat([row["labels"] for row in rows], dim=1)}

    def _trees(self, examples: Sequence[Mapping[str, Any]]) -> list[Tree]:
        """Each example in one tree, trees in the order of their first examples, none longer than a row unless it is one example."""
        grown: list[Tree] = []
        latest: dict[tuple[str, ...], int] = {}  # by the picture
        for example in examples:
            shows = tuple(example["images"])
            place = latest.get(shows) if self._shared and shows else None
            if place is not None and (wider := self._tree((*grown[place].examples, example))).tokens <= self._budget:
                grown[place] = wider
            else:
                latest[shows] = len(grown)
                grown.append(Tree((example,), 0))
        return grown

    def _tree(self, examples: tuple[Mapping[str, Any], ...]) -> Tree:
        return Tree(examples, stem_length([self._collate.encoded(example) for example in examples]))

    def _row(self, trees: Sequence[Tree]) -> dict[str, torch.Tensor]:
        whole = self._collate.completed([example for tree in trees for example in tree.examples])
        told = [tree.stem if branch else 0 for tree in trees for branch in range(len(tree.examples))]
        told += [0] * (len(whole) - len(told))
        row = pack_row(self._collate.texts(whole), self._rope_index, told)
        # A picture lies in the stem, whole: the template puts it before the question. So it is seen with the first branch.
        first = [not stem for example, stem in zip(whole, told, strict=True) for _ in example["images"]]
        if "image_grid_thw" in row:
            row["image_grid_thw"] = row["image_grid_thw"][torch.tensor(first)]
        names = (name for example in whole for name in example["images"])
        return row | self._collate.shown([name for name, seen in zip(names, first, strict=True) if seen])


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


def knows_branches(model: nn.Module) -> bool:
    """Whether the model's attention can be told of branches: all but FlashAttention can."""
    return "flash" not in _bare(model).get_decoder().config._attn_implementation


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
    """Tell the attention layers of a packed row where each tree begins, and what its tokens see.

    Here, and not in the arguments of the whole model: those of Qwen2-VL reach its vision tower too, which has boundaries of its own
    (transformers 5.23).
    """
    counted = _counted(named)
    if counted is None:
        return None
    starts = (counted == 0).nonzero().flatten()
    ends = torch.cat([starts, starts.new_tensor([len(counted)])])
    lengths = ends.diff().tolist()
    own: dict[str, Any]
    match decoder.config._attn_implementation:
        case "sdpa_apart":
            # Where the last branch is as long as the tree, it is the only one.
            masks = [
                seen_by(tree) if last + 1 != len(tree) else None
                for tree, last in zip(counted.split(lengths), counted[ends[1:] - 1].tolist(), strict=True)
            ]
            # A mask of four dimensions is taken as it is, so that none is built for the whole row; it is not looked at.
            own = {"tree_lengths": lengths, "tree_masks": masks, "attention_mask": starts.new_zeros(1, 1, 1, 1)}
        case "flash_attention_2":
            # Else found out anew in every layer, each time waiting for the GPU.
            ends = ends.to(torch.int32)
            own = dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), ends) | dict.fromkeys(
                ("max_length_q", "max_length_k"), max(lengths)
            )
        case "eager":
            seen = torch.block_diag(*(seen_by(tree) for tree in counted.split(lengths)))
            hidden = torch.finfo(decoder.dtype).min
            own = {"attention_mask": torch.zeros_like(seen, dtype=decoder.dtype).masked_fill(~seen, hidden)[None, None]}
        case _:
            return None
    return arguments, named | own


def _counted(named: Mapping[str, Any]) -> torch.Tensor | None:
    """The positions of a row's tokens in their conversations (tokens,), or None for what is no packed row."""
    positions = named.get("position_ids")
    if positions is None or named.get("attention_mask") is not None or named.get("past_key_values") is not None:
        return None
    if positions.ndim == 3 and len(positions) != 4:
        return None
    counted: torch.Tensor = positions[0] if positions.ndim == 3 else positions  # (1, tokens)
    return counted[0] if len(counted) == 1 and counted[0, 0] == 0 else None


def seen_by(counted: torch.Tensor) -> torch.Tensor:
    """Which tokens of a tree (keys) each of them (queries) sees, (tokens, tokens).

    `counted` (tokens,) are their positions in their conversations. A branch begins where these do not go on.

    >>> seen_by(torch.tensor([0, 1, 2, 1])).int()
    tensor([[1, 0, 0, 0],
            [1, 1, 0, 0],
            [1, 1, 1, 0],
            [1, 0, 0, 1]], dtype=torch.int32)
    """
    begins = counted.diff(prepend=counted[:1] - 1) != 1
    branch = begins.cumsum(0)
    stem = counted[begins].amin() if begins.any() else 0
    places = torch.arange(len(counted), device=counted.device)
    return (places <= places[:, None]) & ((places < stem) | (branch == branch[:, None]))


def _attend_apart(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    tree_lengths: list[int] | None = None,
    tree_masks: Sequence[torch.Tensor | None] = (),
    **named: Any,
) -> tuple[torch.Tensor, None]:
    """transformers' sdpa, for each tree of a packed row by itself. `query` is (1, heads, tokens, channels)."""
    if tree_lengths is None:
        return sdpa_attention_forward(module, query, key, value, attention_mask, **named)
    apart = zip(*(tensor.split(tree_lengths, dim=2) for tensor in (query, key, value)), tree_masks, strict=True)
    attended = [sdpa_attention_forward(module, q, k, v, mask, **named)[0] for q, k, v, mask in apart]
    return torch.cat(attended, dim=1), None


ALL_ATTENTION_FUNCTIONS.register(_APART, _attend_apart)
ALL_MASK_ATTENTION_FUNCTIONS.register(_APART, sdpa_mask)
