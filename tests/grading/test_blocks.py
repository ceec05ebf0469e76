"""Predicted block diagrams: the same graph is right whatever it calls its summing points; a partial score for the rest."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.blocks.sampling import sample_blocks
from diagramlens.domains.circuits.blocks.text import BlocksError
from diagramlens.grading.blocks import compare_blocks

GOLD = """\
in R
in D
sum S1 +R -H1
block G1 S1 10/(s+2)
sum S2 +G1 +D
block G2 S2
block H1 G2
out Y G2"""


@pytest.mark.parametrize(
    "same",
    [
        GOLD,
        "\n".join(reversed(GOLD.splitlines())),
        GOLD.replace("S1", "E").replace("S2", "sum2"),
        GOLD.replace("+R -H1", "-H1 +R"),
        GOLD.replace("10/(s+2)", "5 / (0.5*s + 1)"),
        f"Here is the diagram:\n```\n{GOLD}\n```\nin this picture there are two loops.",
        "\n".join(f"{number}. {line}" for number, line in enumerate(GOLD.splitlines(), start=1)),
    ],
)
def test_the_same_diagram_is_right(same: str):
    score = compare_blocks(GOLD, same)
    assert (score.exact, score.connection_f1) == (True, 1.0), score.reason


@pytest.mark.parametrize(
    ("before", "after", "reason"),
    [
        ("-H1", "+H1", "H1 reaches G1 with the wrong sign in the prediction"),
        ("block H1 G2", "block H1 G1", "G1 reaches H1 in the prediction but not in the gold"),
        ("block H1 G2", "", "line 3: S1 takes the signal 'H1'"),
        ("block G2 S2", "block G2 S2 1/s", "G2 is without a transfer function in the gold"),
        ("10/(s+2)", "10/(s+3)", "G1 is 10/(s+2) in the gold"),
        ("G1", "G7", "block G1 is missing in the prediction"),
        ("in D", "in N", "line 5: S2 takes the signal 'D'"),
        ("out Y G2", "out C G2", "output Y is missing in the prediction"),
        ("out Y G2", "out Y H1", "H1 reaches Y in the prediction but not in the gold"),
    ],
)
def test_a_single_change_is_wrong_and_named(before: str, after: str, reason: str):
    score = compare_blocks(GOLD, GOLD.replace(before, after))
    assert not score.exact
    assert score.reason.startswith(reason)
    assert 0 < score.connection_f1 <= 1


def test_the_same_connections_through_other_summing_points_are_not_exact():
    merged = GOLD.replace("sum S1 +R -H1\n", "").replace("block G1 S1", "sum S0 +R\nsum S1 +S0 -H1\nblock G1 S1")
    score = compare_blocks(GOLD, merged)
    assert not score.exact and score.connection_f1 == 1.0
    assert "summing points" in score.reason


def test_a_line_that_cannot_be_read_costs_that_line_alone():
    score = compare_blocks(GOLD, GOLD.replace("block G2 S2", "block G2 -> S2 -> out"))
    assert not score.exact and "line 6" in score.reason
    assert 0.5 < score.connection_f1 < 1


@pytest.mark.parametrize("nothing", ["", "R1 a b", "I cannot see a diagram.", "in this picture", "H(s) = G/(1+G*H)"])
def test_no_diagram_scores_nothing(nothing: str):
    assert compare_blocks(GOLD, nothing).connection_f1 == 0.0


@pytest.mark.parametrize(
    "hostile",
    [
        "x" * 1_000_000,
        "in R\n" * 4_000,
        "in R\n" + "\n".join(f"sum S{k} +S{k + 1} -S{k + 1}" for k in range(190)) + "\nout Y S0",
        "in R\nin D\n"
        + "\n".join(f"sum S{k} " + " ".join(f"+S{j}" for j in range(80)) for k in range(40))
        + "\nout Y S0",
        "in R\nblock G R (9**12)**12\nout Y G",
        "in R\nblock G R " + "(" * 7 + "\nout Y G",
        "in R\nblock G R open(s)\nout Y G",
    ],
)
def test_hostile_text_is_refused(hostile: str):
    assert not compare_blocks(GOLD, hostile).exact


def test_a_gold_that_is_no_diagram_is_a_fault_of_the_data():
    with pytest.raises(BlocksError):
        compare_blocks("V1 a b 10", GOLD)


@given(st.integers(0, 10**6))
@settings(max_examples=80, deadline=None)
def test_renamed_summing_points_are_right_and_turned_signs_are_not(seed: int):
    rng = random.Random(seed)
    gold = sample_blocks((1, 7), rng, 56).truth
    renamed = re.sub(r"\bS(\d+)\b", r"P\1x", gold)
    lines = renamed.splitlines()
    assert compare_blocks(gold, "\n".join(rng.sample(lines, len(lines)))).exact
    signs = [match.start() for match in re.finditer(r"(?<= )[+-](?=[A-Z])", gold)]
    if signs:
        place = rng.choice(signs)
        turned = gold[:place] + ("-" if gold[place] == "+" else "+") + gold[place + 1 :]
        assert not compare_blocks(gold, turned).exact


@given(st.text(alphabet="insumblockout RGHYDS12+-/()*\n", max_size=300))
def test_no_prediction_raises(text: str):
    score = compare_blocks(GOLD, text)
    assert 0.0 <= score.connection_f1 <= 1.0 and score.reason
