"""What training does on a GPU and can be tried without one: the base in bf16, what is trained in fp32, autocast between them."""

from __future__ import annotations

import types
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers.integrations import deepspeed

import diagramlens.training.generation as generation
import diagramlens.training.recipe as recipe
from diagramlens.models.families import family_named
from diagramlens.models.loading import load_model, load_processor
from diagramlens.training.checkpoints import PhaseCheckpoints
from diagramlens.training.features import features_fit, frozen_features
from diagramlens.training.recipe import Machine
from diagramlens.training.trainer import PhaseTrainer
from tests.models.tiny import ARCHITECTURES
from tests.training.test_behaviours import RECIPES, each_family, each_recipe


@pytest.fixture
def in_bf16(monkeypatch) -> None:
    """Every base in bf16, as a GPU has it."""
    untouched = recipe.load_model

    def load(*arguments: Any, **named: Any) -> Any:
        return untouched(*arguments, **(named | {"dtype": torch.bfloat16}))

    monkeypatch.setattr(recipe, "load_model", load)


@each_recipe
@each_family
def test_every_recipe_trains_and_answers_over_a_base_in_bf16(kind, name, in_bf16, train, entry_of, settings) -> None:
    answering = settings.model_copy(
        update={
            "precision": "bf16",
            "packing": "shared",
            "epochs": 1.0,
            "evaluations": 1,
            "checkpoints": 1,
            "generated": 3,
        }
    )
    entry = entry_of(kind).model_copy(update={"gradient_checkpointing": True})
    result = train(*RECIPES[name].phases, entry=entry, settings=answering)
    assert 0 <= result.trained.metrics["best_validation_accuracy"] <= 1
    assert result.moved == []
    for file in result.adapter.glob("*.safetensors"):
        assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float32}


@pytest.mark.parametrize(("dtype", "expected"), [(torch.bfloat16, True), (torch.float32, False)])
def test_answers_are_under_autocast_only_where_types_meet(dtype, expected, train, settings, monkeypatch) -> None:
    # On a CPU a model of fp32 answers faster, and as in evaluate, without.
    seen: list[bool] = []
    untouched, load = generation.answer_all, recipe.load_model

    def answer_all(*arguments: Any, **named: Any) -> list[str]:
        seen.append(torch.is_autocast_enabled("cpu"))
        return untouched(*arguments, **named)

    monkeypatch.setattr(generation, "answer_all", answer_all)
    monkeypatch.setattr(recipe, "load_model", lambda *a, **named: load(*a, **(named | {"dtype": dtype})))
    train(settings=settings.model_copy(update={"precision": "bf16", "generated": 2, "evaluations": 1}))
    assert seen == [expected]


def test_a_phase_over_4_bits_keeps_what_the_one_before_has_trained_to_the_bit(train, entry, phase, monkeypatch) -> None:
    kept: dict[str, dict[str, torch.Tensor]] = {}
    untouched = PhaseCheckpoints.finish

    def finish(self: PhaseCheckpoints, weights: dict[str, torch.Tensor], summary: Any) -> None:
        kept[self.folder.name] = {name: tensor.clone() for name, tensor in weights.items()}
        untouched(self, weights, summary)

    monkeypatch.setattr(PhaseCheckpoints, "finish", finish)
    one = phase(name="one", vision=("lora", 1e-3), merger=("full", 1e-3), four_bit=True)
    two = phase(name="two", language=("lora", 1e-3), four_bit=True)
    folder = train(one, two, entry=entry.model_copy(update={"four_bit": True})).adapter
    written = load_file(folder / "full.safetensors")
    for name, tensor in load_file(folder / "adapter_model.safetensors").items():
        written[name.removeprefix("base_model.model.")] = tensor
    assert len(kept["0-one"]) > 10
    for name, tensor in kept["0-one"].items():
        assert torch.equal(written[name.replace(".default", "")], tensor), name


# ------------------------------------------------------------------------------------------------------------------ visual tokens


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_visual_tokens_are_kept_in_the_type_that_their_size_is_counted_in(kind, dtype, entry_of, pictures) -> None:
    entry = entry_of(kind)
    vision = family_named(entry.family).pictures(load_processor(entry))
    names = ["d0", "d1"]
    kept = frozen_features(
        load_model(entry, dtype=dtype), vision, pictures, names, torch.autocast("cpu", torch.bfloat16)
    ).rows(names)
    assert kept.dtype == torch.bfloat16
    each = kept.shape[1] * torch.bfloat16.itemsize
    assert features_fit(vision, pictures, names, each)


def test_twice_as_many_visual_tokens_fit_in_bf16(train, settings, entry, pictures, monkeypatch) -> None:
    counted: list[int] = []
    monkeypatch.setattr(recipe, "features_fit", lambda vision, shown, names, each: bool(counted.append(each)))
    for precision in ("fp32", "bf16"):
        train(settings=settings.model_copy(update={"precision": precision, "epochs": 1.0, "evaluations": 1}))
    assert counted == [64 * 4, 64 * 2]


@pytest.mark.parametrize(("fit", "expected"), [(True, 0), (False, 2)])
def test_pictures_that_are_encoded_as_they_come_are_decoded_by_workers(
    fit, expected, train, settings, monkeypatch
) -> None:
    found: list[int] = []
    monkeypatch.setattr(recipe, "features_fit", lambda *_: fit)

    def run(self: PhaseTrainer) -> None:
        found.append(self.get_train_dataloader().num_workers)
        raise KeyboardInterrupt

    monkeypatch.setattr(PhaseTrainer, "run", run)
    with pytest.raises(KeyboardInterrupt):
        train(machine=Machine(device="cpu", workers=3))
    assert found == [expected]


# ---------------------------------------------------------------------------------------------------------------------- DeepSpeed


def test_a_model_is_loaded_whole_after_a_phase_under_zero_stage_3(entry, lora, phase, settings, monkeypatch) -> None:
    stage_3 = types.SimpleNamespace(is_zero3=lambda: True)
    monkeypatch.setattr(deepspeed, "_hf_deepspeed_config_weak_ref", lambda: stage_3)
    assert deepspeed.is_deepspeed_zero3_enabled()
    seen: list[bool] = []
    untouched = recipe.load_model

    def load(*arguments: Any, **named: Any) -> Any:
        seen.append(deepspeed.is_deepspeed_zero3_enabled())
        return untouched(*arguments, **named)

    monkeypatch.setattr(recipe, "load_model", load)
    course: Any = types.SimpleNamespace(
        family=family_named(entry.family),
        entry=entry,
        phases=[phase(language=("lora", 1e-3))],
        lora=lora,
        settings=settings,
        machine=Machine(device="cpu"),
        device=torch.device("cpu"),
        bf16=False,
    )
    recipe._fresh_model(course, four_bit=False)
    assert seen == [False]
