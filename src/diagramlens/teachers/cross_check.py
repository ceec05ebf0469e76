"""A sample of the solver's answers solved again by lcapy, which shares no code with it.

One disagreement is an error that shows both answers: either solver may be wrong, and nobody trains on that. lcapy does
not answer everything (it crashes on some circuits, calls others singular, takes minutes over some): such a check is
undecided, and counted by its reason.

lcapy runs in processes of its own, because it cannot be interrupted and because importing it changes how SymPy prints in
the whole process. It takes a current source's current to leave its first node, asymbolst SPICE; its netlists are written
accordingly.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import threading
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing.connection import Connection
from typing import Any

from diagramlens.domains.circuits.netlist import (
    CURRENT_SOURCES,
    SOURCES,
    Netlist,
    format_netlist,
    parse_netlist,
    value_of,
)
from diagramlens.domains.circuits.solve import symbol_of
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import DiagramLensError, Question
from diagramlens.runtime import die_with_parent

KINDS = ("transfer", "voltage", "current")
# A hundred times what the slowest circuit of the default run takes: what stays undecided must be a matter of the circuit and not of
# the machine's load, for the count is a metric.
SECONDS_PER_QUESTION = 300.0
SECONDS_TO_START = 120.0


class CrossCheckError(DiagramLensError):
    """Two solvers disagree about a circuit."""


@dataclass(frozen=True)
class Checked:
    """What came of one check: `verdict` is "agree" or "undecided: …" with the reason."""

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
    helpers: list[_Lcapy] = []
    own = threading.local()

    def check(question: Question) -> Checked:
        if not hasattr(own, "lcapy"):
            own.lcapy = _Lcapy(seconds)
            helpers.append(own.lcapy)
        gold = json.loads(question.gold)
        answer, reason = own.lcapy.answer(question.kind, gold)
        if answer is None:
            return Checked(question.id, question.kind, f"undecided: {reason}")
        return Checked(question.id, question.kind, compare(question, answer))

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


def compare(question: Question, answer: str) -> str:
    """ "agree", or "undecided: …" where the other solver's answer cannot be read. Raises CrossCheckError where it is another answer."""
    gold = json.loads(question.gold)
    if question.kind == "transfer":
        ours = f"({gold['numerator']})/({gold['denominator']})"
        try:
            parse_expression(answer, gold["names"])
        except ExpressionError:
            return "undecided: answer not readable"
        agree = same_expression(ours, answer, gold["names"]).correct
        asked = f"V({gold['positive']},{gold['negative']})/{gold['source']}"
    else:
        ours = gold["value"]
        agree = Fraction(ours) == Fraction(answer)
        asked = f"the {question.kind} of {gold['across']}, first node {'-' if gold['plus'] else '+'},"
    if agree:
        return "agree"
    circuit = gold["netlist"].replace("\n", "; ")
    raise CrossCheckError(
        f"question {question.id}: the solver and lcapy disagree about {asked} in the circuit [{circuit}]: solver {ours}, lcapy {answer}"
    )


# --- A process that runs lcapy ----------------------------------------------------------------------------------------


class _Lcapy:
    """A process that answers one question at a time, and is killed and replaced when it takes too long."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._process: multiprocessing.process.BaseProcess | None = None
        self._pipe: Connection | None = None

    def answer(self, kind: str, gold: Mapping[str, Any]) -> tuple[str | None, str]:
        """lcapy's answer as text, or None and the reason why there is none."""
        if self._pipe is None:
            self._start()
        assert self._pipe is not None
        try:
            self._pipe.send((kind, dict(gold)))
            if not self._pipe.poll(self.seconds):
                self.stop()
                return None, "took too long"
            return self._pipe.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self.stop()
            return None, "process died"

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, other = context.Pipe()
        self._process = context.Process(target=_serve, args=(other,), daemon=True)
        self._process.start()
        other.close()
        if not self._pipe.poll(SECONDS_TO_START):
            self.stop()
            raise CrossCheckError(
                f"lcapy did not start within {SECONDS_TO_START:.0f} s; try again, or set label.cross_check to 0"
            )
        problem = self._pipe.recv()
        if problem:
            self.stop()
            raise CrossCheckError(
                f"lcapy cannot be imported ({problem}); pip install lcapy, or set label.cross_check to 0"
            )

    def kill(self) -> None:
        """End the process; whoever waits for its answer is told that it died."""
        if self._process is not None:
            self._process.kill()

    def stop(self) -> None:
        """End the process and forget it; the next question starts another."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


def _serve(pipe: Connection) -> None:
    """The process's loop: a question in, an answer or a reason out."""
    die_with_parent()
    warnings.simplefilter("ignore")  # lcapy warns of every source that it removes, as it is asked to
    try:
        import lcapy  # noqa: F401 - two seconds, once, before the clock of the first question runs
    except ImportError as error:
        pipe.send(str(error))
        return
    pipe.send("")
    while True:
        try:
            kind, gold = pipe.recv()
        except EOFError:
            return
        pipe.send(solve_with_lcapy(kind, gold))


def solve_with_lcapy(kind: str, gold: Mapping[str, Any]) -> tuple[str | None, str]:
    """lcapy's answer to a question in this process: an expression, or an exact number as `num/den`; None and why where it fails."""
    from sympy.polys.polyerrors import BasePolynomialError

    netlist = parse_netlist(gold["netlist"])
    try:
        if kind == "transfer":
            return _transfer(netlist, gold["source"], gold["positive"], gold["negative"]), ""
        value = _dc(netlist, kind, gold["across"])
        return (f"{-value if gold['plus'] else value}", "") if value is not None else (None, "no exact number")
    # What lcapy and the SymPy below it are known to raise for circuits that they cannot do.
    except (
        ValueError,
        TypeError,
        AttributeError,
        LookupError,
        ArithmeticError,
        RuntimeError,
        BasePolynomialError,
    ) as error:
        return None, f"lcapy raised {type(error).__name__}"


def _transfer(netlist: Netlist, source: str, positive: str, negative: str) -> str:
    """V(positive) - V(negative) over the source, by lcapy's nodal analysis.

    Circuit.transfer would first look for a ladder, a search that never ends for some circuits of 6 parts and more (lcapy 1.26).
    """
    from lcapy import Circuit

    symbols = {part.name: symbol_of(part) for part in netlist.parts if part.kind not in SOURCES}
    circuit = Circuit(lcapy_text(netlist, symbols))
    plus, minus = netlist.part(source).nodes
    circuit.remove(source)
    if netlist.part(source).kind == "V":
        driven = circuit.apply_test_voltage_source(plus, minus)
    else:
        # A current through the source from its first node to its second enters the circuit at the second.
        driven = circuit.apply_test_current_source(minus, plus)
    return str(driven.Voc(positive, negative).laplace().sympy)


def _dc(netlist: Netlist, kind: str, across: str) -> Fraction | None:
    from lcapy import Circuit

    turned = netlist.part(across).kind in CURRENT_SOURCES
    if turned and kind == "current":
        return None
    part = Circuit(lcapy_text(netlist, {part.name: value_of(part.value or "") for part in netlist.parts}))[across]
    number = (part.V if kind == "voltage" else part.I).dc.sympy
    if not number.is_Rational:
        return None
    return Fraction(int(number.p), int(number.q)) * (-1 if turned else 1)


def lcapy_text(netlist: Netlist, values: Mapping[str, object]) -> str:
    """The netlist as lcapy reads it: current sources turned round; the values given by part; other sources without a value."""
    parts = []
    for part in netlist.parts:
        nodes = (part.nodes[1], part.nodes[0], *part.nodes[2:]) if part.kind in CURRENT_SOURCES else part.nodes
        value = f"{{{values[part.name]}}}" if part.name in values else None
        parts.append(replace(part, nodes=nodes, value=value))
    return format_netlist(Netlist(tuple(parts)), hints=False)
