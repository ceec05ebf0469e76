"""`diagramlens solve` prints what SymPy reads, or one line on what is wrong."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest
import sympy

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
