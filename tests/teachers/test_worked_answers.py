"""What a worked answer writes leads to its answer: the equations are solved with the values that its netlist gives."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy

from diagramlens.domains.circuits.netlist import is_number, parse_netlist, value_of
from diagramlens.grading.answers import grade
from diagramlens.records import Question
from diagramlens.teachers.solver import Asking, Described, label

SOURCES = """\
V1 e a 10; up
R1 a b 2k; right
L1 b c 10m; right
R2 c f 3k; down
V2 c d 4; right
I1 f d 2m; up
C1 d f 1u; down
W e f; right
W f 0; down, ground
"""
CONTROLLED = """\
V1 e a 10; up
R1 a b 2k; right
R2 b f 3k; down
E1 c f b f 4; down
R3 c d 1k; right
F1 f d V1 5; up
R4 d f 500; down
H1 g f V1 200; down
R5 g f 100; down
W e f; right
W f 0; down, ground
"""
ONE_STORE = "V1 e a 10; up\nR1 a b 2k; right\nR2 b f 3k; down\n{store}\nW e f; right\nW f 0; down, ground\n"
NUMERIC = ("voltage", "current", "power", "poles", "zeros", "cutoff", "time_constant", "design")


def worked(truth: str, **kinds: int) -> list[Question]:
    diagram = Described("d0", "g0", "circuits", 1, truth, "drawn", "[]")
    asking = Asking(kinds, "traced", seed=2, reasoning="worked")
    plain = {question.id: question for question in label(diagram, replace(asking, reasoning="none")).questions}
    found = list(label(diagram, asking).questions)
    for question in found:
        assert question.answer.rpartition("Answer: ")[2] == plain[question.id].answer
        assert grade(question.kind, json.loads(question.gold), plain[question.id].answer, question.answer).correct
    return found


def sections(answer: str) -> dict[str, str]:
    """The lines of the netlist, of the equations, and what is sought."""
    head, _, rest = answer.partition("\nNodal equations:\n")
    netlist = "\n".join(line for line in head.splitlines()[1:] if not line.endswith("."))
    equations, sought = re.search(r"(.*)\nSought: (.*)\nAnswer", rest, re.DOTALL).groups()  # type: ignore[union-attr]
    return {"netlist": netlist, "equations": equations, "sought": sought}


def value_sought(question: Question, **known: float) -> float:
    """What the equations make of the expression sought, for the values in the netlist."""
    written = sections(question.answer)
    parts = parse_netlist(written["netlist"]).parts
    numbers = {part.name: float(value_of(part.value)) for part in parts if part.value and is_number(part.value)} | known
    lines = written["equations"].splitlines()
    numbers |= {line.removesuffix("=0"): 0.0 for line in lines if re.fullmatch(r"\w+=0", line)}
    texts = [*lines, written["sought"]]
    names = {name: sympy.Symbol(name) for text in texts for name in re.findall(r"[A-Za-z]\w*", text)}
    unknowns = [symbol for name, symbol in names.items() if name not in numbers]

    def read(text: str) -> sympy.Expr:
        return sympy.sympify(text, locals=names).subs(
            {names[name]: number for name, number in numbers.items() if name in names}
        )

    equations = [read(left) - read(right) for left, right in (line.split("=") for line in lines)]
    (solution,) = sympy.linsolve(equations, unknowns)
    return float(read(written["sought"]).subs(dict(zip(unknowns, solution, strict=True))))


@pytest.mark.parametrize("truth", [SOURCES, CONTROLLED])
def test_every_voltage_current_and_power_follows_from_the_equations_written(truth: str):
    asked = worked(truth, voltage=9, current=9, power=9)
    across = {(question.kind, json.loads(question.gold)["across"]) for question in asked}
    assert {("current", "V1"), ("power", "V1")} <= across
    assert (
        (("current", "L1") in across and ("power", "I1") in across) if truth == SOURCES else ("current", "F1") in across
    )
    for question in asked:
        expected = float(Fraction(json.loads(question.gold)["value"]))
        assert value_sought(question) == pytest.approx(expected, rel=1e-9), question


@pytest.mark.parametrize("store", ["C1 b f 1u; down", "L1 b f 5m; down"])
def test_a_time_constant_follows_from_a_test_current(store: str):
    (question,) = worked(ONE_STORE.format(store=store), time_constant=1)
    expected = float(Fraction(json.loads(question.gold)["value"]))
    assert value_sought(question, Itest=1.0) == pytest.approx(expected, rel=1e-9)
    assert "Itest in the place of" in question.answer


def test_numbers_are_worked_out_from_a_netlist_with_values_and_formulas_from_one_without():
    truth = ONE_STORE.format(store="C1 b f 1u; down")
    for question in worked(truth, transfer=1, **dict.fromkeys(NUMERIC, 1)):
        lines = question.answer.partition("Nodal equations")[0].splitlines()
        assert ("R1 1 2 2k" in lines or "R2 2 0 3k" in lines) == (question.kind in NUMERIC), question
        chosen = json.loads(question.gold).get("design")
        assert chosen is None or any(re.fullmatch(rf"{chosen} \d \d", line) for line in lines), question


def test_what_direct_current_makes_of_capacitors_and_inductors_is_said():
    said = "In DC steady state a capacitor is open and an inductor is a wire, written as a source of 0 V (VL1 for L1)."
    for question in worked(SOURCES, voltage=3, current=3, power=3):
        assert said in question.answer.splitlines()
        assert "\nL1 2 3 10m\n" in question.answer and "\nVL1=0\n" in question.answer
    for question in worked(CONTROLLED, voltage=3):
        assert "In DC" not in question.answer


def test_a_design_says_what_is_to_be_reached():
    for seed in range(3):
        truth = ONE_STORE.format(store="C1 b f 1u; down").replace("10;", f"{10 + seed};")
        for question in worked(truth, design=3):
            gold, written = json.loads(question.gold), sections(question.answer)
            assert written["sought"].startswith(f"{gold['design']} such that ")
            relation = " has fallen by 3 dB at " if gold["form"] == "cutoff" else " is "
            quantity, spec = written["sought"].removeprefix(f"{gold['design']} such that ").split(relation)
            assert spec in question.prompt
            if gold["form"] == "cutoff":
                continue
            solved = replace(question, answer=question.answer.replace(written["sought"], quantity))
            found = value_sought(solved, **{gold["design"]: float(Fraction(gold["value"])), "Itest": 1.0})
            assert found == pytest.approx(float(Fraction(gold["specified"])), rel=1e-9), question


@pytest.mark.parametrize("options", ["", "; label_nodes=all\n"])
def test_a_nodal_equation_is_led_up_to_by_the_parts_and_voltages_at_its_node(options: str):
    for question in worked(CONTROLLED + options, nodal=9):
        here, voltages = re.search(r"\nAt node \w+: (.*)\nVoltages over ground: (.*)\nAnswer", question.answer).groups()  # type: ignore[union-attr]
        gold = json.loads(question.gold)
        node = gold["node"]
        parts = {part.name for part in parse_netlist(gold["netlist"]).parts if node in part.nodes[:2]}
        assert set(here.split(", ")) == parts
        for said in voltages.split(", "):
            name, _, place = said.partition(" at node ")
            assert place in parse_netlist(gold["netlist"]).nodes
            assert name.lstrip("-") in gold["voltages"]
        equation = question.answer.rpartition("Answer: ")[2]
        assert all(said.split()[0].lstrip("-") in equation for said in voltages.split(", "))


def test_an_answer_behind_the_netlist_is_a_worked_one_without_its_equations():
    """What is read, what is sought and the answer: of every kind that is worked out, and of no other."""
    kinds = dict.fromkeys((*NUMERIC, "transfer", "impedance", "netlist", "count"), 2)
    diagram = Described("d0", "g0", "circuits", 1, SOURCES, "drawn", "[]")
    asking = Asking(kinds, "traced", seed=2, reasoning="netlist")
    plain, full = (
        {question.id: question.answer for question in label(diagram, replace(asking, reasoning=reasoning)).questions}
        for reasoning in ("none", "worked")
    )
    traced = "".join(f"{line.partition(';')[0].strip()}\n" for line in SOURCES.splitlines())
    behind = set()
    for question in label(diagram, asking).questions:
        if plain[question.id] == full[question.id]:
            assert question.answer == plain[question.id]
            continue
        behind.add(question.kind)
        assert grade(question.kind, json.loads(question.gold), plain[question.id], question.answer).correct
        followed, header, rest = question.answer.partition("Netlist:\n")
        drawn = parse_netlist(followed.removeprefix("Traced:\n"))
        assert [(part.name, part.nodes) for part in drawn.parts] == [
            (part.name, part.nodes) for part in parse_netlist(traced).parts
        ]
        kept = [line for line in full[question.id].splitlines() if line in rest.splitlines() or line == "Netlist:"]
        assert (header + rest).splitlines() == kept
        assert "\nSought: " in rest and "Nodal equations" not in rest
    assert {"transfer", "impedance", "voltage"} <= behind and not {"netlist", "count"} & behind


def test_a_merged_netlist_is_not_traced_first():
    diagram = Described("d0", "g0", "circuits", 1, SOURCES, "drawn", "[]")
    (question,) = label(diagram, Asking({"transfer": 1}, "merged", seed=2, reasoning="netlist")).questions
    assert question.answer.startswith("Netlist:\nV1 ")
