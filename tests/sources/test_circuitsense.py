"""The importer of CircuitSense trees, on three real items and on trees damaged in the ways that downloads are."""

from __future__ import annotations

import io
import json
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from diagramlens.domains.circuits.netlist import parse_netlist
from diagramlens.domains.circuits.solve import transfer, transfer_text
from diagramlens.grading.answers import grade
from diagramlens.records import Diagram, read_rows, write_shards
from diagramlens.sources.circuitsense import find_items, read_circuitsense
from diagramlens.sources.ledger import Imported, SourceError
from diagramlens.sources.questions import kind_of

SAMPLE = Path(__file__).parent / "circuitsense_sample"
DIVIDER = "V1 1 0 step\nR1 1 2 R1\nR2 2 0 R2"
QUESTION = "What is the transfer function from V1 to R2 in this circuit?"


def png(width: int = 8, height: int = 8, colour: int = 128) -> bytes:
    image, buffer = Image.new("L", (width, height), colour), io.BytesIO()
    image.putpixel((0, 0), 255 if colour < 128 else 0)  # a blank picture is damage
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def add_item(
    root: Path, where: str, *, stem: str | None = None, image: bytes | None = None, **texts: str | bytes | None
) -> Path:
    """Write a sound item (a voltage divider) into a tree; `texts` and `image` replace its files, None leaves one out."""
    folder = root / where
    folder.mkdir(parents=True, exist_ok=True)
    stem = stem or folder.name
    contents = {"question": QUESTION, "ta": "R2/(R1 + R2)*1", "netlist": DIVIDER, **texts}
    for role, content in contents.items():
        if content is not None:
            data = content.encode() if isinstance(content, str) else content
            (folder / f"{stem}_{role}.txt").write_bytes(data)
    if image != b"":
        (folder / f"{stem}_image.png").write_bytes(image if image is not None else png())
    return folder


def take(root: Path, max_bad_fraction: float = 0.5) -> tuple[list[Diagram], dict]:
    imported: Imported = read_circuitsense(root, max_bad_fraction=max_bad_fraction)
    return list(imported.diagrams), imported.ledger.metrics()


def questions_of(diagram: Diagram) -> list[dict]:
    return json.loads(diagram.questions)


@pytest.fixture(scope="module")
def sample() -> list[Diagram]:
    return list(read_circuitsense(SAMPLE, max_bad_fraction=0.0).diagrams)


# --- Three real items -----------------------------------------------------------------------------------------------------------------


def test_the_golds_of_real_items_read_by_the_grader_equal_what_the_solver_derives_from_their_netlists(
    sample: list[Diagram],
) -> None:
    for diagram in sample:
        folder = SAMPLE / diagram.source.removeprefix("circuitsense/")
        written = (folder / f"{folder.name}_ta.txt").read_text().strip()
        netlist = parse_netlist((folder / f"{folder.name}_netlist.txt").read_text(), convention="lcapy")
        across = (folder / f"{folder.name}_question.txt").read_text().split(" to ")[1].split()[0]
        derived = transfer_text(transfer(netlist, "V1", *netlist.part(across).nodes))
        (question,) = questions_of(diagram)
        assert question["answer"] == written
        assert question["gold"]["checked"]
        for answer in (written, derived):
            graded = grade("transfer", question["gold"], question["answer"], answer)
            assert graded.correct, (diagram.source, answer, graded.reason)
        assert not grade("transfer", question["gold"], question["answer"], f"-({derived})").correct


def test_real_items_keep_their_level_source_and_sign(sample: list[Diagram]) -> None:
    assert [(diagram.source, diagram.level) for diagram in sample] == [
        ("circuitsense/Analysis/synthetic/level0/q1155", 0),
        ("circuitsense/Analysis/synthetic/level1/q465", 1),
        ("circuitsense/Analysis/synthetic/level2/q23", 2),
    ]
    golds = [questions_of(diagram)[0]["gold"] for diagram in sample]
    assert [(gold["numerator"], gold["denominator"]) for gold in golds] == [
        ("-R1", "R1+R2"),
        ("1", "C1*R1*s+1"),
        ("-y_1", "C1*s"),
    ]
    assert [(gold["across"], gold["plus"], gold["positive"], gold["negative"]) for gold in golds] == [
        ("R1", 0, "0", "1"),
        ("C1", 0, "3", "0"),
        ("C1", 0, "2", "1"),
    ]
    assert all(
        diagram.style == "imported" and diagram.domain == "circuits" and diagram.objects == "[]" for diagram in sample
    )


def test_real_pictures_arrive_byte_for_byte(sample: list[Diagram]) -> None:
    for diagram in sample:
        folder = SAMPLE / diagram.source.removeprefix("circuitsense/")
        assert diagram.image == (folder / f"{folder.name}_image.png").read_bytes()


def test_the_truth_of_a_row_solves_to_the_gold_of_its_question(sample: list[Diagram]) -> None:
    """The netlists are in lcapy's sense, the rows in SPICE's: the current source of level 2 shows the difference."""
    for diagram in sample:
        gold = questions_of(diagram)[0]["gold"]
        solved = transfer(parse_netlist(diagram.truth), gold["source"], gold["positive"], gold["negative"])
        assert (solved.numerator, solved.denominator) == (gold["numerator"], gold["denominator"])
    assert sample[2].truth.splitlines()[1] == "G1 4 1 2 0 y_1"


def test_the_rows_survive_parquet(sample: list[Diagram], tmp_path: Path) -> None:
    write_shards(tmp_path, sample, Diagram, rows_per_shard=2)
    assert list(read_rows(tmp_path, Diagram)) == sample


def test_ids_depend_on_the_path_alone(sample: list[Diagram], tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    shutil.copytree(SAMPLE / "Analysis/synthetic/level1", copy / "Analysis/synthetic/level1")
    (moved,), _ = take(copy)
    assert moved == sample[1]
    assert len({diagram.id for diagram in sample}) == 3


def test_the_report_counts_what_was_taken(sample: list[Diagram]) -> None:
    _, metrics = take(SAMPLE)
    assert metrics["items"] == metrics["taken"] == 3
    assert metrics["taken_by_part"] == {"Analysis/synthetic": 3}
    assert metrics["taken_by_level"] == {"0": 1, "1": 1, "2": 1}
    assert metrics["questions_by_kind"] == {"transfer": 3}
    assert metrics["golds"] == {"confirmed": 3}
    assert metrics["set_aside"] == 0 and metrics["examples"] == []


# --- What a tree may look like --------------------------------------------------------------------------------------------------------


def test_gaps_in_the_numbers_are_no_damage_and_the_order_is_that_of_the_numbers(tmp_path: Path) -> None:
    for number in (10, 2, 700):
        add_item(tmp_path, f"Analysis/synthetic/level0/q{number}")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert [diagram.source.rpartition("/")[2] for diagram in diagrams] == ["q2", "q10", "q700"]
    assert metrics["set_aside"] == 0


def test_questions_about_one_circuit_share_its_group_and_other_circuits_do_not(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1")
    add_item(
        tmp_path,
        "Analysis/synthetic/level0/q2",
        netlist="R7 a b\nR3 0 b\nV9 0 a 5",
        question=QUESTION.replace("V1 to R2", "V9 to R3"),
        ta="1",
    )
    add_item(tmp_path, "Analysis/synthetic/level0/q3", netlist=DIVIDER + "\nR3 2 0 R3", ta="1")
    (first, renamed, other), metrics = take(tmp_path)
    assert first.group == renamed.group != other.group
    assert metrics["groups"] == 2


def test_a_block_diagram_without_a_netlist_is_grouped_by_its_pixels(tmp_path: Path) -> None:
    question = "What is the transfer function of this system?"
    for number, colour in ((1, 10), (2, 10), (3, 200)):
        where = f"Analysis/synthetic/level5_bd/q{number}"
        add_item(
            tmp_path,
            where,
            netlist=None,
            ta=None,
            ta_exact="G1*G2/(1 + G1*H1)",
            question=question,
            image=png(colour=colour),
        )
    diagrams, metrics = take(tmp_path)
    assert diagrams[0].group == diagrams[1].group != diagrams[2].group
    assert {diagram.level for diagram in diagrams} == {5}
    assert {diagram.truth for diagram in diagrams} == {""}
    gold = questions_of(diagrams[0])[0]["gold"]
    assert gold["names"] == ["G1", "G2", "H1", "s"] and not gold["checked"]
    assert grade("transfer", gold, "", "G2*G1/(G1*H1+1)").correct
    assert not grade("transfer", gold, "", "G2*G1/(1-G1*H1)").correct
    assert metrics["golds"] == {"unchecked": 3}


def test_the_exact_answer_of_a_block_diagram_is_preferred(tmp_path: Path) -> None:
    where = "Analysis/synthetic/level5_bd/q1"
    add_item(
        tmp_path,
        where,
        netlist=None,
        ta="G9",
        ta_high="G8",
        ta_exact="H(s) = G1/(1+G1)",
        question="Find the transfer function.",
    )
    (diagram,), _ = take(tmp_path)
    assert questions_of(diagram)[0]["answer"] == "H(s) = G1/(1+G1)"
    assert questions_of(diagram)[0]["gold"]["numerator"] == "G1/(1+G1)"


def test_blocks_written_as_functions_of_s_are_read_as_blocks(tmp_path: Path) -> None:
    where = "Analysis/synthetic/level5_bd/q1"
    answer = "Y(s)/R(s) = G1(s)*G2(s)/(1 + G1(s)*H1(s)) + s*K"
    add_item(tmp_path, where, netlist=None, ta=answer, question="Find the transfer function.")
    (diagram,), _ = take(tmp_path)
    (question,) = questions_of(diagram)
    assert question["gold"]["numerator"] == "G1*G2/(1 + G1*H1) + s*K"
    assert question["gold"]["functions"] == ["G1", "G2", "H1"]
    for right in (answer, "G1*G2/(1+G1*H1)+K*s", r"\frac{G_1(s)G_2(s)}{1+G_1\left(s\right)H_1(s)}+sK"):
        assert grade("transfer", question["gold"], question["answer"], right).correct, right
    for wrong in ("G1(s)*G2(s)/(1+s*G1*H1(s))+s*K", "G1(s)*G2(s)/(1-G1(s)*H1(s))+s*K"):
        assert not grade("transfer", question["gold"], question["answer"], wrong).correct, wrong


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ("exp(s)/(1 + G1(s))", "exp(s) is a function of s, not a part"),
        ("G1(s)/(1 + G1)", "G1 stands alone and as G1(s)"),
        ("G1(s)/(1 + H1(0))", "only names, numbers"),
    ],
)
def test_functions_of_s_that_are_no_blocks_are_set_aside(answer: str, why: str, tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1")
    where = "Analysis/synthetic/level5_bd/q1"
    add_item(tmp_path, where, netlist=None, ta=answer, question="Find the transfer function.")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert len(diagrams) == 1
    assert any(why in example for example in metrics["examples"]), metrics["examples"]


@pytest.mark.parametrize(
    "answer",
    ["The gain is high", "G1 G2", "G1(1 + G2)", r"\frac{G_1}{G_2}", "G1/", "2**(3**2)", "open(R1)"],
)
def test_without_a_netlist_an_answer_that_is_no_bare_formula_is_set_aside(tmp_path: Path, answer: str) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1")
    where = "Analysis/synthetic/level5_bd/q1"
    add_item(tmp_path, where, netlist=None, ta=answer, question="Find the transfer function.")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert len(diagrams) == 1
    assert metrics["set_aside_by_reason"] == {"nothing to ask (transfer gold is no expression)": 1}


def test_an_answer_that_names_no_part_of_the_netlist_is_set_aside_and_its_circuit_kept(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1", ta="R2/(R1 + R9)")
    (diagram,), metrics = take(tmp_path, max_bad_fraction=0.0)
    assert diagram.questions == "[]" and diagram.truth
    assert metrics["questions_set_aside_by_reason"] == {"transfer gold is no expression": 1}


def test_a_gold_that_contradicts_its_netlist_is_kept_and_reported(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1", ta="R1/(R1 + R2)")
    (diagram,), metrics = take(tmp_path, max_bad_fraction=0.0)
    assert questions_of(diagram)[0]["gold"]["numerator"] == "R1/(R1 + R2)"
    assert metrics["golds"] == {"contradicted": 1}
    assert metrics["examples"] == ["gold contradicted: Analysis/synthetic/level0/q1: R1/(R1 + R2) against R2/(R1+R2)"]


def test_a_question_that_no_grader_judges_is_counted_with_the_reason_and_its_circuit_is_kept(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1", question="Why is R2 so warm?", ta="Because of the current.")
    (diagram,), metrics = take(tmp_path, max_bad_fraction=0.0)
    assert diagram.questions == "[]" and parse_netlist(diagram.truth).part("R2").nodes == ("2", "0")
    assert metrics["questions_set_aside_by_reason"] == {"no grader for open questions": 1}
    assert metrics["questions_by_kind"] == {}


def test_a_published_node_voltage_is_confirmed_by_superposition_and_graded(tmp_path: Path) -> None:
    nodal = (
        "Derive the nodal equation for node 2 in the s-domain. Express the equation using only the circuit elements. Make sure the final "
        "answer is just the symbolic equation Vn2(s) = ..., where the right side contains only the labeled components."
    )
    add_item(tmp_path, "Analysis/synthetic/level0/q1", question=nodal, ta="Vn2(s) = R2*V1/(R1 + R2)")
    add_item(tmp_path, "Analysis/synthetic/level0/q2", question=nodal, ta="Vn2(s) = R1*V1/(R1 + R2)")
    (diagram, wrong), metrics = take(tmp_path, max_bad_fraction=0.0)
    (question,) = questions_of(diagram)
    assert question["kind"] == "nodal" and question["gold"]["checked"]
    assert grade("nodal", question["gold"], question["answer"], r"V_{n2}(s) = \frac{R_2 V_1}{R_1+R_2}").correct
    assert not grade("nodal", question["gold"], question["answer"], "Vn2(s) = R1*V1/(R1+R2)").correct
    assert not questions_of(wrong)[0]["gold"]["checked"]
    assert metrics["golds"] == {"confirmed": 1, "contradicted": 1}


def test_curated_perception_and_design_items_become_the_kinds_that_are_graded(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1")
    where = "Analysis/curated/level1/zerofive"
    bare = {"netlist": None, "ta": None}
    add_item(tmp_path, where, stem="q3", a="B", mc="A) 1 V\nB) 2 V", question="Which voltage is it?", **bare)
    add_item(tmp_path, "Perception/count/set_a", stem="q8", a="4", question="How many resistors are there?", **bare)
    add_item(tmp_path, "Design/bias/q4", a="4.7 kΩ", question="Choose R1 such that the current is 1 mA.", **bare)
    add_item(tmp_path, "Design/amplifiers/q5", a="Use two.", question="Design an amplifier.", **bare)
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    found = {diagram.source.rpartition("/")[2]: questions_of(diagram)[0] for diagram in diagrams}
    assert found["q3"]["gold"] == {"letter": "B", "choices": ["1 V", "2 V"], "of": "open"}
    assert found["q3"]["prompt"] == "Which voltage is it?\nA. 1 V\nB. 2 V"
    assert (found["q8"]["kind"], found["q8"]["gold"]) == ("count", {"count": 4})
    assert (found["q4"]["kind"], found["q4"]["gold"]) == ("design", {"value": "4700", "unit": "Ω"})
    for question in found.values():
        assert grade(question["kind"], question["gold"], question["answer"], question["answer"]).correct
    assert metrics["set_aside_by_reason"] == {"nothing to ask (no grader for open questions)": 1}
    assert metrics["set_aside_damaged"] == 0
    assert metrics["taken_by_part"] == {"Analysis/curated": 1, "Analysis/synthetic": 1, "Design": 1, "Perception": 1}


def test_unknown_files_and_folders_are_counted_and_do_no_harm(tmp_path: Path) -> None:
    folder = add_item(tmp_path, "Analysis/synthetic/level0/q1")
    (folder / "thumbs.db").write_bytes(b"\0\1")
    (tmp_path / "Analysis" / "figures").mkdir()
    (tmp_path / "Analysis" / "figures" / "overview.png").write_bytes(png())
    (tmp_path / "Extras").mkdir()
    (tmp_path / "Extras" / "q1_question.txt").write_text("outside of the known parts")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert len(diagrams) == 1 and metrics["items"] == 1
    assert metrics["unknown_files"] == 2


def test_a_picture_that_is_jpeg_in_a_file_named_png_becomes_png_with_the_same_pixels(tmp_path: Path) -> None:
    photo = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(photo, format="JPEG", quality=60)
    add_item(tmp_path, "Analysis/synthetic/level0/q1", image=photo.getvalue())
    (diagram,), _ = take(tmp_path)
    with Image.open(io.BytesIO(diagram.image)) as now, Image.open(photo) as then:
        assert now.format == "PNG"
        assert now.tobytes() == then.tobytes()


def test_the_answer_of_an_integrator_is_confirmed_for_the_ideal_op_amp_that_it_takes(tmp_path: Path) -> None:
    netlist = "V1 1 0 step\nRint1 1 2 Rint1\nCint1 2 3 Cint1\nEint1 3 0 opamp 0 2 Ad"
    question = QUESTION.replace("R2", "Cint1")
    add_item(tmp_path, "Analysis/synthetic/level4/q1", netlist=netlist, question=question, ta="1/(Cint1*Rint1*s)")
    add_item(tmp_path, "Analysis/synthetic/level4/q2", netlist=netlist, question=question, ta="-1/(Cint1*Rint1*s)")
    (diagram, wrong), metrics = take(tmp_path)
    opamp = parse_netlist(diagram.truth).part("Eint1")
    assert opamp.nodes == ("3", "0", "0", "2") and opamp.value is None
    gold = questions_of(diagram)[0]["gold"]
    assert gold["checked"] and grade("transfer", gold, "", r"\frac{1}{s C_{int1} R_{int1}}").correct
    assert parse_netlist(wrong.truth).part("Eint1").value == "Ad"
    assert diagram.group == wrong.group
    assert metrics["golds"] == {"confirmed": 1, "contradicted": 1}
    assert any(
        example.startswith("gold contradicted: Analysis/synthetic/level4/q2:") for example in metrics["examples"]
    )


def test_the_voltage_across_a_current_source_is_positive_at_the_node_that_the_tree_names_first(tmp_path: Path) -> None:
    netlist = "V1 1 0 step\nR1 1 2 R1\nG1 2 0 1 0 g_1"
    # In lcapy's sense the source drives g_1*V1 into node 2: V(2) = V1 + R1*g_1*V1.
    add_item(
        tmp_path,
        "Analysis/synthetic/level2/q1",
        netlist=netlist,
        question=QUESTION.replace("R2", "G1"),
        ta="1 + R1*g_1",
    )
    (diagram,), metrics = take(tmp_path)
    gold = questions_of(diagram)[0]["gold"]
    assert gold["checked"] and gold["positive"] == "2" and gold["plus"] == 1
    assert metrics["golds"] == {"confirmed": 1}


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("What is the transfer function from V1 to R2 in this circuit?", "transfer"),
        ("Derive the transfer function of the system.", "transfer"),
        ("Derive the nodal equation for node 3 in the s-domain.", "nodal"),
        ("What is the solution for the voltage source current IV1 in s-domain of this circuit?", "nodal"),
        ("How many capacitors does the circuit have?", "count"),
        ("What is the input impedance of the circuit?", "impedance"),
        ("What is the DC gain of this amplifier?", "dc_gain"),
        ("Why does it oscillate?", "open"),
    ],
)
def test_the_kind_of_a_question_is_read_from_its_words(question: str, kind: str) -> None:
    assert kind_of(question, has_choices=False) == kind
    assert kind_of(question, has_choices=True) == "choice"


# --- Damage ---------------------------------------------------------------------------------------------------------------------------

TRUNCATED = png(200, 200)[:60]


@pytest.mark.parametrize(
    ("change", "reason", "detail"),
    [
        ({"image": TRUNCATED}, "picture is damaged", "q1_image.png"),
        ({"image": b"this is a text file"}, "picture is damaged", "not a picture"),
        ({"image": b"\x89PNG\r\n\x1a\n"}, "picture is damaged", "q1_image.png"),
        ({"image": b""}, "no picture", "expected q1_image.png"),
        ({"ta": None}, "no answer", "expected q1_ta.txt"),
        ({"ta": "  \n"}, "no answer", "q1_ta.txt is empty"),
        ({"question": None}, "no question", "expected q1_question.txt"),
        ({"question": b"Was f\xfcr eine Spannung?"}, "text is not UTF-8", "q1_question.txt, byte 5"),
        ({"question": "x" * 300_000}, "text too long", "q1_question.txt is larger than 256 KiB"),
        (
            {"netlist": "V1 1 0\nZ1 1 2 3 NPN"},
            "netlist is not readable",
            "q1_netlist.txt: line 2: unknown part letter 'Z'",
        ),
        ({"netlist": "* nothing but a comment"}, "netlist is not readable", "q1_netlist.txt names no part"),
    ],
)
def test_a_damaged_item_is_set_aside_with_its_file_and_the_reason(
    tmp_path: Path, change: dict, reason: str, detail: str
) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1", **change)
    add_item(tmp_path, "Analysis/synthetic/level0/q2")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.5)
    assert [diagram.source for diagram in diagrams] == ["circuitsense/Analysis/synthetic/level0/q2"]
    assert metrics["set_aside_by_reason"] == {reason: 1} and metrics["set_aside_damaged"] == 1
    (example,) = metrics["examples"]
    assert example.startswith(f"{reason}: Analysis/synthetic/level0/q1: ") and detail in example
    assert str(tmp_path) not in json.dumps(metrics)


def test_a_broken_link_and_an_empty_item_folder_are_set_aside(tmp_path: Path) -> None:
    folder = add_item(tmp_path, "Analysis/synthetic/level0/q1", image=b"")
    (folder / "q1_image.png").symlink_to(tmp_path / "blobs" / "gone")
    (tmp_path / "Analysis/synthetic/level0/q2").mkdir()
    add_item(tmp_path, "Analysis/synthetic/level0/q3")
    _, metrics = take(tmp_path, max_bad_fraction=0.7)
    assert metrics["set_aside_by_reason"] == {"no picture": 1, "no question": 1}


def test_names_that_are_not_utf8_are_escaped_wherever_they_are_written(tmp_path: Path) -> None:
    good = add_item(tmp_path, "Perception/q1")
    folder = tmp_path / "Perception" / os.fsdecode(b"gr\xfcn\n")
    shutil.copytree(good, folder)
    (folder / os.fsdecode(b"\xe9.txt")).write_text("")
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert [diagram.source for diagram in diagrams] == [
        r"circuitsense/Perception/gr\udcfcn\n/q1",
        "circuitsense/Perception/q1",
    ]
    write_shards(tmp_path, diagrams, Diagram, rows_per_shard=2)
    assert metrics["examples"] == [r"unknown file: Perception/gr\udcfcn\n/\udce9.txt: its name tells no role"]


def test_a_named_pipe_in_place_of_a_file_does_not_hang_the_import(tmp_path: Path) -> None:
    folder = add_item(tmp_path, "Analysis/synthetic/level0/q1", ta=None)
    os.mkfifo(folder / "q1_ta.txt")
    add_item(tmp_path, "Analysis/synthetic/level0/q2")
    _, metrics = take(tmp_path)
    assert metrics["set_aside_by_reason"] == {"no answer": 1}


SVG = (
    "<svg xmlns='http://www.w3.org/2000/svg' width='300' height='100'><rect x='99' y='20' width='90' height='50' fill='none' "
    "stroke='black'/><text x='120' y='50' font-family='Helvetica'>G1</text></svg>"
)


def add_svg_item(root: Path, svg: str) -> None:
    bare = {"netlist": None, "ta": None, "question": "Find the transfer function."}
    folder = add_item(root, "Analysis/synthetic/level5_bd/q1", image=b"", ta_exact="G1", **bare)
    (folder / "q1_image.svg").write_text(svg)
    add_item(root, "Analysis/synthetic/level0/q2")


def test_a_block_diagram_in_svg_is_drawn(tmp_path: Path) -> None:
    add_svg_item(tmp_path, SVG)
    (_, diagram), _ = take(tmp_path, max_bad_fraction=0.0)
    assert diagram.level == 5
    with Image.open(io.BytesIO(diagram.image)) as image:
        assert image.size == (1024, 341) or image.size == (1024, 342)


def test_without_the_renderer_a_picture_in_svg_alone_waits_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_svg_item(tmp_path, SVG)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    _, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert metrics["set_aside_by_reason"] == {"picture is SVG, and no renderer is installed": 1}
    assert "pip install resvg_py" in metrics["examples"][0]


def test_too_much_damage_fails_the_import_in_one_line_naming_the_first_items(tmp_path: Path) -> None:
    for number in range(1, 7):
        add_item(tmp_path, f"Analysis/synthetic/level0/q{number}", image=TRUNCATED if number % 2 else None)
    imported = read_circuitsense(tmp_path, max_bad_fraction=0.4)
    with pytest.raises(SourceError) as caught:
        list(imported.diagrams)
    message = str(caught.value)
    assert message.startswith(
        "3 of 6 imported items are damaged, more than max_bad_fraction 0.4 allows; first: Analysis/synthetic/level0/q1 ("
    )
    assert "q3" in message and "\n" not in message
    assert len(take(tmp_path, max_bad_fraction=0.5)[0]) == 3


def test_an_import_that_is_stopped_early_is_judged_by_what_was_read(tmp_path: Path) -> None:
    for number in range(1, 11):
        add_item(tmp_path, f"Analysis/synthetic/level0/q{number}", image=TRUNCATED if number == 1 else None)
    imported = read_circuitsense(tmp_path, max_bad_fraction=0.2)
    assert next(imported.diagrams).source.endswith("q2")
    metrics = imported.ledger.metrics()
    assert (metrics["items"], metrics["items_not_read"], metrics["set_aside_damaged"]) == (10, 8, 1)
    with pytest.raises(SourceError, match="1 of 2 imported items are damaged"):
        imported.ledger.check(0.2)
    assert len(list(imported.diagrams)) == 8


@pytest.mark.parametrize("layout", ["file", "missing", "empty", "other", "no items", "inside"])
def test_what_is_no_circuitsense_tree_is_refused_at_once_with_the_layout_that_is_expected(
    tmp_path: Path, layout: str
) -> None:
    root = tmp_path / "tree"
    if layout == "file":
        root.write_text("a file")
    elif layout == "empty":
        root.mkdir()
    elif layout == "other":
        (root / "images").mkdir(parents=True)
    elif layout == "no items":
        (root / "Analysis" / "synthetic" / "level0").mkdir(parents=True)
    elif layout == "inside":
        add_item(root, "synthetic/level0/q1")
    with pytest.raises(SourceError) as caught:
        read_circuitsense(root, max_bad_fraction=0.1)
    message = str(caught.value)
    assert str(root) in message and "Analysis/synthetic/level0/q1/q1_question.txt" in message and "\n" not in message


def test_a_tree_of_which_nothing_can_be_asked_fails_and_says_why(tmp_path: Path) -> None:
    add_item(tmp_path, "Perception/q1", netlist=None, question="Why does it oscillate?", ta="It is unstable.")
    with pytest.raises(
        SourceError,
        match=r"none of the 1 imported items could be taken: nothing to ask \(no grader for open questions\) \(1\)",
    ):
        list(read_circuitsense(tmp_path, max_bad_fraction=1.0).diagrams)


@settings(max_examples=60, deadline=None)
@given(netlist=st.text(max_size=80), question=st.text(max_size=60), answer=st.text(max_size=60))
def test_no_text_in_an_item_stops_the_import(
    tmp_path_factory: pytest.TempPathFactory, netlist: str, question: str, answer: str
) -> None:
    root = tmp_path_factory.mktemp("tree")
    encoded = {role: text.encode("utf-8", "surrogatepass") for role, text in (("netlist", netlist), ("ta", answer))}
    add_item(root, "Analysis/synthetic/level0/q1", **encoded)
    add_item(root, "Analysis/synthetic/level0/q2", question=f"transfer function from V1 to R2 {question}", ta=answer)
    add_item(root, "Analysis/synthetic/level0/q3")
    diagrams, metrics = take(root, max_bad_fraction=1.0)
    assert diagrams[-1].source.endswith("q3")
    assert metrics["taken"] + metrics["set_aside"] == metrics["items"] == 3
    shutil.rmtree(root)


def test_items_are_found_without_reading_any(tmp_path: Path) -> None:
    add_item(tmp_path, "Analysis/synthetic/level0/q1", image=TRUNCATED)
    items, unknown = find_items(tmp_path)
    assert [str(item.path) for item in items] == ["Analysis/synthetic/level0/q1"]
    assert sorted(items[0].files) == ["image", "netlist", "question", "ta"] and unknown == []
