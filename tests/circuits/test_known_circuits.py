"""Circuits of the textbooks have the textbooks' transfer functions."""

from __future__ import annotations

import pytest
import sympy

from diagramlens.domains.circuits.impedance import impedance, input_impedance
from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import Netlist, parse_netlist
from diagramlens.domains.circuits.solve import symbols_of, transfer, transfer_text


def is_same(netlist: Netlist, found: str, expected: str) -> bool:
    names = {name: sympy.Symbol(name) for name in (*symbols_of(netlist), "R", "C", "L", "s")}
    difference = sympy.sympify(found, locals=names) - sympy.sympify(expected, locals=names)
    return sympy.cancel(difference) == 0


KNOWN = {
    "voltage divider": ("V1 1 0\nR1 1 2\nR2 2 0", "2", "R2/(R1+R2)"),
    "RC low pass": ("V1 1 0\nR1 1 2\nC1 2 0", "2", "1/(1+s*R1*C1)"),
    "RC high pass": ("V1 1 0\nC1 1 2\nR1 2 0", "2", "s*R1*C1/(1+s*R1*C1)"),
    "RL low pass": ("V1 1 0\nL1 1 2\nR1 2 0", "2", "R1/(R1+s*L1)"),
    "RL high pass": ("V1 1 0\nR1 1 2\nL1 2 0", "2", "s*L1/(R1+s*L1)"),
    "series RLC band pass": ("V1 1 0\nL1 1 2\nC1 2 3\nR1 3 0", "3", "s*R1*C1/(1+s*R1*C1+s**2*L1*C1)"),
    "series RLC low pass": ("V1 1 0\nR1 1 2\nL1 2 3\nC1 3 0", "3", "1/(1+s*R1*C1+s**2*L1*C1)"),
    "parallel RLC notch": ("V1 1 0\nL1 1 2\nC1 1 2\nR1 2 0", "2", "(1+s**2*L1*C1)*R1/(R1+s*L1+s**2*R1*L1*C1)"),
    "Wien bridge arm": (
        "V1 1 0\nR1 1 2 R\nC1 2 3 C\nR2 3 0 R\nC2 3 0 C",
        "3",
        "s*R*C/(1+3*s*R*C+s**2*R**2*C**2)",
    ),
    "Wien bridge": (
        "V1 1 0\nR1 1 2 R\nC1 2 3 C\nR2 3 0 R\nC2 3 0 C\nRa 1 4\nRb 4 0",
        "3,4",
        "s*R*C/(1+3*s*R*C+s**2*R**2*C**2)-Rb/(Ra+Rb)",
    ),
    "bridged T": (
        "V1 1 0\nC1 1 2 C\nC2 2 3 C\nR1 2 0\nR2 1 3",
        "3",
        "(1+2*s*R1*C+s**2*R1*R2*C**2)/(1+s*C*(2*R1+R2)+s**2*R1*R2*C**2)",
    ),
    "Sallen-Key low pass": (
        "V1 1 0\nR1 1 2\nR2 2 3\nC1 2 4\nC2 3 0\nE1 4 0 opamp 3 4",
        "4",
        "1/(1+s*C2*(R1+R2)+s**2*R1*R2*C1*C2)",
    ),
    "Sallen-Key high pass of gain K": (
        "V1 1 0\nC1 1 2 C\nC2 2 3 C\nR1 2 4 R\nR2 3 0 R\nE1 4 0 opamp 3 5\nR3 5 0\nR4 4 5",
        "4",
        "(1+R4/R3)*(s*R*C)**2/(1+(3-(1+R4/R3))*s*R*C+(s*R*C)**2)",
    ),
    "inverting amplifier": ("V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2", "3", "-R2/R1"),
    "inverting amplifier of gain A": ("V1 1 0\nR1 1 2\nR2 2 3\nE1 3 0 opamp 0 2 A", "3", "-A*R2/(R1+R2+A*R1)"),
    "non-inverting amplifier": ("V1 1 0\nR1 2 0\nR2 2 3\nE1 3 0 opamp 1 2", "3", "1+R2/R1"),
    "voltage follower": ("V1 1 0\nR1 1 2\nE1 3 0 opamp 2 3", "3", "1"),
    "inverting integrator": ("V1 1 0\nR1 1 2\nC1 2 3\nE1 3 0 opamp 0 2", "3", "-1/(s*R1*C1)"),
    "lossy integrator": ("V1 1 0\nR1 1 2\nC1 2 3\nR2 2 3\nE1 3 0 opamp 0 2", "3", "-(R2/R1)/(1+s*R2*C1)"),
    "differentiator": ("V1 1 0\nC1 1 2\nR1 2 3\nE1 3 0 opamp 0 2", "3", "-s*R1*C1"),
    "difference amplifier": (
        "V1 1 0\nR1 1 2 R\nR2 2 3 R\nV2 4 0\nR3 4 5 R\nR4 5 0 R\nE1 3 0 opamp 5 2",
        "3",
        "-1",
    ),
    "common-source stage": ("VDD 4 0 5; up, supply\nV1 1 0\nM1 2 1 0 nmos\nR1 4 2", "2", "-gm1*ro1*R1/(ro1+R1)"),
    "common-source stage of pmos": (
        "VDD 4 0 5; up, supply\nV1 1 0\nM1 2 1 4 pmos\nR1 2 0",
        "2",
        "-gm1*ro1*R1/(ro1+R1)",
    ),
    "source follower": (
        "VDD 4 0 5; up, supply\nV1 1 0\nM1 4 1 2 nmos\nR1 2 0",
        "2",
        "gm1/(gm1+1/R1+1/ro1)",
    ),
    "common-gate stage": ("VDD 4 0 5; up, supply\nV1 1 0\nM1 2 0 1 nmos\nR1 4 2", "2", "(gm1+1/ro1)/(1/R1+1/ro1)"),
    "common-emitter stage": (
        "VCC 4 0 9; up, supply\nV1 1 0\nRS 1 5\nQ1 2 5 0 npn\nR1 4 2",
        "2",
        "-gm1*(R1*ro1/(R1+ro1))*rpi1/(rpi1+RS)",
    ),
}


@pytest.mark.parametrize(("text", "output", "expected"), KNOWN.values(), ids=KNOWN)
def test_a_known_circuit_has_its_textbook_transfer_function(text: str, output: str, expected: str):
    netlist = parse_netlist(text)
    positive, _, negative = output.partition(",")
    assert is_same(netlist, transfer_text(transfer(netlist, "V1", positive, negative or "0")), expected)


def test_a_balanced_wien_bridge_is_a_notch_at_one_over_rc():
    # Balanced: Ra = 2 Rb, so that both arms give a third at w = 1/(R C), where the difference is zero.
    netlist = parse_netlist(KNOWN["Wien bridge"][0])
    found = transfer_text(transfer(netlist, "V1", "3", "4")).replace("Ra", "(2*Rb)")
    assert is_same(netlist, found, "-(1+s**2*R**2*C**2)/(3*(1+3*s*R*C+s**2*R**2*C**2))")


def test_a_twin_t_is_a_notch_at_one_over_rc():
    netlist = parse_netlist("V1 1 0\nR1 1 2 R\nR2 2 3 R\nC3 2 0 2\nC1 1 4 1\nC4 4 3 1\nR3 4 0")
    found = transfer_text(transfer(netlist, "V1", "3", "0")).replace("R3", "(R/2)")
    for twice, once in (("C3", "(2*C)"), ("C1", "C"), ("C4", "C")):
        found = found.replace(twice, once)
    assert is_same(netlist, found, "(1+(s*R*C)**2)/(1+4*s*R*C+(s*R*C)**2)")


def test_an_emitter_resistor_degenerates_a_common_emitter_stage_whose_ro_is_left_out():
    netlist = parse_netlist("VCC 4 0 9; up, supply\nV1 1 0\nQ1 2 1 3 npn\nR1 4 2\nR2 3 0")
    simple = linearise(netlist, output_resistance=False)
    found = transfer_text(transfer(simple, "V1", "2", "0"))
    assert is_same(netlist, found, "-gm1*R1/(1+R2*(gm1+1/rpi1))")
    seen = transfer_text(input_impedance(simple, "V1"))
    assert is_same(netlist, seen, "rpi1+R2*(1+gm1*rpi1)")


def test_a_gyrator_of_two_opamps_turns_a_capacitor_into_an_inductor():
    # Antoniou's circuit: Z = Z1 Z3 Z5 / (Z2 Z4) with a capacitor in place of Z4.
    text = "R1 1 2\nR2 2 3\nR3 3 4\nC4 4 5\nR5 5 0\nE1 4 0 opamp 1 3\nE2 2 0 opamp 5 3"
    netlist = parse_netlist(text)
    assert is_same(netlist, transfer_text(impedance(netlist, "1", "0")), "s*C4*R1*R3*R5/R2")


def test_a_gyrator_of_two_transconductances_turns_a_capacitor_into_an_inductor():
    netlist = parse_netlist("G1 2 0 1 0 g\nG2 0 1 2 0 g\nC1 2 0")
    assert transfer_text(impedance(netlist, "1", "0")) == "C1*s/g**2"
