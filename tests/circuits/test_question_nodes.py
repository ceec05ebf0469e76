"""Questions about printed nodes are meant as they are worded, and parts without a printed name are numbered as the prompt says."""

from __future__ import annotations

import json
import random

import pytest

from diagramlens.domains.circuits.questions import ask_and_count
from diagramlens.domains.circuits.questions.nodes import BETWEEN_WORDINGS
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.records import Question
from tests.circuits.recipes import recipe

OPAMP = "V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2\nR3 3 0\n; label_nodes=all"
TRANSISTOR = "V1 1 0\nR1 1 2\nQ1 3 2 0 npn\nR2 2 3\nR3 4 3\nVCC 4 0 12\n; label_nodes=all"


def between(truth: str) -> list[Question]:
    """Every question about two nodes, in many wordings."""
    kinds = {"between": 9}
    return [
        question
        for seed in range(30)
        for question in ask_and_count("d", "g", 1, truth, kinds=kinds, netlist_form="traced", seed=seed)[0]
    ]


@pytest.mark.parametrize(
    ("truth", "beside"), [(OPAMP, {("2", "3"), ("0", "2")}), (TRANSISTOR, {("2", "3"), ("0", "3")})]
)
def test_where_an_amplifier_lies_between_two_nodes_parts_with_two_terminals_are_asked_for(
    truth: str, beside: set[tuple[str, str]]
):
    asked = between(truth)
    ambiguous = [question for question in asked if tuple(json.loads(question.gold)["nodes"]) in beside]
    assert len(ambiguous) >= 30 and len(asked) > len(ambiguous)
    assert all("two terminals" in question.prompt for question in ambiguous)
    plain = [question.prompt for question in asked if question not in ambiguous]
    assert sum("two terminals" in prompt for prompt in plain) < len(plain) / 2
    assert all("two" in wording for wording in BETWEEN_WORDINGS["two_terminals"])


def test_parts_without_a_name_are_numbered_by_their_upper_left_ends():
    """As the note in the prompt says, read off the pixels of drawn circuits of levels 0 to 4."""
    everything = recipe(dict.fromkeys(range(5), 1.0), labels={"names": 0.0, "values": 1.0, "both": 0.0})
    compared = 0
    for number in range(40):
        circuit = sample_circuit(everything, random.Random(number))
        assert isinstance(circuit, Circuit)
        ends = {part.name: sorted((y, x) for x, y in (part.start, part.end)) for part in circuit.scene.segments}
        lines = [line.split()[0] for line in circuit.truth.splitlines()]
        (asked,), _ = ask_and_count(
            "d", "g", circuit.level, circuit.truth, kinds={"netlist": 1}, netlist_form="traced", seed=1
        )
        told = [line.split()[0] for line in asked.answer.splitlines()]
        for kind in "RLCVIEFGH":
            nameless = [
                name for name in lines if name[0] == kind and "l=" in line_of(circuit.truth, name) and name in ends
            ]
            called = {name: told[lines.index(name)] for name in nameless}
            if len(nameless) < 2 or any(name in line_of(circuit.truth, name).partition("l=")[2] for name in nameless):
                continue
            place = {name: (*ends[name][0], ends[name][1][0] != ends[name][0][0]) for name in nameless}
            assert sorted(nameless, key=lambda name: int(called[name][1:])) == sorted(nameless, key=place.__getitem__)
            assert "by their upper left end, a level part before an upright one" in asked.prompt
            compared += 1
    assert compared > 20


def line_of(truth: str, name: str) -> str:
    return next(line for line in truth.splitlines() if line.split()[0] == name)
