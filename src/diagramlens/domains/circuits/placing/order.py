"""In which order pads and devices stand in the row: what is joined near each other, sources left, outputs right.

The cost of an order is the summed distance of what edges join (linear arrangement), and prices for sources far to the right, ports far
to the left and devices that face away from what they are joined to. Up to EXACT items the cheapest order is found by dynamic programming
over sets of items; more are put in one by one where they cost least, then moved while that helps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diagramlens.domains.circuits.placing.nets import Block, End, Pad, Plan

EXACT = 11
_SWEEPS = 4
_WINDOW = 12  # places to either side that are tried for an item of a long row
_BACKWARDS = 4.0  # a device left of its input, or right of its output
_PIN = 2.0  # a wire to a device's pin, against 1 for a part
_SOURCE, _PORT, _TEXT = 0.6, 0.4, 0.02


class _Costs:
    """Numbers of items, joints (item, item, weight), and what it costs an item to stand at a place or before another."""

    def __init__(self, items: Sequence[Pad | Block], plan: Plan) -> None:
        number = {id(item): index for index, item in enumerate(items)}
        self.count = len(items)
        self.joints: list[tuple[int, int, float]] = []
        self.before: list[tuple[int, int]] = []  # pairs that should stand in this order

        def item(end: End) -> int:
            return number[id(end.block if isinstance(end, Pad) and end.block is not None else end)]

        for edge in plan.edges:
            first, second = item(edge.first), item(edge.second)
            if first == second:
                continue
            self.joints.append((first, second, 1.0 if edge.chain else _PIN))
            block = edge.second.block if isinstance(edge.second, Pad) else None
            if block is not None and not edge.chain:
                self.before.append((first, second) if edge.second is block.left else (second, first))
        self.pulls = [_pull(thing, rank, self.count) for rank, thing in enumerate(items)]

    def of(self, order: Sequence[int]) -> float:
        """The cost of an order of all or some items."""
        place = [-1] * self.count
        for position, item in enumerate(order):
            place[item] = position
        cost = sum(self.pulls[item](position) for position, item in enumerate(order))
        cost += sum(w * abs(place[a] - place[b]) for a, b, w in self.joints if place[a] >= 0 <= place[b])
        return cost + _BACKWARDS * sum(place[b] < place[a] for a, b in self.before if place[a] >= 0 <= place[b])


def _pull(item: Pad | Block, rank: int, count: int) -> Callable[[int], float]:
    """What it costs an item to stand at a place; a little where that is not the place that the text gives it."""
    sources = ports = 0
    if isinstance(item, Pad):
        sources = sum(hang.part is not None and hang.part.kind in "VI" and hang.kind == "part" for hang in item.downs)
        ports = sum(hang.kind == "port" for hang in item.downs)
    return lambda place: _SOURCE * sources * place + _PORT * ports * (count - place) + _TEXT * abs(place - rank)


def arrange(plan: Plan) -> list[Pad | Block]:
    """The items of a plan from left to right."""
    items = plan.items
    costs = _Costs(items, plan)
    order = _exact(costs) if len(items) <= EXACT else _improved(_inserted(costs), costs)
    return [items[index] for index in order]


def _exact(costs: _Costs) -> list[int]:
    """The cheapest order: the best for every set of items that stand first, from the best for the sets with one fewer."""
    count = costs.count
    weight = [[0.0] * count for _ in range(count)]
    for first, second, value in costs.joints:
        weight[first][second] += value
        weight[second][first] += value
    later = [0] * count  # as bits: what should stand after this item
    for first, second in costs.before:
        later[first] |= 1 << second
    best: list[float] = [0.0] + [float("inf")] * ((1 << count) - 1)
    last = [-1] * (1 << count)
    cut = [0.0] * (1 << count)
    for chosen in range(1 << count):
        place = chosen.bit_count()
        for item in range(count):
            bit = 1 << item
            if chosen & bit:
                continue
            grown = chosen | bit
            if last[grown] < 0:
                inside = sum(weight[item][other] for other in range(count) if chosen >> other & 1)
                cut[grown] = cut[chosen] + sum(weight[item]) - 2 * inside
            # What is cut between two neighbouring places is crossed by so many joints.
            wrong = (later[item] & chosen).bit_count()
            price = best[chosen] + cut[grown] + costs.pulls[item](place) + _BACKWARDS * wrong
            if price < best[grown] - 1e-9:
                best[grown], last[grown] = price, item
    order: list[int] = []
    chosen = (1 << count) - 1
    while chosen:
        order.append(last[chosen])
        chosen ^= 1 << last[chosen]
    return order[::-1]


def _inserted(costs: _Costs) -> list[int]:
    """An order made by putting items in where they cost least, each after one that it is joined to."""
    joined: list[list[int]] = [[] for _ in range(costs.count)]
    for first, second, _ in costs.joints:
        joined[first].append(second)
        joined[second].append(first)
    order: list[int] = []
    for item in _breadth_first(joined):
        order = min(_insertions(order, item, len(order)), key=costs.of)
    return order


def _breadth_first(joined: Sequence[Sequence[int]]) -> list[int]:
    """All items breadth first from the first, then from the first that was not reached, and so on."""
    order: list[int] = []
    seen: set[int] = set()
    for start in range(len(joined)):
        queue = [start]
        for item in queue:
            if item not in seen:
                seen.add(item)
                order.append(item)
                queue += joined[item]
    return order


def _insertions(order: list[int], item: int, near: int) -> list[list[int]]:
    reach = range(max(0, near - _WINDOW), min(len(order), near + _WINDOW) + 1)
    return [[*order[:place], item, *order[place:]] for place in reach]


def _improved(order: list[int], costs: _Costs) -> list[int]:
    """The order with single items moved while that helps, some sweeps at most."""
    cost = costs.of(order)
    for _ in range(_SWEEPS):
        before = cost
        for item in list(order):
            place = order.index(item)
            others = order[:place] + order[place + 1 :]
            found = min(_insertions(others, item, place), key=costs.of)
            if costs.of(found) < cost - 1e-9:
                order, cost = found, costs.of(found)
        if cost == before:
            break
    return order
