"""Which of the questions that were written are solved again by others."""

from __future__ import annotations

from pathlib import Path

from diagramlens.domains.circuits.questions import TEACHER
from diagramlens.records import Question, read_rows
from diagramlens.teachers.cross_check import KINDS, is_chosen


def to_solve_again(labelled: Path, share: float, seed: int) -> list[Question]:
    """The solver's own questions about a share of the diagrams, of the kinds that can be checked, read back from their shards.

    They are read back so that nothing but the sample itself is ever held.
    """
    if share == 0:
        return []
    return [
        question
        for question in read_rows(labelled, Question)
        if question.kind in KINDS and question.teacher == TEACHER and is_chosen(question.diagram_id, share, seed)
    ]
