"""How fast the exact solver is beside lcapy: `python benchmarks/solve.py 20`.

Solves N random circuits of 3 to 9 parts (seed 1) for one transfer function each with both, and
prints one JSON line: the median milliseconds of each, the median of the circuits' ratios, and how many answers were equal. lcapy's
import is not counted; a circuit that lcapy fails at counts in `lcapy_failed` only.
"""

from __future__ import annotations

import json
import random
import statistics
import sys
import time
import warnings

from diagramlens.domains.circuits.netlist import Netlist, Part, format_netlist
from diagramlens.domains.circuits.solve import SolveError, symbols_of, transfer, transfer_text
from diagramlens.grading.expressions import same_expression
from diagramlens.teachers.cross_check import solve_with_lcapy

REPETITIONS = 20


def random_circuit(rng: random.Random) -> tuple[Netlist, str]:
    """A connected circuit of a voltage source and 2 to 8 more parts, and the node whose voltage is asked for."""
    parts = rng.randint(3, 9)
    nodes = rng.randint(2, min(5, parts - 1))
    # The source, a tree that hangs on its upper end, and a way back to ground: nothing floats and current flows.
    ends = [(0, 1)] + [(rng.randrange(1, node), node) for node in range(2, nodes + 1)] + [(0, nodes)]
    while len(ends) < parts:
        first, second = rng.sample(range(nodes + 1), 2)
        ends.append((first, second))
    kinds = ["V"] + [rng.choice("RRLC") for _ in ends[1:]]
    netlist = tuple(
        Part(f"{kind}{i}", kind, (str(b), str(a)), None)
        for i, (kind, (a, b)) in enumerate(zip(kinds, ends, strict=True), 1)
    )
    return Netlist(netlist), str(nodes)


def main(count: int) -> None:
    """Time `count` circuits and print the line."""
    import lcapy  # noqa: F401 - its two seconds of import are not the solver's

    warnings.simplefilter("ignore")
    rng = random.Random(1)
    ours: list[float] = []
    theirs: list[float] = []
    ratios: list[float] = []
    equal = failed = 0
    while len(ours) < count:
        netlist, output = random_circuit(rng)
        try:
            start = time.perf_counter()
            for _ in range(REPETITIONS):
                result = transfer_text(transfer(netlist, "V1", output, "0"))
            ours.append((time.perf_counter() - start) / REPETITIONS)
        except SolveError:
            continue
        gold = {"netlist": format_netlist(netlist), "source": "V1", "positive": output, "negative": "0"}
        start = time.perf_counter()
        answer, _ = solve_with_lcapy("transfer", gold)
        seconds = time.perf_counter() - start
        if answer is None:
            failed += 1
            continue
        theirs.append(seconds)
        ratios.append(seconds / ours[-1])
        equal += same_expression(result, answer, symbols_of(netlist)).correct
    line = {
        "circuits": count,
        "solver_ms": round(1000 * statistics.median(ours), 3),
        "lcapy_ms": round(1000 * statistics.median(theirs), 1),
        "ratio": round(statistics.median(ratios)),
        "equal": equal,
        "lcapy_failed": failed,
    }
    print(json.dumps(line))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
