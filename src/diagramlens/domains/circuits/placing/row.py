"""The row of a bus drawing: runs of columns, one beside the other, and lanes above and below in which edges lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from diagramlens.domains.circuits.placing.nets import Block, Edge, End, Hang, Pad, Plan

STEP = 20  # units between neighbouring columns, and the length of an upright part


@dataclass(eq=False)
class Run:
    """Neighbouring pads of one net. `columns` are from left to right; uprights below the row stand at those of `own` only.

    `left` and `right` are the devices whose upper pin is its first or last column. From `access` a wire leads down to the lanes below.
    """

    net: str
    left: Block | None = None
    right: Block | None = None
    downs: list[Hang] = field(default_factory=list)
    ups: list[Hang] = field(default_factory=list)
    access: int | None = None
    columns: list[int] = field(default_factory=list)
    own: list[int] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Lane:
    """An edge in its lane: from one column to another further right, `turned` where that is from its second end to its first."""

    edge: Edge
    turned: bool
    left: int
    right: int
    number: int = 0


@dataclass
class Row:
    """All runs with their columns, the edges that lie directly in the row (by the run on their left), and columns of low pins."""

    runs: list[Run]
    run_of: dict[int, int]  # id of a pad: number of its run
    direct: dict[int, Edge]
    pins: dict[int, int]  # id of a block: column of its low pin


def row_of(plan: Plan, order: Sequence[Pad | Block]) -> Row:
    """Columns for everything in the row, wide enough for what must lie in it and in lanes."""
    row = Row([], {}, {}, {})
    for item in order:
        for pad in [item] if isinstance(item, Pad) else [item.left, item.right]:
            _append(row, pad, apart=isinstance(item, Block) and pad is item.right)
    for run in row.runs:
        run.downs, run.ups = _distinct(run.downs), _distinct(run.ups)
    _choose_direct(plan, row)
    gaps = [0] + [len(row.direct[left].chain) if left in row.direct else 1 for left in range(len(row.runs) - 1)]
    _set_columns(plan, row, gaps)
    for edge in plan.edges:  # a chain in a lane needs as many steps as it has parts
        left, right = sorted((_run(row, edge.first), _run(row, edge.second)))
        short = len(edge.chain) - (row.runs[right].columns[0] - row.runs[left].columns[-1]) // STEP
        if left != right and short > 0 and not edge.low:
            gaps[right] += short
            _set_columns(plan, row, gaps)
    return row


def _append(row: Row, pad: Pad, *, apart: bool) -> None:
    last = row.runs[-1] if row.runs else None
    if last is None or apart or last.net != pad.net:
        last = Run(pad.net)
        row.runs.append(last)
    if pad.block is not None:
        if apart:
            last.left = pad.block
        elif last.right is None:
            last.right = pad.block
    last.downs += pad.downs
    last.ups += pad.ups
    row.run_of[id(pad)] = len(row.runs) - 1


def _distinct(hangs: list[Hang]) -> list[Hang]:
    """Hangs with sources first and ports last; one way to ground or to the supply itself is enough."""
    rank = {"part": 1, "ground": 2, "supply": 2, "port": 3}
    return sorted(dict.fromkeys(hangs), key=lambda hang: 0 if hang.part and hang.part.kind in "VI" else rank[hang.kind])


def _choose_direct(plan: Plan, row: Row) -> None:
    """Between neighbouring runs the first edge of the text lies in the row itself, unless a device stands there."""
    for edge in plan.edges:
        if edge.low or not edge.chain:
            continue
        left, right = sorted((_run(row, edge.first), _run(row, edge.second)))
        if right == left + 1 and left not in row.direct and row.runs[left].right is None:
            row.direct[left] = edge


def _run(row: Row, end: End) -> int:
    return row.run_of[id(end.right if isinstance(end, Block) else end)]


def _set_columns(plan: Plan, row: Row, gaps: Sequence[int]) -> None:
    low_ends = [end for edge in plan.edges if edge.low for end in (edge.first, edge.second) if isinstance(end, Pad)]
    reached = {row.run_of[id(end)] for end in low_ends}
    loops = {
        _run(row, edge.first) for edge in plan.edges if edge.chain and _run(row, edge.first) == _run(row, edge.second)
    }
    x = 0
    for number, run in enumerate(row.runs):
        x += gaps[number] * STEP
        spare = [max(0, len(run.left.hangs) - 1) if run.left and not run.left.low_left else 0]
        spare.append(max(0, len(run.right.hangs) - 1) if run.right and run.right.low_left else 0)
        devices = (run.left is not None) + (run.right is not None)
        own = max(len(run.downs) + (number in reached), len(run.ups) - devices - sum(spare), 1 - devices)
        if number in loops:
            own = max(own, 2 - devices)
        counts = [int(run.left is not None), spare[0], own, spare[1], int(run.right is not None)]
        run.columns = [x + STEP * k for k in range(sum(counts))]
        first = counts[0] + counts[1]
        run.own = run.columns[first : first + own]
        if run.left is not None and not run.left.low_left:
            row.pins[id(run.left)] = run.columns[0]
        if run.right is not None and run.right.low_left:
            row.pins[id(run.right)] = run.columns[-1]
        x = run.columns[-1]
        if number in reached:
            _choose_access(plan, row, number)


def _choose_access(plan: Plan, row: Row, number: int) -> None:
    """From which column a run reaches the lanes below: that nearest to the device there."""
    run = row.runs[number]
    sides = []
    for edge in plan.edges:
        for end, other in ((edge.first, edge.second), (edge.second, edge.first)):
            if edge.low and isinstance(end, Pad) and row.run_of[id(end)] == number:
                sides.append(1 if _run(row, other) > number else -1)
    run.access = run.own[-1] if sum(sides) > 0 else run.own[0]


def lanes_of(plan: Plan, row: Row, *, low: bool) -> list[Lane]:
    """The edges above or below the row in lanes, 0 nearest to it, shorter edges nearer."""
    found = []
    for edge in plan.edges:
        if edge.low != low or edge in row.direct.values():
            continue
        if low:
            ends = _low_column(row, edge.first), _low_column(row, edge.second)
            turned = ends[0] > ends[1]
            left, right = sorted(ends)
        else:
            runs = _run(row, edge.first), _run(row, edge.second)
            if runs[0] == runs[1]:
                if not edge.chain:
                    continue  # joined in the row already
                left, right, turned = row.runs[runs[0]].columns[0], row.runs[runs[0]].columns[-1], False
            else:
                turned = runs[0] > runs[1]
                left, right = row.runs[min(runs)].columns[-1], row.runs[max(runs)].columns[0]
        found.append(Lane(edge, turned, left, right))
    return _numbered(found)


def _low_column(row: Row, end: End) -> int:
    if isinstance(end, Block):
        return row.pins[id(end)]
    access = row.runs[row.run_of[id(end)]].access
    assert access is not None, "a run that a low edge reaches has a way down"
    return access


def _numbered(lanes: list[Lane]) -> list[Lane]:
    taken: list[list[Lane]] = []
    done = []
    for lane in sorted(lanes, key=lambda lane: lane.right - lane.left):
        number = next((k for k, others in enumerate(taken) if not any(_meet(lane, o) for o in others)), len(taken))
        if number == len(taken):
            taken.append([])
        placed = Lane(lane.edge, lane.turned, lane.left, lane.right, number)
        taken[number].append(placed)
        done.append(placed)
    return done


def _meet(first: Lane, second: Lane) -> bool:
    """Whether two edges would touch in one lane; a column at which one ends and the other begins is one net's."""
    return first.left < second.right and second.left < first.right
