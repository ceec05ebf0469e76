"""The tiny profile: a random model of 0.1 M parameters, a few diagrams, a few steps."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from dvc.utils.hydra import apply_overrides

from diagramlens.models.pretraining import write_pretraining
from tests.committed import DEFAULT_PARAMS
from tests.pipeline.workspace import Workspace

ROOT = Path(__file__).parents[2]

TINY = [
    "models.base.micro_batch=4",
    "generate.count=32",
    "domains.circuits.levels.level_0.parts.maximum=4",
    "domains.circuits.levels.level_1.parts.maximum=4",
    "domains.circuits.levels.level_2.weight=0",
    "domains.circuits.levels.level_4.weight=0",
    "domains.circuits.shapes.bridge=0",
    "label.cross_check=0",
    "split.train=0.6",
    "split.validation=0.2",
    "split.test=0.2",
    "lora.r=4",
    "train.batch=8",
    "train.epochs=1",
    "train.evaluations=2",
    "train.generated=4",
    "train.checkpoints=4",
    "merge.samples=2",
    "quantize.formats=[nf4,gguf-q8_0]",
    "evaluate.variants=[base,merged]",
    "evaluate.questions=4",
    "evaluate.batch=4",
    "evaluate.max_new_tokens=4",
    "runtime.workers=1",
    "runtime.progress=false",
]

ANOTHER_SPLIT: dict[str, str | float] = {"salt": "another", "train": 0.8, "validation": 0.1, "test": 0.1}


@pytest.fixture(scope="session")
def make_workspace(tmp_path_factory: pytest.TempPathFactory, tiny_model_dir: Path) -> Callable[[str], Workspace]:
    """Makes a workspace by name: the files that Git has or would take, the tiny profile, an empty cache, one commit."""

    def make(name: str) -> Workspace:
        workspace = Workspace(tmp_path_factory.mktemp(name) / "workspace")
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for path in filter(None, listed.stdout.decode().split("\0")):
            # base/dvc.yaml makes the model that the tiny one takes the place of.
            if (
                path.startswith(("tests/", "models/", "metrics/", "base/"))
                or path == "dvc.lock"
                or not (ROOT / path).exists()
            ):
                continue
            target = workspace.folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, target)
        shutil.copy(DEFAULT_PARAMS, workspace.folder / "params.yaml")
        shutil.copytree(tiny_model_dir, workspace.folder / "models/base")
        # As if the tiny model had been pretrained, on topologies chosen by another salt.
        write_pretraining(workspace.folder / "models/base", ANOTHER_SPLIT)
        apply_overrides(workspace.folder / "params.yaml", TINY)
        workspace.git("init", "--quiet")
        workspace.commit("the tiny profile")
        return workspace

    return make
