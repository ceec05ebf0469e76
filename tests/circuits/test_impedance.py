"""Impedances between nodes, at ports and as sources see them."""

from __future__ import annotations

import pytest

from diagramlens.domains.circuits.formula import transfer_text
from diagramlens.domains.circuits.impedance import impedance, input_impedance, port_impedance
from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.solve import SolveError

DIVIDER = parse_netlist("V1 1 0 10\nR1 1 2 1k\nR2 2 0 3k\nP1 2 0; down, port")


def test_a_source_sees_the_whole_divider_and_the_port_sees_both_resistors_in_parallel():
    assert transfer_text(input_impedance(DIVIDER, "V1")) == "R1+R2"
    assert transfer_text(port_impedance(DIVIDER, "P1")) == "R1*R2/(R1+R2)"
    assert transfer_text(port_impedance(DIVIDER, "P1", symbols=False)) == "750"
    assert transfer_text(impedance(DIVIDER, "1", "0")) == "0"


def test_a_current_source_sees_what_lies_beside_it():
    netlist = parse_netlist("I1 0 1\nR1 1 2\nL1 2 0\nC1 1 0")
    assert transfer_text(input_impedance(netlist, "I1")) == "(L1*s+R1)/(C1*L1*s**2+C1*R1*s+1)"


def test_a_source_whose_current_rules_another_keeps_its_control_while_it_is_looked_into():
    # The controlled source sends F1 times the source's current into node 2: R2 looks F1 + 1 times as large.
    netlist = parse_netlist("V1 1 0\nR1 1 2\nR2 2 0\nF1 2 0 V1")
    assert transfer_text(input_impedance(netlist, "V1")) == "F1*R2+R1+R2"


def test_an_ideal_opamps_output_has_no_impedance_and_one_of_gain_a_has_little():
    ideal = parse_netlist("V1 1 0\nE1 2 0 opamp 1 2\nR1 2 0")
    assert transfer_text(impedance(ideal, "2", "0")) == "0"
    finite = parse_netlist("V1 1 0\nE1 3 0 opamp 1 2 A\nR1 3 2")
    assert transfer_text(impedance(finite, "2", "0")) == "R1/(A+1)"


def test_nothing_flows_into_the_gate_of_a_mos_transistor():
    with pytest.raises(SolveError, match="floats"):
        input_impedance(parse_netlist("VDD 3 0; up, supply\nV1 1 0\nM1 2 1 0 nmos\nR1 3 2"), "V1")


@pytest.mark.parametrize(
    ("positive", "negative", "message"), [("9", "0", "there is no node '9'"), ("1", "x", "there is no node 'x'")]
)
def test_an_unknown_node_is_named(positive: str, negative: str, message: str):
    with pytest.raises(SolveError, match=message):
        impedance(DIVIDER, positive, negative)


def test_what_is_no_port_or_source_is_refused():
    with pytest.raises(SolveError, match="R1 is no port"):
        port_impedance(DIVIDER, "R1")
    with pytest.raises(SolveError, match="R1 is no independent source"):
        input_impedance(DIVIDER, "R1")
