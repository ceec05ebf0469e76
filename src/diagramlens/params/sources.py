"""`generate.sources`: where diagrams come from, each kind with a schema of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from diagramlens.params.group import FilePath, Fraction01, Group, Weight, distinct

NetlistConvention = Literal["spice", "lcapy"]

IMPORTS = Path("data/imports")  # on which the stage generate depends in dvc.yaml


class DrawSource(Group):
    """Draw pictures here."""

    kind: Literal["draw"]
    weight: Weight


class ImportSource(Group):
    """What all imports have: a share, and how much damage is accepted."""

    weight: Weight
    max_bad_fraction: Fraction01


class CircuitSenseSource(ImportSource):
    """A CircuitSense tree in a folder."""

    kind: Literal["circuitsense"]
    path: FilePath


class HubSource(ImportSource):
    """A CircuitSense tree of the Hugging Face hub, fetched into data/imports/<name of the source>."""

    kind: Literal["hub"]
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    patterns: Annotated[list[FilePath], BeforeValidator(distinct), Field(min_length=1)]


class LabelMeSource(ImportSource):
    """A folder of pictures with LabelMe's JSON files."""

    kind: Literal["labelme"]
    path: FilePath
    ask_counts: bool


class CocoSource(ImportSource):
    """A COCO file and its folder of pictures."""

    kind: Literal["coco"]
    path: FilePath
    images: FilePath
    ask_counts: bool


class CsvColumns(Group):
    """Which column holds what; null for what the table does not have."""

    image: str = Field(min_length=1)
    truth: str | None
    question: str | None
    answer: str | None

    @model_validator(mode="after")
    def _something_to_ask(self) -> CsvColumns:
        if (self.question is None) != (self.answer is None):
            raise ValueError("question and answer must both be named, or neither")
        if self.truth is None and self.question is None:
            raise ValueError(
                "at least truth, or question and answer, must be named: nothing can be asked of a picture alone"
            )
        return self


class CsvSource(ImportSource):
    """A CSV table and the folder of the pictures that it names."""

    kind: Literal["csv"]
    path: FilePath
    images: FilePath
    columns: CsvColumns
    convention: NetlistConvention


class FolderSource(ImportSource):
    """A folder of pictures, each beside its netlist."""

    kind: Literal["folder"]
    path: FilePath
    convention: NetlistConvention


Source = Annotated[
    DrawSource | CircuitSenseSource | HubSource | LabelMeSource | CocoSource | CsvSource | FolderSource,
    Field(discriminator="kind"),
]


def unwatched(sources: Mapping[str, Source]) -> list[str]:
    """One line for each place of a source that is used and lies where DVC does not look, so that a change in there makes nothing stale."""
    lines = []
    for name, source in sources.items():
        for key in ("path", "images") if source.weight else ():
            where = getattr(source, key, None)
            # Resolved: DVC follows no link to a folder either.
            if where is not None and not Path(where).resolve().is_relative_to(IMPORTS.resolve()):
                lines.append(
                    f"generate.sources.{name}.{key} = {where}: outside of {IMPORTS}, so that dvc repro does not see when it changes; "
                    "move it there, or say dvc repro --force generate"
                )
    return lines
