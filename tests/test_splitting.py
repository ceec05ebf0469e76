"""Splitting: a topology's place depends on its own hash alone."""

from __future__ import annotations

import dataclasses

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.records import Question
from diagramlens.splitting import (
    SPLITS,
    SplitError,
    divide,
    place,
    refuse_none_left,
    set_aside_doubted,
    set_aside_long,
    split_metrics,
)

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
PLACES = ["test", "train", "train", "train", "train", "train", "train", "test", "train", "train"]


def question(number: int, group: str, kind: str = "netlist", level: int = 0) -> Question:
    return Question(f"q{number}", f"d{number}", group, level, kind, "?", "!", "{}", "solver", 1.0)


def many(count: int) -> list[Question]:
    kinds = ["netlist", "transfer"]
    return [question(number, f"{number // 4:016x}", kinds[number % 2], number % 3) for number in range(count)]


def test_the_place_of_a_topology_never_changes() -> None:
    """Committed weights rest on these places: the embedded model never saw a topology of the test split."""
    assert [place(f"{number:016x}", "diagramlens", SHARES) for number in range(len(PLACES))] == PLACES


@given(group=st.text(max_size=40), salt=st.text(min_size=1, max_size=20))
def test_less_training_and_more_validation_leaves_the_test_split_as_it_is(group: str, salt: str) -> None:
    shifted = {"train": 0.5, "validation": 0.4, "test": 0.1}
    assert (place(group, salt, SHARES) == "test") == (place(group, salt, shifted) == "test")


@given(group=st.text(max_size=40), empty=st.sampled_from(SPLITS))
def test_a_share_of_zero_gets_nothing(group: str, empty: str) -> None:
    shares = {name: 0.0 if name == empty else 0.5 for name in SPLITS}
    assert place(group, "salt", shares) != empty


def test_shares_are_met_and_another_salt_deals_anew() -> None:
    groups = [f"{number:016x}" for number in range(20_000)]
    places = [place(group, "diagramlens", SHARES) for group in groups]
    for name, share in SHARES.items():
        assert abs(places.count(name) / len(groups) - share) < 0.01
    assert places != [place(group, "another", SHARES) for group in groups]


def test_more_data_moves_no_question() -> None:
    few, more = divide(many(400), "salt", SHARES), divide(many(4000), "salt", SHARES)
    for name in SPLITS:
        assert few[name] == [row for row in more[name] if int(row.id[1:]) < 400]


def test_rows_keep_their_order_and_none_is_lost() -> None:
    questions = many(1000)
    rows = divide(questions, "salt", SHARES)
    assert sum(len(rows[name]) for name in SPLITS) == len(questions)
    for name in SPLITS:
        assert rows[name] == [row for row in questions if place(row.group, "salt", SHARES) == name]


def test_no_topology_is_in_two_splits_and_the_metrics_count_everything() -> None:
    questions = many(1000)
    metrics = split_metrics(divide(questions, "salt", SHARES), questions[:3])
    assert metrics["too_long"] == {"questions": 3, "by_kind": {"netlist": 2, "transfer": 1}}
    assert metrics["groups_shared"] == 0
    assert sum(metrics[name]["groups"] for name in SPLITS) == 250
    assert sum(metrics[name]["by_kind"]["transfer"] for name in SPLITS) == 500
    assert sum(metrics[name]["by_level"]["2"] for name in SPLITS) == 333


def test_a_topology_in_two_splits_is_refused() -> None:
    rows = divide(many(1000), "salt", SHARES)
    rows["test"].append(rows["train"][0])
    with pytest.raises(SplitError, match="1 topologies are in more than one split"):
        split_metrics(rows, [])


def test_a_question_that_is_too_long_is_set_aside_whole() -> None:
    short, long = question(1, "a"), dataclasses.replace(question(2, "b"), prompt="Ω" * 40, answer="R1")
    assert set_aside_long([short, long], 82) == ([short, long], [])
    assert set_aside_long([short, long], 81) == ([short], [long])


def trusted(number: int, confidence: float, teacher: str = "circuitsense") -> Question:
    return dataclasses.replace(question(number, "a"), confidence=confidence, teacher=teacher)


def test_a_question_whose_gold_is_trusted_less_than_asked_is_set_aside() -> None:
    confirmed, unknown, contradicted = rows = [trusted(1, 1.0), trusted(2, 0.5), trusted(3, 0.0)]
    assert set_aside_doubted(rows, 0.5) == ([confirmed, unknown], [contradicted])
    assert set_aside_doubted(rows, 1.0) == ([confirmed], [unknown, contradicted])
    assert set_aside_doubted(rows, 0.0) == (rows, [])


@given(confidence=st.floats(0, 1))
def test_a_confidence_that_a_table_rounded_is_not_below_itself(confidence: float) -> None:
    stored = pa.array([confidence], pa.float32())[0].as_py()
    assert set_aside_doubted([trusted(1, stored)], confidence) == ([trusted(1, stored)], [])


def test_what_is_set_aside_is_counted_by_kind_and_by_the_data_set_it_came_with() -> None:
    doubted = [trusted(1, 0.0), trusted(2, 0.0, "boards"), trusted(3, 0.0, "boards")]
    metrics = split_metrics(divide(many(1000), "salt", SHARES), [], doubted)
    assert metrics["doubted"] == {
        "questions": 3,
        "by_kind": {"netlist": 3},
        "by_teacher": {"circuitsense": 1, "boards": 2},
    }
    assert metrics["too_long"] == {"questions": 0, "by_kind": {}}


def test_where_every_question_is_set_aside_one_line_says_what_would_let_some_in() -> None:
    doubted = [trusted(1, 0.0), trusted(2, 0.5)]
    long = [dataclasses.replace(question(3, "a"), prompt="?" * 70, answer="R1")]
    refuse_none_left(long, doubted, [])
    refuse_none_left([], [], [])
    with pytest.raises(SplitError) as caught:
        refuse_none_left([], doubted, long)
    assert str(caught.value) == (
        "data/labelled: every question is set aside: 2 have a confidence below split.min_confidence and "
        "1 are longer than split.max_bytes; lower split.min_confidence to 0.5 or raise split.max_bytes to 72"
    )


@pytest.mark.parametrize("answer", ["", " \n"])
def test_a_question_without_an_answer_is_named(answer: str) -> None:
    blank = dataclasses.replace(question(7, "a"), answer=answer)
    with pytest.raises(SplitError, match=r"question q7 \(netlist, diagram d7\) has a blank answer"):
        set_aside_long([question(1, "a"), blank], 8192)


def test_an_empty_dataset_is_told() -> None:
    with pytest.raises(SplitError, match=r"data/labelled has no questions; raise generate\.count"):
        divide([], "salt", SHARES)


def test_a_split_without_rows_is_told_unless_its_share_is_zero() -> None:
    one = [question(1, "a")]
    home = place("a", "salt", SHARES)
    with pytest.raises(SplitError, match="split would be empty"):
        divide(one, "salt", SHARES)
    shares = {name: 1.0 if name == home else 0.0 for name in SPLITS}
    assert divide(one, "salt", shares)[home] == one
    assert divide(one, "salt", {"train": 0.0, "validation": 0.0, "test": 1.0})["train"] == []
