"""A loss, a gradient or a weight that is no finite number ends a training where it stands, and the last checkpoint stays."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

import diagramlens.training.trainer as trainer
from diagramlens.training.checkpoints import PhaseCheckpoints
from diagramlens.training.finite import NotFiniteError, not_finite, stop
from diagramlens.training.order import ByPicture
from tests.training.spoiling import spoil


@pytest.mark.parametrize("packing", ["none", "shared"])
@pytest.mark.parametrize(
    ("what", "spoilt"),
    [
        ("the loss", {}),
        ("the loss", {"by": -math.inf}),
        ("the gradient", {"gradient": True}),
        ("the gradient", {"by": math.inf, "gradient": True}),
    ],
)
def test_it_ends_the_phase_with_the_step_and_the_questions_and_leaves_the_last_checkpoint(
    packing, what, spoilt, train, settings, questions, monkeypatch, tmp_path: Path
) -> None:
    spoil(5, monkeypatch, **spoilt)
    with pytest.raises(NotFiniteError) as raised:
        train(where=tmp_path, settings=settings.model_copy(update={"packing": packing}))
    told = str(raised.value)
    assert told.startswith("phase phase, step 5, whose batch asks ")
    assert f": {what} is not a finite number; lower models.<name>.rate_scale or train.max_grad_norm" in told
    # Step 5 is the second of the second epoch, which has twelve questions in three batches.
    order = ByPicture([question.diagram_id for question in questions[:12]], settings.batch, settings.seed)
    order.set_epoch(1)
    assert told.split("asks ")[1].split(":")[0] == ", ".join(questions[row].id for row in list(order)[4:8])
    assert PhaseCheckpoints(tmp_path / "checkpoints/0-phase").latest() == tmp_path / "checkpoints/0-phase/checkpoint-4"
    assert not list((tmp_path / "adapter").iterdir())


def test_what_is_not_finite_from_the_start_is_no_matter_of_rates(train, monkeypatch) -> None:
    spoil(1, monkeypatch)
    with pytest.raises(NotFiniteError, match=r"step 1, .*: the loss .*; nothing has been learnt yet.*train\.precision"):
        train()


@pytest.mark.parametrize("best_by", ["loss", "accuracy"])
def test_a_rate_that_is_far_too_high_is_told_of(best_by, train, settings, entry, phase) -> None:
    fast = entry.model_copy(update={"rate_scale": 1e30})
    judged = settings.model_copy(update={"best_by": best_by, "generated": 2, "patience": 1, "warmup": 0.0})
    with pytest.raises(NotFiniteError, match=r"^phase fast, step [12].* is not a finite number; lower models"):
        train(phase(name="fast", language=("lora", 1.0)), entry=fast, settings=judged)


def test_a_validation_loss_that_is_not_finite_is_none_to_judge_by(train, settings, monkeypatch) -> None:
    monkeypatch.setattr(trainer, "summed_loss", _no_number_without_gradients(trainer.summed_loss))
    with pytest.raises(
        NotFiniteError, match=r"^phase phase, step 2: the validation loss is not a finite number; lower"
    ):
        train()


def _no_number_without_gradients(untouched):
    def summed_loss(*arguments):
        loss, count = untouched(*arguments)
        return (loss if torch.is_grad_enabled() else loss * math.nan), count

    return summed_loss


def test_weights_that_are_not_finite_make_no_checkpoint(train, settings, monkeypatch, tmp_path: Path) -> None:
    def spoilt_weights(model, untouched=trainer.trained_weights):
        return {name: weight / 0 for name, weight in untouched(model).items()}

    monkeypatch.setattr(trainer, "trained_weights", spoilt_weights)
    with pytest.raises(
        NotFiniteError, match=r"^phase phase, step 2: a weight of .*layers.*lora_A.* is not a finite num"
    ):
        train(where=tmp_path, settings=settings.model_copy(update={"evaluations": 1}))
    assert PhaseCheckpoints(tmp_path / "checkpoints/0-phase").latest() is None


def test_a_message_names_so_many_questions_and_counts_the_others() -> None:
    with pytest.raises(NotFiniteError, match=r"asks q0, q1, .*, q31 and 8 more: the loss"):
        stop("the loss", "one", 7, [f"q{number}" for number in range(40)])


def test_weights_that_hold_one_number_too_large_are_named() -> None:
    weights = {"a": torch.zeros(2), "b": torch.tensor([1.0, math.inf]), "c": torch.tensor([math.nan])}
    assert not_finite(weights) == ["b", "c"]


@pytest.mark.parametrize("lengths", [None, [3, 1, 2, 5, 4, 9, 8]])
def test_the_samples_of_a_step_are_those_that_come_next(lengths) -> None:
    order = ByPicture(["a", "b", "a", "", "b", "c", "c"], batch=3, seed=5, lengths=lengths)
    for epoch in (0, 1):
        order.set_epoch(epoch)
        come = list(order)
        for number in range(3):
            step = epoch * 3 + number + 1
            assert sorted(order.batch_of(step)) == sorted(come[number * 3 : number * 3 + 3])
