"""The exact solver as a teacher: questions with exact answers, and a verdict on those that a data set brought along.

A diagram takes about a millisecond, so a small data set is labelled in this process; a large one by a pool, in order. The
result is the same whatever the number of workers: what is asked of a diagram depends on its id and the seed alone. Diagrams flow through:
a few thousand are in memory at a time, however many there are.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

from diagramlens.domains.circuits.blocks import BlocksError, is_block_diagram
from diagramlens.domains.circuits.blocks.asking import PosedBlocks, near_misses_of_blocks, pose_blocks
from diagramlens.domains.circuits.blocks.working import read_blocks, worked_blocks
from diagramlens.domains.circuits.netlist import NetlistError
from diagramlens.domains.circuits.questions import (
    Expressions,
    NetlistForm,
    Posed,
    begun_answer,
    multiplied_out,
    near_misses,
    pose,
    random_for,
    stepped_answer,
    worked_answer,
)
from diagramlens.records import Diagram, DiagramLensError, Question, parquet_files, read_table
from diagramlens.runtime import pool
from diagramlens.teachers.choices import as_choice
from diagramlens.teachers.imported import ImportedError, imported_questions

DOMAIN = "circuits"
CHUNK = 64
# Chunks under way for each worker: enough that none waits for the slowest, few enough that memory stays flat.
AHEAD = 4
# A pool of fresh interpreters takes a second or two to start: as long as two thousand diagrams take in this process.
POOL_FROM = 4096
# Edits that are looked at before a question is left open. Most circuits need about ten.
MOST_EDITS = 60

Reasoning = Literal["none", "netlist", "steps", "worked"]


class LabelError(DiagramLensError):
    """A diagram that cannot be labelled: which, and why."""


@dataclass(frozen=True)
class Described:
    """A diagram without its picture: all that its labels depend on."""

    id: str
    group: str
    domain: str
    level: int
    truth: str
    source: str
    questions: str


@dataclass(frozen=True)
class Asking:
    """What to ask of every diagram: `kinds` maps a kind to the number of questions.

    `choices` is the share of them, 0 to 1, that become multiple choices; `reasoning` what stands before an analysis answer: nothing, the
    netlist, or all of its working; `marked_only` whether voltages and currents are asked of those parts alone whose polarity the picture
    shows; `expressions` how transfer functions and impedances are written.
    """

    kinds: Mapping[str, int]
    netlist_form: NetlistForm
    seed: int
    choices: float = 0.0
    reasoning: Reasoning = "none"
    marked_only: bool = False
    expressions: Expressions = "expanded"


@dataclass(frozen=True)
class Labelled:
    """The questions of one diagram; how many were not asked, by reason; verdicts on those it brought along, by kind and verdict.

    `choices` counts the multiple choices by the kind of the open question.
    """

    questions: Sequence[Question]
    skipped: Counter[str]
    imported: Counter[tuple[str, str]]
    choices: Counter[str] = field(default_factory=Counter)


def read_described(source: Path) -> Iterator[Described]:
    """The diagrams of a folder of shards without their pictures, one shard in memory at a time. Raises RecordsError."""
    columns = list(Described.__dataclass_fields__)
    for path in parquet_files(source):
        for row in read_table(path, Diagram, columns).to_pylist():
            yield Described(**row)


def count_described(source: Path) -> int:
    """How many diagrams a folder of shards holds. Raises RecordsError."""
    return sum(len(read_table(path, Diagram, ["id"])) for path in parquet_files(source))


def label_all(diagrams: Iterable[Described], asking: Asking, workers: int, count: int) -> Iterator[Labelled]:
    """Label `count` diagrams in order, by `workers` processes where there are many. Raises LabelError naming the diagram."""
    workers = min(workers, math.ceil(count / CHUNK))
    if workers <= 1 or count < POOL_FROM:
        yield from (label(diagram, asking) for diagram in diagrams)
        return
    with pool(workers, "spawn") as labelling:
        under_way: deque[Future[list[Labelled]]] = deque()
        rest = iter(diagrams)
        while chunk := list(islice(rest, CHUNK)):
            under_way.append(labelling.submit(_label_chunk, chunk, asking))
            if len(under_way) > AHEAD * workers:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()


def _label_chunk(chunk: Sequence[Described], asking: Asking) -> list[Labelled]:
    return [label(diagram, asking) for diagram in chunk]


def label(diagram: Described, asking: Asking) -> Labelled:
    """All questions about one diagram: those it brought along, then the solver's. Raises LabelError."""
    if diagram.domain != DOMAIN:
        raise LabelError(
            f"diagram {diagram.id} is of domain {diagram.domain!r}; the teacher 'solver' answers for {DOMAIN!r} only"
        )
    try:
        imported = list(
            imported_questions(
                diagram.id, diagram.group, diagram.level, diagram.truth, diagram.source, diagram.questions
            )
        )
        verdicts = Counter((question.kind, verdict) for question, verdict in imported)
        questions = [question for question, _ in imported]
        if not diagram.truth.strip():
            return Labelled(questions, Counter({"diagram without a netlist": 1}), verdicts)
        return _ask(diagram, asking, questions, verdicts)
    except (NetlistError, BlocksError, ImportedError) as error:
        raise LabelError(f"diagram {diagram.id} ({diagram.source}): {error}") from error


def _ask(diagram: Described, asking: Asking, questions: list[Question], verdicts: Counter[tuple[str, str]]) -> Labelled:
    """What the solver asks, added to the questions that came along."""
    of = (diagram.id, diagram.group, diagram.level, diagram.truth)
    posed: Sequence[Posed | PosedBlocks]
    if is_block_diagram(diagram.truth):
        posed, skipped = pose_blocks(*of, kinds=asking.kinds, seed=asking.seed)
    else:
        posed, skipped = pose(
            *of,
            kinds=asking.kinds,
            netlist_form=asking.netlist_form,
            seed=asking.seed,
            marked_only=asking.marked_only,
            expressions=asking.expressions,
        )
    choices: Counter[str] = Counter()
    for one in posed:
        chosen = _as_choice(one, asking) if asking.choices else one.question
        if chosen is None:
            skipped[f"choice: {one.question.kind}, too few near-misses, asked openly"] += 1
        elif chosen is not one.question:
            choices[one.question.kind] += 1
        final = chosen or one.question
        questions.append(final if asking.reasoning == "none" else _explained(one, final, asking.reasoning))
    return Labelled(questions, skipped, verdicts, choices)


def _as_choice(posed: Posed | PosedBlocks, asking: Asking) -> Question | None:
    """The question as a multiple choice, or as it is where chance leaves it open; None where it had to stay open."""
    rng = random_for(asking.seed, posed.question.id, "choice")
    if rng.random() >= asking.choices:
        return posed.question
    if isinstance(posed, Posed):
        return as_choice(multiplied_out(posed), partial(near_misses, rng=rng, most=MOST_EDITS), rng)
    return as_choice(posed, partial(near_misses_of_blocks, rng=rng, most=MOST_EDITS), rng)


def _explained(posed: Posed | PosedBlocks, question: Question, reasoning: Reasoning) -> Question:
    """The question with what it follows from in front of the answer, where it follows from something."""
    answer, result = question.answer, ""
    if question is not posed.question:  # a choice: what its letter stands for, as the prompt writes it
        result = (multiplied_out(posed) if isinstance(posed, Posed) else posed).question.answer
    if isinstance(posed, Posed):
        explain = {"netlist": begun_answer, "steps": stepped_answer, "worked": worked_answer}[reasoning]
        return replace(question, answer=explain(posed, answer, result))
    source = posed.subject.source
    if not source or reasoning == "steps":  # what is read off the diagram starts at no input, and needs no working
        return question
    if reasoning == "worked":
        return replace(question, answer=worked_blocks(posed.diagram, source, answer, result))
    return replace(question, answer=read_blocks(posed.diagram, answer, result))
