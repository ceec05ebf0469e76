"""Hostile answers of every kind: always a verdict of wrong with one short reason, never another error. How long it takes is measured in
benchmarks/grade.py."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from diagramlens.grading import QuantityError, grade, parse_quantity

PAIRS = [json.loads(line) for line in (Path(__file__).parent / "pairs.jsonl").read_text().splitlines()]
GOLDS = {pair["kind"]: pair["gold"] for pair in reversed(PAIRS) if "kind" in pair}

# Repeated up to the limit of 20,000 characters. Some of these once took minutes: nested repetitions that share characters.
REPEATED = (
    *("$", "`", "R1+", "R1||", "9*", "(R1)", "(R1^64)", "1.", "1 ", "j", "s_", "V_a(s)"),
    *(" ", "\n", "\t", "- ", "1. ", "a ", "A or ", "R1,", "R1 and ", "non-", "-1 ± ", "1.k1 ", "rad/", "𝟙", "..", "^"),
    *("node a ", "the answer is ", "s = ", "not low-pass ", "\\quad \\text{(", "W a b\n", "E1 a 0 opamp", "double "),
    *("\\text{{}", "\\text{a}", "\\{", "\\over ", "B - or ", "1 msec, 2 msec or "),
    *("+", "Step 1: ", "node 1 ", "nodes 1, 2 and ", "R1 (not A", ". zeros ", "R1 (a)\n", "1 + s = 0 so ", "|_{s=0}"),
)  # fmt: skip
ONCE = {
    "a sum just too long": "R1+" * 6_667,
    "answer lines just too many": "Answer: 1\n" * 2_001,
    "signs before an equation": "+" * 3_990 + "=0",
    "an object within an object": '{"a": ' * 65 + "1" + "}" * 65,
    "a power of a power": "2**3**2",
    "powers of powers": "((R1^64)^64)^64",
    "an exponent just too large": "R1^65",
    "a number just too large": "1e41 V",
    "a call": "open(R1)",
    "a comprehension": "[part for part in R1]",
    "a format string": "{R1.real}",
    "a NUL": "\0",
    "lone surrogates": "\ud800\udfff",
    "marks that turn the text round": "\u202e)2R+1R(/2R",
    "digits of another alphabet": "٣",
    "mathematical bold": "𝐑𝟐/(𝐑𝟏+𝐑𝟐)",
    "brackets nested too deep": "(" * 65 + "R9" + ")" * 65,
    "brackets nested in JSON": "[" * 65,
}
# What opens a bracket, one more than may be nested: never closed, which a careless pattern looks for from every one of them.
NESTED = ("(", "{", "[", "\\boxed{", "\\frac{", "\\text{", "{R1 \\over ")
TEXTS = {
    **ONCE,
    **{f"{seed!r} nested": seed * 65 + "x" for seed in NESTED},
    **{f"{seed!r} repeated": (seed * 20_000)[:19_990] + "x" for seed in REPEATED},
}


@pytest.mark.parametrize("kind", GOLDS)
def test_hostile_text_is_wrong_with_one_short_reason(kind):
    for name, text in TEXTS.items():
        graded = grade(kind, GOLDS[kind], "", text)
        assert not graded.correct, name
        assert graded.reason and "\n" not in graded.reason and len(graded.reason) < 600, name
        graded.reason.encode()


def test_a_number_with_two_points_is_refused_and_no_crash():
    with pytest.raises(QuantityError, match="two decimal points"):
        parse_quantity("1.k1")
