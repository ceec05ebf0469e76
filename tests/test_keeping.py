"""What took long is found again until dvc.lock has what came of it, and by nobody else than the same work."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dvc.repo import Repo

from diagramlens.declared import declared_params
from diagramlens.keeping import (
    HANDED_OVER,
    drop_handed_over,
    fingerprint,
    hand_over,
    outputs_of,
    was_handed_over,
)
from diagramlens.locks import Lock, LockedError
from diagramlens.params import parse_params, read_yaml

ROOT = Path(__file__).parents[1]
PIPELINE = """
stages:
  train:
    cmd: mkdir -p out/sub && echo 1 > out/b.txt && echo 2 > out/sub/a.txt && echo 3 > out/B.txt && echo 4 > loss.json
    outs: [out]
    metrics: [loss.json: {cache: false}]
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository in which DVC has run a stage, and stands."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    with Repo.init(no_scm=True) as repo:
        (tmp_path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
        repo.reproduce()
    return tmp_path


def keep(workspace: Path, name: str) -> Path:
    """A folder that another process, which has ended, kept."""
    folder = workspace / "checkpoints" / name
    (folder / "0-language").mkdir(parents=True)
    (folder / "0-language/finished.safetensors").touch()
    return folder


def outputs() -> dict[str, object]:
    return outputs_of("train", {Path("out"): Path("out"), Path("loss.json"): Path("loss.json")})


def test_what_is_kept_goes_when_dvc_has_the_outputs_that_came_of_it(workspace: Path) -> None:
    kept = keep(workspace, "abc")
    drop_handed_over()
    assert kept.exists(), "nothing has come of it yet"
    hand_over(kept, outputs())
    assert was_handed_over(kept)
    drop_handed_over()
    assert not kept.exists()


@pytest.mark.parametrize("lost", ["the lock", "the stage", "another output"])
def test_what_is_kept_stays_where_dvc_has_other_outputs_or_none(workspace: Path, lost: str) -> None:
    kept = keep(workspace, "abc")
    lock = workspace / "dvc.lock"
    if lost == "the lock":
        lock.unlink()
    elif lost == "the stage":
        lock.write_text("schema: '2.0'\n", encoding="utf-8")
    else:
        (workspace / "out/sub/a.txt").write_text("2.5\n", encoding="utf-8")
    hand_over(kept, outputs())
    drop_handed_over()
    assert kept.exists()


def test_a_removal_that_was_cut_short_is_taken_up_again(workspace: Path) -> None:
    kept = keep(workspace, "abc")
    hand_over(kept, outputs())
    shutil.rmtree(kept / "0-language")
    assert [path.name for path in kept.iterdir()] == [HANDED_OVER]
    drop_handed_over()
    assert not kept.exists()


def test_what_another_process_is_at_work_on_stays(workspace: Path) -> None:
    kept = keep(workspace, "abc")
    hand_over(kept, outputs())
    code = "from diagramlens.keeping import checkpoint_folder; print(checkpoint_folder('abc'), flush=True); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    with subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        drop_handed_over()
        assert kept.exists()
        other.communicate("\n")
    drop_handed_over()
    assert not kept.exists()


def test_a_lock_is_free_again_after_its_release(tmp_path: Path) -> None:
    one, two = Lock(tmp_path / "lock"), Lock(tmp_path / "lock")
    one.acquire("training")
    with pytest.raises(LockedError, match=f"training: already running, as process {os.getpid()}"):
        two.acquire("training", patience=0)
    one.release()
    two.acquire("training")
    two.release()


def test_checkpoints_go_to_the_parent_repository_and_are_one_processs_alone(tmp_path: Path) -> None:
    code = "from diagramlens.keeping import checkpoint_folder; print(checkpoint_folder('abc')); import sys; sys.stdout.flush(); input()"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DVC_ROOT": str(tmp_path)}

    def run() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    first = run()
    assert first.stdout is not None
    assert first.stdout.readline().strip() == str(tmp_path / "checkpoints/abc")
    _, err = run().communicate("\n", timeout=60)
    assert f"checkpoints/abc: already running, as process {first.pid}" in err
    first.communicate("\n", timeout=60)


def test_a_fingerprint_follows_parameters_inputs_and_code_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "code/__pycache__").mkdir(parents=True)
    (tmp_path / "code/a.py").write_text("1")
    (tmp_path / "data").write_text("2")
    content = read_yaml(ROOT / "params.yaml")

    def of(r: int) -> str:
        changed = content | {"lora": content["lora"] | {"r": r}}
        return fingerprint(
            declared_params("train", {"lora": changed["lora"]}, changed, parse_params(changed)), ["data"], ["code"]
        )

    before = of(8)
    (tmp_path / "code/__pycache__/a.pyc").write_text("x")
    assert of(8) == before
    assert of(16) != before
    for path in ("data", "code/a.py"):
        (tmp_path / path).write_text("changed")
        assert of(8) != before
        before = of(8)
    (tmp_path / "code/a.py").rename(tmp_path / "code/b.py")
    assert of(8) != before
