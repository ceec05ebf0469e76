"""`diagramlens predict` and `diagramlens evaluate` on a tiny model: what is printed, and one line for whatever is amiss."""

from __future__ import annotations

import argparse
import io
import json
import shutil
from pathlib import Path
from types import ModuleType

import pytest
import torch
from PIL import Image

from diagramlens.evaluation import evaluate_command, predict_command
from diagramlens.evaluation.folders import FolderError, _entry, open_folder
from diagramlens.export.familiarity import Familiarity, write_familiarity
from diagramlens.inference import closing
from diagramlens.models.loading import LoadingError, write_adapter_base
from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError, Prediction, read_rows
from tests.models.tiny import save_tiny


def run(command: ModuleType, *arguments: object) -> int:
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    return command.run(parser.parse_args([str(argument) for argument in arguments]))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    path = tmp_path / "circuit.png"
    Image.radial_gradient("L").resize((120, 90)).save(path)
    return path


def add_item(tree: Path, folder: str, netlist: str, answer: str) -> None:
    number = Path(folder).name
    place = tree / "Analysis/synthetic" / folder
    place.mkdir(parents=True)
    (place / f"{number}_question.txt").write_text("What is the transfer function from V1 to R2 in this circuit?")
    (place / f"{number}_ta.txt").write_text(answer)
    (place / f"{number}_netlist.txt").write_text(netlist)
    buffer = io.BytesIO()
    Image.radial_gradient("L").resize((90, 60)).save(buffer, format="PNG")
    (place / f"{number}_image.png").write_bytes(buffer.getvalue())


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two items in CircuitSense's layout."""
    add_item(tmp_path / "tree", "level0/q3", "V1 1 0; down\nR1 1 2; right\nR2 2 0; down", "R2/(R1 + R2)")
    add_item(
        tmp_path / "tree",
        "level1/q8",
        "V1 1 0; down\nR1 1 2; right\nC1 2 0; down\nR2 2 0; down",
        "R2/(R1 + R2 + C1*R1*R2*s)",
    )
    return tmp_path / "tree"


def test_a_question_about_a_picture_is_answered_on_standard_output(
    tiny_model_dir: Path, picture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (tiny_model_dir, picture, "--prompt", "Read the netlist.", "--max-new-tokens", 4, "--device", "cpu")
    assert run(predict_command, *arguments) == 0
    first = capsys.readouterr().out
    assert first.endswith("\n")
    run(predict_command, *arguments)
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(("threshold", "warned"), [(0.0, True), (-100.0, False)])
def test_a_picture_unlike_those_of_training_is_told_beside_its_answer(
    tiny_model_dir: Path,
    picture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    threshold: float,
    warned: bool,
) -> None:
    asked = (picture, "--prompt", "Read the netlist.", "--max-new-tokens", 4, "--device", "cpu")
    run(predict_command, tiny_model_dir, *asked)
    plain = capsys.readouterr()
    folder = tmp_path / "merged"
    shutil.copytree(tiny_model_dir, folder)
    write_familiarity(folder, Familiarity("Read it.", 6, threshold, 0.02, 200))
    assert run(predict_command, folder, *asked) == 0
    told = capsys.readouterr()
    assert told.out == plain.out
    if warned:
        assert told.err.startswith("diagramlens predict: warning: the picture is unlike those that ")
        assert told.err.count("\n") == 1 and "where 98% of 200 of those have more than 0.000" in told.err
    else:
        assert told.err == ""
    assert "is not known; the merge stage measures that" in plain.err and plain.err.count("\n") == 1


def test_a_model_is_examined_on_a_tree_that_nobody_labelled(
    tiny_model_dir: Path, tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "answers.parquet"
    arguments = ("--circuitsense", tree, "--max-new-tokens", 4, "--device", "cpu", "--predictions", out)
    assert run(evaluate_command, tiny_model_dir, *arguments) == 0
    printed = capsys.readouterr()
    metrics = json.loads(printed.out)
    assert metrics["overall"]["questions"]["equation_sympy_accuracy"] == 2
    assert metrics["overall"]["questions"]["equation_via_netlist_accuracy"] == 2
    assert metrics["level_0"]["questions"]["netlist_exact_accuracy"] == 1
    assert metrics["level_1"]["questions"]["accuracy"] == 2
    assert "4 questions about 2 of the tree's 2 items" in printed.err
    assert len(list(read_rows(out, Prediction))) == 4


def test_the_golds_of_the_tree_are_right_by_their_own_grader_and_by_their_netlists(tree: Path) -> None:
    from diagramlens.evaluation.metrics import summarize
    from diagramlens.evaluation.scoring import score
    from diagramlens.sources.circuitsense import read_circuitsense

    imported = read_circuitsense(tree, max_bad_fraction=0.0)
    questions = [question for diagram in imported.diagrams for question in evaluate_command.questions_of(diagram)]
    overall = summarize(score("gold", questions, [question.answer for question in questions]))["overall"]
    assert (
        overall["equation_sympy_accuracy"]
        == overall["equation_via_netlist_accuracy"]
        == overall["netlist_exact_accuracy"]
        == 1
    )


def test_golds_of_the_tree_that_the_solver_contradicts_count_and_are_told(
    tiny_model_dir: Path, tree: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = tree / "Analysis/synthetic/level1/q8/q8_ta.txt"
    answer.write_text(f"2*({answer.read_text().strip()})")
    run(evaluate_command, tiny_model_dir, "--circuitsense", tree, "--max-new-tokens", 1, "--device", "cpu")
    printed = capsys.readouterr()
    assert json.loads(printed.out)["overall"]["questions"]["equation_sympy_accuracy"] == 2
    assert "the exact solver contradicts 1 of the tree's golds, which count all the same" in printed.err


def test_what_was_set_aside_is_told(tiny_model_dir: Path, tree: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tree / "Analysis/synthetic/level1/q8/q8_image.png").write_bytes(b"\x89PNG\r\n\x1a\n cut off")
    arguments = ("--circuitsense", tree, "--max-new-tokens", 1, "--device", "cpu")
    with pytest.raises(DiagramLensError, match="1 of 2 imported items are damaged"):
        run(evaluate_command, tiny_model_dir, *arguments)
    assert run(evaluate_command, tiny_model_dir, *arguments, "--max-bad-fraction", "0.5") == 0
    assert "set aside: 1 × picture is damaged" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["qwen2_5_vl", "smolvlm", "idefics3"])
def test_a_folder_of_any_architecture_is_asked_with_the_pixel_budget_that_it_was_saved_with(
    kind: str, tmp_path: Path, picture: Path
) -> None:
    wanted = save_tiny(kind, tmp_path)
    with closing(open_folder(tmp_path, device="cpu")) as answerer, Image.open(picture) as image:
        assert len(answerer.answer([image.convert("RGB")], ["Read."], 2)) == 1
    entry = _entry(tmp_path)
    assert (entry.family, entry.min_pixels, entry.max_pixels) == (wanted.family, wanted.min_pixels, wanted.max_pixels)


def test_an_adapter_answers_on_the_base_it_was_made_for(tiny_model_dir: Path, tmp_path: Path, picture: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import Qwen2VLForConditionalGeneration

    base = tmp_path / "base"
    shutil.copytree(tiny_model_dir, base)
    model = get_peft_model(
        Qwen2VLForConditionalGeneration.from_pretrained(base, dtype=torch.float32),
        LoraConfig(
            r=4, target_modules=r"model\.language_model\.layers\.\d+\.self_attn\.q_proj", init_lora_weights=False
        ),
    )
    model.save_pretrained(tmp_path / "adapter")
    sizes = {"min_pixels": 3136, "max_pixels": 200704, "micro_batch": 1, "rate_scale": 1.0}
    entry = ModelEntry(
        family="qwen2-vl", source=str(base), revision=None, four_bit=False, gradient_checkpointing=False, **sizes
    )
    write_adapter_base(tmp_path / "adapter", entry)
    with closing(open_folder(tmp_path / "adapter", device="cpu")) as answerer, Image.open(picture) as image:
        assert len(answerer.answer([image.convert("RGB")], ["Read."], 2)) == 1
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\x01\x02\x03\x04")
    with pytest.raises(LoadingError, match="made for another base"):
        open_folder(tmp_path / "adapter", device="cpu")


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "config.json").unlink(), "no model there"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (
            lambda folder: (folder / "config.json").write_text('{"model_type": "llama"}'),
            "a model of type 'llama'; known are: qwen2_vl",
        ),
        (lambda folder: (folder / "preprocessor_config.json").unlink(), "no preprocessor_config.json"),
        (lambda folder: (folder / "preprocessor_config.json").write_text("{}"), "no size.shortest_edge"),
        (
            lambda folder: [(folder / "config.json").unlink(), (folder / "model-f16.gguf").touch()],
            "asked by the evaluate stage",
        ),
    ],
)
def test_a_folder_that_holds_no_model_is_an_error_of_one_line(
    tiny_model_dir: Path, tmp_path: Path, spoil: object, why: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(tiny_model_dir, folder)
    spoil(folder)  # type: ignore[operator]
    with pytest.raises(FolderError, match=why) as caught:
        open_folder(folder, device="cpu")
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_picture_is_named(tiny_model_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.png").write_text("not a picture")
    with pytest.raises(DiagramLensError, match=r"notes\.png: not a picture"):
        run(predict_command, tiny_model_dir, tmp_path / "notes.png", "--prompt", "Read.")
