r"""Numbers with units: reading `2.5 mA` out of an answer, and comparing it with the exact gold.

Read are a sign, decimals, digits in groups and decimal commas (see numerals), fractions (`5/3 V`, `\frac{5}{3}`), scientific notation
(`2.5e-3`, `2.5 \times 10^{-3}`, `10³`), SI prefixes, `2k2`, units as symbols or English words or siunitx's, in LaTeX or Unicode or neither.

The last quantity with a unit that the answer claims counts, else the last number. Not claimed is what is denied or bounded, what gives a
reason or stands in a remark (see claims), and what is only where or of what: `across 2 kΩ`. A value may be said again, as a decimal or in
another unit, in brackets or behind `=` and `or`; it must then be the same. Refused is what leaves open which number is meant: `±4 V`,
`4 V or 5 V`, `12 V/3`, two values side by side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from diagramlens.grading.claims import bounded, denied, retracts, sentences, unnumbered
from diagramlens.grading.final import MAX_CHARACTERS, box_of, negates, unlisted
from diagramlens.grading.numerals import plain_numbers
from diagramlens.grading.quantity import CONVERTED, PI, TOLERANCE, Quantity, QuantityError, within
from diagramlens.grading.quantity_claims import Claim, claim_of
from diagramlens.grading.tokens import plain
from diagramlens.grading.units import with_angular, with_symbols

__all__ = ["PI", "Quantity", "QuantityError", "QuantityScore", "compare_quantities", "parse_quantity", "within"]

MAX_READ = 8_000
MAX_SENTENCES = 100


@dataclass(frozen=True)
class QuantityScore:
    """Whether the value is within the tolerance, whether the unit is the right one, and why not; whether there is a unit at all."""

    value_right: bool
    unit_right: bool
    reason: str
    unit_given: bool = True


_MARKUP = re.compile(
    r"[$`~]|(?<![\d)])\*\*|\*\*(?![\d(+-])|\\[()\[\]]|\\(?:text|mathrm|mathsf|rm|unit|si|SI|qty|num|boxed|fbox|left|right|quad|qquad)\b|(?<=[A-Za-z0-9Ω}])\*+(?=[\s.,]|\Z)"
)
_COMMAND = re.compile(r"\\[dt]?(?:frac|times|cdot|left|right)\b|[eE](?=[-+]?\d)")
_MATHEMATICA = re.compile(r"Quantity\[\s*([^,\[\]]{1,40}),\s*\"?([A-Za-z]{1,40})\"?\s*\]")
# `5.5 V_{DC}`: what kind of volts.
_SUBSCRIPT = re.compile(r"(?<=[VA])_\{?(?:DC|RMS|dc|rms)\}?(?![A-Za-z0-9])")
_SIGN_WORD = re.compile(r"\b(?:minus|negative)\s+(?=[\d.]|\\[dt]?frac)", re.IGNORECASE)
_FRACTIONS = {"½": "1/2", "¼": "1/4", "¾": "3/4", "⅓": "1/3", "⅔": "2/3"}
# Alone; behind digits (`5½`) it adds to them, which is refused.
_FRACTION = re.compile(r"(?<![\d.])(?<!\d )[½¼¾⅓⅔](?!\d)")
_TERM = re.compile(r"[-+({\\[\s$]*(?:\d|\.\d|\\[dt]?frac)")


def parse_quantity(text: str, unit: str | None = None) -> Quantity:
    """The quantity that an answer claims; see the module. Where a `unit` is asked for, others are said in passing beside one in it.

    Of a text of more than 8,000 characters the last ones are read. Raises QuantityError where there is none, where the text is longer
    than 20,000 characters, or where it is doubtful which is meant.
    """
    if len(text) > MAX_CHARACTERS:
        raise QuantityError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if len(text) > MAX_READ:
        # The last one counts, so the beginning need not be read; cut between words, not through a number.
        text = text[-MAX_READ:].partition(" ")[2]
    claim: Claim | None = None
    for sentence in sentences(unlisted(_tidy(_boxed(text)), _TERM.match))[-MAX_SENTENCES:]:
        found = claim_of(sentence, unit)
        if found is not None:
            claim = found if claim is None else claim.followed_by(found, unit)
        elif claim is not None and retracts(sentence):
            claim = Claim(claim.quantity, "it is taken back")
    if claim is None:
        raise QuantityError("there is no number")
    if claim.fault:
        raise QuantityError(claim.fault)
    return claim.quantity


def _boxed(text: str) -> str:
    """What the last `\\boxed{}` holds, with the unit behind it where it holds a number alone; the whole text where there is none."""
    box = box_of(text)
    if box is None:
        return text
    before, content, behind = box
    sentence = (sentences(before) or [""])[-1]
    if denied(sentence, behind) or bounded(sentence, behind):
        raise QuantityError("what is in the box is denied, or only a bound")
    if not re.search(r"[A-Za-zΩ%]", _COMMAND.sub("", content)):
        content += (re.match(r"[^.;:(\n]{0,40}", behind) or [""])[0]
    return f"-({content})" if negates(before, content) else content


def _tidy(text: str) -> str:
    text = with_symbols(text.replace("\\pm", "±").replace("+/-", "±"))
    text = text.replace("\\[", " ").replace("\\]", " ").replace("\\(", " ").replace("\\)", " ")
    text = _MATHEMATICA.sub(r"\1 \2", _SUBSCRIPT.sub("", text))
    text = _FRACTION.sub(lambda found: _FRACTIONS[found[0]], text)
    text = plain_numbers(_SIGN_WORD.sub("-", plain(unnumbered(text))))
    return re.sub(r"[ \t]+", " ", with_angular(_MARKUP.sub("", text)))


def compare_quantities(gold: Quantity, predicted: str, tolerance: Fraction = TOLERANCE) -> QuantityScore:
    """Score an answer against the exact gold: the value within ±1 % and strict in sign, the unit right, its prefix aside.

    A number without a unit is taken in the base unit; its value may be right, its unit is not. A gold of 0 asks for a value within 1e-9.
    A frequency may be given in Hz or, if the answer says so, in rad/s: 10 krad/s is 1.59 kHz, and 10 kHz is not.
    """
    try:
        found = parse_quantity(predicted, gold.unit)
    except QuantityError as fault:
        return QuantityScore(False, False, f"not readable: {fault}")
    value = found.value * CONVERTED.get((found.unit, gold.unit), Fraction(1))
    value_right = within(value, gold.value, tolerance)
    unit_right = found.unit == gold.unit or (found.unit, gold.unit) in CONVERTED
    faults = []
    if not value_right:
        opposite = within(-value, gold.value, tolerance)
        wrong = "has the wrong sign" if opposite else f"is not within {float(tolerance):.3g} of {float(gold.value):.6g}"
        faults.append(f"{float(value):.6g} {wrong}")
    if not unit_right:
        faults.append(f"the unit is {found.unit or 'missing'}, not {gold.unit}")
    return QuantityScore(
        value_right, unit_right, "; ".join(faults) or "value and unit are right", found.unit is not None
    )
