"""Experiments in a tree of their own, imported data under DVC, and results of another machine: under the real dvc, in the tiny profile."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from diagramlens.sources.files import folder_of
from diagramlens.sources.ledger import SourceError
from tests.pipeline.workspace import Workspace, as_if_made_elsewhere, ran

LABELME = "{kind: labelme, weight: 1.0, path: data/imports/lm, max_bad_fraction: 0.0, ask_counts: true}"


@pytest.fixture(scope="module")
def workspace(make_workspace: Callable[[str], Workspace]) -> Workspace:
    """A workspace that has data and no model yet, committed."""
    made = make_workspace("experiments")
    assert ran(made.dvc("repro", "split")) == ["generate", "label", "split"]
    made.commit("data")
    return made


def write_labelme(folder: Path, pictures: int) -> None:
    """Pictures of a resistor's box each, no two alike, with LabelMe's JSON beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(pictures):
        picture = Image.new("RGB", (120, 80), "white")
        ImageDraw.Draw(picture).rectangle((10, 10, 40, 20 + number), outline="black")
        picture.save(folder / f"{number}.png")
        shape = {"label": "resistor", "shape_type": "rectangle", "points": [[10, 10], [40, 20 + number]]}
        about = {"imagePath": f"{number}.png", "imageWidth": 120, "imageHeight": 80, "shapes": [shape]}
        (folder / f"{number}.json").write_text(json.dumps(about), encoding="utf-8")


@pytest.mark.slow
def test_a_queued_experiment_runs_the_code_of_its_own_tree(workspace: Workspace) -> None:
    """And its log says so, though the workspace has been edited in the meantime."""
    workspace.dvc("exp", "run", "--queue", "--name", "third", "-S", "split.salt=third", "split")
    edited = workspace.folder / "src/diagramlens/splitting.py"
    before = edited.read_text(encoding="utf-8")
    edited.write_text(before + '\nprint("EDITED LATER")\n', encoding="utf-8")
    try:
        workspace.dvc("exp", "run", "--run-all")
        log = workspace.dvc("queue", "logs", "third")
        assert "stage split: data/split holds" in log
        assert "EDITED LATER" not in log
        assert "EDITED LATER" in workspace.dvc("repro", "split")
    finally:
        edited.write_text(before, encoding="utf-8")
    assert ran(workspace.dvc("repro", "split")) == []


def test_the_workers_of_a_stage_run_the_code_of_its_own_tree(workspace: Workspace, tmp_path: Path) -> None:
    """Whatever the environment has: here another diagramlens comes first on its path."""
    (tmp_path / "diagramlens").mkdir()
    (tmp_path / "diagramlens/__init__.py").write_text("raise ImportError('another one')\n", encoding="utf-8")
    began = "\nimport own_src\nfrom diagramlens.runtime import pool\n"
    script = f"""{began}
def where(_):
    import diagramlens, subprocess, sys
    child = "import diagramlens; print(diagramlens.__file__)"
    return [diagramlens.__file__, subprocess.run([sys.executable, "-c", child], capture_output=True, text=True).stdout.strip()]

if __name__ == "__main__":
    for start in ("fork", "spawn"):
        with pool(1, start) as workers:
            print(*workers.submit(where, None).result(), sep="\\n")
"""
    (workspace.folder / "stages/where.py").write_text(script, encoding="utf-8")
    try:
        output = workspace.run("env", f"PYTHONPATH={tmp_path}", "python", "stages/where.py")
    finally:
        (workspace.folder / "stages/where.py").unlink()
    assert output.splitlines() == [str(workspace.folder / "src/diagramlens/__init__.py")] * 4


def test_a_stage_refuses_the_code_of_another_tree(
    workspace: Workspace, make_workspace: Callable[[str], Workspace]
) -> None:
    other = make_workspace("another-tree")
    output = other.run("python", str(workspace.folder / "stages/split.py"), expect=1)
    assert output.splitlines() == [
        f"stage split: runs the code in {workspace.folder}/src/diagramlens, and dvc.yaml stands beside {other.folder}/src/diagramlens; "
        "start it with dvc repro, or PYTHONPATH=src"
    ]


@pytest.fixture(scope="module")
def importing(workspace: Workspace) -> Workspace:
    """The workspace, now with a LabelMe folder under DVC as another source, committed."""
    write_labelme(workspace.folder / "data/imports/lm", 4)
    workspace.dvc("add", "data/imports/lm")
    params = workspace.folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    drawn = "    drawn: {kind: draw, weight: 1.0}\n"
    params.write_text(text.replace(drawn, f"{drawn}    lm: {LABELME}\n"), encoding="utf-8")
    assert workspace.git("status", "--porcelain").split() == ["M", "params.yaml", "??", "data/imports/lm.dvc"]
    workspace.commit("a LabelMe folder")
    return workspace


def test_imported_data_that_changes_makes_generate_stale(importing: Workspace) -> None:
    assert ran(importing.dvc("repro", "generate")) == ["generate"]
    assert ran(importing.dvc("repro", "generate")) == []
    write_labelme(importing.folder / "data/imports/lm", 5)
    importing.dvc("add", "data/imports/lm")
    assert ran(importing.dvc("repro", "generate")) == ["generate"]
    sources = json.loads((importing.folder / "metrics/generate.json").read_text(encoding="utf-8"))["sources"]
    assert sources["lm"]["used"] == 5
    importing.commit("a picture more")


def test_a_folder_that_only_the_workspace_has_is_told_in_an_experiments_copy_of_the_tree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "workspace/data/imports/lm").mkdir(parents=True)
    (tmp_path / "copy").mkdir()
    monkeypatch.setenv("DVC_ROOT", str(tmp_path / "workspace"))  # as dvc sets it, in the copy too
    monkeypatch.chdir(tmp_path / "copy")
    with pytest.raises(SourceError, match="which has what Git and DVC keep; dvc add data/imports/lm where you work"):
        folder_of("data/imports/lm", "a LabelMe folder")
    with pytest.raises(SourceError, match="data/imports/other: there is no such folder; expected a LabelMe folder"):
        folder_of("data/imports/other", "a LabelMe folder")


@pytest.mark.slow
def test_a_queued_sweep_finds_the_imported_data(importing: Workspace) -> None:
    importing.dvc("exp", "run", "--queue", "--name", "imported", "-S", "generate.count=6,8", "generate")
    importing.dvc("exp", "run", "--run-all")
    for name, half in (("imported-1", 3), ("imported-2", 4)):
        assert "data/diagrams holds" in importing.dvc("queue", "logs", name)
        importing.dvc("exp", "branch", name, f"branch-{name}")
        metrics = json.loads(importing.git("show", f"branch-{name}:metrics/generate.json"))
        assert metrics["sources"]["lm"]["used"] == half


@pytest.mark.slow
def test_other_weights_in_a_local_model_folder_make_its_training_stale(
    make_workspace: Callable[[str], Workspace],
) -> None:
    workspace = make_workspace("own-model")
    params = workspace.folder / "params.yaml"
    text = params.read_text(encoding="utf-8")
    (start,) = [at for at in range(len(text)) if text.startswith("\n  base:\n    family", at)]
    entry = text[start : text.index("gradient_checkpointing: false\n", start)] + "gradient_checkpointing: false"
    own = entry.replace("  base:", "  mine:").replace("models/base", "models/mine")
    params.write_text(text[:start] + own + text[start:], encoding="utf-8")
    (workspace.folder / "models/base").rename(workspace.folder / "models/mine")
    (workspace.folder / "models/base").mkdir()
    workspace.dvc("add", "models/mine")
    workspace.commit("a model of one's own")
    assert "models/mine.dvc" in workspace.git("ls-files")

    chosen = ("-S", "model=mine", "-S", "model_folder=models/mine")
    refused = workspace.dvc("exp", "run", *chosen[:2], "generate", expect=255)
    assert "model_folder = models/base: must be models/mine where model = mine" in refused
    assert ran(workspace.dvc("exp", "run", *chosen, "train")) == ["generate", "label", "split", "train"]
    assert ran(workspace.dvc("repro", "train")) == []
    config = workspace.folder / "models/mine/generation_config.json"
    config.write_text(config.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    assert "changed" in workspace.dvc("status", "train")
    assert ran(workspace.dvc("repro", "train")) == ["train"]


@pytest.mark.slow
def test_what_was_trained_here_is_taken_again_though_dvc_lock_is_another_machines(
    make_workspace: Callable[[str], Workspace],
) -> None:
    workspace = make_workspace("recall")
    recall = ("python", "-m", "diagramlens.cli", "recall")
    workspace.dvc("repro")
    as_if_made_elsewhere(workspace.folder / "dvc.lock", since="train")
    workspace.commit("results of another machine")
    # DVC alone would train again. Should that have changed, recall and its place in the Makefile can go.
    assert "train" in ran(workspace.dvc("repro", "--dry"))

    assert "another machine's results of train," in workspace.run(*recall)
    assert ran(workspace.dvc("repro")) == []
    assert "Data and pipelines are up to date." in workspace.dvc("status")
    assert workspace.run(*recall) == ""

    workspace.git("checkout", "--quiet", "--", ".")  # as on the way to another branch and back
    workspace.run(*recall)
    assert ran(workspace.dvc("repro")) == []
    # What was never computed here stays in dvc.lock as it is, for `dvc pull`.
    workspace.git("checkout", "--quiet", "--", ".")
    shutil.rmtree(workspace.folder / ".dvc/cache/runs")
    assert workspace.run(*recall) == ""
    assert workspace.git("status", "--porcelain") == ""
