"""Poles, zeros, gains, cut-offs and Bode curves of circuits with numbers."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.response import Response, response, roots
from diagramlens.domains.circuits.solve import SolveError, formula

LOW_PASS = "V1 1 0 5\nR1 1 2 1k\nC1 2 0 1u"
BAND_PASS = "V1 1 0\nC1 1 3 1u\nL1 3 2 1m\nR1 2 0 10"


def of(text: str, output: str = "2") -> Response:
    return response(parse_netlist(text), "V1", output, "0")


def test_a_low_pass_has_one_pole_its_time_constant_and_its_cutoff():
    low_pass = of(LOW_PASS)
    assert [complex(pole) for pole in low_pass.poles] == [-1000]
    assert low_pass.zeros == ()
    assert low_pass.time_constant() == Fraction(1, 1000)
    assert (low_pass.dc_gain(), low_pass.hf_gain()) == (1, 0)
    assert [float(hertz) for hertz in low_pass.cutoffs()] == pytest.approx([1000 / (2 * math.pi)], rel=1e-15)


def test_a_band_pass_is_cut_off_on_both_sides_of_its_resonance_by_r_over_l():
    band_pass = of(BAND_PASS)
    low, high = (2 * math.pi * float(hertz) for hertz in band_pass.cutoffs())
    assert high - low == pytest.approx(10 / 1e-3, rel=1e-12)
    assert high * low == pytest.approx(1 / (1e-3 * 1e-6), rel=1e-12)
    assert [complex(zero) for zero in band_pass.zeros] == [0]
    assert [complex(pole).real for pole in band_pass.poles] == [-5000, -5000]


def test_a_notch_is_cut_off_around_its_zeros_on_the_axis():
    notch = of("V1 1 0\nL1 1 2 1m\nC1 1 2 1u\nR1 2 0 10")
    assert all(zero.real == 0 for zero in notch.zeros)
    low, high = notch.cutoffs()
    assert low < Fraction(1, 1) / Fraction(2 * math.pi * math.sqrt(1e-9)) < high


def test_a_double_pole_is_two_equal_numbers():
    # Two equal buffered sections: numerical root finding would scatter the poles by 1e-8.
    text = "V1 1 0\nR1 1 2 1k\nC1 2 0 1u\nE1 3 0 opamp 2 3\nR2 3 4 1k\nC2 4 0 1u"
    first, second = of(text, "4").poles
    assert first == second
    assert complex(first) == -1000


def test_an_integrator_has_no_gain_at_dc_and_no_cutoff():
    integrator = of("V1 1 0\nR1 1 2 1k\nC1 2 3 1u\nE1 3 0 opamp 0 2", "3")
    with pytest.raises(SolveError, match="no gain at DC"):
        integrator.dc_gain()
    with pytest.raises(SolveError, match="no gain at DC"):
        integrator.cutoffs()
    with pytest.raises(SolveError, match="no time constant"):
        integrator.time_constant()


def test_a_divider_has_neither_poles_nor_a_cutoff():
    divider = of("V1 1 0\nR1 1 2 1k\nR2 2 0 1k")
    assert divider.poles == divider.zeros == ()
    with pytest.raises(SolveError, match="no cut-off"):
        divider.cutoffs()
    with pytest.raises(SolveError, match="one pole; this one has 0"):
        divider.time_constant()


@pytest.mark.parametrize(
    ("resistance", "peaks"), [("1", True), ("20", True), ("24.1", True), ("24.3", False), ("100", False)]
)
def test_a_resonance_of_over_three_decibels_is_found_exactly(resistance: str, peaks: bool):
    # A low-pass of second order with sqrt(L/C) = 31.6 ohms peaks by Q / sqrt(1 - 1/(4Q²)): √2 where Q = 1.3066, R = 24.2 ohms.
    low_pass = of(f"V1 1 0\nR1 1 3 {resistance}\nL1 3 2 1m\nC1 2 0 1u")
    assert low_pass.peaks_above_pass_band() is peaks
    highest = 10 ** (low_pass.bode(np.logspace(3, 5, 20001))[0].max() / 20)
    assert bool(highest > math.sqrt(2)) is peaks


def test_a_band_pass_is_its_own_pass_band():
    assert not of(BAND_PASS).peaks_above_pass_band()


def test_a_symbol_without_a_number_is_named():
    with pytest.raises(SolveError, match="C1 has no numeric value"):
        of("V1 1 0\nR1 1 2 1k\nC1 2 0")


def test_limits_in_symbols_are_cancelled():
    netlist = parse_netlist("V1 1 0\nR1 1 2\nC1 2 0\nR2 2 0\nC2 1 2")
    solved = formula(netlist, "V1", "2", "0")
    assert solved.at_zero().rational() == formula(parse_netlist("V1 1 0\nR1 1 2\nR2 2 0"), "V1", "2", "0").rational()
    assert (solved.at_infinity().rational().numerator, solved.at_infinity().rational().denominator) == ("C2", "C1+C2")


def test_the_phase_of_a_bode_plot_runs_on_without_a_jump():
    text = "V1 1 0\n" + "\n".join(f"R{i} {i} {i + 1} 1k\nC{i} {i + 1} 0 1u" for i in range(1, 5))
    ladder = of(text, "5")
    decibels, degrees = ladder.bode(ladder.frequencies())
    assert np.abs(np.diff(degrees)).max() < 10
    assert degrees[0] == pytest.approx(0, abs=30)
    assert degrees[-1] == pytest.approx(-360, abs=10)
    assert (np.diff(decibels) < 0).all()


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=6), st.lists(st.integers(-50, 50), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_bode_curves_equal_the_quotient_itself(above: list[int], below: list[int]):
    curve = Response((*above, 1), (*below, 1))
    hertz = np.array([0.0123, 0.345, 6.7])
    for at, decibels, degrees in zip(hertz, *curve.bode(hertz), strict=True):
        value = curve.at(2j * math.pi * at)
        assert 10 ** (decibels / 20) == pytest.approx(abs(value), rel=1e-6, abs=1e-9)
        if abs(value) > 1e-9:
            turned = value / (abs(value) * np.exp(1j * math.radians(degrees)))
            assert abs(turned - 1) < 1e-5


@given(st.lists(st.tuples(st.integers(-30, 30), st.integers(1, 3)), min_size=1, max_size=4, unique_by=lambda r: r[0]))
@settings(max_examples=40, deadline=None)
def test_roots_come_back_as_often_as_they_were_put_in(wanted: list[tuple[int, int]]):
    polynomial = [1]
    for root, times in wanted:
        for _ in range(times):
            shifted, scaled = [0, *polynomial], [-root * c for c in polynomial] + [0]
            polynomial = [a + b for a, b in zip(shifted, scaled, strict=True)]
    found = [int(root.real) for root in roots(polynomial)]
    assert sorted(found) == sorted(root for root, times in wanted for _ in range(times))
