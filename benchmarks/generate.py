"""How fast diagrams are drawn and labelled, and in how much memory: `python benchmarks/generate.py 10000 --levels 0,1,2,3,4,5`.

Draws 1,000 diagrams, then N, with params.yaml's own recipe (or its levels in equal shares) and two workers, writes them as shards of
parquet with their PNG bytes, labels them as `label` does, and writes the questions. Each size runs in a process of its own, whose memory
and that of its workers is watched every tenth of a second: the proportional set size, which counts a page that processes share once.
Prints one JSON line: diagrams a second over all of it and of drawing and labelling alone, questions a second, the processor time of a
diagram (which other work on the machine leaves as it is, as it does not the speed), and the peaks in MB. Nothing is left on disk. Linux
only.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from diagramlens.domains.circuits.drawn import draw_diagrams
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.params import Params, load_params
from diagramlens.records import Diagram, Question, write_shards
from diagramlens.teachers.label_metrics import LabelTally
from diagramlens.teachers.solver import Asking, label_all, read_described

ROOT = Path(__file__).parents[1]
SMALL = 1000
QUESTIONS_PER_SHARD = 8192
WATCH_SECONDS = 0.1


def recipe_of(params: Params, levels: str) -> CircuitRecipe:
    """params.yaml's recipe; with levels such as `0,1,4` these in equal shares."""
    domain = params.domains.circuits.model_dump()
    if levels:
        chosen = {f"level_{level}" for level in levels.split(",")}
        for name, level in domain["levels"].items():
            level["weight"] = float(name in chosen)
    return CircuitRecipe.of(domain)


def generate_and_label(count: int, workers: int, levels: str) -> dict[str, float]:
    """Draw, write, label and write; the seconds of each half, and how many questions there were."""
    params = load_params(ROOT / "params.yaml")
    recipe, wanted = recipe_of(params, levels), params.label
    asking = Asking(
        dict(wanted.kinds), wanted.netlist_form, wanted.seed, wanted.choices, wanted.reasoning, wanted.marked_only
    )
    with tempfile.TemporaryDirectory(prefix="diagramlens-benchmark-") as scratch:
        diagrams, questions = Path(scratch, "diagrams"), Path(scratch, "questions")
        diagrams.mkdir()
        questions.mkdir()
        start = time.perf_counter()
        drawn = draw_diagrams(count, recipe, params.generate.seed, workers)
        write_shards(diagrams, drawn, Diagram, params.generate.shard_rows)
        middle = time.perf_counter()
        labelled = LabelTally().watch(label_all(read_described(diagrams), asking, workers, count))
        asked = write_shards(questions, labelled, Question, QUESTIONS_PER_SHARD)
        end = time.perf_counter()
    return {"draw": middle - start, "label": end - middle, "questions": asked}


def measured(count: int, workers: int, levels: str) -> dict[str, float]:
    """`generate_and_label` in a process of its own, and the peak of its memory in MB."""
    before = _processor_seconds()
    command = [sys.executable, __file__, str(count), "--workers", str(workers), "--levels", levels, "--alone"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        peak = 0
        while child.poll() is None:
            peak = max(peak, sum(_memory(process) for process in _family(child.pid)))
            time.sleep(WATCH_SECONDS)
        assert child.stdout is not None
        text = child.stdout.read()
    if child.returncode:
        raise SystemExit(child.returncode)
    return {**json.loads(text), "peak_mb": peak / 1024, "processor": _processor_seconds() - before}


def _processor_seconds() -> float:
    """What the processes that have ended took, their own workers included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _family(process: int) -> list[int]:
    """A process and all that it started."""
    try:
        children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:
        return []
    return [process, *(member for child in children for member in _family(int(child)))]


def _memory(process: int) -> int:
    """Proportional set size in KiB; 0 for a process that has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def main() -> None:
    """Measure both sizes and print the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=10_000, help="diagrams of the large run (default: 10000)")
    parser.add_argument("--workers", type=int, default=2, help="processes that draw and label (default: 2)")
    parser.add_argument("--levels", default="", help="levels in equal shares, as 0,1,4 (default: params.yaml's)")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        print(json.dumps(generate_and_label(given.count, given.workers, given.levels)))
        return
    small, large = (measured(count, given.workers, given.levels) for count in (SMALL, given.count))
    line = {
        "diagrams": given.count,
        "workers": given.workers,
        "diagrams_per_second": round(given.count / (large["draw"] + large["label"])),
        "drawn_per_second": round(given.count / large["draw"]),
        "labelled_per_second": round(given.count / large["label"]),
        "questions_per_second": round(large["questions"] / (large["draw"] + large["label"])),
        "processor_ms_per_diagram": round(1000 * large["processor"] / given.count, 2),
        f"peak_mb_at_{SMALL}": round(small["peak_mb"]),
        f"peak_mb_at_{given.count}": round(large["peak_mb"]),
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main()
