"""Answers as a variant gives them, kept so that an evaluation that is killed goes on where it was.

One line of JSON a batch: which questions, by id, and their texts. A line that the kill cut off counts for nothing. The file lies in a
folder that is named by all that the answers depend on (see keeping).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path


class KeptAnswers:
    """The batches that a file holds the answers of; `keep` adds one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._texts: dict[tuple[str, ...], list[str]] = {}
        lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
        whole = [line for line in lines if line.endswith(b"\n")]
        for line in whole:
            batch = json.loads(line)
            self._texts[tuple(batch["questions"])] = batch["texts"]
        if whole != lines:
            path.write_bytes(b"".join(whole))

    def texts(self, questions: Sequence[str]) -> list[str] | None:
        """The answers to a batch of questions, where they have been given."""
        return self._texts.get(tuple(questions))

    def keep(self, questions: Sequence[str], texts: Sequence[str]) -> None:
        """Keep the answers to a batch from now on."""
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"questions": list(questions), "texts": list(texts)}) + "\n")
