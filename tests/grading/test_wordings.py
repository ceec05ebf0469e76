"""One gold a row, with wordings of answers to it that are right and that are wrong: signs, lists, reasons, denials, bounds, spellings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagramlens.grading import grade, same_expression

ROWS = [
    json.loads(line) for line in (Path(__file__).parent / "wordings.jsonl").read_text(encoding="utf-8").splitlines()
]
ANSWERS = [
    pytest.param(
        row["kind"], row["gold"], text, right, id=f"{place}-{row['kind']}-{'right' if right else 'wrong'}: {text}"
    )
    for place, row in enumerate(ROWS)
    for right in (True, False)
    for text in row["right" if right else "wrong"]
]


@pytest.mark.parametrize(("kind", "gold", "text", "right"), ANSWERS)
def test_a_wording_gets_its_verdict(kind, gold, text, right):
    graded = grade(kind, gold, "", text)
    assert graded.correct is right, graded.reason


SIGNS = [row for row in ROWS if row["about"] == "a minus before a blank is a sign"]


@pytest.mark.parametrize("row", SIGNS, ids=lambda row: row["gold"]["numerator"])
def test_a_formula_compared_without_a_kind_keeps_its_sign_too(row):
    gold, names = row["gold"]["numerator"], row["gold"]["names"]
    assert all(same_expression(gold, text, names).correct for text in row["right"])
    assert not any(same_expression(gold, text, names).correct for text in row["wrong"])


@pytest.mark.parametrize(
    "token", ["</s>", "<|im_end|>", "<|endoftext|>", "<end_of_utterance>", "<|eot_id|>", "<eos>\n<pad>"]
)
def test_a_control_token_at_its_end_is_no_part_of_an_answer(token):
    for row in ROWS:
        for text in row["right"]:
            assert grade(row["kind"], row["gold"], "", text + token).correct, text


def test_a_decimal_comma_that_could_part_thousands_is_read_as_documented():
    assert grade("voltage", {"value": "1000", "unit": "V"}, "", "1,000 V").correct
    assert not grade("voltage", {"value": "1", "unit": "V"}, "", "1,000 V").correct
    assert grade("voltage", {"value": "1/2", "unit": "V"}, "", "0,500 V").correct
    reason = grade("poles", {"roots": [["-1000", "0"]]}, "", "-1000,0").reason
    assert "a comma between digits parts two roots or is a decimal one" in reason
