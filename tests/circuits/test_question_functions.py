"""What a circuit is for follows from its transfer function: textbook circuits get their textbook names, and others none."""

from __future__ import annotations

import json

import pytest

from diagramlens.domains.circuits.questions import ask_and_count

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
        "V1 1 0\nE1 2 0 1 0\nR1 2 0; v=vo",
    ],
)
def test_what_has_no_name_is_not_asked(truth: str):
    assert label_of(truth) is None


def test_the_prompt_offers_every_label_that_the_gold_knows():
    (asked,), _ = ask_and_count(
        "d", "g", 1, CIRCUITS["lead network"], kinds={"function": 1}, netlist_form="traced", seed=1
    )
    assert all(label in asked.prompt for label in json.loads(asked.gold)["labels"])
