"""Accuracy by what a diagram is like."""

from __future__ import annotations

from pathlib import Path

from diagramlens.domains.circuits.size import part_count
from diagramlens.evaluation.breakdown import accuracy_table, write_csv
from diagramlens.evaluation.scoring import score
from diagramlens.records import Diagram, Question


def test_a_row_for_each_number_of_parts_and_a_column_for_each_variant(
    diagrams: dict[str, Diagram], questions: list[Question], tmp_path: Path
) -> None:
    right = [question.answer for question in questions]
    half = [question.answer if question.diagram_id == "divider" else "" for question in questions]
    predictions = {"base": score("base", questions, half), "merged": score("merged", questions, right)}
    parts = {diagram.id: part_count(diagram.truth) for diagram in diagrams.values()}
    rows = accuracy_table(predictions, "parts", lambda row: parts[row.diagram_id])
    assert rows == [
        {"parts": 3, "questions": 4, "base": 1.0, "merged": 1.0},
        {"parts": 5, "questions": 4, "base": 0.0, "merged": 1.0},
    ]
    write_csv(tmp_path / "parts.csv", "parts", ["base", "merged"], rows)
    assert (tmp_path / "parts.csv").read_text() == "parts,questions,base,merged\n3,4,1.0,1.0\n5,4,0.0,1.0\n"


def test_styles_are_sorted_by_name(diagrams: dict[str, Diagram], questions: list[Question]) -> None:
    predictions = {"base": score("base", questions, [""] * len(questions))}
    rows = accuracy_table(predictions, "style", lambda row: diagrams[row.diagram_id].style)
    assert [row["style"] for row in rows] == ["american", "european"]


def test_wires_are_no_parts_and_an_unknown_truth_has_no_number(diagrams: dict[str, Diagram]) -> None:
    assert part_count(diagrams["divider"].truth) == 3
    assert part_count("") is None
    assert part_count("no netlist") is None
