"""Whether a picture budget leaves labels readable, and when training on it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagramlens.models.budget import ShrunkTooFarError, budget_problem, check_budget, shrunk_too_far
from tests.tiny_entry import tiny_entry

SMALL, LARGE = (56, 56), (280, 280)


def test_a_picture_of_more_than_twice_the_pixels_is_shrunk_too_far() -> None:
    entry = tiny_entry(Path("/x"), max_pixels=3136)
    assert shrunk_too_far(entry, {"small": SMALL, "twice": (56, 112), "more": (56, 113), "large": LARGE}) == [
        "more",
        "large",
    ]
    tiles = tiny_entry(Path("/x"), family="smolvlm", min_pixels=3136, max_pixels=3136)  # the longer edge counts
    assert shrunk_too_far(tiles, {"small": SMALL, "long": (56, 112)}) == ["long"]


def test_training_is_refused_where_most_pictures_are_shrunk_too_far_and_a_few_are_a_warning() -> None:
    entry = tiny_entry(Path("/x"), max_pixels=3136)
    half = {"d1": SMALL, "d2": LARGE}
    check_budget("mine", entry, half)
    assert budget_problem("mine", entry, half) is not None
    with pytest.raises(
        ShrunkTooFarError, match=r"^models\.mine\.max_pixels = 3136: 2 of 3 pictures .*; raise it to 78400$"
    ):
        check_budget("mine", entry, half | {"d3": LARGE})
    check_budget("mine", entry, {})
