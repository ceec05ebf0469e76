"""An equation by way of the netlist: exact, strict in sign, and indifferent to what a netlist does not say."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.questions import ask
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import sample_circuit
from diagramlens.domains.circuits.solve import symbols_of, transfer_across
from diagramlens.evaluation.via_netlist import can_be_solved, same_transfer_via_netlist
from diagramlens.params import load_params
from diagramlens.records import Question

DIVIDER = "V1 1 0\nR1 1 2\nR2 2 0"


def gold_of(netlist: str, source: str, across: str, plus: int = 0) -> dict[str, Any]:
    circuit = parse_netlist(netlist)
    result = transfer_across(circuit, source, across, plus=plus)
    return {
        "numerator": result.numerator,
        "denominator": result.denominator,
        "names": symbols_of(circuit),
        "source": source,
        "across": across,
        "plus": plus,
        "netlist": netlist,
    }


GOLD = gold_of(DIVIDER, "V1", "R2")


@pytest.mark.parametrize(
    "netlist",
    [
        DIVIDER,
        "R2 x y\nR1 z x\nV1 z y",  # other names and order
        "V1 a e\nR1 a b\nR2 b f\nW e f\nW f 0",  # as traced from the drawing
        "V1 1 0 10\nR1 1 2 999k\nR2 2 0 R7",  # values made up
        "V1 1 0\nR1 2 1\nR2 0 2",  # the ends of resistors listed the other way round
        "V1 /in GND SINE(0 1 1k)\nR1 /in /out 2k2\nR2 /out GND 10 k ; load",  # written as other programs do
        "```\nV1 1 0\nR1 1 2\nR2 2 0\n```",  # in a fence
    ],
)
def test_a_right_reading_gives_the_equation(netlist: str) -> None:
    assert same_transfer_via_netlist(GOLD, netlist).correct


@pytest.mark.parametrize(
    ("netlist", "why"),
    [
        ("V1 0 1\nR1 1 2\nR2 2 0", "gives -R2"),  # the source the wrong way round
        ("V1 0 1\nR1 1 2\nR2 0 2", "gives -R2"),  # and a resistor with it: two wrongs make no right
        ("V1 1 0\nR1 1 2\nR2 1 0", "gives"),  # another connection
        ("V1 1 0\nR1 1 2\nR3 2 0", "no part 'R2'"),
        ("R1 1 2\nR2 2 0", "no independent source 'V1'"),
        ("V1 1 0\nR1 1 2\nR2 3 4", "cannot be solved"),
        ("", "cannot be solved"),
        ("I cannot see the picture.", "cannot be solved"),
        ("V1 1 0\nR1 1 2\nR2 2 0\n" + "\n".join(f"R{n} {n % 9} {n * 7 % 9}" for n in range(3, 60)), "lists 60 parts"),
        ("R" * 20_001, "cannot be solved"),
        ("open(R1)", "cannot be solved"),
    ],
)
def test_a_wrong_reading_is_wrong_and_says_why(netlist: str, why: str) -> None:
    verdict = same_transfer_via_netlist(GOLD, netlist)
    assert not verdict.correct
    assert why in verdict.reason
    assert len(verdict.reason) < 300
    assert "\n" not in verdict.reason


def test_the_positive_end_is_found_by_what_meets_there() -> None:
    flipped = gold_of(DIVIDER, "V1", "R2", plus=1)
    assert same_transfer_via_netlist(flipped, DIVIDER).correct
    assert same_transfer_via_netlist(flipped, "V1 1 0\nR1 1 2\nR2 0 2").correct
    assert not same_transfer_via_netlist(flipped, "V1 0 1\nR1 1 2\nR2 2 0").correct


def test_the_output_across_a_source_keeps_the_order_of_its_nodes() -> None:
    gold = gold_of("V1 1 0\nR1 1 2\nI1 2 0\nR2 2 0", "V1", "I1")
    assert same_transfer_via_netlist(gold, "V1 1 0\nR1 1 2\nI1 2 0\nR2 2 0").correct
    assert not same_transfer_via_netlist(gold, "V1 1 0\nR1 1 2\nI1 0 2\nR2 2 0").correct


@given(st.randoms(use_true_random=False))
def test_an_exactly_right_netlist_is_right_whatever_it_calls_its_nodes(random: Any) -> None:
    truth = "V1 1 0\nR1 1 2\nC1 2 0\nR2 2 3\nL1 3 0\nR3 3 0"
    gold = gold_of(truth, "V1", random.choice(["R1", "R2", "R3", "C1", "L1"]), random.randrange(2))
    nodes = dict(zip("0123", random.sample("abcdefgh", 4), strict=True))
    lines = []
    for line in truth.splitlines():
        name, *ends = line.split()
        ends = [nodes[end] for end in ends]
        if name[0] != "V" and random.random() < 0.5:
            ends.reverse()
        lines.append(" ".join([name, *ends]))
    random.shuffle(lines)
    assert same_transfer_via_netlist(gold, "\n".join(lines)).correct


@given(st.text(max_size=300))
def test_no_text_raises(text: str) -> None:
    same_transfer_via_netlist(GOLD, text)


def test_questions_of_the_label_stage_can_be_solved(questions: list[Question]) -> None:
    transfers = [json.loads(question.gold) for question in questions if question.kind == "transfer"]
    assert len(transfers) == 2
    assert all(can_be_solved(gold) for gold in transfers)
    assert not can_be_solved({"numerator": "R2", "denominator": "1", "names": ["R2"]})


@pytest.mark.parametrize("level", range(5))
def test_the_netlist_answer_of_a_drawn_circuit_gives_the_equation_of_its_transfer_question(level: int) -> None:
    domain = load_params(Path(__file__).parents[2] / "params.yaml").domains.circuits.model_dump()
    for name, sizes in domain["levels"].items():
        sizes["weight"] = float(name == f"level_{level}")
    recipe = CircuitRecipe.of(domain)
    asked = 0
    for number in range(25):
        drawn = sample_circuit(recipe, random.Random(f"{level} {number}"))
        questions = ask(
            f"d{number}",
            "g",
            level,
            drawn.truth,
            kinds={"netlist": 1, "transfer": 2},
            netlist_form="traced",
            seed=number,
        )
        netlist = next(question.answer for question in questions if question.kind == "netlist")
        for question in questions:
            if question.kind == "transfer":
                asked += 1
                verdict = same_transfer_via_netlist(json.loads(question.gold), netlist)
                assert verdict.correct, (verdict.reason, drawn.truth)
    assert asked >= 20
