"""The exact solver as a teacher: questions with exact answers, and a verdict on those that a data set brought along.

A diagram takes about a millisecond, so a small data set is labelled in this process; a large one by a pool, in order. The
result is the same whatever the number of workers: what is asked of a diagram depends on its id and the seed alone.
"""

from __future__ import annotations

import json
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diagramlens.domains.circuits.netlist import NetlistError, parse_netlist
from diagramlens.domains.circuits.questions import NetlistForm, ask_and_count
from diagramlens.domains.circuits.solve import SolveError, symbols_of, transfer_across, transfer_text
from diagramlens.grading.expressions import same_expression
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import Diagram, DiagramLensError, Question, parquet_files, read_table
from diagramlens.runtime import die_with_parent

DOMAIN = "circuits"
CHUNK = 64
# A pool of fresh interpreters takes a second or two to start: as long as two thousand diagrams take in this process.
POOL_FROM = 4096

AGREE, DISAGREE, UNDECIDED = "agree", "disagree", "undecided"
# How far an answer that came with its data set is to be trusted, by what the solver says of it.
_CONFIDENCE = {AGREE: 1.0, UNDECIDED: 0.5, DISAGREE: 0.0}


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
    """What to ask of every diagram: `kinds` maps a kind to the number of questions."""

    kinds: Mapping[str, int]
    netlist_form: NetlistForm
    seed: int


@dataclass(frozen=True)
class Labelled:
    """The questions of one diagram; how many were not asked, by reason; verdicts on those it brought along, by kind and verdict."""

    questions: Sequence[Question]
    skipped: Counter[str]
    imported: Counter[tuple[str, str]]


def read_described(source: Path) -> Iterator[Described]:
    """The diagrams of a folder of shards without their pictures, one shard in memory at a time. Raises RecordsError."""
    columns = list(Described.__dataclass_fields__)
    for path in parquet_files(source):
        for row in read_table(path, Diagram, columns).to_pylist():
            yield Described(**row)


def label_all(diagrams: Sequence[Described], asking: Asking, workers: int) -> Iterator[Labelled]:
    """Label the diagrams in order, by `workers` processes where there are many. Raises LabelError naming the diagram."""
    if workers <= 1 or len(diagrams) < POOL_FROM:
        yield from (label(diagram, asking) for diagram in diagrams)
        return
    jobs = ((diagram, asking) for diagram in diagrams)
    with multiprocessing.get_context("spawn").Pool(workers, initializer=die_with_parent) as pool:
        yield from pool.imap(_label_job, jobs, chunksize=CHUNK)


def _label_job(job: tuple[Described, Asking]) -> Labelled:
    return label(*job)


def label(diagram: Described, asking: Asking) -> Labelled:
    """All questions about one diagram: those it brought along, then the solver's. Raises LabelError."""
    if diagram.domain != DOMAIN:
        raise LabelError(
            f"diagram {diagram.id} is of domain {diagram.domain!r}; the teacher 'solver' answers for {DOMAIN!r} only"
        )
    imported = list(imported_questions(diagram))
    verdicts = Counter((question.kind, verdict) for question, verdict in imported)
    questions = [question for question, _ in imported]
    skipped: Counter[str] = Counter()
    if not diagram.truth.strip():
        return Labelled(questions, Counter({"diagram without a netlist": 1}), verdicts)
    try:
        asked, skipped = ask_and_count(
            diagram.id,
            diagram.group,
            diagram.level,
            diagram.truth,
            kinds=asking.kinds,
            netlist_form=asking.netlist_form,
            seed=asking.seed,
        )
    except NetlistError as error:
        raise LabelError(f"diagram {diagram.id} ({diagram.source}): {error}") from error
    return Labelled([*questions, *asked], skipped, verdicts)


def imported_questions(diagram: Described) -> Iterator[tuple[Question, str]]:
    """The questions that a diagram's data set brought along, each with the solver's verdict on its gold. Raises LabelError.

    Their teacher is the data set's name (the first word of `source`), their confidence 1, 0.5 or 0 as the solver agrees, cannot tell or
    disagrees: what a published data set says is kept, whoever is right.
    """
    try:
        rows = json.loads(diagram.questions)
        for number, row in enumerate(rows):
            gold = row["gold"]
            verdict = check_gold(row["kind"], gold, diagram.truth)
            yield (
                Question(
                    id=f"{diagram.id}-imported-{number}",
                    diagram_id=diagram.id,
                    group=diagram.group,
                    level=diagram.level,
                    kind=row["kind"],
                    prompt=row["prompt"],
                    answer=row["answer"],
                    gold=json.dumps(gold, sort_keys=True, ensure_ascii=False),
                    teacher=diagram.source.partition("/")[0],
                    confidence=_CONFIDENCE[verdict],
                ),
                verdict,
            )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise LabelError(
            f"diagram {diagram.id} ({diagram.source}): its questions are no JSON list of objects with kind, prompt, answer and gold: "
            f"{type(error).__name__}: {error}"
        ) from error


def check_gold(kind: str, gold: Mapping[str, object], truth: str) -> str:
    """Whether the solver agrees with the gold of a transfer function: `agree`, `disagree`, or `undecided`.

    Undecided are other kinds, golds that do not say from where to where, and circuits that cannot be solved.
    """
    source, across, plus = gold.get("source"), gold.get("across"), gold.get("plus")
    if (
        kind != "transfer"
        or not (isinstance(source, str) and isinstance(across, str) and plus in (0, 1))
        or not truth.strip()
    ):
        return UNDECIDED
    stated = f"({gold['numerator']})/({gold['denominator']})"
    try:
        netlist = parse_netlist(truth)
        solved = transfer_text(transfer_across(netlist, source, across, plus=int(str(plus))))
        return AGREE if same_expression(stated, solved, symbols_of(netlist)).correct else DISAGREE
    except (NetlistError, SolveError, ExpressionError):
        return UNDECIDED
