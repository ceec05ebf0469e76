"""Netlists are read and written without loss, their faults are named, and topologies are told apart exactly."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import (
    NODE_COUNTS,
    Netlist,
    NetlistError,
    Part,
    format_netlist,
    is_ideal,
    is_supply,
    merge_wires,
    parse_netlist,
    value_of,
    without_numbers,
)
from diagramlens.domains.circuits.topology import topology_group

DRAWN = """\
V1 e a 10; up
R1 a b 2k; right
W b c; right
C1 c g 100n; down, v=vo
W e f; right
W f g; right
W f 0; down, ground"""


def test_a_drawn_truth_is_written_back_as_it_was_read():
    assert format_netlist(parse_netlist(DRAWN)) == DRAWN


def test_hints_and_values_of_a_part_are_kept():
    part = parse_netlist(DRAWN).part("C1")
    assert part == Part("C1", "C", ("c", "g"), "100n", ("down", "v=vo"))


def test_comments_blank_lines_analyses_and_what_follows_end_are_passed_over():
    text = "* a divider\n# by hand\n\nV1 1 0 DC 5 AC 1 0\nR1 1 2 {R1}\n.tran 1m 10m\nR2 2 0\n.end\nR3 2 0"
    parts = parse_netlist(text).parts
    assert [(part.name, part.value) for part in parts] == [("V1", "5"), ("R1", "R1"), ("R2", None)]


def test_a_benchmark_netlist_with_step_source_and_controlled_source_is_read():
    netlist = parse_netlist("C1 2 1 C1\nG1 1 4 2 0 y_1\nV1 2 0 step\nR1 2 0 R1\nR2 2 4 R2")
    assert netlist.part("G1").nodes == ("1", "4", "2", "0")
    assert netlist.part("G1").value == "y_1"
    assert netlist.part("V1").value is None


def test_current_controlled_sources_name_their_controlling_source():
    netlist = parse_netlist("V1 1 0 5\nR1 1 0 1k\nF1 0 2 V1 10\nH1 3 0 V1 50\nR2 2 3 1k")
    assert (netlist.part("F1").control, netlist.part("F1").value) == ("V1", "10")
    assert format_netlist(netlist).splitlines()[3] == "H1 3 0 V1 50"


def test_lcapys_current_sources_are_turned_round_on_reading_but_for_those_that_a_current_rules():
    netlist = parse_netlist("I1 1 0 3m\nG1 1 2 3 0 g\nV1 3 0 1\nF1 1 0 V1 2", convention="lcapy")
    assert [part.nodes for part in netlist.parts] == [("0", "1"), ("2", "1", "3", "0"), ("3", "0"), ("1", "0")]


AMPLIFIER = """\
VDD c 0 10; up, supply
M1 d g s nmos
Q1 c b e pnp; right
E1 c d a b 5; right
R2 a b 2k; down, v=v1
E2 g 0 opamp b f; l=E2
E3 g 0 opamp b f A
P1 a 0; down, port
R3 a b 2.2k; right, l=R3 2.2 kΩ
; draw_nodes=connections, label_nodes=all"""


def test_opamps_transistors_supplies_ports_and_options_are_written_back_as_they_were_read():
    netlist = parse_netlist(AMPLIFIER)
    assert format_netlist(netlist) == AMPLIFIER
    assert netlist.options == ("draw_nodes=connections", "label_nodes=all")
    assert netlist.part("M1") == Part("M1", "M", ("d", "g", "s"), None, (), None, "nmos")
    assert netlist.part("E2") == Part("E2", "E", ("g", "0", "b", "f"), None, ("l=E2",), None, "opamp")
    assert [part.name for part in netlist.parts if is_ideal(part)] == ["E2"]
    assert [part.name for part in netlist.parts if is_supply(part)] == ["VDD"]


def test_a_bulk_at_the_source_at_ground_or_at_a_supply_is_dropped():
    text = "VDD 4 0 5\nW 4 5\nM1 1 2 3 3 nmos\nM2 1 2 3 0 nmos\nM3 1 2 3 5 PMOS"
    assert [part.nodes for part in parse_netlist(text).parts[2:]] == [("1", "2", "3")] * 3


def test_numbers_are_taken_out_and_an_opamp_of_finite_gain_stays_one():
    plain = without_numbers(parse_netlist("R1 1 0 1k\nR2 1 0 Rx\nE1 1 0 opamp 2 3 100k\nE2 1 0 opamp 2 3"))
    assert [part.value for part in plain.parts] == [None, "Rx", "E1", None]


def test_gnd_in_any_case_is_node_0():
    netlist = parse_netlist("V1 in gnd\nR1 in out\nC1 out GND\nE1 a Gnd opamp out gnd\nM1 a in GND nmos\nW out gndx")
    assert [part.nodes for part in netlist.parts] == [
        ("in", "0"),
        ("in", "out"),
        ("out", "0"),
        ("a", "0", "out", "0"),
        ("a", "in", "0"),
        ("out", "gndx"),
    ]


def test_waveforms_of_sources_are_no_values():
    netlist = parse_netlist("V1 1 0 SIN(0 1 1k)\nV2 2 0 DC 5 PULSE(0 5 0 1n 1n 1u 2u)\nI1 1 2 ac 1")
    assert [part.value for part in netlist.parts] == [None, "5", None]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("R1 1 2 1k\nR2 2 0 1k\nR1 2 0 2k", "line 3: duplicate name 'R1', first used in line 1"),
        ("V1 1 0 5\nD1 1 2", "line 2: unknown part letter 'D'"),
        ("R1 1", "line 1: R1 has 1 nodes, a part of kind R takes 2"),
        ("G1 1 2 3", "line 1: G1 has 3 nodes, a part of kind G takes 4"),
        ("R1 1 0 4.7q", "line 1: R1: '4.7q' is no value"),
        ("R1 1 0 {2*R}", "line 1: R1: '{2*R}' is an expression, which is not read: write its number, or one name"),
        ("R1 1 0 {2 * R}", "line 1: R1: '{2 * R}' is an expression"),
        ("R1 1 0 s", "line 1: the value of R1 cannot be named 's'"),
        ("R1 1 0 1k 2k", "line 1: R1 takes 2 nodes and one value, found also '1k 2k'"),
        (".subckt amp 1 2", "line 1: directive '.subckt' is not supported"),
        ("F1 1 0 V9 2", "line 1: F1 is controlled by the current of 'V9'"),
        ("R1 1 2|3", "line 1: '2|3' is no node name"),
        ("R1! 1 2", "line 1: 'R1!' is no part name"),
        ("Q1 1 2 3", "line 1: Q1 does not say its type: Q1 collector base emitter npn or pnp"),
        ("M1 1 2 nmos", "line 1: M1 has 2 nodes, a part of kind M takes 3"),
        ("Q1 1 2 3 4 npn", "line 1: Q1 has 4 nodes, a part of kind Q takes 3"),
        ("R1 4 0\nM1 1 2 3 4 nmos", "line 2: the bulk of M1 is at node 4"),
        ("M1 1 2 3 nmos 7", "line 1: M1 takes nothing after nmos, found '7'"),
        ("E1 1 0 opamp 2", "line 1: E1 has 3 nodes, a part of kind E takes 4"),
        ("P1 1 0 50", "line 1: P1 takes 2 nodes and no value, found also '50'"),
    ],
)
def test_a_fault_is_named_with_its_line(text: str, message: str):
    with pytest.raises(NetlistError) as raised:
        parse_netlist(text)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_netlist_beyond_the_limit_is_refused_before_it_is_read():
    lines = [f"R{i} {i} {i + 1}" for i in range(30)]
    assert len(parse_netlist("\n".join(lines), limit=30).parts) == 30
    with pytest.raises(NetlistError, match="line 30: the netlist is too large: more than 29 parts"):
        parse_netlist("\n".join(lines), limit=29)
    with pytest.raises(NetlistError, match="too large: 1000000 characters"):
        parse_netlist("R" * 1_000_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2k", 2000),
        ("2.2kohm", 2200),
        ("100nF", Fraction(1, 10**7)),
        ("4.7u", Fraction(47, 10**7)),
        ("4.7\u00b5F", Fraction(47, 10**7)),
        ("1meg", 10**6),
        ("1M", Fraction(1, 1000)),
        ("-3mA", Fraction(-3, 1000)),
        (".5", Fraction(1, 2)),
        ("1e3", 1000),
        ("1.5E-2", Fraction(3, 200)),
        ("10V", 10),
        ("1f", Fraction(1, 10**15)),
        ("2T", 2 * 10**12),
    ],
)
def test_values_follow_spices_suffixes(text: str, value: Fraction | int):
    assert value_of(text) == value


@pytest.mark.parametrize("text", ["", "k", "1x", "1e100", "1k2", "0x10", "1_000", "9" * 31, "nan"])
def test_what_is_no_value_is_refused(text: str):
    with pytest.raises(NetlistError, match="is no value"):
        value_of(text)


def test_contracted_wires_keep_ground_and_otherwise_the_first_name():
    merged = merge_wires(parse_netlist(DRAWN))
    assert format_netlist(merged, hints=False) == "V1 0 a 10\nR1 a b 2k\nC1 b 0 100n"


# --- Topology ---------------------------------------------------------------------------------------------------------


@st.composite
def circuits(draw: st.DrawFn) -> Netlist:
    nodes = draw(st.integers(2, 7))
    ends = st.integers(0, nodes - 1)
    parts = draw(
        st.lists(st.tuples(st.sampled_from("RRRLCVIWEGFHOQM"), ends, ends, ends, ends), min_size=1, max_size=11)
    )
    first_source = next((f"V{i}" for i, part in enumerate(parts) if part[0] == "V"), None)
    read = []
    for index, (letter, *terminals) in enumerate(parts):
        kind = "R" if letter in "FH" and first_source is None else letter
        model = {"O": "opamp", "Q": "npn", "M": "pmos"}.get(kind)
        kind = "E" if kind == "O" else kind
        names = tuple(str(node) for node in terminals[: NODE_COUNTS[kind]])
        read.append(Part(f"{kind}{index}", kind, names, None, (), first_source if kind in "FH" else None, model))
    return Netlist(tuple(read))


@given(circuits(), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_the_group_does_not_depend_on_names_order_orientation_or_wires(netlist: Netlist, rng: random.Random):
    new_node = {node: f"n{i}" for i, node in enumerate(rng.sample(netlist.nodes, len(netlist.nodes)))}
    numbers = rng.sample(range(100), len(netlist.parts))
    new_name = {p.name: f"{p.kind}{number}" for p, number in zip(netlist.parts, numbers, strict=True)}
    parts = []
    for part in netlist.parts:
        nodes = tuple(new_node[node] for node in part.nodes)
        if rng.random() < 0.5 and part.model is None:
            nodes = (nodes[1], nodes[0], *nodes[2:])
        if rng.random() < 0.3:
            joint = f"{nodes[0]}x{new_name[part.name]}"
            parts.append(Part("W", "W", (joint, nodes[0]), None))
            nodes = (joint, *nodes[1:])
        control = new_name[part.control] if part.control else None
        parts.append(
            Part(new_name[part.name], part.kind, nodes, rng.choice([None, "1k"]), ("up",), control, part.model)
        )
        if rng.random() < 0.1:
            parts.append(Part(f"P{part.name}", "P", nodes[:2], None))
    rng.shuffle(parts)
    assert topology_group(Netlist(tuple(parts))) == topology_group(netlist)


def _coloured_multigraph(netlist: Netlist) -> nx.Graph:
    """The circuit for networkx: nodes, and between them a vertex per part, coloured by kind. Built without our canonical form."""
    graph = nx.Graph()
    for part in merge_wires(netlist).parts:
        graph.add_node(("part", part.name), colour=part.model or part.kind)
        for place, node in enumerate(part.nodes):
            graph.add_node(("node", node), colour="node")
            # Pins of one part at one node need vertices of their own: a part may return to its own node.
            pin = ("pin", part.name, place)
            graph.add_node(pin, colour=f"pin {place}" if part.model else "output" if place < 2 else "control")
            graph.add_edge(("part", part.name), pin)
            graph.add_edge(pin, ("node", node))
    for part in merge_wires(netlist).parts:
        if part.control is not None:
            pin = ("rules", part.name)
            graph.add_node(pin, colour="rules")
            graph.add_edge(("part", part.name), pin)
            graph.add_edge(pin, ("part", part.control))
    return graph


def _isomorphic(first: Netlist, second: Netlist) -> bool:
    graphs = _coloured_multigraph(first), _coloured_multigraph(second)
    return nx.is_isomorphic(*graphs, node_match=lambda a, b: a["colour"] == b["colour"])


@given(circuits(), circuits())
@settings(max_examples=80, deadline=None)
def test_two_random_circuits_share_a_group_exactly_when_networkx_finds_them_isomorphic(first: Netlist, second: Netlist):
    assert (topology_group(first) == topology_group(second)) == _isomorphic(first, second)


@given(circuits(), st.randoms(use_true_random=False))
@settings(max_examples=120, deadline=None)
def test_circuits_that_differ_in_one_end_share_a_group_exactly_when_isomorphic(netlist: Netlist, rng: random.Random):
    parts = list(netlist.parts)
    index = rng.randrange(len(parts))
    nodes = list(parts[index].nodes)
    nodes[rng.randrange(len(nodes))] = rng.choice(netlist.nodes)
    parts[index] = replace(parts[index], nodes=tuple(nodes))
    changed = Netlist(tuple(parts))
    assert (topology_group(netlist) == topology_group(changed)) == _isomorphic(netlist, changed)


def _resistors(edges: list[tuple[int, int]]) -> Netlist:
    return Netlist(tuple(Part(f"R{i}", "R", (str(a), str(b)), None) for i, (a, b) in enumerate(edges)))


def test_regular_graphs_that_colour_refinement_cannot_tell_apart_have_different_groups():
    hexagon = [(i, (i + 1) % 6) for i in range(6)]
    two_triangles = [(0, 1), (1, 2), (2, 0), (3, 4), (4, 5), (5, 3)]
    assert topology_group(_resistors(hexagon)) != topology_group(_resistors(two_triangles))


def test_very_symmetric_circuits_are_named_in_bounded_time():
    complete = list(itertools.combinations(range(16), 2))
    cube = [(a, a ^ (1 << bit)) for a in range(32) for bit in range(5) if a < a ^ (1 << bit)]
    parallel = [(0, 1)] * 150
    for edges in (complete, cube, parallel):
        mixed = [(37 - a, 37 - b) for a, b in reversed(edges)]
        assert topology_group(_resistors(edges)) == topology_group(_resistors(mixed))


def test_the_kind_of_a_part_is_part_of_the_topology_and_ground_is_not():
    assert topology_group(parse_netlist("V1 1 0\nR1 1 0")) != topology_group(parse_netlist("V1 1 0\nC1 1 0"))
    assert topology_group(parse_netlist("V1 1 0\nR1 1 0")) == topology_group(parse_netlist("V1 a b 5\nR1 a b 1k"))


def test_every_pin_of_an_opamp_and_of_a_transistor_is_part_of_the_topology():
    inverting, positive_feedback, controlled = (
        topology_group(parse_netlist(f"V1 1 0\nR1 1 2\nR2 2 3\n{line}"))
        for line in ("E1 3 0 opamp 0 2", "E1 3 0 opamp 2 0", "E1 3 0 0 2")
    )
    assert len({inverting, positive_feedback, controlled}) == 3
    kinds = {
        topology_group(parse_netlist(f"R1 1 2\n{line}")) for line in ("Q1 1 2 3 npn", "Q1 1 2 3 pnp", "Q1 1 3 2 npn")
    }
    assert len(kinds) == 3


def test_a_port_is_no_part_of_the_topology_and_a_supply_is_a_source():
    plain = topology_group(parse_netlist("V1 1 0\nR1 1 2\nC1 2 0"))
    assert topology_group(parse_netlist("VDD 1 0 5; up, supply\nR1 1 2\nC1 2 0\nP1 2 0; down, port")) == plain
