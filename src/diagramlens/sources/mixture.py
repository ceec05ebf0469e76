"""Several sources as one stream of diagrams: shares by weight, interleaved evenly, each counted.

A diagram is the same, id included, whatever the others are: an id depends on its source's name and the item alone, and drawn
pictures are numbered among themselves. Weights and names decide the order; the order in which the sources are written does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

from diagramlens.params.sources import (
    CircuitSenseSource,
    CocoSource,
    CsvSource,
    DrawSource,
    FolderSource,
    HubSource,
    LabelMeSource,
    Source,
)
from diagramlens.records import Diagram
from diagramlens.sources.circuitsense import read_circuitsense
from diagramlens.sources.coco import read_coco
from diagramlens.sources.folders import read_folder
from diagramlens.sources.hub import Dataset, fetch_dataset
from diagramlens.sources.labelme import read_labelme
from diagramlens.sources.ledger import Imported, SourceError
from diagramlens.sources.tables import Columns, read_table_of_pictures

IMPORTS = Path("data/imports")

Draw = Callable[[int], Iterator[Diagram]]


@dataclass
class Ingredient:
    """One source of a mixture: how many diagrams it is asked for, and how many it gave so far. `imported` is None where it draws."""

    name: str
    source: Source
    wanted: int
    diagrams: Iterator[Diagram]
    imported: Imported | None
    used: int = 0

    def metrics(self) -> dict[str, Any]:
        """How many diagrams were wanted and used, and of an import what was read, and set aside for which reason."""
        counts = {"kind": self.source.kind, "wanted": self.wanted, "used": self.used, "short": self.wanted - self.used}
        return counts | (self.imported.ledger.metrics() if self.imported is not None else {})


@contextmanager
def _named(name: str) -> Iterator[None]:
    """What is wrong with a source is told under its name."""
    try:
        yield
    except SourceError as error:
        raise SourceError(f"generate.sources.{name}: {error}") from error


class Mixture:
    """The sources of a data set, opened. Take `diagrams` to the end, then `check` and `metrics`."""

    def __init__(self, ingredients: list[Ingredient]) -> None:
        self._ingredients = ingredients

    def diagrams(self) -> Iterator[Diagram]:
        """All diagrams, each source's spread evenly over the whole; a source that ends early leaves its later places out."""
        running = [ingredient for ingredient in self._ingredients if ingredient.wanted]
        while running:
            ingredient = min(running, key=_next_place)
            with _named(ingredient.name):
                diagram = next(ingredient.diagrams, None)
            if diagram is None:
                running.remove(ingredient)
                continue
            ingredient.used += 1
            yield diagram

    def check(self) -> None:
        """Raise SourceError where a source was damaged beyond what it is allowed, or gave nothing.

        Imports check themselves at their end; one that was stopped at its share never came there.
        """
        for ingredient in self._ingredients:
            if ingredient.wanted and ingredient.imported and not isinstance(ingredient.source, DrawSource):
                with _named(ingredient.name):
                    ingredient.imported.ledger.check(ingredient.source.max_bad_fraction)

    def metrics(self) -> dict[str, Any]:
        """What came from where, by the name of the source."""
        return {ingredient.name: ingredient.metrics() for ingredient in self._ingredients}


def open_mixture(sources: Mapping[str, Source], count: int, draw: Draw) -> Mixture:
    """Open the sources of `count` diagrams in all; `draw(n)` gives the first n pictures that are drawn here.

    Nothing is read yet but lists of files, so that a wrong path is told at once; a data set of the hub is fetched. Raises SourceError,
    which begins with the name of the source.
    """
    ingredients = []
    for name, wanted in shares({name: source.weight for name, source in sources.items()}, count).items():
        source = sources[name]
        with _named(name):
            imported = None if isinstance(source, DrawSource) else _open(name, source)
        diagrams = draw(wanted) if imported is None else islice(imported.diagrams, wanted)
        ingredients.append(Ingredient(name, source, wanted, diagrams, imported))
    return Mixture(ingredients)


def shares(weights: Mapping[str, float], count: int) -> dict[str, int]:
    """`count` split by weight, the rounding's remainder going to the largest fractions (ties to the first name).

    A weight of 0 switches a source off; of few diagrams a small weight may get none.
    """
    exact = {name: Fraction(weight) for name, weight in sorted(weights.items()) if weight > 0}
    whole = sum(exact.values())
    parts = {name: count * weight / whole for name, weight in exact.items()}
    result = {name: int(part) for name, part in parts.items()}
    for name in sorted(parts, key=lambda name: (int(parts[name]) - parts[name], name))[: count - sum(result.values())]:
        result[name] += 1
    return result


def _next_place(ingredient: Ingredient) -> tuple[Fraction, str]:
    """Where the next diagram of a source stands between 0 and 1: of n, the k-th stands at (k - 1/2) / n."""
    return Fraction(2 * ingredient.used + 1, 2 * ingredient.wanted), ingredient.name


def _open(name: str, source: Source) -> Imported:
    worst = source.max_bad_fraction if not isinstance(source, DrawSource) else 0.0
    match source:
        case CircuitSenseSource():
            return read_circuitsense(Path(source.path), name=name, max_bad_fraction=worst)
        case HubSource():
            dataset = Dataset(source.repository, source.revision, tuple(source.patterns))
            return read_circuitsense(fetch_dataset(dataset, IMPORTS / name), name=name, max_bad_fraction=worst)
        case LabelMeSource():
            return read_labelme(Path(source.path), name=name, ask_counts=source.ask_counts, max_bad_fraction=worst)
        case CocoSource():
            return read_coco(
                Path(source.path), Path(source.images), name=name, ask_counts=source.ask_counts, max_bad_fraction=worst
            )
        case CsvSource():
            columns = Columns(
                source.columns.image, source.columns.truth, source.columns.question, source.columns.answer
            )
            return read_table_of_pictures(
                Path(source.path),
                Path(source.images),
                columns=columns,
                name=name,
                convention=source.convention,
                max_bad_fraction=worst,
            )
        case FolderSource():
            return read_folder(Path(source.path), name=name, convention=source.convention, max_bad_fraction=worst)
    raise AssertionError(f"no reader for {source.kind}")
