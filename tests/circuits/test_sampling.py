"""Every level draws circuits that parse, have one solution and differ, of the sizes and in the shares that the recipe states."""

from __future__ import annotations

import dataclasses
import io
import random
from collections import Counter
from hashlib import blake2b

import pytest
from PIL import Image

from diagramlens.domains.circuits import amplifiers, opamps
from diagramlens.domains.circuits.degrade import DEGRADATIONS
from diagramlens.domains.circuits.determined import determined, feeds_back
from diagramlens.domains.circuits.drawn import Tally, draw_diagram, draw_diagrams
from diagramlens.domains.circuits.feedback import random_feedback
from diagramlens.domains.circuits.layout import Layout, LayoutError
from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import Netlist, merge_wires, parse_netlist, without_numbers
from diagramlens.domains.circuits.networks import Kind, place_network
from diagramlens.domains.circuits.questions.labels import number_the_nameless, shows_name, shows_value
from diagramlens.domains.circuits.recipe import CircuitRecipe, LevelSizes
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit, sample_look, told
from diagramlens.domains.circuits.scene import Segment
from diagramlens.domains.circuits.size import part_count
from diagramlens.domains.circuits.solve import transfer
from diagramlens.domains.circuits.values import LABELS, MIXED, PRINTED_VALUES, VALUES, printed
from diagramlens.params import load_params
from tests.circuits.recipes import DOMAIN, full_recipe, recipe
from tests.committed import DEFAULT_PARAMS

SHAPES = ("grid", "ladder", "bridge", "two_port")


def circuits(wanted: CircuitRecipe, count: int) -> list[Circuit]:
    found = [sample_circuit(wanted, random.Random(seed)) for seed in range(count)]
    assert all(isinstance(circuit, Circuit) for circuit in found)
    return [circuit for circuit in found if isinstance(circuit, Circuit)]


def test_the_circuits_of_the_meshes_are_those_that_the_embedded_model_began_with() -> None:
    """The first 200 of seed 1, as they were before there were levels above 1."""
    truths = [draw_diagram(number, recipe(), seed=1).truth.replace("; label_nodes=all\n", "") for number in range(200)]
    assert blake2b("\n".join(truths).encode(), digest_size=8).hexdigest() == "dc839361654a0393"


@pytest.mark.parametrize("level", range(5))
def test_circuits_of_a_level_have_the_sizes_that_are_asked_for(level: int) -> None:
    wanted = full_recipe(level)
    sizes = wanted.levels[level]
    counts = set()
    for circuit in circuits(wanted, 150):
        assert circuit.level == level
        count = part_count(circuit.truth)
        assert count is not None and sizes.parts[0] <= count <= sizes.parts[1], circuit.truth
        points = {end for part in circuit.scene.segments for end in (part.start, part.end)}
        assert max(len({x for x, _ in points}), len({y for _, y in points})) <= sizes.grid[1]
        counts.add(count)
    assert len(counts) >= 4


@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_every_circuit_has_a_transfer_function(level: int) -> None:
    for circuit in circuits(full_recipe(level), 60):
        netlist = without_numbers(merge_wires(parse_netlist(circuit.truth)))
        sources = [part for part in netlist.parts if part.kind in "VI"]
        assert bool(sources) == (circuit.shape != "two_port") or circuit.shape == "gyrator"
        for part in netlist.parts:
            if sources and part.kind in "RC":
                assert transfer(netlist, sources[0].name, *part.nodes).denominator != "0", circuit.truth


def test_every_transistor_stage_has_a_transfer_function_once_it_is_linearised() -> None:
    for circuit in circuits(full_recipe(3), 60):
        netlist = without_numbers(merge_wires(linearise(parse_netlist(circuit.truth))))
        source = next(part for part in netlist.parts if part.kind in "VI")
        for part in netlist.parts:
            if part.kind in "RC" and "0" in part.nodes:
                assert transfer(netlist, source.name, *part.nodes).denominator != "0", circuit.truth


@pytest.mark.parametrize(("level", "least"), [(0, 60), (1, 140), (2, 170), (3, 100), (4, 120)])
def test_two_hundred_circuits_are_of_many_topologies(level: int, least: int) -> None:
    assert len({circuit.group for circuit in circuits(full_recipe(level), 200)}) >= least


def test_levels_come_as_often_as_their_weights_say() -> None:
    levels = Counter(sample_circuit(recipe({0: 1.0, 2: 1.0, 4: 2.0}), random.Random(seed)).level for seed in range(400))
    assert set(levels) == {0, 2, 4}
    assert 150 < levels[4] < 250


def test_small_signal_circuits_have_every_controlled_source_and_mark_what_rules_it() -> None:
    kinds: Counter[str] = Counter()
    for circuit in circuits(full_recipe(2), 200):
        controlled = [part for part in circuit.scene.segments if part.kind in "EGFH"]
        assert 1 <= len(controlled) <= 2
        for part in controlled:
            kinds[part.kind] += 1
            (ruler,) = [other for other in circuit.scene.segments if part.control in (other.voltage, other.current)]
            assert ruler is not part
            assert ruler.kind in ("V" if part.kind in "FH" else "RC")
    assert set(kinds) == set("EGFH") and min(kinds.values()) > 20


def overlaps(layout: Layout) -> list[object]:
    """What lies on something else: parts on one edge, on an upright side of a device, below a ground."""
    edges = [tuple(sorted((part.start, part.end))) for part in layout.segments]
    reserved = [
        ((top, c), (bottom, c)) for top, left, bottom, right in (d.cell for d in layout.devices) for c in (left, right)
    ]
    taken = edges + reserved
    below = [((row, column), (row + 1, column)) for row, column in layout.grounds]
    return [edge for edge in taken if taken.count(edge) > 1] + [edge for edge in below if edge in taken]


@pytest.mark.parametrize("family", [amplifiers, opamps])
def test_no_template_puts_two_things_in_one_place(family) -> None:
    for name in family.TEMPLATES:
        for seed in range(25):
            layout = family.template(name, random.Random(seed))
            assert overlaps(layout) == [], (name, seed)
            assert determined(layout), (name, seed)
            assert all(0 <= row < 4 and 0 <= column < 4 for row, column in layout.junctions)
            names = [part.name for part in layout.segments if part.kind != "W"] + [d.name for d in layout.devices]
            assert len(names) == len(set(names))


def test_random_feedback_is_negative_and_leaves_the_cell_of_the_opamp_free() -> None:
    rng = random.Random(5)
    found = [layout for layout in (random_feedback(4, 6, (3, 4), rng) for _ in range(1500)) if layout is not None]
    assert len(found) > 20
    for layout in found:
        assert overlaps(layout) == []
        assert feeds_back(layout, layout.devices[0])
        exchanged = dataclasses.replace(
            layout.devices[0],
            pins=(layout.devices[0].pins[0], layout.devices[0].pins[2], layout.devices[0].pins[1]),
        )
        assert not feeds_back(dataclasses.replace(layout, devices=(exchanged,)), exchanged), "inputs exchanged"


def network(*parts: tuple[str, tuple[int, int], tuple[int, int]], control: str = "") -> Layout:
    segments = []
    for index, (kind, start, end) in enumerate(parts):
        ruled = control if kind in "EGFH" else ""
        segments.append(
            Segment(kind, f"{kind}{index}", "", start, end, voltage="v1" if kind == "R" else "", control=ruled)
        )
    return Layout(2, "grid", tuple(segments), ((1, 0),))


def test_a_source_ruled_by_a_voltage_that_nothing_decides_is_refused() -> None:
    a, b, c, ground = (0, 0), (0, 1), (1, 1), (1, 0)
    good = network(("V", a, ground), ("R", a, b), ("G", b, c), ("W", ground, c), control="v1")
    assert determined(good)
    cut = network(("I", a, ground), ("R", a, b), ("G", b, c), ("W", ground, c), control="v1")
    assert not determined(cut), "two current sources in line"
    loop = network(("V", a, ground), ("E", a, b), ("W", b, c), ("W", ground, c), ("R", a, ground), control="v1")
    assert not determined(loop), "a loop of voltage sources"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0, 1, 2])
def test_every_shape_is_drawn_at_every_level_of_networks(shape: str, level: int) -> None:
    for seed in range(20):
        layout = place_network(Kind(level, shape, False, (3, 8), (2, 4), (1.0, 1.0, 0.0)), random.Random(seed))
        assert layout.shape == shape
        assert determined(layout)
        assert overlaps(layout) == []
        assert bool(layout.ports) == (shape == "two_port") != any(part.kind in "VI" for part in layout.segments)


def test_wires_cross_as_often_as_asked_and_leave_the_crossing_to_themselves() -> None:
    crossed = [circuit for circuit in circuits(recipe({1: 1.0}, crossings=0.5), 200) if circuit.scene.crossings]
    assert 70 < len(crossed) < 130
    for circuit in crossed:
        (crossing,) = circuit.scene.crossings
        ends = [end for part in circuit.scene.segments for end in (part.start, part.end)]
        assert crossing not in ends
        assert crossing not in circuit.scene.grounds


def test_values_are_printed_and_parts_named_in_reading_order_where_names_are_not_printed() -> None:
    assert (printed("R", "2.2k"), printed("C", "10u"), printed("R", "1meg")) == ("2.2 kΩ", "10 µF", "1 MΩ")
    for circuit in circuits(recipe({1: 1.0, 2: 1.0}, labels=only("values")), 60):
        parts = [part for part in parse_netlist(circuit.truth).parts if part.kind != "W"]
        for kind in {part.kind for part in parts}:
            names = [part.name for part in parts if part.kind == kind]
            assert names == [f"{kind}{number}" for number in range(1, len(names) + 1)], circuit.truth
        for part in parts:
            assert part.value in PRINTED_VALUES[part.kind]
            assert f"l={printed(part.kind, part.value)}" in part.hints


def test_names_and_values_may_stand_together() -> None:
    for circuit in circuits(recipe({1: 1.0, 4: 1.0}, labels=only("both")), 40):
        for part in parse_netlist(circuit.truth).parts:
            if part.kind in "RLCVI":
                assert f"l={part.name} {printed(part.kind, part.value or '')}" in part.hints


def test_names_values_and_both_may_be_mixed_and_no_name_is_used_twice() -> None:
    seen = set()
    for circuit in circuits(recipe({1: 1.0, 2: 1.0}, labels=only(MIXED)), 60):
        parts = [part for part in parse_netlist(circuit.truth).parts if part.kind != "W"]
        assert len({part.name for part in parts}) == len(parts)
        nameless = [part.name for part in parts if not shows_name(part)]
        _, called = number_the_nameless(parse_netlist(circuit.truth))
        assert nameless == list(called), "in reading order, passing over the names that are printed"
        seen |= {(shows_name(part), shows_value(part)) for part in parts}
    assert seen == {(True, False), (False, True), (True, True)}


def only(how: str) -> dict[str, float]:
    return {name: float(name == how) for name in (*LABELS, MIXED)}


def test_every_value_that_can_be_drawn_can_be_read() -> None:
    for values in (VALUES, PRINTED_VALUES):
        for kind, choices in values.items():
            nodes = {"E": "a 0 b 0", "G": "a 0 b 0", "F": "a 0 V1", "H": "a 0 V1"}.get(kind, "a 0")
            for value in choices:
                parse_netlist(f"{kind}9 {nodes} {value}\nV1 b 0 1")


def test_labels_shapes_and_degradations_do_not_change_which_circuits_of_names_on_a_grid_are_drawn() -> None:
    """Each has a stream of its own: a circuit that gets the default of each is the default's circuit."""
    mixed = recipe(
        labels=dict.fromkeys((*LABELS, MIXED), 1.0),
        shapes={"grid": 1.0, "ladder": 1.0, "bridge": 0.0, "two_port": 0.0},
        degradations=dict.fromkeys(DEGRADATIONS, 1.0),
    )
    same = 0
    for number in range(120):
        plain, other = draw_diagram(number, recipe(), seed=3), draw_diagram(number, mixed, seed=3)
        if other.source == "drawn/grid" and "l=" not in other.truth:
            same += 1
            assert other.truth == plain.truth
            assert other.style.partition("/")[0] == plain.style
            assert other.image == plain.image or "/" in other.style
    assert same > 10


def marks_of(circuit: Circuit) -> list[tuple[str, str, str]]:
    """Kind, voltage and current of the parts that can be marked."""
    return [(part.kind, part.voltage, part.current) for part in circuit.scene.segments if part.kind in "RLC"]


@pytest.mark.parametrize("level", range(5))
def test_as_many_parts_carry_marks_as_asked(level: int) -> None:
    plain, all_marked = full_recipe(level), full_recipe(level, marks=1.0)
    for before, after in zip(circuits(plain, 40), circuits(all_marked, 40), strict=True):
        assert not any(current for _, _, current in marks_of(before))
        assert all(voltage and current == "io" for _, voltage, current in marks_of(after))
        assert before.scene.size == after.scene.size
        assert before.group == after.group, "marks change nothing else"
        named = [part.voltage for part in before.scene.segments if part.voltage not in ("", "vo")]
        assert [part.voltage for part in after.scene.segments if part.voltage not in ("", "vo")] == named
        for part in parse_netlist(after.truth).parts:
            assert ("i=io" in part.hints) == (part.kind in "RLC")
    some = [marks for circuit in circuits(full_recipe(level, marks=0.5), 60) for marks in marks_of(circuit)]
    assert 0.4 < sum(current == "io" for _, _, current in some) / len(some) < 0.6
    assert 0.4 < sum(voltage != "" for _, voltage, _ in some) / len(some) < 0.75


def test_marks_lie_either_way_round() -> None:
    ways = Counter(
        part.hints[0]
        for circuit in circuits(full_recipe(0, 1, marks=1.0), 60)
        for part in parse_netlist(circuit.truth).parts
        if part.kind in "RLC"
    )
    assert set(ways) == {"right", "left", "up", "down"}
    assert min(ways.values()) > 0.15 * sum(ways.values())


def test_the_style_names_what_befell_the_picture() -> None:
    wanted = recipe({0: 1.0, 3: 1.0, 5: 1.0}, degradations=dict.fromkeys(DEGRADATIONS, 1.0))
    diagrams = [draw_diagram(number, wanted, seed=2) for number in range(60)]
    assert {diagram.style.partition("/")[2] or "clean" for diagram in diagrams} == set(DEGRADATIONS)
    for diagram in diagrams:
        assert Image.open(io.BytesIO(diagram.image)).size[0] % 28 == 0 or diagram.level == 5
    tally = Tally()
    assert len(list(tally.watch(diagrams))) == 60
    metrics = tally.metrics()
    for table in ("by_level", "by_style", "by_degradation", "by_shape", "by_parts"):
        assert sum(metrics[table].values()) == 60, table
    assert set(metrics["by_style"]) <= {"american", "european", "textbook"}
    assert sum(metrics["distinct_topologies_by_level"].values()) == metrics["distinct_topologies"]
    assert "parts_unknown" not in metrics["by_parts"]


def test_the_truth_says_whether_node_numbers_are_printed() -> None:
    wanted = recipe({1: 1.0})
    seen = set()
    for seed in range(60):
        rng = random.Random(seed)
        circuit = sample_circuit(wanted, rng)
        look = sample_look(wanted, rng)
        numbered = told(circuit, look).endswith("\n; label_nodes=all\n")
        assert numbered == (look.style.nodes == "numbers")
        assert isinstance(parse_netlist(told(circuit, look)), Netlist)
        seen.add(numbered)
    assert seen == {True, False}


def test_diagrams_of_all_levels_are_the_same_whatever_the_workers() -> None:
    wanted = dataclasses.replace(full_recipe(0, 1, 2, 3, 4, 5), degradations=dict.fromkeys(DEGRADATIONS, 1.0))
    assert list(draw_diagrams(70, wanted, 4, workers=1)) == list(draw_diagrams(70, wanted, 4, workers=2))


def test_a_recipe_is_made_of_the_model_or_of_a_mapping() -> None:
    model = load_params(DEFAULT_PARAMS).domains.circuits
    assert CircuitRecipe.of(model) == CircuitRecipe.of(model.model_dump())
    assert CircuitRecipe.of(DOMAIN).levels[0] == LevelSizes(1.0, (3, 7), (2, 3))


@pytest.mark.parametrize(
    ("level", "parts", "grid"), [(2, (9, 9), (2, 2)), (3, (24, 24), (4, 4)), (4, (2, 2), (3, 4)), (4, (4, 6), (2, 2))]
)
def test_sizes_without_room_name_the_keys_that_would_make_some(
    level: int, parts: tuple[int, int], grid: tuple[int, int]
) -> None:
    narrow = dataclasses.replace(recipe(), levels={level: LevelSizes(1.0, parts, grid)})
    with pytest.raises(LayoutError, match=rf"levels\.level_{level}\.(parts|grid)"):
        sample_circuit(narrow, random.Random(0))
