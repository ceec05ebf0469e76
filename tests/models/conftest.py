"""The tiny models' entries in params.yaml's terms."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path

import pytest

from diagramlens.params import ModelEntry
from tests.models.tiny import save_tiny
from tests.tiny_entry import tiny_entry


@pytest.fixture(scope="session")
def entry(tiny_model_dir: Path) -> ModelEntry:
    return tiny_entry(tiny_model_dir)


@pytest.fixture(scope="session")
def entry_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelEntry]:
    """The entry of a tiny random model of an architecture, made at the first call."""

    @functools.cache
    def made(kind: str) -> ModelEntry:
        return save_tiny(kind, tmp_path_factory.mktemp(kind))

    return made
