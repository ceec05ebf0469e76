"""Multiple choice: an open question with four answers to choose from, one of them right.

The three others come from single edits of the diagram (a part's kind changed, two parts exchanged, a terminal moved, a source turned
round, a value misread, a sign at a summing point), each solved exactly. The grader of the open question calls no two of the four equal,
so there is one right letter.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterable
from dataclasses import replace

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


def as_choice(question: Question, asked: Asked, near_misses: Iterable[Asked], rng: random.Random) -> Question | None:
    """An open question as a multiple choice; None where too few of the near-misses are different answers."""
    misses = _different(question.kind, asked, near_misses)
    if len(misses) < CHOICES - 1:
        return None
    options = [question.answer, *(miss.answer for miss in misses)]
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


def _different(kind: str, asked: Asked, near_misses: Iterable[Asked]) -> list[Asked]:
    """The first three near-misses that the grader tells apart from the right answer and from each other."""
    misses: list[Asked] = []
    for miss in near_misses:
        if all(_differ(kind, other, miss) for other in (asked, *misses)):
            misses.append(miss)
            if len(misses) == CHOICES - 1:
                break
    return misses


def _differ(kind: str, first: Asked, second: Asked) -> bool:
    if first.answer == second.answer:
        return False
    return not any(
        grade(kind, one.gold, one.answer, other.answer).correct for one, other in ((first, second), (second, first))
    )


def _set_off(text: str) -> str:
    """A netlist below its letter, anything else beside it."""
    return f"\n{text}" if "\n" in text else f" {text}"
