"""A circuit put on the grid by hand: what templates of amplifiers are written with.

Junctions are (row, column). Names are given at the end, their numbers shuffled within a kind; half of all sketches are mirrored.
"""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import pairwise

from diagramlens.domains.circuits.layout import Junction, Layout, box_of, mirrored
from diagramlens.domains.circuits.meshes import wire
from diagramlens.domains.circuits.scene import Device, Port, Rail, Segment
from diagramlens.domains.circuits.values import VALUES


class Sketch:
    """Collects parts; `finish` makes a Layout of them."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self._segments: list[Segment] = []
        self._devices: list[Device] = []
        self._grounds: list[Junction] = []
        self._rails: list[Rail] = []
        self._ports: list[Junction | tuple[Junction, Junction]] = []

    def part(self, kind: str, first: Junction, second: Junction, voltage: str = "") -> None:
        """A part between neighbours, with a random value; a kind of several letters is one of them, `W` being a wire."""
        kind = self.rng.choice(kind)
        if kind == "W":
            self.wire(first, second)
        else:
            self._segments.append(Segment(kind, "", self.rng.choice(VALUES[kind]), first, second, voltage=voltage))

    def wire(self, *path: Junction) -> None:
        """A wire through junctions, each beside or above the next at any distance; it has a junction wherever it passes one."""
        for (row, column), (to_row, to_column) in pairwise(path):
            steps = max(abs(to_row - row), abs(to_column - column))
            down, right = (to_row - row) // steps, (to_column - column) // steps
            for step in range(steps):
                ends = (
                    (row + step * down, column + step * right),
                    (row + (step + 1) * down, column + (step + 1) * right),
                )
                self._segments.append(wire(min(ends), max(ends)))

    def ground(self, *junctions: Junction) -> None:
        """Ground symbols, below each of which nothing may lie."""
        self._grounds += junctions

    def grounded(self, kind: str, top: Junction, voltage: str = "") -> None:
        """A part from a junction down to a ground of its own; its first terminal is the upper one."""
        below = top[0] + 1, top[1]
        self.part(kind, top, below, voltage)
        self.ground(below)

    def opamp(self, output: Junction, plus: Junction, minus: Junction, gain: str = "") -> None:
        """An op-amp in the cell that its pins span; ideal without a gain."""
        self._devices.append(Device("opamp", "", gain, (output, plus, minus), box_of((output, plus, minus))))

    def transistor(self, kind: str, first: Junction, control: Junction, last: Junction) -> None:
        """A transistor in the cell that its pins span: drain, gate, source or collector, base, emitter."""
        self._devices.append(Device(kind, "", "", (first, control, last), box_of((first, control, last))))

    def rail(self, name: str, at: Junction) -> None:
        """A supply at a junction; VSS and VEE are below ground."""
        value = self.rng.choice(("5", "10", "12", "15"))
        self._rails.append(Rail(name, f"-{value}" if name in ("VSS", "VEE") else value, at))

    def port(self, positive: Junction, negative: Junction | None = None) -> None:
        """An open terminal, or a pair of them."""
        self._ports.append((positive, negative) if negative else positive)

    def maybe(self, share: float) -> bool:
        """True that often."""
        return self.rng.random() < share

    def finish(self, level: int, shape: str) -> Layout:
        """The circuit, named; `shape` is what it is called."""
        pairs = [(port[0], port[1]) if isinstance(port[0], tuple) else (port, None) for port in self._ports]
        layout = Layout(
            level,
            shape,
            self._named(),
            tuple(self._grounds),
            self._named_devices(),
            tuple(self._rails),
            tuple(Port(f"P{index}", *pair) for index, pair in enumerate(pairs, start=1)),
        )
        return mirrored(layout) if self.maybe(0.5) else layout

    def _named(self) -> tuple[Segment, ...]:
        numbers = self._numbers([part.kind for part in self._segments])
        return tuple(
            part if part.kind == "W" else replace(part, name=f"{part.kind}{numbers[part.kind].pop()}")
            for part in self._segments
        )

    def _named_devices(self) -> tuple[Device, ...]:
        letters = {"opamp": "E", "npn": "Q", "pnp": "Q", "nmos": "M", "pmos": "M"}
        numbers = self._numbers([letters[device.kind] for device in self._devices])
        named = []
        for device in self._devices:
            letter = letters[device.kind]
            name = f"{letter}{numbers[letter].pop()}"
            if device.value:  # a finite gain, called A and printed beside the name
                gain = f"A{name[1:]}"
                named.append(replace(device, name=name, value=gain, label=f"{name} {gain}"))
            else:
                named.append(replace(device, name=name))
        return tuple(named)

    def _numbers(self, kinds: list[str]) -> dict[str, list[int]]:
        """Shuffled numbers of each kind: in reading order a model could name parts without reading their labels."""
        return {
            kind: self.rng.sample(range(1, kinds.count(kind) + 1), kinds.count(kind)) for kind in sorted(set(kinds))
        }
