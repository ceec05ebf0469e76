"""Netlists as LTspice, KiCad and ngspice write them: read with a note on what is passed over, or refused by the word, never misread."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.netlist import NetlistError, format_netlist, parse_netlist
from diagramlens.domains.circuits.netlist_file import decoded, netlist_of
from diagramlens.domains.circuits.source_words import source_words
from diagramlens.domains.circuits.spice_numbers import respelt, spice_number

LTSPICE = "* rc.asc\n{source}\nR1 OUT IN 1k\n{capacitor}\n.ac dec 10 1 1MEG\n{directives}.end\n"
KICAD = ".title KiCad schematic\n.save all\n.probe alli\nR1 /in /out 1k\nC1 /out GND 100n\nV1 /in GND DC 0 AC 1\n.end\n"
LOW_PASS = "V1 IN 0\nR1 OUT IN 1k\nC1 OUT 0 100n"


def ltspice(
    source: str = "V1 IN 0 AC 1", capacitor: str = "C1 OUT 0 100n", directives: str = ".backanno\n"
) -> tuple[str, tuple[str, ...]]:
    """What is read of LTspice's export of a low pass, and the notes."""
    read = netlist_of(LTSPICE.format(source=source, capacitor=capacitor, directives=directives))
    return format_netlist(read.netlist), read.notes


def test_what_ltspice_puts_at_the_end_is_passed_over_and_said():
    said = "passed over, since no formula of the parts read depends on them: "
    assert ltspice() == (LOW_PASS, (f"{said}.backanno",))
    assert ltspice(directives=".model NMOS NMOS\n.lib standard.mos\n") == (
        LOW_PASS,
        (f"{said}.model NMOS NMOS; .lib standard.mos",),
    )


@pytest.mark.parametrize(
    "waveform",
    [
        "SINE(0 1 1k)",
        "SIN( 0 1 1k )",
        "SIN (0 1 1k)",
        "PULSE(0 5 0 1n 1n 1u 2u)",
        "EXP(0 1 0 1m)",
        "PWL(0 0 1m 1)",
        "PWL REPEAT FOREVER (0 0 1m 1) ENDREPEAT",
        'PWL FILE="a wave.txt"',
        "SFFM(0 1 1k 5 10)",
        "sine",
        "SIN 0 1 1k",
    ],
)
@pytest.mark.parametrize(
    ("before", "behind", "value"), [("", " AC 1", ""), ("DC 5 ", "", " 5"), ("5 AC 1 0 ", "", " 5")]
)
def test_a_waveform_is_passed_over_and_said_and_the_value_before_it_is_read(
    waveform: str, before: str, behind: str, value: str
):
    netlist, notes = ltspice(source=f"V1 IN 0 {before}{waveform}{behind}")
    assert netlist == LOW_PASS.replace("V1 IN 0", f"V1 IN 0{value}")
    assert notes[0] == f"passed over, since no formula depends on what a source does in time: V1 {waveform}"


@pytest.mark.parametrize(
    ("words", "values", "others"),
    [
        ("DC 5 AC 1 0", ["5"], []),
        ("5", ["5"], []),
        ("DC {Vb} AC {A} 90", ["{Vb}"], []),
        ("DC=5 AC=1", ["5"], []),
        ("AC 1 DC 5", ["5"], []),
        ("dc(5) ac(1)", ["5"], []),
        ("DC ac=1 AC 1", [], []),
        ("step", [], []),
        ("AC 1 Rser=50", [], ["Rser=50"]),
        ("AC 1 0 5", [], ["5"]),
        ("AC 1 foo", [], ["foo"]),
        ("SINE(0 1 1k)AC 1 Rser=50", [], ["Rser=50"]),
        ("SINE(0 1 1k) 5", [], ["5"]),
        ("5 6", ["5"], ["6"]),
        ("PULSE(0 5", [], ["PULSE(0", "5"]),
    ],
)
def test_no_word_of_a_source_vanishes(words: str, values: list[str], others: list[str]):
    found = source_words(words.split())
    assert (list(found.values), list(found.others)) == (values, others)


@pytest.mark.parametrize("coding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("ends", ["\n", "\r\n"])
def test_a_micro_sign_is_read_in_every_coding_that_these_programs_write(coding: str, ends: str):
    text = LTSPICE.format(source="V1 IN 0 AC 1", capacitor="C1 OUT 0 100\u00b5", directives="")
    read = netlist_of(decoded(text.replace("\n", ends).encode(coding)))
    assert format_netlist(read.netlist) == LOW_PASS.replace("100n", "100\u00b5")


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n\0\0\0", b"\xff\xfeV", b"V1 1 0\x01\nR1 1 0", b"V1 1 0 \x81", b"\0\0\0\0"]
)
def test_bytes_that_are_no_text_are_refused(data: bytes):
    with pytest.raises(NetlistError, match="not a text file"):
        decoded(data)


def test_kicads_nets_keep_their_names_and_gnd_is_the_ground():
    read = netlist_of(KICAD)
    assert format_netlist(read.netlist) == "R1 /in /out 1k\nC1 /out 0 100n\nV1 /in 0 0"
    assert read.notes == ("passed over, since no formula of the parts read depends on them: .save all; .probe alli",)


@pytest.mark.parametrize(
    "node",
    [
        "+15V",
        "-12V",
        "+3.3V",
        "V+",
        "OUT-",
        "/in",
        "/amp/out",
        "Net-(R1-Pad2)",
        "Net-(U1A-+)",
        "Net-(U1-~{RST})",
        "Net-_R1-Pad2_",
        "~RESET",
        "/~{RESET}",
        "D[0]",
        "$G_VCC",
        "x1:out",
        "Eingang_ä",
    ],
)
def test_a_node_may_be_called_as_nets_are_and_is_written_back(node: str):
    text = f"V1 {node} 0 15\nR1 {node} out 1k\nR2 out 0 1k"
    read = netlist_of(f"* supply net named as schematics name it\n{text}\n.end")
    assert (format_netlist(read.netlist), read.notes) == (text, ())
    assert parse_netlist(text) == read.netlist
    assert netlist_of(text.replace(node, f'"{node}"')).netlist == read.netlist


@pytest.mark.parametrize("node", ["+", "-", "(1", "1)", "a|b", "a,b", "POLY(1", "{a}", "()"])
def test_what_is_no_name_of_a_net_is_refused(node: str):
    with pytest.raises(NetlistError, match="is no node name"):
        netlist_of(f"* t\nV1 1 0\nR1 1 {node} 1k")


def test_names_of_nodes_that_differ_in_capital_letters_are_one_node_to_spice_and_two_to_lcapy():
    text = "V1 IN 0 {}\nR1 in out 1k\nC1 OUT 0 1n"
    read = netlist_of(text.format("AC 1"))
    assert format_netlist(read.netlist) == "V1 IN 0\nR1 IN out 1k\nC1 out 0 1n"
    assert read.notes == (
        "one node each, for SPICE does not tell capital letters from small ones: IN and in; out and OUT",
    )
    assert netlist_of(text.format("step")).netlist.nodes == ("IN", "0", "in", "out", "OUT")


def test_a_comment_behind_a_semicolon_is_no_hint_and_that_is_said_where_it_resembles_one():
    text = "* SPICE comments after ;\nV1 1 0 AC 1 ; supply\nV2 3 0 AC 1\nR1 1 2 1k ; the load\nR2 2 3 2k\nR3 2 0 3k\n.end\n"
    read = netlist_of(text)
    assert all(part.hints == () for part in read.netlist.parts)
    assert read.notes == (
        "taken as comments, not as hints, which give a direction, as in `; up, supply`: line 2, supply",
    )
    drawn = (
        "VDD 3 0 10; up, supply\nR1 3 2; right, l=R_1\nW 2 0; down, ground\nE1 2 0 opamp 0 2; l=A\n; label_nodes=all"
    )
    assert netlist_of(drawn).netlist == parse_netlist(drawn)
    assert netlist_of(f"{drawn}\nV1 2 0; supply").netlist.part("V1").hints == ()
    assert netlist_of("R1 1 0; right=2, flipud, v_=v_1").netlist.part("R1").hints == ("right=2", "flipud", "v_=v_1")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("4k7", "4.7k"),
        ("2k2", "2.2k"),
        ("1R5", "1.5"),
        ("100R", "100"),
        ("0R1", "0.1"),
        ("4n7", "4.7n"),
        ("2u2F", "2.2u"),
        ("1m5", "1.5m"),
    ],
)
def test_a_value_with_its_suffix_for_the_point_is_read_as_it_is_meant_and_said(written: str, read: str):
    file = netlist_of(f"V1 1 0 5\nR1 1 0 {written}")
    assert file.netlist.part("R1").value == read
    assert file.notes == (f"spelt as on parts: R1 {written} is read as {read}",)


@pytest.mark.parametrize("value", ["2.2k", "100nF", "1MEG", "10\u00b5", "1e-3", "R47", "Rload", "3e5", "{R1}"])
def test_other_spellings_stay_as_they_are(value: str):
    assert respelt(value) == value


@pytest.mark.parametrize("value", ["2M2", "1,5k", "10uF/16V", "2k2k", "1k-5", "10\u00e6"])
def test_a_value_that_could_mean_two_things_or_none_is_refused(value: str):
    assert spice_number(respelt(value)) is None
    with pytest.raises(NetlistError, match=r"line 2: R1: .* is no value"):
        netlist_of(f"V1 1 0 5\nR1 1 0 {value}")


@pytest.mark.parametrize(
    ("line", "read"),
    [
        ("R1 1 0 1k tol=1 pwr=0.1", "R1 1 0 1k"),
        ("R1 1 0 1k noiseless", "R1 1 0 1k"),
        ('C1 1 0 10u V=6.3 Irms=0 Rser=0 Lser=0 mfg="A and B" pn="X = 1" type="X5R"', "C1 1 0 10u"),
        ("L1 1 0 1m Ipk=2 Rser=0 Cpar=0", "L1 1 0 1m"),
        ("C1 1 0 1n temp=50 ic = 0", "C1 1 0 1n"),
        ("Q1 1 2 0 0 NPN", "Q1 1 2 0 npn"),
    ],
)
def test_what_changes_no_formula_is_passed_over_by_name(line: str, read: str):
    file = netlist_of(f"V1 1 0 5\n{line}\nR9 1 2 1")
    assert format_netlist(file.netlist).splitlines()[1] == read
    assert file.remarks[0].topic == "parameters"
    assert file.notes[0].startswith("passed over, since no small-signal formula depends on them: ")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("V2 1 0 AC 1 Rser=50", "line 2: V2: 'Rser=50' is not read, and may change the circuit"),
        ("V2 1 0 SINE(0 1 1k) Cpar=1p", "line 2: V2: 'Cpar=1p' is not read"),
        ("V2 1 0 AC 1 foo", "line 2: V2 takes 2 nodes and one value, found also 'foo'"),
        ("C1 1 0 1u Rser=0.1", "line 2: C1: 'Rser=0.1' is not read"),
        ("L1 1 0 1m Rpar=1k", "line 2: L1: 'Rpar=1k' is not read"),
        ("R1 1 0 1k m=2", "line 2: R1: 'm=2' is not read"),
        ("I1 1 0 1 load", "line 2: I1 takes 2 nodes and one value"),
        ("XU1 1 0 opamp", "line 2: unknown part letter 'X' in 'XU1'"),
        ("D1 1 0 D", "line 2: unknown part letter 'D' in 'D1'"),
        ("K1 L1 L2 1", "line 2: unknown part letter 'K' in 'K1'"),
        ("B1 1 0 V=V(1)", "line 2: unknown part letter 'B' in 'B1'"),
        ("W1 1 0 V1 switch", "line 2: W1 takes 2 nodes and no value"),
        ("E1 2 0 POLY(1) 1 0 0 5", "line 2: E1: 'POLY(1)' begins an expression"),
        ("E1 2 0 VALUE={V(1)*2}", "line 2: E1: 'VALUE={V(1)*2}' begins an expression"),
        ("G1 2 0 1 0 1 Laplace=1/(1+s)", "line 2: G1: 'Laplace=1/(1+s)' is not read"),
        ("R1 1 0 {2*R}", "line 2: R1: '{2*R}' is an expression"),
        ("R1 1 0 {r}\n.param R=1k", "line 2: R1: its value '{r}' is set by .param in line 3"),
        ("R1 1 0 {R}\n.step param R 1k 5k 1k", "line 2: R1: its value '{R}' is set by .step in line 3"),
        ("R1 1 0 RM\n.model RM R(rsh=5)", "line 2: R1: the model 'RM' is not read"),
        ("M1 1 2 0 IRF\n.model IRF VDMOS", "line 2: M1 does not say its type"),
        (".subckt a 1 2\nR1 1 2", "line 2: '.subckt' has no end"),
        (".alias a b", "line 2: directive '.alias' is not supported"),
    ],
)
def test_what_may_change_the_circuit_is_refused_by_its_word(line: str, message: str):
    with pytest.raises(NetlistError) as raised:
        netlist_of(f"V1 1 0 5\n{line}\nR9 1 2 1")
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    "directives",
    [
        ".param R=1k f = 2",
        ".step param Rx 1k 10k 1k",
        ".lib C:\\models\\standard.mos",
        ".include 'models with blanks.lib'",
        ".model D D\n+ (Is=1n)",
        ".options reltol=1e-4",
        ".meas tran top MAX V(1)",
        ".ic V(1)=0",
        ".subckt amp a b\nR1 a b 1\n.subckt inner c\n.ends\n.ends amp",
        ".control\nrun\nplot v(1)\n.endc",
    ],
)
def test_a_directive_on_which_no_part_depends_is_passed_over_by_name(directives: str):
    read = netlist_of(f"V1 1 0 5\n{directives}\nR1 1 0 1k")
    assert format_netlist(read.netlist) == "V1 1 0 5\nR1 1 0 1k"
    (note,) = read.remarks
    assert note.topic == "directives" and directives.split()[0] in note.text


def test_a_transistor_has_the_type_of_its_model():
    read = netlist_of(
        "V1 1 0 5\nQ1 1 2 0 0 2N2222\nM1 1 2 0 0 big l=1u\n.model 2N2222 NPN(BF=200)\n.model BIG PMOS (Kp=1m)"
    )
    assert format_netlist(read.netlist) == "V1 1 0 5\nQ1 1 2 0 npn\nM1 1 2 0 pmos"


def test_parts_that_ltspice_put_its_letter_before_lose_the_sign_between_and_rulers_are_found_in_any_case():
    read = netlist_of("V§in 1 0 5\nR§1 1 2 1k\nF1 2 0 vIN 2")
    assert format_netlist(read.netlist) == "Vin 1 0 5\nR1 1 2 1k\nF1 2 0 Vin 2"
    assert read.notes == ("called otherwise here: V§in is called Vin; R§1 is called R1",)


def test_a_value_that_is_a_name_is_said_where_spice_has_a_number():
    read = netlist_of("V1 1 0 5\nR1 1 2 R\nR2 2 3 R\nLED1 3 0 LED\nC1 3 0 C1\nG1 3 0 1 0 gm")
    assert read.notes == ("taken for symbols, since they are no numbers: R1 R; R2 R; LED1 LED",)
    assert read.netlist.part("R2").value == "R"


@pytest.mark.parametrize("line", ["R2R ladder network", "R1 low pass filter", "C4 amplifier board 2020"])
def test_a_first_line_whose_nodes_are_words_that_no_other_line_has_is_the_title(line: str):
    read = netlist_of(f"\n{line}\nV1 1 0\nR5 1 0")
    assert read.netlist == parse_netlist("V1 1 0\nR5 1 0")
    assert read.notes == (f"line 2 is taken as the title: {line}",)


def test_messages_and_notes_stay_short_whatever_the_text():
    read = netlist_of(f"* t\nV1 1 0 PWL({'0 1 ' * 5000})\nR1 1 0 1k\n.save {'v(1) ' * 5000}")
    assert all(len(note) < 200 for note in read.notes)
    with pytest.raises(NetlistError) as raised:
        netlist_of(f"* t\nV1 1 0 SINE({'0 ' * 5000}")
    assert len(str(raised.value)) < 200


@given(st.text(st.sampled_from('VRCQ01 ac dc=()"+*.;§µ{},/\n'), max_size=80))
@settings(max_examples=300, deadline=None)
def test_what_is_read_is_written_in_a_form_that_is_read_back(text: str):
    try:
        read = netlist_of(text)
    except NetlistError as error:
        assert "\n" not in str(error)
    else:
        assert parse_netlist(format_netlist(read.netlist)) == read.netlist
