"""Numerical answers without a circuit around them: the two functions that older evaluation scripts call by these names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

from diagramlens.grading.quantities import QuantityError, parse_quantity, within
from diagramlens.records import DiagramLensError

Answer = str | int | float | Fraction | None


def extract_numerical_answer(text: str) -> float | None:
    """The number of the last quantity in a text, in the base unit (`4000 mV` gives 4.0); None where there is no clear one.

    >>> extract_numerical_answer("The current is -2.5 mA.")
    -0.0025
    """
    try:
        return float(parse_quantity(text).value)
    except QuantityError:
        return None


def compute_numerical_accuracy(
    predicted: Answer | Sequence[Answer], expected: Answer | Sequence[Answer], tolerance: float = 0.01
) -> float:
    """The fraction of answers within a relative tolerance of what was expected, strict in sign; for one answer 0.0 or 1.0.

    Args:
        predicted: a number, a text to read one from, None for no answer; or a sequence of these.
        expected: the same, in the same number. An expected 0 asks for a value within 1e-9.
        tolerance: relative to the expected value and inclusive; 0.01 is ±1 %.

    Units are not compared, their prefixes count. A prediction that cannot be read is wrong. Raises DiagramLensError for sequences of
    different or no length, an expected value that cannot be read, or a tolerance that is negative or no number.
    """
    if not (math.isfinite(tolerance) and tolerance >= 0):
        raise DiagramLensError(f"the tolerance {tolerance} is not a number of at least 0")
    predictions, golds = _as_list(predicted), _as_list(expected)
    if len(predictions) != len(golds) or not golds:
        raise DiagramLensError(
            f"{len(predictions)} predicted answers against {len(golds)} expected; give one of each, at least one"
        )
    # The shortest decimal, 0.01, not the binary fraction that the float holds: a deviation of exactly 1 % is within.
    exact_tolerance = Fraction(str(tolerance))
    right = 0
    for answer, gold in zip(predictions, golds, strict=True):
        value, expected_value = _exact(answer), _exact(gold)
        if expected_value is None:
            raise DiagramLensError(f"the expected value {gold!r} is not a number")
        right += value is not None and within(value, expected_value, exact_tolerance)
    return right / len(golds)


def _as_list(answers: Answer | Sequence[Answer]) -> list[Answer]:
    if answers is None or isinstance(answers, (str, int, float, Fraction)):
        return [answers]
    return list(answers)


def _exact(answer: Answer) -> Fraction | None:
    if answer is None or (isinstance(answer, float) and not math.isfinite(answer)):
        return None
    if isinstance(answer, str):
        try:
            return parse_quantity(answer).value
        except QuantityError:
            return None
    return Fraction(str(answer)) if isinstance(answer, float) else Fraction(answer)
