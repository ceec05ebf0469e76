"""With `marked_only` voltages and currents are asked of parts alone whose polarity can be seen; else of any part."""

from __future__ import annotations

import json

from diagramlens.domains.circuits.questions import ask_and_count
from diagramlens.records import Question
from diagramlens.teachers.solver import Asking, Described, label

PLAIN = "V1 e a 10; up\nR1 a b 2k; right\nR2 f b 3k; up\nR3 f b 1k; up\nW e f; right\nW f 0; down, ground"
VOLTAGE_MARK = PLAIN.replace("R2 f b 3k; up", "R2 f b 3k; up, v=vo")
ARROW = PLAIN.replace("R3 f b 1k; up", "R3 f b 1k; up, i=io")
CONTROLLED = PLAIN.replace("R3 f b 1k; up", "E1 f b a e 3; up\nR3 b c 1k; right\nG1 f c a e 1m; up")


def asked(truth: str, *, marked_only: bool = True, **kinds: int) -> tuple[list[Question], dict[str, int]]:
    found, skipped = ask_and_count(
        "d", "g", 1, truth, kinds=kinds, netlist_form="traced", seed=1, marked_only=marked_only
    )
    return found, skipped


def parts(truth: str, **kinds: int) -> set[str]:
    return {json.loads(question.gold)["across"] for question in asked(truth, **kinds)[0]}


def test_only_parts_with_a_printed_polarity_are_asked_about():
    assert parts(VOLTAGE_MARK, transfer=9, voltage=9) == {"R2"}
    assert parts(ARROW, current=9) == {"R3"}
    for question in [*asked(VOLTAGE_MARK, transfer=9, voltage=9)[0], *asked(ARROW, current=9)[0]]:
        assert "as marked" in question.prompt and json.loads(question.gold)["plus"] == 0


def test_a_mark_of_the_other_sort_says_nothing():
    assert parts(VOLTAGE_MARK, current=9) == parts(ARROW, transfer=9, voltage=9) == set()
    assert asked(PLAIN, transfer=2, current=1)[1] == {
        "transfer: no part whose polarity is printed": 2,
        "current: no part whose polarity is printed": 1,
    }


def test_a_source_carries_its_polarity_in_its_symbol():
    assert parts(CONTROLLED, voltage=9) == {"E1"}
    assert parts(CONTROLLED, current=9) == {"G1"}


def test_powers_impedances_and_printed_nodes_have_no_polarity():
    assert parts(PLAIN, power=9) == {"V1", "R1", "R2", "R3"}
    assert len(asked(PLAIN, impedance=9)[0]) == len(asked(PLAIN, impedance=9, marked_only=False)[0]) > 0
    nodes = asked(PLAIN + "\n; label_nodes=all", voltage=9)[0]
    assert {json.loads(question.gold)["node"] for question in nodes} == {"1", "2"}


def test_without_it_any_part_is_asked_about():
    every, _ = asked(VOLTAGE_MARK, marked_only=False, transfer=9, voltage=9)
    assert {json.loads(question.gold)["across"] for question in every} == {"R1", "R2", "R3"}


def test_the_teacher_asks_as_it_is_told():
    diagram = Described("d0", "g0", "circuits", 1, VOLTAGE_MARK, "drawn", "[]")
    for marked_only, expected in ((True, {"R2"}), (False, {"R1", "R2", "R3"})):
        asking = Asking({"voltage": 9}, "traced", seed=2, marked_only=marked_only)
        found = {json.loads(question.gold)["across"] for question in label(diagram, asking).questions}
        assert found == expected
