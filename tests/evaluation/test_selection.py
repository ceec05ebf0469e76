"""Which questions are asked: whole diagrams, by hash, the same ones every time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from diagramlens.evaluation.selection import SelectionError, diagrams_of, whole_diagrams
from diagramlens.records import Diagram, Question, write_shards


def many(diagrams: int, each: int = 4) -> list[Question]:
    return [
        Question(f"d{d}-{n}", f"d{d}", f"g{d}", d % 2, "netlist", "Read.", "R1 a b", "{}", "solver", 1.0)
        for d in range(diagrams)
        for n in range(each)
    ]


def test_a_diagram_is_asked_about_wholly_or_not_at_all() -> None:
    chosen = whole_diagrams(many(100), 150)
    assert set(Counter(question.diagram_id for question in chosen).values()) == {4}
    assert len(chosen) == 148


def test_the_choice_does_not_depend_on_the_order_of_the_rows() -> None:
    questions = many(50)
    forwards, backwards = whole_diagrams(questions, 60), whole_diagrams(questions[::-1], 60)
    assert {question.id for question in forwards} == {question.id for question in backwards}
    assert forwards == [question for question in questions if question in forwards], "the order of the rows is kept"


def test_a_larger_limit_keeps_what_a_smaller_one_chose() -> None:
    few, more = whole_diagrams(many(50), 40), whole_diagrams(many(50), 120)
    assert {question.id for question in few} < {question.id for question in more}


def test_the_first_diagrams_of_the_file_are_not_preferred() -> None:
    chosen = {int(question.diagram_id[1:]) for question in whole_diagrams(many(200), 200)}
    assert 10 < sum(number < 100 for number in chosen) < 40


def test_one_diagram_is_asked_about_even_beyond_the_limit() -> None:
    assert len(whole_diagrams(many(3, each=5), 2)) == 5


def test_everything_is_asked_where_the_limit_allows() -> None:
    assert whole_diagrams(many(3), 12) == many(3)


def test_an_empty_test_split_is_an_error_that_says_what_to_raise() -> None:
    with pytest.raises(SelectionError, match=r"raise split\.test or generate\.count"):
        whole_diagrams([], 10)


def test_a_question_about_a_missing_diagram_is_an_error(
    tmp_path: Path, diagrams: dict[str, Diagram], questions: list[Question]
) -> None:
    write_shards(tmp_path, [diagrams["divider"]], Diagram, 8)
    with pytest.raises(SelectionError, match="no diagram lowpass"):
        diagrams_of(questions, tmp_path)


def test_only_the_diagrams_asked_about_are_kept(
    tmp_path: Path, diagrams: dict[str, Diagram], questions: list[Question]
) -> None:
    write_shards(tmp_path, list(diagrams.values()), Diagram, 1)
    asked = [question for question in questions if question.diagram_id == "lowpass"]
    assert diagrams_of(asked, tmp_path) == {"lowpass": diagrams["lowpass"]}
