"""Where a netlist says how its parts lie, they lie so."""

from __future__ import annotations

import random

import pytest

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.netlist_file import netlist_of
from diagramlens.domains.circuits.placing.place import place
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.scene import Scene
from diagramlens.domains.circuits.schematic import schematic
from tests.circuits.recipes import full_recipe
from tests.circuits.test_placing import assert_says, assert_sound

LCAPY = """V1 1 0_1 10; down
R1 1 2 2.2k; right=1.5
C1 2 0_2 100n; down, v=vo
W 0_1 0; right=0.5
W 0 0_2; right
W 0 0_3; down=0.2, sground
"""


@pytest.mark.parametrize("level", range(5))
def test_a_truth_is_drawn_where_it_came_from(level: int) -> None:
    recipe = full_recipe(level)
    for seed in range(60):
        circuit = sample_circuit(recipe, random.Random(f"{level} {seed}"))
        assert isinstance(circuit, Circuit)
        placed = place(parse_netlist(circuit.truth))
        assert placed.way == "names"
        assert schematic(placed.scene) == circuit.truth


def ends(scene: Scene) -> dict[str, tuple[tuple[int, int], tuple[int, int]]]:
    return {part.name: (part.start, part.end) for part in scene.segments if part.kind != "W"}


def test_lcapys_directions_and_lengths_fix_the_places() -> None:
    netlist = parse_netlist(LCAPY)
    placed = place(netlist, pitch=100)
    assert placed.way == "directions"
    assert_says(placed.scene, netlist)
    assert_sound(placed.scene)
    found = ends(placed.scene)
    (x, y), (right, level) = found["R1"]
    assert (right - x, level) == (150, y)
    assert found["V1"] == ((x, y), (x, y + 100)), "its second node is below its first"
    assert found["C1"] == ((right, y), (right, y + 100))


def test_a_part_is_stretched_to_what_lies_across_from_it() -> None:
    """The longest path decides: two parts above, one part below of twice the length."""
    netlist = parse_netlist(
        "V1 1 4 5; down\nR1 1 2; right\nR2 2 3; right\nR3 3 5; down\nR4 4 5; right\nW 4 0; down=0.5"
    )
    placed = place(netlist, pitch=100)
    assert placed.way == "directions"
    (x, _), (right, _) = ends(placed.scene)["R4"]
    assert right - x == 200


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("V1 1 0 5; up\nR1 1 2; right\nC1 2 0", "C1 says no direction"),
        ("V1 1 0 5; down\nR1 1 2; right\nR2 2 1; right\nC1 2 0; down", "contradict each other"),
        ("V1 1 0 5; down\nR1 1 0; down", "lie on one another"),
        ("V1 1 0 5; right\nR1 1 0; down", "contradict each other"),
        ("V1 1 0 5; down=x\nR1 1 2; right\nC1 2 0; down", "states no length"),
        ("V1 1 0 5; down\nR1 1 2; right\nR2 2 3; right\nE1 3 0 opamp 0 2; right", "the place of E1"),
    ],
)
def test_directions_that_fix_no_places_are_named_and_left_aside(text: str, why: str) -> None:
    netlist = parse_netlist(text)
    placed = place(netlist)
    assert placed.way == "buses"
    assert len(placed.notes) == 1
    assert why in placed.notes[0]
    assert_says(placed.scene, netlist)


def test_directions_of_lcapys_current_sources_go_from_its_first_node_to_its_second() -> None:
    source = netlist_of("V1 1 0 step; down\nR1 1 2; right\nI1 2 3 1m; down\nW 0 3; right")
    placed = place(source.netlist)
    assert placed.way == "directions"
    (_, start), (_, end) = ends(placed.scene)["I1"]
    assert start > end, "the arrow points up, out of the first node"


def test_letters_as_nodes_without_directions_are_no_places() -> None:
    netlist = parse_netlist("V1 a 0\nR1 a b\nC1 b 0")
    assert place(netlist).way == "buses"
