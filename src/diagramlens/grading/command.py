"""`diagramlens grade`: a verdict on one formula, or on each row of a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from diagramlens.grading.equivalence import infer_names
from diagramlens.grading.expressions import same_expression
from diagramlens.grading.verdict import Verdict
from diagramlens.records import DiagramLensError


class PairsError(DiagramLensError):
    """A row of a file of pairs that is not one: its line and what is wrong with it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `diagramlens grade`."""
    parser.add_argument("gold", nargs="?", help="the right formula, ASCII or LaTeX")
    parser.add_argument("predicted", nargs="?", help="the answer to grade (put -- before one that begins with a minus)")
    parser.add_argument(
        "--names", help="the circuit's names, separated by commas: R1,C1 (default: as the two formulas suggest)"
    )
    parser.add_argument(
        "--file", type=Path, help='a file of rows {"gold": …, "predicted": …, "names": […]}, one JSON object a line'
    )


def run(args: argparse.Namespace) -> int:
    """Print the verdict, or one JSON verdict a row in the file's order. 0 if all could be graded, right or wrong; else 1."""
    try:
        if args.file is not None:
            if args.gold is not None or args.names is not None:
                raise PairsError("--file takes gold, predicted and names from its rows: give it alone")
            _grade_file(args.file)
        else:
            if args.gold is None or args.predicted is None:
                raise PairsError("give a gold and a predicted formula, or --file PAIRS.jsonl")
            names = _names(args.names) if args.names is not None else infer_names(args.gold, args.predicted)
            verdict = same_expression(args.gold, args.predicted, names)
            print(f"{'correct' if verdict.correct else 'wrong'}: {verdict.reason}")
    except (DiagramLensError, OSError) as error:
        print(f"grade: {error}", file=sys.stderr)
        return 1
    return 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _grade_file(path: Path) -> None:
    # Bytes, decoded row by row: a row that is not UTF-8 is named as that row, after the verdicts on those before it.
    with path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                verdict = _grade_row(line)
            except DiagramLensError as error:
                sys.stdout.flush()
                raise PairsError(f"{path}, row {number}: {error}") from error
            print(json.dumps({"correct": verdict.correct, "reason": verdict.reason}))


def _grade_row(line: bytes) -> Verdict:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise PairsError(f"not a JSON object in UTF-8 ({str(error)[:100]})") from error
    if not isinstance(row, dict):
        raise PairsError('not a JSON object with "gold", "predicted" and "names"')
    for key in ("gold", "predicted"):
        if not isinstance(row.get(key), str):
            raise PairsError(f'"{key}" must be a text' if key in row else f'there is no "{key}"')
    return same_expression(row["gold"], row["predicted"], _row_names(row))


def _row_names(row: dict[str, object]) -> Sequence[str]:
    names = row.get("names")
    if isinstance(names, str):
        return _names(names)
    if isinstance(names, list) and all(isinstance(name, str) for name in names):
        return names
    raise PairsError(
        '"names" must be a list of names such as ["R1", "C1"]' if "names" in row else 'there is no "names"'
    )
