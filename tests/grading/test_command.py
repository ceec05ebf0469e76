"""`diagramlens grade` on one pair and on files."""

from __future__ import annotations

import argparse
import json

import pytest

from diagramlens.cli import main
from diagramlens.grading.command import add_arguments, run


def grade(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(arguments))


def test_one_pair_prints_verdict_and_reason(capsys):
    assert grade("R2/(R1+R2)", r"\frac{R_2}{R_1+R_2}", "--names", "R1,R2") == 0
    assert capsys.readouterr().out.startswith("correct: ")
    assert grade("R2/(R1+R2)", "R1/(R1+R2)", "--names", "R1,R2") == 0
    assert capsys.readouterr().out == "wrong: R1/(R1+R2) is not the gold\n"


def test_an_answer_that_begins_with_a_minus_is_graded(capsys):
    assert grade("--names", "R1,R2", "--", "R2/(R1+R2)", "-R2/(R1+R2)") == 0
    assert "opposite sign" in capsys.readouterr().out


@pytest.mark.parametrize("answer", ["-R2/R1", "- R2/R1", "-\\frac{R_2}{R_1}", "-1*R2/R1", "-(R2/R1)"])
def test_the_command_line_takes_a_minus_for_the_sign_of_an_answer(answer, capsys):
    assert main(["grade", "-R2/R1", answer, "--names", "R1,R2"]) == 0
    assert main(["grade", "R2/R1", answer, "--names", "R1,R2"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("correct: ")
    assert "opposite sign" in second
    assert main(["grade", "--kind", "voltage", '{"value": "-1", "unit": "V"}', "-1 V"]) == 0
    assert capsys.readouterr().out.startswith("correct: ")


def test_without_names_they_are_inferred(capsys):
    assert grade("x+y", "y+x") == 0
    assert capsys.readouterr().out.startswith("correct: ")


def test_a_gold_that_cannot_be_read_is_an_error(capsys):
    assert grade("R2/(", "R2", "--names", "R2") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("grade: the gold answer cannot be read")


@pytest.mark.parametrize("arguments", [(), ("R1",), ("R1", "R1", "--file", "pairs.jsonl")])
def test_arguments_that_do_not_go_together_are_an_error(arguments, capsys):
    assert grade(*arguments) == 1
    assert capsys.readouterr().err.count("\n") == 1


def write(path, rows) -> str:
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
    return str(path)


def test_a_file_gives_one_json_verdict_a_row_in_order(tmp_path, capsys):
    row = {"gold": "R2/(R1+R2)", "names": ["R1", "R2"]}
    answers = ["R2/(R2+R1)", "R1", "(" * 65, "\ud800", "1/(1+R1/R2)"]
    file = write(tmp_path / "pairs.jsonl", [{**row, "predicted": answer} for answer in answers])
    assert grade("--file", file) == 0
    verdicts = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [verdict["correct"] for verdict in verdicts] == [True, False, False, False, True]
    assert all(set(verdict) == {"correct", "reason"} for verdict in verdicts)


GOOD = {"gold": "R1", "predicted": "R1", "names": "R1"}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ("{", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ("[" * 1_000 + "]" * 1_000, "not a JSON object"),
        ({"gold": "R1", "names": ["R1"]}, 'there is no "predicted"'),
        ({**GOOD, "gold": 1}, '"gold" must be a text'),
        ({"gold": "R1", "predicted": "R1"}, 'there is no "names"'),
        ({**GOOD, "names": [1]}, '"names" must be a list'),
        ({**GOOD, "gold": "R1+"}, "gold answer cannot be read"),
        ({**GOOD, "names": ["R1", "1x"]}, "is not a name"),
    ],
    ids=str,
)
def test_a_bad_row_is_named_by_its_line_after_the_verdicts_before_it(bad, message, tmp_path, capsys):
    file = write(tmp_path / "pairs.jsonl", [GOOD, "", bad, GOOD])
    assert grade("--file", file) == 1
    captured = capsys.readouterr()
    assert len(captured.out.splitlines()) == 1
    assert "row 3" in captured.err
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_file_that_is_not_there_or_not_text_is_one_line(tmp_path, capsys):
    assert grade("--file", str(tmp_path / "nothing.jsonl")) == 1
    assert "nothing.jsonl" in capsys.readouterr().err
    (tmp_path / "picture.jsonl").write_bytes(b"\x89PNG\xff\n")
    assert grade("--file", str(tmp_path / "picture.jsonl")) == 1
    assert "row 1" in capsys.readouterr().err


def test_an_answer_of_any_kind_is_graded_with_its_gold(capsys):
    assert grade("--kind", "count", '{"count": 3}', "There are 3 resistors.") == 0
    assert capsys.readouterr().out == "correct: 3 is right\n"
    assert grade("--kind", "cutoff", '{"value": "1591.5", "unit": "Hz"}', "10 kHz") == 0
    assert capsys.readouterr().out.startswith("wrong: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--kind", "count", "3", "3"), "the gold is not a JSON object"),
        (("--kind", "count", "{", "3"), "the gold is not a JSON object in UTF-8"),
        (("--kind", "count", "{}", "3"), "needs 'count'"),
        (("--kind", "count", '{"count": 3}', "3", "--names", "R1"), "leave --names away"),
        (("--kind", "count", "--file", "pairs.jsonl"), "give it alone"),
    ],
)
def test_a_kind_with_a_gold_that_does_not_fit_is_an_error(arguments, message, capsys):
    assert grade(*arguments) == 1
    assert message in capsys.readouterr().err


def test_a_file_of_questions_gives_scores_too(tmp_path, capsys):
    gold = {"numerator": "R2", "denominator": "R1+R2", "names": ["R1", "R2"]}
    rows = [
        {"kind": "transfer", "gold": gold, "answer": "R2/(R1+R2)", "predicted": "R2/(R2+R1)"},
        {"kind": "transfer", "gold": json.dumps(gold), "predicted": "R1"},
    ]
    assert grade("--file", write(tmp_path / "questions.jsonl", rows)) == 0
    right, wrong = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert right["correct"] and right["scores"] == {"equation_exact_accuracy": 0.0, "equation_sympy_accuracy": 1.0}
    assert not wrong["correct"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"kind": "poem", "gold": {}, "predicted": ""}, "no grader for questions of the kind 'poem'"),
        ({"kind": "count", "gold": 3, "predicted": "3"}, '"gold" must be a JSON object'),
        ({"kind": "count", "gold": {"count": 3}, "answer": 3, "predicted": "3"}, '"answer" must be a text'),
    ],
)
def test_a_bad_row_of_a_kind_is_named(row, message, tmp_path, capsys):
    assert grade("--file", write(tmp_path / "questions.jsonl", [row])) == 1
    assert message in capsys.readouterr().err
