"""lcapy confirms the solver, a disagreement stops everything with both answers, and what lcapy cannot do is counted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from diagramlens.domains.circuits.questions import ask
from diagramlens.records import Question
from diagramlens.teachers.cross_check import CrossCheckError, compare, cross_check, is_chosen

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


def questions(name: str, truth: str) -> list[Question]:
    kinds = {"transfer": 1, "voltage": 1, "current": 1}
    return ask(name, "g", 1, truth, kinds=kinds, netlist_form="traced", seed=3)


def test_lcapy_agrees_on_transfer_functions_voltages_and_currents_of_small_circuits():
    asked = [question for name, truth in CIRCUITS.items() for question in questions(name, truth)]
    checked = list(cross_check(asked, workers=2))
    assert [check.question_id for check in checked] == [question.id for question in asked]
    assert {check.verdict for check in checked if check.question_id.partition("-")[0] != "controlled"} == {"agree"}
    assert sum(check.verdict == "agree" for check in checked) > len(asked) - 3


def test_one_disagreement_is_an_error_that_shows_circuit_and_both_answers():
    question = questions("low pass", CIRCUITS["low pass"])[0]
    gold = json.loads(question.gold)
    wrong = replace(question, gold=json.dumps(gold | {"numerator": "R1"}))
    with pytest.raises(CrossCheckError) as raised:
        list(cross_check([wrong], workers=1))
    message = str(raised.value)
    assert "V1 1 0; R1 1 2; C1 2 0" in message
    assert f"solver (R1)/({gold['denominator']}), lcapy " in message
    assert "\n" not in message


def test_a_question_that_takes_too_long_is_undecided():
    asked = questions("divider", CIRCUITS["divider"])[:1]
    checked = list(cross_check(asked, workers=1, seconds=0.0))
    assert [check.verdict for check in checked] == ["undecided: took too long"]


def test_what_lcapy_cannot_solve_is_undecided_with_its_reason():
    question = questions("divider", CIRCUITS["divider"])[1]
    assert question.kind == "voltage"
    gold = json.loads(question.gold)
    # Two voltage sources in parallel: no circuit that the solver would answer for, and one that lcapy calls singular.
    singular = replace(question, gold=json.dumps(gold | {"netlist": "V1 1 0 5\nV2 1 0 3\nR1 1 2 1k\nR2 2 0 1k"}))
    (checked,) = cross_check([singular], workers=1)
    assert checked.verdict.startswith("undecided: lcapy raised ")


def test_an_answer_that_cannot_be_read_is_undecided():
    question = questions("low pass", CIRCUITS["low pass"])[0]
    assert compare(question, "1/sqrt(C1*s)") == "undecided: answer not readable"


def test_the_sample_is_a_share_of_the_diagrams_whatever_their_order():
    chosen = [number for number in range(5000) if is_chosen(f"d{number}", 0.1, seed=2)]
    assert 400 < len(chosen) < 600
    assert not any(is_chosen(f"d{number}", 0.0, seed=2) for number in range(100))
    assert all(is_chosen(f"d{number}", 1.0, seed=2) for number in range(100))
    assert all(is_chosen(f"d{number}", 0.2, seed=2) for number in chosen)
