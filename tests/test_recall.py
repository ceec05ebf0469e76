"""`diagramlens recall`, under the real dvc, on a pipeline of two copies: one of a file, then one into a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagramlens.cli import main
from tests.pipeline.workspace import Workspace, as_if_made_elsewhere, ran

PIPELINE = """
stages:
  train:
    cmd: cp data adapter && cp data metrics
    deps: [data]
    outs: [adapter]
    metrics: [metrics: {cache: false}]
  merge:
    cmd: mkdir -p merged && cp adapter merged/adapter
    deps: [adapter]
    outs: [merged]
"""


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The pipeline, run once; then its dvc.lock as another machine would have made it."""
    made = Workspace(tmp_path)
    made.git("init", "--quiet")
    made.dvc("init", "--quiet")
    (tmp_path / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    (tmp_path / "data").write_text("first", encoding="utf-8")
    assert ran(made.dvc("repro")) == ["train", "merge"]
    made.commit("run once")
    as_if_made_elsewhere(tmp_path / "dvc.lock", since="train")
    monkeypatch.chdir(tmp_path)
    return made


def test_what_was_computed_here_is_taken_again(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recall"]) == 0
    assert capsys.readouterr().out.startswith(
        "dvc.lock named another machine's results of train, and names this one's now"
    )
    assert ran(workspace.dvc("repro")) == []
    # As it was before, in every byte.
    assert workspace.git("diff", "--", "dvc.lock", "metrics") == ""


def test_dvc_alone_would_compute_it_again(workspace: Workspace) -> None:
    """Should that have changed, recall can go."""
    assert ran(workspace.dvc("repro")) == ["train"]


@pytest.mark.parametrize("what", ["its own results", "other data", "no cache", "no lock"])
def test_where_there_is_nothing_to_recall_dvc_lock_stays_as_it_is(
    workspace: Workspace, what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = workspace.folder / "dvc.lock"
    if what == "its own results":
        workspace.git("checkout", "--quiet", "--", "dvc.lock")
    elif what == "other data":  # dvc asks its run cache by itself
        as_if_made_elsewhere(lock, since="train", also=("data",))
    elif what == "no cache":
        workspace.run("rm", "-r", ".dvc/cache/files")
    elif what == "no lock":
        lock.unlink()
    before = lock.read_bytes() if lock.exists() else None
    assert main(["recall"]) == 0
    assert (lock.read_bytes() if lock.exists() else None) == before
    assert capsys.readouterr().out == ""


def test_outside_of_a_repository_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["recall"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("diagramlens recall: you are not inside of a DVC repository")


def test_an_archive_of_the_tree_is_told_what_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["recall"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith(
        "is not a git repository, and DVC works in nothing else; clone it, or git init and git add --all here"
    )
