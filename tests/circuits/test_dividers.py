"""Expressions as dividers with bars: they look as people write them, and equal what was solved."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from diagramlens.domains.circuits.dividers import nested_impedance, nested_transfer
from diagramlens.domains.circuits.drawn import draw_diagram
from diagramlens.domains.circuits.impedance import impedance
from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.solve import formula
from diagramlens.grading.answers import grade
from diagramlens.params import load_params
from diagramlens.teachers.solver import Asking, Described, label

ROOT = Path(__file__).parents[2]
NESTED = Asking({"transfer": 3, "impedance": 3}, "traced", seed=2, expressions="nested")


def transfer(text: str, part: str, source: str = "V1", plus: int = 0) -> str | None:
    netlist = parse_netlist(text)
    ends = netlist.part(part).nodes
    return nested_transfer(netlist, source, part, formula(netlist, source, ends[plus], ends[1 - plus]))


@pytest.mark.parametrize(
    ("netlist", "part", "expected"),
    [
        ("V1 1 0\nR1 1 2\nR2 2 0", "R2", "R2/(R1+R2)"),
        ("V1 1 0\nR1 1 2\nC1 2 0", "C1", "1/(1+C1*s*R1)"),
        ("V1 1 0\nR1 1 2\nL1 2 3\nC1 3 0", "C1", "1/(1+C1*s*(L1*s+R1))"),
        ("V1 1 0\nC1 1 2\nR1 2 0", "R1", "R1/(1/(C1*s)+R1)"),
        ("V1 1 0\nR1 1 2\nR2 2 0\nC1 2 0", "R2", "((1/(C1*s))||R2)/(R1+(1/(C1*s))||R2)"),
        ("V1 1 0\nR1 1 2\nR2 2 0\nR3 2 3\nR4 3 0", "R4", "(R2||(R3+R4))/(R1+R2||(R3+R4))*R4/(R3+R4)"),
        # What lies across the source, and what dangles, divides nothing.
        ("V1 1 0\nR5 1 0\nR1 1 2\nR2 2 0\nR6 2 4", "R2", "R2/(R1+R2)"),
        ("V1 1 0\nR5 1 3\nR6 1 4\nR7 3 4\nR8 3 0\nR9 4 0\nR1 1 2\nR2 2 0", "R2", "R2/(R1+R2)"),  # a bridge
        # Another voltage source is a wire, another current source is nothing.
        ("V1 1 0\nR1 1 2\nV2 2 3\nR2 3 0\nI1 1 2", "R2", "R2/(R1+R2)"),
    ],
)
def test_dividers_are_written_one_behind_the_other(netlist: str, part: str, expected: str) -> None:
    assert transfer(netlist, part) == expected
    assert transfer(netlist, part, plus=1) == f"-{expected}"


def test_a_current_is_divided_by_what_lies_in_parallel_alone() -> None:
    text = "I1 0 1\nR1 1 2\nR2 2 0\nL1 1 0"
    assert transfer(text, "L1", "I1") == "((L1*s)||(R1+R2))"
    assert transfer(text, "R2", "I1") == "((L1*s)||(R1+R2))*R2/(R1+R2)"
    assert transfer("I1 0 1\nR1 1 2\nC1 2 0", "C1", "I1") == "1/(C1*s)"
    assert transfer("I1 1 0\nR1 1 2\nC1 2 0", "R1", "I1") == "-R1"


def test_an_impedance_is_read_off_part_by_part() -> None:
    netlist = parse_netlist("R1 1 2\nR2 2 0\nR3 2 3\nC1 3 0")
    test = parse_netlist("Itest 0 1\nR1 1 2\nR2 2 0\nR3 2 3\nC1 3 0")
    found = nested_impedance(netlist, "1", "0", formula(test, "Itest", "1", "0"))
    assert found == "R1+R2||(1/(C1*s)+R3)"
    exact = impedance(netlist, "1", "0")
    gold = {"numerator": exact.numerator, "denominator": exact.denominator, "names": ["R1", "R2", "R3", "C1", "s"]}
    assert grade("impedance", gold, "", found).correct


@pytest.mark.parametrize(
    ("netlist", "part"),
    [
        ("V1 1 0\nR1 1 2\nR2 1 3\nR3 2 0\nR4 3 0\nR5 2 3", "R5"),  # a bridge
        ("V1 1 0\nR1 1 2\nE1 3 0 2 0 A\nR2 3 0\nR3 2 0", "R2"),  # a controlled source
        ("V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2", "R2"),  # an op-amp
        ("V1 1 0\nR1 1 2 Ra\nR2 2 0 Ra", "R2"),  # two parts of one symbol
        ("V1 1 0\nR1 1 2\nR2 2 0\nI1 2 0", "I1"),  # across a source
    ],
)
def test_what_is_not_in_series_and_in_parallel_has_no_such_form(netlist: str, part: str) -> None:
    assert transfer(netlist, part) is None


@pytest.fixture(scope="module")
def drawn() -> list[Described]:
    """Circuits as the default run draws them."""
    params = load_params(ROOT / "params.yaml")
    recipe = CircuitRecipe.of(params.domains.circuits.model_dump())
    diagrams = (draw_diagram(index, recipe, 5) for index in range(250))
    return [Described(**{name: getattr(row, name) for name in Described.__dataclass_fields__}) for row in diagrams]


def test_nested_answers_are_right_and_nearly_all_of_levels_0_and_1_have_them(drawn: list[Described]) -> None:
    shorter = Counter[bool]()
    same = Counter[tuple[int, bool]]()
    for diagram in drawn:
        plain = {one.id: one for one in label(diagram, replace(NESTED, expressions="expanded")).questions}
        for question in label(diagram, NESTED).questions:
            other = plain.pop(question.id)
            assert (question.prompt, question.gold) == (other.prompt, other.gold)
            assert grade(question.kind, json.loads(question.gold), other.answer, question.answer).correct, question
            assert "||" not in other.answer
            if len(other.answer) > 12:
                same[diagram.level, question.answer == other.answer] += 1
                shorter[len(question.answer) < len(other.answer)] += question.answer != other.answer
        assert not plain
    assert all(same[level, True] < 0.2 * same[level, False] for level in (0, 1)), same
    assert all(same[level, False] == 0 for level in (2, 4)), same
    assert shorter[True] > 2 * shorter[False], shorter


def test_the_right_choice_cannot_be_told_by_its_form(drawn: list[Described]) -> None:
    asking = replace(NESTED, choices=1.0, reasoning="netlist")
    chosen = [one for diagram in drawn[:60] for one in label(diagram, asking).questions if one.kind == "choice"]
    assert len(chosen) > 60
    for question in chosen:
        assert "||" not in question.prompt
        result = question.answer.partition("\nResult: ")[2].partition("\n")[0]
        assert result and f") {result}\n" in question.prompt + "\n"
    plain = [label(diagram, replace(NESTED, reasoning="netlist")).questions for diagram in islice(drawn, 60)]
    assert any("||" in question.answer for questions in plain for question in questions)
