"""The labelled file of pairs: every hazard that graders of answers have fallen into, each with the verdict it must get."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from diagramlens.grading import check_sympy_equivalence, grade, same_expression
from diagramlens.grading.answers import GRADERS

PAIRS = [json.loads(line) for line in (Path(__file__).parent / "pairs.jsonl").read_text().splitlines()]
# A row without a kind compares two formulas in the names of a circuit; the others are graded as a question of their kind is.
FORMULAS = [pair for pair in PAIRS if "kind" not in pair]
ANSWERS = [pair for pair in PAIRS if "kind" in pair]


@pytest.mark.parametrize("pair", FORMULAS, ids=[pair["why"] for pair in FORMULAS])
def test_a_labelled_pair_of_formulas_gets_its_verdict(pair):
    verdict = same_expression(pair["gold"], pair["predicted"], pair["names"])
    assert verdict.correct is pair["correct"], verdict.reason
    assert verdict.reason and "\n" not in verdict.reason
    verdict.reason.encode()


@pytest.mark.parametrize("pair", ANSWERS, ids=[pair["why"] for pair in ANSWERS])
def test_a_labelled_answer_of_any_kind_gets_its_verdict(pair):
    graded = grade(pair["kind"], pair["gold"], "", pair["predicted"])
    assert graded.correct is pair["correct"], graded.reason
    assert graded.reason and "\n" not in graded.reason
    assert all(0.0 <= score <= 1.0 for score in graded.scores.values())


def test_the_file_of_pairs_is_large_and_balanced_over_all_kinds():
    assert len(PAIRS) >= 500
    assert 200 <= sum(pair["correct"] for pair in PAIRS) <= len(PAIRS) - 200
    assert len({pair["why"] for pair in PAIRS}) == len(PAIRS)
    verdicts = Counter((pair["kind"], pair["correct"]) for pair in ANSWERS)
    assert {kind for kind, _ in verdicts} == set(GRADERS)
    assert all(verdicts[kind, correct] for kind in GRADERS for correct in (True, False))


@pytest.mark.parametrize(
    "pair", [pair for pair in FORMULAS if not pair["correct"]], ids=lambda pair: f"without names: {pair['why']}"
)
def test_names_inferred_from_the_formulas_accept_no_wrong_answer(pair):
    assert not check_sympy_equivalence(pair["predicted"], pair["gold"])
