r"""Impedances and gains: formulas that may carry a unit, or plain numbers where the circuit's values are numbers.

A gold with names in it is compared exactly, as a transfer function is; of the answer a unit that fits is taken off (`Ω` of an impedance,
`V/V` of a gain), a prefix between a number and its Ω being multiplied in (`R1 + 2 kΩ`). A gold that is a plain number is a measured thing:
a value within 1 % is right, without a unit or with the one that fits. Decibels alone are refused: they have lost the sign.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from diagramlens.grading.constants import exact_value
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.final import MAX_CHARACTERS
from diagramlens.grading.quantities import QuantityError, parse_quantity, within
from diagramlens.grading.tokens import ExpressionError
from diagramlens.grading.verdict import Verdict

# Every spelling of the unit becomes `Ω`, then what wraps it goes, then what stands before it is looked at. Each step takes one pass.
_OHM = re.compile(r"\\Omega(?![A-Za-z])|\u2126|(?<![A-Za-z])[Oo]hms?(?![A-Za-z])|(?<=[kKM])[Oo]hms?(?![A-Za-z])")
_WRAPPED = re.compile(r"\\(?:text|mathrm|rm) ?\{ ?([kKM]?) ?Ω ?\}|[(\[] ?([kKM]?) ?Ω ?[)\]]|\bin ([kKM]?)Ω")
_WITH_PREFIX = re.compile(r"(?<![A-Za-z0-9_.])([0-9]{1,20}(?:\.[0-9]{1,20})?) ?([kKM]) ?Ω")
_PREFIXES = {"k": 3, "K": 3, "M": 6}


def compare_ratio(gold: str, names: Sequence[str], unit: str | None, predicted: str) -> Verdict:
    """Whether an answer is the gold formula; `unit` is the one it may carry, "Ω" or None for a ratio of equal units.

    Raises ExpressionError for a gold that cannot be read.
    """
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    try:
        value = exact_value(parse_expression(gold, names))
    except ExpressionError as fault:
        raise ExpressionError(f"the gold answer cannot be read: {fault}") from fault
    if value is not None and value[1] == 0:
        return _compare_number(value[0], unit, predicted)
    return same_expression(gold, _without_ohms(predicted) if unit == "Ω" else predicted, names)


def _compare_number(gold: Fraction, unit: str | None, predicted: str) -> Verdict:
    try:
        found = parse_quantity(predicted, unit)
    except QuantityError as fault:
        return Verdict(False, f"not readable: {fault}")
    if found.unit == "dB":
        return Verdict(False, "not readable: a value in dB has no sign")
    fitting = (unit,) if unit else ("V/V", "A/A", "%")
    if found.unit is not None and found.unit not in fitting:
        return Verdict(False, f"the unit is {found.unit}, not {unit or 'that of a ratio'}")
    value = found.value / 100 if found.unit == "%" else found.value
    right = within(value, gold)
    return Verdict(right, f"{float(value):.6g} is {'' if right else 'not '}within 1 % of {float(gold):.6g}")


def _without_ohms(text: str) -> str:
    """The answer with its ohms taken off, where a number stands before them with their prefix multiplied in."""
    text = re.sub(r"\\[,;: ]|[ \t]{2,}|~(?=\s?\\?(?:text|mathrm|rm|Ω))", " ", _OHM.sub("Ω", text))
    text = _WRAPPED.sub(lambda found: f" {''.join(part or '' for part in found.groups())}Ω", text)
    text = _WITH_PREFIX.sub(lambda found: f"({found[1]}*10^{_PREFIXES[found[2]]})", text)
    # A prefix without a number before it stays, and cannot be read: `R1 kΩ` is no value in ohms.
    return re.sub(r"(?<![A-Za-z])Ω", "", text)
