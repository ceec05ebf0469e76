"""Places parts without any hint: nets in a row from left to right, ground below, supplies above, what else joins them in lanes.

The scheme always works: every column belongs to one net and every lane's stretch to one edge, so that lines of two nets can only cross, and
cross away from symbols. Lengths are in units, 20 from column to column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from itertools import pairwise

from diagramlens.domains.circuits.netlist import GROUND, Netlist
from diagramlens.domains.circuits.placing.hints import crossings_of
from diagramlens.domains.circuits.placing.nets import Block, Edge, Hang, Plan, chain_from, plan_of
from diagramlens.domains.circuits.placing.order import arrange
from diagramlens.domains.circuits.placing.printing import Printed, as_segment
from diagramlens.domains.circuits.placing.row import STEP, Lane, Row, Run, lanes_of, row_of
from diagramlens.domains.circuits.scene import Device, Point, Port, Rail, Scene, Segment

_LANE, _WIRE_LANE = 17, 10  # from lane to lane, with parts and without
_BELOW = 14  # from devices and ground symbols to the first lane below
_RAIL_STEP = 13  # from supply to supply
_STUB = 11  # the wire to a port below the row
_CLEAR = 7  # half of what a symbol in a lane keeps free along it


def place_on_bus(circuit: Netlist, printed: Mapping[str, Printed], named: tuple[str, ...]) -> Scene:
    """A circuit without wires as a scene in units, its corner at the smallest coordinates. Raises PlacingError."""
    plan = plan_of(circuit, named)
    return _Drawing(plan, row_of(plan, arrange(plan)), printed).scene()


class _Drawing:
    """Collects what is drawn. Uprights and levels are lines by what they belong to, with the coordinates of their joints."""

    def __init__(self, plan: Plan, row: Row, printed: Mapping[str, Printed]) -> None:
        self.plan, self.row, self.printed = plan, row, printed
        self.uprights: dict[tuple[int, str], set[int]] = defaultdict(set)
        self.levels: dict[tuple[int, str], set[int]] = defaultdict(set)
        self.segments: list[Segment] = []
        self.grounds: list[Point] = []
        self.devices: list[Device] = []
        self.rails: list[Rail] = []
        self.ports: dict[str, dict[bool, Point]] = defaultdict(dict)
        self.port_names: dict[str, str] = {}
        # One line is ground's where nothing but uprights is below the row; else every part has a ground symbol of its own.
        self.ground_line = not plan.blocks and not plan.supplies
        self.above, self.below = lanes_of(plan, row, low=False), lanes_of(plan, row, low=True)
        self.heights = _heights(self.above, -STEP * 4 // 5, -1)
        self.depths = _heights(self.below, STEP + _BELOW, 1)

    def scene(self) -> Scene:
        """Draw everything: runs, what stands above and hangs below them, ground, ports."""
        for number, run in enumerate(self.row.runs):
            self._run(number, run)
        for left, edge in self.row.direct.items():
            self._chain_in_row(left, edge)
        self._trunks()
        for block in self.plan.blocks:
            self._block(block)
        for run in self.row.runs:
            self._ups(run)
        for lane in self.above:
            self._lane(lane, self.heights[lane.number])
        for lane in self.below:
            self._lane(lane, self.depths[lane.number])
        self._finish_rails()
        wires = self._wires()
        ports = tuple(
            Port(name, ends[False], ends.get(True)) for name, ends in sorted(self.ports.items()) if False in ends
        )
        return Scene(
            (0, 0),
            (*wires, *self.segments),
            tuple(self.grounds),
            tuple(self.devices),
            tuple(self.rails),
            ports,
            crossings_of(wires),
        )

    # --- the row and what hangs below it ----------------------------------------------------------------------------

    def _run(self, number: int, run: Run) -> None:
        line = self.levels[0, f"run {number}"]
        line.update((run.columns[0], run.columns[-1]))
        columns = [x for x in run.own if x != run.access] if len(run.own) > len(run.downs) else list(run.own)
        last = number == len(self.row.runs) - 1
        # Ports stand last: at the end of the row they are its end.
        for x, hang in zip(columns, run.downs, strict=False):
            line.add(x)
            at_end = last and x == run.columns[-1]
            self._down(x, 0, hang, f"down {x}", at_end=at_end)

    def _down(self, x: int, y: int, hang: Hang, tag: str, *, at_end: bool = False) -> None:
        """What leads down from a point of the row, or from a low pin."""
        foot = x, y + STEP
        if hang.kind == "port":
            self._port(x, y if at_end else y + _STUB, hang)
            if not at_end:
                self.uprights[x, tag].update((y, y + _STUB))
        elif hang.kind == "supply" and hang.part is not None:
            self.rails.append(Rail(hang.part.name, hang.part.value or "", (x, y)))
        elif hang.kind == "part" and hang.part is not None:
            ends = (foot, (x, y)) if hang.turned else ((x, y), foot)
            self.segments.append(as_segment(hang.part, *ends, self.printed))
            supply = self.plan.supplies.get(hang.net)
            if supply is None:
                self._to_ground(foot)
            else:
                self.rails.append(Rail(supply.name, supply.value or "", foot))
        elif self.ground_line:
            self.uprights[x, tag].update((y, y + STEP))
            self._to_ground(foot)
        else:
            self._to_ground((x, y))

    def _to_ground(self, at: Point) -> None:
        if self.ground_line:
            self.levels[at[1], "ground"].add(at[0])
        else:
            self.grounds.append(at)

    def _port(self, x: int, y: int, hang: Hang) -> None:
        assert hang.part is not None, "a port is a line of the netlist"
        self.ports[hang.part.name][hang.turned] = x, y
        if (
            y == 0
            and self.ground_line
            and hang.part.nodes[1] == self.plan.ground
            and hang.part.name not in hang.part.nodes
        ):
            self.ports[hang.part.name][True] = x, STEP
            self.levels[STEP, "ground"].add(x)

    # --- lanes ------------------------------------------------------------------------------------------------------

    def _trunks(self) -> None:
        """Uprights from the row, or from low pins, to the lanes."""
        for lane in self.above:
            for x in (lane.left, lane.right):
                self.uprights[x, "up"].update((0, self.heights[lane.number]))
        accesses = {run.access: number for number, run in enumerate(self.row.runs) if run.access is not None}
        for lane in self.below:
            for x in (lane.left, lane.right):
                if x in accesses and x not in self.row.pins.values():
                    self.levels[0, f"run {accesses[x]}"].add(x)
                    self.uprights[x, "down"].update((0, self.depths[lane.number]))
                else:
                    self.uprights[x, "low"].update((STEP, self.depths[lane.number]))
        for number, run in enumerate(self.row.runs):
            self.levels[0, f"run {number}"].update(x for x in run.columns if (x, "up") in self.uprights)

    def _lane(self, lane: Lane, y: int) -> None:
        chain = chain_from(lane.edge.chain, not lane.turned)
        passing = [x for (x, _), ys in self.uprights.items() if lane.left < x < lane.right and min(ys) < y < max(ys)]
        spots = _spots(lane.left, lane.right, passing, len(chain))
        here = lane.left
        for (part, turned), middle in zip(chain, spots, strict=True):
            left, right = _reach(middle, here, lane.right, passing)
            self._level_wire(here, left, y)
            ends = ((right, y), (left, y)) if turned else ((left, y), (right, y))
            self.segments.append(as_segment(part, *ends, self.printed))
            here = right
        self._level_wire(here, lane.right, y)

    def _level_wire(self, left: int, right: int, y: int) -> None:
        if left < right:
            self.levels[y, f"piece {left}"].update((left, right))

    def _chain_in_row(self, left: int, edge: Edge) -> None:
        chain = chain_from(edge.chain, self.row.run_of[id(edge.first)] == left)
        x, end = self.row.runs[left].columns[-1], self.row.runs[left + 1].columns[0]
        stops = [x + (end - x) * k // len(chain) for k in range(len(chain) + 1)]
        for (part, other), (start, stop) in zip(chain, pairwise(stops), strict=True):
            ends = ((stop, 0), (start, 0)) if other else ((start, 0), (stop, 0))
            self.segments.append(as_segment(part, *ends, self.printed))

    # --- devices ----------------------------------------------------------------------------------------------------

    def _block(self, block: Block) -> None:
        runs = self.row.runs
        number = self.row.run_of[id(block.right)]
        left, right = runs[number - 1].columns[-1], runs[number].columns[0]
        low = left if block.low_left else right
        pins: list[Point] = [(0, 0)] * 3
        pins[block.left_pin], pins[block.right_pin], pins[block.low_pin] = (left, 0), (right, 0), (low, STEP)
        part = block.part
        printed = self.printed[part.name]
        self.devices.append(
            Device(
                str(part.model),
                part.name,
                part.value or "",
                (pins[0], pins[1], pins[2]),
                (left, 0, right, STEP),
                printed.label,
            )
        )
        for count, hang in enumerate(block.hangs):
            x = low - count * STEP if block.low_left else low + count * STEP
            if count or len(block.hangs) > 1:
                self.levels[STEP, f"low {part.name}"].add(x)
            self._low_hang(x, hang)

    def _low_hang(self, x: int, hang: Hang) -> None:
        """What hangs on a low pin, below the lanes that run there."""
        lanes = [self.depths[lane.number] for lane in self.below if lane.left <= x <= lane.right]
        y = max(lanes) + _CLEAR if lanes else STEP
        if lanes:
            self.uprights[x, "low"].update((STEP, y))
        self._down(x, y, hang, "low")

    # --- supplies ---------------------------------------------------------------------------------------------------

    def _ups(self, run: Run) -> None:
        top = min(self.heights) - _CLEAR if self.heights else 0
        several = sum(1 for net in self.plan.supplies if self._is_top(net)) > 1
        tops = [net for net in self.plan.supplies if self._is_top(net)]
        lead = run.columns[:1] if run.left is not None else []
        columns = [*lead, *run.own, *(x for x in run.columns if x not in run.own and x not in lead)]
        number = self.row.runs.index(run)
        for x, hang in zip(columns, run.ups, strict=False):
            line = top - STEP - (_CLEAR if several else 0) - _RAIL_STEP * tops.index(hang.net)
            self.levels[0, f"run {number}"].add(x)
            self.levels[line, f"supply {hang.net}"].add(x)
            if hang.part is None:
                self.uprights[x, "up"].update((0, line))
                continue
            if top < 0:
                self.uprights[x, "up"].update((0, top))
            ends = ((x, top - STEP), (x, top)) if hang.turned else ((x, top), (x, top - STEP))
            self.segments.append(as_segment(hang.part, *ends, self.printed))
            if line < top - STEP:
                self.uprights[x, "supply"].update((line, top - STEP))

    def _is_top(self, net: str) -> bool:
        return any(hang.net == net for run in self.row.runs for hang in run.ups)

    def _finish_rails(self) -> None:
        """A symbol at the middle of each supply's line, and one ground symbol on ground's."""
        for net, part in self.plan.supplies.items():
            for (y, tag), xs in self.levels.items():
                if tag == f"supply {net}":
                    self.rails.append(Rail(part.name, part.value or "", (sorted(xs)[(len(xs) - 1) // 2], y)))
        for (y, tag), xs in self.levels.items():
            if tag == "ground" and self.plan.ground == GROUND:
                self.grounds.append((sorted(xs)[(len(xs) - 1) // 2], y))

    # --- lines ------------------------------------------------------------------------------------------------------

    def _wires(self) -> tuple[Segment, ...]:
        wires = []
        for (y, _), xs in self.levels.items():
            wires += [_wire((a, y), (b, y)) for a, b in pairwise(sorted(xs))]
        for (x, _), ys in self.uprights.items():
            wires += [_wire((x, a), (x, b)) for a, b in pairwise(sorted(ys))]
        return tuple(sorted(set(wires), key=lambda wire: (wire.start, wire.end)))


def _wire(start: Point, end: Point) -> Segment:
    return Segment("W", "W", "", start, end)


def _heights(lanes: list[Lane], start: int, way: int) -> list[int]:
    """The y of each lane: the first at `start`, lanes with parts farther from those before them."""
    count = max((lane.number for lane in lanes), default=-1) + 1
    heights, y = [], start
    for number in range(count):
        parts = any(lane.edge.chain for lane in lanes if lane.number == number)
        if number:
            y += way * (_LANE if parts else _WIRE_LANE)
        heights.append(y)
    return heights


def _spots(left: int, right: int, passing: list[int], count: int) -> list[int]:
    """Middles of a chain's symbols in a lane: evenly along it, where no line passes them."""
    half = STEP // 2
    free = [x for x in range(left + half, right - half + 1, half) if all(abs(x - line) >= half for line in passing)]
    spots: list[int] = []
    for k in range(count):
        target = left + (right - left) * (2 * k + 1) // (2 * count)
        least = spots[-1] + STEP if spots else left
        # As many places must be left as there are symbols to come.
        most = right - half - (count - k - 1) * STEP
        choices = [x for x in free if least <= x <= most] or [x for x in free if x >= least]
        spots.append(min(choices, key=lambda x: abs(x - target)))
    return spots


def _reach(middle: int, left: int, right: int, passing: list[int]) -> tuple[int, int]:
    """The ends of a symbol in a lane: a step apart, or less where a line passes."""
    half = STEP // 2
    start = middle - half + (half - _CLEAR if middle - half in passing else 0)
    end = middle + half - (half - _CLEAR if middle + half in passing else 0)
    return max(start, left), min(end, right)
