"""A recipe from its first phase to the adapter folder."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

import diagramlens.training.recipe as recipe
from diagramlens.models.budget import ShrunkTooFarError
from diagramlens.models.families import FAMILIES
from diagramlens.models.loading import load_model, load_processor
from diagramlens.models.vision_inputs import PatchGrid
from diagramlens.records import Question
from diagramlens.training.checkpoints import PhaseCheckpoints
from diagramlens.training.conversation import Collator, Encoder, conversation_dataset
from diagramlens.training.curves import write_curves
from diagramlens.training.order import ByPicture
from diagramlens.training.recipe import Machine
from tests.training.killing import Killed, content_of, kill, kill_after


def validation_loss(model, entry, pictures, questions) -> float:
    """By the model's own loss, one question at a time, weighted by supervised tokens."""
    processor = load_processor(entry)
    collator = Collator(PatchGrid(processor), Encoder(processor, FAMILIES["qwen2-vl"].end_of_turn), pictures)
    total = count = 0.0
    with torch.no_grad():
        for row in conversation_dataset(questions):
            batch = collator([row])
            tokens = int((batch["labels"] != -100).sum())
            total += model(**batch).loss.item() * tokens
            count += tokens
    return total / count


def test_the_adapter_folder_holds_weights_and_nothing_that_changes_from_run_to_run(train, whole) -> None:
    second = train()
    names = ["adapter_base.json", "adapter_config.json", "adapter_model.safetensors"]
    assert sorted(path.name for path in whole.adapter.iterdir()) == names
    assert content_of(second.adapter) == content_of(whole.adapter)
    assert second.trained == whole.trained


def test_the_adapter_loads_with_every_weight_where_it_was(whole, entry) -> None:
    saved = load_file(whole.adapter / "adapter_model.safetensors")
    loaded = get_peft_model_state_dict(load_model(entry, adapter=whole.adapter))
    assert saved.keys() == loaded.keys()
    assert all(torch.equal(loaded[name], tensor) for name, tensor in saved.items())
    assert all(tensor.abs().max() > 0 for tensor in saved.values())


def test_training_lowers_the_loss_and_reports_what_it_did(whole) -> None:
    trained = whole.trained
    report = trained.metrics["phases"]["phase"]
    assert report["steps"] == 6
    assert report["trainable_parameters"]["vision"] == 0
    assert report["trainable_parameters"]["language"] > 0
    assert [row["step"] for row in trained.curves if "validation_loss" in row] == [2, 4, 6]
    assert trained.curves[-1]["train_loss"] < trained.curves[0]["train_loss"]
    json.dumps(trained.metrics)


@pytest.fixture(scope="module")
def unlike(questions) -> list[Question]:
    """Questions to validate on whose answers share no token with those that are learnt: the longer training goes on, the less likely."""
    return [replace(question, answer="XYZ@QUX#ZYX@XUQ#" * 3) for question in questions[12:]]


def test_the_best_weights_are_kept_and_their_loss_is_the_models_own(train, entry, settings, pictures, unlike) -> None:
    changed = settings.model_copy(update={"scheduler": "constant"})
    result = train(settings=changed, validation=unlike)
    losses = [row["validation_loss"] for row in result.trained.curves if "validation_loss" in row]
    best = result.trained.metrics["best_validation_loss"]
    assert best == pytest.approx(min(losses), abs=1e-6)
    assert losses[-1] > best + 0.01
    model = load_model(entry, adapter=result.adapter)
    assert validation_loss(model, entry, pictures, unlike) == pytest.approx(best, abs=1e-4)


def test_patience_ends_a_phase(train, settings, unlike) -> None:
    changed = settings.model_copy(update={"scheduler": "constant", "epochs": 8.0, "evaluations": 12, "patience": 2})
    trained = train(settings=changed, validation=unlike).trained
    report = trained.metrics["phases"]["phase"]
    assert report["steps"] == report["best_step"] + 4  # two evaluations, two steps apart


def test_a_phase_that_patience_ended_is_not_taken_up_again(train, settings, unlike, monkeypatch, tmp_path) -> None:
    often = {"scheduler": "constant", "epochs": 8.0, "evaluations": 12, "checkpoints": 12, "patience": 2}
    changed = settings.model_copy(update=often)
    whole = train(settings=changed, validation=unlike)
    with monkeypatch.context() as killed:
        killed.setattr(PhaseCheckpoints, "finish", kill)
        with pytest.raises(Killed):
            train(settings=changed, validation=unlike, where=tmp_path)
    resumed = train(settings=changed, validation=unlike, where=tmp_path)
    assert resumed.trained == whole.trained
    assert content_of(resumed.adapter) == content_of(whole.adapter)


def test_one_batch_of_four_equals_four_of_one(train, entry, lora) -> None:
    still = lora.model_copy(update={"dropout": 0.0})
    whole = train(lora=still)
    parts = train(lora=still, entry=entry.model_copy(update={"micro_batch": 1}))
    for one, other in zip(whole.trained.curves, parts.trained.curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-5)
    weights = load_file(parts.adapter / "adapter_model.safetensors")
    for name, tensor in load_file(whole.adapter / "adapter_model.safetensors").items():
        # AdamW divides by the gradient's size, so that rounding near zero may show.
        torch.testing.assert_close(weights[name], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("step", [1, 3, 5])
def test_a_killed_training_ends_in_the_same_bytes(train, whole, monkeypatch, tmp_path, step: int) -> None:
    kill_after(step, monkeypatch)
    with pytest.raises(Killed):
        train(where=tmp_path)
    resumed = train(where=tmp_path)
    assert content_of(resumed.adapter) == content_of(whole.adapter)
    assert resumed.trained == whole.trained


def test_a_checkpoint_cut_short_is_ignored(train, whole, monkeypatch, tmp_path) -> None:
    kill_after(5, monkeypatch)
    with pytest.raises(Killed):
        train(where=tmp_path)
    checkpoints = tmp_path / "checkpoints" / "0-phase"
    (folder,) = checkpoints.glob("checkpoint-*")
    (folder / "complete").unlink()
    (folder / "optimizer.pt").write_bytes(b"half")
    resumed = train(where=tmp_path)
    assert content_of(resumed.adapter) == content_of(whole.adapter)


def test_visual_tokens_computed_once_train_the_same_adapter(train, lora, monkeypatch) -> None:
    still = lora.model_copy(update={"dropout": 0.0})
    kept = train(lora=still)
    monkeypatch.setattr(recipe, "features_fit", lambda *_: False)
    fresh = train(lora=still)
    for one, other in zip(kept.trained.curves, fresh.trained.curves, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], abs=1e-4)


@pytest.fixture(scope="module")
def two_phases(train, phase):
    """First the merger in full, then LoRA on the language model."""
    phases = (phase(name="align", merger=("full", 1e-3)), phase(name="tune", language=("lora", 1e-3)))
    return phases, train(*phases)


def test_a_second_phase_starts_from_what_the_first_left(two_phases, entry, pictures, questions) -> None:
    result = two_phases[1]
    first, second = result.trained.metrics["phases"].values()
    assert first["trainable_parameters"]["language"] == second["trainable_parameters"]["merger"] == 0
    assert second["best_validation_loss"] < first["best_validation_loss"]
    assert [row["step"] for row in result.trained.curves] == list(range(1, 13))
    model = load_model(entry, adapter=result.adapter)
    loss = result.trained.metrics["best_validation_loss"]
    assert validation_loss(model, entry, pictures, questions[12:]) == pytest.approx(loss, abs=1e-4)


def test_a_training_killed_in_its_second_phase_ends_in_the_same_bytes(train, two_phases, monkeypatch, tmp_path) -> None:
    phases, whole = two_phases
    kill_after(3, monkeypatch, phase="tune")
    with pytest.raises(Killed):
        train(*phases, where=tmp_path)
    resumed = train(*phases, where=tmp_path)
    assert content_of(resumed.adapter) == content_of(whole.adapter)
    assert resumed.trained == whole.trained


def test_training_in_bf16_with_gradient_checkpointing_over_a_four_bit_base_learns(
    train, entry, settings, phase
) -> None:
    result = train(
        phase(language=("lora", 1e-3), four_bit=True),
        entry=entry.model_copy(update={"four_bit": True, "gradient_checkpointing": True, "micro_batch": 2}),
        settings=settings.model_copy(update={"precision": "bf16"}),
    )
    assert result.trained.curves[-1]["train_loss"] < result.trained.curves[0]["train_loss"]
    weights = load_file(result.adapter / "adapter_model.safetensors")
    assert all(tensor.abs().max() > 0 and tensor.dtype == torch.float32 for tensor in weights.values())


def test_a_phase_that_trains_everything_in_full_keeps_every_weight(train, entry, phase, pictures, questions) -> None:
    parts = ("vision", "merger", "language", "head")
    result = train(
        phase(**dict.fromkeys(parts, ("full", 0.0001))),
        entry=entry.model_copy(update={"gradient_checkpointing": True}),
        machine=Machine(device="cpu", workers=2),
    )
    assert sorted(path.name for path in result.adapter.iterdir()) == ["adapter_base.json", "full.safetensors"]
    model = load_model(entry, adapter=result.adapter)
    loss = result.trained.metrics["best_validation_loss"]
    assert validation_loss(model, entry, pictures, questions[12:]) == pytest.approx(loss, abs=1e-4)
    assert result.trained.curves[-1]["train_loss"] < result.trained.curves[0]["train_loss"]


def test_pictures_that_would_be_shrunk_beyond_reading_are_refused(train, entry) -> None:
    small = entry.model_copy(update={"min_pixels": 784, "max_pixels": 3136})
    with pytest.raises(
        ShrunkTooFarError, match=r"models\.<name>\.max_pixels = 3136: 8 of 8 pictures .* raise it to 11760$"
    ):
        train(entry=small)


def test_questions_about_a_picture_follow_each_other_and_none_is_lost() -> None:
    pictures = [f"picture {(7 * n) % 101}" if n % 5 else "" for n in range(330)]
    lengths = [(7 * n) % 13 for n in range(330)]
    order = ByPicture(pictures, batch=8, seed=1)
    first = list(order)
    assert sorted(first) == list(range(330))
    assert list(order) == first
    runs = [name for name, _ in itertools.groupby(pictures[index] for index in first) if name]
    assert len(runs) == len(set(runs))
    # Sorted by length the batches are the same.
    by_length = list(ByPicture(pictures, batch=8, seed=1, lengths=lengths))
    for start in range(0, 330, 8):
        batch, other = first[start : start + 8], by_length[start : start + 8]
        assert set(batch) == set(other)
        assert [lengths[index] for index in other] == sorted(lengths[index] for index in batch)
    order.set_epoch(1)
    assert list(order) != first


def test_curves_leave_the_validation_loss_empty_between_evaluations(tmp_path) -> None:
    rows = [
        {"step": 1, "phase": "language", "train_loss": 2.5},
        {"step": 2, "phase": "language", "train_loss": 2.25, "validation_loss": 2.0},
    ]
    write_curves(tmp_path / "curves.csv", rows, [])
    expected = "step,phase,train_loss,validation_loss,validation_accuracy\n1,language,2.5,,\n2,language,2.25,2.0,\n"
    assert (tmp_path / "curves.csv").read_text() == expected
