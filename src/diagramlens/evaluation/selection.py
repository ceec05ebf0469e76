"""Which test questions are asked: whole diagrams, chosen by a hash of their ids."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from diagramlens.inference import Asked
from diagramlens.records import Diagram, DiagramLensError, Question, read_rows


class SelectionError(DiagramLensError):
    """A test split without questions, or questions about diagrams that are not there."""


def whole_diagrams(questions: Iterable[Question], limit: int) -> list[Question]:
    """At most `limit` questions, all of a diagram's or none, in the order given; one diagram at least, whatever its questions.

    Diagrams are taken in the order of a hash of their id, so a larger test split changes few of those taken, and nothing that
    sorts by id (levels, styles, sizes) is preferred. Whole, because a netlist must be there for the equation that is solved from it.
    Raises SelectionError for no questions.
    """
    of_diagram: dict[str, list[Question]] = defaultdict(list)
    given = list(questions)
    for question in given:
        of_diagram[question.diagram_id].append(question)
    if not given:
        raise SelectionError("the test split has no questions; raise split.test or generate.count in params.yaml")
    chosen: set[str] = set()
    count = 0
    for diagram_id in sorted(of_diagram, key=_hash):
        count += len(of_diagram[diagram_id])
        if chosen and count > limit:
            break
        chosen.add(diagram_id)
    return [question for question in given if question.diagram_id in chosen]


def diagrams_of(questions: Sequence[Question], source: Path) -> dict[str, Diagram]:
    """The diagrams that the questions are about, by id, out of a folder of shards. Raises SelectionError naming one that is missing."""
    wanted = {question.diagram_id for question in questions}
    found = {diagram.id: diagram for diagram in read_rows(source, Diagram) if diagram.id in wanted}
    missing = sorted(wanted - found.keys())
    if missing:
        raise SelectionError(
            f"{source}: no diagram {missing[0]} ({len(missing)} missing), which the questions ask about; run dvc repro"
        )
    return found


def to_ask(questions: Iterable[Question], diagrams: Mapping[str, Diagram]) -> list[Asked]:
    """The questions as a model is asked them, each with its diagram's picture."""
    return [Asked(one.id, diagrams[one.diagram_id].image, one.prompt, one.kind) for one in questions]


def _hash(diagram_id: str) -> bytes:
    return hashlib.blake2b(diagram_id.encode(), digest_size=8, person=b"evaluate").digest()
