"""Choices cannot be made by looking at the answers alone, and each wrong one is an edit of the diagram or an edit of such an edit."""

from __future__ import annotations

import difflib
import json
import random
from collections import Counter
from collections.abc import Iterator

import pytest

from diagramlens.domains.circuits.questions import Posed, near_misses, pose
from diagramlens.domains.circuits.sampling import sample_circuit
from diagramlens.grading.answers import grade
from diagramlens.records import Question
from diagramlens.teachers.choices import as_choice
from diagramlens.teachers.solver import Asking, Described, label
from tests.circuits.recipes import full_recipe
from tests.teachers.ladder import LADDER

CIRCUITS = 100


@pytest.fixture(scope="module")
def choices() -> list[Question]:
    """Questions about random circuits of levels 0 to 4, as choices."""
    everything = full_recipe(*range(5))
    asking = Asking({"netlist": 2, "nodal": 2, "transfer": 2, "count": 2, "function": 1}, "traced", seed=3, choices=1.0)
    found: list[Question] = []
    for number in range(CIRCUITS):
        circuit = sample_circuit(everything, random.Random(number))
        truth = circuit.truth + "; label_nodes=all\n"
        diagram = Described(f"d{number}", "g", "circuits", circuit.level, truth, "drawn", "[]")
        labelled = label(diagram, asking)
        assert not any("count" in why or "function, too few" in why for why in labelled.skipped if "choice" in why)
        found += [question for question in labelled.questions if question.kind == "choice"]
    return found


def most_alike(options: list[str]) -> int:
    """The place of the answer that is most like the three others."""

    def likeness(place: int) -> float:
        return sum(
            difflib.SequenceMatcher(None, options[place], other, autojunk=False).ratio()
            for index, other in enumerate(options)
            if index != place
        )

    return max(range(len(options)), key=likeness)


def test_the_answer_most_like_the_others_is_right_about_as_often_as_chance(choices: list[Question]):
    asked, right = Counter[str](), Counter[str]()
    for question in choices:
        gold = json.loads(question.gold)
        asked[gold["of"]] += 1
        right[gold["of"]] += "ABCD"[most_alike(gold["choices"])] == gold["letter"]
    for kind in ("netlist", "nodal", "transfer"):
        assert asked[kind] >= 80, asked
        assert 0.1 < right[kind] / asked[kind] <= 0.4, (kind, right[kind], asked[kind])
    assert right.total() / asked.total() <= 0.4


def test_counts_and_labels_are_offered_beside_their_like(choices: list[Question]):
    kinds = Counter(json.loads(question.gold)["of"] for question in choices)
    assert kinds["count"] == 2 * CIRCUITS and kinds["function"] >= 20
    for question in choices:
        gold = json.loads(question.gold)
        if gold["of"] == "count":
            numbers = sorted(map(int, gold["choices"]))
            assert numbers == list(range(numbers[0], numbers[0] + 4)) and numbers[0] >= 1
        elif gold["of"] == "function":
            assert len(set(gold["choices"])) == 4
            offered = question.prompt.partition("\nA)")[0]
            assert all(option in offered for option in gold["choices"])


def test_one_wrong_answer_is_a_single_edit_and_the_others_are_no_more_than_two():
    centres = Counter[bool]()
    for number in range(60):
        (posed,), _ = pose(f"d{number}", "g", 1, LADDER, kinds={"netlist": 1}, netlist_form="traced", seed=number)
        reached: dict[str, set[str]] = {}

        def misread(one: Posed, reached: dict[str, set[str]] = reached, seed: int = number) -> Iterator[Posed]:
            for miss in near_misses(one, random.Random(f"{seed} {one.asked.answer}"), most=60):
                reached.setdefault(one.asked.answer, set()).add(miss.asked.answer)
                yield miss

        question = as_choice(posed, misread, random.Random(number))
        assert question is not None
        wrong = set(json.loads(question.gold)["choices"]) - {posed.asked.answer}
        single = wrong & reached[posed.asked.answer]
        assert single
        assert any(wrong - {one} <= reached.get(one, set()) for one in single) or single == wrong
        centres[single == wrong and len(reached) == 1] += 1
        gold = json.loads(posed.question.gold)
        assert not any(grade("netlist", gold, posed.asked.answer, answer).correct for answer in wrong)
    assert 5 <= centres[True] <= 25
