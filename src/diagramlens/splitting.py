"""Which split a topology belongs to: a pure function of its group and of the salt.

Splitting by group keeps every drawing of one topology on one side. Splitting by the group's own hash, and not by shuffling, keeps it there
when more data is generated or imported, and lets the pretraining of the embedded model leave out the very same test topologies.

What cannot be learnt is found here too, as far as no model is needed for it: a question without an answer, which would leave nothing to
supervise, and a text longer than any row. Tokens can only be counted with a model's tokenizer and picture sizes, which the split must
not depend on; but a byte-level tokenizer never makes more tokens of a text than it has bytes, so bytes bound them. training.packing
counts tokens, and refuses what is still too long for the model at hand.

And what should not be learnt: a question whose gold is not to be trusted, by the confidence that its teacher gave it.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa

from diagramlens.records import DiagramLensError, Question

SplitName = Literal["train", "validation", "test"]
SPLITS: tuple[SplitName, ...] = ("train", "validation", "test")


class SplitError(DiagramLensError):
    """Questions that cannot be split as asked."""


def place(group: str, salt: str, fractions: Mapping[str, float]) -> SplitName:
    """The split of a topology group.

    `fractions` gives the shares of `train`, `validation` and `test`, which sum to 1. The hash is a number in [0, 1); test takes its lower
    end, then validation, then train, so that moving the border between training and validation leaves the test set as it was.
    """
    digest = hashlib.blake2b(f"{salt}\0{group}".encode(), digest_size=8).digest()
    position = int.from_bytes(digest, "big") / 2**64
    if position < fractions["test"]:
        return "test"
    # A share of 0 for training must stay empty, whatever the sum of the other two rounds to.
    return (
        "validation" if position < fractions["test"] + fractions["validation"] or fractions["train"] == 0 else "train"
    )


def set_aside_doubted(questions: Iterable[Question], min_confidence: float) -> tuple[list[Question], list[Question]]:
    """The questions whose confidence is at least `min_confidence`, in [0, 1], and those of which it is below."""
    # Tables hold confidences in single precision: 0.9 comes back as 0.89999998, and would be below itself.
    border: float = pa.scalar(min_confidence, pa.float32()).as_py()
    kept: list[Question] = []
    doubted: list[Question] = []
    for question in questions:
        (doubted if question.confidence < border else kept).append(question)
    return kept, doubted


def set_aside_long(questions: Iterable[Question], max_bytes: int) -> tuple[list[Question], list[Question]]:
    """The questions whose prompt and answer have at most `max_bytes` bytes (UTF-8) together, and those that have more.

    Long ones are kept whole or left out, never cut. Raises SplitError for a blank answer.
    """
    kept: list[Question] = []
    long: list[Question] = []
    for question in questions:
        if not question.answer.strip():
            raise SplitError(
                f"data/labelled: question {question.id} ({question.kind}, diagram {question.diagram_id}) has a blank answer, "
                "so that nothing of it could be learnt; mend or remove it where it was imported"
            )
        (long if _bytes_of(question) > max_bytes else kept).append(question)
    return kept, long


def _bytes_of(question: Question) -> int:
    return len(question.prompt.encode()) + len(question.answer.encode())


def refuse_none_left(kept: Sequence[Question], doubted: Sequence[Question], too_long: Sequence[Question]) -> None:
    """Raise SplitError where every question there is was set aside: what for, and what would let some in."""
    if kept or not (doubted or too_long):
        return
    why, remedies = [], []
    if doubted:
        best = max(question.confidence for question in doubted)
        why.append(f"{len(doubted)} have a confidence below split.min_confidence")
        remedies.append(f"lower split.min_confidence to {best:g}")
    if too_long:
        why.append(f"{len(too_long)} are longer than split.max_bytes")
        remedies.append(f"raise split.max_bytes to {min(map(_bytes_of, too_long))}")
    raise SplitError(f"data/labelled: every question is set aside: {' and '.join(why)}; {' or '.join(remedies)}")


def divide(questions: Iterable[Question], salt: str, fractions: Mapping[str, float]) -> dict[SplitName, list[Question]]:
    """The questions of each split, in the order in which they came. Raises SplitError where there are none at all, or where a share above 0
    of them got no row."""
    rows: dict[SplitName, list[Question]] = {name: [] for name in SPLITS}
    for question in questions:
        rows[place(question.group, salt, fractions)].append(question)
    if not any(rows.values()):
        raise SplitError(
            "data/labelled has no questions; raise generate.count, or look in metrics/generate.json for what was set aside"
        )
    for name in SPLITS:
        if fractions[name] > 0 and not rows[name]:
            groups = len({question.group for other in rows.values() for question in other})
            raise SplitError(
                f"the {name} split would be empty (split.{name} = {fractions[name]:g} of {groups} topologies); "
                f"raise generate.count or split.{name}, or set split.{name} to 0"
            )
    return rows


def split_metrics(
    rows: Mapping[SplitName, list[Question]], too_long: Sequence[Question], doubted: Sequence[Question] = ()
) -> dict[str, Any]:
    """Counts for metrics/split.json: questions by split, kind and level, groups by split, groups that two splits share (0), and the
    questions that were set aside: for their length by kind, for their confidence by kind and by teacher, which is the data set's name."""
    groups = {name: {question.group for question in rows[name]} for name in SPLITS}
    places: dict[str, int] = defaultdict(int)
    for members in groups.values():
        for group in members:
            places[group] += 1
    shared = sum(1 for count in places.values() if count > 1)
    if shared:
        raise SplitError(
            f"{shared} topologies are in more than one split; this is a defect of diagramlens.splitting, please report it"
        )
    metrics: dict[str, Any] = {
        "groups_shared": shared,
        "too_long": {"questions": len(too_long), "by_kind": dict(Counter(question.kind for question in too_long))},
        "doubted": {
            "questions": len(doubted),
            "by_kind": dict(Counter(question.kind for question in doubted)),
            "by_teacher": dict(Counter(question.teacher for question in doubted)),
        },
    }
    for name in SPLITS:
        metrics[name] = {
            "questions": len(rows[name]),
            "diagrams": len({question.diagram_id for question in rows[name]}),
            "groups": len(groups[name]),
            "by_kind": dict(Counter(question.kind for question in rows[name])),
            "by_level": {
                str(level): count for level, count in Counter(question.level for question in rows[name]).items()
            },
        }
    return metrics
