"""Equivalent rewrites are accepted, single edits rejected: a few hundred pairs in every run, 10,000 in the slow one."""

from __future__ import annotations

from random import Random

import pytest

from diagramlens.grading import same_expression
from tests.grading.trees import NAMES, POINTS, WRITERS, ascii_text, mutated, random_tree, rewritten, value, values

QUICK, ALL = 400, 10_000


def _trees(seed: str, count: int):
    rng = Random(seed)
    while count:
        tree = random_tree(rng, rng.randint(2, 14))
        if values(tree):
            count -= 1
            yield rng, tree


def _accept_rewrites(count: int) -> None:
    for rng, tree in _trees("rewrites", count):
        other = rewritten(tree, rng)
        if values(other) is None:
            # The factor that was multiplied in and divided out hit a zero of the tests' own points; the tree itself is fine.
            continue
        assert values(other) == values(tree)
        text = rng.choice(WRITERS)(other)
        verdict = same_expression(ascii_text(tree), text, NAMES)
        assert verdict.correct, (ascii_text(tree), text, verdict.reason)


def _reject_mutants(count: int) -> None:
    rejected = 0
    for rng, tree in _trees("mutants", 2 * count):
        mutant = mutated(tree, rng)
        try:
            differs = any(value(mutant, point) != value(tree, point) for point in POINTS)
        except ZeroDivisionError:
            continue
        if not differs:
            continue
        text = rng.choice(WRITERS)(mutant)
        verdict = same_expression(ascii_text(tree), text, NAMES)
        assert not verdict.correct, (ascii_text(tree), text)
        rejected += 1
        if rejected == count:
            return
    raise AssertionError(f"only {rejected} edits out of {2 * count} changed a value")


def test_equivalent_rewrites_are_accepted_however_they_are_written():
    _accept_rewrites(QUICK)


def test_single_edits_that_change_a_value_are_rejected():
    _reject_mutants(QUICK)


@pytest.mark.slow
def test_ten_thousand_equivalent_rewrites_are_accepted():
    _accept_rewrites(ALL)


@pytest.mark.slow
def test_ten_thousand_single_edits_are_rejected():
    _reject_mutants(ALL)
