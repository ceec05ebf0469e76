"""What an import took, what it set aside, and why: the numbers and examples that go into metrics/generate.json.

Two kinds of "set aside" are kept apart. Damage (a truncated picture, a missing answer) means that something is wrong with the copy, and
too much of it fails the import. What only waits (a question that no grader can judge yet) is counted and costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from diagramlens.records import Diagram, DiagramLensError

EXAMPLES_PER_REASON = 3
MAX_REMARK = 300
IMPORTED_STYLE = "imported"
NO_LEVEL = -1
"""The level of a diagram whose data set names none."""

Item = TypeVar("Item")


class SourceError(DiagramLensError):
    """Imported data that is absent, of another layout than stated, or damaged beyond what the parameters allow."""


class ItemError(DiagramLensError):
    """One item that cannot be taken. `reason` is what it is counted under, the message says what was found."""

    def __init__(self, reason: str, detail: str, *, damage: bool = True) -> None:
        detail = " ".join(detail.split())
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail, self.damage = reason, detail, damage


@dataclass
class Ledger:
    """Counts of one import, of the items read so far. `items` is how many there are; paths are relative to the imported folder."""

    items: int
    taken: Counter[str] = field(default_factory=Counter)
    levels: Counter[str] = field(default_factory=Counter)
    questions: Counter[str] = field(default_factory=Counter)
    golds: Counter[str] = field(default_factory=Counter)
    set_aside: Counter[str] = field(default_factory=Counter)
    questions_set_aside: Counter[str] = field(default_factory=Counter)
    netlist_notes: Counter[str] = field(default_factory=Counter)
    objects: Counter[str] = field(default_factory=Counter)
    objects_set_aside: Counter[str] = field(default_factory=Counter)
    counts_withheld: Counter[str] = field(default_factory=Counter)
    pictures_withheld: int = 0
    unknown_files: int = 0
    damaged: int = 0
    groups: set[str] = field(default_factory=set)
    pictures: set[str] = field(default_factory=set)
    examples: dict[str, list[str]] = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)

    def note(self, reason: str, path: str, detail: str) -> None:
        """Remember the first examples of a reason: "reason: path: detail"."""
        known = self.examples.setdefault(reason, [])
        if len(known) < EXAMPLES_PER_REASON:
            known.append(f"{reason}: {_short(path)}: {_short(' '.join(detail.split()))}")

    def note_unknown(self, path: str, detail: str) -> None:
        """Count a file that belongs to no item."""
        self.unknown_files += 1
        self.note("unknown file", path, detail)

    def put_question_aside(self, path: str, why: ItemError) -> None:
        """Count a question that is not taken, of an item that is."""
        self.questions_set_aside[why.reason] += 1
        self.note(why.reason, path, why.detail)

    def note_netlist(self, path: str, topic: str, detail: str) -> None:
        """Count something that was passed over or taken for granted in reading the netlist of an item that is taken."""
        self.netlist_notes[topic] += 1
        self.note(f"netlist note: {topic}", path, detail)

    def put_object_aside(self, path: str, reason: str, detail: str) -> None:
        """Count a box that is not taken, of an item that is."""
        self.objects_set_aside[reason] += 1
        self.note(reason, path, detail)

    def withhold_counts(self, path: str, labels: Mapping[str, str]) -> None:
        """Count a picture of which some kinds of parts, or all, are not counted, once for each reason; `labels` has a label for each."""
        self.pictures_withheld += bool(labels)
        for reason, label in labels.items():
            self.counts_withheld[reason] += 1
            self.note(f"not counted, {reason}", path, label)

    def take(self, diagram: Diagram, part: str, digest: str) -> None:
        """Count one item that is taken; `part` says where in the data set it lies, `digest` is that of its picture."""
        self.taken[part] += 1
        self.levels[str(diagram.level)] += 1
        self.groups.add(diagram.group)
        self.pictures.add(digest)

    def put_aside(self, path: str, why: ItemError) -> None:
        """Count one item that is not taken."""
        self.set_aside[why.reason] += 1
        self.note(why.reason, path, why.detail)
        if why.damage:
            self.damaged += 1
            if len(self.damage) < EXAMPLES_PER_REASON:
                self.damage.append(f"{_short(path)} ({_short(str(why))})")

    def put_folders_aside(self, unread: Mapping[str, ItemError]) -> None:
        """Count folders that were not looked into, by path and why: each as one item more, whatever it may hold."""
        for path, why in sorted(unread.items()):
            self.items += 1
            self.put_aside(path, why)

    @property
    def read(self) -> int:
        """How many items were looked at, taken or not."""
        return sum(self.taken.values()) + sum(self.set_aside.values())

    def check(self, max_bad_fraction: float) -> None:
        """Raise SourceError where more than this fraction of the items read is damaged, or nothing at all was taken."""
        first = "; ".join(self.damage)
        if self.damaged > max_bad_fraction * self.read:
            raise SourceError(
                f"{self.damaged} of {self.read} imported items are damaged, more than max_bad_fraction {max_bad_fraction:g} allows; "
                f"first: {first}; mend or remove them, or raise the fraction"
            )
        if not self.read:
            raise SourceError("there is nothing in it to import: it lists no item at all")
        if not self.taken:
            reasons = ", ".join(f"{reason} ({count})" for reason, count in sorted(self.set_aside.items()))
            raise SourceError(
                f"none of the {self.read} imported items could be taken: {reasons}; first: {first or 'none damaged'}"
            )

    def metrics(self) -> dict[str, Any]:
        """The counts as a JSON-ready dictionary. Reasons and kinds are keys, the examples a list of strings."""
        return {
            "items": self.items,
            "items_not_read": self.items - self.read,
            "taken": sum(self.taken.values()),
            "taken_by_part": dict(sorted(self.taken.items())),
            "taken_by_level": dict(sorted(self.levels.items())),
            "groups": len(self.groups),
            "pictures": len(self.pictures),
            "questions_by_kind": dict(sorted(self.questions.items())),
            "golds": dict(sorted(self.golds.items())),
            "set_aside": sum(self.set_aside.values()),
            "set_aside_damaged": self.damaged,
            "set_aside_by_reason": dict(sorted(self.set_aside.items())),
            "questions_set_aside": sum(self.questions_set_aside.values()),
            "questions_set_aside_by_reason": dict(sorted(self.questions_set_aside.items())),
            "netlist_notes_by_topic": dict(sorted(self.netlist_notes.items())),
            "objects_by_kind": dict(sorted(self.objects.items())),
            "objects_set_aside": sum(self.objects_set_aside.values()),
            "objects_set_aside_by_reason": dict(sorted(self.objects_set_aside.items())),
            "counts_withheld": self.pictures_withheld,
            "counts_withheld_by_reason": dict(sorted(self.counts_withheld.items())),
            "unknown_files": self.unknown_files,
            "examples": [example for _, examples in sorted(self.examples.items()) for example in examples],
        }


def _short(text: str) -> str:
    """A foreign name or remark as it may stand in a message: where it is long, its beginning and its end."""
    return text if len(text) <= MAX_REMARK else f"{text[: MAX_REMARK // 2]}…{text[-MAX_REMARK // 2 :]}"


@dataclass(frozen=True)
class Imported:
    """A running import: take `diagrams` to the end (it raises SourceError there if too much is damaged), then read the `ledger`."""

    diagrams: Iterator[Diagram]
    ledger: Ledger


def collect(
    items: Iterable[Item],
    read: Callable[[Item], Diagram],
    path_of: Callable[[Item], str],
    ledger: Ledger,
    max_bad_fraction: float,
) -> Imported:
    """An import that reads one item after the other when asked for the next diagram, and counts each in `ledger`.

    `read` counts what it takes (`Ledger.take`) and raises ItemError for what it does not.
    """

    def diagrams() -> Iterator[Diagram]:
        for item in items:
            try:
                diagram = read(item)
            except ItemError as why:
                ledger.put_aside(path_of(item), why)
            else:
                yield diagram
        ledger.check(max_bad_fraction)

    return Imported(diagrams(), ledger)
