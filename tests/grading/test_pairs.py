"""The labelled file of pairs: every hazard that graders of equations have fallen into, each with the verdict it must get."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagramlens.grading import check_sympy_equivalence, same_expression

PAIRS = [json.loads(line) for line in (Path(__file__).parent / "pairs.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("pair", PAIRS, ids=[pair["why"] for pair in PAIRS])
def test_a_labelled_pair_gets_its_verdict(pair):
    verdict = same_expression(pair["gold"], pair["predicted"], pair["names"])
    assert verdict.correct is pair["correct"], verdict.reason
    assert verdict.reason and "\n" not in verdict.reason
    verdict.reason.encode()


def test_the_file_of_pairs_is_large_and_balanced():
    assert len(PAIRS) >= 120
    assert 50 <= sum(pair["correct"] for pair in PAIRS) <= len(PAIRS) - 50
    assert len({pair["why"] for pair in PAIRS}) == len(PAIRS)


@pytest.mark.parametrize(
    "pair", [pair for pair in PAIRS if not pair["correct"]], ids=lambda pair: f"without names: {pair['why']}"
)
def test_names_inferred_from_the_formulas_accept_no_wrong_answer(pair):
    assert not check_sympy_equivalence(pair["predicted"], pair["gold"])
