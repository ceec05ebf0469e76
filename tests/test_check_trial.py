"""`diagramlens check --forward` and `--overfit`, in a workspace with tiny models, and the warnings about picture budgets."""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from ruamel.yaml import YAML

from diagramlens.checking.budget import budget_warnings, picture_sizes
from diagramlens.checking.forward import go_forward
from diagramlens.checking.overfit import Attempt, Bounds, Overfit, advice, overfit
from diagramlens.checking.session import Session, open_session, phase_of
from diagramlens.checking.trial import chosen, samples
from diagramlens.cli import main
from diagramlens.params import ModelEntry, Params, parse_params
from diagramlens.records import Diagram, Question, write_shards, write_table
from diagramlens.training.loss import summed_loss
from tests.committed import DEFAULT_PARAMS
from tests.models.tiny import ARCHITECTURES, save_tiny
from tests.tiny_entry import tiny_entry
from tests.training.conftest import picture

ROOT = Path(__file__).parents[1]
each_architecture = pytest.mark.parametrize("kind", ARCHITECTURES)


def diagram(number: int) -> Diagram:
    return Diagram(f"d{number}", f"g{number}", "circuits", 0, "american", picture(number), "", "[]", "drawn", "[]")


def question(number: int, answer: str | None = None) -> Question:
    prompt, reply = f"What is the voltage across R{number}?", answer or f"{number} V"
    return Question(f"q{number}", f"d{number}", f"g{number}", 0, "voltage", prompt, reply, "{}", "solver", 1.0)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight pictures with a question each, and no model."""
    folder = tmp_path_factory.mktemp("workspace")
    (folder / "data" / "diagrams").mkdir(parents=True)
    write_shards(folder / "data" / "diagrams", [diagram(n) for n in range(8)], Diagram, rows_per_shard=3)
    (folder / "data" / "split").mkdir()
    write_table(folder / "data" / "split" / "train.parquet", [question(n) for n in range(8)], Question)
    return folder


@pytest.fixture(scope="module")
def entry_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelEntry]:
    made: dict[str, ModelEntry] = {}

    def of(kind: str) -> ModelEntry:
        if kind not in made:
            made[kind] = save_tiny(kind, tmp_path_factory.mktemp(kind))
        return made[kind]

    return of


def with_entry(entry: ModelEntry, recipe: str = "r1-llm-only", **groups) -> Params:
    content = YAML(typ="safe", pure=True).load(DEFAULT_PARAMS.read_text(encoding="utf-8"))
    content["models"]["tiny"] = entry.model_dump()
    content |= {"model": "tiny", "model_folder": entry.source, "recipe": recipe}
    content["quantize"]["formats"] = []
    content["evaluate"]["variants"] = ["base"]
    content["train"] |= {"precision": "fp32"}
    for group, keys in groups.items():
        content[group] |= keys
    return parse_params(content)


@pytest.fixture
def session_of(workspace, entry_of, monkeypatch) -> Callable[..., Session]:
    monkeypatch.chdir(workspace)

    def of(kind: str, recipe: str = "r1-llm-only", packing: str = "shared", **keys) -> Session:
        return open_session(with_entry(entry_of(kind).model_copy(update=keys), recipe, train={"packing": packing}))

    return of


@pytest.mark.parametrize("recipe", ["r1-llm-only", "r2-vision-only", "r4-joint"])
@each_architecture
def test_gradients_reach_exactly_what_each_phase_trains(kind, recipe, session_of) -> None:
    session = session_of(kind, recipe, four_bit=False)
    phase = session.phases[0]
    found = go_forward(session, session.model(phase), phase, session.questions[:4])
    assert found.right
    assert {flow.component for flow in found.flows if flow.reached} == {
        name for name, plan in phase.components.items() if plan.train != "frozen"
    }
    assert found.loss > 0


@each_architecture
def test_what_is_marked_as_supervised_is_the_answer_and_the_end_of_its_turn(kind, session_of) -> None:
    session = session_of(kind, packing="none")
    found = go_forward(session, session.model(session.phases[0]), session.phases[0], session.questions[:2])
    for asked, pieces in zip(session.questions, found.texts, strict=False):
        marked = "".join(text for text, supervised in pieces if supervised)
        assert marked.strip() == asked.answer + session.family.end_of_turn
        whole = "".join(text for text, _ in pieces)
        assert asked.prompt in whole
        assert "visual tokens]" in whole
    assert sum(found.tokens.values()) == int(found.shapes["input_ids"].split(",")[1].split(")")[0]) * 2


@pytest.mark.parametrize("packing", ["shared", "apart"])
@each_architecture
def test_packed_rows_are_tried_as_training_packs_them_and_have_the_loss_of_padded_batches(
    kind, packing, session_of
) -> None:
    asked = [question(1), question(1, "7 kV"), question(2), question(5)]
    found = {}
    for how in ("none", packing):
        session = session_of(kind, packing=how)
        found[how] = go_forward(session, session.model(session.phases[0]), session.phases[0], asked)
        assert found[how].right
    padded, packed = found["none"], found[packing]
    assert packed.loss == pytest.approx(padded.loss, rel=1e-5)
    assert packed.flows[2].norm == pytest.approx(padded.flows[2].norm, rel=1e-3)
    assert "position_ids" in packed.shapes and "attention_mask" not in packed.shapes
    assert packed.tokens["padding"] == 0
    assert packed.tokens["supervised"] == padded.tokens["supervised"]
    assert (packed.tokens["visual"] < padded.tokens["visual"]) == (packing == "shared")
    marked = ["".join(text for text, supervised in pieces if supervised).strip() for pieces in packed.texts]
    assert marked == [asked[n].answer + session.family.end_of_turn for n in range(3)]


def test_samples_that_fill_several_rows_are_one_loss(session_of) -> None:
    whole = session_of("qwen2_vl")
    phase = whole.phases[0]
    longest = max(len(text) for text in whole.batch(whole.questions)["input_ids"])
    tight = dataclasses.replace(
        whole,
        params=whole.params.model_copy(
            update={"train": whole.params.train.model_copy(update={"pack_tokens": longest})}
        ),
    )
    one, several = (go_forward(session, session.model(phase), phase, session.questions) for session in (whole, tight))
    assert one.batches == 1 < several.batches
    assert several.loss == pytest.approx(one.loss, rel=1e-5)
    assert several.tokens == one.tokens


def test_packed_samples_are_those_that_training_reads_first(session_of) -> None:
    session = session_of("qwen2_vl")
    twice = dataclasses.replace(session, questions=[*session.questions, *session.questions])
    first = samples(twice, 6)
    assert [a.diagram_id == b.diagram_id for a, b in zip(first[::2], first[1::2], strict=True)] == [True] * 3
    padded = session_of("qwen2_vl", packing="none")
    assert samples(padded, 4) == chosen(padded.questions, 4)


def test_the_loss_is_the_models_own(session_of) -> None:
    session = session_of("qwen2_vl")
    model = session.model(session.phases[0])
    batch = session.batch(session.questions[:3])
    with phase_of(session, model, session.phases[0]), torch.no_grad():
        summed, count = summed_loss(model, batch)
        assert float(summed / count) == pytest.approx(float(model(**batch).loss), rel=1e-5)


def test_a_component_that_gradients_do_not_reach_is_told(session_of) -> None:
    session = session_of("qwen2_vl", four_bit=False)
    phase = session.phases[0]
    model = session.model(phase)
    model.get_base_model().model.language_model.layers[0].register_forward_hook(lambda *a: a[2].detach())
    found = go_forward(session, model, phase, session.questions[:2])
    language = next(flow for flow in found.flows if flow.component == "language")
    assert not found.right
    assert 0 < language.reached < language.trainable


def test_a_few_samples_are_learnt_by_heart(session_of) -> None:
    session = session_of("qwen2_vl", "full", rate_scale=300.0)
    result = overfit(session, session.questions[:4], Bounds(0.05, 200, 60))
    assert result.reached
    assert result.attempts[0].first > 1 > 0.05 >= result.attempts[0].last
    assert advice(result, "tiny", "r1-llm-only") == []


def test_phases_are_tried_in_order_the_second_on_what_the_first_has_learnt(session_of) -> None:
    session = session_of("qwen2_vl", "r3-two-stage", rate_scale=30.0, four_bit=True)
    first, second = overfit(session, session.questions[:4], Bounds(1e-9, 8, 60)).attempts
    assert (first.phase, second.phase) == ("vision", "language")
    assert first.steps == second.steps == 4
    assert first.last < first.first
    assert second.first == pytest.approx(first.last, rel=0.1)  # 4 bits round the language model in between


def test_a_rate_that_is_too_low_is_what_to_look_at(session_of) -> None:
    session = session_of("qwen2_vl", rate_scale=1e-3, four_bit=False)
    result = overfit(session, session.questions[:4], Bounds(0.05, 5, 60))
    assert not result.reached
    assert advice(result, "tiny", "r1-llm-only")[0].startswith("the loss hardly fell: raise models.tiny.rate_scale")


@pytest.mark.parametrize(
    ("first", "last", "lowest", "words"),
    [
        (2.0, float("nan"), 1.9, "the loss grew: lower models.m.rate_scale"),
        (2.0, 5.0, 1.0, "the loss grew"),
        (2.0, 1.0, 0.2, "the loss fell and rose again"),
        (2.0, 0.5, 0.5, "the loss was still falling: allow more with --steps"),
    ],
)
def test_advice_follows_the_course_of_the_loss(first, last, lowest, words) -> None:
    result = Overfit(4, [Attempt("p", 9, 1.0, first, last, lowest, reached=False)], 0, Bounds(0.05, 9, 9))
    assert words in advice(result, "m", "r")[0]


def test_samples_that_contradict_each_other_are_told_first(session_of) -> None:
    session = session_of("qwen2_vl", four_bit=False)
    result = overfit(session, [question(1), question(1, "7 V")], Bounds(0.05, 2, 60))
    assert result.conflicts == 1
    assert advice(result, "tiny", "r")[0].startswith("1 of the samples contradict another")


# ------------------------------------------------------------------------------------------------------------------ the command


def written(params: Params, folder: Path) -> str:
    file = folder / "params.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML(typ="safe", pure=True).dump(params.model_dump(), stream)
    return str(file)


def test_the_command_shows_a_batch_and_learns_samples(workspace, entry_of, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(workspace)
    entry = entry_of("smolvlm").model_copy(update={"rate_scale": 300.0})
    file = written(with_entry(entry, "full"), tmp_path)
    assert main(["check", "--params", file, "--forward", "--overfit", "2", "--steps", "200"]) == 0
    out = capsys.readouterr().out
    for words in ("pixel_values", "«", "shares another", "Right: gradients reach exactly", "The wiring is right."):
        assert words in out


def test_a_failure_to_learn_is_exit_code_1(workspace, entry_of, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(workspace)
    file = written(with_entry(entry_of("qwen2_vl").model_copy(update={"four_bit": False})), tmp_path)
    assert main(["check", "--params", file, "--overfit", "2", "--steps", "2"]) == 1
    assert "NOT learnt: 2 samples" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--forward"], ["--overfit", "2"]])
def test_without_data_the_stage_to_run_is_named(option, entry_of, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    file = written(with_entry(entry_of("qwen2_vl")), tmp_path)
    capsys.readouterr()
    assert main(["check", "--params", file, *option]) == 1
    err = capsys.readouterr().err
    assert err == "diagramlens check: data/diagrams: not there yet; run dvc repro generate first\n"


# -------------------------------------------------------------------------------------------------------------- picture budgets


def png(width: int, height: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height)).save(file, "PNG")
    return file.getvalue()


def test_sizes_are_read_from_the_headers_of_pictures(tmp_path) -> None:
    rows = [
        Diagram(f"d{n}", "g", "circuits", 0, "american", png(30 + n, 40), "", "[]", "drawn", "[]") for n in range(5)
    ]
    (tmp_path / "diagrams").mkdir()
    write_shards(tmp_path / "diagrams", rows, Diagram, rows_per_shard=2)
    assert list(picture_sizes(tmp_path / "diagrams")) == [(f"d{n}", 30 + n, 40) for n in range(5)]
    assert len(list(picture_sizes(tmp_path / "diagrams", most=3))) == 3
    assert list(picture_sizes(tmp_path / "nowhere")) == []


def test_a_budget_that_leaves_labels_unreadable_is_warned_of_with_key_and_count() -> None:
    entry = tiny_entry(Path("/x"), max_pixels=3136)
    sizes = [("small", 56, 56), ("larger", 80, 78), ("large", 280, 280), ("larger still", 400, 280)]
    assert budget_warnings("mine", entry, sizes) == [
        "models.mine.max_pixels = 3136: 2 of 4 pictures have more than 2 times as many pixels (larger still: 400 x 280), so that their "
        "labels become unreadable; raise it to 112000"
    ]
    assert budget_warnings("mine", tiny_entry(Path("/x"), max_pixels=56000), sizes) == []


def test_smolvlm_is_judged_by_the_longer_edge_and_advised_whole_tiles() -> None:
    entry = tiny_entry(Path("/x"), family="smolvlm", min_pixels=262144, max_pixels=262144)
    (warning,) = budget_warnings("mine", entry, [("d1", 1000, 100)])
    assert warning.endswith("raise it to 1048576, and min_pixels with it")
    assert budget_warnings("mine", entry, [("d1", 700, 100)]) == []


def test_pictures_that_the_image_processor_refuses_are_warned_of() -> None:
    (warning,) = budget_warnings("mine", tiny_entry(Path("/x")), [("d1", 3000, 10), ("d2", 100, 100)])
    assert warning.startswith("models.mine.family = qwen2-vl: 1 of 2 pictures are thinner than 1 : 200")


def test_check_warns_and_still_prints_what_is_selected(workspace, entry_of, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(workspace)
    file = written(with_entry(tiny_entry(Path("/x"), min_pixels=784, max_pixels=3136)), tmp_path)
    assert main(["check", "--params", file]) == 0
    out, err = capsys.readouterr()
    assert "What it selects" in out
    assert err.startswith("diagramlens check: warning: models.tiny.max_pixels = 3136: 8 of 8 pictures")
