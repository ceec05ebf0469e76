"""`check --gold`: is every gold answer of every split right by its own grader? One that is not is learnt, and never right when it is given.

18,000 questions take seven seconds, one after the other; a shard is in memory at a time.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from tqdm import tqdm

from diagramlens.grading.answers import grade
from diagramlens.records import DiagramLensError, Question, read_rows
from diagramlens.splitting import SPLITS

SHOWN = 10  # golds that are named
_WIDEST = 80  # characters of an answer that are shown


class NoGoldsError(DiagramLensError):
    """Splits that are not there, or hold no question."""


def show_golds(folder: Path) -> bool:
    """Grade every question's answer against its own gold and print how many are right, by kind; whether all are.

    `folder` holds a parquet file for each split. The first few golds that are not right are named on standard error, each with the
    reason. Raises NoGoldsError where there is nothing to grade, and RecordsError for a damaged file.
    """
    paths = [folder / f"{name}.parquet" for name in SPLITS]
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise NoGoldsError(f"{missing[0]}: not there yet; run dvc repro split first")
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    placed = ((path, question) for path in paths for question in read_rows(path, Question))
    for path, question in tqdm(placed, desc="check", unit=" golds", delay=2, disable=not sys.stderr.isatty()):
        reason = why_wrong(question)
        asked[question.kind] += 1
        right[question.kind] += reason is None
        if reason is not None and asked.total() - right.total() <= SHOWN:
            print(f"diagramlens check: {path}: {_named(question)}: {reason}", file=sys.stderr)
    if not asked:
        raise NoGoldsError(f"{folder}: its splits hold no question; raise generate.count and run dvc repro split")
    print(_summary(asked, right))
    return asked == right


def why_wrong(question: Question) -> str | None:
    """Why a question's own grader does not take its answer for right; None where it does."""
    try:
        gold: Any = json.loads(question.gold)
        if not isinstance(gold, dict):
            return "its gold is no JSON object"
        graded = grade(question.kind, gold, question.answer, question.answer)
    except (json.JSONDecodeError, RecursionError) as error:
        return f"its gold is no JSON: {error}"
    except DiagramLensError as error:
        return " ".join(str(error).split())
    return None if graded.correct else graded.reason


def _named(question: Question) -> str:
    answer = " ".join(question.answer.split())
    shown = answer if len(answer) <= _WIDEST else f"{answer[: _WIDEST - 1]}…"
    return f"question {question.id} ({question.kind}, by {question.teacher}), answer {shown!r}"


def _summary(asked: Counter[str], right: Counter[str]) -> str:
    rows = [f"  {kind:14} {right[kind]:8} of {count:8}" for kind, count in sorted(asked.items())]
    wrong = asked.total() - right.total()
    verdict = (
        "every gold answer is right" if not wrong else f"{wrong} are not; mend or remove them where they come from"
    )
    return "\n".join(
        ["Gold answers that are right by their own grader", *rows, f"{right.total()} of {asked.total()}: {verdict}"]
    )
