"""How fast a small model answers on a CPU: `python benchmarks/answer.py [QUESTIONS] [ROUNDS]`.

Asks the selected model, and a 4-bit copy of it made on the spot, QUESTIONS (160) of the test split, chosen as in evaluate, and prints one
JSON line: milliseconds a question, medians of ROUNDS (3) rounds in which the ways take turns, and the medians of the rounds' ratios.

- threads: one process with a thread for each core;
- processes: one process for each core, as the evaluate stage does it;
- packed: the 4-bit copy in one process, its weights unpacked at every step and computed with in bf16, as on a GPU;
- unpacked: the 4-bit copy as the evaluate stage opens it, in processes.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from diagramlens.evaluation.selection import diagrams_of, to_ask, whole_diagrams
from diagramlens.evaluation.variants import moved, open_model
from diagramlens.export.nf4 import write_nf4
from diagramlens.inference import Answerer, TransformersAnswerer, answer_all
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import load_params
from diagramlens.records import Question, read_rows
from diagramlens.runtime import usable_cores


def main(count: int, rounds: int) -> None:
    """Ask, and print the line."""
    params, cores = load_params(), usable_cores()
    entry, settings = params.selected_model, params.evaluate
    questions = whole_diagrams(read_rows(Path("data/split/test.parquet"), Question), count)
    diagrams = diagrams_of(questions, Path("data/diagrams"))
    asked = to_ask(questions, diagrams)

    def seconds(answerer: Answerer, cores: int) -> float:
        start = time.perf_counter()
        answer_all(answerer, asked, batch=settings.batch, max_new_tokens=settings.max_new_tokens, cores=cores)
        return time.perf_counter() - start

    with tempfile.TemporaryDirectory() as folder:
        small = moved(entry, Path(folder) / "nf4")
        write_nf4(entry, Path(entry.source), Path(folder) / "nf4")
        whole = open_model(entry, device="cpu", attention="auto")
        unpacked = open_model(small, device="cpu", attention="auto")
        packed = TransformersAnswerer(load_model(small, dtype=torch.bfloat16), load_processor(small))
    ways: dict[str, Callable[[], float]] = {
        "threads": lambda: seconds(whole, 1),
        "processes": lambda: seconds(whole, cores),
        "packed": lambda: seconds(packed, 1),
        "unpacked": lambda: seconds(unpacked, cores),
    }
    taken = [{name: way() for name, way in ways.items()} for _ in range(rounds)]
    line: dict[str, object] = {"questions": len(asked), "cores": cores, "batch": settings.batch}
    line |= {f"{name}_ms": round(1000 * statistics.median(one[name] for one in taken) / len(asked), 1) for name in ways}
    for slow, fast in (("threads", "processes"), ("packed", "unpacked")):
        line[f"{slow}_to_{fast}"] = round(statistics.median(one[slow] / one[fast] for one in taken), 2)
    print(json.dumps(line))


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers + [160, 3][len(numbers) :]))
