"""A placed circuit is one that can be solved, and the text read back from its pixels is the circuit that was placed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.determined import solvable
from diagramlens.domains.circuits.layout import Layout, LayoutError, mirrored, scene
from diagramlens.domains.circuits.meshes import place
from diagramlens.domains.circuits.netlist import merge_wires, parse_netlist
from diagramlens.domains.circuits.scene import Segment
from diagramlens.domains.circuits.schematic import schematic
from diagramlens.domains.circuits.solve import transfer
from diagramlens.domains.circuits.topology import topology_group

seeds = st.integers(min_value=0, max_value=2**32)


def placed(seed: int, level: int = 1) -> tuple[Layout, str]:
    rng = random.Random(seed)
    layout = place(level, (3, 7), (2, 3), rng)
    return layout, schematic(scene(layout, 56, rng))


def joined(layout: Layout) -> set[frozenset[tuple[str, int]]]:
    """Which terminals of which parts lie at one node, by following the layout's wires."""
    node = {end: {end} for e in layout.segments for end in (e.start, e.end)}
    for element in layout.segments:
        if element.kind == "W":
            union = node[element.start] | node[element.end]
            for junction in union:
                node[junction] = union
    terminals: dict[frozenset[tuple[int, int]], set[tuple[str, int]]] = {}
    for element in layout.segments:
        if element.kind != "W":
            for pin, end in enumerate((element.start, element.end)):
                terminals.setdefault(frozenset(node[end]), set()).add((element.name, pin))
    return {frozenset(group) for group in terminals.values()}


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_the_netlist_read_back_from_the_pixels_is_the_circuit_that_was_placed(seed: int) -> None:
    layout, text = placed(seed)
    merged = merge_wires(parse_netlist(text))
    read: dict[str, set[tuple[str, int]]] = {}
    for part in merged.parts:
        for pin, node in enumerate(part.nodes):
            read.setdefault(node, set()).add((part.name, pin))
    assert {frozenset(group) for group in read.values()} == joined(layout)


@settings(max_examples=100, deadline=None)
@given(seeds)
def test_every_placed_circuit_has_a_transfer_function_to_each_of_its_parts(seed: int) -> None:
    _, text = placed(seed)
    netlist = merge_wires(parse_netlist(text))
    source = next(part for part in netlist.parts if part.kind in "VI")
    for part in netlist.parts:
        if part is not source:
            assert transfer(netlist, source.name, *part.nodes).denominator != "0"


@settings(max_examples=100, deadline=None)
@given(seeds, st.sampled_from([0, 1]))
def test_a_level_holds_its_own_parts_and_at_least_one_source(seed: int, level: int) -> None:
    layout, _ = placed(seed, level)
    kinds = [element.kind for element in layout.segments if element.kind != "W"]
    assert 3 <= len(kinds) <= 7
    assert set(kinds) & set("VI")
    assert bool(set(kinds) & set("LC")) == (level == 1)


def test_numbers_do_not_follow_the_reading_order() -> None:
    orders = {
        tuple(e.name for e in place(0, (6, 7), (3, 3), random.Random(seed)).segments if e.kind == "R")
        for seed in range(40)
    }
    assert any(list(names) != sorted(names) for names in orders)


def test_the_direction_is_the_way_from_first_to_second_terminal() -> None:
    elements = (
        Segment("V", "V1", "5", start=(1, 0), end=(0, 0)),
        Segment("R", "R1", "1k", start=(0, 0), end=(0, 1), voltage="vo"),
        Segment("W", "W", "", start=(0, 1), end=(1, 1)),
        Segment("W", "W", "", start=(1, 0), end=(1, 1)),
    )
    text = schematic(scene(Layout(0, "grid", elements, ((1, 0),)), 56, random.Random(0)))
    assert text == "R1 a b 1k; right, v=vo\nV1 e a 5; up\nW b f; down\nW e f; right\nW e 0; down, ground\n"


SQUARE = [((0, 0), (0, 1)), ((0, 1), (1, 1)), ((1, 0), (1, 1)), ((0, 0), (1, 0))]


@pytest.mark.parametrize(
    ("kinds", "why"),
    [
        ("VVWW", "a loop of voltage sources"),
        ("IIRW", "a cut of current sources"),
        ("RWWW", "a shorted part"),
        ("WWWW", "a loop of wires"),
    ],
)
def test_circuits_without_a_solution_are_not_drawn(kinds: str, why: str) -> None:
    elements = [
        Segment(kind, f"{kind}{n}", "1", *ends) for n, (kind, ends) in enumerate(zip(kinds, SQUARE, strict=True))
    ]
    assert not solvable(elements), why


def test_a_plain_loop_is_drawn() -> None:
    assert solvable(
        Segment(kind, f"{kind}{n}", "1", *ends) for n, (kind, ends) in enumerate(zip("VRRW", SQUARE, strict=True))
    )


@pytest.mark.parametrize(
    ("level", "parts", "grid"), [(7, (3, 7), (2, 3)), (0, (3, 7), (1, 3)), (0, (3, 7), (2, 5)), (0, (9, 9), (2, 2))]
)
def test_sizes_without_room_for_a_circuit_are_refused_by_name(
    level: int, parts: tuple[int, int], grid: tuple[int, int]
) -> None:
    with pytest.raises(LayoutError, match=r"level|grid"):
        place(level, parts, grid, random.Random(0))


@settings(max_examples=50, deadline=None)
@given(seeds)
def test_a_mirrored_circuit_is_the_same_circuit(seed: int) -> None:
    layout, text = placed(seed)
    other = mirrored(layout)
    turned = schematic(scene(other, 56, random.Random(seed)))
    assert topology_group(parse_netlist(turned)) == topology_group(parse_netlist(text))


def test_the_weights_of_one_two_and_three_sources_are_kept() -> None:
    def sources(weights: tuple[float, float, float], seed: int) -> int:
        layout = place(0, (6, 8), (3, 4), random.Random(seed), weights)
        return sum(part.kind in "VI" for part in layout.segments)

    assert {sources((0.0, 0.0, 1.0), seed) for seed in range(20)} == {3}
    assert {sources((0.0, 1.0, 0.0), seed) for seed in range(20)} == {2}
    assert {sources((1.0, 1.0, 1.0), seed) for seed in range(60)} == {1, 2, 3}
