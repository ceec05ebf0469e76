"""The graders examined on thousands of answers whose verdict is known by construction: 1,000 in every run, 20,000 in the slow one.

A wrong verdict is a right answer judged wrong, or a wrong one judged right. A refusal is a right answer that could not be read: it costs a
model a point, and misleads nobody. `python -m tests.grading.test_examination` prints the table.
"""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from diagramlens.grading import grade
from diagramlens.grading.answers import GRADERS
from tests.grading.examination.asked import Asked
from tests.grading.examination.questions import QUESTIONS

QUICK, ALL = 1_000, 20_000
MOST_REFUSED = 0.02


def examined(count: int, seed: str) -> tuple[dict[str, Counter[str]], list[str]]:
    """By kind how many were asked, refused and judged wrongly; and each wrong verdict in words."""
    rng = Random(seed)
    table: dict[str, Counter[str]] = {}
    wrong = []
    for _ in range(count):
        asked: Asked = rng.choice(QUESTIONS)(rng)
        graded = grade(asked.kind, asked.gold, "", asked.answer)
        row = table.setdefault(asked.kind, Counter())
        row["asked"] += 1
        row["right"] += asked.right
        if graded.correct == asked.right:
            continue
        refused = asked.right and graded.reason.startswith(("not readable", "not comparable"))
        row["refused" if refused else "wrong"] += 1
        if not refused:
            wrong.append(f"{asked.kind} ({asked.made}), gold {asked.gold}: {asked.answer!r} is judged: {graded.reason}")
    return table, wrong


def _examine(count: int) -> None:
    table, wrong = examined(count, "examination")
    assert not wrong, "\n".join(wrong[:20])
    assert set(table) == set(GRADERS)
    assert all(row["asked"] / 4 < row["right"] < row["asked"] * 3 / 4 for row in table.values())
    assert sum(row["refused"] for row in table.values()) <= MOST_REFUSED * count
    for kind, row in table.items():
        assert row["refused"] <= MOST_REFUSED * row["asked"] + 1, kind


def test_a_thousand_answers_of_all_kinds_get_no_wrong_verdict():
    _examine(QUICK)


@pytest.mark.slow
def test_twenty_thousand_answers_of_all_kinds_get_no_wrong_verdict():
    _examine(ALL)


def main() -> None:
    """Print by kind how many answers were asked, judged wrongly and refused."""
    table, wrong = examined(ALL, "examination")
    print(f"{'kind':15}{'asked':>7}{'wrong':>7}{'refused':>9}")
    for kind in (*GRADERS, "all"):
        row = table[kind] if kind != "all" else sum(table.values(), Counter())
        print(f"{kind:15}{row['asked']:7}{row['wrong']:7}{row['refused']:9}")
    print(*wrong, sep="\n")


if __name__ == "__main__":
    main()
