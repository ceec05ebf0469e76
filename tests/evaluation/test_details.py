"""The one-file layout of older tools."""

from __future__ import annotations

import json
from pathlib import Path

from diagramlens.evaluation.details import detailed_variant, details, write_details
from diagramlens.evaluation.scoring import score
from diagramlens.records import Question


def test_the_layout_is_the_one_that_older_tools_read(questions: list[Question], tmp_path: Path) -> None:
    texts = [f"1*{question.answer}" if question.kind == "transfer" else question.answer for question in questions]
    write_details(tmp_path / "details.json", details(questions, score("merged", questions, texts)))
    read = json.loads((tmp_path / "details.json").read_text(encoding="utf-8"))
    assert sorted(read) == ["metrics", "predictions"]
    assert read["metrics"]["equation_sympy_accuracy"] == 1
    assert all(isinstance(value, int | float) for value in read["metrics"].values())
    by_kind = {(row["circuit_id"], row["task_type"]): row for row in read["predictions"]}
    assert len(by_kind) == len(questions)
    transfer = by_kind["divider", "transfer"]
    gold = next(question.answer for question in questions if question.kind == "transfer")
    assert transfer == {
        "circuit_id": "divider",
        "task_type": "transfer",
        "prediction": f"1*{gold}",
        "ground_truth": gold,
        "exact_match": False,
        "sympy_match": True,
    }
    assert by_kind["lowpass", "netlist"]["exact_match"] is True


def test_the_file_holds_the_merged_model_where_it_was_asked() -> None:
    assert detailed_variant(["base", "merged", "nf4"]) == "merged"
    assert detailed_variant(["base", "nf4"]) == "nf4"
