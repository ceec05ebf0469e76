"""Multiple choice: an open question with four answers to choose from, one of them right.

The others are those of misread diagrams, each solved exactly: a part's kind changed, two parts exchanged, a terminal moved, a source
turned round, a value misread, a sign at a summing point. Were all three single edits of the diagram, the right answer would be the one
that they have in common: who picked the one most like the three others, without a look at the picture, was right two times of three.
So one of the four is the centre, each as often as the others. In a quarter of the questions it is the right one; in the rest it is a
single edit of the diagram, and the two other wrong answers are single edits of that one.

Of counts and labels, which few edits change, the others are neighbouring numbers and labels that the question offers. The grader of
the open question calls no two of the four equal, so there is one right letter.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Protocol, TypeVar

from diagramlens.domains.circuits.questions.asked import Asked
from diagramlens.grading.answers import grade
from diagramlens.records import Question

KIND = "choice"
CHOICES = 4
WORDINGS = (
    "Answer with the letter of the right choice.",
    "Which one is right? Give its letter.",
    "Choose A, B, C or D.",
)
# Misread diagrams that are tried as the centre before a question is left open.
_MOST_CENTRES = 6


class Answered(Protocol):
    """A question, and its answer for some diagram: the one it is about, or a misread one."""

    @property
    def question(self) -> Question: ...

    @property
    def asked(self) -> Asked: ...


PosedT = TypeVar("PosedT", bound=Answered)


def as_choice(posed: PosedT, misread: Callable[[PosedT], Iterable[PosedT]], rng: random.Random) -> Question | None:
    """An open question as a multiple choice; None where too few misread diagrams have different answers.

    `misread` gives the question as it is posed of diagrams that differ by one edit.
    """
    question = posed.question
    wrong = _wrong_answers(posed, misread, rng)
    if wrong is None:
        return None
    options = [question.answer, *wrong]
    rng.shuffle(options)
    letter = string.ascii_uppercase[options.index(question.answer)]
    listed = "\n".join(f"{name}){_set_off(text)}" for name, text in zip(string.ascii_uppercase, options, strict=False))
    gold = {"letter": letter, "choices": options, "of": question.kind}
    return replace(
        question,
        id=f"{question.id}-choice",
        kind=KIND,
        prompt=f"{question.prompt}\n{listed}\n{rng.choice(WORDINGS)}",
        answer=letter,
        gold=json.dumps(gold, sort_keys=True, ensure_ascii=False),
    )


def _wrong_answers(
    posed: PosedT, misread: Callable[[PosedT], Iterable[PosedT]], rng: random.Random
) -> list[str] | None:
    match posed.question.kind:
        case "count":
            return _neighbours(int(posed.question.answer), rng)
        case "function":
            return _labels(posed, misread(posed), rng)
    misses = _around(posed, misread, rng)
    return None if misses is None else [miss.asked.answer for miss in misses]


def _neighbours(number: int, rng: random.Random) -> list[str]:
    """Three of the four numbers of a row that the right one is somewhere in; nothing is counted of which there is none."""
    lowest = max(1, number - rng.randrange(CHOICES))
    return [str(other) for other in range(lowest, lowest + CHOICES) if other != number]


def _labels(posed: PosedT, misses: Iterable[PosedT], rng: random.Random) -> list[str]:
    """Labels that the question offers: those of misread diagrams first, then any."""
    labels = json.loads(posed.question.gold)["labels"]
    offered = [label for label in labels if label != posed.question.answer]
    found = dict.fromkeys(miss.asked.answer for miss in misses if miss.asked.answer in offered)
    return list(dict.fromkeys([*found, *rng.sample(offered, len(offered))]))[: CHOICES - 1]


def _around(posed: PosedT, misread: Callable[[PosedT], Iterable[PosedT]], rng: random.Random) -> list[PosedT] | None:
    """Three misses that the grader tells apart from the right answer and from each other; None where there are too few.

    All are edits of the diagram, or one is and the others are edits of that one.
    """
    if rng.randrange(CHOICES) == 0:
        misses = list(islice(_different([posed], misread(posed)), CHOICES - 1))
        return misses if len(misses) == CHOICES - 1 else None
    for centre in islice(_different([posed], misread(posed)), _MOST_CENTRES):
        misses = list(islice(_different([posed, centre], misread(centre)), CHOICES - 2))
        if len(misses) == CHOICES - 2:
            return [centre, *misses]
    return None


def _different(taken: list[PosedT], misses: Iterable[PosedT]) -> Iterator[PosedT]:
    """The misses whose answers the grader tells apart from those taken and from each other."""
    for miss in misses:
        if all(_differ(other, miss) for other in taken):
            taken.append(miss)
            yield miss


def _differ(first: PosedT, second: PosedT) -> bool:
    if first.asked.answer == second.asked.answer:
        return False
    kind = first.question.kind
    return not any(
        grade(kind, one.asked.gold, one.asked.answer, other.asked.answer).correct
        for one, other in ((first, second), (second, first))
    )


def _set_off(text: str) -> str:
    """A netlist below its letter, anything else beside it."""
    return f"\n{text}" if "\n" in text else f" {text}"
