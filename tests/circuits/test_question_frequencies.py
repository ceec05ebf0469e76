"""A cut-off frequency is asked for only where it is clear which gain the three decibels count from."""

from __future__ import annotations

import json

import pytest

from diagramlens.domains.circuits.questions import ask_and_count

RESONANT = "V1 1 0 5\nR1 1 3 {resistance}\nL1 3 2 1m\nC1 2 0 1u; v=vo"
WHY = "cutoff: a gain that peaks 3 dB above the pass band"


def cutoffs(resistance: str) -> tuple[set[str], dict[str, int]]:
    """The parts whose cut-off was asked for, and why others were not."""
    asked, skipped = ask_and_count(
        "d", "g", 1, RESONANT.format(resistance=resistance), kinds={"cutoff": 9}, netlist_form="traced", seed=1
    )
    return {json.loads(question.gold)["across"] for question in asked}, skipped


@pytest.mark.parametrize(("resistance", "asked"), [("2", False), ("24.1", False), ("24.3", True), ("100", True)])
def test_no_cut_off_is_asked_for_where_the_gain_peaks_above_its_pass_band(resistance: str, asked: bool):
    found, skipped = cutoffs(resistance)
    assert ("C1" in found) is asked
    assert (WHY in skipped) is not asked
