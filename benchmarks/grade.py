"""How long a verdict on one pair of equations takes, beside Math-Verify's, and how long hostile texts are held: one JSON line.

    python benchmarks/grade.py [--python PYTHON]

Math-Verify needs antlr4 4.13, lcapy (of this project's tests) 4.9.3: both cannot be in one environment. Give the Python of another one:

    python -m venv .venv-math-verify && .venv-math-verify/bin/pip install math-verify
    python benchmarks/grade.py --python .venv-math-verify/bin/python

Without Math-Verify its columns are null. Timed are distinct pairs of equations, each once and after a warm-up on others: a second time
would measure SymPy's cache, and an evaluation meets few answers twice. They are the labelled pairs of the tests that both graders can
read, and transfer functions of RC ladders, each in names of its own, one side nested, the other written as impedances. Math-Verify is
given its dollars. `ratio` is the median over all pairs, `ratio_of_labelled` that over the labelled ones, which are short.

Hostile texts are graded as every kind of answer; Math-Verify is spared them, as it hangs on some.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from diagramlens.grading import grade, same_expression

PAIRS = Path(__file__).parent.parent / "tests" / "grading" / "pairs.jsonl"
LADDERS = 100
WARM_UP = 5
REPEATS = 3

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

# Repeated up to the 20,000 characters that are read at most: what a careless pattern or parser would take long over.
SEEDS = (
    *("$", "`", "(R1)"),
    *("R1+", "R1*", "R1||", "R1=", "9*", "(R1^64)", "1.", "1,", "1 ", "1e9", "j", "s_", "V_a(s)"),
    *(" ", "\n", "\t", "- ", "1. ", "a ", "A ", "A or ", "(A)", "R1,", "R1 and ", "not ", "non-", "-1 ± ", "\\text{a}", "Answer: "),
    *("<think>", "Ω", "kΩ ", "rad/", "sqrt(", "𝟙", "\u202e", "R\u0301", "E1 a b opamp", "W a b\n", "sum S1 +R\n", "| ", "..", "^"),
)  # fmt: skip
HOSTILE = {
    "a megabyte of sums": "R1+" * 350_000,
    "a megabyte of spaces": " " * 1_000_000,
    "a power of a power": "2**3**2",
    "a power in parentheses": "2^(3^2)",
    "powers of powers": "((R1^64)^64)^64",
    "an exponent just too large": "R1^65",
    "a number just too large": "1e41",
    "a call": "open(R1)",
    "a comprehension": "[part for part in R1]",
    **{
        f"{seed!r} nested just too deep": seed * 65 + "x" for seed in ("(", "{", "\\boxed{", "\\frac{", "\\text{", "_{")
    },
    **{f"{seed!r} repeated": (seed * (20_000 // len(seed)))[:19_990] + "x" for seed in SEEDS},
}


def main() -> None:
    """Time both graders and print medians over the pairs in microseconds, how many verdicts are right, and the worst hostile text."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="a Python that has math_verify (default: this one)")
    arguments = parser.parse_args()
    rows = [json.loads(line) for line in PAIRS.read_text().splitlines()]
    labelled = [row for row in rows if "kind" not in row and _both_can_read(row["predicted"])]
    rng = random.Random(0)
    pairs = labelled + [_ladder_pair(rng) for _ in range(LADDERS)]
    rng.shuffle(pairs)
    ours = [_time(pair) for pair in pairs]
    line: dict[str, object] = {"pairs": len(pairs) - WARM_UP, "math_verify_median_us": None, "math_verify_right": None}
    line |= {"ratio": None, "ratio_of_labelled": None} | _summary("diagramlens", ours, pairs) | _hostile(rows)
    theirs = _math_verify(arguments.python, pairs)
    if theirs is not None:
        line |= _summary("math_verify", theirs, pairs)
        timed = list(zip(pairs, theirs, ours, strict=True))[WARM_UP:]
        line["ratio"] = round(statistics.median(slow / fast for _, (slow, _), (fast, _) in timed), 1)
        line["ratio_of_labelled"] = round(
            statistics.median(slow / fast for pair, (slow, _), (fast, _) in timed if "why" in pair), 1
        )
    print(json.dumps(line, sort_keys=True))


def _both_can_read(predicted: str) -> bool:
    """One short formula, without prose, label, bars or a hostile intent."""
    return (
        predicted.isascii() and 0 < len(predicted) < 80 and not set(predicted) & set("=`\n|'") and "^(" not in predicted
    )


def _ladder_pair(rng: random.Random) -> dict[str, Any]:
    """The transfer function of an RC ladder of 2 or 3 sections: nested, and as impedances in LaTeX; half of them with a sign turned."""
    numbers = rng.sample(range(1, 100), 6)
    sections = [(f"R{numbers[place]}", f"C{numbers[place + 3]}") for place in range(rng.choice((2, 3)))]
    correct = rng.random() < 0.5
    gold = latex = ""
    below = ""  # the impedance of what follows a section, as the gold and in LaTeX
    below_latex = ""
    for resistor, capacitor in reversed(sections):
        one, two = f"{resistor[0]}_{{{resistor[1:]}}}", f"{capacitor[0]}_{{{capacitor[1:]}}}"
        shunt = f"1/(s*{capacitor}+1/({below}))" if below else f"1/(s*{capacitor})"
        shunt_latex = rf"\frac{{1}}{{s{two}+\frac{{1}}{{{below_latex}}}}}" if below_latex else rf"\frac{{1}}{{s{two}}}"
        gold = f"({shunt})/({resistor}+{shunt})" + (f"*({gold})" if gold else "")
        latex = rf"\frac{{{shunt_latex}}}{{{one}+{shunt_latex}}}" + (rf"\cdot {latex}" if latex else "")
        below, below_latex = f"{resistor}+{shunt}", f"{one}+{shunt_latex}"
    names = [name for section in sections for name in section]
    return {"gold": gold, "predicted": latex if correct else f"-{latex}", "names": names, "correct": correct}


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


def _hostile(rows: list[dict[str, Any]]) -> dict[str, object]:
    """The processor time of the hostile text held longest, over all kinds of answers (the best of a few times each); those accepted."""
    golds = {row["kind"]: row["gold"] for row in reversed(rows) if "kind" in row}
    worst, held, accepted = 0.0, "", 0
    for kind, gold in golds.items():
        for name, text in HOSTILE.items():
            best = float("inf")
            for _ in range(REPEATS):
                start = time.process_time()
                correct = grade(kind, gold, "", text).correct
                best = min(best, time.process_time() - start)
                if best < worst:
                    break
            accepted += correct
            worst, held = max((worst, held), (best, f"{name} as {kind}"))
    return {
        "hostile_accepted": accepted,
        "hostile_texts": len(golds) * len(HOSTILE),
        "hostile_worst": held,
        "hostile_worst_ms": round(worst * 1e3, 1),
    }


if __name__ == "__main__":
    main()
