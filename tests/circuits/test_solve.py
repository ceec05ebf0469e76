"""The solver gives the textbook's transfer functions, agrees with numeric analysis, and says why where there is no answer."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist, parse_netlist, value_of
from diagramlens.domains.circuits.solve import (
    SolveError,
    TooLargeError,
    formula,
    operating_point,
    refuse_faulty,
    symbols_of,
    transfer,
    transfer_across,
    transfer_text,
    voltage,
)
from diagramlens.teachers.numeric_solve import NumericError, agrees


def answer(text: str, source: str, positive: str, negative: str = "0", **options: bool) -> str:
    return transfer_text(transfer(parse_netlist(text), source, positive, negative, **options))


def same(text: str, expected: str) -> bool:
    return sympy.cancel(sympy.sympify(text, locals=_NAMES) - sympy.sympify(expected, locals=_NAMES)) == 0


_NAMES = {f"{letter}{i}": sympy.Symbol(f"{letter}{i}") for letter in "RLC" for i in range(15)} | {
    name: sympy.Symbol(name) for name in ("R", "L", "C", "s", "gm")
}


@pytest.mark.parametrize(
    ("text", "output", "expected"),
    [
        ("V1 1 0\nR1 1 2\nR2 2 0", "2", "R2/(R1+R2)"),
        ("V1 1 0\nR1 1 2\nC1 2 0", "2", "1/(C1*R1*s+1)"),
        ("V1 1 0\nC1 1 2\nR1 2 0", "2", "C1*R1*s/(C1*R1*s+1)"),
        ("V1 1 0\nL1 1 2\nR1 2 0", "2", "R1/(L1*s+R1)"),
        ("V1 1 0\nR1 1 2\nL1 2 3\nC1 3 0", "3", "1/(C1*L1*s**2+C1*R1*s+1)"),
        ("V1 1 0\nR1 1 2\nR2 2 0\nR3 2 0", "2", "R2*R3/(R1*R2+R1*R3+R2*R3)"),
        ("V1 1 0\nR1 1 0", "1", "1"),
        ("V1 1 0\nR1 1 2\nR2 2 0\nR3 2 3\nR4 3 2", "3", "R2/(R1+R2)"),
        ("V1 1 0\nR2 1 2\nR10 2 0", "2", "R10/(R2+R10)"),
    ],
)
def test_textbook_circuits_have_their_canonical_answers(text: str, output: str, expected: str):
    assert answer(text, "V1", output) == expected


def test_current_into_an_impedance_gives_the_impedance():
    assert answer("I1 0 1\nR1 1 2\nL1 2 0", "I1", "1") == "L1*s+R1"
    assert answer("I1 1 0\nR1 1 0", "I1", "1") == "-R1"


def test_a_wien_bridge_has_its_band_pass_in_the_left_arm():
    text = "V1 1 0\nR1 1 2 R\nC1 2 3 C\nR2 3 0 R\nC2 3 0 C\nR3 1 4\nR4 4 0"
    assert same(answer(text, "V1", "3"), "R*C*s/(R**2*C**2*s**2+3*R*C*s+1)")
    assert same(answer(text, "V1", "3", "4"), "R*C*s/(R**2*C**2*s**2+3*R*C*s+1) - R4/(R3+R4)")


def test_a_balanced_bridge_gives_zero():
    assert answer("V1 1 0\nR1 1 2 R\nR2 2 0 R\nR3 1 3 R\nR4 3 0 R\nR5 2 3", "V1", "2", "3") == "0"


def test_a_bridged_t_of_two_capacitors_is_a_notch():
    text = "V1 1 0\nC1 1 2 C\nC2 2 3 C\nR1 2 0\nR2 1 3"
    assert same(answer(text, "V1", "3"), "(C**2*R1*R2*s**2+2*R1*C*s+1)/(C**2*R1*R2*s**2+(2*R1+R2)*C*s+1)")


def test_a_symmetric_twin_t_is_a_notch_at_one_over_rc():
    text = "V1 1 0\nR1 1 2 R\nR2 2 3 R\nC3 2 0 C2\nC1 1 4 C\nC4 4 3 C\nR3 4 0 R2"
    result = answer(text, "V1", "3").replace("C2", "(2*C)").replace("R2", "(R/2)")
    assert same(result, "(R**2*C**2*s**2+1)/(R**2*C**2*s**2+4*R*C*s+1)")


def test_a_ladder_of_twelve_rc_sections_is_solved():
    sections = [f"R{i + 1} {i + 1} {i + 2}\nC{i + 1} {i + 2} 0" for i in range(12)]
    result = transfer(parse_netlist("V1 1 0\n" + "\n".join(sections)), "V1", "13", "0")
    assert result.numerator == "1"
    terms = result.denominator.split("+")
    assert len(terms) == 75_025
    assert (
        terms[0] == "*".join(f"C{i}" for i in range(1, 13)) + "*" + "*".join(f"R{i}" for i in range(1, 13)) + "*s**12"
    )
    assert terms[-1] == "1"


def test_controlled_sources_follow_spices_signs():
    assert answer("V1 2 0 step\nC1 2 1 C1\nG1 1 4 2 0 y_1\nR1 2 0 R1\nR2 2 4 R2", "V1", "2", "1") == "y_1/(C1*s)"
    assert answer("V1 1 0\nR1 1 0\nE1 2 0 1 0\nR2 2 3\nR3 3 0", "V1", "3") == "E1*R3/(R2+R3)"
    assert answer("V1 1 0\nR1 1 2\nV2 2 0\nF1 0 3 V2\nR2 3 0", "V1", "3") == "F1*R2/R1"
    assert answer("V1 1 0\nL1 1 2\nV2 2 0\nH1 3 0 V2\nR2 3 0", "V1", "3") == "H1/(L1*s)"


def test_an_inverting_amplifier_of_high_gain_tends_to_its_resistors_ratio():
    text = "V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 0 2 A"
    assert same(answer(text, "V1", "3").replace("A", "R3"), "-R2*R3/(R1+R2+R1*R3)")


def test_other_sources_are_zero():
    text = "V1 1 0\nR1 1 2\nR2 2 3\nV2 3 0\nI1 2 0"
    assert answer(text, "V1", "2") == "R2/(R1+R2)"
    assert answer(text, "I1", "2") == "-R1*R2/(R1+R2)"


def test_wires_join_and_without_ground_the_first_node_is_the_reference():
    assert answer("V1 e a\nR1 a b\nW b c\nR2 c g\nW e f\nW f g", "V1", "c", "f") == "-R2/(R1+R2)"


def test_numeric_values_are_put_in_where_asked():
    text = "V1 1 0 5\nR1 1 2 1k\nC1 2 0 1u\nR2 2 0"
    assert answer(text, "V1", "2") == "R2/(C1*R1*R2*s+R1+R2)"
    assert answer(text, "V1", "2", symbols=False) == "1000*R2/(R2*s+1000*R2+1000000)"


def test_the_part_asked_for_can_be_named_with_its_positive_end():
    netlist = parse_netlist("R1 0 1 R1\nR2 2 0 R2\nV1 1 2 V1")
    assert transfer_text(transfer_across(netlist, "V1", "R1")) == "-R1/(R1+R2)"
    assert transfer_text(transfer_across(netlist, "V1", "R1", plus=1)) == "R1/(R1+R2)"


def test_symbols_of_a_circuit_are_its_parts_but_not_its_sources():
    assert symbols_of(parse_netlist("V1 1 0 5\nR1 1 2 1k\nG1 2 0 1 0 y_1\nW 2 3")) == ["R1", "s", "y_1"]


@pytest.mark.parametrize(
    ("text", "source", "positive", "negative", "message"),
    [
        ("V1 1 0\nR1 1 0", "V2", "1", "0", "no independent source 'V2' in the netlist; its sources are: V1"),
        ("V1 1 0\nR1 1 0", "R1", "1", "0", "no independent source 'R1'"),
        ("V1 1 0\nR1 1 0", "V1", "7", "0", "no node '7' in the netlist; its nodes are: 1 0"),
        ("V1 1 0\nR1 1 0\nR2 3 4", "V1", "1", "0", "node 3 floats"),
        ("V1 1 0\nV2 1 0\nR1 1 0", "V1", "1", "0", "V2 closes a loop of voltage sources"),
        ("V1 1 0\nW 1 0\nR1 1 0", "V1", "1", "0", "V1 closes a loop of voltage sources"),
        ("V1 1 0\nR1 1 0\nG1 2 0 1 0", "V1", "2", "0", "the equations are singular"),
        ("V1 1 0\nR1 1 2\nR2 2 0\nE1 3 0 opamp 1 2", "V1", "3", "0", "an ideal op-amp needs feedback from its output"),
        ("V1 1 0\nR1 1 2\nE1 1 0 opamp 0 2", "V1", "2", "0", "E1 closes a loop of voltage sources"),
    ],
)
def test_what_cannot_be_solved_says_why_in_one_line(text: str, source: str, positive: str, negative: str, message: str):
    with pytest.raises(SolveError) as raised:
        transfer(parse_netlist(text), source, positive, negative)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_circuit_whose_answer_would_explode_is_refused_at_once():
    mesh = "\n".join(f"R{10 * i + j} n{i} n{j}" for i in range(9) for j in range(i + 1, 9))
    with pytest.raises(SolveError, match="too large: its determinant has about 4782969 terms"):
        transfer(parse_netlist(f"V1 n0 0\n{mesh}"), "V1", "n5", "n0")


def test_that_numbers_would_help_is_said_where_symbols_are_too_many_and_they_do():
    resistors = [f"R{10 * i + j} n{i} n{j}" for i in range(9) for j in range(i + 1, 9)]
    with pytest.raises(TooLargeError, match="with a number for every part it can be solved"):
        transfer(parse_netlist("V1 n0 0\nW n8 0\n" + "\n".join(resistors)), "V1", "n5", "0", symbols=False)
    # By symmetry every inner node of a complete mesh is at half the voltage between two others.
    valued = "V1 n0 0\nW n8 0\n" + "\n".join(f"{resistor} 1k" for resistor in resistors)
    assert answer(valued, "V1", "n5", symbols=False) == "1/2"
    with pytest.raises(TooLargeError):
        answer(valued, "V1", "n5")
    with pytest.raises(TooLargeError):
        answer(valued.removesuffix(" 1k"), "V1", "n5", symbols=False)


def test_a_ladder_of_twenty_rc_sections_with_numbers_has_the_coefficients_of_its_recurrence():
    sections = "\n".join(f"R{k} n{k - 1} n{k} 1\nC{k} n{k} 0 1" for k in range(1, 21))
    solved = formula(parse_netlist(f"V1 n0 0\n{sections}"), "V1", "n20", "0", symbols=False)
    above, below = solved.coefficients()
    # Equal sections: the coefficient of s**k is the number of ways to choose n - k of n + k (Morgan-Voyce 1959).
    assert above == [1]
    assert below == [math.comb(20 + k, 20 - k) for k in range(21)]


def test_a_fault_of_the_circuit_is_found_whatever_is_asked_of_it():
    for text, message in (
        ("V1 1 0\nV2 2 0\nR1 1 2\nR2 5 6", "node 5 floats"),
        ("V1 1 0\nW 1 2\nV2 2 0\nR1 1 0", "V2 closes a loop of voltage sources"),
    ):
        with pytest.raises(SolveError, match=message):
            refuse_faulty(parse_netlist(text))
    # The current in this loop is not free: it rules H1, whose voltage is given.
    ruled = "V1 1 0\nH1 1 0 V1\nR1 1 0"
    refuse_faulty(parse_netlist(ruled))
    assert answer(ruled, "V1", "1") == "1"


# --- Against numeric analysis -----------------------------------------------------------------------------------------


@st.composite
def random_circuits(draw: st.DrawFn) -> Netlist:
    size = draw(st.integers(2, 5))
    parts = [("V", 0, 1)]
    # A tree first, so that nothing floats.
    parts += [(draw(st.sampled_from("RLC")), draw(st.integers(0, node - 1)), node) for node in range(2, size + 1)]
    ends = st.integers(0, size)
    parts += draw(st.lists(st.tuples(st.sampled_from("RLCIG"), ends, ends), min_size=1, max_size=6))
    read = []
    for index, (kind, first, second) in enumerate(parts):
        nodes = (str(first), str(second))
        if kind == "G":
            nodes = (*nodes, str(draw(ends)), str(draw(ends)))
        read.append(Part(f"{kind}{index}", kind, nodes, None))
    return Netlist(tuple(read))


def numeric_transfer(netlist: Netlist, values: dict[str, complex], s: complex) -> np.ndarray:
    """Node voltages by plain complex nodal analysis with the first source at 1 V; node 0 is the last resort of both."""
    nodes = sorted(netlist.nodes)
    place = {node: index for index, node in enumerate(nodes)}
    matrix = np.zeros((len(nodes) + 1, len(nodes) + 1), dtype=complex)
    right = np.zeros(len(nodes) + 1, dtype=complex)
    for part in netlist.parts:
        a, b, *controls = (place[node] for node in part.nodes)
        if part.kind in "RLC":
            y = {"R": 1 / values[part.name], "L": 1 / (s * values[part.name]), "C": s * values[part.name]}[part.kind]
            matrix[a, a] += y
            matrix[b, b] += y
            matrix[a, b] -= y
            matrix[b, a] -= y
        elif part.kind == "G":
            for row, sign in ((a, 1), (b, -1)):
                matrix[row, controls[0]] += sign * values[part.name]
                matrix[row, controls[1]] -= sign * values[part.name]
        elif part.kind == "V":
            matrix[a, -1] += 1
            matrix[b, -1] -= 1
            matrix[-1, a] += 1
            matrix[-1, b] -= 1
            right[-1] = 1
    ground = place["0"]
    matrix[ground] = 0
    matrix[ground, ground] = 1
    right[ground] = 0
    assume(np.linalg.cond(matrix) < 1e8)
    return np.linalg.solve(matrix, right)


@given(random_circuits(), st.randoms(use_true_random=False))
@settings(max_examples=80, deadline=None)
def test_symbolic_answers_equal_numeric_analysis_at_random_points(netlist: Netlist, rng: random.Random):
    try:
        symbolic = {node: transfer(netlist, "V0", node, "0") for node in netlist.nodes}
    except SolveError as error:
        assert "singular" in str(error)
        return
    values = {name: complex(rng.uniform(0.5, 2)) for name in symbols_of(netlist)}
    values["s"] = complex(rng.uniform(-1, 1), rng.uniform(0.5, 2))
    voltages = numeric_transfer(netlist, values, values["s"])
    for node, result in symbolic.items():
        # The text is our own, of names and + - * ** only.
        above, below = (eval(text, {"__builtins__": {}}, values) for text in (result.numerator, result.denominator))  # noqa: S307
        assert above / below == pytest.approx(voltages[sorted(netlist.nodes).index(node)], rel=1e-6, abs=1e-9)


@st.composite
def active_circuits(draw: st.DrawFn) -> Netlist:
    """A random network with op-amps, transistors and controlled sources put anywhere in it."""
    passive = draw(random_circuits())
    nodes = st.sampled_from(sorted(passive.nodes))
    lines = []
    for index in range(draw(st.integers(1, 2))):
        a, b, c = draw(nodes), draw(nodes), draw(nodes)
        shapes = [
            f"E9{index} x{index} 0 opamp {a} {b}\nR9{index} x{index} {b}",
            f"E9{index} x{index} 0 opamp {a} {b} A{index}\nR9{index} x{index} {c}",
            f"M9{index} {a} {b} {c} nmos",
            f"Q9{index} {a} {b} {c} pnp",
            f"F9{index} {a} {b} V0",
            f"H9{index} x{index} {a} V0\nR9{index} x{index} {b}",
        ]
        lines.append(draw(st.sampled_from(shapes)))
    return parse_netlist("\n".join([format_netlist(passive), *lines]))


@given(active_circuits())
@settings(max_examples=120, deadline=None)
def test_circuits_with_opamps_and_transistors_equal_an_independent_numeric_solution(netlist: Netlist):
    for node in netlist.nodes[-2:]:
        try:
            result = transfer(netlist, "V0", node, "0")
            assert agrees(netlist, "V0", node, "0", result.numerator, result.denominator, seed=node)
        except SolveError as error:
            assert "singular" in str(error) or "loop" in str(error) or "floats" in str(error)
        except NumericError:
            assume(False)


@given(random_circuits(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_network_without_active_parts_is_reciprocal(netlist: Netlist, rng: random.Random):
    passive = tuple(part for part in netlist.parts if part.kind in "RLC")
    first, second = rng.choice(netlist.nodes), rng.choice(netlist.nodes)
    there = Netlist((*passive, Part("I9", "I", ("0", first), None)))
    back = Netlist((*passive, Part("I9", "I", ("0", second), None)))
    try:
        assert transfer(there, "I9", second, "0") == transfer(back, "I9", first, "0")
    except SolveError as error:
        assert "floats" in str(error) or "no node" in str(error)


@given(active_circuits())
@settings(max_examples=30, deadline=None)
def test_a_voltage_is_the_sum_of_what_each_source_makes_of_it(netlist: Netlist):
    node = netlist.nodes[-1]
    sources = [part.name for part in netlist.parts if part.kind in "VI"]
    try:
        together = voltage(netlist, node, "0").rational()
        apart = {name: transfer(netlist, name, node, "0") for name in sources}
    except SolveError:
        return
    point = {name: Fraction(index + 2, 7) for index, name in enumerate([*symbols_of(netlist), *sources])}

    def value(text: str) -> Fraction:
        return Fraction(eval(text, {"__builtins__": {}}, point))  # noqa: S307 - our own sum of products

    assume(value(together.denominator) != 0 and all(value(one.denominator) != 0 for one in apart.values()))
    total = sum(value(one.numerator) / value(one.denominator) * point[name] for name, one in apart.items())
    assert value(together.numerator) / value(together.denominator) == total


@given(random_circuits(), st.randoms(use_true_random=False))
@settings(max_examples=30, deadline=None)
def test_values_put_in_first_or_last_give_the_same_answer(netlist: Netlist, rng: random.Random):
    valued = Netlist(tuple(replace(part, value=str(rng.randint(1, 9))) for part in netlist.parts))
    node = netlist.nodes[-1]
    try:
        symbolic, numeric = transfer(valued, "V0", node, "0"), transfer(valued, "V0", node, "0", symbols=False)
    except SolveError:
        return
    point = {part.name: sympy.Integer(part.value or 0) for part in valued.parts} | {"s": sympy.Symbol("s")}
    whole = [sympy.sympify(text, locals=point) for text in (symbolic.numerator, symbolic.denominator)]
    assume(whole[1] != 0)
    assert sympy.cancel(whole[0] / whole[1] - sympy.sympify(f"({numeric.numerator})/({numeric.denominator})")) == 0


def test_scaling_all_impedances_leaves_a_voltage_ratio_as_it_is_and_scales_an_impedance():
    scaled = "R1 1 2 {r}k\nL1 2 3 {r}m\nC1 3 0 {c}u\nR2 3 0 {r}k"
    one, five = (scaled.format(r=r, c=c) for r, c in ((1, 1), (5, "0.2")))
    assert answer(f"V1 1 0\n{one}", "V1", "3", symbols=False) == answer(f"V1 1 0\n{five}", "V1", "3", symbols=False)
    first, second = (transfer(parse_netlist(f"I1 0 1\n{text}"), "I1", "1", "0", symbols=False) for text in (one, five))
    ratio = sympy.sympify(f"(({second.numerator})/({second.denominator}))/(({first.numerator})/({first.denominator}))")
    assert sympy.cancel(ratio) == 5


def test_a_symbol_may_name_a_resistance_and_a_capacitance_at_once():
    assert answer("V1 1 0\nR1 1 2 X\nC1 2 0 X", "V1", "2") == "1/(X**2*s+1)"
    assert answer("V1 1 0\nR1 1 2 X\nE1 3 0 2 0 X\nR2 2 0 X\nR3 3 0", "V1", "3") == "X/2"


def test_a_port_changes_nothing_and_a_branch_of_ports_alone_floats():
    assert answer("V1 1 0\nR1 1 2\nR2 2 0\nP1 2 0; down, port", "V1", "2") == "R2/(R1+R2)"
    with pytest.raises(SolveError, match="node 3 floats"):
        transfer(parse_netlist("V1 1 0\nR1 1 0\nP1 1 3"), "V1", "1", "0")


@given(random_circuits())
@settings(max_examples=25, deadline=None)
def test_numerator_and_denominator_are_coprime_with_a_positive_leading_term(netlist: Netlist):
    try:
        result = transfer(netlist, "V0", netlist.nodes[-1], "0")
    except SolveError:
        return
    above, below = sympy.sympify(result.numerator), sympy.sympify(result.denominator)
    assert sympy.gcd(above, below) == 1
    assert not result.denominator.startswith("-")


# --- DC ---------------------------------------------------------------------------------------------------------------


def test_a_divider_at_dc_passes_an_open_capacitor_and_a_shorted_inductor():
    point = operating_point(parse_netlist("V1 a 0 10\nR1 a b 2k\nW b c\nC1 c g 100n\nR2 c h 3k\nL1 h g 1m\nW g 0"))
    assert point.voltages["c"] == point.voltages["b"] == 6
    assert point.voltages["h"] == point.voltages["g"] == 0
    assert point.currents["R1"] == point.currents["L1"] == Fraction(1, 500)
    assert point.currents["V1"] == Fraction(-1, 500)
    assert point.currents["C1"] == 0


def test_a_current_source_drives_its_current_from_first_to_second_node():
    point = operating_point(parse_netlist("I1 0 1 3m\nR1 1 0 2k"))
    assert point.voltages["1"] == 6
    assert point.currents == {"I1": Fraction(3, 1000), "R1": Fraction(3, 1000)}


def test_controlled_sources_have_operating_points():
    point = operating_point(
        parse_netlist(
            "V1 1 0 2\nR1 1 0 1k\nE1 2 0 1 0 5\nR2 2 0 1k\nG1 3 0 1 0 1m\nR3 3 0 1k\nF1 4 0 V1 10\nR4 4 0 1k\nH1 5 0 V1 500\nR5 5 0 1k"
        )
    )
    assert [point.voltages[node] for node in "12345"] == [2, 10, -2, 20, -1]
    assert point.currents["G1"] == Fraction(2, 1000)
    assert point.currents["F1"] == Fraction(-20, 1000)


@given(random_circuits(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_operating_points_satisfy_every_law_exactly(netlist: Netlist, rng: random.Random):
    valued = Netlist(
        tuple(Part(p.name, p.kind, p.nodes, f"{rng.randint(1, 99)}{rng.choice(['', 'm', 'k'])}") for p in netlist.parts)
    )
    try:
        point = operating_point(valued)
    except SolveError:
        return
    leaving = dict.fromkeys(valued.nodes, Fraction(0))
    for part in valued.parts:
        current, value = point.currents[part.name], value_of(part.value or "")
        leaving[part.nodes[0]] += current
        leaving[part.nodes[1]] -= current
        match part.kind:
            case "R":
                assert point.across(part) == value * current
            case "V":
                assert point.across(part) == value
            case "I":
                assert current == value
            case "C":
                assert current == 0
            case "L":
                assert point.across(part) == 0
            case "G":
                assert current == value * (point.voltages[part.nodes[2]] - point.voltages[part.nodes[3]])
    assert set(leaving.values()) == {0}


def test_opamps_and_ports_have_operating_points_and_powers_balance():
    netlist = parse_netlist("V1 1 0 2\nR1 1 2 1k\nR2 2 3 5k\nE1 3 0 opamp 0 2\nR3 3 0 1k\nP1 3 0; down, port")
    point = operating_point(netlist)
    assert (point.voltages["2"], point.voltages["3"]) == (0, -10)
    assert point.currents["E1"] == Fraction(12, 1000)  # into the output: 10 mA of R3 and 2 mA of R2
    assert point.power(netlist.part("R3")) == Fraction(1, 10)
    assert sum(point.power(part) for part in netlist.parts) == 0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V1 1 0 5\nC1 1 2 1u\nC2 2 0 1u", "node 2 floats at DC"),
        ("V1 1 0 5\nR1 1 0 1k\nL1 1 0 1m", "L1 closes a loop of voltage sources and inductors"),
        ("V1 1 0 5\nR1 1 2 1k\nL1 2 0 1m\nL2 2 0 1m", "L2 closes a loop"),
        ("V1 1 0 5\nR1 1 0", "R1 has no numeric value"),
        ("V1 1 0 step\nR1 1 0 1k", "V1 has no numeric value"),
        ("V1 1 0 5\nR1 1 0 0", "R1 has no resistance"),
    ],
)
def test_an_undetermined_operating_point_says_what_is_missing(text: str, message: str):
    with pytest.raises(SolveError, match=message):
        operating_point(parse_netlist(text))
