"""Reads base/params.yaml: YAML 1.2, as DVC reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ruamel.yaml import YAML


def load_settings() -> dict[str, Any]:
    """All of base/params.yaml. Its keys are checked where they are used: a missing one stops the script by name."""
    return YAML(typ="safe", pure=True).load((Path(__file__).parent / "params.yaml").read_text(encoding="utf-8"))
