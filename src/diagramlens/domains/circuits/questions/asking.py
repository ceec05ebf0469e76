"""Asking: from a truth to questions, the same ones for the same seed whatever else is asked."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice

from diagramlens.domains.circuits.questions.asked import Asked, Subject
from diagramlens.domains.circuits.questions.circuit import Circuit, Expressions, NetlistForm, read_circuit
from diagramlens.domains.circuits.questions.edits import edits
from diagramlens.domains.circuits.questions.posing import Asking, Diagram, pose_each
from diagramlens.domains.circuits.questions.table import TABLE
from diagramlens.domains.circuits.questions.working import Working, begun, stepped, worked
from diagramlens.records import DiagramLensError, Question

KINDS = tuple(TABLE)
# How often a near miss is the right circuit read in the wrong polarity.
TURNED = 0.15


class QuestionError(DiagramLensError):
    """A kind of question that circuits do not know."""


@dataclass(frozen=True)
class Posed:
    """A question, and what it was made from: enough to ask the same of an edited circuit, or to work its answer out."""

    question: Question
    circuit: Circuit
    subject: Subject
    asked: Asked


def ask(
    diagram_id: str,
    group: str,
    level: int,
    truth: str,
    *,
    kinds: Mapping[str, int],
    netlist_form: NetlistForm,
    seed: int,
    marked_only: bool = False,
) -> list[Question]:
    """The questions about one diagram, up to `kinds[kind]` of each kind.

    Those of a kind depend on `seed`, `diagram_id` and the truth alone, not on what else is asked. With `marked_only` voltages and
    currents are asked of those parts alone whose polarity the picture shows.
    Raises NetlistError where the truth is no netlist, QuestionError for an unknown kind.
    """
    return ask_and_count(
        diagram_id, group, level, truth, kinds=kinds, netlist_form=netlist_form, seed=seed, marked_only=marked_only
    )[0]


def ask_and_count(
    diagram_id: str,
    group: str,
    level: int,
    truth: str,
    *,
    kinds: Mapping[str, int],
    netlist_form: NetlistForm,
    seed: int,
    marked_only: bool = False,
) -> tuple[list[Question], Counter[str]]:
    """As `ask`, and how many questions of each kind could not be asked, and why (`"voltage: …"` → number)."""
    posed, skipped = pose(
        diagram_id, group, level, truth, kinds=kinds, netlist_form=netlist_form, seed=seed, marked_only=marked_only
    )
    return [one.question for one in posed], skipped


def worked_answer(posed: Posed, answer: str, result: str = "") -> str:
    """An answer behind its netlist and nodal equations, where its kind has them; else as it is (see working.worked)."""
    working = _working(posed)
    return answer if working is None else worked(working, answer, result)


def begun_answer(posed: Posed, answer: str, result: str = "") -> str:
    """An answer behind its netlist alone, as it is traced (where that is the form asked for) and merged (see working.begun)."""
    working = _working(posed)
    traced = posed.circuit.traced if posed.circuit.form == "traced" else None
    return answer if working is None else begun(working, traced, answer, result)


def stepped_answer(posed: Posed, answer: str, result: str = "") -> str:
    """An answer behind the steps in which its circuit is joined, where they lead there; else as it is (see working.stepped)."""
    reduce = TABLE[posed.question.kind].reduction
    reduction = None if reduce is None else reduce(posed.circuit, posed.subject)
    if reduction is None or reduction.result is None:
        return answer
    return stepped(posed.circuit.traced, reduction, answer, result)


def _working(posed: Posed) -> Working | None:
    work = TABLE[posed.question.kind].working
    return None if work is None else work(posed.circuit, posed.subject)


def multiplied_out(posed: Posed) -> Posed:
    """The same question, its answer written as all circuits' can be: by its form nobody is to tell it from others'."""
    if posed.circuit.expressions == "expanded":
        return posed
    circuit = replace(posed.circuit, expressions="expanded")
    asked = TABLE[posed.question.kind].answer(circuit, posed.subject)
    assert not isinstance(asked, str), "what has an answer in one form has it in the other"
    return Posed(replace(posed.question, answer=asked.answer), circuit, posed.subject, asked)


def near_misses(posed: Posed, rng: random.Random, *, most: int) -> Iterator[Posed]:
    """The same question answered for up to `most` circuits that differ by one edit; some are right all the same.

    Now and then it is the circuit as it is, read in the other polarity.
    """
    kind, subject = TABLE[posed.question.kind], posed.subject
    keep = {subject.source, subject.part, subject.design}
    for edited in islice(edits(posed.circuit, keep, rng), most):
        turned = replace(subject, plus=1 - subject.plus)
        circuit, about = (posed.circuit, turned) if rng.random() < TURNED else (edited, subject)
        asked = kind.answer(circuit, about)
        if not isinstance(asked, str):
            yield replace(posed, circuit=circuit, subject=about, asked=asked)


def pose(
    diagram_id: str,
    group: str,
    level: int,
    truth: str,
    *,
    kinds: Mapping[str, int],
    netlist_form: NetlistForm,
    seed: int,
    marked_only: bool = False,
    expressions: Expressions = "expanded",
) -> tuple[list[Posed], Counter[str]]:
    """As `ask_and_count`, each question with what it was made from. `expressions` says how answers in symbols are written."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown:
        raise QuestionError(f"circuits have no questions of kind {unknown[0]!r}; they have: {', '.join(KINDS)}")
    circuit = read_circuit(truth, netlist_form, marked_only=marked_only, expressions=expressions)
    asking = Asking(
        subjects=lambda kind, rng: TABLE[kind].subjects(circuit, rng),
        answer=lambda kind, subject: TABLE[kind].answer(circuit, subject),
        prompt=_prompt,
    )
    posed, skipped = pose_each(Diagram(diagram_id, group, level), asking, kinds, seed)
    return [Posed(question, circuit, subject, asked) for question, subject, asked in posed], skipped


def _prompt(kind: str, asked: Asked, rng: random.Random) -> str:
    """One of the wordings, its slots filled, followed by what the picture leaves open."""
    wording = rng.choice(TABLE[kind].wordings[asked.wordings])
    return " ".join((wording.format(**asked.slots), *asked.notes))
