"""`diagramlens grade`: a verdict on one answer of any kind, or on each row of a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from diagramlens.grading.answers import GRADERS, Graded, grade
from diagramlens.grading.equivalence import infer_names
from diagramlens.grading.expressions import same_expression
from diagramlens.records import DiagramLensError


class PairsError(DiagramLensError):
    """A row of a file of pairs that is not one: its line and what is wrong with it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `diagramlens grade`."""
    parser.add_argument(
        "gold", nargs="?", help="the right formula, ASCII or LaTeX; with --kind the question's gold, a JSON object"
    )
    parser.add_argument("predicted", nargs="?", help="the answer to grade, which may begin with a minus")
    parser.add_argument(
        "--kind", choices=GRADERS, metavar="KIND", help=f"grade as a question of this kind is: {', '.join(GRADERS)}"
    )
    parser.add_argument(
        "--names", help="the circuit's names, separated by commas: R1,C1 (default: as the two formulas suggest)"
    )
    parser.add_argument(
        "--file",
        type=Path,
        help='a file of rows {"gold": formula, "predicted": …, "names": […]} or {"kind": …, "gold": {…}, "predicted": …}, '
        "one JSON object a line",
    )


def run(args: argparse.Namespace) -> int:
    """Print the verdict, or one JSON verdict a row in the file's order. 0 if all could be graded, right or wrong; else 1."""
    try:
        if args.file is not None:
            if args.gold is not None or args.names is not None or args.kind is not None:
                raise PairsError("--file takes gold, predicted, names and kind from its rows: give it alone")
            _grade_file(args.file)
        else:
            graded = _grade_arguments(args)
            print(f"{'correct' if graded.correct else 'wrong'}: {graded.reason}")
    except (DiagramLensError, OSError) as error:
        print(f"grade: {error}", file=sys.stderr)
        return 1
    return 0


def _grade_arguments(args: argparse.Namespace) -> Graded:
    if args.gold is None or args.predicted is None:
        raise PairsError("give a gold and a predicted answer, or --file PAIRS.jsonl")
    if args.kind is not None:
        if args.names is not None:
            raise PairsError("--kind takes the names from its gold: leave --names away")
        return grade(args.kind, _object(args.gold, "the gold"), "", args.predicted)
    names = _names(args.names) if args.names is not None else infer_names(args.gold, args.predicted)
    return _formula(args.gold, args.predicted, names)


def _formula(gold: str, predicted: str, names: tuple[str, ...]) -> Graded:
    verdict = same_expression(gold, predicted, names)
    return Graded(verdict.correct, {}, verdict.reason)


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _grade_file(path: Path) -> None:
    # Bytes, decoded row by row: a row that is not UTF-8 is named as that row, after the verdicts on those before it.
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                graded = _grade_row(_object(line, "the row"))
            except DiagramLensError as error:
                sys.stdout.flush()
                raise PairsError(f"{path}, row {number}: {error}") from error
            scores = {"scores": graded.scores} if graded.scores else {}
            print(json.dumps({"correct": graded.correct, "reason": graded.reason, **scores}))


def _object(text: str | bytes, what: str) -> Mapping[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PairsError(f"{what} is not a JSON object in UTF-8 ({str(error)[:100]})") from error
    if not isinstance(found, dict):
        raise PairsError(f"{what} is not a JSON object")
    return found


def _grade_row(row: Mapping[str, object]) -> Graded:
    predicted = _text(row, "predicted")
    if "kind" not in row:
        return _formula(_text(row, "gold"), predicted, _row_names(row))
    gold = row.get("gold")
    # A question's gold is JSON in a text where it comes out of a table of questions.
    if isinstance(gold, str):
        gold = _object(gold, "the gold")
    if not isinstance(gold, dict):
        raise PairsError('"gold" must be a JSON object where there is a "kind"')
    answer = _text(row, "answer") if "answer" in row else ""
    return grade(_text(row, "kind"), gold, answer, predicted)


def _text(row: Mapping[str, object], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise PairsError(f'"{key}" must be a text' if key in row else f'there is no "{key}"')
    return value


def _row_names(row: Mapping[str, object]) -> tuple[str, ...]:
    names = row.get("names")
    if isinstance(names, str):
        return _names(names)
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return tuple(names)
    raise PairsError(
        '"names" must be a list of names such as ["R1", "C1"]' if "names" in row else 'there is no "names"'
    )
