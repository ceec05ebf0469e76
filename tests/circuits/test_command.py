"""`diagramlens solve` prints what SymPy reads, or one line on what is wrong."""

from __future__ import annotations

import argparse
import json
import re
from pathlib import Path

import numpy as np
import pytest
import sympy
from PIL import Image

from diagramlens.domains.circuits.command import add_arguments, run


def solve(path: Path, *options: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([str(path), *options]))


@pytest.fixture
def circuit(tmp_path: Path) -> Path:
    path = tmp_path / "filter.cir"
    path.write_text("* low pass\nV1 1 0 AC 1\nR1 1 3 1k\nC1 3 0 100nF\n.end\n")
    return path


@pytest.mark.parametrize("output", ["3,0", "3, 0", "C1"])
def test_the_transfer_function_is_printed_as_sympy_reads_it(
    circuit: Path, output: str, capsys: pytest.CaptureFixture[str]
):
    assert solve(circuit, "--source", "V1", "--output", output) == 0
    printed = capsys.readouterr().out
    assert printed == "1/(C1*R1*s+1)\n"
    r, c, s = sympy.symbols("R1 C1 s")
    assert sympy.simplify(sympy.sympify(printed) - 1 / (1 + r * c * s)) == 0


def test_values_are_put_in_where_asked(circuit: Path, capsys: pytest.CaptureFixture[str]):
    assert solve(circuit, "--source", "V1", "--output", "3,0", "--values") == 0
    assert capsys.readouterr().out == "10000/(s+10000)\n"


def test_the_benchmarks_netlists_are_read_in_lcapys_sense_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "q23_netlist.txt"
    path.write_text("C1 2 1 C1\nG1 1 4 2 0 y_1\nV1 2 0 step\nR1 2 0 R1\nR2 2 4 R2\n")
    assert solve(path, "--source", "V1", "--output", "2,1") == 0
    printed = capsys.readouterr()
    assert printed.out == "-y_1/(C1*s)\n"
    assert "read as an lcapy netlist" in printed.err
    assert solve(path, "--source", "V1", "--output", "C1", "--convention", "spice") == 0
    assert capsys.readouterr() == ("y_1/(C1*s)\n", "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--source", "V2", "--output", "3,0"), "no independent source 'V2'"),
        (("--source", "V1", "--output", "7,0"), "no node '7'"),
        (("--source", "V1", "--output", "R7"), "no part 'R7'"),
        (("--source", "V1", "--output", "1,2,3"), "'1,2,3' is neither two nodes (3,0) nor one part (R2)"),
    ],
)
def test_a_wrong_option_gives_one_line(
    circuit: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    assert solve(circuit, *options) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"diagramlens solve: {circuit}: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1


SALLEN_KEY = """Sallen-Key low pass
Vin 1 0 AC 1
R1 1 2 10k
R2 2 3 10k
C1 2 4 20n
C2 3 0 10nF
E1 4 0 opamp 3 4
.end
"""
STAGE = "VDD 4 0 5; up, supply\nV1 1 0\nM1 2 1 0 nmos\nR1 4 2 10k\nC1 2 0 1p\nP1 2 0; down, port\n"
LADDER = "V1 n0 0\n" + "\n".join(f"R{k} n{k - 1} n{k} 1k\nC{k} n{k} 0 1n" for k in range(1, 21))


def test_left_to_itself_it_reports_poles_zeros_gains_and_a_table_and_says_what_it_guessed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "filter.cir"
    path.write_text(SALLEN_KEY)
    assert solve(path) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "V(4,0)/Vin = 1/(C1*C2*R1*R2*s**2+C2*R1*s+C2*R2*s+1)"
    assert "poles           : -5000 ± 5000j rad/s" in lines
    assert "zeros           : none" in lines
    assert "DC gain         : 1 (0.00 dB)" in lines
    assert "cut-off         : 1.125 kHz" in lines
    assert re.search(r"^ +1 kHz +-2\.\d\d dB +-8\d\.\d°$", printed.out, re.MULTILINE)
    assert printed.err.splitlines() == [
        "diagramlens solve: line 1 is taken as the title: Sallen-Key low pass",
        "diagramlens solve: from Vin, the only source (--source names another)",
        "diagramlens solve: to V(4,0), the output of E1 (--output names another)",
    ]


def test_a_transistor_circuit_is_linearised_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "stage.sch"
    path.write_text(STAGE)
    assert solve(path) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("V(2,0)/V1 = -R1*gm1*ro1/(C1*R1*ro1*s+R1+ro1)\n")
    assert "gm1 has no numeric value" in printed.out
    assert "small-signal circuit: models in place of M1" in printed.err
    assert "shorted: VDD" in printed.err
    assert "the port P1" in printed.err


def test_numbers_for_symbols_give_a_response(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "stage.sch"
    path.write_text(STAGE)
    assert solve(path, "--set", "gm1=2m", "--set", "ro1=10k", "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["transfer"]["text"] == "-R1*gm1*ro1/(C1*R1*ro1*s+R1+ro1)"
    assert record["dc_gain"] == -10
    assert record["poles_rad_s"] == [[-2e8, 0.0]]
    assert len(record["bode"]["hz"]) == len(record["bode"]["db"]) == len(record["bode"]["degrees"])


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_bode_plot_is_written(circuit: Path, suffix: str, capsys: pytest.CaptureFixture[str]):
    out = circuit.with_suffix(suffix)
    assert solve(circuit, "--plot", str(out)) == 0
    assert f"{out} shows the Bode plot" in capsys.readouterr().err
    if suffix == ".png":
        with Image.open(out) as picture:
            assert picture.size == (1080, 780)
            # A curve is really there: pixels of its colour.
            assert (np.asarray(picture.convert("RGB")) == (31, 95, 168)).all(axis=2).sum() > 1000
    else:
        assert "<svg" in out.read_text()[:600]


@pytest.mark.parametrize(
    ("content", "options", "message"),
    [
        ("V1 1 0\nV2 2 0\nR1 1 2\nR2 5 6", (), "node 5 floats"),
        ("V1 1 0\nV2 1 0\nR1 1 0", (), "V2 closes a loop of voltage sources"),
        (".param x=3\nV1 1 0\nR1 1 0 x", (), "line 3: R1: its value 'x' is set by .param in line 1, which is not read"),
        ("Vin 1 0 4.7q\nR1 1 0", (), "line 1: Vin: '4.7q' is no value"),
        (
            "Low pass filter\nR1 1 0 1k",
            (),
            "no independent source (V or I), so nothing drives the circuit (line 1 is taken as the title",
        ),
        (LADDER.replace("C7 n7 0 1n", "C7 n7 0"), (), "with a number for every part it can be solved"),
        ("in R\nin D\nsum S +R +D\nout Y S", (), "there are several inputs, R, D: say which"),
        ("in R\nblock G R\nout Y G", ("--source", "D"), "the diagram has no input 'D'"),
        ("in R\nblock G R\nout Y G", ("--output", "G"), "a block diagram has one output, Y"),
        ("in R\nblock G R\nout Y G", ("--set", "G=1"), "--set is of netlists"),
        ("in R\nblock G R K/s\nout Y G", ("--plot", "x.png"), "there is no Bode plot: K has no numeric value"),
        ("V1 1 0\nV2 2 0\nR1 1 2", (), "there are several sources, V1, V2: say which"),
        ("R1 1 2\nR2 2 1", (), "there is no independent source"),
        ("V1 1 0", (), "no part whose voltage could be meant"),
        ("V1 1 0\nR1 1 0 1k\nI1 2 0\nR2 2 3", ("--source", "V1"), "node 2 floats"),
        ("V1 1 0 5\nV2 1 0 3\nR1 1 0 1k", ("--source", "V1"), "V2 closes a loop of voltage sources"),
        ("V1 1 0\nR1 1 0\nG1 2 0 1 0", (), "the equations are singular"),
        ("V1 1 0\nR1 1 2\nR1 2 0", (), "line 3: duplicate name 'R1'"),
        ("V1 1 0\nZ1 1 2", (), "line 2: unknown part letter 'Z'"),
        ("V1 1 0\nR1 1 0 4.7q", (), "'4.7q' is no value"),
        ("V1 1 0\nR1 1 2 0\nR2 2 0 1k", (), "R1 has the value 0"),
        ("V1 1 0\nR1 1 2 1k\nC1 2 0", ("--plot", "x.png"), "there is no Bode plot: C1 has no numeric value"),
        ("V1 1 0\nR1 1 2 1k\nR2 2 0 1k", ("--plot", "x.pdf"), "a plot is written as .png or .svg"),
        ("V1 1 0\nR1 1 0", ("--set", "R9=1k"), "--set R9: there is no such part or symbol"),
        ("V1 1 0\nR1 1 0", ("--set", "R1"), "'R1' is not of the form gm1=2m"),
        ("V1 1 0\nR1 1 0", ("--set", "R1=4q"), "'4q' is no value"),
        (STAGE, ("--source", "VDD", "--output", "2,0"), "no independent source 'VDD'"),
    ],
)
def test_a_circuit_without_an_answer_gives_one_line(
    tmp_path: Path, content: str, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "bad.cir"
    path.write_text(content)
    assert solve(path, *options) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert message in printed.err
    assert printed.err.count("\n") == 1


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file"),
        (b"R1 1\n", "line 1: R1 has"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"*" * 2_000_000, "larger than 1 MiB"),
    ],
)
def test_an_unusable_file_gives_one_line(
    tmp_path: Path, content: bytes | None, message: str, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "bad.cir"
    if content is not None:
        path.write_bytes(content)
    assert solve(path, "--source", "V1", "--output", "1,0") == 1
    printed = capsys.readouterr().err
    assert message in printed
    assert printed.count("\n") == 1


def test_a_circuit_too_large_for_symbols_is_solved_with_its_values(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "ladder.cir"
    path.write_text(LADDER)
    assert solve(path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["transfer"] is None
    assert record["with_values"]["denominator"].startswith("s**20+39000000*s**19+")
    assert record["dc_gain"] == 1
    # Those of equal sections are known: -2/(R C) (1 - cos((2k - 1) pi/(2n + 1))).
    expected = [-2e6 * (1 - np.cos((2 * k - 1) * np.pi / 41)) for k in range(1, 21)]
    assert np.allclose([real for real, _ in record["poles_rad_s"]], expected, rtol=1e-12)
    assert solve(path) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("V(n20,0)/V1 = 1000")
    assert "in symbols      : too many terms to be written" in printed
    assert "cut-off         : 920.5 Hz" in printed


def test_the_formula_alone_of_such_a_circuit_has_its_values_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "ladder.cir"
    path.write_text(LADDER)
    assert solve(path, "--source", "V1", "--output", "n20,0") == 0
    printed = capsys.readouterr()
    assert "/(s**20+39000000*s**19+" in printed.out
    assert "in symbols the formula has too many terms" in printed.err


LOOP = "in R\nsum S1 +R -H1\nblock G1 S1 10/(s+2)\nblock H1 G1 3\nout Y G1\n"


def test_a_block_diagram_is_solved_from_its_input_to_its_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "loop.txt"
    path.write_text(LOOP)
    assert solve(path) == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[:3] == [
        "Y/R = G1/(G1*H1+1)",
        "with the values = 10/(s+32)",
        "poles           : -32 rad/s",
    ]
    assert printed.err == "diagramlens solve: from R, the only input, to Y\n"
    assert solve(path, "--json") == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["output"], record["poles_rad_s"], record["input_impedance"]) == (["Y"], [[-32, 0]], None)
    for options, formula in (((), "G1/(G1*H1+1)\n"), (("--values",), "10/(s+32)\n")):
        assert solve(path, "--source", "R", "--output", "Y", *options) == 0
        assert capsys.readouterr() == (formula, "")


def test_gnd_is_ground_in_files_and_in_options(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "filter.cir"
    path.write_text("V1 in gnd\nR1 in out\nC1 out GND\n")
    assert solve(path, "--source", "V1", "--output", "out,Gnd") == 0
    assert capsys.readouterr().out == "1/(C1*R1*s+1)\n"


def test_a_capital_m_is_milli_and_that_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "divider.cir"
    path.write_text("V1 1 0 1m\nR1 1 2 1M\nR2 2 0 2.2Mohm\nR3 2 0 3MEG\n")
    assert solve(path, "--source", "V1", "--output", "2,0", "--values") == 0
    said = capsys.readouterr().err
    assert said == "diagramlens solve: R1: 1M is 1 milli, for SPICE's M is m; mega is written 1Meg\n"
    path.write_text("V1 1 0\nR1 1 2 1m\nR2 2 0 1Meg\n")
    assert solve(path, "--source", "V1", "--output", "2,0", "--set", "R1=4.7M") == 0
    assert "R1: 4.7M is 4.7 milli" in capsys.readouterr().err


def test_idle_parameters_are_passed_over_and_continued_lines_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "stage.cir"
    path.write_text(
        "VDD 4 0 5\nV1 1 0 0.9\n+ AC 1\n* drain\nM1 2 1 0 0 nmos\n\n+ W=10u L = 1u\nR1 4 2\n+ 10k\nC1 2 0 1p IC=2\n"
    )
    assert solve(path, "--source", "V1", "--output", "2,0") == 0
    printed = capsys.readouterr()
    assert printed.out == "-R1*gm1*ro1/(C1*R1*ro1*s+R1+ro1)\n"
    assert "no small-signal formula depends on them: M1 W=10u L=1u; C1 IC=2\n" in printed.err


def test_what_is_passed_over_in_another_programs_netlist_is_said_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = tmp_path / "rc.net"
    path.write_bytes("* rc.asc\nV1 IN 0 AC 1\nR1 OUT IN 1k\nC1 OUT 0 100\u00b5\n.backanno\n.end\n".encode("cp1252"))
    assert solve(path, "--source", "V1", "--output", "OUT,0", "--values") == 0
    assert capsys.readouterr() == (
        "10/(s+10)\n",
        "diagramlens solve: passed over, since no formula of the parts read depends on them: .backanno\n",
    )


def test_a_series_resistance_of_a_source_never_vanishes(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "rser.cir"
    path.write_text("* a source of 50 ohms\nV1 1 0 AC 1 Rser=50\nR1 1 2 50\nC1 2 0 1n\n.end\n")
    assert solve(path, "--source", "V1", "--output", "C1") == 1
    assert "line 2: V1: 'Rser=50' is not read, and may change the circuit" in capsys.readouterr().err
    # What the message asks for: 50 ohms of its own.
    path.write_text("* a source of 50 ohms\nV1 x 0 AC 1\nR2 x 1 50\nR1 1 2 50\nC1 2 0 1n\n.end\n")
    assert solve(path, "--source", "V1", "--output", "C1", "--report") == 0
    assert "cut-off         : 1.592 MHz" in capsys.readouterr().out


def test_a_comment_shorts_no_source(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "comment.cir"
    path.write_text("* comments after ;\nV1 1 0 AC 1 ; supply\nV2 3 0 AC 1\nR1 1 2 1k\nR2 2 3 2k\nR3 2 0 3k\n.end\n")
    assert solve(path, "--source", "V1", "--output", "2,0") == 0
    printed = capsys.readouterr()
    assert printed.out == "R2*R3/(R1*R2+R1*R3+R2*R3)\n"
    assert "taken as comments, not as hints" in printed.err and "line 2, supply" in printed.err


def test_an_output_is_named_by_its_net(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "net.cir"
    path.write_text("* a supply net\nV1 +15V 0 15\nR1 +15V /out 1k\nR2 /out 0 1k\n.end\n")
    assert solve(path, "--source", "V1", "--output", "+15V,/out") == 0
    assert capsys.readouterr().out == "R1/(R1+R2)\n"
