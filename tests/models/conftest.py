"""The tiny model's entry in params.yaml's terms."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tiny_entry import tiny_entry
from diagramlens.params import ModelEntry


@pytest.fixture(scope="session")
def entry(tiny_model_dir: Path) -> ModelEntry:
    return tiny_entry(tiny_model_dir)
