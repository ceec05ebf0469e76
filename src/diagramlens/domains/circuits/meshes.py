"""Random circuits of resistors, inductors, capacitors and sources in the meshes of a grid: levels 0 and 1.

Every one can be solved: connected, without a dangling end, a shorted part, a loop of voltage sources or wires, or a cut of current
sources.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from diagramlens.domains.circuits.determined import solvable
from diagramlens.domains.circuits.layout import GRID_LIMIT, Edge, Junction, Layout, LayoutError
from diagramlens.domains.circuits.scene import Segment
from diagramlens.domains.circuits.values import VALUES

# What a level of CircuitSense is made of: sources, then the other parts.
LEVEL_PARTS: Mapping[int, tuple[str, str]] = {0: ("VI", "R"), 1: ("VI", "RLC")}

ATTEMPTS = 2000

# Weights of one, two, three independent sources. A circuit of three parts has one in any case, of four or five at most two.
ONE_OR_TWO = (3.0, 1.0, 0.0)


def place(
    level: int,
    parts: tuple[int, int],
    grid: tuple[int, int],
    rng: random.Random,
    sources: Sequence[float] = ONE_OR_TWO,
) -> Layout:
    """A random circuit of a level: `parts` = (fewest, most) parts, sources included; `grid` = (fewest, most) junctions a side.

    `sources` are the weights of one, two and three independent sources. Raises LayoutError where no such circuit was found, naming the
    sizes.
    """
    if level not in LEVEL_PARTS:
        raise LayoutError(f"level {level}: meshes are filled for {', '.join(map(str, LEVEL_PARTS))}")
    check_grid(grid)
    for _ in range(ATTEMPTS):
        count = rng.randint(*parts)
        rows, columns = rng.randint(*grid), rng.randint(*grid)
        edges = meshes(rows, columns, count, rng)
        if edges is None:
            continue
        filled = _fill(level, edges, count, sources, rng)
        if solvable(filled):
            return Layout(level, "grid", filled, (hanging_ground(filled, rng),))
    raise no_room(level, parts, grid, "grid")


def check_grid(grid: tuple[int, int]) -> None:
    """Raise LayoutError for a grid that has no junctions enough, or more than there are names for."""
    if not 2 <= grid[0] <= grid[1] <= GRID_LIMIT:
        raise LayoutError(f"grid {grid[0]} to {grid[1]} junctions a side: between 2 and {GRID_LIMIT}")


def no_room(level: int, parts: tuple[int, int], grid: tuple[int, int], shape: str) -> LayoutError:
    """The error for sizes of a level for which no circuit of a shape was found."""
    key = f"domains.circuits.levels.level_{level}"
    return LayoutError(
        f"no {shape.replace('_', '-')} of level {level} was found with {parts[0]} to {parts[1]} parts on a grid of {grid[0]} to {grid[1]} "
        f"junctions a side; change {key}.parts or widen {key}.grid"
    )


def meshes(rows: int, columns: int, least: int, rng: random.Random) -> list[Edge] | None:
    """Grid edges that form a connected net without dangling ends: one rectangle, then ears from junction to junction."""
    every = edges_of(rows, columns)
    top, bottom = sorted(rng.sample(range(rows), 2))
    left, right = sorted(rng.sample(range(columns), 2))
    used = {
        edge
        for edge in every
        if (edge[0][0] == edge[1][0] and edge[0][0] in (top, bottom) and left <= edge[0][1] and edge[1][1] <= right)
        or (edge[0][1] == edge[1][1] and edge[0][1] in (left, right) and top <= edge[0][0] and edge[1][0] <= bottom)
    }
    ears = rng.choice((0, 1, 1, 2, 3))
    for _ in range(20):
        if ears <= 0 and len(used) >= least:
            break
        path = ear(set(every) - used, {end for edge in used for end in edge}, rng)
        if path:
            used |= path
            ears -= 1
    return sorted(used) if len(used) >= least else None


def ear(free: set[Edge], touched: set[Junction], rng: random.Random) -> set[Edge]:
    """A random path over free edges from one used junction through unused ones to another; empty when it gets stuck."""
    here = rng.choice(sorted(touched))
    start, path, seen = here, set[Edge](), {here}
    while True:
        steps = sorted(
            (edge, other)
            for edge in free - path
            for other in _across(edge, here)
            if other not in seen or (other == start and len(path) > 2)
        )
        if not steps:
            return set()
        edge, here = rng.choice(steps)
        path.add(edge)
        if here in touched:
            return path if here != start else set()
        seen.add(here)


def _across(edge: Edge, here: Junction) -> tuple[Junction, ...]:
    return (edge[1],) if edge[0] == here else (edge[0],) if edge[1] == here else ()


def _fill(
    level: int, edges: Sequence[Edge], count: int, shares: Sequence[float], rng: random.Random
) -> tuple[Segment, ...]:
    """Put `count` parts on some of the edges and wires on the rest, in reading order."""
    sources, others = LEVEL_PARTS[level]
    chosen = set(rng.sample(range(len(edges)), count))
    source_count = how_many_sources(count, shares, rng)
    kinds = [rng.choices(sources, weights=(3, 1))[0] for _ in range(source_count)]
    kinds += [rng.choice(others) for _ in range(count - source_count)]
    if level == 1 and not set(kinds) & {"L", "C"}:
        kinds[-1] = rng.choice("LC")
    rng.shuffle(kinds)
    # Numbers are shuffled within a kind: were they in reading order, a model could name parts without reading their labels.
    numbers = {kind: rng.sample(range(1, kinds.count(kind) + 1), kinds.count(kind)) for kind in sorted(set(kinds))}
    marked = rng.choice([index for index, kind in enumerate(kinds) if kind in others])
    segments, next_part = [], 0
    for index, (first, second) in enumerate(edges):
        if index not in chosen:
            segments.append(wire(first, second))
            continue
        kind = kinds[next_part]
        ends = (second, first) if kind in sources and rng.random() < 0.5 else (first, second)
        name = f"{kind}{numbers[kind].pop()}"
        value = rng.choice(VALUES[kind])
        mark = "vo" if next_part == marked and rng.random() < 0.5 else ""
        segments.append(Segment(kind, name, value, *ends, voltage=mark))
        next_part += 1
    return tuple(segments)


def how_many_sources(count: int, shares: Sequence[float], rng: random.Random) -> int:
    """One, two or three independent sources by their weights, for a circuit of `count` parts."""
    if count < 4:
        return 1
    draw, (_, two, three) = rng.random() * sum(shares), shares
    return min(3 if draw < three else 2 if draw < two + three else 1, count // 2)


def wire(first: Junction, second: Junction) -> Segment:
    """A wire from junction to junction."""
    return Segment("W", "W", "", first, second)


def edges_of(rows: int, columns: int) -> list[Edge]:
    """All edges of a grid, the level ones first."""
    every = [((r, c), (r, c + 1)) for r in range(rows) for c in range(columns - 1)]
    return every + [((r, c), (r + 1, c)) for r in range(rows - 1) for c in range(columns)]


def hanging_ground(segments: Sequence[Segment], rng: random.Random) -> Junction:
    """A junction with nothing below it, where a ground symbol can hang."""
    # Every net has such a junction: its lowest row. Half of all grounds are put there, as people do.
    free = hanging_places(segments)
    lowest = max(row for row, _ in free)
    bottom = [junction for junction in free if junction[0] == lowest]
    return rng.choice(bottom if rng.random() < 0.5 else free)


def hanging_places(segments: Sequence[Segment]) -> list[Junction]:
    """All junctions of a circuit with nothing below them."""
    junctions = {end for e in segments for end in (e.start, e.end)}
    return sorted(junctions - {min(e.start, e.end) for e in segments if e.start[1] == e.end[1]})
