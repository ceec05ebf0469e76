"""A picture is unlike those of training where the model reads it less surely than it reads all but one in fifty of them."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from diagramlens.evaluation.folders import open_folder
from diagramlens.export.calibration import Machine, calibrate, unlike_share
from diagramlens.export.familiarity import (
    FEWEST,
    FILE,
    FamiliarityError,
    calibrated,
    longest_reading,
    read_familiarity,
    reading_question,
    write_familiarity,
)
from diagramlens.export.nf4 import write_nf4
from diagramlens.inference import closing
from diagramlens.models.loading import load_processor
from diagramlens.params import ModelEntry
from diagramlens.records import Diagram, Question, write_shards, write_table
from tests.export.conftest import picture, png

Entry = Callable[[Path], ModelEntry]
READ, COUNT = "Read the netlist.", "How many parts?"


def question(number: int, prompt: str, answer: str, diagram: int | None = None) -> Question:
    about = f"d{number if diagram is None else diagram}"
    return Question(f"q{number}{prompt}", about, "g", 0, "netlist", prompt, answer, "{}", "solver", 1.0)


def rows(count: int) -> list[Question]:
    """Of every picture: its netlist, a number, and a question that no other picture is asked."""
    asked = []
    for number in range(count):
        asked.append(question(number, READ, "V1 e a\nR1 a b\nW b e"))
        asked.append(question(number, COUNT, "3"))
        asked.append(
            question(number, f"With V1 = {number} V: what is the voltage across R1?", "V1 * R1 / (R1 + R2) " * 4)
        )
    return asked


def test_of_the_questions_that_any_picture_can_be_asked_the_one_with_the_longest_answers_is_taken() -> None:
    found = reading_question(rows(FEWEST))
    assert {row.prompt for row in found} == {READ} and len(found) == FEWEST
    shuffled = rows(FEWEST)
    random.Random(0).shuffle(shuffled)
    assert {row.prompt for row in reading_question(shuffled)} == {READ}


def test_a_question_about_few_pictures_is_none_for_any_picture() -> None:
    assert reading_question(rows(FEWEST - 1)) == []
    often = [question(number, READ, "V1 e a", diagram=number % 5) for number in range(10 * FEWEST)]
    assert reading_question(often) == []


def test_one_in_fifty_of_the_pictures_lies_below_the_threshold() -> None:
    likelihoods = [-number / 100 for number in range(199)]
    found = calibrated(READ, 40, likelihoods)
    # The fourth lowest of 199, the quantile of 4 in 200.
    assert (found.threshold, found.pictures) == (-1.95, 199)
    assert [found.is_unlike(value) for value in (-1.96, -1.95, -0.01, math.nan)] == [True, False, False, True]
    assert calibrated(READ, 40, [-0.1234567] * FEWEST).threshold == -0.124
    with pytest.raises(FamiliarityError, match=r"^48 pictures: at least 49 "):
        calibrated(READ, 40, likelihoods[:48])


def test_a_reading_may_be_a_quarter_longer_than_the_longest_right_one() -> None:
    assert longest_reading([10, 40, 3]) == 50


def test_what_a_folder_says_of_itself_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert read_familiarity(tmp_path) is None
    written = calibrated(READ, 40, [-0.01] * 60)
    write_familiarity(tmp_path, written)
    assert read_familiarity(tmp_path) == written


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"prompt": "x"}', "\ufeff\0"])
def test_a_file_of_another_form_is_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(FamiliarityError, match=rf"^[^\n]*{FILE}: not what the merge stage writes [^\n]*$"):
        read_familiarity(tmp_path)


def test_a_length_that_asks_for_nothing_is_refused(tmp_path: Path) -> None:
    write_familiarity(tmp_path, calibrated(READ, 40, [-0.01] * 60))
    (tmp_path / FILE).write_text((tmp_path / FILE).read_text().replace("40", "0"))
    with pytest.raises(FamiliarityError, match="max_new_tokens = 0: at least 1"):
        read_familiarity(tmp_path)


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, list[tuple[str, bytes]]]:
    """Sixty pictures, and what is asked of them."""
    folder = tmp_path_factory.mktemp("drawn")
    shown = [(f"d{n}", png(picture(56 + 28 * (n % 3), 56, 4 * n))) for n in range(60)]
    diagrams = folder / "diagrams"
    diagrams.mkdir()
    write_shards(
        diagrams,
        [Diagram(name, "g", "circuits", 0, "american", image, "", "[]", "drawn", "[]") for name, image in shown],
        Diagram,
        rows_per_shard=25,
    )
    write_table(folder / "validation.parquet", rows(60), Question)
    return folder / "validation.parquet", diagrams, shown


def test_a_merged_folder_is_told_how_sure_it_is_and_so_is_its_copy_in_4_bits(
    base_dir: Path, drawn: tuple[Path, Path, list[tuple[str, bytes]]], entry: Entry, tmp_path: Path
) -> None:
    import shutil

    questions, diagrams, shown = drawn
    merged, small = tmp_path / "merged", tmp_path / "nf4"
    shutil.copytree(base_dir, merged)
    machine = Machine(batch=8, cores=1)
    found = calibrate(entry(base_dir), merged, questions, diagrams, 55, machine)
    assert found == read_familiarity(merged)
    assert found is not None and found.prompt == READ and found.pictures == 55 and found.threshold < 0
    answer = load_processor(entry(base_dir)).tokenizer("V1 e a\nR1 a b\nW b e<|im_end|>")["input_ids"]
    assert found.max_new_tokens == math.ceil(1.25 * len(answer))
    with closing(open_folder(merged, device="cpu")) as answerer:
        assert unlike_share(answerer, found, shown, machine) <= 2 / 55
    write_nf4(entry(base_dir), merged, small)
    assert json.loads((small / FILE).read_text()) == json.loads((merged / FILE).read_text())


def test_too_few_pictures_leave_the_folder_as_it_was(
    base_dir: Path, drawn: tuple[Path, Path, list[tuple[str, bytes]]], entry: Entry, tmp_path: Path
) -> None:
    questions, diagrams, _ = drawn
    for count in (0, FEWEST - 1):
        assert calibrate(entry(base_dir), tmp_path, questions, diagrams, count, Machine(batch=8, cores=1)) is None
    assert not list(tmp_path.iterdir())
