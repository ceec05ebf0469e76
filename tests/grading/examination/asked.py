"""A question with an answer whose verdict is known, and how such an answer is made from a right and a wrong value."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from tests.grading.examination.wording import Topic, Written, bounded, denied, offered, worded


@dataclass(frozen=True)
class Asked:
    """A question's kind and gold, an answer to it, and whether that is right by construction; `made` says how it was made."""

    kind: str
    gold: dict[str, object]
    answer: str
    right: bool
    made: str


WRONG = ("another value", "another value", "another value", "denied", "bounded", "offered", "only a reason")


def answer(
    rng: Random, right: Written, wrong: Written, topic: Topic, *, comparable: bool = True
) -> tuple[str, bool, str]:
    """An answer with the right value in half of the cases, else a wrong one or one that does not claim it."""
    if rng.random() < 0.5:
        return worded(rng, right, topic), True, "right"
    made = rng.choice(WRONG)
    if made == "denied":
        return denied(rng, right, topic), False, made
    if made == "bounded" and comparable:
        return bounded(rng, right, topic), False, made
    if made == "offered":
        return offered(rng, *rng.choice(((right, wrong), (wrong, right))), topic), False, made
    if made == "only a reason":
        return (
            f"{wrong.plain}, because the {rng.choice(('source', 'input', 'other one'))} is {right.plain}.",
            False,
            made,
        )
    return worded(rng, wrong, topic), False, "another value"
