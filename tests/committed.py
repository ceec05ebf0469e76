"""Files as Git has them: what README and docs tell of. A run on another processor, or an experiment, has written others into the tree."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[1]


def committed(path: str) -> str:
    """The text of a file in HEAD. Skips the test where the tree has no history of its own, as one out of an archive."""
    top = _git("rev-parse", "--show-toplevel")
    if top.returncode or Path(top.stdout.strip()).resolve() != ROOT.resolve() or _git("rev-parse", "HEAD").returncode:
        pytest.skip(f"{ROOT} has no Git history, which tells what {path} was when README was written")
    shown = _git("show", f"HEAD:{path}")
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def committed_json(path: str) -> Any:
    """The content of a JSON file in HEAD."""
    return json.loads(committed(path))


def committed_yaml(path: str) -> Any:
    """The content of a YAML file in HEAD."""
    return YAML(typ="safe", pure=True).load(committed(path))


def _git(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)
