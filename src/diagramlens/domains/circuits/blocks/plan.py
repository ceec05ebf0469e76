"""What a random block diagram consists of, before it has a place: a row from left to right, and branches around it.

The row runs from the input R to the output: blocks, summing points and take-off points. A branch leaves it at a take-off point, runs
along a lane above or below, where it may pass blocks, and comes back at a summing point further left (feedback) or right
(feedforward). Branches may nest or cross. Disturbances enter summing points from outside; noise enters a branch.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from diagramlens.domains.circuits.layout import LayoutError

MOST_BLOCKS = 12

SlotKind = Literal["block", "sum", "take"]


@dataclass(eq=False)
class Slot:
    """One place of the row. `ports` of a summing point or take-off say which sides (-1 above, +1 below) are in use."""

    kind: SlotKind
    ports: set[int] = field(default_factory=set)


@dataclass(frozen=True, eq=False)
class Item:
    """What a branch passes on its lane, at the place of a block of the row: a block, or a summing point where noise enters."""

    column: Slot
    kind: Literal["block", "sum"]


@dataclass(frozen=True, eq=False)
class Branch:
    """A way around: `side` -1 runs above the row, +1 below; `sign` is that with which it enters its summing point."""

    take: Slot
    sum: Slot
    side: int
    sign: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Outside:
    """An input that enters a summing point of the row straight from above (-1) or below (+1)."""

    sum: Slot
    side: int
    sign: str


@dataclass(frozen=True)
class Plan:
    """A diagram's row from left to right, its branches and its inputs from outside; `turned` are the sums that the row enters with −."""

    row: tuple[Slot, ...]
    branches: tuple[Branch, ...]
    outside: tuple[Outside, ...]
    turned: frozenset[Slot]


def sample_plan(parts: tuple[int, int], rng: random.Random) -> Plan:
    """A random diagram of `parts` = (fewest, most) blocks, of which up to six lie in the row.

    No diagram has more than MOST_BLOCKS. Raises LayoutError where `parts` allows none.
    """
    least, most = max(1, parts[0]), min(parts[1], MOST_BLOCKS)
    if least > most:
        raise LayoutError(
            f"{parts[0]} to {parts[1]} blocks: block diagrams are drawn with 1 to {MOST_BLOCKS}; "
            f"change domains.circuits.levels.level_5.parts"
        )
    count = rng.randint(least, most)
    ahead = min(count, max(rng.choices((1, 2, 3, 4), weights=(1, 4, 4, 2))[0], count // 2))
    sketch = _Sketch(ahead, rng)
    left = count - ahead
    while left:
        left -= sketch.add_branch(min(left, rng.choice((1, 1, 1, 2))))
    plain = rng.choice((0, 0, 1, 1, 2)) if sketch.branches else rng.choice((0, 1, 1, 1, 1, 1, 2))
    for _ in range(plain):
        sketch.add_branch(0)
    for _ in range(rng.choice((0, 0, 0, 1, 1, 2))):
        sketch.add_outside()
    return sketch.finish()


class _Sketch:
    """A plan under way: `gaps[k]` are the summing and take-off points between block k - 1 and block k of the row."""

    def __init__(self, ahead: int, rng: random.Random) -> None:
        self.rng = rng
        self.blocks = [Slot("block") for _ in range(ahead)]
        self.gaps: list[list[Slot]] = [[] for _ in range(ahead + 1)]
        self.branches: list[tuple[tuple[int, int], Slot, Slot, int, str, int]] = []
        self.outside: list[Outside] = []

    def add_branch(self, blocks: int) -> int:
        """Add a branch with so many blocks, or fewer where none of that span is left; returns how many it has."""
        every = [(a, b) for a in range(len(self.gaps)) for b in range(len(self.gaps)) if a != b]
        taken = [ends for ends, *_ in self.branches]
        free = [ends for ends in every if ends not in taken and abs(ends[0] - ends[1]) >= blocks]
        # Beyond one branch a pair of places they lie in parallel, which people draw too; but never two that are plain wires.
        if not free and blocks == 0:
            return 0
        if not free:
            blocks, free = 1, every
        weights = [3 if start > end else 1 for start, end in free]
        start, end = self.rng.choices(free, weights)[0]
        back = start > end
        side = self.rng.choice((1, 1, 1, -1)) * (1 if back else -1)
        sign = self.rng.choice("----+" if back else "++++-")
        take, point = self._take(start, side), self._sum(end, side)
        self.branches.append(((start, end), take, point, side, sign, blocks))
        return blocks

    def add_outside(self) -> None:
        """Let a disturbance in, behind one of the row's blocks."""
        side = self.rng.choice((-1, -1, 1))
        point = self._sum(self.rng.randrange(1, len(self.gaps)), side)
        self.outside.append(Outside(point, side, self.rng.choice("++++-")))

    def _take(self, gap: int, side: int) -> Slot:
        """A take-off point in a gap, often one that is there; one point may serve several branches of a side."""
        there = [slot for slot in self.gaps[gap] if slot.kind == "take"]
        return self._reach(gap, there, "take", side, 0.6)

    def _sum(self, gap: int, side: int) -> Slot:
        """A summing point in a gap with this side free."""
        there = [slot for slot in self.gaps[gap] if slot.kind == "sum" and side not in slot.ports]
        return self._reach(gap, there, "sum", side, 0.4)

    def _reach(self, gap: int, there: Sequence[Slot], kind: SlotKind, side: int, share: float) -> Slot:
        slot = self.rng.choice(there) if there and self.rng.random() < share else Slot(kind)
        if slot not in self.gaps[gap]:
            self.gaps[gap].append(slot)
        slot.ports.add(side)
        return slot

    def finish(self) -> Plan:
        """The row in order, and the branches with their blocks at places along it."""
        row: list[Slot] = []
        for number, gap in enumerate(self.gaps):
            # Sums before take-offs closes loops over what follows; the other order makes branches meet in the gap and loops cross.
            if self.rng.random() < 0.75:
                gap.sort(key=lambda slot: slot.kind == "take")
            else:
                self.rng.shuffle(gap)
            row += gap + self.blocks[number : number + 1]
        branches = []
        for (start, end), take, point, side, sign, blocks in self.branches:
            span = self.blocks[min(start, end) : max(start, end)]
            noise = start > end and len(span) > blocks and self.rng.random() < 0.12
            places = sorted(self.rng.sample(range(len(span)), blocks + noise))
            noisy = self.rng.choice(places) if noise else None
            items = tuple(Item(span[place], "sum" if place == noisy else "block") for place in places)
            branches.append(Branch(take, point, side, sign, items))
        turned = frozenset(slot for slot in row if slot.kind == "sum" and self.rng.random() < 0.04)
        return Plan(tuple(row), tuple(branches), tuple(self.outside), turned)
