"""Files as Git has them: what README and docs tell of, and tests expect. Another processor, or an experiment, writes others."""

from __future__ import annotations

import atexit
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from diagramlens.params import ParamsError, load_params

ROOT = Path(__file__).resolve().parents[1]


def committed(path: str) -> str:
    """The text of a file in HEAD. Skips the test where the tree has no history of its own, as one out of an archive."""
    if not _has_history():
        pytest.skip(f"{ROOT} has no Git history, which tells what {path} was when README was written")
    return _git("show", f"HEAD:{path}")


def committed_json(path: str) -> Any:
    """The content of a JSON file in HEAD."""
    return json.loads(committed(path))


def committed_yaml(path: str) -> Any:
    """The content of a YAML file in HEAD."""
    return YAML(typ="safe", pure=True).load(committed(path))


def _default_params() -> Path:
    """params.yaml as it is in HEAD; the tree's own where the schema has moved on since then, or where there is no history."""
    folder = Path(tempfile.mkdtemp(prefix="default-params-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    file = folder / "params.yaml"
    try:
        if _has_history():
            file.write_text(_git("show", "HEAD:params.yaml"), encoding="utf-8")
            load_params(file)
            return file
    except ParamsError:
        pass
    return ROOT / "params.yaml"


def _has_history() -> bool:
    try:
        return Path(_git("rev-parse", "--show-toplevel").strip()).resolve() == ROOT and bool(_git("rev-parse", "HEAD"))
    except (OSError, subprocess.CalledProcessError):
        return False


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, encoding="utf-8", check=True)
    return done.stdout


DEFAULT_PARAMS = _default_params()
