"""What every recipe of params.yaml must do on every family, on tiny random models: one suite, so that a new family is held to all of it."""

from __future__ import annotations

import dataclasses
import functools
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

import diagramlens.training.recipe as recipe
from diagramlens.export.merge import (
    Sample,
    can_measure_four_bit,
    measure_shift,
    merge_adapter,
    merged_entry,
    shift_between,
)
from diagramlens.inference import TransformersAnswerer
from diagramlens.models.families import FAMILIES, component_of, family_named, linear_modules, plain_name
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry, Recipe, read_yaml
from diagramlens.records import Question
from diagramlens.training.conversation import Collator, Encoder, Pictures, conversation_dataset
from diagramlens.training.phases import attach_lora, in_four_bit, is_adapter, lora_components, set_trainable
from tests.models.tiny import ARCHITECTURES
from tests.training.killing import Killed, content_of, kill_after

PARAMS = Path(__file__).parents[2] / "params.yaml"
RECIPES = {name: Recipe.model_validate(content) for name, content in read_yaml(PARAMS)["recipes"].items()}
# These three hold every mode in every place: 4-bit and not, full and lora, one phase and two. The others are tried by `make test-slow`.
SOON = ("r1-llm-only", "r3-two-stage", "full")

each_family = pytest.mark.parametrize("kind", [next(iter(family.architectures)) for family in FAMILIES.values()])
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)
each_recipe = pytest.mark.parametrize(
    "name", [name if name in SOON else pytest.param(name, marks=pytest.mark.slow) for name in RECIPES]
)


@pytest.fixture(scope="module")
def quick(settings, lora) -> dict[str, Any]:
    """Three steps without dropout, so that two ways to the same place can be compared."""
    return {
        "settings": settings.model_copy(update={"epochs": 1.0, "evaluations": 1, "checkpoints": 3}),
        "lora": lora.model_copy(update={"dropout": 0.0}),
    }


@pytest.fixture(scope="module")
def trained(train, entry_of, quick) -> Callable[[str, str], Any]:
    """A model of that kind trained by that recipe, once for all tests."""

    @functools.cache
    def run(kind: str, name: str) -> Any:
        return train(*RECIPES[name].phases, entry=entry_of(kind), **quick)

    return run


def collator_of(entry: ModelEntry, pictures: Pictures) -> Collator:
    family, processor = family_named(entry.family), load_processor(entry)
    return Collator(family.pictures(processor), Encoder(processor, family.end_of_turn), pictures)


def samples_of(pictures: Pictures, questions: list[Question]) -> list[Sample]:
    samples = []
    for question in questions:
        png = io.BytesIO()
        pictures.open(question.diagram_id).save(png, "PNG")
        samples.append(Sample(png.getvalue(), question.prompt, question.answer))
    return samples


# ------------------------------------------------------------------------------------------------------------------ what a phase trains


@each_recipe
@each_family
def test_gradients_flow_to_exactly_what_each_phase_trains(kind, name, entry_of, lora, pictures, questions) -> None:
    entry, phases = entry_of(kind), RECIPES[name].phases
    family = family_named(entry.family)
    batch = collator_of(entry, pictures)(list(conversation_dataset(questions[:2])))
    for phase in phases:
        model: Any = attach_lora(
            family, load_model(entry, four_bit=in_four_bit(phase, entry)), phases, lora, entry, seed=0
        )
        counts = set_trainable(family, model, phase)
        with torch.no_grad():
            for parameter_name, parameter in model.named_parameters():
                if ".lora_B." in parameter_name:
                    parameter.normal_(std=0.1)
        model.train()(**batch).loss.backward()
        learning = {n: p.grad for n, p in model.named_parameters() if p.grad is not None}
        for parameter_name, parameter in model.named_parameters():
            plan = phase.components[component_of(family, parameter_name)]
            expected = plan.train == ("lora" if is_adapter(parameter_name) else "full")
            assert (parameter_name in learning) == parameter.requires_grad == expected, parameter_name
        # (A vector may have none by mathematics: a bias of keys moves no softmax.)
        assert all(gradient.abs().max() > 0 for gradient in learning.values() if gradient.ndim > 1)
        wanted = {component for component, plan in phase.components.items() if plan.train != "frozen"}
        assert {component_of(family, n) for n in learning} | _tied(family, model) == wanted | _tied(family, model)
        assert sum(counts.values()) == sum(gradient.numel() for gradient in learning.values())


def _tied(family, model) -> set[str]:
    return set(family.tied) - {component_of(family, n) for n, _ in model.named_parameters()}


@each_recipe
@each_family
def test_a_bf16_model_trains_in_fp32_and_goes_on_when_that_is_frozen(
    kind, name, entry_of, lora, pictures, questions
) -> None:
    # On a GPU the base is loaded in bf16; what is trained is kept in fp32, also by the phases after.
    entry, phases = entry_of(kind), RECIPES[name].phases
    family = family_named(entry.family)
    batch = collator_of(entry, pictures)(list(conversation_dataset(questions[:2])))
    for phase in phases:
        four_bit = in_four_bit(phase, entry)
        base = load_model(entry, dtype=torch.bfloat16, four_bit=four_bit)
        model: Any = attach_lora(family, base, phases, lora, entry, seed=0)
        set_trainable(family, model, phase)
        with torch.autocast("cpu", torch.bfloat16):
            model.train()(**batch).loss.backward()
            trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
            assert all(parameter.grad is not None and parameter.dtype == torch.float32 for parameter in trainable)
            model.requires_grad_(False)
            assert model(**batch).loss.isfinite()


@each_recipe
@each_family
def test_a_recipe_changes_what_it_trains_and_leaves_the_rest_to_the_bit(kind, name, trained, entry_of) -> None:
    entry, phases = entry_of(kind), RECIPES[name].phases
    family = family_named(entry.family)
    assert trained(kind, name).moved == []  # in the model as it was trained
    adapted: Any = load_model(entry, adapter=trained(kind, name).adapter)
    after = (adapted.unload() if lora_components(phases) else adapted).state_dict()
    full = {part for phase in phases for part, plan in phase.components.items() if plan.train == "full"}
    changed = set()
    for parameter_name, before in load_model(entry).state_dict().items():
        part = component_of(family, parameter_name)
        if not torch.equal(after[parameter_name], before):
            assert part in full or part in family.tied, parameter_name
            changed.add(part)
    assert changed - set(family.tied) == full - set(family.tied)


@each_recipe
@each_family
def test_lora_hits_exactly_the_named_components_and_loads_with_every_key(kind, name, trained, entry_of) -> None:
    components = lora_components(RECIPES[name].phases)
    entry, folder = entry_of(kind), trained(kind, name).adapter
    if not components:
        assert not (folder / "adapter_model.safetensors").exists()
        return
    family, bare = family_named(entry.family), load_model(entry)
    saved = load_file(folder / "adapter_model.safetensors")
    hit = {plain_name(key).rpartition(".lora_")[0] for key in saved}
    assert hit == {module for component in components for module in linear_modules(family, bare, component)}
    loaded = get_peft_model_state_dict(load_model(entry, adapter=folder))
    assert loaded.keys() == saved.keys()
    assert all(torch.equal(loaded[key], tensor) and tensor.abs().max() > 0 for key, tensor in saved.items())


@each_recipe
@each_family
def test_the_merged_model_is_the_adapter_model(
    kind, name, trained, entry_of, pictures, questions, tmp_path: Path
) -> None:
    entry, adapter = entry_of(kind), trained(kind, name).adapter
    merge_adapter(entry, adapter, tmp_path)
    samples = samples_of(pictures, questions[12:14])
    shift = measure_shift(entry, adapter, tmp_path, samples)
    assert shift.maximum < 1e-4
    assert shift.agreement == 1.0
    full = {part for phase in RECIPES[name].phases for part, plan in phase.components.items() if plan.train == "full"}
    assert can_measure_four_bit(entry, adapter) == ("language" not in full)


# --------------------------------------------------------------------------------------------------------------- ways to the same place


@each_family
def test_two_phases_are_the_two_recipes_run_by_hand(kind, trained, train, entry_of, quick, tmp_path: Path) -> None:
    both, first = trained(kind, "r3-two-stage"), trained(kind, "r2-vision-only")
    merge_adapter(entry_of(kind), first.adapter, tmp_path)
    second = train(*RECIPES["r1-llm-only"].phases, entry=merged_entry(entry_of(kind), tmp_path), **quick)
    for file, by_hand in (("full.safetensors", first), ("adapter_model.safetensors", second)):
        expected = load_file(by_hand.adapter / file)
        found = load_file(both.adapter / file)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[key], tensor) for key, tensor in expected.items()), file
    assert both.trained.metrics["best_validation_loss"] == second.trained.metrics["best_validation_loss"]


@pytest.mark.parametrize("name", ["r1-llm-only", "full"])
@each_family
def test_a_killed_training_ends_in_the_same_bytes(
    kind, name, trained, train, entry_of, quick, monkeypatch, tmp_path: Path
) -> None:
    whole, phases = trained(kind, name), RECIPES[name].phases
    kill_after(2, monkeypatch, phase=phases[0].name)
    with pytest.raises(Killed):
        train(*phases, entry=entry_of(kind), where=tmp_path, **quick)
    resumed = train(*phases, entry=entry_of(kind), where=tmp_path, **quick)
    assert content_of(resumed.adapter) == content_of(whole.adapter)
    assert resumed.trained == whole.trained


@each_family
def test_a_training_killed_between_two_bases_ends_in_the_same_bytes(
    kind, trained, train, entry_of, quick, monkeypatch, tmp_path: Path
) -> None:
    whole, phases = trained(kind, "r3-two-stage"), RECIPES["r3-two-stage"].phases
    kill_after(1, monkeypatch, phase=phases[1].name)
    with pytest.raises(Killed):
        train(*phases, entry=entry_of(kind), where=tmp_path, **quick)
    assert content_of(train(*phases, entry=entry_of(kind), where=tmp_path, **quick).adapter) == content_of(
        whole.adapter
    )


@pytest.mark.parametrize("name", ["r1-llm-only", "full"])
@each_family
def test_one_batch_of_four_equals_four_of_one(kind, name, trained, train, entry_of, quick) -> None:
    whole = trained(kind, name)
    single = entry_of(kind).model_copy(update={"micro_batch": 1})
    parts = train(*RECIPES[name].phases, entry=single, **quick)
    for one, other in zip(whole.trained.curves, parts.trained.curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-3)


@each_family
def test_visual_tokens_computed_once_give_the_same_losses(kind, trained, train, entry_of, quick, monkeypatch) -> None:
    kept = trained(kind, "r1-llm-only")
    monkeypatch.setattr(recipe, "features_fit", lambda *_: False)
    fresh = train(*RECIPES["r1-llm-only"].phases, entry=entry_of(kind), **quick)
    for one, other in zip(kept.trained.curves, fresh.trained.curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-4)


@each_family
def test_four_bit_training_keeps_its_gradients_after_an_evaluation(kind, entry_of, lora, pictures, questions) -> None:
    entry, phases = entry_of(kind), RECIPES["r1-llm-only"].phases
    family, still = family_named(entry.family), lora.model_copy(update={"dropout": 0.0})
    batch = collator_of(entry, pictures)(list(conversation_dataset(questions[:2])))
    gradients = []
    for evaluate_first in (False, True):
        model: Any = attach_lora(family, load_model(entry, four_bit=True), phases, still, entry, seed=0)
        set_trainable(family, model, phases[0])
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if ".lora_B." in name:
                    parameter.normal_(std=0.1, generator=generator)
            if evaluate_first:
                model.eval()(**batch)
        model.train()(**batch).loss.backward()
        gradients.append({name: p.grad for name, p in model.named_parameters() if p.requires_grad})
    assert len(gradients[0]) == 2 * 2 * 7  # matrices, layers, linear modules
    assert all(gradient.abs().max() > 0 for gradient in gradients[0].values())
    assert all(torch.equal(gradient, gradients[1][name]) for name, gradient in gradients[0].items())


# --------------------------------------------------------------------------------------------------------------------- what is read


def without_picture(question: Question) -> Question:
    return dataclasses.replace(question, diagram_id="")


@each_architecture
def test_rows_without_a_picture_give_the_same_logits_alone_and_among_others(
    kind, entry_of, pictures, questions
) -> None:
    entry = entry_of(kind)
    collate, model = collator_of(entry, pictures), load_model(entry)
    rows = list(conversation_dataset([without_picture(questions[0]), questions[1], without_picture(questions[3])]))
    with torch.no_grad():
        together = collate(rows)
        logits = model(**together).logits
        for number, row in enumerate(rows):
            alone = collate([row])
            length = alone["input_ids"].shape[1]
            shift = shift_between([model(**alone).logits[0]], [logits[number, :length]])
            assert shift.maximum < 1e-4, number
    assert not {"pixel_values", "image_grid_thw"} & set(collate([rows[0], rows[2]]))


@pytest.mark.parametrize("name", ["r1-llm-only", "full"])
@each_family
def test_batches_of_text_alone_train(kind, name, train, entry_of, quick, questions) -> None:
    plain = [without_picture(question) for question in questions]
    longer = {"settings": quick["settings"].model_copy(update={"epochs": 4.0})}
    phases = RECIPES[name].phases
    result = train(*phases, entry=entry_of(kind), training=plain[:8], validation=questions[12:], **(quick | longer))
    losses = [row["train_loss"] for row in result.trained.curves]
    assert losses[-1] < losses[0]


@each_architecture
def test_a_batch_is_what_the_processor_itself_would_give(kind, entry_of, pictures, questions) -> None:
    entry, chosen = entry_of(kind), questions[:5]
    processor: Any = load_processor(entry)
    batch = collator_of(entry, pictures)(list(conversation_dataset(chosen)))
    texts = []
    for question in chosen:
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.prompt}]}
        reply = {"role": "assistant", "content": [{"type": "text", "text": question.answer}]}
        texts.append(processor.apply_chat_template([turn, reply], tokenize=False).rstrip("\n"))
    images = [pictures.open(question.diagram_id) for question in chosen]
    expected = processor(images=images, text=texts, return_tensors="pt", padding=True, padding_side="right")
    assert set(expected) <= set(batch)
    for name, tensor in expected.items():
        assert torch.equal(batch[name], tensor), name


@each_architecture
def test_exactly_the_answer_and_its_end_are_supervised(kind, entry_of, pictures, questions) -> None:
    entry = entry_of(kind)
    processor: Any = load_processor(entry)
    batch = collator_of(entry, pictures)(list(conversation_dataset(questions[:6])))
    for ids, labels, question in zip(batch["input_ids"], batch["labels"], questions, strict=False):
        told = processor.tokenizer.decode(ids[labels != -100])
        assert told.lstrip() == question.answer + family_named(entry.family).end_of_turn


@each_architecture
def test_a_model_answers_a_batch_as_it_answers_each(kind, entry_of, pictures, questions) -> None:
    entry = entry_of(kind)
    answerer = TransformersAnswerer(load_model(entry), load_processor(entry))
    chosen = questions[:4]
    images = [pictures.open(question.diagram_id).convert("RGB") for question in chosen]
    prompts = [question.prompt for question in chosen]
    together = answerer.answer(images, prompts, 6)
    assert together == [answerer.answer([image], [prompt], 6)[0] for image, prompt in zip(images, prompts, strict=True)]
    assert any(together)


@each_architecture
def test_a_model_is_asked_what_the_processor_itself_would_ask(kind, entry_of, pictures, questions) -> None:
    entry, chosen = entry_of(kind), questions[:4]
    model, processor = load_model(entry), load_processor(entry)
    images = [pictures.open(question.diagram_id).convert("RGB") for question in chosen]
    turns = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": row.prompt}]} for row in chosen]
    texts = [processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True) for turn in turns]
    # Tiles are dealt to samples by nested lists.
    shown = [[image] for image in images] if ARCHITECTURES[kind] == "smolvlm" else images
    inputs = processor(images=shown, text=texts, return_tensors="pt", padding=True, padding_side="left")
    answers = TransformersAnswerer(model, processor).answer(images, [question.prompt for question in chosen], 6)
    new = model.generate(**inputs, max_new_tokens=6)[:, inputs["input_ids"].shape[1] :]
    assert answers == [text.strip() for text in processor.batch_decode(new, skip_special_tokens=True)]


@each_architecture
def test_rows_that_quote_every_control_token_are_trained_on_and_answered(
    kind, train, entry_of, phase, quick, questions, pictures
) -> None:
    entry = entry_of(kind)
    added = load_processor(entry).tokenizer.added_tokens_decoder.values()
    quoted = " and ".join(sorted(token.content for token in added))
    hostile = [
        dataclasses.replace(row, prompt=f"{quoted} {row.prompt}", answer=f"{row.answer}{quoted}") for row in questions
    ]
    asked = {"settings": quick["settings"].model_copy(update={"generated": 2, "best_by": "accuracy"})}
    result = train(
        phase(language=("lora", 1e-3)), entry=entry, training=hostile[:4], validation=hostile[12:14], **(quick | asked)
    )
    assert "validation_accuracy" in result.trained.curves[-1]
    answerer = TransformersAnswerer(load_model(entry, adapter=result.adapter), load_processor(entry))
    image = pictures.open(hostile[0].diagram_id).convert("RGB")
    assert len(answerer.answer([image], [hostile[0].prompt], 4)) == 1
