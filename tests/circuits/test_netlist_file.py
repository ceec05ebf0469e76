"""Files as SPICE's users write them: a title or a part in line 1, continued lines, parameters that are passed over."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import NetlistError, parse_netlist
from diagramlens.domains.circuits.netlist_file import netlist_of

FILTER = "V1 1 0 5\nR1 1 2 1k\nC1 2 0 1u\nR9 2 3 1k\nR8 3 0 1k"


@pytest.mark.parametrize(
    "line",
    [
        "Low pass filter",
        "Inverting amplifier circuit",
        "Inverting amplifier, gain = 10",
        "Low pass 1",
        "RC filter 1",
        "RC low pass",
        "Circuit number 1",
        "Problem 1",
        "Lab 3",
        "Lab3 RC filter",
        "EE101 lab 2",
        "Homework 2 problem 3",
        "Exercise 4.2",
        "Fig. 3",
        "Test",
        "RC",
        "Sallen-Key low pass",
        "Wien bridge",
        "Wheatstone",
        "555 timer",
        "+5V supply filter",
        '"My filter"',
        "Übung 3",
        "Vorverstärker mit Opamp",
        "Voltage divider 10k 20k",
        "Low pass filter 1k 100n",
        "Low pass fc = 1k",
        "A simple filter",
        "MOSFET stage",
    ],
)
def test_a_first_line_that_is_prose_is_the_title(line: str):
    read = netlist_of(f"{line}\n{FILTER}")
    assert read.netlist == parse_netlist(FILTER)
    assert read.title == line
    assert read.notes == (f"line 1 is taken as the title: {line}",)


@pytest.mark.parametrize(
    "line",
    [
        "R5 1 2",
        "R5 foo bar",
        "V2 3 0 DC 5 AC 1",
        "Vs 1 0 5",
        "Vs 3 1",
        "Vin IN 0 5",
        "Vin input 2 5",
        "Vin input gnd",
        "Vin a b 5",
        "VDD 4 0 5; up, supply",
        "RL 3 out",
        "Rload 3 0",
        "Cin 1 2",
        "Eamp 5 0 opamp 2 5",
        "W 7 2; right",
        "Hx 1 0 V1 5",
        "Qa 3 2 1 npn",
    ],
)
def test_a_first_line_that_can_be_a_part_of_this_circuit_is_one(line: str):
    read = netlist_of(f"{line}\n{FILTER}")
    assert read.netlist == parse_netlist(f"{line}\n{FILTER}")
    assert (read.title, read.notes) == ("", ())


@pytest.mark.parametrize("line", ["", "* Low pass", "# Low pass", ".title Low pass", ".tran 1m 1u"])
def test_a_first_line_that_is_empty_a_comment_or_a_directive_is_no_title(line: str):
    read = netlist_of(f"{line}\n{FILTER}")
    assert read.netlist == parse_netlist(FILTER)
    assert (read.title, read.notes) == ("", ())


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (".alter x=3", "line 1: directive '.alter' is not supported"),
        ("Vin 1 0 4.7q", "line 1: Vin: '4.7q' is no value"),
        ("Vin 1", "line 1: Vin has 1 nodes, a part of kind V takes 2"),
        ("VDD 4 0 5 6", "line 1: VDD takes 2 nodes and one value"),
        ("R5 1", "line 1: R5 has 1 nodes"),
        ("X1 1 2 amp", "line 1: unknown part letter 'X'"),
        ("Dz 1 2", "line 1: unknown part letter 'D'"),
        ("Rx! 1 2 5", "line 1: 'Rx!' is no part name"),
        ("Q7 3 2 1", "line 1: Q7 does not say its type"),
    ],
)
def test_a_first_line_that_is_a_wrong_part_or_directive_is_a_fault_and_no_title(line: str, message: str):
    with pytest.raises(NetlistError) as raised:
        netlist_of(f"{line}\n{FILTER}")
    assert str(raised.value).startswith(message)


def test_how_a_title_is_written_is_said_where_one_may_have_been_meant():
    with pytest.raises(NetlistError, match=r"\(a title in line 1 is written after \*\)"):
        netlist_of(f"Q1 solution\n{FILTER}")
    with pytest.raises(NetlistError) as raised:
        netlist_of(f"R5 1 2 4.7q\n{FILTER}")
    assert "title" not in str(raised.value)
    # Both could be: a capacitor between nodes that there are, or a heading.
    assert netlist_of(f"Chapter 3 2\n{FILTER}").notes == (
        "line 1 is read as a part: Chapter 3 2 (a title is written after *)",
    )


def test_a_continued_line_is_joined_to_the_part_before_it_over_comments_and_faults_keep_their_lines():
    text = "V1 in 0; up\n+ DC 5\n* both halves\n\n  +AC 1\nR1 in 0\n+ 1k"
    assert netlist_of(text).netlist == parse_netlist("V1 in 0 DC 5 AC 1; up\nR1 in 0 1k")
    for text, message in (
        ("V1 1 0\n+ DC 5\nR1 1 0 4q", "line 3: R1"),
        ("* none\n+ R1 1 0", "line 2: a line that starts with + continues a part, and none is before it"),
        ("Low pass filter\n+ R1 1 0\nV1 1 0\nR2 1 0", "line 2: a line that starts with + continues a part, and line 1"),
    ):
        with pytest.raises(NetlistError) as raised:
            netlist_of(text)
        assert str(raised.value).startswith(message)


def test_parameters_that_no_symbol_depends_on_are_passed_over_and_named():
    text = (
        "M1 2 1 0 0 nmos W=1u L = 2u; right\nC1 2 0 1p ic=0.5\nL1 2 0 IC=0\nQ1 1 2 0 npn ic = 0.6, 5\nQ2 1 2 0 npn m=2"
    )
    read = netlist_of(text)
    plain = "M1 2 1 0 nmos; right\nC1 2 0 1p\nL1 2 0\nQ1 1 2 0 npn\nQ2 1 2 0 npn"
    assert read.netlist == parse_netlist(plain)
    assert read.notes == (
        "passed over, since no small-signal formula depends on them: M1 W=1u L=2u; C1 ic=0.5; L1 IC=0; and those of 2 more",
    )


@pytest.mark.parametrize("line", ["R1 1 0 1k tc=1", "C1 1 0 1p m=2", "V1 1 0 5 Rser=1", "R1 1 0 R=1k"])
def test_parameters_that_could_change_the_circuit_are_refused(line: str):
    with pytest.raises(NetlistError, match="line 2"):
        netlist_of(f"* parameters\n{line}")


@given(st.text(st.sampled_from("VRClow 10+*.;={}\n"), max_size=60))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused_by_name(text: str):
    try:
        netlist_of(text)
    except NetlistError as error:
        assert "\n" not in str(error)
