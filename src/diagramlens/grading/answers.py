"""Grading one answer of any kind: which grader, and under which names its scores appear in the metrics.

An answer may think aloud first: only what follows its last line `Answer:` is graded, where it has one (see final).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from diagramlens.grading.blocks import compare_blocks
from diagramlens.grading.choices import compare_choice
from diagramlens.grading.claims import MAX_LOOK, retracts, sentences
from diagramlens.grading.counts import compare_count
from diagramlens.grading.expressions import same_expression
from diagramlens.grading.final import final_answer
from diagramlens.grading.golds import Gold, GradingError, number_of, roots_of, text_of, texts_of, whole_of
from diagramlens.grading.labels import compare_label
from diagramlens.grading.latex import normalize_latex
from diagramlens.grading.name_sets import compare_names
from diagramlens.grading.netlists import compare_netlists
from diagramlens.grading.nodal import compare_nodal
from diagramlens.grading.quantities import Quantity, compare_quantities
from diagramlens.grading.ratios import compare_ratio
from diagramlens.grading.roots import compare_roots
from diagramlens.grading.verdict import Verdict


@dataclass(frozen=True)
class Graded:
    """`correct` is the verdict on the whole answer, `scores` the numbers in [0, 1] behind it by the metric's name."""

    correct: bool
    scores: dict[str, float]
    reason: str


def grade(kind: str, gold: Gold, answer: str, predicted: str) -> Graded:
    """Grade a predicted text against a question's gold (its JSON, loaded) and its gold answer text.

    A netlist is correct if exact, a formula if equivalent, a quantity if value and unit are right. Raises GradingError, or what the
    grader raises for a gold it cannot read: those are faults of the data. A prediction is never one.
    """
    grader = GRADERS.get(kind)
    if grader is None:
        raise GradingError(f"no grader for questions of the kind {kind!r}; known are {', '.join(GRADERS)}")
    wanted, given = (final_answer(text, many_lines=kind == "netlist") for text in (answer, predicted))
    said = sentences(given[-MAX_LOOK:])
    if kind != "netlist" and len(said) > 1 and retracts(said[-1]):
        return replace(grader(gold, wanted, ""), correct=False, reason="not readable: the answer takes itself back")
    return grader(gold, wanted, given)


def _netlist(gold: Gold, answer: str, predicted: str) -> Graded:
    if "blocks" in gold:
        blocks = compare_blocks(text_of(gold, "blocks"), predicted)
        scores = {"blocks_exact_accuracy": float(blocks.exact), "blocks_connection_f1": blocks.connection_f1}
        return Graded(blocks.exact, scores, blocks.reason)
    score = compare_netlists(text_of(gold, "netlist"), predicted)
    scores = {"netlist_exact_accuracy": float(score.exact), "netlist_terminal_f1": score.terminal_f1}
    return Graded(score.exact, scores, score.reason)


def _count(gold: Gold, answer: str, predicted: str) -> Graded:
    what = text_of(gold, "what") if "what" in gold else None
    return _graded("count_accuracy", compare_count(whole_of(gold, "count"), predicted, what))


def _names(gold: Gold, answer: str, predicted: str) -> Graded:
    return _graded("names_accuracy", compare_names(texts_of(gold, "names"), predicted))


def _function(gold: Gold, answer: str, predicted: str) -> Graded:
    verdict = compare_label(text_of(gold, "label"), texts_of(gold, "labels"), predicted)
    return _graded("function_accuracy", verdict)


def _choice(gold: Gold, answer: str, predicted: str) -> Graded:
    letter, choices = text_of(gold, "letter"), texts_of(gold, "choices")
    if not 2 <= len(choices) <= 26 or len(letter) != 1 or not 0 <= ord(letter) - ord("A") < len(choices):
        raise GradingError(f"the gold letter {letter!r} is not one of its {len(choices)} choices, A first")
    return _graded("choice_accuracy", compare_choice(letter, choices, predicted))


def _transfer(gold: Gold, answer: str, predicted: str) -> Graded:
    # Blocks of a diagram stand for functions of s; parts of a circuit do not, and their golds have no such list.
    functions = texts_of(gold, "functions") if "functions" in gold else ()
    verdict = same_expression(_formula(gold), predicted, texts_of(gold, "names"), functions)
    exact = normalize_latex(predicted) == normalize_latex(answer)
    scores = {"equation_exact_accuracy": float(exact), "equation_sympy_accuracy": float(verdict.correct)}
    return Graded(verdict.correct, scores, verdict.reason)


def _impedance(gold: Gold, answer: str, predicted: str) -> Graded:
    return _graded("impedance_accuracy", compare_ratio(_formula(gold), texts_of(gold, "names"), "Ω", predicted))


def _gain(gold: Gold, answer: str, predicted: str) -> Graded:
    return _graded("gain_accuracy", compare_ratio(_formula(gold), texts_of(gold, "names"), None, predicted))


def _nodal(gold: Gold, answer: str, predicted: str) -> Graded:
    left, right = text_of(gold, "left"), text_of(gold, "right")
    verdict = compare_nodal(left, right, texts_of(gold, "names"), texts_of(gold, "voltages"), predicted)
    return _graded("nodal_accuracy", verdict)


def _poles(gold: Gold, answer: str, predicted: str) -> Graded:
    return _roots(gold, predicted, beside="zero")


def _zeros(gold: Gold, answer: str, predicted: str) -> Graded:
    return _roots(gold, predicted, beside="pole")


def _roots(gold: Gold, predicted: str, *, beside: str) -> Graded:
    names = texts_of(gold, "names") if "names" in gold else ()
    return _graded("roots_accuracy", compare_roots(roots_of(gold), predicted, names, beside=beside))


def _quantity(gold: Gold, answer: str, predicted: str) -> Graded:
    score = compare_quantities(Quantity(number_of(gold, "value"), text_of(gold, "unit")), predicted)
    scores = {"qa_numerical_accuracy": float(score.value_right), "qa_unit_accuracy": float(score.unit_right)}
    return Graded(score.value_right and score.unit_right, scores, score.reason)


def _design(gold: Gold, answer: str, predicted: str) -> Graded:
    # The part that is asked for has its unit by its kind: `2.2k`, as schematics have it, is enough. A wrong unit is wrong.
    score = compare_quantities(Quantity(number_of(gold, "value"), text_of(gold, "unit")), predicted)
    right = score.value_right and (score.unit_right or not score.unit_given)
    return _graded("design_accuracy", Verdict(right, score.reason))


def _formula(gold: Gold) -> str:
    return f"({text_of(gold, 'numerator')})/({text_of(gold, 'denominator')})"


def _graded(score: str, verdict: Verdict) -> Graded:
    return Graded(verdict.correct, {score: float(verdict.correct)}, verdict.reason)


GRADERS: dict[str, Callable[[Gold, str, str], Graded]] = {
    # perception
    "netlist": _netlist,
    "count": _count,
    "joined": _names,
    "between": _names,
    "function": _function,
    # analysis
    "transfer": _transfer,
    "impedance": _impedance,
    "nodal": _nodal,
    "voltage": _quantity,
    "current": _quantity,
    "power": _quantity,
    "poles": _poles,
    "zeros": _zeros,
    "cutoff": _quantity,
    "time_constant": _quantity,
    "dc_gain": _gain,
    "hf_gain": _gain,
    # design
    "design": _design,
    # any of them, asked as a multiple choice
    "choice": _choice,
}
