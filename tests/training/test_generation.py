"""Answers while training: chosen once, graded for real, without a trace in what is learnt."""

from __future__ import annotations

import dataclasses

import pytest

from diagramlens.models.families import family_named
from diagramlens.models.loading import load_processor
from diagramlens.params import Train
from diagramlens.training.callbacks import Progress
from diagramlens.training.conversation import Encoder
from diagramlens.training.generation import sample_of
from tests.training.killing import Killed, content_of, kill_after


@pytest.fixture(scope="module")
def encoder(entry) -> Encoder:
    return Encoder(load_processor(entry), family_named(entry.family).end_of_turn)


def test_the_sample_is_the_same_whatever_the_order_and_grows_by_addition(questions, encoder, pictures) -> None:
    few, more = (sample_of(questions, count, encoder, pictures) for count in (5, 9))
    assert sample_of(questions[::-1], 5, encoder, pictures) == few
    assert more.questions[:5] == few.questions
    assert len(sample_of(questions, 1000, encoder, pictures).questions) == len(questions)


def test_a_question_about_no_picture_is_not_asked(questions, encoder, pictures) -> None:
    plain = [dataclasses.replace(question, diagram_id="") for question in questions]
    assert sample_of(plain, 5, encoder, pictures).questions == ()


def test_an_answer_has_room_for_the_longest_right_one(questions, encoder, pictures) -> None:
    sample = sample_of(questions, 16, encoder, pictures)
    longest = max(encoder.encode(question.prompt, question.answer).supervised for question in questions)
    assert longest <= sample.max_new_tokens <= 1.25 * longest + 1


@pytest.fixture(scope="module")
def answered(train, settings, lora, phase):
    """A training that answers four questions at each evaluation."""
    changed = settings.model_copy(update={"generated": 4})
    return train(phase(language=("lora", 1e-3)), settings=changed)


def test_answers_leave_no_trace_in_the_weights(answered, whole) -> None:
    assert content_of(answered.adapter) == content_of(whole.adapter)
    losses = [row["train_loss"] for row in whole.trained.curves]
    assert [row["train_loss"] for row in answered.trained.curves] == losses


def test_the_curves_have_the_graders_scores_at_every_evaluation(answered) -> None:
    rows = [row for row in answered.trained.curves if "validation_loss" in row]
    for row in rows:
        assert 0 <= row["validation_accuracy"] <= 1
        assert {"validation_netlist_exact_accuracy", "validation_qa_numerical_accuracy"} <= set(row)
    assert answered.trained.metrics["phases"]["phase"]["generated_questions"] == 4
    assert answered.trained.metrics["best_validation_accuracy"] in {row["validation_accuracy"] for row in rows}


def test_a_model_that_has_learnt_the_sample_by_heart_answers_it_all(train, settings, questions, phase) -> None:
    learnt = [question for question in questions if question.kind == "voltage"][:2]
    changed = settings.model_copy(
        update={
            "generated": 2,
            "batch": 2,
            "epochs": 60.0,
            "best_by": "accuracy",
            "patience": 1,
            "scheduler": "constant",
        }
    )
    parts = dict.fromkeys(("vision", "merger", "language", "head"), ("full", 5e-4))
    trained = train(phase(**parts), settings=changed, training=learnt, validation=learnt).trained
    assert trained.metrics["best_validation_accuracy"] == 1.0


@pytest.fixture
def scripted(monkeypatch) -> list[float]:
    """Accuracies that the evaluations find, in order, whatever the model."""
    accuracies: list[float] = []
    monkeypatch.setattr("diagramlens.training.trainer.generation_metrics", lambda *_: {"accuracy": accuracies.pop(0)})
    return accuracies


def test_the_most_accurate_weights_are_kept_and_patience_counts_by_accuracy(train, settings, scripted) -> None:
    scripted += [0.25, 0.5, 0.25, 0.5, 0.25, 0.0]
    changed = settings.model_copy(
        update={"generated": 1, "best_by": "accuracy", "evaluations": 6, "patience": 2, "scheduler": "constant"}
    )
    trained = train(settings=changed).trained
    report = trained.metrics["phases"]["phase"]
    # The fourth is as accurate as the second, with a lower loss. After two that are worse it ends.
    assert (report["best_step"], report["best_validation_accuracy"]) == (4, 0.5)


def test_of_equally_accurate_weights_those_of_the_lower_loss_are_better() -> None:
    progress = Progress()
    found = [(2.0, 0.5), (1.0, 0.25), (1.5, 0.5), (1.6, 0.5), (3.0, 0.75)]
    better = [
        progress.take(step, {"eval_loss": loss, "eval_accuracy": accuracy}, "accuracy")
        for step, (loss, accuracy) in enumerate(found)
    ]
    assert better == [True, False, True, False, True]
    assert (progress.best_step, progress.best_loss, progress.best_accuracy) == (4, 3.0, 0.75)


def test_a_killed_training_answers_as_an_uninterrupted_one(train, answered, settings, monkeypatch, tmp_path) -> None:
    changed = settings.model_copy(update={"generated": 4})
    kill_after(3, monkeypatch)
    with pytest.raises(Killed):
        train(settings=changed, where=tmp_path)
    resumed = train(settings=changed, where=tmp_path)
    assert resumed.trained == answered.trained
    assert content_of(resumed.adapter) == content_of(answered.adapter)


def test_choosing_by_accuracy_without_answers_is_refused(settings) -> None:
    with pytest.raises(ValueError, match=r"best_by \(accuracy\) needs generated above 0"):
        Train.model_validate(settings.model_dump() | {"best_by": "accuracy"})
