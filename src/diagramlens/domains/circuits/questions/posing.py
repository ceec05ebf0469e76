"""From what can be asked about a diagram to the rows that ask it, whatever sort of diagram it is."""

from __future__ import annotations

import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from diagramlens.domains.circuits.questions.asked import Asked
from diagramlens.records import Question

TEACHER = "solver"

SubjectT = TypeVar("SubjectT")


@dataclass(frozen=True)
class Diagram:
    """What every question about a diagram repeats."""

    id: str
    group: str
    level: int


@dataclass(frozen=True)
class Asking(Generic[SubjectT]):
    """How questions about one diagram are come by.

    `subjects` gives what a kind can be about, in random order, or reasons why it can be about nothing; `answer` what there is to ask and
    answer about a subject, or why there is nothing; `prompt` words it.
    """

    subjects: Callable[[str, random.Random], Iterable[SubjectT | str]]
    answer: Callable[[str, SubjectT], Asked | str]
    prompt: Callable[[str, Asked, random.Random], str]


def pose_each(
    diagram: Diagram, asking: Asking[SubjectT], kinds: Mapping[str, int], seed: int
) -> tuple[list[tuple[Question, SubjectT, Asked]], Counter[str]]:
    """Up to `kinds[kind]` questions of each kind with what they were made from, and how many could not be asked, and why.

    Those of a kind depend on `seed` and the diagram alone, not on what else is asked.
    """
    posed: list[tuple[Question, SubjectT, Asked]] = []
    skipped: Counter[str] = Counter()
    for kind, wanted in kinds.items():
        if not wanted:
            continue
        rng = random_for(seed, diagram.id, kind)
        found, reasons = _find(asking, kind, wanted, rng)
        for number, (subject, asked) in enumerate(found):
            question = Question(
                id=f"{diagram.id}-{kind}-{number}",
                diagram_id=diagram.id,
                group=diagram.group,
                level=diagram.level,
                kind=kind,
                prompt=asking.prompt(kind, asked, rng),
                answer=asked.answer,
                gold=json.dumps(asked.gold, sort_keys=True),
                teacher=TEACHER,
                confidence=1.0,
            )
            posed.append((question, subject, asked))
        if len(found) < wanted and kind != "netlist":
            why = reasons.most_common(1)[0][0] if reasons else "too few parts"
            skipped[f"{kind}: {why}"] += wanted - len(found)
    return posed, skipped


def random_for(seed: int, diagram_id: str, purpose: str) -> random.Random:
    """A stream of random numbers of its own for each purpose of each diagram."""
    digest = hashlib.blake2b(f"{seed} {purpose} {diagram_id}".encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest, "big"))


def _find(
    asking: Asking[SubjectT], kind: str, wanted: int, rng: random.Random
) -> tuple[list[tuple[SubjectT, Asked]], Counter[str]]:
    """The first so many subjects that have an answer, and why others have none."""
    found: list[tuple[SubjectT, Asked]] = []
    reasons: Counter[str] = Counter()
    for subject in asking.subjects(kind, rng):
        asked = subject if isinstance(subject, str) else asking.answer(kind, subject)
        if isinstance(subject, str) or isinstance(asked, str):
            reasons[str(asked)] += 1
            continue
        found.append((subject, asked))
        if len(found) == wanted:
            break
    return found, reasons
