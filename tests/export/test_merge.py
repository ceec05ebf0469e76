"""Merging: the folder it writes computes what the adapter computed, is complete, and is never made from the wrong base."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from diagramlens.export import ExportError
from diagramlens.export.merge import (
    Sample,
    Shift,
    answer_logits,
    can_measure_four_bit,
    check_shift,
    measure_shift,
    merge_adapter,
    merged_entry,
    read_samples,
    shift_between,
)
from diagramlens.models.loading import FULL_WEIGHTS_FILE, LoadingError, load_model, load_processor, write_adapter_base
from diagramlens.params import ModelEntry
from diagramlens.records import Diagram, Question, write_shards, write_table

Entry = Callable[[Path], ModelEntry]


@pytest.fixture(scope="module")
def merged_dir(base_dir: Path, adapter_dir: Path, entry: Entry, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("merged") / "merged"
    out.mkdir()
    merge_adapter(entry(base_dir), adapter_dir, out)
    return out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_the_merged_model_computes_what_the_adapter_computed(
    base_dir: Path, adapter_dir: Path, merged_dir: Path, samples: list[Sample], entry: Entry
) -> None:
    shift = measure_shift(entry(base_dir), adapter_dir, merged_dir, samples)
    assert shift.maximum < 1e-4
    assert shift.mean <= shift.maximum
    assert shift.agreement == 1.0

    processor = load_processor(entry(base_dir))
    untouched, merged = (load_model(entry(folder)) for folder in (base_dir, merged_dir))
    moved = shift_between(*(answer_logits(model, processor, samples) for model in (untouched, merged)))
    assert moved.maximum > 0.1, "the adapter must change something for this to show anything"


def test_the_merged_folder_is_complete_and_loads_as_any_other(base_dir: Path, merged_dir: Path, entry: Entry) -> None:
    original, merged = load_processor(entry(base_dir)), load_processor(merged_entry(entry(base_dir), merged_dir))
    assert merged.chat_template == original.chat_template
    assert merged.tokenizer.get_vocab() == original.tokenizer.get_vocab()
    assert (merged_dir / "model.safetensors").is_file()
    assert not any("lora" in name for name in load_file(merged_dir / "model.safetensors"))


def test_the_sum_is_stored_unrounded_though_the_base_is_bf16(base_dir: Path, merged_dir: Path) -> None:
    base, merged = (load_file(folder / "model.safetensors") for folder in (base_dir, merged_dir))
    assert {tensor.dtype for tensor in base.values()} == {torch.bfloat16}
    assert {tensor.dtype for tensor in merged.values()} == {torch.float32}
    assert base.keys() == merged.keys()
    # What the adapter does not touch is the base's to the bit.
    assert torch.equal(base["visual.merger.mlp.0.weight"].float(), merged["visual.merger.mlp.0.weight"])
    touched = merged["model.layers.0.mlp.up_proj.weight"]
    assert not torch.equal(touched, touched.bfloat16().float())


def test_merging_twice_gives_the_same_bytes(
    base_dir: Path, adapter_dir: Path, merged_dir: Path, tmp_path: Path, entry: Entry
) -> None:
    again = tmp_path / "again"
    merge_adapter(entry(base_dir), adapter_dir, again)
    assert contents(again) == contents(merged_dir)


def test_nothing_in_the_merged_folder_names_a_place(base_dir: Path, adapter_dir: Path, merged_dir: Path) -> None:
    for name, content in contents(merged_dir).items():
        for place in (base_dir, adapter_dir, merged_dir):
            assert str(place).encode() not in content, name


def test_an_adapter_for_another_base_is_refused_in_one_line(
    tiny_model_dir: Path, adapter_dir: Path, tmp_path: Path, entry: Entry
) -> None:
    with pytest.raises(LoadingError, match=r"^[^\n]*made for another base[^\n]*$"):
        merge_adapter(entry(tiny_model_dir), adapter_dir, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_wholly_trained_weights_without_a_lora_are_taken_over(base_dir: Path, tmp_path: Path, entry: Entry) -> None:
    adapter, out = tmp_path / "adapter", tmp_path / "out"
    adapter.mkdir()
    write_adapter_base(adapter, entry(base_dir))
    trained = load_file(base_dir / "model.safetensors")["visual.merger.ln_q.weight"].float() + 0.5
    save_file({"model.visual.merger.ln_q.weight": trained}, adapter / FULL_WEIGHTS_FILE)
    merge_adapter(entry(base_dir), adapter, out)
    assert torch.equal(load_file(out / "model.safetensors")["visual.merger.ln_q.weight"], trained)
    # The merger is no part of what 4 bits round; the language model is.
    assert can_measure_four_bit(entry(base_dir), adapter)
    save_file({"model.language_model.norm.weight": torch.ones(64)}, adapter / FULL_WEIGHTS_FILE)
    assert not can_measure_four_bit(entry(base_dir), adapter)


def test_the_shift_from_a_four_bit_base_is_larger(
    base_dir: Path, adapter_dir: Path, merged_dir: Path, samples: list[Sample], entry: Entry
) -> None:
    assert can_measure_four_bit(entry(base_dir), adapter_dir)
    over = measure_shift(entry(base_dir), adapter_dir, merged_dir, samples, four_bit=True)
    assert over.maximum > 0.01


def test_a_shift_beyond_the_tolerance_fails_naming_both_numbers() -> None:
    check_shift(Shift(maximum=0.05, mean=0.01, agreement=1.0, tokens=9), 0.05)
    with pytest.raises(ExportError, match=r"^[^\n]*0\.0731[^\n]*merge\.tolerance = 0\.05[^\n]*$"):
        check_shift(Shift(maximum=0.0731, mean=0.01, agreement=1.0, tokens=9), 0.05)
    with pytest.raises(ExportError):
        check_shift(Shift(maximum=float("nan"), mean=0.0, agreement=1.0, tokens=9), 0.05)


def test_a_single_differing_logit_is_the_maximum() -> None:
    before = torch.zeros(3, 5)
    after = before.clone()
    after[2, 4] = 0.25
    shift = shift_between([before, before], [before, after])
    assert (shift.maximum, shift.tokens) == (0.25, 6)
    assert shift.mean == pytest.approx(0.25 / 30)
    assert shift.agreement == pytest.approx(5 / 6)


def test_without_validation_questions_there_is_nothing_to_compare(
    base_dir: Path, adapter_dir: Path, entry: Entry
) -> None:
    with pytest.raises(ExportError, match=r"split\.validation"):
        measure_shift(entry(base_dir), adapter_dir, base_dir, [])


def test_logits_are_those_of_the_answers_tokens_and_its_end(
    base_dir: Path, samples: list[Sample], entry: Entry
) -> None:
    processor = load_processor(entry(base_dir))
    (logits,) = answer_logits(load_model(entry(base_dir)), processor, samples[1:2])
    answer = processor.tokenizer(samples[1].answer)["input_ids"]
    assert logits.shape == (len(answer) + 1, len(processor.tokenizer))


def write_rows(folder: Path, diagrams: int) -> tuple[Path, Path]:
    pictures = folder / "diagrams"
    pictures.mkdir()
    drawn = [
        Diagram(f"d{n}", "g", "circuits", 0, "american", b"picture %d" % n, "", "[]", "drawn", "[]")
        for n in range(diagrams)
    ]
    write_shards(pictures, drawn, Diagram, rows_per_shard=3)
    asked = [
        Question(f"q{n}", f"d{n}", "g", 0, "netlist", f"prompt {n}", f"answer {n}", "{}", "solver", 1.0)
        for n in range(8)
    ]
    write_table(folder / "validation.parquet", asked, Question)
    return folder / "validation.parquet", pictures


def test_samples_are_spread_over_the_validation_questions_with_their_pictures(tmp_path: Path) -> None:
    questions, diagrams = write_rows(tmp_path, 8)
    taken = read_samples(questions, diagrams, 4)
    assert taken == [Sample(b"picture %d" % n, f"prompt {n}", f"answer {n}") for n in (0, 2, 4, 6)]
    assert len(read_samples(questions, diagrams, 100)) == 8


def test_a_question_about_a_missing_diagram_is_named(tmp_path: Path) -> None:
    questions, diagrams = write_rows(tmp_path, 7)
    with pytest.raises(ExportError, match="diagram d7"):
        read_samples(questions, diagrams, 8)


def test_the_adapters_own_record_of_its_base_is_what_is_checked(
    base_dir: Path, adapter_dir: Path, tmp_path: Path, entry: Entry
) -> None:
    forged = tmp_path / "adapter"
    shutil.copytree(adapter_dir, forged)
    about = json.loads((forged / "adapter_base.json").read_text())
    (forged / "adapter_base.json").write_text(json.dumps({**about, "weights": "0" * 16}))
    with pytest.raises(LoadingError, match="made for another base"):
        merge_adapter(entry(base_dir), forged, tmp_path / "out")
