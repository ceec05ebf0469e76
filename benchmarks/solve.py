"""How fast the exact solver is beside lcapy, and whether it is right.

    python benchmarks/solve.py 200                       time both on 200 circuits of 3 to 9 parts
    python benchmarks/solve.py 1000 --cross-check        solve 1,000 circuits of levels 0 to 4 again, by lcapy and by numeric analysis

Each prints one JSON line. Timing: the median milliseconds of each, the median of the circuits' ratios, and the seconds of processor time
that a ladder of 12 RC sections takes. lcapy runs in a process of its own that is killed after `--seconds`: such a circuit counts with
that time, which it would have exceeded, and in `lcapy_timed_out`; one that lcapy raises an error for counts in `lcapy_failed` only. Its
import is not counted.
Cross-check: by level, circuits, and how many the others agree about; the first disagreement ends the run with an error.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path

from tqdm import tqdm

from diagramlens.domains.circuits.linearise import linearise
from diagramlens.domains.circuits.netlist import (
    SOURCES,
    Netlist,
    Part,
    format_netlist,
    is_supply,
    merge_wires,
    merged_nodes,
    parse_netlist,
)
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import sample_circuit
from diagramlens.domains.circuits.solve import Rational, SolveError, symbols_of, transfer, transfer_text
from diagramlens.grading.expressions import same_expression
from diagramlens.params import load_params
from diagramlens.teachers.cross_check import MAX_LCAPY_PARTS
from diagramlens.teachers.lcapy_process import Lcapy
from diagramlens.teachers.numeric_solve import NumericError, agrees

REPETITIONS = 20
LEVELS = (0, 1, 2, 3, 4)
PASSIVE = {0: "R", 1: "RRLC", 2: "RRLC", 3: "RRC", 4: "RRC"}


def random_circuit(rng: random.Random, level: int = 1) -> tuple[Netlist, str]:
    """A connected circuit of a voltage source and 2 to 8 more parts, and the node whose voltage is asked for."""
    parts = rng.randint(3, 9)
    nodes = rng.randint(2, min(5, parts - 1))
    # The source, a tree that hangs on its upper end, and a way back to ground: nothing floats and current flows.
    ends = [(0, 1)] + [(rng.randrange(1, node), node) for node in range(2, nodes + 1)] + [(0, nodes)]
    while len(ends) < parts:
        first, second = rng.sample(range(nodes + 1), 2)
        ends.append((first, second))
    kinds = ["V"] + [rng.choice(PASSIVE[level]) for _ in ends[1:]]
    netlist = tuple(
        Part(f"{kind}{i}", kind, (str(b), str(a)), None)
        for i, (kind, (a, b)) in enumerate(zip(kinds, ends, strict=True), 1)
    )
    active = [_active(level, number, nodes, rng) for number in range(1, rng.randint(1, 2) + 1)] if level > 1 else []
    return parse_netlist("\n".join([format_netlist(Netlist(netlist)), *active])), str(nodes)


def _active(level: int, number: int, nodes: int, rng: random.Random) -> str:
    """A controlled source, a transistor or an op-amp between any nodes but the source's."""
    first, second, third = rng.choices(range(2, nodes + 1), k=3)
    apart = rng.sample(range(nodes + 1), min(3, nodes + 1))
    match level:
        case 2:
            kind = rng.choice("EGFH")
            ruled = "V1" if kind in "FH" else f"{apart[0]} {apart[1]}"
            # E and H end at a node of their own behind a resistor, so that they close no loop of voltage sources.
            output = f"x{number}" if kind in "EH" else str(first)
            behind = f"\nR9{number} x{number} {first}" if kind in "EH" else ""
            return f"{kind}{number} {output} 0 {ruled}{behind}"
        case 3:
            kind, model = rng.choice([("M", "nmos"), ("M", "pmos"), ("Q", "npn"), ("Q", "pnp")])
            return f"{kind}9{number} {' '.join(map(str, apart))} {model}"
        case _:
            gain = rng.choice(["", "", f" A{number}"])
            return (
                f"E9{number} x{number} 0 opamp {rng.choice((0, third))} {second}{gain}\nR9{number} x{number} {second}"
            )


def _gold(netlist: Netlist, source: str, positive: str, negative: str) -> dict[str, str]:
    """The question as lcapy is asked it: transistors linearised, and nodes called as they are there."""
    linear = linearise(netlist)
    name = merged_nodes(linear)
    text = format_netlist(merge_wires(linear), hints=False)
    return {"netlist": text, "source": source, "positive": name[positive], "negative": name[negative]}


# --- Speed ------------------------------------------------------------------------------------------------------------


def time_both(count: int, seconds: float) -> dict[str, object]:
    """Solve `count` random circuits with both."""
    rng = random.Random(1)
    lcapy = Lcapy(seconds)
    ours: list[float] = []
    theirs: list[float] = []
    ratios: list[float] = []
    outcomes: Counter[str] = Counter()
    while len(ours) < count:
        netlist, output = random_circuit(rng)
        try:
            start = time.perf_counter()
            for _ in range(REPETITIONS):
                result = transfer_text(transfer(netlist, "V1", output, "0"))
            ours.append((time.perf_counter() - start) / REPETITIONS)
        except SolveError:
            continue
        lcapy.start()
        start = time.perf_counter()
        answer, reason = lcapy.answer("transfer", _gold(netlist, "V1", output, "0"))
        taken = time.perf_counter() - start
        if answer is not None:
            outcomes["equal" if same_expression(result, answer, symbols_of(netlist)).correct else "different"] += 1
        elif reason == "took too long":
            outcomes["timed out"] += 1
        else:
            outcomes["failed"] += 1
            continue
        theirs.append(taken)
        ratios.append(taken / ours[-1])
    lcapy.stop()
    return {
        "circuits": count,
        "solver_ms": round(1000 * statistics.median(ours), 3),
        "lcapy_ms": round(1000 * statistics.median(theirs), 1),
        "ratio": round(statistics.median(ratios)),
        "equal": outcomes["equal"],
        "different": outcomes["different"],
        "lcapy_failed": outcomes["failed"],
        "lcapy_timed_out": outcomes["timed out"],
        "ladder_12_cpu_s": round(_ladder_seconds(12), 2),
    }


def _ladder_seconds(sections: int) -> float:
    lines = [f"R{i + 1} {i + 1} {i + 2}\nC{i + 1} {i + 2} 0" for i in range(sections)]
    netlist = parse_netlist("\n".join(["V1 1 0", *lines]))
    start = time.process_time()
    transfer(netlist, "V1", str(sections + 1), "0")
    return time.process_time() - start


# --- Correctness ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Solved:
    """A circuit, what was asked of it, and the solver's answer."""

    netlist: Netlist
    source: str
    positive: str
    negative: str
    answer: Rational

    @property
    def text(self) -> str:
        """The answer in one line."""
        return transfer_text(self.answer)

    def against(self, other: str) -> SystemExit:
        """The end of the run: another's answer is not this."""
        asked = f"V({self.positive},{self.negative})/{self.source} of [{format_netlist(self.netlist)}]"
        return SystemExit(f"{asked} is {self.text}; not so by {other}")


def check(count: int, seconds: float, *, with_lcapy: bool = True) -> dict[str, object]:
    """Have `count` circuits, as many of each level, solved again; circuits without a single solution are counted and replaced.

    Every other one is a circuit as `generate` draws them, the others are random networks.
    """
    rng = random.Random(2)
    recipe = CircuitRecipe.of(load_params(Path("params.yaml")).domains.circuits)
    lcapy = Lcapy(seconds)
    levels: dict[str, Counter[str]] = {f"level {level}": Counter() for level in LEVELS}
    for number in tqdm(range(count), unit="circuits", disable=None):
        level = LEVELS[number // 2 % len(LEVELS)]
        tally = levels[f"level {level}"]
        solved = _solved(level, recipe if number % 2 else None, rng, tally)
        tally["circuits"] += 1
        tally[_by_numbers(solved, f"{number}")] += 1
        if with_lcapy:
            tally[_by_lcapy(solved, lcapy)] += 1
    lcapy.stop()
    return {"circuits": count, "disagreements": 0, **levels}


def _by_numbers(solved: Solved, seed: str) -> str:
    ends = solved.source, solved.positive, solved.negative
    try:
        if agrees(solved.netlist, *ends, solved.answer.numerator, solved.answer.denominator, seed=seed, points=2):
            return "numeric agrees"
    except NumericError:
        return "numeric undecided"
    raise solved.against("numeric analysis")


def _by_lcapy(solved: Solved, lcapy: Lcapy) -> str:
    gold = _gold(solved.netlist, solved.source, solved.positive, solved.negative)
    if len(parse_netlist(gold["netlist"]).parts) > MAX_LCAPY_PARTS:
        return f"lcapy not asked about more than {MAX_LCAPY_PARTS} parts"
    answer, reason = lcapy.answer("transfer", gold)
    if answer is None:
        return f"lcapy undecided: {reason}"
    if same_expression(solved.text, answer, symbols_of(solved.netlist)).correct:
        return "lcapy agrees"
    raise solved.against(f"lcapy's {answer}")


def _solved(level: int, recipe: CircuitRecipe | None, rng: random.Random, tally: Counter[str]) -> Solved:
    """A circuit that the solver has an answer for: drawn by a recipe, or a random network."""
    while True:
        if recipe is None:
            netlist, output = random_circuit(rng, level)
            source, ends = "V1", (output, "0")
        else:
            netlist = merge_wires(parse_netlist(_drawn(level, recipe, rng)))
            sources = [part.name for part in netlist.parts if part.kind in SOURCES and not is_supply(part)]
            others = [part for part in netlist.parts if part.kind != "P" and part.name not in sources]
            if not sources or not others:
                tally["without a source"] += 1
                continue
            source, ends = rng.choice(sources), rng.choice(others).nodes[:2]
        try:
            return Solved(netlist, source, *ends, transfer(netlist, source, *ends))
        except SolveError:
            tally["without a single solution"] += 1


def _drawn(level: int, recipe: CircuitRecipe, rng: random.Random) -> str:
    """The text of a circuit of one level, of any shape that is drawn."""
    shapes, sizes = dict.fromkeys(recipe.shapes, 1.0), recipe.levels[level]
    # Two-ports of level 2 want four junctions a side.
    sizes = replace(sizes, weight=1.0, grid=(sizes.grid[0], max(sizes.grid[1], 4)))
    only = replace(recipe, levels={level: sizes}, shapes=shapes, crossings=0.3)
    return sample_circuit(only, rng).truth


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Time the exact solver beside lcapy, or check it.")
    parser.add_argument("circuits", type=int, nargs="?", default=20, help="how many random circuits")
    parser.add_argument("--cross-check", action="store_true", help="check the answers instead of timing them")
    parser.add_argument("--without-lcapy", action="store_true", help="check by numeric analysis alone")
    parser.add_argument("--seconds", type=float, default=20, help="after which lcapy is killed")
    args = parser.parse_args()
    if args.cross_check:
        print(json.dumps(check(args.circuits, args.seconds, with_lcapy=not args.without_lcapy)))
    else:
        print(json.dumps(time_both(args.circuits, args.seconds)))
