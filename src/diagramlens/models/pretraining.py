"""What a model folder says of the topologies that its pretraining drew: by which split they were chosen.

The embedded model drew only what `split` puts into train, by the salt and shares in its folder's pretraining.json. Dealt by another salt,
the test split holds topologies that the model knows, and its figures no longer say how it reads what it has never seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError
from diagramlens.splitting import SPLITS, place

PRETRAINING_FILE = "pretraining.json"


class PretrainingError(DiagramLensError):
    """A record of the pretraining that cannot be read."""


@dataclass(frozen=True)
class Pretraining:
    """The split by which a pretraining chose its topologies: those in train were drawn, the others never."""

    salt: str
    fractions: Mapping[str, float]

    def drew(self, group: str) -> bool:
        """Whether a topology group may have been drawn."""
        return place(group, self.salt, self.fractions) == "train"

    def may_know(self, salt: str, fractions: Mapping[str, float]) -> bool:
        """Whether a split by `salt` and `fractions` can put topologies that were drawn into validation or test."""
        held_out = fractions["test"] + fractions["validation"]
        return held_out > 0 and (
            salt != self.salt or held_out > self.fractions["test"] + self.fractions["validation"] + 1e-9
        )


def write_pretraining(folder: Path, split: Mapping[str, str | float]) -> None:
    """Write the record; `split` has the keys salt, train, validation and test."""
    record = {"split": {name: split[name] for name in ("salt", *SPLITS)}}
    (folder / PRETRAINING_FILE).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_pretraining(entry: ModelEntry) -> Pretraining | None:
    """The record of a model's folder; None where there is none, and for a model of the hub, whose data nobody here has chosen.

    Raises PretrainingError for a record without salt and shares.
    """
    path = Path(entry.source, PRETRAINING_FILE)
    if not entry.is_local or not path.is_file():
        return None
    try:
        split = json.loads(path.read_text(encoding="utf-8"))["split"]
        return Pretraining(str(split["salt"]), {name: float(split[name]) for name in SPLITS})
    except (ValueError, KeyError, TypeError) as error:
        raise PretrainingError(
            f"{path}: not a record of a pretraining ({type(error).__name__}: {error}); it holds split: salt, "
            f"{', '.join(SPLITS)}"
        ) from error


def known_topologies(entry: ModelEntry, groups: Iterable[str]) -> int:
    """How many of these topology groups the model's pretraining may have drawn; 0 where nothing is recorded of it."""
    pretraining = read_pretraining(entry)
    return sum(map(pretraining.drew, set(groups))) if pretraining else 0


def salt_warnings(name: str, entry: ModelEntry, salt: str, fractions: Mapping[str, float]) -> list[str]:
    """One line where `split` puts topologies that the pretraining of `models.<name>` has drawn into validation or test, else nothing."""
    pretraining = read_pretraining(entry)
    if pretraining is None or not pretraining.may_know(salt, fractions):
        return []
    held_out = pretraining.fractions["validation"] + pretraining.fractions["test"]
    return [
        f"split.salt = {salt}: {entry.source} was pretrained on what salt {pretraining.salt} puts into train, and has seen topologies of "
        f"this validation and test split; keep that salt, and validation + test at {held_out:g} or less, while model is {name}"
    ]
