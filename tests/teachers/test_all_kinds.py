"""Every kind of question over random circuits of every level: graded right, confirmed by numbers, answerable from picture and prompt."""

from __future__ import annotations

import cmath
import copy
import json
import math
import random
import re
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
import sympy

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist, parse_netlist
from diagramlens.domains.circuits.questions import KINDS, Posed, pose, spice_text
from diagramlens.domains.circuits.questions.labels import shows_name, shows_value
from diagramlens.domains.circuits.questions.table import TABLE
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit, sample_look, told
from diagramlens.grading.answers import grade
from diagramlens.teachers.cross_check import AGREE, compare_numerically
from diagramlens.teachers.cross_check import KINDS as CHECKED
from diagramlens.teachers.numeric_solve import NumericError, known_numbers, random_values, solve_numerically
from tests.circuits.recipes import DOMAIN

ROOT = Path(__file__).parents[2]
CIRCUITS = 150
# Numeric kinds are asked of every third circuit or less; each must occur often enough here for the tests to mean something.
LEAST = 8


@pytest.fixture(scope="module")
def truths() -> list[tuple[int, str]]:
    """Levels and truths of random circuits, half of them with printed node numbers."""
    content = copy.deepcopy(DOMAIN)
    for level in content["levels"].values():
        level["weight"] = 1.0
    content["levels"]["level_5"]["weight"] = 0.0
    content["labels"] = dict.fromkeys(content["labels"], 1.0)
    content["shapes"] = {"grid": 3.0, "ladder": 2.0, "bridge": 1.0, "two_port": 0.5}
    recipe = CircuitRecipe.of(content)
    found = []
    for number in range(CIRCUITS):
        rng = random.Random(number)
        circuit = sample_circuit(recipe, rng)
        assert isinstance(circuit, Circuit)
        truth = told(circuit, sample_look(recipe, rng))
        if number % 2 and "label_nodes" not in truth:
            truth += "; label_nodes=all\n"
        found.append((circuit.level, truth))
    return found


@pytest.fixture(scope="module")
def asked(truths: list[tuple[int, str]]) -> list[Posed]:
    """One question of each kind about each circuit."""
    kinds = dict.fromkeys(KINDS, 1)
    every: list[Posed] = []
    for number, (level, truth) in enumerate(truths):
        every += pose(f"d{number}", "g", level, truth, kinds=kinds, netlist_form="traced", seed=7)[0]
    return every


def of_kind(asked: list[Posed], *kinds: str) -> list[tuple[Posed, dict]]:
    found = [(posed, json.loads(posed.question.gold)) for posed in asked if posed.question.kind in kinds]
    assert len(found) >= LEAST
    return found


def test_every_kind_is_asked_at_every_level_that_can_have_it(asked: list[Posed]):
    levels = {kind: {posed.question.level for posed in asked if posed.question.kind == kind} for kind in KINDS}
    for kind in ("netlist", "count", "joined", "between", "function", "transfer", "impedance", "nodal"):
        assert levels[kind] == {0, 1, 2, 3, 4}, kind
    for kind in ("voltage", "current", "power", "design"):
        assert levels[kind] == {0, 1, 2, 4}, kind
    for kind in ("dc_gain", "hf_gain", "poles", "cutoff"):
        assert levels[kind] >= {1, 4}, kind


def test_every_answer_is_right_to_its_own_grader(asked: list[Posed]):
    for posed in asked:
        question = posed.question
        graded = grade(question.kind, json.loads(question.gold), question.answer, question.answer)
        assert graded.correct, (question, graded.reason)


def test_numbers_confirm_every_answer_that_can_be_checked_at_random_points(asked: list[Posed]):
    verdicts = Counter(compare_numerically(posed.question) for posed in asked if posed.question.kind in CHECKED)
    assert verdicts[AGREE] > 0.95 * verdicts.total()


def gain(gold: dict, s: complex) -> float:
    """The size of the transfer function that a gold is about, by floating point; infinite where the equations are as good as singular."""
    netlist = parse_netlist(gold["netlist"])
    try:
        solution = solve_numerically(netlist, known_numbers(netlist), {gold["source"]: 1}, s)
    except NumericError:
        return math.inf
    ends = netlist.part(gold["across"]).nodes
    return abs(solution.voltages[ends[0]] - solution.voltages[ends[1]])


def test_the_gain_is_large_at_poles_and_small_at_zeros(asked: list[Posed]):
    decided = 0
    for posed, gold in of_kind(asked, "poles", "zeros"):
        for real, imaginary in gold["roots"]:
            root = complex(float(real), float(imaginary))
            size = abs(root) or 1e-3
            close, away = (gain(gold, root + size * offset * cmath.exp(0.7j)) for offset in (1e-7, 1e-5))
            if math.isfinite(away) and (math.isfinite(close) or posed.question.kind == "poles"):
                assert (close > 10 * away) if posed.question.kind == "poles" else (close < away / 10), posed.question
                decided += 1
    assert decided > 40


def test_at_the_cut_off_the_gain_is_three_decibels_below_the_pass_band(asked: list[Posed]):
    decided = 0
    for posed, gold in of_kind(asked, "cutoff"):
        at_cut, low, high = (gain(gold, 2j * math.pi * float(gold["value"]) * factor) for factor in (1, 1e-6, 1e6))
        if math.isfinite(at_cut + low + high):
            assert at_cut == pytest.approx(max(low, high) / math.sqrt(2), rel=1e-3), posed.question
            decided += 1
    assert decided > LEAST


def test_a_time_constant_is_that_of_what_the_store_sees(asked: list[Posed]):
    for posed, gold in of_kind(asked, "time_constant"):
        netlist = parse_netlist(gold["netlist"])
        (store,) = (part for part in netlist.parts if part.kind in "LC")
        test = Part("Itest", "I", (store.nodes[1], store.nodes[0]), None)
        rest = Netlist((*(part for part in netlist.parts if part is not store), test))
        seen = solve_numerically(rest, known_numbers(rest), {"Itest": 1}, 0).voltages
        resistance = (seen[store.nodes[0]] - seen[store.nodes[1]]).real
        value = known_numbers(netlist)[store.name].real
        expected = resistance * value if store.kind == "C" else value / resistance
        assert float(Fraction(gold["value"])) == pytest.approx(expected, rel=1e-6), posed.question


def most_volts(netlist: Netlist, s: complex) -> float:
    """The largest node voltage when every source is one; infinite where the equations are as good as singular."""
    drives = {part.name: 1.0 for part in netlist.parts if part.kind in "VI"}
    try:
        return max(map(abs, solve_numerically(netlist, known_numbers(netlist), drives, s).voltages.values()))
    except NumericError:
        return math.inf


def test_a_design_meets_its_specification(asked: list[Posed]):
    for posed, gold in of_kind(asked, "design"):
        netlist = parse_netlist(gold["netlist"])
        built = Netlist(
            tuple(
                replace(part, value=spice_text(Fraction(gold["value"]))) if part.name == gold["design"] else part
                for part in netlist.parts
            )
        )
        numbers = known_numbers(built)
        specified = float(Fraction(gold["specified"]))
        if gold["form"] in ("voltage", "current"):
            point = solve_numerically(built, numbers, numbers, 0)
            part = built.part(gold["across"])
            volts = point.voltages[part.nodes[0]] - point.voltages[part.nodes[1]]
            found = (volts if gold["form"] == "voltage" else point.currents[part.name]).real * (
                -1 if gold["plus"] else 1
            )
        elif gold["form"] == "gain":
            ends = built.part(gold["across"]).nodes
            seen = solve_numerically(built, numbers, {gold["source"]: 1}, 0).voltages
            found = (seen[ends[0]] - seen[ends[1]]).real * (-1 if gold["plus"] else 1)
        elif gold["form"] == "cutoff":
            of_built = gold | {"netlist": format_netlist(built)}
            at_cut, low, high = (gain(of_built, 1j * specified * factor) for factor in (1, 1e-6, 1e6))
            if math.isfinite(at_cut + low + high):
                assert at_cut == pytest.approx(max(low, high) / math.sqrt(2), rel=1e-3), posed.question
            continue
        else:
            # What sources do grows without bound close to the pole at -1/τ.
            close, away = (most_volts(built, -(1 + offset) / specified) for offset in (1e-6, 1e-2))
            assert close > 20 * away or math.isinf(away), posed.question
            continue
        assert found == pytest.approx(specified, rel=1e-6), posed.question


def symbols_in(*texts: str) -> dict[str, sympy.Symbol]:
    return {name: sympy.Symbol(name) for text in texts for name in re.findall(r"[A-Za-z_]\w*", text)}


def test_a_nodal_equation_holds_for_the_voltages_of_its_circuit(asked: list[Posed]):
    for posed, gold in of_kind(asked, "nodal"):
        netlist = parse_netlist(gold["netlist"])
        values, s = random_values(netlist, random.Random(posed.question.id)), 0.3 + 0.8j
        try:
            solution = solve_numerically(netlist, values, values, s)
        except NumericError:
            continue
        known = values | {"s": s} | {f"Vn{node}": volts for node, volts in solution.voltages.items()}
        left = f"({gold['left']})-({gold['right']})"
        if posed.asked.wordings == "described":
            # The words say which node each letter is: the one node at which both parts are.
            pattern = r"(V[a-z]) is the voltage over ground of the node where (\w+) and (\w+) meet"
            for name, *parts in re.findall(pattern, posed.question.prompt):
                node = met_at(posed, *parts)
                known[name] = solution.voltages[node]
        symbols = symbols_in(left)
        expression = sympy.sympify(left, locals=symbols)
        residue = complex(expression.subs({symbol: known[name] for name, symbol in symbols.items()}))
        assert abs(residue) < 1e-9, posed.question


def met_at(posed: Posed, first: str, second: str) -> str:
    def drawn(name: str) -> set[str]:
        part = posed.circuit.merged.part(name)
        return set(
            (part.nodes[0], *part.nodes[2:])
            if part.model == "opamp"
            else part.nodes[:2]
            if part.kind in "EG"
            else part.nodes
        )

    (node,) = drawn(first) & drawn(second)
    return node


def wire_groups(truth: str) -> dict[str, set[str]]:
    """Nodes that wires join, read off the text by hand."""
    group: dict[str, set[str]] = {}
    for line in truth.splitlines():
        words = line.split(";")[0].split()
        if words and words[0] == "W":
            together = group.get(words[1], {words[1]}) | group.get(words[2], {words[2]})
            group |= dict.fromkeys(together, together)
    return group


def test_counts_are_those_of_the_lines(asked: list[Posed], truths: list[tuple[int, str]]):
    letters = {"resistors": "R", "capacitors": "C", "inductors": "L", "transistors": "QM"}
    for posed, gold in of_kind(asked, "count"):
        truth = truths[int(posed.question.diagram_id[1:])][1]
        if gold["what"] in letters:
            assert gold["count"] == sum(line[:1] in letters[gold["what"]] for line in truth.splitlines() if line), truth


def test_parts_at_printed_nodes_are_those_that_wires_lead_there(asked: list[Posed], truths: list[tuple[int, str]]):
    for posed, gold in of_kind(asked, "joined", "between"):
        truth = truths[int(posed.question.diagram_id[1:])][1]
        assert "label_nodes" in truth
        group = wire_groups(truth)
        together = {frozenset(group.get(node, {node})) for part in posed.circuit.drawn.parts for node in part.nodes}
        # Numbers are the reading order of the first letter of what wires join, ground apart.
        ends = [nodes for nodes in together if any(met_in(part, nodes) for part in posed.circuit.parts) or "0" in nodes]
        order = sorted((nodes for nodes in ends if "0" not in nodes), key=lambda nodes: min(nodes))
        number = {nodes: str(place) for place, nodes in enumerate(order, start=1)} | {
            nodes: "0" for nodes in ends if "0" in nodes
        }
        for name in gold["names"]:
            part = posed.circuit.drawn.part(name)
            at = {number[nodes] for nodes in ends for node in part.nodes if node in nodes}
            assert set(gold["nodes"]) <= at, (truth, posed.question)


def met_in(part: Part, nodes: frozenset[str]) -> bool:
    return any(node in nodes for node in part.nodes)


def test_prompts_name_only_parts_whose_names_are_printed_or_explained(asked: list[Posed]):
    form = re.compile(r"An? [^.]*? is written [^.]*\.")
    for posed in asked:
        prompt = form.sub("", posed.question.prompt)
        for part in posed.circuit.parts:
            if re.search(rf"\b{part.name}\b", prompt) and not shows_name(part):
                assert "called by the letter of their kind" in prompt, posed.question


def test_numeric_prompts_state_every_value_that_is_not_printed(asked: list[Posed]):
    numeric = ("voltage", "current", "power", "poles", "zeros", "cutoff", "time_constant", "design")
    for posed, gold in of_kind(asked, *numeric):
        for part in posed.circuit.parts:
            hidden = part.value is not None and not shows_value(part) and part.name != gold.get("design")
            assert (f"{part.name} = " in posed.question.prompt) == hidden, posed.question


def test_every_wording_has_its_slots_filled(asked: list[Posed]):
    used = set()
    for posed in asked:
        wordings = TABLE[posed.question.kind].wordings[posed.asked.wordings]
        assert len(wordings) >= 2
        for wording in wordings:
            prompt = wording.format(**posed.asked.slots)
            assert "{" not in prompt and "  " not in prompt, prompt
        used.add((posed.question.kind, posed.asked.wordings))
    assert {kind for kind, _ in used} == set(KINDS)


def test_nothing_is_asked_that_can_be_guessed(asked: list[Posed]):
    for posed, _ in of_kind(asked, "transfer", "impedance", "dc_gain", "hf_gain"):
        assert posed.question.answer not in ("0", "1", "-1")
    for posed, _ in of_kind(asked, "voltage", "current", "power", "poles", "zeros", "count"):
        assert posed.question.answer not in ("0", "0 V", "0 A", "0 W", "none")
