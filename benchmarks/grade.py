"""How long a verdict on one formula takes, beside Math-Verify's: one JSON line.

    python benchmarks/grade.py [--math-verify PYTHON]

Timed are pairs that both graders can read, from the labelled pairs of the tests, each for the first time after a warm-up on others: a
second time would measure SymPy's cache, and an evaluation meets few answers twice. Math-Verify may live in another environment than this
project (its antlr4 is not lcapy's): give that environment's Python. Without Math-Verify its columns are null.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from diagramlens.grading import same_expression

PAIRS = Path(__file__).parent.parent / "tests" / "grading" / "pairs.jsonl"
WARM_UP = 5

# Runs in Math-Verify's own Python: pairs on stdin; per pair the seconds and the verdict on stdout.
MATH_VERIFY = """
import json, sys, time
from math_verify import parse, verify
results = []
for pair in json.load(sys.stdin):
    start = time.perf_counter()
    correct = verify(parse("$" + pair["gold"] + "$"), parse("$" + pair["predicted"].strip("$") + "$"))
    results.append([time.perf_counter() - start, bool(correct)])
print(json.dumps(results))
"""


def main() -> None:
    """Time both graders and print medians over the pairs, in microseconds, and how many verdicts are the labelled ones."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--math-verify", default=sys.executable, help="a Python that has math_verify (default: this one)"
    )
    arguments = parser.parse_args()
    pairs = [pair for pair in map(json.loads, PAIRS.read_text().splitlines()) if _both_can_read(pair["predicted"])]
    line: dict[str, object] = {
        "pairs": len(pairs) - WARM_UP,
        "math_verify_median_us": None,
        "math_verify_right": None,
        "ratio": None,
    }
    ours = [_time(pair) for pair in pairs]
    line |= _summary("diagramlens", ours, pairs)
    theirs = _math_verify(arguments.math_verify, pairs)
    if theirs is not None:
        line |= _summary("math_verify", theirs, pairs)
        ratios = [slow / fast for (slow, _), (fast, _) in zip(theirs[WARM_UP:], ours[WARM_UP:], strict=True)]
        line["ratio"] = round(statistics.median(ratios), 1)
    print(json.dumps(line, sort_keys=True))


def _both_can_read(predicted: str) -> bool:
    """One short formula, without prose, label, bars or a hostile intent."""
    return (
        predicted.isascii() and 0 < len(predicted) < 80 and not set(predicted) & set("=`\n|'") and "^(" not in predicted
    )


def _time(pair: dict[str, Any]) -> tuple[float, bool]:
    start = time.perf_counter()
    verdict = same_expression(pair["gold"], pair["predicted"], pair["names"])
    return time.perf_counter() - start, verdict.correct


def _math_verify(python: str, pairs: list[dict[str, Any]]) -> list[tuple[float, bool]] | None:
    if subprocess.run([python, "-c", "import math_verify"], capture_output=True, check=False).returncode:
        return None
    done = subprocess.run(
        [python, "-c", MATH_VERIFY], input=json.dumps(pairs), capture_output=True, text=True, check=True
    )
    return [(seconds, correct) for seconds, correct in json.loads(done.stdout)]


def _summary(grader: str, results: list[tuple[float, bool]], pairs: list[dict[str, Any]]) -> dict[str, object]:
    timed = list(zip(results, pairs, strict=True))[WARM_UP:]
    return {
        f"{grader}_median_us": round(statistics.median(seconds for (seconds, _), _ in timed) * 1e6, 1),
        f"{grader}_right": sum(correct is pair["correct"] for (_, correct), pair in timed),
    }


if __name__ == "__main__":
    main()
