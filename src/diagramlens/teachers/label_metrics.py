"""What metrics/label.json says of a labelling."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from diagramlens.teachers.cross_check import Checked
from diagramlens.teachers.solver import Labelled


def label_metrics(labelled: Iterable[Labelled], checks: Iterable[Checked]) -> dict[str, Any]:
    """Counts of questions by kind and level, of questions not asked by reason, of verdicts on imported golds and of cross-checks.

    `questions` maps a kind to a level to a number, `skipped` a reason to the questions not asked for it, `imported` and `cross_check`
    a kind to a verdict to a number. Counts that depend on the machine (a check that took too long) are among the last only.
    """
    questions: dict[str, Counter[str]] = {}
    imported: dict[str, Counter[str]] = {}
    cross_checks: dict[str, Counter[str]] = {}
    skipped: Counter[str] = Counter()
    diagrams = total = 0
    for one in labelled:
        diagrams += 1
        total += len(one.questions)
        skipped += one.skipped
        for question in one.questions:
            questions.setdefault(question.kind, Counter())[f"level {question.level}"] += 1
        for (kind, verdict), count in one.imported.items():
            imported.setdefault(kind, Counter())[verdict] += count
    for check in checks:
        cross_checks.setdefault(check.kind, Counter())[check.verdict] += 1
    return {
        "diagrams": diagrams,
        "total": total,
        "questions": questions,
        "skipped": skipped,
        "imported": imported,
        "cross_check": cross_checks,
    }
