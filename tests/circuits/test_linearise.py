"""Transistor circuits become small-signal circuits whose names collide with nothing."""

from __future__ import annotations

import pytest

from diagramlens.domains.circuits.linearise import linearise, parameters
from diagramlens.domains.circuits.netlist import format_netlist, parse_netlist
from diagramlens.domains.circuits.solve import SolveError, operating_point, symbols_of

STAGE = "VDD a 0 5; up, supply\nR1 a b\nM1 b c 0 nmos\nV1 c 0"


def test_a_mos_transistor_becomes_gm_and_ro_and_its_supply_a_wire():
    assert format_netlist(linearise(parse_netlist(STAGE))).splitlines() == [
        "W a 0",
        "R1 a b",
        "Ggm1 b 0 c 0 gm1",
        "Rro1 b 0 ro1",
        "V1 c 0",
    ]


def test_a_bipolar_transistor_has_rpi_too_and_ro_can_be_left_out():
    netlist = parse_netlist("Q2 c b e pnp")
    assert format_netlist(linearise(netlist)).splitlines() == ["Ggm2 c e b e gm2", "Rro2 c e ro2", "Rrpi2 b e rpi2"]
    left_out = format_netlist(linearise(netlist, output_resistance=False)).splitlines()
    assert left_out == ["Ggm2 c e b e gm2", "Rrpi2 b e rpi2"]


def test_parameters_whose_short_names_would_collide_are_called_by_the_whole_name():
    netlist = parse_netlist("M1 a b c nmos\nQ1 d e f npn\nM2 a b d nmos\nR1 a 0 gm2")
    assert parameters(netlist, "M1") == {"gm": "gm_M1", "ro": "ro_M1"}
    assert parameters(netlist, "Q1") == {"gm": "gm_Q1", "ro": "ro_Q1", "rpi": "rpi_Q1"}
    assert parameters(netlist, "M2")["gm"] == "gm_M2"
    assert len(symbols_of(netlist)) == len(set(symbols_of(netlist))) == 9


def test_a_circuit_without_transistors_keeps_its_supplies():
    netlist = parse_netlist("VCC 1 0 5; up, supply\nR1 1 0 1k")
    assert linearise(netlist) is netlist
    assert operating_point(netlist).currents["R1"] * 200 == 1


def test_a_supply_is_known_by_its_name_where_hints_are_lost():
    netlist = parse_netlist(format_netlist(parse_netlist(STAGE), hints=False))
    assert "VDD" not in {part.name for part in linearise(netlist).parts}


def test_a_transistor_has_no_operating_point():
    with pytest.raises(SolveError, match="M1 is a transistor"):
        operating_point(parse_netlist(STAGE.replace("V1 c 0", "V1 c 0 1")))
