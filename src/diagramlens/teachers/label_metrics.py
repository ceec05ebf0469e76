"""What metrics/label.json says of a labelling, counted while the questions flow by."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from diagramlens.records import Question
from diagramlens.teachers.cross_check import Checked
from diagramlens.teachers.solver import Labelled


class LabelTally:
    """Counts labelled diagrams and cross-checks; holds counts only, however many there are."""

    def __init__(self) -> None:
        self.diagrams = 0
        self.total = 0
        self.checked = 0
        self._questions: dict[str, Counter[str]] = {}
        self._imported: dict[str, Counter[str]] = {}
        self._cross_checks: dict[str, Counter[str]] = {}
        self._choices: Counter[str] = Counter()
        self._skipped: Counter[str] = Counter()

    def watch(self, labelled: Iterable[Labelled]) -> Iterator[Question]:
        """Pass the questions on and count them."""
        for one in labelled:
            self.diagrams += 1
            self.total += len(one.questions)
            self._skipped += one.skipped
            self._choices += one.choices
            for (kind, verdict), count in one.imported.items():
                self._imported.setdefault(kind, Counter())[verdict] += count
            for question in one.questions:
                self._questions.setdefault(question.kind, Counter())[f"level {question.level}"] += 1
                yield question

    def check(self, checked: Checked) -> None:
        """Count one cross-check."""
        self.checked += 1
        self._cross_checks.setdefault(checked.kind, Counter())[checked.verdict] += 1

    def metrics(self) -> dict[str, Any]:
        """Counts of questions by kind and level, of choices by the kind of the open question, and so on.

        `questions` maps a kind to a level to a number, `skipped` a reason to the questions not asked for it, `imported` and
        `cross_check` a kind to a verdict to a number. Counts that depend on the machine (a check that took too long) are among the last.
        """
        return {
            "diagrams": self.diagrams,
            "total": self.total,
            "questions": self._questions,
            "choices": self._choices,
            "skipped": self._skipped,
            "imported": self._imported,
            "cross_check": self._cross_checks,
        }
