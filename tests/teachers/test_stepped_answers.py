"""What a stepped answer writes leads to its answer: every step joins two edges that are there, and the sign is that of the last one."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

from diagramlens.domains.circuits.drawn import draw_diagram
from diagramlens.domains.circuits.netlist import format_netlist, parse_netlist, without_values
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.grading.answers import grade
from diagramlens.params import load_params
from diagramlens.records import Question
from diagramlens.teachers.solver import Asking, Described, label

ROOT = Path(__file__).parents[2]
ASKING = Asking({"transfer": 3, "impedance": 3}, "traced", seed=2, reasoning="steps", expressions="nested")
DIVIDER = """\
R1 a b; right
R2 a e; down
R3 b c; right
R4 b f; down
V1 c g; down
W e f; right
W f g; right
W e 0; down, ground
"""
"""Two dividers, one behind the other."""
WRITTEN = """\
Traced:
R1 a b
R2 a e
R3 b c
R4 b f
V1 c g
W e f
W f g
W e 0
Nodes:
e f 0 g
Merged:
R2 {sought}
V1 c e
R1 a b
R3 b c
R4 b e
Joined from c to e:
R1+R2 {divider}
R4||(R1+R2) {divider}
R3+R4||(R1+R2) {whole}
Answer: {sign}(R4||(R1+R2))/(R3+R4||(R1+R2))*R2/(R1+R2)"""
Lines = list[tuple[str, str, str]]


def stepped(diagram: Described, asking: Asking = ASKING) -> list[Question]:
    """The questions about a diagram; each answer is right to the grader and ends in the one that stands alone without steps."""
    plain = {one.id: one.answer for one in label(diagram, replace(asking, reasoning="none")).questions}
    found = list(label(diagram, asking).questions)
    for question in found:
        assert question.answer.rpartition("Answer: ")[2] == plain[question.id]
        graded = grade(question.kind, json.loads(question.gold), question.answer, plain[question.id])
        assert graded.correct and graded.scores.get("equation_exact_accuracy", 1.0) == 1.0
        assert grade(question.kind, json.loads(question.gold), plain[question.id], question.answer).correct
    return found


def sections(answer: str) -> tuple[str, list[list[str]], Lines, list[str], Lines]:
    """The netlist as traced, the junctions that are one, the edges that are left, the ends between which they are joined, the steps."""
    found = re.fullmatch(
        r"Traced:\n(.*)\nNodes:\n(.*)Merged:\n(.*)\nJoined from (\w+) to (\w+):\n(.*)Answer: .*", answer, re.DOTALL
    )
    assert found is not None, answer
    netlist, nodes, merged, positive, negative, steps = found.groups()
    edges, joins = ([tuple(line.split()) for line in part.splitlines()] for part in (merged, steps))
    return netlist, [line.split() for line in nodes.splitlines()], edges, [positive, negative], joins  # type: ignore[return-value]


def drawn(count: int) -> list[Described]:
    params = load_params(ROOT / "params.yaml")
    recipe = CircuitRecipe.of(params.domains.circuits.model_dump())
    found = (draw_diagram(number, recipe, 5) for number in range(count))
    return [Described(one.id, one.group, "circuits", one.level, one.truth, "drawn", "[]") for one in found]


@pytest.mark.parametrize("plus", [0, 1])
def test_two_dividers_are_joined_from_the_part_outwards(plus: int):
    sign, sought, divider, whole = (("", "a e", "b e", "c e"), ("-", "e a", "e b", "e c"))[plus]
    expected = WRITTEN.format(sign=sign, sought=sought, divider=divider, whole=whole)
    diagram = Described("d0", "g0", "circuits", 0, DIVIDER, "drawn", "[]")
    answers: set[str] = set()
    for seed in range(40):
        answers |= {question.answer for question in stepped(diagram, replace(ASKING, seed=seed))}
    assert expected in answers


def test_every_step_joins_two_edges_that_are_there_and_turns_none_round():
    seen = Counter[tuple[int, bool]]()
    signs = Counter[bool]()
    for diagram in drawn(150):
        for question in stepped(diagram):
            seen[diagram.level, question.answer.startswith("Traced:")] += 1
            if not question.answer.startswith("Traced:"):
                continue
            netlist, _, edges, ends, steps = sections(question.answer)
            assert netlist == format_netlist(without_values(parse_netlist(diagram.truth)), hints=False)
            gold, start = json.loads(question.gold), list(edges)
            source = gold["source"] if question.kind == "transfer" else gold["at"] if gold["form"] == "input" else ""
            if source:
                (drive,) = [edge for edge in edges if edge[0] == source]
                assert ends == list(drive[1:] if source[0] == "V" or question.kind == "impedance" else drive[:0:-1])
                edges.remove(drive)
            for step in steps:
                edges = joined(edges, step)
            across = [edge for edge in edges if set(edge[1:]) == set(ends)]
            sought = gold["across"] if question.kind == "transfer" else ""
            assert [edge[0] for edge in start][: 1 + bool(sought)] == ([sought] if sought else []) + [
                source or gold["at"]
            ]
            (whole,) = [edge for edge in across if sought in re.findall(r"\w+", edge[0]) or not sought]
            formula = question.answer.rpartition("Answer: ")[2]
            if question.kind == "impedance":
                assert as_names(formula) == whole[0]
                continue
            signs[formula[0] == "-"] += 1
            assert (list(whole[1:]) == ends[::-1]) == formula.startswith("-"), question
    assert all(seen[level, True] > 8 * seen[level, False] for level in (0, 1)), seen
    assert all(seen[level, True] == 0 for level in (2, 4)), seen
    assert min(signs.values()) > 0.3 * signs.total(), signs


def test_junctions_are_one_node_where_a_wire_or_a_source_at_zero_leads_from_one_to_the_next():
    for diagram in drawn(60):
        for question in stepped(diagram):
            if not question.answer.startswith("Traced:"):
                continue
            netlist, lots, edges, _, _ = sections(question.answer)
            parts = parse_netlist(netlist).parts
            named = {edge[0] for edge in edges}
            wires = [set(part.nodes) for part in parts if part.kind in "VW" and part.name not in named]
            for lot in lots:
                assert lot[0] == min(lot, key=lambda node: (node == "0", node))
                assert all(any({one, node} in wires for one in lot[:at]) for at, node in enumerate(lot) if at)
            of = {node: lot[0] for lot in lots for node in lot}
            traced = {part.name: {of.get(node, node) for node in part.nodes} for part in parts}
            assert all(set(edge[1:]) == traced[edge[0]] for edge in edges)
            assert all(of.get(first) == of.get(second) is not None for first, second in map(tuple, wires))


def joined(edges: Lines, step: tuple[str, str, str]) -> Lines:
    """The edges after a step: in the place of the two that it joins, itself."""
    name, first, second = step
    for one, other in combinations(edges, 2):
        if made_of(one[0], other[0]) == set(re.findall(r"\w+", name)):
            rest = [edge for edge in edges if edge not in (one, other)]
            if set(one[1:]) == set(other[1:]):
                assert set(one[1:]) == {first, second}
                assert "||" in name
            else:
                (inner,) = set(one[1:]) & set(other[1:])
                assert {first, second} == (set(one[1:]) | set(other[1:])) - {inner}
                # Nothing that carries a current ends there besides; what dangles does not.
                assert sum(inner in edge[1:] for edge in rest if not dangles(edge, rest)) == 0
            # It lies as one of the two does, so that no voltage changes its sign.
            assert any(first == edge[1] or second == edge[2] for edge in (one, other))
            return [*rest, step]
    raise AssertionError(f"{step} joins no two of {edges}")


def made_of(one: str, other: str) -> set[str]:
    return set(re.findall(r"\w+", f"{one} {other}"))


def dangles(edge: tuple[str, str, str], edges: Lines) -> bool:
    return any(sum(node in other[1:] for other in edges) == 1 for node in edge[1:])


def as_names(formula: str) -> str:
    """An impedance in names of parts alone."""
    return re.sub(r"\(([CL]\d+)\)", r"\1", re.sub(r"1/\((C\d+)\*s\)|(L\d+)\*s", r"\1\2", formula))


def test_what_has_no_such_steps_is_answered_as_it_is():
    bridge = "V1 1 0\nR1 1 2\nR2 1 3\nR3 2 0\nR4 3 0\nR5 2 3\n"
    diagram = Described("d0", "g0", "circuits", 0, bridge, "drawn", "[]")
    answers = [question.answer for question in stepped(diagram) if question.kind == "transfer"]
    assert answers and not any("\n" in answer for answer in answers)
    voltages = label(diagram, replace(ASKING, kinds={"netlist": 1, "count": 1})).questions
    assert all("Answer:" not in question.answer for question in voltages)


def test_a_choice_names_its_letter_behind_the_steps():
    diagram = Described("d0", "g0", "circuits", 0, DIVIDER, "drawn", "[]")
    asked = label(diagram, replace(ASKING, choices=1.0)).questions
    chosen = [question for question in asked if question.kind == "choice"]
    assert chosen
    for question in chosen:
        assert re.search(r"\nJoined from \w+ to \w+:\n(.+\n)+Result: .+\nAnswer: [A-D]$", question.answer), question
