"""Diagrams drawn here, as rows: picture, truth and boxes of circuit number 0, 1, 2, …

Each number has a seed of its own, so that a larger count leaves the first diagrams as they were, and any number of workers writes the
same bytes.
"""

from __future__ import annotations

import json
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from typing import Any

from diagramlens.domains.circuits.png import encode_png
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, paint, sample_circuit, sample_look, told
from diagramlens.domains.circuits.size import part_count
from diagramlens.records import Diagram
from diagramlens.runtime import pool

DRAWN = "drawn"
"""The source of a diagram drawn here; behind a slash stands its shape: `drawn/ladder`."""

_CHUNK = 32
_COUNTED = ("by_level", "by_style", "by_degradation", "by_shape", "by_parts")


def draw_diagram(number: int, recipe: CircuitRecipe, seed: int) -> Diagram:
    """Diagram `number` of the set that `recipe` and `seed` describe."""
    digest = blake2b(f"diagramlens/{seed}/{number}".encode(), digest_size=8).digest()
    rng = random.Random(int.from_bytes(digest))
    circuit = sample_circuit(recipe, rng)
    look = sample_look(recipe, rng)
    picture, objects = paint(circuit, look)
    return Diagram(
        id=f"circuit-{seed}-{number:07d}",
        group=circuit.group,
        domain="circuits",
        level=circuit.level,
        style=look.name,
        image=encode_png(picture),
        truth=told(circuit, look),
        objects=json.dumps([drawn.record() for drawn in objects], ensure_ascii=False),
        source=f"{DRAWN}/{circuit.shape if isinstance(circuit, Circuit) else 'block_diagram'}",
        questions="[]",
    )


def draw_diagrams(count: int, recipe: CircuitRecipe, seed: int, workers: int) -> Iterator[Diagram]:
    """Diagrams 0 to count - 1 in order, drawn by `workers` processes or fewer, some hundreds ahead of the reader at the most."""
    one = partial(draw_diagram, recipe=recipe, seed=seed)
    workers = min(workers, math.ceil(count / _CHUNK))
    if workers <= 1:
        yield from map(one, range(count))
        return
    # Forked workers share the fonts and modules that are loaded already; nothing here has started a thread.
    with pool(workers, "fork") as drawing:
        window = _CHUNK * workers * 4
        for start in range(0, count, window):
            yield from drawing.map(one, range(start, min(count, start + window)), chunksize=_CHUNK)


class Tally:
    """Counts diagrams that flow by, for metrics/generate.json."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {name: Counter() for name in _COUNTED}
        self._groups: dict[str, set[str]] = defaultdict(set)

    def watch(self, diagrams: Iterable[Diagram]) -> Iterator[Diagram]:
        """Pass the diagrams on and count them."""
        for diagram in diagrams:
            level = f"level_{diagram.level}"
            style, _, degradation = diagram.style.partition("/")
            self._counts["by_level"][level] += 1
            self._counts["by_style"][style] += 1
            self._counts["by_degradation"][degradation or "clean"] += 1
            self._counts["by_parts"][f"parts_{part_count(diagram.truth) or 'unknown'}"] += 1
            source, _, shape = diagram.source.partition("/")
            if source == DRAWN:
                self._counts["by_shape"][shape] += 1
            self._groups[level].add(diagram.group)
            yield diagram

    def metrics(self) -> dict[str, Any]:
        """Diagrams in all and by level, style, degradation, shape (of those drawn here) and parts, and the distinct topologies."""
        return {
            "diagrams": sum(self._counts["by_level"].values()),
            "distinct_topologies": len(set().union(*self._groups.values())),
            "distinct_topologies_by_level": {level: len(groups) for level, groups in self._groups.items()},
            **{name: dict(counts) for name, counts in self._counts.items()},
        }
