"""lcapy and numbers confirm the solver, a disagreement stops everything with both answers, and what lcapy cannot do is counted."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from diagramlens.domains.circuits.netlist import Netlist, format_netlist, merge_wires, parse_netlist
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.solve import formula, operating_point, symbols_of
from diagramlens.records import Question
from diagramlens.teachers.cross_check import CrossCheckError, compare, compare_numerically, cross_check, is_chosen
from diagramlens.teachers.lcapy_process import solve_with_lcapy
from tests.circuits.recipes import DOMAIN

CIRCUITS = {
    "divider": "V1 1 0 5\nR1 1 2 1k\nR2 2 0 2k",
    "low pass": "V1 1 0 5\nR1 1 2 1k\nC1 2 0 1u",
    "series resonance": "V1 1 0 5\nR1 1 2 1k\nL1 2 3 1m\nC1 3 0 1u\nR2 3 0 3k",
    "current source": "I1 1 0 2m\nR1 1 2 1k\nC1 2 0 1u\nR2 2 0 5k",
    "current into a coil": "I1 0 1 2m\nL1 1 2 1m\nR1 2 0 1k\nC1 1 0 1u",
    "two sources": "V1 1 0 5\nR1 1 2 1k\nI1 2 0 3m\nR2 2 3 2k\nV2 0 3 4",
    "bridge": "V1 1 0 5\nR1 1 2 1k\nR2 2 0 2k\nR3 1 3 3k\nR4 3 0 4k\nR5 2 3 5k",
    "wien": "V1 1 0 5\nR1 1 2 1k\nC1 2 3 1u\nR2 3 0 1k\nC2 3 0 1u",
    "ladder": "V1 1 0 5\nR1 1 2 1k\nC1 2 0 1u\nR2 2 3 2k\nC2 3 0 1u\nR3 3 0 9k",
    "where lcapy's search for a ladder never ends": "V1 2 4 5\nR1 1 2 1k\nR5 1 3 2k\nR4 3 4 1k\nR6 3 5 3k\nR3 4 0 1k\nR2 5 0 4k",
    "no ground": "V1 1 4 5\nR1 1 2 1k\nL1 2 3 1m\nR2 3 4 1k",
    "controlled": "V1 1 0 5\nR1 1 2 1k\nG1 3 0 2 0 1m\nR2 2 0 1k\nR3 3 0 2k\nE1 4 0 3 0 2\nR4 4 0 1k",
}


AMPLIFIERS = {
    "inverting amplifier": "V1 1 0 5\nR1 1 2 1k\nR2 2 3 2k\nE1 3 0 opamp 0 2\nR3 3 0 1k",
    "amplifier of finite gain": "V1 1 0 5\nR1 1 2 1k\nR2 2 3 2k\nE1 3 0 opamp 0 2 A\nR3 3 0 1k",
    "current mirror": "V1 1 0 5\nR1 1 2 1k\nV2 2 0 0\nF1 3 0 V2 2\nR3 3 0 1k",
    "transresistance": "V1 1 0 5\nR1 1 2 1k\nV2 2 0 0\nH1 3 0 V2 2k\nR3 3 0 1k",
    "ruled by the source": "V1 1 0 5\nR1 1 2 1k\nR2 2 0 1k\nF1 0 3 V1 2\nR3 3 0 1k",
}


def question(name: str, truth: str, kind: str, across: str | None = None) -> Question:
    """A question about the last part of a circuit, or another, with the solver's gold."""
    netlist = parse_netlist(truth)
    across = across or netlist.parts[-1].name
    gold: dict[str, object] = {"across": across, "plus": 0, "netlist": truth}
    nodes = netlist.part(across).nodes
    if kind in ("voltage", "current", "power"):
        point = operating_point(netlist)
        value = {
            "voltage": point.across(netlist.part(across)),
            "current": point.currents[across],
            "power": point.power(netlist.part(across)),
        }[kind]
        gold["value"] = f"{value.numerator}/{value.denominator}"
    else:
        solved = formula(netlist, netlist.parts[0].name, nodes[0], nodes[1])
        limit = {"dc_gain": solved.at_zero, "hf_gain": solved.at_infinity}.get(kind, lambda: solved)().rational()
        gold |= {"numerator": limit.numerator, "denominator": limit.denominator, "names": symbols_of(netlist)}
        gold |= {"source": netlist.parts[0].name, "positive": nodes[0], "negative": nodes[1]}
    return Question(f"{name}-{kind}", name, "g", 1, kind, "?", "!", json.dumps(gold), "solver", 1.0)


def questions(circuits: dict[str, str], *kinds: str) -> list[Question]:
    return [question(name, truth, kind) for name, truth in circuits.items() for kind in kinds]


def test_lcapy_and_numbers_agree_on_transfer_functions_voltages_and_currents_of_small_circuits():
    asked = questions(CIRCUITS, "transfer", "voltage", "current")
    checked = list(cross_check(asked, workers=2))
    assert [check.question_id for check in checked] == [question.id for question in asked]
    assert {check.verdict for check in checked} == {"agree"}


def test_lcapy_and_numbers_agree_on_opamps_and_on_sources_that_currents_rule():
    checked = list(cross_check(questions(AMPLIFIERS, "transfer"), workers=1))
    assert {check.verdict for check in checked} == {"agree"}


AWKWARD = {
    "discrete-time variables": "V1 1 0\nR1 1 2 k\nR2 2 3 n\nC1 3 0 z",
    "imaginary units and pi": "V1 1 0\nR1 1 2 I\nL1 2 3 j\nC1 3 0 pi",
    "functions and infinity": "V1 1 0\nR1 1 2 E\nR2 2 3 oo\nL1 3 4 u\nC1 4 0 t",
    "words of Python": "V1 1 0\nR1 1 2 lambda\nR2 2 3 is\nC1 3 0 None",
    "names of lcapy's own": "V1 1 0\nR1 1 2 x2\nR2 2 3 x1\nC1 3 0 x2",
    "nets of KiCad": "V1 /in GND\nR1 /in Net-(C1-Pad1)\nC1 Net-(C1-Pad1) gnd\nR2 Net-(C1-Pad1) +15V\nR3 +15V 0",
    "small and capital letters": "V1 in 0\nR1 in IN\nr1 IN In\nC1 In 0",
    "parts": "Vz 1 0\nRk 1 2\nRn 2 3\nC_z 3 0\nLI 3 0",
    "ideal op-amp": "V1 in gnd k\nR1 in m n\nR2 m out j\nE1 out 0 opamp 0 m",
    "op-amp of finite gain": "V1 in gnd k\nR1 in m n\nR2 m out j\nE1 out 0 opamp 0 m z\nR3 out 0",
    "ruled by a current": "Vk 1 0\nR1 1 2 n\nVz 2 0 0\nF1 3 0 Vz k\nR3 3 0 z",
}


def test_names_that_mean_something_to_lcapy_reach_it_under_others():
    checked = list(cross_check(questions(AWKWARD, "transfer"), workers=1))
    assert {check.question_id: check.verdict for check in checked} == {f"{name}-transfer": "agree" for name in AWKWARD}


def test_numbers_are_asked_of_lcapy_under_other_names_too():
    bridge = "V1 /a GND 5\nRk /a GND 1k\nRn /a Net-(x) 2k\nRz Net-(x) 0 3k"
    checked = list(cross_check([question("nets", bridge, kind) for kind in ("voltage", "current")], workers=1))
    assert [check.verdict for check in checked] == ["agree", "agree"]


def test_a_wrong_gold_is_still_found_where_names_are_awkward():
    right = question("awkward", AWKWARD["discrete-time variables"], "transfer")
    answer, _ = solve_with_lcapy("transfer", json.loads(right.gold))
    assert answer is not None and compare(right, answer) == "agree"
    wrong = replace(right, gold=json.dumps(json.loads(right.gold) | {"numerator": "k"}))
    with pytest.raises(CrossCheckError, match="disagree about the transfer"):
        compare(wrong, answer)


def awkward(netlist: Netlist) -> str:
    """A circuit with parts, values and nodes called as lcapy calls things of its own."""
    symbols = iter(["k", "n", "z", "I", "j", "E", "S", "N", "O", "Q", "t", "u", "x1", "x2", "pi", "oo", "beta", "re"])
    nets = iter(["/in", "+15V", "Net-(R1-Pad2)", "out", "OUT", "j", "I", "k", "n", "z"])
    nodes = {node: node if node == "0" else next(nets) for node in merge_wires(netlist).nodes}
    parts = (
        replace(part, value=next(symbols) if part.kind in "RLC" else None, nodes=tuple(nodes[n] for n in part.nodes))
        for part in merge_wires(netlist).parts
    )
    return format_netlist(Netlist(tuple(parts)), hints=False)


def test_drawn_circuits_agree_with_lcapy_whatever_their_parts_and_nodes_are_called():
    recipe = CircuitRecipe.of(DOMAIN)
    drawn = [sample_circuit(recipe, random.Random(seed)) for seed in range(40)]
    small = [parse_netlist(c.truth) for c in drawn if isinstance(c, Circuit) and c.level < 2]
    small = [n for n in small if sum(p.kind not in "WP" for p in n.parts) < 6 and n.parts[0].kind != "W"]
    asked = []
    for number, netlist in enumerate(small[:6]):
        sources = [part.name for part in netlist.parts if part.kind in "VI"]
        others = [part.name for part in netlist.parts if part.kind in "RLC"]
        parts = sorted(netlist.parts, key=lambda part: (part.name != sources[0], part.name == others[-1]))
        asked.append(question(f"drawn {number}", awkward(Netlist(tuple(parts))), "transfer"))
    assert [check.verdict for check in cross_check(asked, workers=1)] == ["agree"] * 6


def test_what_a_source_of_zero_volts_shorts_carries_nothing():
    """lcapy itself says R1 || L1 || L2."""
    shorted = "I1 0 1\nL1 1 2\nL2 0 2\nV1 1 2\nR1 1 0"
    (checked,) = cross_check([question("shorted", shorted, "transfer")], workers=1)
    assert checked.verdict == "agree"


def test_powers_and_limits_are_checked_by_numbers_alone():
    filters = {name: CIRCUITS[name] for name in ("low pass", "wien", "ladder", "bridge")}
    checked = list(cross_check(questions(filters, "power", "dc_gain", "hf_gain"), workers=1))
    assert {check.verdict for check in checked} == {"agree: numeric alone, lcapy not asked"}


def test_large_circuits_are_not_given_to_lcapy():
    ladder = "\n".join(f"R{i} {i} {i + 1}\nC{i} {i + 1} 0" for i in range(1, 6))
    (checked,) = cross_check([question("ladder", f"V1 1 0\n{ladder}", "transfer")], workers=1)
    assert checked.verdict == "agree: numeric alone, lcapy not asked about more than 9 parts"


def test_one_disagreement_is_an_error_that_shows_circuit_and_both_answers():
    right = question("low pass", "V1 1 0\nR1 1 2\nC1 2 0", "transfer")
    gold = json.loads(right.gold)
    wrong = replace(right, gold=json.dumps(gold | {"numerator": "R1"}))
    with pytest.raises(CrossCheckError) as by_numbers:
        list(cross_check([wrong], workers=1))
    with pytest.raises(CrossCheckError) as by_lcapy:
        compare(wrong, "1/(C1*R1*s+1)")
    for message in (str(by_numbers.value), str(by_lcapy.value)):
        assert "V1 1 0; R1 1 2; C1 2 0" in message
        assert f"solver (R1)/({gold['denominator']}), " in message
        assert "\n" not in message
    assert str(by_lcapy.value).endswith("lcapy 1/(C1*R1*s+1)")


@pytest.mark.parametrize("kind", ["voltage", "current", "power", "dc_gain", "hf_gain", "impedance"])
def test_numbers_find_a_wrong_gold_of_every_kind(kind: str):
    right = question("ladder", "I1 0 1 5m\nR0 1 0 1k\nR1 1 2 1k\nC1 2 1 1u\nR2 2 3 2k\nR3 3 0 9k", kind)
    assert compare_numerically(right) == "agree"
    gold = json.loads(right.gold)
    key = "value" if "value" in gold else "numerator"
    wrong = replace(right, gold=json.dumps(gold | {key: f"-{gold[key]}".replace("--", "")}))
    with pytest.raises(CrossCheckError, match=f"disagree about the {kind}"):
        compare_numerically(wrong)


def test_where_lcapy_takes_too_long_numbers_decide():
    checked = list(cross_check([question("divider", CIRCUITS["divider"], "transfer")], workers=1, seconds=0.0))
    assert [check.verdict for check in checked] == ["agree: numeric alone, lcapy took too long"]


def test_what_neither_can_solve_is_undecided_with_both_reasons():
    asked = question("divider", CIRCUITS["divider"], "voltage")
    # Two voltage sources in parallel: no circuit that the solver would answer for, and one that lcapy calls singular.
    singular = replace(
        asked, gold=json.dumps(json.loads(asked.gold) | {"netlist": "V1 1 0 5\nV2 1 0 3\nR1 1 2 1k\nR2 2 0 1k"})
    )
    (checked,) = cross_check([singular], workers=1)
    assert checked.verdict.startswith("undecided: lcapy raised ")
    assert checked.verdict.endswith(", numeric singular")


def test_an_answer_that_cannot_be_read_decides_nothing():
    assert compare(question("low pass", CIRCUITS["low pass"], "transfer"), "1/sqrt(C1*s)") == "answer not readable"


def test_the_sample_is_a_share_of_the_diagrams_whatever_their_order():
    chosen = [number for number in range(5000) if is_chosen(f"d{number}", 0.1, seed=2)]
    assert 400 < len(chosen) < 600
    assert not any(is_chosen(f"d{number}", 0.0, seed=2) for number in range(100))
    assert all(is_chosen(f"d{number}", 1.0, seed=2) for number in range(100))
    assert all(is_chosen(f"d{number}", 0.2, seed=2) for number in chosen)
