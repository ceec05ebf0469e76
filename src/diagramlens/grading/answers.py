"""Grading one answer of any kind: which grader, and under which names its scores appear in the metrics."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.expressions import same_expression
from diagramlens.grading.latex import normalize_latex
from diagramlens.grading.netlists import compare_netlists
from diagramlens.grading.quantities import Quantity, compare_quantities
from diagramlens.records import DiagramLensError

Gold = Mapping[str, object]


class GradingError(DiagramLensError):
    """A question that cannot be graded: a kind without a grader, or a gold that lacks what its kind needs."""


@dataclass(frozen=True)
class Graded:
    """`correct` is the verdict on the whole answer, `scores` the numbers in [0, 1] behind it by the metric's name."""

    correct: bool
    scores: dict[str, float]
    reason: str


def grade(kind: str, gold: Gold, answer: str, predicted: str) -> Graded:
    """Grade a predicted text against a question's gold (its JSON, loaded) and its gold answer text.

    A netlist is correct if exact, a transfer function if equivalent, a voltage or current if value and unit are right. Raises
    GradingError, or what the grader raises for a gold it cannot read: those are faults of the data. A prediction is never one.
    """
    grader = GRADERS.get(kind)
    if grader is None:
        raise GradingError(f"no grader for questions of the kind {kind!r}; known are {', '.join(GRADERS)}")
    return grader(gold, answer, predicted)


def _netlist(gold: Gold, answer: str, predicted: str) -> Graded:
    score = compare_netlists(_text(gold, "netlist"), predicted)
    scores = {"netlist_exact_accuracy": float(score.exact), "netlist_terminal_f1": score.terminal_f1}
    return Graded(score.exact, scores, score.reason)


def _transfer(gold: Gold, answer: str, predicted: str) -> Graded:
    names = gold.get("names")
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) for name in names):
        raise GradingError("the gold of a transfer function needs 'names', a list of the circuit's names")
    verdict = same_expression(f"({_text(gold, 'numerator')})/({_text(gold, 'denominator')})", predicted, names)
    exact = normalize_latex(predicted) == normalize_latex(answer)
    scores = {"equation_exact_accuracy": float(exact), "equation_sympy_accuracy": float(verdict.correct)}
    return Graded(verdict.correct, scores, verdict.reason)


def _quantity(gold: Gold, answer: str, predicted: str) -> Graded:
    value, unit = _text(gold, "value"), _text(gold, "unit")
    try:
        expected = Quantity(Fraction(value), unit)
    except (ValueError, ZeroDivisionError) as error:
        raise GradingError(f"the gold value {value!r} is not a fraction such as 5/3") from error
    score = compare_quantities(expected, predicted)
    scores = {"qa_numerical_accuracy": float(score.value_right), "qa_unit_accuracy": float(score.unit_right)}
    return Graded(score.value_right and score.unit_right, scores, score.reason)


def _text(gold: Gold, key: str) -> str:
    value = gold.get(key)
    if not isinstance(value, str):
        raise GradingError(f"the gold has no text {key!r}; its keys are {', '.join(sorted(gold)) or 'none'}")
    return value


GRADERS: dict[str, Callable[[Gold, str, str], Graded]] = {
    "netlist": _netlist,
    "transfer": _transfer,
    "voltage": _quantity,
    "current": _quantity,
}
