"""Where each variant lies, and what is said where it cannot be asked."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from diagramlens.evaluation.variants import VariantError, check_variants, is_quantized, moved, open_variant
from diagramlens.export import llama
from diagramlens.inference import closing
from diagramlens.models.loading import LoadingError
from diagramlens.params import ModelEntry


@pytest.fixture
def entry(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModelEntry:
    """The entry of a base in `models/base` of an otherwise empty workspace."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_model_dir, tmp_path / "models/base")
    sizes = {"min_pixels": 3136, "max_pixels": 200704, "micro_batch": 1, "rate_scale": 1.0}
    return ModelEntry(
        family="qwen2-vl", source="models/base", revision=None, four_bit=False, gradient_checkpointing=False, **sizes
    )


def ask(variant: str, entry: ModelEntry) -> list[str]:
    model = open_variant(variant, entry, device="cpu", attention="auto", threads=1)
    with closing(model) as answerer:
        return answerer.answer([Image.new("RGB", (84, 56), "white")], ["Read the netlist."], 3)


def test_base_and_merged_are_asked_where_they_lie(entry: ModelEntry) -> None:
    shutil.copytree("models/base", "models/merged")
    assert ask("base", entry) == ask("merged", entry)


def test_a_4_bit_folder_answers(entry: ModelEntry) -> None:
    from diagramlens.export.nf4 import write_nf4

    shutil.copytree("models/base", "models/merged")
    write_nf4(entry, Path("models/merged"), Path("models/quantized/nf4"))
    assert is_quantized(moved(entry, Path("models/quantized/nf4")))
    assert not is_quantized(entry)
    assert len(ask("nf4", entry)) == 1


def test_a_variant_that_was_not_made_is_named(entry: ModelEntry) -> None:
    with pytest.raises(LoadingError, match="models/quantized/nf4: no such folder"):
        ask("nf4", entry)


def test_gguf_without_the_extra_is_refused_before_anything_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(llama.importlib.util, "find_spec", lambda name: None)
    check_variants(["base", "merged", "nf4"])
    with pytest.raises(VariantError, match=r"gguf-q8_0: llama-cpp-python is not installed[^\n]+off the list$"):
        check_variants(["base", "gguf-q8_0"])


def test_a_folder_is_never_taken_for_a_model_of_the_hub(entry: ModelEntry) -> None:
    assert all(moved(entry, Path(folder)).is_local for folder in ("out/model", "/abs/model", "models/merged", "../up"))
