"""A sample of the solver's answers solved again by two who share no code with it: lcapy, and a numeric solution.

One disagreement is an error that shows both answers: either solver may be wrong, and nobody trains on that. lcapy does not answer
everything (it crashes on some circuits, calls others singular, takes minutes over some, knows nothing of gains and powers); the numeric
solution (numeric_solve.py) answers nearly everything, at random values and frequencies. What a check is worth is its verdict, and
verdicts are counted.

Block diagrams, which are solved by elimination, are solved again by Mason's rule.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from diagramlens.domains.circuits.blocks import BlocksError, parse_blocks
from diagramlens.domains.circuits.blocks.mason import mason_formula
from diagramlens.domains.circuits.formula import transfer_text
from diagramlens.domains.circuits.netlist import Netlist, merge_wires, parse_netlist
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import DiagramLensError, Question
from diagramlens.teachers.lcapy_process import DC_KINDS, Lcapy
from diagramlens.teachers.numeric_solve import TOLERANCE, NumericError, agrees, known_numbers, solve_numerically

FORMULAS = ("transfer", "impedance")
LIMITS: Mapping[str, complex] = {"dc_gain": 1e-5j, "hf_gain": 1e5j}
"""The s at which a limit is looked at. Values are about one, so that these come within LIMIT_TOLERANCE of zero and of infinity, and
capacitors still tie down the nodes that at s = 0 would float."""
LIMIT_TOLERANCE = 1e-3
ROUNDING = 1e-9
"""What the largest voltage or current in a circuit leaves of error in a small one."""
NUMBERS = ("voltage", "current", "power")
KINDS = (*FORMULAS, *LIMITS, *NUMBERS)
# A hundred times what the slowest circuit of the default run takes: what stays undecided must be a matter of the circuit and not of
# the machine's load, for the count is a metric.
SECONDS_PER_QUESTION = 300.0
# lcapy takes about a second for a circuit of 9 parts, and three times as long for each part more.
MAX_LCAPY_PARTS = 9
AGREE = "agree"


class CrossCheckError(DiagramLensError):
    """Two solvers disagree about a circuit."""


@dataclass(frozen=True)
class Checked:
    """What came of one check.

    `verdict` is "agree" (both others do), "agree: numeric alone, lcapy …", "undecided: lcapy …, numeric …"; of block diagrams "agree:
    Mason's rule" or "undecided: Mason's rule …".
    """

    question_id: str
    kind: str
    verdict: str


def is_chosen(diagram_id: str, fraction: float, seed: int) -> bool:
    """Whether a diagram is in the sample: a share `fraction` of all ids, each by its own hash."""
    digest = hashlib.blake2b(f"{seed} cross-check {diagram_id}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") < fraction * 2**64


def cross_check(
    questions: Iterable[Question], workers: int, *, seconds: float = SECONDS_PER_QUESTION
) -> Iterator[Checked]:
    """Solve the solver's own questions again, in order, `workers` at a time; a question that takes more than `seconds` is undecided.

    Questions of other kinds than KINDS must not be among them. Raises CrossCheckError on the first disagreement.
    """
    todo = list(questions)
    if not todo:
        return
    helpers: list[Lcapy] = []
    own = threading.local()

    def check(question: Question) -> Checked:
        """One question, by the lcapy of the thread that this runs in."""
        if not hasattr(own, "lcapy"):
            own.lcapy = Lcapy(seconds)
            helpers.append(own.lcapy)
        gold = json.loads(question.gold)
        if "blocks" in gold:
            return Checked(question.id, question.kind, compare_by_mason(question))
        # Numbers first: that takes a millisecond, and a disagreement need not wait for lcapy.
        by_numbers = compare_numerically(question)
        by_lcapy = _why_not_lcapy(question.kind, gold)
        if not by_lcapy:
            answer, by_lcapy = own.lcapy.answer(question.kind, gold)
            by_lcapy = by_lcapy if answer is None else compare(question, answer)
        return Checked(question.id, question.kind, _verdict(by_lcapy, by_numbers))

    with ThreadPoolExecutor(max(1, min(workers, len(todo)))) as threads:
        try:
            yield from threads.map(check, todo)
        finally:
            # Whoever is still waiting for an answer gets "process died" at once, so that a stopped stage ends at once.
            for helper in helpers:
                helper.kill()
            threads.shutdown(cancel_futures=True)
            for helper in helpers:
                helper.stop()


def _why_not_lcapy(kind: str, gold: Mapping[str, Any]) -> str:
    """Why lcapy is not asked; empty where it is."""
    if kind not in FORMULAS and not (kind in DC_KINDS and "across" in gold):
        return "not asked"
    too_large = len(merge_wires(parse_netlist(gold["netlist"])).parts) > MAX_LCAPY_PARTS
    return f"not asked about more than {MAX_LCAPY_PARTS} parts" if too_large else ""


def _verdict(by_lcapy: str, by_numbers: str) -> str:
    match by_lcapy == AGREE, by_numbers == AGREE:
        case True, True:
            return AGREE
        case True, False:
            return f"{AGREE}: lcapy alone, numeric {by_numbers}"
        case False, True:
            return f"{AGREE}: numeric alone, lcapy {by_lcapy}"
        case _:
            return f"undecided: lcapy {by_lcapy}, numeric {by_numbers}"


def compare(question: Question, answer: str) -> str:
    """ "agree", or why lcapy's answer decides nothing. Raises CrossCheckError where it is another answer."""
    gold = json.loads(question.gold)
    if question.kind in FORMULAS:
        ours = _formula_text(gold)
        try:
            parse_expression(answer, gold["names"])
        except ExpressionError:
            return "answer not readable"
        agree = same_expression(ours, answer, gold["names"]).correct
    else:
        ours = gold["value"]
        agree = Fraction(ours) == Fraction(answer)
    if agree:
        return AGREE
    raise _disagreement(question, gold, ours, f"lcapy {answer}")


def compare_numerically(question: Question) -> str:
    """ "agree", or why numbers decide nothing. Raises CrossCheckError where they are others."""
    gold = json.loads(question.gold)
    netlist = parse_netlist(gold["netlist"])
    try:
        if question.kind in NUMBERS:
            (measured, largest), expected = _measured(netlist, question.kind, gold), float(Fraction(gold["value"]))
            agree = abs(measured - expected) <= TOLERANCE * abs(expected) + ROUNDING * largest
            ours, theirs = gold["value"], f"{measured:.9g}"
        else:
            positive, negative = _ends(netlist, gold)
            ours, theirs = _formula_text(gold), "another value at random points"
            agree = agrees(
                netlist,
                gold["source"],
                positive,
                negative,
                gold["numerator"],
                gold["denominator"],
                seed=question.id,
                s=LIMITS.get(question.kind),
                tolerance=LIMIT_TOLERANCE if question.kind in LIMITS else TOLERANCE,
            )
    except NumericError as error:
        return str(error)
    if agree:
        return AGREE
    raise _disagreement(question, gold, ours, f"numeric analysis {theirs}")


def compare_by_mason(question: Question) -> str:
    """Whether Mason's rule agrees about a block diagram, or why it decides nothing. Raises CrossCheckError where its answer is another."""
    gold = json.loads(question.gold)
    ours = _formula_text(gold)
    try:
        formula = mason_formula(parse_blocks(gold["blocks"]), gold["source"], values=gold["printed"])
        if formula is None:
            raise _disagreement(question, gold, ours, "Mason's rule none, for its determinant is 0")
        theirs = transfer_text((formula.at_zero() if question.kind == "dc_gain" else formula).rational())
    except SolveError as error:
        raise _disagreement(question, gold, ours, f"Mason's rule none: {error}") from error
    except BlocksError as error:
        return f"undecided: Mason's rule {error}"
    if same_expression(ours, theirs, gold["names"]).correct:
        return f"{AGREE}: Mason's rule"
    raise _disagreement(question, gold, ours, f"Mason's rule {theirs}")


def _measured(netlist: Netlist, kind: str, gold: Mapping[str, Any]) -> tuple[float, float]:
    """Volts, amperes or watts at DC (s = 0: no current through capacitors, no voltage across inductors), and the largest there are."""
    numbers = known_numbers(netlist)
    point = solve_numerically(netlist, numbers, numbers, 0)
    volts, amperes = (max(map(abs, found.values())) for found in (point.voltages, point.currents))
    if "node" in gold:
        return point.voltages[gold["node"]].real, volts
    part = netlist.part(gold["across"])
    across, through = point.voltages[part.nodes[0]] - point.voltages[part.nodes[1]], point.currents.get(part.name, 0j)
    if kind == "power":
        return (across * through).real * (-1 if gold.get("delivered") else 1), volts * amperes
    value, largest = (across, volts) if kind == "voltage" else (through, amperes)
    return value.real * (-1 if gold["plus"] else 1), largest


def _ends(netlist: Netlist, gold: Mapping[str, Any]) -> tuple[str, str]:
    if "positive" in gold:
        return gold["positive"], gold["negative"]
    nodes = netlist.part(gold["across"]).nodes
    return nodes[gold["plus"]], nodes[1 - gold["plus"]]


def _formula_text(gold: Mapping[str, Any]) -> str:
    return f"({gold['numerator']})/({gold['denominator']})"


def _disagreement(question: Question, gold: Mapping[str, Any], ours: str, theirs: str) -> CrossCheckError:
    diagram = gold.get("blocks") or gold["netlist"]
    circuit = diagram.replace("\n", "; ")
    asked = f"the {question.kind} asked for as [{' '.join(question.prompt.split())}]"
    return CrossCheckError(
        f"question {question.id}: the solver and another disagree about {asked} in [{circuit}]: solver {ours}, {theirs}"
    )
