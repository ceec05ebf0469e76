"""CSV tables and folders of pictures with netlists: small real files, and damage of every kind."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.grading.answers import grade
from diagramlens.grading.quantities import parse_quantity
from diagramlens.records import Diagram
from diagramlens.sources.folders import read_folder
from diagramlens.sources.ledger import SourceError
from diagramlens.sources.tables import Columns, read_table_of_pictures
from diagramlens.teachers.imported import AGREE, DISAGREE, check_gold

DIVIDER = "V1 1 0 10\nR1 1 2 1k\nR2 2 0 1k"
BLOCKS = "in R\nsum S1 +R -G1\nblock G1 S1\nout Y G1"
NETLISTS = Columns(image="image_path", truth="dsl")
QUESTIONS = Columns(image="image_path", truth="dsl", question="question", answer="answer")


def png(colour: int = 128) -> bytes:
    image, buffer = Image.new("L", (8, 8), colour), io.BytesIO()
    image.putpixel((0, 0), 255 if colour < 128 else 0)  # a blank picture is damage
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def write_table(root: Path, *rows: tuple[str, ...], header: tuple[str, ...] = ("image_path", "dsl")) -> Path:
    for number in range(4):
        (root / f"p{number}.png").write_bytes(png(number))
    with (root / "table.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return root / "table.csv"


def take(
    file: Path, columns: Columns = NETLISTS, max_bad_fraction: float = 0.7
) -> tuple[list[Diagram], dict[str, Any]]:
    imported = read_table_of_pictures(
        file, file.parent, columns=columns, name="table", convention="spice", max_bad_fraction=max_bad_fraction
    )
    return list(imported.diagrams), imported.ledger.metrics()


# --- Tables ---------------------------------------------------------------------------------------------------------------------------


def test_a_table_of_pictures_and_netlists_becomes_diagrams(tmp_path: Path) -> None:
    file = write_table(tmp_path, ("p0.png", DIVIDER), ("p1.png", DIVIDER.replace("R", "C")), ("p2.png", DIVIDER))
    diagrams, metrics = take(file, max_bad_fraction=0.0)
    assert [diagram.image for diagram in diagrams] == [png(0), png(1), png(2)]
    assert diagrams[0].truth == DIVIDER and diagrams[0].group == diagrams[2].group != diagrams[1].group
    assert diagrams[0].source == "table/p0.png" and len({diagram.id for diagram in diagrams}) == 3
    assert (metrics["items"], metrics["taken"]) == (3, 3)


def test_current_sources_are_read_in_the_sense_that_is_stated(tmp_path: Path) -> None:
    file = write_table(tmp_path, ("p0.png", "I1 1 0 1\nR1 1 0 1k"))
    imported = read_table_of_pictures(
        file, tmp_path, columns=NETLISTS, name="t", convention="lcapy", max_bad_fraction=0.0
    )
    (diagram,) = imported.diagrams
    assert parse_netlist(diagram.truth).part("I1").nodes == ("0", "1")


def test_block_diagrams_are_truths_too(tmp_path: Path) -> None:
    other = BLOCKS.replace("G1", "H")
    (first, renamed), _ = take(write_table(tmp_path, ("p0.png", BLOCKS), ("p1.png", other)), max_bad_fraction=0.0)
    assert (first.truth, renamed.truth) == (BLOCKS, other) and first.group == renamed.group


def test_questions_with_answers_come_along_with_or_without_a_netlist(tmp_path: Path) -> None:
    header = ("question", "extra", "image_path", "answer", "dsl")
    file = write_table(
        tmp_path,
        ("What is the transfer function from V1 to R2?", "", "p0.png", "R2/(R1+R2)", DIVIDER),
        ("How many resistors?", "", "p1.png", "2", ""),
        ("Why?", "", "p2.png", "Because.", DIVIDER),
        ("Why?", "", "p3.png", "Because.", ""),
        ("", "", "p3.png", "", ""),
        header=header,
    )
    diagrams, metrics = take(file, QUESTIONS, max_bad_fraction=0.0)
    kinds = [[question["kind"] for question in json.loads(diagram.questions)] for diagram in diagrams]
    assert kinds == [["transfer"], ["count"], []]
    assert metrics["golds"] == {"confirmed": 1, "unchecked": 1}
    assert metrics["set_aside_by_reason"] == {"nothing to ask": 1, "nothing to ask (no grader for open questions)": 1}


@pytest.mark.parametrize(
    "answer",
    ["2.2 V", "2,2 V", "1 000 V", "1,000 V", "5,5 V", "10³ V", "10^3 V", "1/3 V", "-0,5 mV", "1.000,5 V",
     "2 V or 3 V", "5 V ± 1 V", "<5 V"],
)  # fmt: skip
def test_a_number_is_read_as_its_grader_reads_it_or_its_row_waits(tmp_path: Path, answer: str) -> None:
    rows = [("p0.png", "What is the voltage across R1?", answer), ("p1.png", "How many resistors?", "2")]
    columns = Columns(image="image_path", question="question", answer="answer")
    diagrams, metrics = take(
        write_table(tmp_path, *rows, header=("image_path", "question", "answer")), columns, max_bad_fraction=0.0
    )
    assert metrics["taken"] + metrics["set_aside"] == 2
    for diagram in diagrams[:-1]:
        (question,) = json.loads(diagram.questions)
        read = parse_quantity(answer)
        assert question["gold"] == {"value": str(read.value), "unit": read.unit}


@pytest.mark.parametrize(
    ("question", "answer", "golds"),
    [
        ("What is the transfer function from V1 to R2?", "0.5", "confirmed"),
        ("What is the transfer function from V1 to R2?", "1000/(1000 + 1000)", "confirmed"),
        ("What is the transfer function from V1 to R2?", "0.6", "contradicted"),
        ("What is the equation for the voltage of node 2?", "Vn2(s) = 5/s", "confirmed"),
        ("What is the equation for the voltage of node 2?", "Vn2(s) = 5", "confirmed"),
        ("What is the equation for the voltage of node 2?", "Vn2(s) = 6", "contradicted"),
    ],
)
def test_a_formula_in_the_values_of_the_parts_is_judged_as_one_in_their_names(
    tmp_path: Path, question: str, answer: str, golds: str
) -> None:
    file = write_table(
        tmp_path, ("p0.png", DIVIDER, question, answer), header=("image_path", "dsl", "question", "answer")
    )
    (diagram,), metrics = take(file, QUESTIONS, max_bad_fraction=0.0)
    (taken,) = json.loads(diagram.questions)
    assert metrics["golds"] == {golds: 1} and taken["gold"]["checked"] == (golds == "confirmed")
    assert check_gold(taken["kind"], taken["gold"], diagram.truth) == (AGREE if golds == "confirmed" else DISAGREE)
    assert grade(taken["kind"], taken["gold"], taken["answer"], answer).correct


@pytest.mark.parametrize("answer", ["1k", "2.2k", "4k7", "10meg", "2,2", "1 000", "5 kΩ"])
def test_a_number_with_a_prefix_is_no_formula_of_names(tmp_path: Path, answer: str) -> None:
    rows = [("p0.png", "What is the input impedance?", answer), ("p1.png", "What is the input impedance?", "R1+R2")]
    columns = Columns(image="image_path", question="question", answer="answer")
    diagrams, metrics = take(write_table(tmp_path, *rows, header=("image_path", "question", "answer")), columns)
    assert [diagram.source for diagram in diagrams] == ["table/p1.png"]
    assert metrics["set_aside_by_reason"] == {"nothing to ask (impedance gold is no expression)": 1}


def test_ids_do_not_change_when_rows_are_added_or_moved(tmp_path: Path) -> None:
    rows = [("p0.png", DIVIDER), ("p1.png", DIVIDER)]
    before = {diagram.source: diagram for diagram in take(write_table(tmp_path, *rows))[0]}
    after = {diagram.source: diagram for diagram in take(write_table(tmp_path, ("p2.png", DIVIDER), *rows[::-1]))[0]}
    assert before.items() <= after.items()


@pytest.mark.parametrize(
    ("row", "reason", "damaged"),
    [
        (("p1.png",), "row cannot be read", 1),
        (("p1.png", DIVIDER, "more"), "row cannot be read", 1),
        (("p1.png", "R1 1"), "netlist is not readable", 1),
        (("p1.png", "x" * 200_000), "row cannot be read", 1),
        (("gone.png", DIVIDER), "no picture", 1),
        (("", DIVIDER), "no picture", 1),
        (("/etc/passwd", DIVIDER), "picture outside the folder", 1),
        (("../p1.png", DIVIDER), "picture outside the folder", 1),
        (("table.csv", DIVIDER), "picture is damaged", 1),
        (("p0.png", DIVIDER), "row is repeated", 0),
        (("p1.png", ""), "nothing to ask", 0),
    ],
)
def test_a_bad_row_is_set_aside_with_its_number_and_reason(
    tmp_path: Path, row: tuple[str, ...], reason: str, damaged: int
) -> None:
    diagrams, metrics = take(write_table(tmp_path, ("p0.png", DIVIDER), row, ("p2.png", DIVIDER)))
    assert [diagram.source for diagram in diagrams] == ["table/p0.png", "table/p2.png"]
    assert metrics["set_aside_by_reason"] == {reason: 1} and metrics["set_aside_damaged"] == damaged
    assert metrics["examples"][0].startswith(f"{reason}: row 2: ")


def test_bytes_that_are_no_text_cost_their_row_only(tmp_path: Path) -> None:
    file = write_table(tmp_path, ("p0.png", DIVIDER), ("p1.png", DIVIDER))
    file.write_bytes(file.read_bytes() + b'p2.png,"R\xfc 1 0"\r\np3.png,"V1 1 0\x00"\r\n')
    diagrams, metrics = take(file)
    assert len(diagrams) == 2 and metrics["set_aside_damaged"] == 2
    assert metrics["set_aside_by_reason"]["text is not UTF-8"] == 1


def test_a_table_that_lacks_a_column_is_refused_naming_those_it_has(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"it has no column 'question'; its columns are: dsl, image_path"):
        take(write_table(tmp_path, ("p0.png", DIVIDER)), QUESTIONS)
    (tmp_path / "twice.csv").write_text("dsl,image_path,dsl\n")
    with pytest.raises(SourceError, match=r"2 of its columns are called 'dsl'; rename all but the one that is meant"):
        take(tmp_path / "twice.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(SourceError, match="no column 'image_path'; its columns are: nothing"):
        take(tmp_path / "empty.csv")
    with pytest.raises(SourceError, match="there is no such file"):
        take(tmp_path / "gone.csv")
    with pytest.raises(SourceError, match="there is nothing in it to import"):
        take(write_table(tmp_path))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=200) | st.text('p0.ng,"\n\rV12R ', max_size=80).map(str.encode))
def test_no_bytes_stop_a_table(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.mktemp("table")
    file = write_table(root, ("p0.png", DIVIDER))
    file.write_bytes(file.read_bytes() + data)
    diagrams, metrics = take(file, max_bad_fraction=1.0)
    assert diagrams[0].source == "table/p0.png"
    assert metrics["taken"] + metrics["set_aside"] == metrics["items"]
    shutil.rmtree(root)


# --- Folders --------------------------------------------------------------------------------------------------------------------------


def take_folder(root: Path, max_bad_fraction: float = 0.7) -> tuple[list[Diagram], dict[str, Any]]:
    imported = read_folder(root, name="pairs", convention="spice", max_bad_fraction=max_bad_fraction)
    return list(imported.diagrams), imported.ledger.metrics()


def test_pictures_are_paired_with_the_netlists_of_their_names(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for stem, suffix in (("b10", ".cir"), ("b2", ".txt"), ("sub/a", ".sch")):
        (tmp_path / f"{stem}.png").write_bytes(png())
        (tmp_path / f"{stem}{suffix}").write_text(DIVIDER)
    (tmp_path / "alone.png").write_bytes(png())
    (tmp_path / "alone.md").write_text("no netlist")
    (tmp_path / "lonely.cir").write_text(DIVIDER)
    (tmp_path / ".hidden.png").write_bytes(png())
    diagrams, metrics = take_folder(tmp_path, max_bad_fraction=0.0)
    assert [diagram.source for diagram in diagrams] == ["pairs/b2.png", "pairs/b10.png", "pairs/sub/a.png"]
    assert {diagram.truth for diagram in diagrams} == {DIVIDER}
    assert metrics["set_aside_by_reason"] == {"no netlist beside the picture": 1}
    assert metrics["unknown_files"] == 1 and "unknown file: lonely.cir" in metrics["examples"][1]


def test_a_suffix_in_capital_letters_is_the_same_suffix(tmp_path: Path) -> None:
    (tmp_path / "A.PNG").write_bytes(png())
    (tmp_path / "A.CIR").write_text(DIVIDER)
    (diagram,), _ = take_folder(tmp_path, max_bad_fraction=0.0)
    assert diagram.truth == DIVIDER


def test_a_damaged_pair_is_set_aside(tmp_path: Path) -> None:
    for stem, picture, netlist in (
        ("a", png()[:30], DIVIDER),
        ("b", png(), "R1 1"),
        ("c", png(), "* nothing"),
        ("d", png(), DIVIDER),
        ("e", png(), ""),
    ):
        (tmp_path / f"{stem}.png").write_bytes(picture)
        (tmp_path / f"{stem}.cir").write_text(netlist)
    diagrams, metrics = take_folder(tmp_path, max_bad_fraction=0.9)
    assert [diagram.source for diagram in diagrams] == ["pairs/d.png"]
    assert metrics["set_aside_by_reason"] == {"netlist is not readable": 2, "no netlist": 1, "picture is damaged": 1}
    with pytest.raises(SourceError, match=r"4 of 5 imported items are damaged, more than max_bad_fraction 0\.5 allows"):
        take_folder(tmp_path, max_bad_fraction=0.5)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.cir").write_text(DIVIDER)
    with pytest.raises(SourceError, match=r"no picture in it; expected pictures, and beside each a netlist"):
        take_folder(tmp_path)


# --- Netlists as other programs write them ----------------------------------------------------------------------------


def take_netlists(root: Path, netlists: dict[str, bytes]) -> tuple[dict[str, str], dict[str, Any]]:
    """The truths of pictures with these netlists beside them, by name, and the counts."""
    for number, (stem, netlist) in enumerate(netlists.items()):
        (root / f"{stem}.png").write_bytes(png(number))
        (root / f"{stem}.cir").write_bytes(netlist)
    diagrams, metrics = take_folder(root)
    return {Path(diagram.source).stem: diagram.truth for diagram in diagrams}, metrics


def test_titles_continued_lines_and_parameters_are_read_as_solve_reads_them_and_counted(tmp_path: Path) -> None:
    low_pass = "V1 1 0 AC 1\nR1 1 2 1k\nC1 2 0 1n\n.end\n"
    truths, metrics = take_netlists(
        tmp_path,
        {
            "continued": b"* continued\nV1 1 0\n+ AC 1\nR1 1 2 1k\nC2 2 0 1n IC=0\n.end\n",
            "emitter": f"Common emitter amplifier\n{low_pass}".encode(),
            "lowpass": f"Low pass filter\n{low_pass}".encode(),
            "wheatstone": b"Wheatstone bridge circuit\nV1 1 0 AC 1\nR1 1 2 1k\nR2 2 0 1k\n.end\n",
        },
    )
    filtered = "V1 1 0\nR1 1 2 1k\nC1 2 0 1n"
    assert truths == {
        "continued": "V1 1 0\nR1 1 2 1k\nC2 2 0 1n",
        "emitter": filtered,
        "lowpass": filtered,
        "wheatstone": "V1 1 0\nR1 1 2 1k\nR2 2 0 1k",
    }
    assert metrics["set_aside"] == 0
    assert metrics["netlist_notes_by_topic"] == {"parameters": 1, "title": 3}
    assert metrics["examples"] == [
        "netlist note: parameters: continued.png: passed over, since no small-signal formula depends on them: C2 IC=0",
        "netlist note: title: emitter.png: line 1 is taken as the title: Common emitter amplifier",
        "netlist note: title: lowpass.png: line 1 is taken as the title: Low pass filter",
        "netlist note: title: wheatstone.png: line 1 is taken as the title: Wheatstone bridge circuit",
    ]


def test_a_title_in_a_cell_is_no_part(tmp_path: Path) -> None:
    file = write_table(tmp_path, ("p0.png", f"Low pass filter\n{DIVIDER}"))
    (diagram,), metrics = take(file, max_bad_fraction=0.0)
    assert diagram.truth == DIVIDER
    assert metrics["netlist_notes_by_topic"] == {"title": 1}


def test_exports_of_ltspice_and_kicad_are_read_in_their_codings_and_a_series_resistance_is_set_aside(
    tmp_path: Path,
) -> None:
    ltspice = "* rc.asc\r\nV1 IN 0 SINE(0 1 1k) AC 1\r\nR1 OUT IN 1k\r\nC1 OUT 0 100\u00b5\r\n.backanno\r\n.end\r\n"
    truths, metrics = take_netlists(
        tmp_path,
        {
            "windows": ltspice.encode("cp1252"),
            "wide": ltspice.encode("utf-16"),
            "kicad": b".title KiCad schematic\n.save all\nR1 /in /out 1k\nC1 /out GND 1n\nV1 /in GND DC 0 AC 1\n.end\n",
            "series": b"* 50 ohms\nV1 1 0 AC 1 Rser=50\nR1 1 2 50\nC1 2 0 1n\n.end\n",
            "binary": b"V1 1 0\0\nR1 1 0",
        },
    )
    read = "V1 IN 0\nR1 OUT IN 1k\nC1 OUT 0 100\u00b5"
    assert truths == {"kicad": "R1 /in /out 1k\nC1 /out 0 1n\nV1 /in 0 0", "wide": read, "windows": read}
    assert metrics["set_aside_by_reason"] == {"netlist is not readable": 2}
    assert metrics["netlist_notes_by_topic"] == {"directives": 3, "waveforms": 2}
    assert any("series.cir: line 2: V1: 'Rser=50' is not read" in example for example in metrics["examples"])
