"""The pretraining of the embedded model: what it may draw, what it is told about a picture, and that it goes on where it was killed."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from batches import Batches
from corpus import describe, sample
from dense import CELL, HEADS, NONE, cells
from diagramlens.domains.circuits.netlist import parse_netlist, topology_group
from diagramlens.params import load_params
from diagramlens.splitting import place
from held_out import Told, figures
from pretrain import Pretraining, checkpoint_path
from schedule import Schedule
from settings import load_settings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return load_settings()


@pytest.fixture(scope="module")
def tiny(settings: dict[str, Any]) -> dict[str, Any]:
    """The same pretraining with a model of a hundredth of the size and batches of two."""
    small = copy.deepcopy(settings)
    small["tokenizer"] = {"vocabulary": 320, "descriptions": 20}
    small["model"] |= {
        "vision_depth": 3,
        "vision_width": 32,
        "vision_heads": 2,
        "language_depth": 1,
        "language_width": 64,
        "language_feed_forward": 64,
    }
    phases = [{"pictures": 4, "rate": 1e-3, "questions": 0.0}, {"pictures": 4, "rate": 0.0, "questions": 1.0}]
    small["pretrain"] |= {"phases": phases, "batch": 2, "warmup": 2}
    return small


def test_no_topology_of_the_default_validation_and_test_splits_is_drawn(settings: dict[str, Any]) -> None:
    default = load_params(ROOT / "params.yaml").split
    assert settings["corpus"]["split"] == {**default.fractions, "salt": default.salt}
    for number in range(150):
        group = topology_group(parse_netlist(sample(number, settings["corpus"]).truth))
        assert place(group, default.salt, default.fractions) == "train"


def test_the_corpus_draws_what_the_default_run_draws(settings: dict[str, Any]) -> None:
    domain = load_params(ROOT / "params.yaml").domains.circuits
    for key in ("levels", "parts", "grid", "styles", "pitch"):
        value = getattr(domain, key)
        plain = (
            value.model_dump()
            if hasattr(value, "model_dump")
            else {str(name): weight for name, weight in value.items()}
            if isinstance(value, dict)
            else value
        )
        assert settings["corpus"][key] == plain, key


def test_topology_groups_are_those_that_the_shipped_weights_were_trained_with() -> None:
    """Groups decide the split: were their canonical form to change, the shipped model would have seen new test topologies."""
    known = {
        "V1 a b\nR1 a c\nR2 c b\n": "107efe5577871e6a",
        "V1 a b\nR1 a c\nC1 c b\nW b 0\n": "a624275260835971",
        "I1 a b\nL1 a b\nC1 a c\nR1 c b\n": "10fea5448c37ff53",
    }
    assert {text: topology_group(parse_netlist(text)) for text in known} == known


def test_a_description_names_every_line_of_the_drawing(settings: dict[str, Any]) -> None:
    for number in range(30):
        drawn = sample(number, settings["corpus"])
        phrases = drawn.description.split(", ")
        lines = drawn.truth.strip().splitlines()
        assert len(phrases) == len(lines)
        for phrase, line in zip(phrases, lines, strict=True):
            name, first, second = line.split(";")[0].split()[:3]
            assert phrase.split()[0] == first
            assert (name in phrase.split()) == (name != "W")
            assert phrase.split()[-1] == ("ground" if second == "0" else second)


def test_a_polarity_is_told_by_the_order_of_the_junctions() -> None:
    assert describe("V1 e a 10; up\nI1 b a 1m; left\n") == "e V1 a, b I1 a"


def test_dense_targets_lie_where_the_drawing_has_its_parts(settings: dict[str, Any]) -> None:
    for number in range(30):
        drawn = sample(number, settings["corpus"])
        targets = cells(drawn).targets
        shape = (drawn.scene.size[1] // CELL, drawn.scene.size[0] // CELL)
        parts = [segment for segment in drawn.scene.segments if segment.kind != "W"]
        junctions = {end for segment in drawn.scene.segments for end in (segment.start, segment.end)}
        assert all(target.shape == shape and target.max() < HEADS[name] for name, target in targets.items())
        assert (targets["junction"] > NONE).sum() == len(junctions)
        middles = {((a.start[0] + a.end[0]) // 2 // CELL, (a.start[1] + a.end[1]) // 2 // CELL) for a in parts}
        assert (targets["own_digit"] > NONE).sum() == len(middles)  # two middles may share a cell
        for column, row in middles:
            there = {
                int(part.name[1:])
                for part in parts
                if ((part.start[0] + part.end[0]) // 2 // CELL, (part.start[1] + part.end[1]) // 2 // CELL)
                == (column, row)
            }
            assert targets["own_digit"][row, column] in there


def test_figures_are_shares_of_pictures_and_phrases(settings: dict[str, Any]) -> None:
    first, second = sample(0, settings["corpus"]), sample(1, settings["corpus"])
    told = [Told(first, first.description), Told(second, "nonsense")]
    overall = figures(told)["overall"]
    assert overall == {"exact": 0.5, "phrases": 0.5, "pictures": 2}


def test_only_the_description_and_the_end_of_the_turn_are_supervised(tiny: dict[str, Any]) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    inputs, _ = Batches(tiny["corpus"], tiny["pretrain"], run.processor)[0]
    for row, drawn in enumerate(sample(number, tiny["corpus"]) for number in range(2)):
        supervised = inputs["labels"][row][inputs["labels"][row] != -100]
        assert run.processor.tokenizer.decode(supervised) == drawn.description + "<|im_end|>\n"


def test_a_resumed_run_ends_like_an_uninterrupted_one(tiny: dict[str, Any], tmp_path: Path) -> None:
    whole = Pretraining(tiny, torch.device("cpu"))
    batches = Batches(tiny["corpus"], tiny["pretrain"], whole.processor)
    losses = [whole.step(*batches[number])["token_loss"] for number in range(4)]
    killed = Pretraining(tiny, torch.device("cpu"))
    for number in range(2):
        killed.step(*batches[number])
    killed.save(tmp_path / "checkpoint.pt")
    resumed = Pretraining(tiny, torch.device("cpu"))
    resumed.load(tmp_path / "checkpoint.pt")
    assert resumed.batches_seen == 2
    assert [resumed.step(*batches[number])["token_loss"] for number in (2, 3)] == losses[2:]


def test_questions_come_in_the_phase_that_has_them(tiny: dict[str, Any]) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    batches = Batches(tiny["corpus"], tiny["pretrain"], run.processor)
    assert len(batches) == 4
    said = [run.processor.tokenizer.decode(row[row != -100]) for row in batches[2][0]["labels"]]
    for text, number in zip(said, (4, 5), strict=True):
        drawn = sample(number, tiny["corpus"])
        answers = {
            drawn.asked(kind, tiny["pretrain"]["question_seed"] + number)[1] for kind in tiny["pretrain"]["kinds"]
        }
        assert text.removesuffix("<|im_end|>\n") in answers


def test_the_rate_goes_in_straight_lines_from_phase_to_phase() -> None:
    phases = [
        {"pictures": 100, "rate": 1.0, "questions": 0.0},
        {"pictures": 100, "rate": 0.5, "questions": 0.5},
        {"pictures": 50, "rate": 0.0, "questions": 1.0},
    ]
    schedule = Schedule(phases, warmup=10)
    assert schedule.pictures == 250
    assert schedule.rate(5) == pytest.approx(0.501)
    assert [schedule.rate(seen) for seen in (50, 100, 150, 200, 225, 250)] == pytest.approx([1, 1, 0.75, 0.5, 0.25, 0])
    assert [schedule.questions(number) for number in (0, 99, 100, 200, 999)] == [0, 0, 0.5, 1, 1]


def test_checkpoints_belong_to_one_set_of_parameters(settings: dict[str, Any]) -> None:
    busy, other = copy.deepcopy(settings), copy.deepcopy(settings)
    busy["pretrain"]["threads"] += 1
    other["corpus"]["seed"] += 1
    assert checkpoint_path(busy) == checkpoint_path(settings) != checkpoint_path(other)
