"""Which split a topology belongs to: a pure function of its group and of the salt.

Splitting by group keeps every drawing of one topology on one side. Splitting by the group's own hash, and not by shuffling, keeps it there
when more data is generated or imported, and lets the pretraining of the embedded model leave out the very same test topologies.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Literal

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


def split_metrics(rows: Mapping[SplitName, list[Question]]) -> dict[str, Any]:
    """Counts for metrics/split.json: questions by split, kind and level, groups by split, and groups that two splits share (0)."""
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
    metrics: dict[str, Any] = {"groups_shared": shared}
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
