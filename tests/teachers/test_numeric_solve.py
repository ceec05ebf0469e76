"""The independent solution is the textbook's, and says so where floating point cannot tell."""

from __future__ import annotations

import random

import pytest

from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.teachers.numeric_solve import (
    NumericError,
    agrees,
    evaluate_sum,
    known_numbers,
    random_values,
    solve_numerically,
)


def test_a_low_pass_at_its_corner_is_one_over_one_plus_j():
    netlist = parse_netlist("V1 1 0\nR1 1 2 1k\nC1 2 0 1u")
    point = solve_numerically(netlist, known_numbers(netlist), {"V1": 1}, 1000j)
    assert point.voltages["2"] == pytest.approx(1 / (1 + 1j))
    assert point.currents["R1"] == pytest.approx(1j * 1e-3 / (1 + 1j))


def test_direct_current_passes_a_coil_and_not_a_capacitor():
    netlist = parse_netlist("V1 1 0 6\nR1 1 2 1k\nL1 2 3 1m\nC1 2 0 1u\nR2 3 0 2k")
    numbers = known_numbers(netlist)
    point = solve_numerically(netlist, numbers, numbers, 0)
    assert point.voltages["3"] == pytest.approx(4)
    assert point.currents["C1"] == pytest.approx(0)
    assert point.currents["V1"] == pytest.approx(-2e-3)


@pytest.mark.parametrize("line", ["M1 2 1 3 nmos", "Q1 2 1 3 pnp"])
def test_a_transistor_is_solved_as_its_small_signal_circuit_is(line: str):
    netlist = parse_netlist(f"VDD 4 0 5; up, supply\nV1 1 0\n{line}\nR1 4 2\nR2 3 0")
    values = random_values(netlist, random.Random(1))
    whole = solve_numerically(netlist, values, {"V1": 1}, 1j).voltages
    model = solve_numerically(linearise(netlist), values, {"V1": 1}, 1j).voltages
    for node in "1234":
        assert whole[node] == pytest.approx(model[node])


def test_a_singular_circuit_is_told_and_not_answered():
    with pytest.raises(NumericError, match="singular"):
        solve_numerically(parse_netlist("V1 1 0\nV2 1 0\nR1 1 0"), {"R1": 1}, {"V1": 1}, 1j)


def test_a_wrong_sign_is_found_at_random_points():
    netlist = parse_netlist("V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2")
    assert agrees(netlist, "V1", "3", "0", "-R2", "R1", seed="1")
    assert not agrees(netlist, "V1", "3", "0", "R2", "R1", seed="1")


def test_sums_of_products_are_evaluated_term_by_term():
    assert evaluate_sum("-2*a**2*b+s-3", {"a": 2, "b": 5, "s": 1j}) == -43 + 1j
    assert evaluate_sum("0", {}) == 0
