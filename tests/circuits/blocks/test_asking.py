"""Questions about block diagrams: their golds say what the diagram says, and what cannot be asked is counted."""

from __future__ import annotations

import json
import random

import pytest

from diagramlens.domains.circuits.blocks.asking import ask_blocks, near_misses_of_blocks, pose_blocks
from diagramlens.domains.circuits.blocks.sampling import sample_blocks
from diagramlens.domains.circuits.blocks.solving import closed_loop
from diagramlens.domains.circuits.blocks.text import BlocksError, parse_blocks
from diagramlens.records import Question

NAMES = "in R\nin D\nsum S1 +R -H\nblock G1 S1\nsum S2 +G1 +D\nblock G2 S2\nblock H G2\nout Y G2\n"
VALUES = "in R\nsum S1 +R -H\nblock G S1 10/(s+2)\nblock H G 3/(s+1)\nout Y G\n"


def ask(truth: str, *, seed: int = 1, diagram: str = "d1", **kinds: int) -> list[Question]:
    return ask_blocks(diagram, "group", 5, truth, kinds=kinds, seed=seed)[0]


def test_the_netlist_question_asks_for_the_whole_text():
    (question,) = ask(NAMES, netlist=1)
    assert question.answer == NAMES.strip()
    assert json.loads(question.gold) == {"blocks": NAMES.strip()}
    assert (question.id, question.level, question.teacher) == ("d1-netlist-0", 5, "solver")


def test_counts_are_those_of_the_diagram():
    found = {json.loads(q.gold)["what"]: q.answer for q in ask(NAMES, count=9)}
    assert found == {
        "blocks": "3",
        "summing points": "2",
        "inputs": "2",
        "minus signs at summing points": "1",
        "loops": "1",
        "forward paths from R to Y": "1",
    }


def test_transfer_questions_name_input_and_output_and_hold_the_exact_answer():
    asked = {json.loads(q.gold)["source"]: q for q in ask(NAMES, transfer=5)}
    assert {source: q.answer for source, q in asked.items()} == {
        "R": "G1*G2/(G1*G2*H+1)",
        "D": "G2/(G1*G2*H+1)",
    }
    for source, question in asked.items():
        assert source in question.prompt and "Y" in question.prompt and "All other inputs are zero." in question.prompt
        assert json.loads(question.gold)["names"] == ["G1", "G2", "H", "s"]


def test_where_transfer_functions_are_printed_the_prompt_says_which_to_use():
    answers = {
        question.prompt.partition("Y")[2].partition(" ")[2]: question.answer for question in ask(VALUES, transfer=5)
    }
    named, printed = sorted(answers, key=lambda prompt: "printed" in prompt)
    assert answers[named] == "G/(G*H+1)" and "names of the blocks" in named
    assert answers[printed] == "(10*s+10)/(s**2+3*s+32)"


def test_gains_and_roots_are_asked_where_every_block_has_numbers():
    dc_gain, poles, zeros = ask(VALUES, dc_gain=1, poles=1, zeros=1)
    assert dc_gain.answer == "5/16"
    assert json.loads(dc_gain.gold)["numerator"] == "5"
    assert poles.answer == "-1.5-5.454j, -1.5+5.454j"
    assert [float(root[0]) for root in json.loads(poles.gold)["roots"]] == [-1.5, -1.5]
    assert (zeros.answer, json.loads(zeros.gold)["unit"]) == ("-1", "rad/s")


def test_what_cannot_be_asked_is_counted_with_its_reason():
    questions, skipped = ask_blocks("d", "g", 5, NAMES, kinds={"dc_gain": 2, "voltage": 1, "transfer": 0}, seed=1)
    assert questions == []
    assert skipped == {
        "dc_gain: a block has no printed transfer function": 2,
        "voltage: not asked of block diagrams": 1,
    }
    integrator = VALUES.replace("10/(s+2)", "1/s").replace("3/(s+1)", "s")
    assert ask_blocks("d", "g", 5, integrator, kinds={"dc_gain": 1}, seed=1)[1] == {"dc_gain: no finite gain": 1}


def test_a_kind_is_asked_the_same_whatever_else_is_asked():
    alone = ask(NAMES, transfer=1)
    assert alone == [question for question in ask(NAMES, netlist=1, transfer=1, count=2) if question.kind == "transfer"]
    assert len({ask(NAMES, seed=seed, netlist=1)[0].prompt for seed in range(20)}) > 2


def test_every_answer_about_drawn_diagrams_is_their_own_golds():
    for seed in range(60):
        truth = sample_blocks((2, 7), random.Random(seed), 56).truth
        for question in ask(truth, transfer=2, diagram=str(seed)):
            gold = json.loads(question.gold)
            diagram = parse_blocks(gold["blocks"])
            values = "printed" in question.prompt
            result = closed_loop(diagram, gold["source"], values=values).rational()
            assert (gold["numerator"], gold["denominator"]) == (result.numerator, result.denominator)


def test_a_truth_that_is_no_block_diagram_is_refused():
    with pytest.raises(BlocksError, match="line 1: unknown word 'R1'"):
        ask("R1 a b 2k\nout Y G", netlist=1)


@pytest.mark.parametrize("kind", ["netlist", "count", "transfer", "dc_gain", "poles"])
def test_near_misses_answer_the_same_question_about_an_edited_diagram(kind: str):
    (posed,), _ = pose_blocks("d", "g", 5, VALUES, kinds={kind: 1}, seed=3)
    answers = {miss.asked.answer for miss in near_misses_of_blocks(posed, random.Random(1), most=60)}
    assert len(answers - {posed.asked.answer}) >= 3 or kind == "count"
    assert all(miss.asked.wordings == kind for miss in near_misses_of_blocks(posed, random.Random(2), most=20))
