"""Questions state source, part and polarity; their answers are exact; the same seed asks the same."""

from __future__ import annotations

import json
import re
from fractions import Fraction
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import merge_wires, parse_netlist
from diagramlens.domains.circuits.questions import (
    KINDS,
    QuestionError,
    ask,
    ask_and_count,
    number_nodes,
    quantity_text,
    value_text,
)
from diagramlens.domains.circuits.solve import operating_point, transfer, transfer_text
from diagramlens.domains.circuits.topology import topology_group
from diagramlens.params import QuestionKind
from diagramlens.records import Question

PINNED = Path(__file__).with_name("pinned_questions.jsonl")

DRAWN = """\
V1 e a 10; up
R1 a b 2k; right
W b c; right
C1 c g 100n; down
R2 f b 3k; up
W e f; right
W f g; right
W f 0; down, ground"""
MARKED = DRAWN.replace("R2 f b 3k; up", "R2 f b 3k; up, v=vo")


def questions(
    truth: str = DRAWN, *, form: str = "traced", seed: int = 1, diagram: str = "d1", **kinds: int
) -> list[Question]:
    return ask(diagram, "group", 1, truth, kinds=kinds, netlist_form=form, seed=seed)  # type: ignore[arg-type]


def test_a_traced_netlist_lists_parts_and_wires_as_drawn_without_values():
    (question,) = questions(netlist=1)
    assert question.answer == "V1 e a\nR1 a b\nW b c\nC1 c g\nR2 f b\nW e f\nW f g\nW f 0"
    assert json.loads(question.gold) == {"netlist": question.answer, "ground": True}
    assert question.prompt.endswith("Ground is node 0.")


def test_a_merged_netlist_numbers_its_nodes_in_reading_order():
    (question,) = questions(netlist=1, form="merged")
    assert question.answer == "V1 0 1\nR1 1 2\nC1 2 0\nR2 0 2"


def test_without_a_ground_symbol_no_node_is_zero_and_none_is_promised():
    (question,) = questions(DRAWN.rpartition("\n")[0], netlist=1, form="merged")
    assert question.answer == "V1 3 1\nR1 1 2\nC1 2 3\nR2 3 2"
    assert json.loads(question.gold)["ground"] is False
    assert "round" not in question.prompt


def test_numbering_changes_names_only():
    netlist = parse_netlist(DRAWN)
    assert topology_group(number_nodes(netlist)) == topology_group(netlist)
    assert [part.name for part in number_nodes(netlist).parts] == [part.name for part in merge_wires(netlist).parts]


def test_a_transfer_question_is_answered_by_its_own_gold():
    asked = questions(transfer=9)
    assert len(asked) == 3  # V1 across itself is 1 and not asked
    for question in asked:
        gold = json.loads(question.gold)
        netlist = parse_netlist(gold["netlist"])
        result = transfer(netlist, gold["source"], gold["positive"], gold["negative"])
        assert (result.numerator, result.denominator) == (gold["numerator"], gold["denominator"])
        assert transfer_text(result) == question.answer
        assert netlist.part(gold["across"]).nodes[gold["plus"]] == gold["positive"]
        assert gold["names"] == ["C1", "R1", "R2", "s"]
        assert gold["source"] in question.prompt and gold["across"] in question.prompt


@pytest.mark.parametrize(
    ("direction", "ends"),
    [("right", "left right"), ("left", "right left"), ("up", "bottom top"), ("down", "top bottom")],
)
def test_polarity_is_said_by_the_drawings_directions(direction: str, ends: str):
    truth = f"V1 a 0 5\nR1 a b 1k; {direction}\nR2 b 0 1k; {direction}"
    for seed in range(6):
        for question in questions(truth, transfer=1, voltage=1, current=1, seed=seed):
            gold = json.loads(question.gold)
            if gold["across"] == "V1":
                continue
            first, second = ends.split() if gold["plus"] == 0 else reversed(ends.split())
            if question.kind == "current":
                assert f"flowing from its {first} end to its {second} end" in question.prompt
            else:
                assert f"positive at its {first} end" in question.prompt


def test_without_hints_polarity_is_said_by_nodes():
    (question,) = questions("V1 2 0 5\nR1 0 1 1k\nR2 2 1 1k", voltage=1)
    gold = json.loads(question.gold)
    node = {"R1": "01", "R2": "21"}[gold["across"]][gold["plus"]]
    assert f"positive at node {node}" in question.prompt


def test_a_marked_part_is_usually_asked_for_in_its_marked_polarity():
    asked = [question for seed in range(100) for question in questions(MARKED, transfer=1, seed=seed)]
    golds = [(json.loads(question.gold), question.prompt) for question in asked]
    marked = [(gold, prompt) for gold, prompt in golds if gold["across"] == "R2"]
    assert 75 <= len(marked) <= 97
    for gold, prompt in marked:
        assert gold["plus"] == 0
        assert "positive at its bottom end, as marked" in prompt


def test_numeric_questions_state_all_values_and_are_exact():
    for question in questions(voltage=9, current=9):
        gold = json.loads(question.gold)
        point = operating_point(parse_netlist(gold["netlist"]))
        part = parse_netlist(gold["netlist"]).part(gold["across"])
        exact = point.across(part) if question.kind == "voltage" else point.currents[part.name]
        assert Fraction(gold["value"]) == (-exact if gold["plus"] else exact)
        assert gold["unit"] == {"voltage": "V", "current": "A"}[question.kind]
        assert "V1 = 10 V, R1 = 2 kΩ, C1 = 100 nF, R2 = 3 kΩ" in question.prompt
        assert "DC steady" in question.prompt


def test_a_resistive_circuit_is_not_told_of_steady_state():
    truth = "V1 a 0 5; up\nR1 a b 1k; right\nR2 b 0 1k; down"
    assert not any("steady" in question.prompt for question in questions(truth, voltage=3, current=3))


def test_what_needs_no_look_at_the_picture_is_not_asked():
    asked, skipped = ask_and_count(
        "d", "g", 1, DRAWN, kinds={"transfer": 9, "voltage": 9, "current": 9}, netlist_form="traced", seed=1
    )
    assert not any(question.answer in ("0", "1", "-1", "0 V", "0 A") for question in asked)
    across = {(question.kind, json.loads(question.gold)["across"]) for question in asked}
    assert ("voltage", "V1") not in across
    assert ("current", "C1") not in across
    assert skipped == {"transfer: too few parts": 6, "voltage: too few parts": 6, "current: only answers of zero": 6}


def test_what_cannot_be_asked_is_counted_with_its_reason():
    def reasons(truth: str) -> dict[str, int]:
        kinds = {"netlist": 1, "transfer": 1, "voltage": 1}
        return ask_and_count("d", "g", 1, truth, kinds=kinds, netlist_form="traced", seed=1)[1]

    assert reasons("R1 1 0 1k\nR2 1 0 1k") == {"transfer: no independent source": 1, "voltage: only answers of zero": 1}
    assert reasons("V1 1 0\nR1 1 2\nR2 2 0") == {"voltage: a part has no numeric value": 1}
    assert reasons("V1 1 0 5\nC1 1 2 1u\nC2 2 0 1u") == {"voltage: no single DC operating point": 1}
    assert reasons("V1 1 0 5\nR1 1 0 1k") == {"transfer: only answers of 0, 1 or -1": 1}


def test_with_several_sources_the_others_are_said_to_be_zero():
    truth = "V1 a 0 5; up\nR1 a b 1k; right\nI1 0 b 1m; up"
    assert all(
        question.prompt.endswith("All other independent sources are zero.") for question in questions(truth, transfer=4)
    )


def test_symbolic_values_name_the_symbols_of_the_answer():
    truth = "C1 2 1 C1\nG1 1 4 2 0 y_1\nV1 2 0 step\nR1 2 0 R1\nR2 2 4 R2"
    golds = [json.loads(question.gold) for question in questions(truth, transfer=9)]
    assert all(gold["names"] == ["C1", "R1", "R2", "s", "y_1"] for gold in golds)
    assert ("y_1", "C1*s") in {(gold["numerator"].lstrip("-"), gold["denominator"]) for gold in golds}


def test_the_same_seed_asks_the_same_whatever_else_is_asked():
    alone = questions(transfer=1)
    among = [
        question for question in questions(netlist=1, voltage=1, transfer=1, current=1) if question.kind == "transfer"
    ]
    assert alone == among
    prompts = {questions(transfer=1, seed=seed)[0].prompt for seed in range(30)}
    assert len({re.sub(r"R\d|C\d", "X", prompt) for prompt in prompts}) > 5
    assert len({question.id for question in questions(netlist=1, transfer=3, voltage=2, current=2)}) == 8


def test_the_questions_of_the_first_published_set_stay_what_they_are():
    """Ids, prompts, answers and golds of netlists, transfer functions, voltages and currents: models were trained on them."""
    kinds = {"netlist": 1, "transfer": 2, "voltage": 1, "current": 1}
    for line in PINNED.read_text(encoding="utf-8").splitlines():
        pinned = json.loads(line)
        asked = ask(pinned["id"], "g", 1, pinned["truth"], kinds=kinds, netlist_form="traced", seed=2)
        found = [{"id": q.id, "prompt": q.prompt, "answer": q.answer, "gold": q.gold} for q in asked]
        assert found == pinned["questions"]


def test_params_name_every_kind_that_there_is():
    assert set(KINDS) == set(get_args(QuestionKind))


def test_an_unknown_kind_is_refused():
    with pytest.raises(
        QuestionError,
        match="no questions of kind 'colour'; they have: netlist, count, joined, between, function, transfer",
    ):
        questions(colour=1)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("4", "4 V"),
        ("-1/400", "-2.5 mV"),
        ("1/3", "333 mV"),
        ("999.6", "1 kV"),
        ("12345", "12.3 kV"),
        ("1.005", "1 V"),
        ("1.015", "1.02 V"),
        ("0.00000125", "1.25 µV"),
    ],
)
def test_quantities_have_three_digits_and_a_prefix(value: str, text: str):
    assert quantity_text(Fraction(value), "V") == text


@given(st.fractions(min_value=Fraction(1, 10**12), max_value=10**12), st.sampled_from([1, -1]))
def test_quantities_are_within_half_a_percent_of_the_exact_value(size: Fraction, sign: int):
    value = size * sign
    match = re.fullmatch(r"(-?[0-9]{1,3}(?:\.[0-9]{1,2})?) ([pnµmkMGT]?)A", quantity_text(value, "A"))
    assert match is not None
    power = {"p": -12, "n": -9, "µ": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12}[match[2]]
    assert abs(Fraction(match[1]) * Fraction(10) ** power - value) <= abs(value) / 200


def test_values_are_stated_exactly():
    assert value_text(Fraction(2200), "Ω") == "2.2 kΩ"
    assert value_text(Fraction("4.7e-6"), "F") == "4.7 µF"
    assert value_text(Fraction(1234567), "Ω") == "1.234567 MΩ"
    assert value_text(Fraction(0), "V") == "0 V"
