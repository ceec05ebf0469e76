"""Packed conversations are the same conversations: logits, losses, gradients and whole trainings, on tiny models of every architecture."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from peft.tuners.tuners_utils import BaseTunerLayer
from torch.nn import functional
from transformers import modeling_flash_attention_utils
from transformers.integrations import flash_attention
from transformers.modeling_flash_attention_utils import prepare_fa_kwargs_from_position_ids

import diagramlens.training.recipe as recipe
from diagramlens.models.families import FAMILIES, family_named
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry
from diagramlens.records import Question
from diagramlens.training.conversation import (
    IGNORED,
    Collator,
    Encoded,
    Encoder,
    Pictures,
    conversation_dataset,
    row_length,
)
from diagramlens.training.features import frozen_features
from diagramlens.training.packing import (
    TOKENS,
    PackingCollator,
    PackingError,
    attending_apart,
    check_lengths,
    fill_rows,
    pack_row,
    rope_index_of,
    rows_of,
    silent,
)
from tests.models.tiny import ARCHITECTURES
from tests.training.killing import Killed, content_of, kill_after

each_family = pytest.mark.parametrize("kind", [next(iter(family.architectures)) for family in FAMILIES.values()])
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)
each_attention = pytest.mark.parametrize("attention", ["sdpa", "eager", "apart"])
each_attention_to_trees = pytest.mark.parametrize("attention", ["apart", "eager apart"])

# ---------------------------------------------------------------------------------------------------------------------------- rows

LENGTHS = st.lists(st.integers(1, 100), max_size=60)


@given(lengths=LENGTHS, budget=st.integers(100, 400))
def test_every_conversation_is_in_one_row_and_no_row_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    rows = fill_rows(lengths, budget)
    assert sorted(itertools.chain.from_iterable(rows)) == list(range(len(lengths)))
    assert all(0 < sum(lengths[index] for index in row) <= budget for row in rows)
    assert fill_rows(lengths, budget) == rows


@given(lengths=LENGTHS, budget=st.integers(100, 400))
def test_rows_are_few(lengths: list[int], budget: int) -> None:
    rows = fill_rows(lengths, budget)
    # No two rows would fit into one, so that at most one is less than half full.
    sums = sorted(sum(lengths[index] for index in row) for row in rows)
    assert all(first + second > budget for first, second in itertools.pairwise(sums))


def test_a_conversation_longer_than_a_row_is_refused_and_never_cut() -> None:
    with pytest.raises(PackingError, match=r"a conversation of 101 tokens; train\.pack_tokens = 100"):
        fill_rows([5, 101], 100)
    with pytest.raises(
        PackingError, match=r"train\.parquet: 1 samples of up to 101 tokens, and train\.pack_tokens = 100"
    ):
        check_lengths({"train": [5, 101], "validation": [7]}, 100, 32768)
    with pytest.raises(
        PackingError, match=r"validation\.parquet: 2 samples of up to 99 tokens, and the model has positions"
    ):
        check_lengths({"train": [5], "validation": [98, 99]}, None, 64)
    check_lengths({"train": [100], "validation": [7]}, 100, 100)


# ------------------------------------------------------------------------------------------------------------------ packed and separate


@dataclasses.dataclass(frozen=True)
class Packing:
    """A tiny model, and ways to pad, pack and run conversations for it."""

    entry: ModelEntry
    collate: Collator
    model: Any
    encoder: Encoder
    pictures: Pictures

    def examples(self, questions: list[Question]) -> list[dict[str, Any]]:
        vision = family_named(self.entry.family).pictures(load_processor(self.entry))
        rows: Any = conversation_dataset(questions)
        return [dict(row) | {TOKENS: row_length(row, self.encoder, vision, self.pictures)} for row in rows]

    def packed(
        self, examples: list[dict[str, Any]], budget: int = 10_000, *, shared: bool = False
    ) -> list[dict[str, Any]]:
        return rows_of(PackingCollator(self.collate, budget, rope_index_of(self.model), shared=shared)(examples))

    def logits(self, row: dict[str, Any]) -> torch.Tensor:
        """(tokens, vocabulary) of a batch of one."""
        inputs = {name: tensor for name, tensor in row.items() if name != "labels"}
        return self.model(**inputs, use_cache=False).logits[0]


@pytest.fixture(scope="module")
def packing_of(entry_of, pictures) -> Callable[[str], Packing]:
    @functools.cache
    def made(kind: str) -> Packing:
        entry = entry_of(kind)
        family, processor = family_named(entry.family), load_processor(entry)
        encoder = Encoder(processor, family.end_of_turn)
        collate = Collator(family.pictures(processor), encoder, pictures)
        return Packing(entry, collate, load_model(entry), encoder, pictures)

    return made


@pytest.fixture
def attending(packing_of, kind: str, attention: str) -> Iterator[Packing]:
    """The model computing attention in that way: transformers' sdpa or eager over a block-diagonal mask, or as while training."""
    packing = packing_of(kind)
    config = packing.model.get_decoder().config
    before = config._attn_implementation
    config._attn_implementation = "eager" if "eager" in attention else "sdpa"
    if "apart" in attention:
        with attending_apart(packing.model):
            yield packing
    else:
        yield packing
    config._attn_implementation = before


def of_all_sorts(questions: list[Question]) -> list[Question]:
    """Pictures of several sizes, one of them twice, and texts without one at both ends and in the middle."""
    plain = [dataclasses.replace(question, diagram_id="") for question in questions]
    return [plain[0], questions[1], questions[2], questions[3], plain[5], questions[6], plain[7]]


@each_attention
@each_architecture
def test_packed_logits_equal_separate_logits(attending: Packing, questions) -> None:
    examples = attending.examples(of_all_sorts(questions))
    with torch.no_grad():
        (row,) = attending.packed(examples)
        together = attending.logits(row).split([example[TOKENS] for example in examples])
        for number, (example, own) in enumerate(zip(examples, together, strict=True)):
            alone = attending.logits(attending.collate([example]))
            torch.testing.assert_close(own, alone, atol=1e-5, rtol=0, msg=lambda told, n=number: f"{n}: {told}")


@each_attention
@each_architecture
def test_no_conversation_sees_another(attending: Packing, questions) -> None:
    examples = attending.examples(of_all_sorts(questions))
    lengths = [example[TOKENS] for example in examples]
    (row,) = attending.packed(examples)
    with torch.no_grad():
        before = attending.logits(row).split(lengths)
        for place in (0, 3):
            ids = row["input_ids"].clone()
            own = ids.split(lengths, dim=1)[place]
            own[own != attending.encoder.picture_id] = attending.encoder.pad_id
            after = attending.logits(row | {"input_ids": ids}).split(lengths)
            assert (before[place] - after[place]).abs().max() > 1e-2
            others = [number for number in range(len(lengths)) if number != place]
            assert all((before[number] - after[number]).abs().max() <= 1e-6 for number in others)


@each_architecture
def test_a_contract_broken_would_be_seen(kind, packing_of, questions) -> None:
    """The check above can fail: without the positions that start anew, conversations attend to each other."""
    packing = packing_of(kind)
    examples = packing.examples(questions[:3])
    with torch.no_grad():
        (row,) = packing.packed(examples)
        leaking = {name: tensor for name, tensor in row.items() if name != "position_ids"}
        if "image_grid_thw" in leaking:
            leaking["mm_token_type_ids"] = (row["input_ids"] == packing.encoder.picture_id).long()
        apart = packing.logits(packing.collate(examples[2:]))
        assert (packing.logits(row)[-len(apart) :] - apart).abs().max() < 1e-5
        assert (packing.logits(leaking)[-len(apart) :] - apart).abs().max() > 1e-2


@each_architecture
def test_labels_and_pictures_are_those_of_the_padded_batch(kind, packing_of, questions) -> None:
    packing = packing_of(kind)
    examples = packing.examples(of_all_sorts(questions))
    padded = packing.collate(examples)
    (row,) = packing.packed(examples)
    assert row["input_ids"].shape == row["labels"].shape == (1, sum(example[TOKENS] for example in examples))
    assert (row["labels"] != IGNORED).sum() == (padded["labels"] != IGNORED).sum()
    for name in ("pixel_values", "image_grid_thw", "pixel_attention_mask"):
        assert (name in row) == (name in padded)
        assert name not in row or torch.equal(row[name], padded[name])
    assert "attention_mask" not in row


# ----------------------------------------------------------------------------------------------------------------------- trees


def several_about_each(questions: list[Question]) -> list[Question]:
    """Pictures with one, two and four questions, not side by side, and texts without a picture."""
    first, second, third = list(dict.fromkeys(question.diagram_id for question in questions))[:3]
    shows = [first, "", second, first, third, first, "", second, first]
    return [
        dataclasses.replace(question, diagram_id=name)
        for question, name in zip(questions[: len(shows)], shows, strict=True)
    ]


def conversations(row: dict[str, Any], logits: torch.Tensor) -> list[tuple[list[int], torch.Tensor]]:
    """The ids and logits of each conversation of a row, stems and branches joined as the positions say."""
    counted = row["position_ids"].reshape(-1, row["input_ids"].shape[1])[0].tolist()
    ids = row["input_ids"][0].tolist()
    joined: list[list[int]] = []  # places in the row
    for place, count in enumerate(counted):
        if not joined or count != len(joined[-1]):
            joined.append(joined[-1][:count] if count else [])
        joined[-1].append(place)
    return [([ids[place] for place in own], logits[own]) for own in joined]


@each_attention_to_trees
@each_architecture
def test_shared_logits_equal_separate_logits(attending: Packing, questions) -> None:
    examples = attending.examples(several_about_each(questions))
    with torch.no_grad():
        (row,) = attending.packed(examples, shared=True)
        found = conversations(row, attending.logits(row))
        assert len(found) == len(examples)
        assert row["input_ids"].shape[1] < sum(example[TOKENS] for example in examples)
        for example in examples:
            batch = attending.collate([example])
            own = next(part for part in found if part[0] == batch["input_ids"][0].tolist())
            found.remove(own)
            torch.testing.assert_close(own[1], attending.logits(batch), atol=1e-5, rtol=0)


@each_architecture
def test_a_shared_row_shows_each_picture_once_and_supervises_the_same(kind, packing_of, questions) -> None:
    packing = packing_of(kind)
    examples = packing.examples(several_about_each(questions))
    apart, shared = (packing.packed(examples, shared=shared)[0] for shared in (False, True))
    names = dict.fromkeys(name for example in examples for name in example["images"])
    once = packing.collate.shown(list(names))
    assert set(shared) == set(apart)
    for name in once:
        assert torch.equal(shared[name], once[name])
    ids, labels = shared["input_ids"], shared["labels"]
    assert sorted(ids[labels != IGNORED].tolist()) == sorted(labels[labels != IGNORED].tolist())
    assert sorted(labels[labels != IGNORED].tolist()) == sorted(apart["labels"][apart["labels"] != IGNORED].tolist())


@given(data=st.data(), budget=st.integers(60, 400))
def test_trees_keep_to_the_budget_and_lose_nothing(data, budget: int) -> None:
    """Over made-up conversations: a picture's 20 tokens, then a question's and an answer's."""
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(["a", "b", ""]), st.integers(2, 20), st.integers(1, 15))))

    class Bare:
        def encoded(self, example: Any) -> Encoded:
            name, asked, answered = example["row"]
            before = tuple(range(100, 120)) if name else ()
            return Encoded((*before, *range(asked), *range(answered)), answer=len(before) + asked)

    bare: Any = Bare()
    examples = [
        {"images": [row[0]] if row[0] else [], "row": row, TOKENS: len(bare.encoded({"row": row}).ids)} for row in drawn
    ]
    trees = PackingCollator(bare, budget, None, shared=True)._trees(examples)
    assert sorted(example["row"] for tree in trees for example in tree.examples) == sorted(drawn)
    for tree in trees:
        encoded = [bare.encoded(example) for example in tree.examples]
        assert len({example["row"][0] for example in tree.examples}) == 1
        assert len(tree.examples) == 1 or tree.tokens <= budget
        assert tree.tokens == tree.stem + sum(len(own.ids) - tree.stem for own in encoded)
        assert all(own.ids[: tree.stem] == encoded[0].ids[: tree.stem] and tree.stem < own.answer for own in encoded)
        assert len(tree.examples) == 1 or (tree.examples[0]["images"] and tree.stem >= 20)


@each_attention_to_trees
@each_family
def test_loss_and_gradients_of_a_shared_step_equal_the_padded_ones(attending: Packing, questions) -> None:
    examples = attending.examples(several_about_each(questions))
    longest = max(example[TOKENS] for example in examples)
    steps = [
        [attending.collate(examples)],
        *(attending.packed(examples, room, shared=True) for room in (10_000, longest + 40)),
    ]
    assert len(steps[1]) == 1 < len(steps[2])
    assert_same_steps(attending.model, steps)


@each_attention
@each_family
def test_loss_and_gradients_of_a_step_equal_the_padded_ones(attending: Packing, questions) -> None:
    examples = attending.examples(of_all_sorts(questions))
    longest = max(example[TOKENS] for example in examples)
    padded = [attending.collate(examples)]
    steps = [
        padded,
        attending.packed(examples),
        attending.packed(examples, longest),
        attending.packed(examples, 2 * longest),
    ]
    assert len(steps[1]) == 1 < len(steps[3]) <= len(steps[2])
    assert_same_steps(attending.model, steps)


def assert_same_steps(model: Any, steps: list[list[dict[str, Any]]]) -> None:
    """That each of these divisions of a step into rows gives the same loss and gradients."""
    expected: dict[str, torch.Tensor] = {}
    for rows in steps:
        loss, gradients = loss_of(model, rows)
        expected = expected or gradients | {"loss": loss}
        torch.testing.assert_close(loss, expected["loss"], atol=1e-5, rtol=1e-5)
        for name, gradient in gradients.items():
            size = expected[name].abs().max().item()
            torch.testing.assert_close(gradient, expected[name], atol=1e-5 * max(size, 1), rtol=1e-4)


def loss_of(model: Any, rows: list[dict[str, Any]]) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """The mean over the supervised tokens of all rows, and the gradient of every parameter."""
    model.zero_grad()
    count = sum(int((row["labels"] != IGNORED).sum()) for row in rows)
    total = torch.zeros(())
    for row in rows:
        inputs = dict(row)
        labels = inputs.pop("labels")[:, 1:]
        logits = model(**inputs, use_cache=False).logits[:, :-1]
        loss = functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), reduction="sum") / count
        loss.backward()
        total += loss.detach()
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    return total, gradients


@each_family
def test_visual_tokens_computed_once_pack_like_pictures(kind, packing_of, pictures, questions) -> None:
    packing = packing_of(kind)
    family, processor = family_named(packing.entry.family), load_processor(packing.entry)
    chosen = of_all_sorts(questions)
    names = [question.diagram_id for question in chosen if question.diagram_id]
    kept = frozen_features(
        packing.model, family.pictures(processor), pictures, names, torch.autocast("cpu", enabled=False)
    )
    collate = Collator(family.pictures(processor), packing.encoder, pictures, kept)
    examples = packing.examples(chosen)
    (live,) = packing.packed(examples)
    (row,) = rows_of(PackingCollator(collate, 10_000, rope_index_of(packing.model), shared=False)(examples))
    with torch.no_grad():
        seen = packing.model.get_image_features(
            **{name: live[name] for name in live if name.startswith(("pixel", "image"))}, return_dict=True
        )
    torch.testing.assert_close(row["visual_tokens"], torch.cat(list(seen.pooler_output)), atol=1e-5, rtol=0)
    assert torch.equal(row["position_ids"], live["position_ids"])
    assert not {"pixel_values", "pixel_attention_mask"} & set(row)


def test_positions_are_the_models_own(packing_of, questions) -> None:
    """The first row counts each conversation's tokens, the others are what the model finds for it alone."""
    packing = packing_of("qwen2_vl")
    examples = packing.examples(of_all_sorts(questions))
    (row,) = packing.packed(examples)
    parts = row["position_ids"].split([example[TOKENS] for example in examples], dim=2)
    for example, own in zip(examples, parts, strict=True):
        alone = packing.collate([example])
        grid = alone.get("image_grid_thw")
        turned, _ = packing.model.model.get_rope_index(
            alone["input_ids"], alone["mm_token_type_ids"], image_grid_thw=grid
        )
        assert torch.equal(own[0, 0], torch.arange(example[TOKENS]))
        assert torch.equal(own[1:], turned)


def test_a_silent_row_adds_nothing(packing_of, questions) -> None:
    packing = packing_of("qwen2_vl")
    rows = packing.packed(packing.examples(questions[:3]))
    loss, gradients = loss_of(packing.model, rows)
    with_silent, same = loss_of(packing.model, [*rows, silent(rows[0])])
    assert torch.equal(loss, with_silent)
    assert all(torch.equal(gradient, same[name]) for name, gradient in gradients.items())


# ------------------------------------------------------------------------------------------------------------------- flash attention


LONGEST = ("max_seqlen_q", "max_seqlen_k")


def reference_varlen(query, key, value, cu_seqlens_q, cu_seqlens_k, max_seqlen_q, max_seqlen_k, **named):
    """What flash_attn_varlen_func computes, by definition: (tokens, heads, channels), each conversation apart."""
    lengths = cu_seqlens_q.diff().tolist()
    assert torch.equal(cu_seqlens_q, cu_seqlens_k)
    assert cu_seqlens_q.dtype == torch.int32
    assert max_seqlen_q == max_seqlen_k == max(lengths)
    parts = zip(*(tensor.transpose(0, 1).split(lengths, dim=1) for tensor in (query, key, value)), strict=True)
    outputs = [functional.scaled_dot_product_attention(*own, is_causal=True, enable_gqa=True) for own in parts]
    return torch.cat(outputs, dim=1).transpose(0, 1)


@each_architecture
def test_flash_attention_is_told_where_each_conversation_begins(kind, packing_of, questions, monkeypatch) -> None:
    """FlashAttention itself needs a GPU: its definition stands in for it, behind transformers' own calls."""
    packing = packing_of(kind)
    examples = packing.examples(of_all_sorts(questions))
    (row,) = packing.packed(examples)
    config = packing.model.get_decoder().config
    calls = []

    def varlen(*arguments, **named):
        calls.append(named["cu_seqlens_q"])
        return reference_varlen(*arguments, **named)

    with torch.no_grad():
        expected = packing.logits(row)
        functions = (
            (None, varlen, None, None, None),
            (lambda **named: {k: named[k] for k in LONGEST if k in named}, None),
        )
        monkeypatch.setattr(modeling_flash_attention_utils, "lazy_import_flash_attention", lambda *_, **__: functions)
        monkeypatch.setattr(flash_attention, "get_target_dtype", lambda *_: None)
        monkeypatch.setattr(config, "_attn_implementation_internal", "flash_attention_2")
        with attending_apart(packing.model):
            torch.testing.assert_close(packing.logits(row), expected, atol=1e-5, rtol=0)
    counted = row["position_ids"].reshape(-1, row["input_ids"].shape[1])[:1]
    (ends, _), _ = prepare_fa_kwargs_from_position_ids(counted)
    assert len(calls) == 2  # layers
    assert all(torch.equal(own, ends) for own in calls)


@each_architecture
def test_padded_batches_and_answers_are_computed_as_before(kind, packing_of, questions) -> None:
    packing = packing_of(kind)
    batch = packing.collate(packing.examples(questions[:3]))
    del batch["labels"]
    with torch.no_grad():
        before = packing.model(**batch).logits, packing.model.generate(**batch, max_new_tokens=4, do_sample=False)
        with attending_apart(packing.model):
            after = packing.model(**batch).logits, packing.model.generate(**batch, max_new_tokens=4, do_sample=False)
    assert torch.equal(before[0], after[0])
    assert torch.equal(before[1], after[1])


# ------------------------------------------------------------------------------------------------------------------- whole trainings


@pytest.fixture(scope="module")
def short(settings, lora) -> dict[str, Any]:
    """Three steps without dropout, whose draws depend on the shape of what is dropped from."""
    return {
        "settings": settings.model_copy(
            update={"epochs": 1.0, "evaluations": 1, "packing": "shared", "pack_tokens": 150}
        ),
        "lora": lora.model_copy(update={"dropout": 0.0}),
    }


@pytest.fixture(params=["lora", "full"])
def how(request: pytest.FixtureRequest, phase) -> Any:
    """The language model over visual tokens computed once, or everything, pictures being seen anew."""
    parts = ("language",) if request.param == "lora" else ("vision", "merger", "language", "head")
    return phase(**dict.fromkeys(parts, (request.param, 1e-4)))


@each_family
def test_packed_training_is_padded_training(kind, how, train, entry_of, short, questions) -> None:
    mixed = of_all_sorts(questions) + questions[3:8]
    named = short | {"entry": entry_of(kind), "training": mixed}
    packed = train(how, **named)
    padded = train(how, **named | {"settings": short["settings"].model_copy(update={"packing": "none"})})
    for one, other in zip(packed.trained.curves, padded.trained.curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=2e-4)
    assert (
        packed.trained.metrics["phases"]["phase"]["supervised_tokens"]
        == (padded.trained.metrics["phases"]["phase"]["supervised_tokens"])
    )
    assert packed.trained.metrics["best_validation_loss"] == pytest.approx(
        padded.trained.metrics["best_validation_loss"], abs=2e-4
    )


@pytest.mark.parametrize("budget", [150, 4096])
def test_a_killed_packed_training_ends_in_the_same_bytes(budget, train, settings, monkeypatch, tmp_path) -> None:
    packed = settings.model_copy(update={"packing": "shared", "pack_tokens": budget})  # with dropout
    whole = train(settings=packed)
    kill_after(3, monkeypatch)
    with pytest.raises(Killed):
        train(settings=packed, where=tmp_path)
    resumed = train(settings=packed, where=tmp_path)
    assert content_of(resumed.adapter) == content_of(whole.adapter)
    assert resumed.trained == whole.trained


def test_attention_is_as_it_was_after_training(train, short, monkeypatch) -> None:
    models = []
    untouched = recipe.load_model

    def load(*arguments, **named):
        models.append(untouched(*arguments, **named))
        return models[-1]

    monkeypatch.setattr(recipe, "load_model", load)
    train(**short | {"settings": short["settings"].model_copy(update={"precision": "bf16"})})
    assert all(module.cast_input_dtype_enabled for module in models[0].modules() if isinstance(module, BaseTunerLayer))
    decoder = models[0].get_decoder()
    assert decoder.config._attn_implementation == "sdpa"
    assert not decoder._forward_pre_hooks


def test_a_sample_that_no_row_holds_is_one_line(train, short) -> None:
    tight = short["settings"].model_copy(update={"pack_tokens": 30})
    with pytest.raises(PackingError, match=r"train\.parquet: 12 samples .* train\.pack_tokens = 30; raise it to \d+"):
        train(**short | {"settings": tight})


def test_rows_of_a_padded_batch_is_the_batch(packing_of, questions) -> None:
    packing = packing_of("qwen2_vl")
    batch = packing.collate(packing.examples(questions[:2]))
    assert rows_of(batch) == [batch]
    row = pack_row(packing.collate(packing.examples(questions[:1])), rope_index_of(packing.model))
    assert torch.equal(row["input_ids"], packing.collate(packing.examples(questions[:1]))["input_ids"])
