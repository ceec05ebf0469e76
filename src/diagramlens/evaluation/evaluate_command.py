"""`diagramlens evaluate MODEL_FOLDER --circuitsense TREE`: a model examined on a data set that nobody has labelled here.

The tree's own transfer questions are asked with its own golds, and of every circuit whose netlist is there also the netlist, so that
equations can be had both ways. Metrics go to standard output as JSON, what was set aside and why to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from diagramlens.evaluation.folders import open_folder
from diagramlens.evaluation.metrics import summarize
from diagramlens.evaluation.scoring import score
from diagramlens.evaluation.selection import to_ask, whole_diagrams
from diagramlens.inference import answer_all, closing
from diagramlens.records import Diagram, DiagramLensError, Prediction, Question, write_table
from diagramlens.runtime import usable_cores
from diagramlens.sources.circuitsense import read_circuitsense
from diagramlens.teachers.solver import Asking, Described, label


class EvaluateError(DiagramLensError):
    """A tree without a question that can be asked and graded."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "model", type=Path, metavar="MODEL_FOLDER", help="models/merged, models/base, models/quantized/nf4, …"
    )
    parser.add_argument(
        "--circuitsense", type=Path, required=True, metavar="TREE", help="a copy of the CircuitSense data set"
    )
    parser.add_argument(
        "--questions", type=int, default=10**9, help="ask at most so many, chosen by hash (default: all)"
    )
    parser.add_argument("--batch", type=int, default=16, help="questions answered at once (default: 16)")
    parser.add_argument("--max-new-tokens", type=int, default=256, help="where an answer is cut off (default: 256)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:1 (default: auto)")
    parser.add_argument(
        "--max-bad-fraction", type=float, default=0.1, help="give up when more of the items are damaged (default: 0.1)"
    )
    parser.add_argument(
        "--predictions", type=Path, metavar="FILE", help="also write every answer and verdict to this parquet file"
    )


def run(args: argparse.Namespace) -> int:
    """Print the metrics. Raises DiagramLensError or OSError for what the person who asks can mend."""
    imported = read_circuitsense(args.circuitsense, max_bad_fraction=args.max_bad_fraction)
    diagrams = {diagram.id: diagram for diagram in imported.diagrams}
    questions = [question for diagram in diagrams.values() for question in questions_of(diagram)]
    if not questions:
        raise EvaluateError(f"{args.circuitsense}: none of its {len(diagrams)} items has a question that can be graded")
    questions = whole_diagrams(questions, args.questions)
    predictions = examine(args, questions, diagrams)
    if args.predictions is not None:
        write_table(args.predictions, predictions, Prediction)
    print(json.dumps(_rounded(summarize(predictions)), indent=2, sort_keys=True))
    asked = len({question.diagram_id for question in questions})
    print(f"{len(questions)} questions about {asked} of the tree's {imported.ledger.items} items", file=sys.stderr)
    contradicted = sum(question.confidence == 0 for question in questions)
    if contradicted:
        print(
            f"the exact solver contradicts {contradicted} of the tree's golds, which count all the same",
            file=sys.stderr,
        )
    for reason, count in sorted((imported.ledger.set_aside + imported.ledger.questions_set_aside).items()):
        print(f"set aside: {count} × {reason}", file=sys.stderr)
    return 0


def questions_of(diagram: Diagram) -> list[Question]:
    """The questions that came with an imported diagram, and its netlist where the truth is known."""
    described = Described(
        diagram.id, diagram.group, diagram.domain, diagram.level, diagram.truth, diagram.source, diagram.questions
    )
    return list(label(described, Asking(kinds={"netlist": 1}, netlist_form="merged", seed=0)).questions)


def examine(args: argparse.Namespace, questions: Sequence[Question], diagrams: dict[str, Diagram]) -> list[Prediction]:
    """The graded answers of the model in the folder."""
    with closing(open_folder(args.model, device=args.device)) as answerer:
        texts = answer_all(
            answerer,
            to_ask(questions, diagrams),
            batch=args.batch,
            max_new_tokens=args.max_new_tokens,
            cores=usable_cores(),
            progress=lambda batches: tqdm(batches, unit=" batch", delay=2, disable=not sys.stderr.isatty()),
        )
    return score(args.model.name, questions, texts)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return round(value, 6) if isinstance(value, float) else value
