"""Two processes that share every batch compute what one computes, whatever a batch holds."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from diagramlens.params import ModelEntry
from diagramlens.records import Question
from tests.training.one_of_several import run

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mixed(questions: list[Question]) -> tuple[list[Question], list[Question]]:
    """Questions of which every other is about no picture: batches of like length then often hold none, or only for one process.

    Thirteen, so that the last batch of an epoch has a row for one process alone.
    """
    plain = [dataclasses.replace(question, diagram_id="") for question in questions[0:13:2]]
    return plain + questions[1:13:2], questions[13:]


@pytest.fixture(scope="module")
def job(entry, lora, settings, phase, mixed, pictures_folder) -> Callable[..., dict[str, Any]]:
    """A training as JSON: vision and merger in full, and then, or `at_once`, LoRA on the language model."""
    training, validation = mixed

    def made(kind: ModelEntry = entry, at_once: bool = False, **changed: Any) -> dict[str, Any]:
        two = settings.model_copy(update=changed)
        see, say = {"vision": ("full", 1e-4), "merger": ("full", 1e-4)}, {"language": ("lora", 1e-3)}
        phases = (
            (phase(name="both", **see, **say),) if at_once else (phase(name="see", **see), phase(name="say", **say))
        )
        return {
            "entry": kind.model_copy(update={"micro_batch": 2}).model_dump(),
            "phases": [each.model_dump() for each in phases],
            "lora": lora.model_copy(update={"dropout": 0.0}).model_dump(),
            "settings": two.model_dump(),
            "training": [dataclasses.asdict(question) for question in training],
            "validation": [dataclasses.asdict(question) for question in validation],
            "pictures": str(pictures_folder),
        }

    return made


def in_two(job: dict[str, Any], where: Path, expect: int = 0) -> list[str]:
    """Run a job in two processes that find each other through gloo. Returns what each of them said."""
    where.mkdir(exist_ok=True)
    (where / "job.json").write_text(json.dumps(job))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tests.training.one_of_several", str(where / "job.json"), str(where)]
    common = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    processes = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        said = [process.communicate(timeout=300)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [expect] * 2, "\n".join(said)
    return said


def assert_same(one: Path, other: Path) -> None:
    """The same figures and weights but for rounding."""
    found, expected = (json.loads((where / "trained.json").read_text()) for where in (one, other))
    for row, own in zip(expected["curves"], found["curves"], strict=True):
        assert own.pop("phase") == row.pop("phase")
        assert own == pytest.approx(row, rel=1e-3, abs=1e-4)
    for name, metrics in expected["metrics"]["phases"].items():
        own = found["metrics"]["phases"][name]
        assert own["supervised_tokens"] == metrics["supervised_tokens"]
        assert own["best_validation_loss"] == pytest.approx(metrics["best_validation_loss"], abs=1e-4)
    for file in ("full.safetensors", "adapter_model.safetensors"):
        weights = load_file(one / "adapter" / file)
        for key, tensor in load_file(other / "adapter" / file).items():
            # AdamW divides by the gradient's size, so that rounding near zero may show.
            torch.testing.assert_close(weights[key], tensor, atol=1e-3, rtol=1e-3)


@pytest.mark.slow
def test_two_processes_are_one_with_twice_the_batch_and_do_not_wait_for_pictures(job, tmp_path: Path) -> None:
    wanted = job(at_once=True, epochs=1.0, evaluations=1, generated=3)
    run(wanted, tmp_path / "one")
    # The best weights are read by all and then removed by one: not before the slowest has them.
    in_two(wanted | {"second_reads_late": 2.0}, tmp_path / "two")
    assert_same(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["qwen2_5_vl", "idefics3"])
@pytest.mark.parametrize("packing", ["shared", "none"])
def test_every_family_trains_in_two_processes(kind, packing, job, entry_of, tmp_path: Path) -> None:
    checkpointing = entry_of(kind).model_copy(update={"gradient_checkpointing": True})
    wanted = job(checkpointing, packing=packing)
    run(wanted, tmp_path / "one")
    in_two(wanted, tmp_path / "two")
    assert_same(tmp_path / "two", tmp_path / "one")


@pytest.mark.slow
def test_two_processes_killed_in_their_second_phase_go_on_where_they_were(job, tmp_path: Path) -> None:
    wanted = job(generated=3)
    in_two(wanted, tmp_path / "whole")
    in_two(wanted | {"kill_after": 7}, tmp_path / "killed", expect=9)
    in_two(wanted, tmp_path / "killed")
    whole, resumed = (json.loads((tmp_path / name / "trained.json").read_text()) for name in ("whole", "killed"))
    assert resumed == whole
    for file in (tmp_path / "whole/adapter").iterdir():
        assert (tmp_path / "killed/adapter" / file.name).read_bytes() == file.read_bytes(), file.name


@pytest.mark.slow
def test_a_loss_that_is_no_number_in_one_process_ends_both_alike(job, tmp_path: Path) -> None:
    said = in_two(job(at_once=True) | {"spoil_second_at": 3}, tmp_path, expect=1)
    first, second = (told.splitlines()[-1].partition("NotFiniteError: ")[2] for told in said)
    assert first == second
    assert re.match(
        r"phase both, step 3, whose batch asks q\w+, q\w+, .*: the loss is not a finite number; lower", first
    )
