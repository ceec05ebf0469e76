"""`diagramlens draw` writes a picture and says where, or says in one line why there is none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from diagramlens.cli import main

FILTER = "Low pass\n* a comment\nV1 1 0 AC 1\nR1 1 3 2.2k\nC1 3 0 100nF ; of film\n.end\nnot read\n"


@pytest.fixture
def circuit(tmp_path: Path) -> Path:
    path = tmp_path / "filter.cir"
    path.write_text(FILTER)
    return path


def test_the_picture_is_written_beside_the_netlist_and_its_size_is_told(
    circuit: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(circuit)]) == 0
    written = circuit.with_suffix(".png")
    with Image.open(written) as picture:
        assert picture.mode in ("P", "RGB")
        assert (
            capsys.readouterr().out == f"{written}: {picture.width} x {picture.height} pixels, placed automatically\n"
        )


@pytest.mark.parametrize("style", ["american", "european", "textbook"])
@pytest.mark.parametrize("degradation", ["clean", "rotation", "wobble"])
def test_every_look_has_a_box_and_a_label_for_every_part(
    circuit: Path, tmp_path: Path, style: str, degradation: str
) -> None:
    out, boxes = tmp_path / "a.png", tmp_path / "a.json"
    options = ["--style", style, "--degrade", degradation, "--labels", "both", "-o", str(out), "--boxes", str(boxes)]
    assert main(["draw", str(circuit), *options]) == 0
    shown = json.loads(boxes.read_text())
    assert {thing["name"] for thing in shown} == {"V1", "R1", "C1", "ground"}
    with Image.open(out) as picture:
        for thing in shown:
            for x0, y0, x1, y1 in (thing["box"], thing["label"]):
                assert 0 <= x0 < x1 <= picture.width
                assert 0 <= y0 < y1 <= picture.height


def test_a_seed_draws_the_same_picture_again_and_a_larger_pitch_a_larger_one(circuit: Path, tmp_path: Path) -> None:
    first, second, large = (tmp_path / f"{name}.png" for name in "abc")
    for path, options in ((first, ()), (second, ()), (large, ("--pitch", "112"))):
        assert main(["draw", str(circuit), "--seed", "5", "-o", str(path), *options]) == 0
    assert first.read_bytes() == second.read_bytes()
    with Image.open(first) as small, Image.open(large) as big:
        assert big.width > 1.6 * small.width


def test_what_is_taken_for_granted_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.sch"
    path.write_text("V1 1 0 step; down\nR1 1 2; right\nI1 2 0 1m\n")
    assert main(["draw", str(path)]) == 0
    said = capsys.readouterr().err
    assert "read as an lcapy netlist" in said
    assert "hints fix no places (I1 says no direction)" in said


def test_what_spice_writes_and_does_not_mean_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.cir"
    path.write_text("Low pass filter\nV1 in gnd\nR1 in out\n+ 1M\nC1 out GND 1u IC=0\n")
    boxes = tmp_path / "a.json"
    assert main(["draw", str(path), "--boxes", str(boxes)]) == 0
    assert {thing["name"] for thing in json.loads(boxes.read_text())} == {"V1", "R1", "C1", "ground"}
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "diagramlens draw: line 1 is taken as the title: Low pass filter",
        "diagramlens draw: passed over, since no small-signal formula depends on them: C1 IC=0",
        "diagramlens draw: R1: 1M is 1 milli, for SPICE's M is m; mega is written 1Meg",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there is no part in it to be drawn"),
        ("* nothing\n.end\n", "there is no part in it to be drawn"),
        ("V1 1 0 5\nR1 1 2\nX1 2 0\n", "line 3: unknown part letter 'X'"),
        ("V1 1 0 5\nR1 1 2 4.7kk\n", "line 2: R1"),
        ("V1 1 0 5\nR1 1 0\n\nR2 3 4\n", "line 4: node 3 of R2 floats"),
        ("V1 1 0 5\nR1 1 0\nE1 2 0 7 0 5\nR2 2 0\n", "line 3: node 7 of E1 floats"),
        ("V1 1 0 5\nR1 1 0\nE1 2 1 opamp 1 2\n", "line 3: E1: its reference is node 1"),
        (
            "Low pass filter\nV1 1 0 5\nR1 1 0\n\nR2 3 4\n",
            "line 5: node 3 of R2 floats: no parts lead from it to ground, node 0 (line 1 is taken as the title",
        ),
        ("\n".join(f"R{k} {k} 0" for k in range(1, 300)), "too large: more than 200 parts"),
        ("in R\nblock G1 R 1/(s+1)\nout Y G1\n", "a block diagram"),
    ],
)
def test_what_cannot_be_drawn_gives_one_line(
    tmp_path: Path, text: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "bad.cir"
    path.write_text(text)
    assert main(["draw", str(path)]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"diagramlens draw: {path}: ")
    assert message in said.err
    assert said.err.count("\n") == 1
    assert not path.with_suffix(".png").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-o", "a.gif"), "a picture is written as .png"),
        (("--pitch", "5"), "--pitch 5: from 28 to 224 pixels"),
        (("-o", "no/such/folder/a.png"), "cannot be written: No such file or directory"),
    ],
)
def test_a_wrong_option_gives_one_line(
    circuit: Path, options: tuple[str, ...], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["draw", str(circuit), *options]) == 1
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_a_file_that_is_missing_or_no_text_gives_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["draw", str(tmp_path / "none.cir")]) == 1
    assert "cannot be read: No such file or directory" in capsys.readouterr().err
    path = tmp_path / "a.cir"
    path.write_bytes(b"\xff\xfe\x00")
    assert main(["draw", str(path)]) == 1
    assert "not a text file" in capsys.readouterr().err


def test_two_hundred_parts_are_drawn(tmp_path: Path) -> None:
    path = tmp_path / "long.cir"
    path.write_text("V1 n0 0\n" + "\n".join(f"R{k} n{k - 1} n{k}\nC{k} n{k} 0" for k in range(1, 100)))
    assert main(["draw", str(path)]) == 0


def test_what_is_passed_over_in_another_programs_netlist_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "kicad.cir"
    path.write_text(".title KiCad schematic\n.save all\nR1 /in /out 1k\nC1 /out GND 100n\nV1 /in GND DC 0 AC 1\n.end\n")
    assert main(["draw", str(path)]) == 0
    assert "passed over, since no formula of the parts read depends on them: .save all" in capsys.readouterr().err
