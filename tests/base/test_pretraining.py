"""The pretraining of the embedded model: what it may draw, what it is told about a picture, and that it goes on where it was killed."""

from __future__ import annotations

import copy
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from batches import Batches
from card import write_card
from control import beside, write_untrained
from corpus import describe, sample, undrawn
from curve import draw_curve, read_curve, settled
from dense import CELL, HEADS, NONE, DenseHeads, cells
from diagramlens.domains.circuits.impedance import input_impedance
from diagramlens.domains.circuits.layout import terminals
from diagramlens.domains.circuits.netlist import merged_nodes, parse_netlist
from diagramlens.domains.circuits.solve import transfer_text
from diagramlens.domains.circuits.topology import topology_group
from diagramlens.grading.equivalence import check_sympy_equivalence
from diagramlens.inference import TransformersAnswerer
from diagramlens.models.loading import load_model
from diagramlens.params import Split, load_params
from diagramlens.splitting import place
from examples import others_examples, own_examples, sheet, write_examples
from go_on import begun
from held_out import Told, answer, figures, held_out, shares_right
from learner import Pretraining
from pretrain import checkpoint_path
from scaling import KINDS, RESULT, expected, exponent, line, needed, table
from schedule import Schedule
from settings import load_settings
from tests.committed import DEFAULT_PARAMS, committed_json, committed_yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return load_settings()


@pytest.fixture(scope="module")
def domain(settings: dict[str, Any]) -> str:
    """What the pretraining ends with."""
    return Schedule(settings["pretrain"]["phases"], settings["pretrain"]["warmup"]).domain


@pytest.fixture(scope="module")
def everything(settings: dict[str, Any], domain: str) -> dict[str, Any]:
    """The corpus with every level that is drawn as a circuit, and ladders and bridges."""
    corpus = copy.deepcopy(settings["corpus"])
    drawn = corpus["domains"][domain]
    for name, level in drawn["levels"].items():
        level["weight"] = 0.0 if name == "level_5" else 1.0
    drawn["shapes"] |= {"ladder": 1.0, "bridge": 1.0}
    return corpus


@pytest.fixture(scope="module")
def tiny(settings: dict[str, Any]) -> dict[str, Any]:
    """The same pretraining with a model of a hundredth of the size and batches of two."""
    small = copy.deepcopy(settings)
    small["tokenizer"] |= {"vocabulary": 320, "descriptions": 20}
    small["model"] |= {
        "vision_depth": 3,
        "vision_width": 32,
        "vision_heads": 2,
        "language_depth": 2,
        "language_width": 64,
        "language_feed_forward": 64,
    }
    phase = {"pictures": 4, "domain": "meshes", "learns": "all", "layers": 2, "dense_weights": {}, "longest": 400}
    phase |= {"steps": False, "undrawn": 0}
    phases = [
        phase | {"rate": 1e-3, "asked": 1, "questions": {}},
        phase | {"rate": 0.0, "asked": 2, "questions": {"netlist": 0.5, "transfer": 0.5}},
    ]
    small["pretrain"] |= {"phases": phases, "batch": 2, "warmup": 2}
    return small


def one_of_two(rank: int, settings: dict[str, Any], meeting: str, folder: str) -> None:
    """Take the first step as one process of two, and keep its gradients."""
    torch.distributed.init_process_group("gloo", f"file://{meeting}", rank=rank, world_size=2)
    run = Pretraining(settings, torch.device("cpu"))
    run.settings = settings | {"pretrain": settings["pretrain"] | {"max_grad_norm": float("inf")}}
    run.step(*Batches(settings["corpus"], settings["pretrain"], run.processor, (rank, 2))[0])
    gradients = {name: p.grad for name, p in run.model.named_parameters() if p.grad is not None}
    torch.save(gradients, f"{folder}/{rank}.pt")
    torch.distributed.destroy_process_group()


def committed_split() -> Split:
    """What the default run deals by; an experiment may have written another salt into the tree."""
    return Split.model_validate(committed_yaml("params.yaml")["split"])


def test_no_topology_of_the_default_validation_and_test_splits_is_drawn(
    settings: dict[str, Any], everything: dict[str, Any], domain: str
) -> None:
    default = committed_split()
    assert settings["corpus"]["split"] == {**default.fractions, "salt": default.salt}
    for number in range(150):
        group = topology_group(parse_netlist(sample(number, everything, domain).truth))
        assert place(group, default.salt, default.fractions) == "train"


def test_circuits_without_a_picture_are_answered_in_steps_from_their_netlist_alone(settings: dict[str, Any]) -> None:
    default = committed_split()
    digits, seen = set(), 0
    for number in range(40):
        rows = undrawn(number, settings["corpus"], "meshes", {"impedance": 2, "transfer": 2})
        assert rows == undrawn(number, settings["corpus"], "meshes", {"impedance": 2, "transfer": 2})
        for prompt, traced, steps in rows:
            title, *lines = traced.splitlines()
            circuit = parse_netlist("\n".join(lines))
            assert title == "Traced:"
            assert place(topology_group(circuit), default.salt, default.fractions) == "train"
            names = {part.name for part in circuit.parts if part.kind != "W"}
            assert set(re.findall(r"[RLCVI]\d", prompt + steps)) <= names
            assert set(re.findall(r"\b[a-p]\b", steps)) <= set(circuit.nodes)
            digits |= {name[1] for name in names}
            if source := re.search(r"the source (\w+) see|terminals of (\w+)", prompt):
                exact = transfer_text(input_impedance(circuit, source[1] or source[2]))
                assert check_sympy_equivalence(steps.rpartition("Answer: ")[2], exact)
                seen += 1
    assert digits == set("123456789") and seen > 20


def test_the_corpus_draws_what_the_default_run_draws(settings: dict[str, Any], domain: str) -> None:
    assert settings["corpus"]["domains"][domain] == committed_yaml("params.yaml")["domains"]["circuits"]


def test_topology_groups_are_those_that_the_shipped_weights_were_trained_with() -> None:
    """Groups decide the split: were their canonical form to change, the shipped model would have seen new test topologies."""
    known = {
        "V1 a b\nR1 a c\nR2 c b\n": "107efe5577871e6a",
        "V1 a b\nR1 a c\nC1 c b\nW b 0\n": "a624275260835971",
        "I1 a b\nL1 a b\nC1 a c\nR1 c b\n": "10fea5448c37ff53",
    }
    assert {text: topology_group(parse_netlist(text)) for text in known} == known


def test_a_description_names_every_line_of_the_drawing(everything: dict[str, Any], domain: str) -> None:
    for number in range(60):
        drawn = sample(number, everything, domain)
        phrases = drawn.description.split(", ")
        parts = parse_netlist(drawn.truth).parts
        assert len(phrases) == len(parts)
        for phrase, part in zip(phrases, parts, strict=True):
            words = phrase.split()
            assert words[0] == part.nodes[0]
            assert (part.name in words) == (part.kind != "W")
            # The reference of an op-amp and of a supply is not drawn.
            seen = [node for node in part.nodes[1:] if node != "0" or part.kind in "WP"]
            assert words[1 if part.kind == "W" else 2 :] == [
                "ground" if word == "0" else word for word in [*seen, part.control] if word is not None
            ]


def test_a_polarity_is_told_by_the_order_of_the_junctions() -> None:
    assert describe("V1 e a 10; up\nI1 b a 1m; left\n") == "e V1 a, b I1 a"


def test_dense_targets_lie_where_the_drawing_has_its_parts(everything: dict[str, Any], domain: str) -> None:
    for number in range(60):
        drawn = sample(number, everything, domain)
        targets = cells(drawn).targets
        scene, shape = drawn.scene, (drawn.scene.size[1] // CELL, drawn.scene.size[0] // CELL)
        assert all(target.shape == shape and target.max() < HEADS[name] for name, target in targets.items())
        assert (targets["junction"] > NONE).sum() == len(terminals(scene))
        middles: dict[tuple[int, int], set[int]] = {}
        for part in scene.segments:
            if part.kind != "W":
                (x0, y0), (x1, y1) = part.start, part.end
                middles.setdefault(((y0 + y1) // 2 // CELL, (x0 + x1) // 2 // CELL), set()).add(int(part.name[1:]))
        for device in scene.devices:
            left, top, right, bottom = device.cell
            middles.setdefault(((top + bottom) // 2 // CELL, (left + right) // 2 // CELL), set()).add(
                int(device.name[1:])
            )
        for where, numbers in middles.items():  # two middles may share a cell
            assert targets["own_digit"][where] in numbers
            assert min(targets["symbol"][where], targets["first"][where], targets["second"][where]) > NONE
        assert (targets["third"] > NONE).sum() == len(scene.devices)
        assert (targets["control_first"] > NONE).sum() == sum(1 for part in scene.segments if part.control)


def test_node_targets_are_what_the_netlist_says_is_joined(everything: dict[str, Any], domain: str) -> None:
    """Junctions share a node exactly where contracting the wires of the netlist makes them one."""
    joined = 0
    for number in range(200):
        drawn = sample(number, everything, domain)
        names = merged_nodes(parse_netlist(drawn.truth))
        targets = cells(drawn).targets
        junctions = np.argwhere((targets["junction"] > NONE) & (targets["node"] > NONE))
        found = {
            "abcdefghijklmnop"[targets["junction"][row, column] - 1]: targets["node"][row, column]
            for row, column in junctions.tolist()
        }
        assert len(found) >= 2 and found.keys() <= names.keys()
        for (first, one), (second, other) in itertools.combinations(found.items(), 2):
            assert (one == other) == (names[first] == names[second]), (drawn.truth, first, second)
            joined += one == other
    assert joined > 200


def test_figures_are_shares_of_pictures_and_phrases(settings: dict[str, Any]) -> None:
    first, second = (sample(number, settings["corpus"], "meshes") for number in range(2))
    told = [Told(first, first.description), Told(second, "nonsense")]
    overall = figures(told)["overall"]
    assert overall == {"exact": 0.5, "phrases": 0.5, "pictures": 2}


def said(run: Pretraining, group: dict[str, torch.Tensor]) -> list[str]:
    """What of each conversation of a group is supervised, as text."""
    return [run.processor.tokenizer.decode(row[row != -100]) for row in group["labels"]]


def test_questions_about_held_out_pictures_are_graded_like_those_of_the_pipeline(
    tiny: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    samples = held_out(tiny["corpus"], "meshes", "validation", 6)
    gold = [
        row for number, drawn in enumerate(samples) for row in drawn.asked({"transfer": 1}, 5 + number, steps=False)
    ]
    texts = [f"H(s) = {row.answer}" for row in gold[:-1]] + ["0"]
    asked: list[str] = []

    def says(self: TransformersAnswerer, images: list[Any], prompts: list[str], longest: int) -> list[str]:
        asked.extend(prompts)
        return texts

    monkeypatch.setattr(TransformersAnswerer, "answer", says)
    answered = answer(run.model.train(), run.processor, samples, "transfer", 5)
    assert asked == [row.prompt for row in gold] and run.model.training
    assert [right for _, right in answered] == [True] * (len(gold) - 1) + [False]
    overall = shares_right(answered)["overall"]
    assert overall == {"right": round(1 - 1 / len(gold), 4), "questions": len(gold)}


def test_only_the_description_and_the_end_of_the_turn_are_supervised(tiny: dict[str, Any]) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    batch, _ = Batches(tiny["corpus"], tiny["pretrain"], run.processor)[0]
    (group,) = batch["groups"]
    drawn = [sample(number, tiny["corpus"], "meshes").description for number in range(2)]
    assert said(run, group) == [drawn[about] + "<|im_end|>\n" for about in group["about"]]
    assert sorted(group["about"].tolist()) == [0, 1]


def test_conversations_about_one_picture_cost_what_they_cost_apart(tiny: dict[str, Any]) -> None:
    """A batch looks at each picture once, and has the losses of conversations that bring their own."""
    run = Pretraining(tiny, torch.device("cpu"))
    batch, targets = Batches(tiny["corpus"], tiny["pretrain"], run.processor)[2]
    together = run.step(batch, targets)["token_loss"]
    assert sum(len(group["about"]) for group in batch["groups"]) > len(batch["image_grid_thw"])
    apart = Pretraining(tiny, torch.device("cpu"))
    pictures = batch["pixel_values"].split(batch["image_grid_thw"].prod(-1).tolist())
    losses, tokens = 0.0, 0
    with torch.no_grad(), run.precision():
        for group in batch["groups"]:
            for row, about in enumerate(group["about"].tolist()):
                shown = batch["shown"]["input_ids"][about, batch["shown"]["attention_mask"][about].bool()]
                real = group["attention_mask"][row].bool()
                ids = torch.cat([shown, group["input_ids"][row, real]])[None]
                labels = torch.cat([torch.full_like(shown, -100), group["labels"][row, real]])
                logits = apart.model(
                    input_ids=ids,
                    mm_token_type_ids=(ids == apart.model.config.image_token_id).long(),
                    pixel_values=pictures[about],
                    image_grid_thw=batch["image_grid_thw"][about][None],
                ).logits[0]
                losses += torch.nn.functional.cross_entropy(logits[:-1].float(), labels[1:], reduction="sum").item()
                tokens += int((labels[1:] != -100).sum())
    assert losses / tokens == pytest.approx(together, rel=2e-3)


def test_layers_that_come_in_later_change_nothing_at_first(tiny: dict[str, Any]) -> None:
    wanted = copy.deepcopy(tiny)
    wanted["pretrain"]["phases"][0]["layers"] = 1
    run = Pretraining(wanted, torch.device("cpu"))
    batches = Batches(wanted["corpus"], wanted["pretrain"], run.processor)
    later = {name for name, _ in run.model.named_parameters() if ".layers.1." in name}
    before = {name: tensor.clone() for name, tensor in run.model.named_parameters() if name in later}
    batch = batches[0][0]
    inputs = {name: batch[name] for name in ("pixel_values", "image_grid_thw")} | batch["shown"]
    inputs["mm_token_type_ids"] = (inputs["input_ids"] == run.model.config.image_token_id).long()
    with torch.no_grad():
        deep = run.model.eval()(**inputs).logits
        run.use(1)
        torch.testing.assert_close(run.model(**inputs).logits, deep)
    run.step(*batches[0])
    run.step(*batches[1])
    run.use(2)
    state = dict(run.model.named_parameters())
    assert later and all(torch.equal(state[name], before[name]) for name in later)
    run.step(*batches[2])
    assert not torch.equal(state["model.language_model.layers.1.mlp.down_proj.weight"], torch.zeros(()))
    assert any(not torch.equal(state[name], before[name]) for name in later)


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


def test_a_phase_of_pictures_alone_teaches_the_vision_part_alone(tiny: dict[str, Any]) -> None:
    wanted = copy.deepcopy(tiny)
    wanted["pretrain"]["phases"][0]["learns"] = "vision"
    run = Pretraining(wanted, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in run.model.named_parameters()}
    inputs, targets = Batches(wanted["corpus"], wanted["pretrain"], run.processor)[0]
    assert sorted(inputs) == ["image_grid_thw", "pixel_values"]
    run.step(inputs, targets)
    moved = {name for name, tensor in run.model.named_parameters() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if ".visual." in name}


def test_a_phase_of_words_leaves_the_vision_part_and_the_heads_as_they_are(tiny: dict[str, Any]) -> None:
    wanted = copy.deepcopy(tiny)
    wanted["pretrain"]["phases"][0]["learns"] = "language"
    run = Pretraining(wanted, torch.device("cpu"))
    before = {name: tensor.clone() for name, tensor in run.model.named_parameters()}
    heads = {name: tensor.clone() for name, tensor in run.heads.named_parameters()}
    batches = Batches(wanted["corpus"], wanted["pretrain"], run.processor)
    losses = run.step(*batches[0])
    assert set(losses) == {"token_loss"}
    moved = {name for name, tensor in run.model.named_parameters() if not torch.equal(tensor, before[name])}
    assert moved == {name for name in before if ".visual." not in name}
    assert all(torch.equal(tensor, heads[name]) for name, tensor in run.heads.named_parameters())
    run.batches_seen = 2  # the next phase teaches all again
    run.step(*batches[2])
    assert any(not torch.equal(t, before[name]) for name, t in run.model.named_parameters() if ".visual." in name)


def test_the_shares_of_several_processes_are_the_batch(tiny: dict[str, Any]) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    whole, *shares = (
        Batches(tiny["corpus"], tiny["pretrain"], run.processor, share)[2] for share in ((0, 1), (0, 2), (1, 2))
    )
    pictures = whole[0]["image_grid_thw"].prod(-1).tolist()
    for share, pixels in zip(shares, whole[0]["pixel_values"].split(pictures), strict=True):
        assert torch.equal(share[0]["pixel_values"], pixels)
    for name in HEADS:
        assert torch.equal(torch.cat([share[1][name] for share in shares]), whole[1][name])


@pytest.mark.slow
def test_two_processes_take_the_step_of_one(tiny: dict[str, Any], tmp_path: Path) -> None:
    """But for the mean over tokens, which each process takes over its own."""
    context = torch.multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=one_of_two, args=(rank, tiny, str(tmp_path / "meeting"), str(tmp_path)))
        for rank in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    alone = Pretraining(tiny, torch.device("cpu"))
    shares = [Batches(tiny["corpus"], tiny["pretrain"], alone.processor, (rank, 2))[0] for rank in range(2)]
    gradients: dict[str, torch.Tensor] = {}
    for inputs, targets in shares:
        other = Pretraining(tiny, torch.device("cpu"))
        other.settings = tiny | {"pretrain": tiny["pretrain"] | {"max_grad_norm": float("inf")}}
        other.step(dict(inputs), dict(targets))
        for name, parameter in other.model.named_parameters():
            if parameter.grad is not None:
                gradients[name] = gradients.get(name, torch.zeros_like(parameter)) + parameter.grad / 2
    for name, gradient in gradients.items():
        torch.testing.assert_close(first[name], gradient, atol=1e-5, rtol=1e-3)


def test_dense_losses_count_as_the_parameters_say(tiny: dict[str, Any]) -> None:
    tokens, digit = torch.randn(4, 16), torch.tensor([1, 2, 3, 4])
    targets = {name: torch.full((4,), -100) for name in HEADS} | {"digit": digit, "symbol": digit}
    heads = DenseHeads(16)
    loss, _ = heads(tokens, targets, {"digit": 3.0})
    own = {
        name: torch.nn.functional.cross_entropy(heads.heads[name](heads.norm(tokens)), digit)
        for name in ("digit", "symbol")
    }
    assert loss.item() == pytest.approx((3 * own["digit"] + own["symbol"]).item() / 4)
    with pytest.raises(ValueError, match="digits"):
        heads(tokens, targets, {"digits": 3.0})


@pytest.mark.parametrize("steps", [False, True])
def test_questions_come_in_the_phase_that_has_them(tiny: dict[str, Any], steps: bool) -> None:
    wanted = copy.deepcopy(tiny)
    wanted["pretrain"]["phases"][1]["steps"] = steps
    run = Pretraining(wanted, torch.device("cpu"))
    batches = Batches(wanted["corpus"], wanted["pretrain"], run.processor)
    assert len(batches) == 4
    groups = batches[2][0]["groups"]
    for number, about in ((4, 0), (5, 1)):
        drawn = sample(number, tiny["corpus"], "meshes")
        rows = drawn.asked({"netlist": 2, "transfer": 2}, tiny["pretrain"]["question_seed"] + number, steps=steps)
        told = {
            text.removesuffix("<|im_end|>\n")
            for group in groups
            for text, own in zip(said(run, group), group["about"].tolist(), strict=True)
            if own == about
        }
        assert told and told <= {row.answer for row in rows} | {drawn.description}
        assert told != {drawn.description}


def test_of_circuits_without_a_picture_what_stands_behind_the_netlist_is_learnt(tiny: dict[str, Any]) -> None:
    wanted = copy.deepcopy(tiny)["pretrain"]
    wanted["phases"][1]["undrawn"] = 2
    run = Pretraining(tiny, torch.device("cpu"))
    corpus, pad = tiny["corpus"], run.processor.tokenizer.pad_token_id
    assert Batches(corpus, wanted, run.processor)[0][0]["undrawn"] == []
    whole, *halves = (
        Batches(corpus, wanted, run.processor, share)[2][0]["undrawn"] for share in ((0, 1), (0, 2), (1, 2))
    )
    rows = [row for number in (4, 5) for row in undrawn(number, corpus, "meshes", wanted["undrawn_asked"])]
    learnt = sorted(text for group in whole for text in said(run, group))
    assert learnt == sorted(steps + "<|im_end|>\n" for _, _, steps in rows)
    assert learnt == sorted(text for half in halves for group in half for text in said(run, group))
    for group in whole:
        for ids in group["input_ids"]:
            text = run.processor.tokenizer.decode(ids[ids != pad])
            assert any(
                prompt in text and text.endswith(f"{traced}{steps}<|im_end|>\n") for prompt, traced, steps in rows
            )
    batch, targets = Batches(corpus, wanted, run.processor)[2]
    alone = run.step(batch | {"groups": []}, targets)["token_loss"]
    assert alone != pytest.approx(run.step(batch | {"undrawn": []}, targets)["token_loss"])
    assert alone == pytest.approx(np.log(tiny["tokenizer"]["vocabulary"]), rel=0.2)  # untrained: any token


def test_what_takes_longer_to_say_than_the_phase_allows_is_not_asked(tiny: dict[str, Any]) -> None:
    wanted = copy.deepcopy(tiny)
    wanted["pretrain"]["phases"][1] |= {"longest": 1, "asked": 3}
    run = Pretraining(wanted, torch.device("cpu"))
    groups = Batches(wanted["corpus"], wanted["pretrain"], run.processor)[2][0]["groups"]
    drawn = {sample(number, wanted["corpus"], "meshes").description + "<|im_end|>\n" for number in (4, 5)}
    assert sorted(text for group in groups for text in said(run, group)) == sorted(drawn)


def test_the_rate_goes_in_straight_lines_from_phase_to_phase() -> None:
    phases = [
        {"pictures": 100, "rate": 1.0, "questions": {}},
        {"pictures": 100, "rate": 0.5, "questions": {"netlist": 0.5}},
        {"pictures": 50, "rate": 0.0, "questions": {"netlist": 1.0}},
    ]
    schedule = Schedule(phases, warmup=10)
    assert schedule.pictures == 250
    assert schedule.rate(5) == pytest.approx(0.501)
    assert [schedule.rate(seen) for seen in (50, 100, 150, 200, 225, 250)] == pytest.approx([1, 1, 0.75, 0.5, 0.25, 0])
    assert [schedule.phase_of(number)["rate"] for number in (0, 99, 100, 200, 999)] == [1.0, 1.0, 0.5, 0.0, 0.0]


def test_checkpoints_belong_to_one_set_of_parameters(settings: dict[str, Any]) -> None:
    busy, other = copy.deepcopy(settings), copy.deepcopy(settings)
    busy["pretrain"]["processes"] += 1
    other["corpus"]["seed"] += 1
    assert checkpoint_path(busy) == checkpoint_path(settings) != checkpoint_path(other)


def test_a_pretraining_goes_on_from_a_model_folder(tiny: dict[str, Any], tmp_path: Path) -> None:
    write_untrained(tiny, tmp_path / "folder")
    run = begun(tiny, tmp_path / "folder", 4)
    start = Pretraining(tiny, torch.device("cpu")).model.state_dict()
    for name, tensor in run.model.state_dict().items():
        assert torch.equal(tensor, start[name].to(torch.bfloat16).float()), name
    assert run.schedule.phase_of(run.seen) is tiny["pretrain"]["phases"][1]
    run.save(tmp_path / "checkpoint.pt")
    other = Pretraining(tiny, torch.device("cpu"))
    other.load(tmp_path / "checkpoint.pt")
    assert other.step(*Batches(tiny["corpus"], tiny["pretrain"], other.processor)[2])["token_loss"] > 0
    with pytest.raises(ValueError, match="no phase of params"):
        begun(tiny, tmp_path / "folder", 6)


def test_the_control_is_the_model_that_the_pretraining_starts_from(tiny: dict[str, Any], tmp_path: Path) -> None:
    write_untrained(tiny, tmp_path / "untrained")
    write_untrained(tiny, tmp_path / "untrained")
    start = Pretraining(tiny, torch.device("cpu")).model.state_dict()
    entry = load_params(DEFAULT_PARAMS).models["base"].model_copy(update={"source": str(tmp_path / "untrained")})
    written = load_model(entry, device="cpu").state_dict()
    assert written.keys() == start.keys()
    assert all(torch.equal(tensor, start[name].to(torch.bfloat16).to(tensor.dtype)) for name, tensor in written.items())
    assert [path.name for path in tmp_path.iterdir()] == ["untrained"]


def test_the_control_stands_beside_the_committed_run() -> None:
    figures = {
        variant: {"overall": {"accuracy": share}} for variant, share in (("base", 0.1), ("merged", 0.2), ("nf4", 0.3))
    }
    assert beside(figures, figures)["untrained"] == {"base": {"accuracy": 0.1}, "merged": {"accuracy": 0.2}}


def test_the_sheet_of_examples_shows_right_and_wrong_and_the_pictures_of_others(
    tiny: dict[str, Any], tmp_path: Path
) -> None:
    run = Pretraining(tiny, torch.device("cpu"))
    samples = [sample(number, tiny["corpus"], "meshes") for number in range(4)]
    told = [Told(samples[0], "a b"), *(Told(drawn, drawn.description) for drawn in samples[1:])]
    own = own_examples(told, each=1)
    assert [example.right for example in own] == [True, False]
    assert own[0].drawn == own[0].told == samples[1].description
    others = others_examples(run.model.eval(), run.processor)
    assert {example.origin.split(",")[0] for example in others} == {"CircuitSense", "ci2n"} and len(others) == 4
    assert others[0].drawn.startswith("R1 0 1") and others[0].verdict.endswith("of 3 parts named")
    write_examples(tmp_path / "examples.png", told, run.model, run.processor)
    assert Image.open(tmp_path / "examples.png").width == sheet(own).width


def test_the_learning_curve_has_a_line_at_the_end_of_every_descent_to_zero(settings: dict[str, Any]) -> None:
    phases = settings["pretrain"]["phases"]
    curve = read_curve(ROOT / "base/learning_curve.csv")
    ends = [sum(phase["pictures"] for phase in phases[: number + 1]) for number in range(len(phases))]
    zeros = [end for end, phase in zip(ends, phases, strict=True) if phase["rate"] == 0]
    found = settled(curve, phases)
    assert [row["pictures"] for row in found] == zeros and zeros[-1] == curve[-1]["pictures"]
    assert all(row["rate"] == 0 for row in found)


def test_the_picture_of_the_learning_curve_is_that_of_the_committed_lines(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    curve = read_curve(ROOT / "base/learning_curve.csv")
    assert curve[0]["held_out_transfer"] is None and curve[-1]["held_out_transfer"] is not None
    draw_curve(curve, settings["pretrain"]["phases"], tmp_path / "drawn.png")
    with Image.open(tmp_path / "drawn.png") as drawn, Image.open(ROOT / "models/base/learning_curve.png") as shipped:
        assert np.array_equal(np.asarray(drawn), np.asarray(shipped))


def test_the_readme_of_the_pretraining_tells_what_the_versions_of_the_model_show() -> None:
    rows = read_curve(RESULT)
    summary = json.loads((ROOT / "base/metrics.json").read_text(encoding="utf-8"))
    assert line(summary) == rows[-1], "scaling.csv ends in the shipped weights"
    text = " ".join((ROOT / "base/README.md").read_text(encoding="utf-8").split())
    assert " ".join(table(rows).split()) in text
    assert f"to the power of -{exponent(rows):.2f}" in text
    times = round(needed(rows, 0.95))
    assert f"95 % want {times} times as many, {times * summary['pictures'] / 1e6:.0f} million" in text
    impedance, transfer = (exponent(rows, kind) for kind in KINDS)
    assert f"power of -{impedance:.2f} for impedances and -{transfer:.2f} for transfer functions" in text
    impedances, transfers = (f"{100 * expected(rows, times, kind):.0f} %" for kind in KINDS)
    told = f"would then answer {impedances} of impedances and {transfers} of transfer functions"
    assert f"{times} times the pictures, {told}" in text
    many = round(needed(rows, 0.6, "transfer"))
    assert f"want {many} times the pictures, {many * summary['pictures'] / 1e6:.0f} million" in text


def test_the_law_of_scaling_is_that_of_its_ends() -> None:
    """Four times the pictures for half the errors is a root; a quarter of the errors then wants four times as many again, twice."""
    rows = [
        dict.fromkeys(("pictures", "told"), 0.0) | row
        for row in ({"pictures": 1.0, "told": 0.6}, {"pictures": 4.0, "told": 0.8})
    ]
    assert exponent(rows) == pytest.approx(0.5)
    assert needed(rows, 0.95) == pytest.approx(16)
    assert expected(rows, 16) == pytest.approx(0.95)
    assert line({"held_out": {"overall": {"exact": 1.0}}, "pictures": 1}) is None


SUMMARY = {
    "parameters": 6_107_008,
    "pictures": 1234,
    "held_out": {"overall": {"exact": 0.5, "phrases": 0.75, "pictures": 8}},
    "answered": {"transfer": {"level_0": {"right": 0.25, "questions": 4}, "overall": {"right": 0.125, "questions": 8}}},
}


def test_the_card_tells_what_was_drawn_and_how_well_it_is_read(settings: dict[str, Any], tmp_path: Path) -> None:
    write_card(tmp_path / "card.md", settings, "a R1 b", SUMMARY)
    text = (tmp_path / "card.md").read_text(encoding="utf-8")
    assert "6.1 million parameters" in text and "1,234 pictures" in text
    assert "level 0 with 3 to 7 parts, level 1 with 3 to 7 parts" in text
    assert "| overall | 50.0% | 75.0% | 8 |" in text
    assert "| transfer | 12.5% | 8 |\n| transfer, level 0 | 25.0% | 4 |" in text
    (schedule,) = re.findall(r"\| pictures \| drawn .*?\n\n", text, re.DOTALL)
    header, _, *phases = schedule.strip().splitlines()
    assert len(phases) == len(settings["pretrain"]["phases"])
    assert {row.count("|") for row in phases} == {header.count("|")}


def test_the_card_sets_the_control_beside_the_model(settings: dict[str, Any], tmp_path: Path) -> None:
    run = committed_json("metrics/metrics.json")
    write_card(tmp_path / "card.md", settings, "a R1 b", SUMMARY, beside(run, run))
    share = f"{run['merged']['overall']['netlist_exact_accuracy']:.1%}"
    rows = [line for line in (tmp_path / "card.md").read_text(encoding="utf-8").splitlines() if "netlist exact" in line]
    assert len(rows) == 1 and rows[0].count(share) >= 2
