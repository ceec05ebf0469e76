"""What a circuit is for follows from its transfer function: textbook circuits get their textbook names, and others none."""

from __future__ import annotations

import json
import random

import pytest

from diagramlens.domains.circuits.questions import ask_and_count
from diagramlens.domains.circuits.questions.functions import FLAT, offered
from diagramlens.records import Question

CIRCUITS = {
    "voltage divider": "V1 1 0\nR1 1 2\nR2 2 0; v=vo",
    "low-pass filter": "V1 1 0\nR1 1 2\nC1 2 0; v=vo",
    "low-pass filter of second order": "V1 1 0\nR1 1 2\nL1 2 3\nC1 3 0; v=vo",
    "high-pass filter": "V1 1 0\nC1 1 2\nR1 2 0; v=vo",
    "band-pass filter": "V1 1 0\nL1 1 2\nC1 2 3\nR1 3 0; v=vo",
    "band-pass filter of Wien": "V1 1 0\nR1 1 2\nC1 2 3\nR2 3 0; v=vo\nC2 3 0",
    "band-stop filter": "V1 1 0\nR1 1 2\nL1 2 3\nC1 3 0\nP1 2 0; port",
    "all-pass filter": "V1 1 0\nR1 1 2\nR1b 2 0 R1\nR2 1 3\nC1 3 0\nP1 3 2; port",
    "lead network": "V1 1 0\nR1 1 2\nC1 1 2\nR2 2 0; v=vo",
    "lag network": "V1 1 0\nR1 1 2\nR2 2 3\nC1 3 0\nP1 2 0; port",
    "inverting amplifier": "V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2\nR3 3 0; v=vo",
    "non-inverting amplifier": "V1 1 0\nR1 0 2\nR2 2 3\nE1 3 0 opamp 1 2\nR3 3 0; v=vo",
    "voltage follower": "V1 1 0\nE1 3 0 opamp 1 3\nR3 3 0; v=vo",
    "integrator": "V1 1 0\nR1 1 2\nC1 2 3\nE1 3 0 opamp 0 2\nR3 3 0; v=vo",
    "differentiator": "V1 1 0\nC1 1 2\nR1 2 3\nE1 3 0 opamp 0 2\nR3 3 0; v=vo",
    "low-pass filter of Sallen and Key": "V1 1 0\nR1 1 2\nR2 2 3\nC1 3 0\nC2 2 4\nE1 4 0 opamp 3 4\nR3 4 0; v=vo",
    "inverting amplifier of one MOS": "V1 1 0\nM1 2 1 0 nmos\nR1 3 2; l=R1\nVDD 3 0 5\nP1 2 0; port",
}


def label_of(truth: str) -> str | None:
    """The label of the marked output: asked often enough that it is among the questions, the others told apart by their gold."""
    output = next(line.split()[0] for line in truth.splitlines() if "v=vo" in line or "port" in line)
    asked, _ = ask_and_count("d", "g", 1, truth, kinds={"function": 9}, netlist_form="traced", seed=1)
    golds = [json.loads(question.gold) for question in asked]
    return next((gold["label"] for gold in golds if gold["across"] == output and gold["source"] == "V1"), None)


@pytest.mark.parametrize("name", CIRCUITS)
def test_textbook_circuits_have_their_names(name: str):
    assert label_of(CIRCUITS[name]) == name.partition(" of ")[0]


@pytest.mark.parametrize(
    "truth",
    [
        # A notch of order three, two parts that just lie across the source, and gains whose size depends on the values.
        "V1 1 0\nR1 1 2\nR2 2 3\nC3 2 0\nC1 1 4\nC2 4 3\nR3 4 0\nP1 3 0; port",
        "V1 1 0\nR1 1 0; v=vo\nC1 1 0",
        # Straight across the source, but the other way round: a gain of -1 is no divider.
        "V1 1 0\nR1 0 1; v=vo\nR2 1 0",
        # A resistor in which nothing flows follows its source, but is no amplifier.
        "V1 1 0\nR1 1 2\nP1 2 0; port\nG1 3 0 1 0\nR2 3 0",
        # Amplifiers that do not invert, fed by a source with its positive end at ground.
        "V1 0 1\nR1 0 2\nR2 2 3\nE1 3 0 opamp 1 2\nR3 3 0; v=vo",
        "V1 0 1\nE1 3 0 opamp 1 3\nR3 3 0; v=vo",
        # A bridge, which passes low frequencies unless it is balanced.
        "V1 1 0\nR1 1 2\nR2 2 0\nR3 1 3\nR4 3 0\nC1 2 3\nP1 2 3; port",
        # Grows without bound for some values: what is below the low-pass changes its sign.
        "V1 1 0\nR1 1 2\nC1 2 0; v=vo\nG1 0 2 2 0",
        "V1 1 0\nE1 2 0 1 0\nR1 2 0; v=vo",
    ],
)
def test_what_has_no_name_is_not_asked(truth: str):
    assert label_of(truth) is None


def functions_of(truth: str, seed: int = 1) -> list[Question]:
    return ask_and_count("d", "g", 1, truth, kinds={"function": 9}, netlist_form="traced", seed=seed)[0]


def test_no_label_is_offered_that_would_be_right_too():
    amplifier = "V1 1 0\nC1 1 2\nR1 2 0\nQ1 3 2 0 npn\nR2 4 3\nVCC 4 0 12\nP1 3 0; port"
    gold = next(gold for q in functions_of(amplifier) if (gold := json.loads(q.gold))["across"] == "P1")
    assert gold["label"] == "high-pass filter"
    assert not {"inverting amplifier", "non-inverting amplifier", "voltage divider"} & set(gold["labels"])
    for name, truth in CIRCUITS.items():
        for question in functions_of(truth):
            gold = json.loads(question.gold)
            assert gold["label"] in gold["labels"], name
            assert len(gold["labels"]) >= 7, name
            assert not set(FLAT) & set(gold["labels"]) or gold["label"] in FLAT, name
            for special, general in (
                ("voltage follower", "non-inverting amplifier"),
                ("integrator", "low-pass filter"),
            ):
                assert not {special, general} <= set(gold["labels"]), name


def test_what_is_left_out_does_not_betray_the_label():
    golds = [offered("band-pass filter", random.Random(seed)) for seed in range(40)]
    assert {("integrator" in labels, "differentiator" in labels) for labels in golds} == {
        (True, True),
        (True, False),
        (False, True),
        (False, False),
    }


def test_the_prompt_offers_every_label_that_the_gold_knows():
    (asked,), _ = ask_and_count(
        "d", "g", 1, CIRCUITS["lead network"], kinds={"function": 1}, netlist_form="traced", seed=1
    )
    assert all(label in asked.prompt for label in json.loads(asked.gold)["labels"])
