"""Reading a finished run back, and choosing what to show of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from diagramlens.report.results import ReportError, choose, read_results


def test_every_question_comes_with_its_picture_and_the_answer_of_every_variant(workspace: Path) -> None:
    results = read_results(workspace)
    assert results.variants == ["base", "merged"]
    assert results.subject == "merged"
    assert len(results.examples) == 8
    assert all(set(example.answers) == {"base", "merged"} for example in results.examples)
    assert all(example.question.diagram_id == example.diagram.id for example in results.examples)


def test_the_choice_is_the_same_every_time_and_shows_failures_too(workspace: Path) -> None:
    results = read_results(workspace)
    chosen = choose(results, 6)
    assert chosen == choose(read_results(workspace), 6)
    assert [example.answers["merged"].correct for example in chosen] == [True, True, False, True, True, False]
    assert len({example.question.id for example in chosen}) == 6


def test_more_than_there_are_shows_all_there_are(workspace: Path) -> None:
    assert len(choose(read_results(workspace), 100)) == 8


def test_a_run_that_is_not_finished_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="run dvc repro first"):
        read_results(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"base": 3}', "\x00"])
def test_a_damaged_metrics_file_is_named(workspace: Path, text: str) -> None:
    (workspace / "metrics/metrics.json").write_text(text)
    with pytest.raises(ReportError, match=r"metrics\.json: [^\n]+run dvc repro again$"):
        read_results(workspace)


def test_answers_to_questions_of_another_split_are_refused(workspace: Path) -> None:
    from diagramlens.records import Question, read_rows, write_table

    path = workspace / "data/split/test.parquet"
    write_table(path, list(read_rows(path, Question))[1:], Question)
    with pytest.raises(ReportError, match="which the test split does not have"):
        read_results(workspace)
