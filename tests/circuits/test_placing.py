"""A picture of any netlist says that netlist: read back from its geometry, it is the one that was to be drawn, terminal by terminal."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.draw import draw
from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist, merge_wires, parse_netlist
from diagramlens.domains.circuits.pen import overlap
from diagramlens.domains.circuits.placing.place import Placed, place
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.scene import Scene, Segment
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style
from tests.circuits.recipes import full_recipe
from tests.circuits.test_round_trip import lies_on, meetings, nets, read
from tests.circuits.textbook import TEXTBOOK

RENAMED = 40  # circuits of each level


def assert_says(scene: Scene, netlist: Netlist) -> None:
    """The drawing's parts, terminals and ground are the netlist's."""
    told = merge_wires(netlist)
    named = {part.name for part in told.parts}
    seen = tuple(replace(part, value=part.value or None) for part in read(_readable(scene)) if part.name in named)
    text = format_netlist(netlist)
    assert sorted(part.name for part in seen) == sorted(named), text
    if "0" in told.nodes:
        told_ends, seen_ends = meetings(told.parts), meetings(seen)
        assert {frozenset(ends) for ends in told_ends.values()} == {frozenset(ends) for ends in seen_ends.values()}, (
            text
        )
        assert told_ends.get("0") == seen_ends.get("0"), text
    what = {(part.name, part.kind, part.value, part.control, part.model) for part in told.parts}
    assert what == {(part.name, part.kind, part.value, part.control, part.model) for part in seen}


def _readable(scene: Scene) -> Scene:
    """The scene with a mark for every control that is printed as a voltage between named nodes, for the reader of marks."""
    names = {port.name: port.positive for port in scene.ports}
    ground = scene.grounds[0] if scene.grounds else None
    marks = []
    segments = []
    for part in scene.segments:
        if part.control.startswith("V("):
            first, second = part.control[2:-1].split(",")
            ends = [names.get(node, ground) for node in (first, second)]
            assert all(ends), f"{part.control} names nodes that are not printed"
            mark = f"named {len(marks)}"
            marks.append(replace(part, kind="R", name=mark, voltage=mark, start=ends[0], end=ends[1], control=""))
            part = replace(part, control=mark)
        segments.append(part)
    return replace(scene, segments=(*segments, *marks))


def assert_sound(scene: Scene) -> None:
    """Nothing touches what it is not joined to, and no two symbols lie on one another."""
    points = set(nets(scene))
    parts = [part for part in scene.segments if part.kind != "W"]
    for part in parts:
        inside = [p for p in points - {part.start, part.end} if lies_on(p, (part.start, part.end))]
        assert not inside, f"{part.name} runs over {inside}"
        for other in scene.segments:
            if other is not part:
                assert not _cross(part, other), f"{part.name} and {other.name} cross"
    for device in scene.devices:
        x0, y0, x1, y1 = device.cell
        for part in scene.segments:
            (a, b), (c, d) = sorted((part.start, part.end))
            assert not (max(a, x0) < min(c, x1) and y0 < b < y1) or b != d, f"{part.name} runs through {device.name}"
            assert not (x0 < a < x1 and max(min(b, d), y0) < min(max(b, d), y1)), (
                f"{part.name} runs through {device.name}"
            )


def _cross(first: Segment, second: Segment) -> bool:
    for level, upright in ((first, second), (second, first)):
        if level.start[1] == level.end[1] and upright.start[0] == upright.end[0]:
            xs, ys = sorted((level.start[0], level.end[0])), sorted((upright.start[1], upright.end[1]))
            if xs[0] < upright.start[0] < xs[1] and ys[0] < level.start[1] < ys[1]:
                return True
    return False


def assert_symbols_apart(placed: Placed, style: str) -> None:
    """No symbol's box meets another's, and everything with its label is in the picture."""
    look = replace(sample_style(style, random.Random(1)), nodes="dots", hops=True)
    picture, objects = draw(placed.scene, look)
    boxes = [(shown.name, shown.box) for shown in objects if shown.kind not in ("port", "ground")]
    for index, (name, box) in enumerate(boxes):
        for other, second in boxes[:index]:
            assert overlap(box, second) == 0, f"{name} lies on {other}"
    for shown in objects:
        for x0, y0, x1, y1 in (shown.box, shown.label):
            assert x0 >= 0 and y0 >= 0 and x1 <= picture.width and y1 <= picture.height, shown


@pytest.mark.parametrize("name", TEXTBOOK)
def test_a_textbook_circuit_is_drawn_as_it_is_written(name: str) -> None:
    netlist = parse_netlist(TEXTBOOK[name])
    placed = place(netlist)
    assert placed.way == "buses"
    assert_says(placed.scene, netlist)
    assert_sound(placed.scene)
    for style in STYLE_NAMES:
        assert_symbols_apart(placed, style)


@pytest.mark.parametrize("level", range(5))
def test_sampled_circuits_without_their_hints_are_placed_anew_and_say_the_same(level: int) -> None:
    recipe = full_recipe(level)
    for seed in range(RENAMED):
        rng = random.Random(f"{level} {seed}")
        circuit = sample_circuit(recipe, rng)
        assert isinstance(circuit, Circuit)
        netlist = stripped(parse_netlist(circuit.truth), rng)
        placed = place(netlist)
        assert placed.way == "buses"
        assert_says(placed.scene, netlist)
        assert_sound(placed.scene)
        if seed < 6:
            assert_symbols_apart(placed, STYLE_NAMES[seed % 3])


def stripped(netlist: Netlist, rng: random.Random) -> Netlist:
    """A circuit as another program would write it: wires contracted, nodes numbered at random, no hint but what makes a supply."""
    circuit = merge_wires(netlist)
    others = [node for node in circuit.nodes if node != "0"]
    number = dict(zip(others, map(str, rng.sample(range(1, 100), len(others))), strict=True)) | {"0": "0"}
    parts = [replace(part, nodes=tuple(number[node] for node in part.nodes), hints=()) for part in circuit.parts]
    rng.shuffle(parts)
    return Netlist(tuple(parts))


@st.composite
def netlists(draw_: st.DrawFn) -> Netlist:
    """Connected netlists of every kind of part, sensible or not."""
    count = draw_(st.integers(1, 7))
    nodes = ["0", *(f"n{k}" for k in range(1, count + 1))]
    parts = []

    def node() -> str:
        return draw_(st.sampled_from(nodes))

    for k in range(1, count + 1):  # a tree first: nothing floats
        kind = draw_(st.sampled_from("RLCVI"))
        ends = [nodes[k], draw_(st.sampled_from(nodes[:k]))]
        if draw_(st.booleans()):
            ends.reverse()
        parts.append(Part(f"{kind}{len(parts) + 1}", kind, tuple(ends), None))
    for _ in range(draw_(st.integers(0, 9))):
        kind = draw_(st.sampled_from("RRRLCVIEGFHQMPOS"))
        name = f"{kind}{len(parts) + 1}"
        if kind in "EG":
            parts.append(Part(name, kind, (node(), node(), node(), node()), None))
        elif kind in "FH":
            ruling = [part.name for part in parts if part.kind == "V" and part.name[:2] != "VC"]
            if ruling:
                parts.append(Part(name, kind, (node(), node()), None, control=draw_(st.sampled_from(ruling))))
        elif kind in "QM":
            model = draw_(st.sampled_from({"Q": ("npn", "pnp"), "M": ("nmos", "pmos")}[kind]))
            parts.append(Part(name, kind, (node(), node(), node()), None, model=model))
        elif kind == "O":
            parts.append(Part(f"E{name}", "E", (node(), "0", node(), node()), None, model="opamp"))
        elif kind == "S":
            if draw_(st.booleans()):
                parts.append(Part(f"VCC{len(parts)}", "V", (node(), "0"), "9"))
            elif not any(part.name == "VEE" for part in parts):
                parts.append(Part("VEE", "V", (node(), "0"), "-9"))
        else:
            parts.append(Part(name, kind, (node(), node()), None))
    return Netlist(tuple(parts))


@settings(max_examples=150, deadline=None)
@given(netlists())
def test_whatever_is_connected_is_drawn_as_it_is_written(netlist: Netlist) -> None:
    placed = place(netlist)
    assert_says(placed.scene, netlist)
    assert_sound(placed.scene)
