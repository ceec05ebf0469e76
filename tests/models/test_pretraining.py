"""The record of a pretraining: which topologies a model has seen, and who says so."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from diagramlens.cli import main
from diagramlens.models.pretraining import (
    PRETRAINING_FILE,
    Pretraining,
    PretrainingError,
    known_topologies,
    read_pretraining,
    salt_warnings,
    write_pretraining,
)
from diagramlens.params import load_params
from diagramlens.splitting import place
from tests.tiny_entry import tiny_entry
from tests.committed import DEFAULT_PARAMS

ROOT = Path(__file__).parents[2]
SPLIT = {"salt": "diagramlens", "train": 0.8, "validation": 0.1, "test": 0.1}
SHARES = {name: float(SPLIT[name]) for name in ("train", "validation", "test")}


def shares(test: float, validation: float) -> dict[str, float]:
    return {"test": test, "validation": validation, "train": 1 - test - validation}


def test_the_embedded_model_s_record_is_the_split_of_its_corpus() -> None:
    settings = YAML(typ="safe", pure=True).load((ROOT / "base/params.yaml").read_text(encoding="utf-8"))
    record = json.loads((ROOT / "models/base" / PRETRAINING_FILE).read_text(encoding="utf-8"))
    assert record == {"split": settings["corpus"]["split"]}


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_pretraining(tmp_path, SPLIT)
    assert read_pretraining(tiny_entry(tmp_path)) == Pretraining("diagramlens", SHARES)


def test_no_topology_counts_as_known_where_nothing_is_recorded(tmp_path: Path) -> None:
    assert known_topologies(tiny_entry(tmp_path), ["a", "b"]) == 0
    assert read_pretraining(load_params(DEFAULT_PARAMS).models["qwen2-vl-2b"]) is None


def test_known_topologies_are_those_that_the_record_s_split_puts_into_train(tmp_path: Path) -> None:
    write_pretraining(tmp_path, SPLIT)
    groups = [f"group {number}" for number in range(500)]
    drawn = [group for group in groups if place(group, "diagramlens", SHARES) == "train"]
    assert known_topologies(tiny_entry(tmp_path), [*groups, *groups]) == len(drawn)
    other = [group for group in groups if place(group, "another", SHARES) == "test"]
    assert 0 < known_topologies(tiny_entry(tmp_path), other) < len(other)
    mine = [group for group in groups if place(group, "diagramlens", SHARES) != "train"]
    assert mine and known_topologies(tiny_entry(tmp_path), mine) == 0


@given(
    group=st.text(max_size=30),
    salt=st.sampled_from(["diagramlens", "another"]),
    test=st.floats(0, 0.5),
    validation=st.floats(0, 0.5),
)
def test_where_no_warning_is_due_nothing_held_out_was_drawn(
    group: str, salt: str, test: float, validation: float
) -> None:
    pretraining = Pretraining("diagramlens", SHARES)
    fractions = shares(test, validation)
    if not pretraining.may_know(salt, fractions):
        assert place(group, salt, fractions) == "train" or not pretraining.drew(group)


def test_another_salt_or_a_larger_share_held_out_is_warned_of(tmp_path: Path) -> None:
    write_pretraining(tmp_path, SPLIT)
    entry = tiny_entry(tmp_path)
    (warning,) = salt_warnings("mine", entry, "another", SHARES)
    assert warning.startswith("split.salt = another:") and "keep that salt" in warning and "model is mine" in warning
    assert "has seen topologies" in salt_warnings("mine", entry, "diagramlens", shares(0.15, 0.1))[0]
    assert salt_warnings("mine", entry, "diagramlens", shares(0.15, 0.05)) == []
    assert salt_warnings("mine", entry, "diagramlens", shares(0.05, 0.1)) == []


def test_the_default_split_is_not_warned_of_and_check_names_another_salt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    assert main(["check", "--params", str(DEFAULT_PARAMS)]) == 0
    assert "split.salt" not in capsys.readouterr().err
    text = DEFAULT_PARAMS.read_text(encoding="utf-8")
    assert text.count("  salt: diagramlens\n") == 1
    (tmp_path / "params.yaml").write_text(text.replace("  salt: diagramlens\n", "  salt: mine\n"), encoding="utf-8")
    assert main(["check", "--params", str(tmp_path / "params.yaml")]) == 0
    assert "warning: split.salt = mine: models/base was pretrained on" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"split": {"salt": "x"}}', '{"split": {"salt": "x", "train": "y"}}'])
def test_a_damaged_record_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / PRETRAINING_FILE).write_text(text, encoding="utf-8")
    with pytest.raises(PretrainingError, match=r"pretraining\.json: not a record of a pretraining"):
        read_pretraining(tiny_entry(tmp_path))
