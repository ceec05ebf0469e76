"""Diagrams drawn here, as rows: picture, truth and boxes of circuit number 0, 1, 2, …

Each number has a seed of its own, so that a larger count leaves the first diagrams as they were, and any number of workers writes the
same bytes.
"""

from __future__ import annotations

import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import blake2b
from typing import Any

from diagramlens.domains.circuits.draw import encode_png
from diagramlens.domains.circuits.sampling import CircuitRecipe, sample_circuit, sample_look
from diagramlens.records import Diagram
from diagramlens.runtime import die_with_parent

_CHUNK = 32


def draw_diagram(number: int, recipe: CircuitRecipe, seed: int) -> Diagram:
    """Diagram `number` of the set that `recipe` and `seed` describe."""
    digest = blake2b(f"diagramlens/{seed}/{number}".encode(), digest_size=8).digest()
    rng = random.Random(int.from_bytes(digest))
    circuit = sample_circuit(recipe, rng)
    style = sample_look(recipe, rng)
    picture, objects = circuit.paint(style)
    return Diagram(
        id=f"circuit-{seed}-{number:07d}",
        group=circuit.group,
        domain="circuits",
        level=circuit.level,
        style=style.name,
        image=encode_png(picture),
        truth=circuit.truth,
        objects=json.dumps([drawn.record() for drawn in objects]),
        source="drawn",
        questions="[]",
    )


def draw_diagrams(count: int, recipe: CircuitRecipe, seed: int, workers: int) -> Iterator[Diagram]:
    """Diagrams 0 to count - 1 in order, drawn by `workers` processes, some hundreds ahead of the reader at the most."""
    one = partial(draw_diagram, recipe=recipe, seed=seed)
    if workers == 1:
        yield from map(one, range(count))
        return
    # Forked workers share the fonts and modules that are loaded already; nothing here has started a thread.
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=die_with_parent) as pool:
        window = _CHUNK * workers * 4
        for start in range(0, count, window):
            yield from pool.map(one, range(start, min(count, start + window)), chunksize=_CHUNK)


class Tally:
    """Counts diagrams that flow by, for metrics/generate.json."""

    def __init__(self) -> None:
        self._levels: Counter[str] = Counter()
        self._styles: Counter[str] = Counter()
        self._parts: Counter[str] = Counter()
        self._groups: set[str] = set()

    def watch(self, diagrams: Iterable[Diagram]) -> Iterator[Diagram]:
        """Pass the diagrams on and count them."""
        for diagram in diagrams:
            self._levels[f"level_{diagram.level}"] += 1
            self._styles[diagram.style] += 1
            self._parts[f"parts_{part_count(diagram.truth)}"] += 1
            self._groups.add(diagram.group)
            yield diagram

    def metrics(self) -> dict[str, Any]:
        """Diagrams in all and by level, style and number of parts, and the number of distinct topologies."""
        return {
            "diagrams": sum(self._levels.values()),
            "distinct_topologies": len(self._groups),
            "by_level": dict(self._levels),
            "by_style": dict(self._styles),
            "by_parts": dict(self._parts),
        }


def part_count(truth: str) -> int:
    """Parts of a circuit, sources included, wires not."""
    return sum(1 for line in truth.splitlines() if line.strip() and not line.startswith("W"))
