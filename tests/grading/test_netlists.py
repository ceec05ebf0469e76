"""Comparing netlists: what is the same circuit, and how far off a wrong one is."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import NetlistError
from diagramlens.grading import compare_netlists

TRACED = "V1 e a\nR1 a b\nW b c\nC1 c g\nW e f\nW f g\nW f 0"
# By hand: - of V1 and R1 meet; R1 and C1 meet; + of V1, C1 and the ground meet. 1 + 1 + 3 pairs.
PAIRS = 5


@pytest.mark.parametrize(
    "predicted",
    [
        TRACED,
        "V1 0 1\nR1 1 2\nC1 2 0",
        "C1 0 out\nR1 out in\nV1 0 in",
        "```spice\nV1 0 1 10\nR1 1 2 2k\nC1 2 0 100n\n.end\n```",
        "Here is the netlist:\n\n- V1 0 1\n- R1 1 2\n- C1 2 0\n\nI hope it helps.",
        "V1 0 1\nR1 1 2\nC1 2 3\nW 3 0",
    ],
)
def test_the_same_circuit_is_exact_whatever_its_nodes_order_and_surroundings(predicted):
    score = compare_netlists(TRACED, predicted)
    assert (score.exact, score.terminal_f1) == (True, 1.0), score.reason


@pytest.mark.parametrize(
    ("predicted", "reason", "f1"),
    [
        ("V1 1 0\nR1 1 2\nC1 2 0", "V1 is the wrong way round", 2 * 2 / (5 + 5)),
        ("V1 0 1\nR1 1 2\nC1 1 0", "C1 joins the - end of V1 in the prediction but not in the gold", 2 * 5 / (5 + 6)),
        ("V1 0 1\nR1 1 2\nC1 2 3", "C1 joins the + end of V1 in the gold but not in the prediction", 2 * 3 / (5 + 3)),
        ("V1 0 1\nR1 1 2", "C1 is missing", 2 * 2 / (5 + 2)),
        ("V1 0 1\nR1 1 2\nC1 2 0\nR9 2 0", "R9 is not in the gold", 2 * 5 / (5 + 10)),
        ("V1 3 1\nR1 1 2\nC1 2 3", "no ground", 2 * 3 / (5 + 3)),
        ("V1 0 1\nR1 1 2\nC1 2", "C1 has 1 node", 2 * 2 / (5 + 2)),
        ("V1 0 1\nR1 1 2\nZ1 2 0\nC1 2 0", "unknown part letter 'Z'", 1.0),
        ("V1 0 1\nR1 1 2\nC1 2 0\nC1 1 0", "duplicate name 'C1'", 1.0),
        ("", "no part", 0.0),
        ("I cannot read this picture.", "no part", 0.0),
        ("x" * 1_000_000, "characters", 0.0),
        ("W a b\n" * 3_000, "too large", 0.0),
        ("R1 a b\n" * 2_500, "duplicate name", 0.0),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_netlist_names_its_first_difference_and_keeps_partial_credit(predicted, reason, f1):
    score = compare_netlists(TRACED, predicted)
    assert not score.exact
    assert reason in score.reason
    assert score.terminal_f1 == pytest.approx(f1)


@pytest.mark.parametrize(
    "predicted",
    [
        "V1 0 1 SINE(0 1 1k)\nR1 1 2 2k2\nC1 2 0 10\u00b5F\n.tran 1m\n.end",
        "V1 GND /in DC 0 AC 1\nR1 /in Net-(C1-Pad1) {R}\nC1 Net-(C1-Pad1) GND 100n IC=0",
        "* RC low pass\nV1 0 +15V PULSE(0 5 0 1n 1n 1u 2u) Rser=50\n* R1 9 9 old\nR1 +15V out 1 k\u03a9 ; load\nC1 out 0 1 uF # cap",
        "V1\t0\t1\t5 V\nR1\t1\t2\t2,2k\nC1\t2\t0\t10uF/16V",
        "V1 0 1 10*cos(2*pi*t)\nR1 1 2 1k $ comment\nC1 2 0 C // cap",
        "V1 0 1 10V 50Hz\nR1 1 2 1M\u03a9 1/4W\nC1 2 0 5%",
        "V1 0 1\n+ AC 1 0\nR1 1 2\nC1 2 0\n\nR1 = 1k\nC1: 2u",
        "Low pass filter\nV1 0 1 5\u222030\u00b0\nR1 1 2 1k (load resistor)\nC1 2 0 100nF - cap\n.backanno\n.end\nR1 is a resistor",
        'V1 0 "in" 5\nR1 "in" `out` 1k\nC1 `out` 0',
        "V1 (0 1) 5\nR1 (1, 2) 1k\nC1 (2, 0) 1u",
        "V1 0 $V_{in}$ 5\nR1 $V_{in}$ $V_{out}$ 1k\nC1 $V_{out}$ 0",
        "* V1 0 1\n* R1 1 2\n* C1 2 0",
        "V1 0 1 DC 5 V AC 1 V\nR1 1 2 2.2 k\u03a9\nC1 2 0 10 nF",
        "V1 0 IN sin(wt)\nR1 IN 2 tol=1%\nC1 2 0 V=6.3 Rser=0.1",
        "V1 0 1 5\nR1 1 2 1k 5% 1/4W\nC1 2 0 1u 50V",
    ],
)
def test_values_remarks_waveforms_and_names_of_nodes_decide_nothing_however_they_are_written(predicted):
    score = compare_netlists(TRACED, predicted)
    assert (score.exact, score.terminal_f1) == (True, 1.0), score.reason


@pytest.mark.parametrize(
    ("predicted", "reason"),
    [
        ("V1 1 0 SINE(0 1 1k)\nR1 1 2 2k2\nC1 2 0", "V1 is the wrong way round"),
        ("V1 0 1 5\nR1 1 2 3 1k\nC1 2 0", "R1 takes 2 nodes and one value, found also '3 1k'"),
        ("V1 0 1 5\nR1 1 2 f 2k\nC1 2 0", "R1 takes 2 nodes and one value, found also 'f 2k'"),
        ("V1 0 1 2 3\nR1 1 2 1k\nC1 2 0", "V1 takes 2 nodes and one value, found also '2 3'"),
        ("V1 0 /in 5\nR1 /in /out 2k2\nC1 /in GND 1n", "C1 joins the - end of V1"),
        ("V1 0 1 5\nL1 1 2 2k2\nC1 2 0 1n", "R1 is missing"),
        ("V1 0 1 5\nR1 1 2 2k2\nC1 2 0 1n\nR2 2 0 4k7", "R2 is not in the gold"),
        ("V1 0 1 5\nR1 1 2 2k2\n.end\nC1 2 0 1n", "C1 is missing"),
        ("V1 0 1 5\nR1 = 2k2\nC1 2 0 1n", "R1 is missing"),
        ("V1 0 1 5\nR1 1 2 2k2\nC1 2 # 0", "'#' is no node name"),
    ],
)
def test_a_wrong_circuit_stays_wrong_whatever_stands_behind_its_nodes(predicted, reason):
    score = compare_netlists(TRACED, predicted)
    assert not score.exact and score.terminal_f1 < 1.0
    assert reason in score.reason


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        (
            "V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2",
            "V1 /a GND 5\nR1 /a /b 1k\nR2 /b /c 2k2\nE1 /c GND opamp\n+ GND /b 1e6 ; ideal",
            "V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 2 0 1e6",
        ),
        (
            "VDD 3 0\nV1 1 0\nM1 2 1 0 nmos\nR1 3 2",
            "VDD 3 0 5; up, supply\nV1 1 0 SINE(0 1m 1k)\nM1 2 1 0 0 NMOS W=1u L=2u\nR1 3 2 4k7",
            "VDD 3 0 5\nV1 1 0\nM1 2 1 0 pmos W=1u\nR1 3 2 4k7",
        ),
        (
            "V1 1 0\nV2 4 0\nQ1 3 1 2 npn\nR1 4 3\nR2 2 0",
            "V1 1 0\nV2 4 0 12\nQ1 3 1 2 2N2222\nR1 4 3 1k\nR2 2 0 100\n.model 2N2222 NPN(Bf=100)",
            "V1 1 0\nV2 4 0 12\nQ1 3 1 2 2N2907\nR1 4 3 1k\nR2 2 0 100\n.model 2N2907 PNP(Bf=100)",
        ),
        (
            "V1 1 0\nR1 1 2\nF1 2 0 V1 2\nR2 2 0",
            "V1 +5V 0 5\nR1 +5V x 2k2\nF1 x 0 V1 gain=2\nR2 x 0 1k",
            "V1 1 0\nR1 1 2\nF1 0 2 V1 2k2\nR2 2 0",
        ),
    ],
)
def test_opamps_transistors_and_ruled_sources_are_compared_by_their_nodes_alone(gold, right, wrong):
    assert compare_netlists(gold, right).exact
    assert not compare_netlists(gold, wrong).exact


def test_a_gold_may_be_another_programs_netlist():
    gold = "Low pass\nV1 /in GND SINE(0 1 1k) AC 1\nR1 /in /out 2k2\nC1 /out GND 100n IC=0\n.backanno\n.end"
    assert compare_netlists(gold, "V1 a 0\nR1 a b\nC1 b 0").exact
    assert not compare_netlists(gold, "V1 0 a\nR1 a b\nC1 b 0").exact


def test_two_nodes_exchanged_across_a_bridge_are_a_difference():
    gold = "V1 1 0\nR1 1 2\nR2 1 3\nR3 2 0\nR4 3 0\nR5 2 3"
    swapped = "V1 1 0\nR1 1 2\nR2 1 3\nR3 3 0\nR4 2 0\nR5 2 3"
    score = compare_netlists(gold, swapped)
    assert not score.exact
    assert "R4 joins R1 in the prediction" in score.reason or "R1 joins R4 in the prediction" in score.reason


def test_a_current_source_is_polarised_and_its_way_round_counts():
    assert compare_netlists("I1 0 1\nR1 1 0", "I1 0 1\nR1 0 1").exact
    assert not compare_netlists("I1 0 1\nR1 1 0", "I1 1 0\nR1 1 0").exact


def test_a_source_alone_across_a_resistor_has_no_way_round_without_a_ground():
    assert compare_netlists("V1 a b\nR1 a b", "V1 b a\nR1 a b").exact


def test_a_ground_that_the_gold_does_not_have_is_a_free_node_name():
    assert compare_netlists("V1 a b\nR1 a c\nC1 c b", "V1 1 0\nR1 1 2\nC1 2 0").exact


def test_a_short_circuited_part_is_told_from_an_open_one():
    score = compare_netlists("V1 1 0\nR1 1 2\nR2 2 0", "V1 1 0\nR1 1 1\nR2 1 0")
    assert not score.exact
    assert 0 < score.terminal_f1 < 1


def test_a_gold_that_is_no_netlist_is_an_error():
    with pytest.raises(NetlistError):
        compare_netlists("R1 1", TRACED)


@st.composite
def circuits(draw):
    parts = draw(st.integers(2, 7))
    return [
        (draw(st.sampled_from("RLCVI")) + str(number), draw(st.integers(0, 4)), draw(st.integers(0, 4)))
        for number in range(1, parts + 1)
    ]


def as_text(parts) -> str:
    return "\n".join(f"{name} {first} {second}" for name, first, second in parts)


@settings(max_examples=150, deadline=None)
@given(circuits(), st.randoms(use_true_random=False), st.permutations(range(1, 5)))
def test_renaming_nodes_reordering_lines_and_turning_resistors_changes_nothing(parts, random, renamed):
    names = {0: "0", **{number: f"n{new}" for number, new in zip(range(1, 5), renamed, strict=True)}}
    other = [
        (name, names[b], names[a]) if name[0] in "RLC" and random.random() < 0.5 else (name, names[a], names[b])
        for name, a, b in parts
    ]
    random.shuffle(other)
    score = compare_netlists(as_text(parts), as_text(other))
    assert (score.exact, score.terminal_f1) == (True, 1.0), score.reason


@settings(max_examples=150, deadline=None)
@given(circuits(), st.data())
def test_moving_one_end_to_a_fresh_node_is_noticed_where_it_was_joined(parts, choices):
    place = choices.draw(st.integers(0, len(parts) - 1))
    name, first, second = parts[place]
    others = [node for part in parts[:place] + parts[place + 1 :] for node in part[1:]]
    moved = [*parts[:place], (name, "fresh", second), *parts[place + 1 :]]
    score = compare_netlists(as_text(parts), as_text(moved))
    joined = first in (second, 0, *others)
    assert score.exact is not joined
    assert (score.terminal_f1 < 1.0) is joined


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="RCVIW012ab \n;.`*-", max_size=80))
def test_any_text_gets_a_score(text):
    score = compare_netlists(TRACED, text)
    assert 0.0 <= score.terminal_f1 <= 1.0
    assert score.reason
