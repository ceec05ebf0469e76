r"""Is this answer the same rational function as the gold one?

`parse_expression` reads an answer in ASCII or LaTeX, alone or in prose, in the circuit's own names; `same_expression` gives the verdict.
A chain of equalities counts by its last right-hand side, but a chain whose readable parts differ contradicts itself and is wrong; so is
one that ends with a value (`R2/(R1+R2) ≈ 0.5`), for nothing here could tell the right value from `≈ 7`. What cannot be
read is wrong, with the reason; nothing is executed, and no text takes long (see tokens, rational, prose for the limits).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from diagramlens.grading.coefficients import written_out
from diagramlens.grading.final import MAX_CHARACTERS, final_answer
from diagramlens.grading.parser import parse_tokens
from diagramlens.grading.prose import final_statements
from diagramlens.grading.rational import Expression, Relation, compare
from diagramlens.grading.tokens import ExpressionError, plain, short, tokenize
from diagramlens.grading.verdict import Verdict

MAX_CHAIN = 32

_UNIT_OF_RATIO = re.compile(r"[\s(\[]*(?:\b(?:V\s*/\s*V|A\s*/\s*A)|\b(?:dimensionless|unitless|no units?))[)\]\s]*$")
_LABEL_ATOM = r"[A-Za-z]+[0-9]*(?:_(?:\{[^{}]*\}|\w+))?[0-9]*(?:\([^()=]*\)|\[[^\[\]=]*\])?"
_LABEL = re.compile(rf"[\[(]?{_LABEL_ATOM}(?:/{_LABEL_ATOM})?[\])]?")
_INPUT_OVER_OUTPUT = re.compile(
    r"([A-Za-z])_?\{?(?:in|i|s|src)\}?(?:\([^()]*\))?/\1_?\{?(?:out|o|load|L)\}?(?:\([^()]*\))?", re.IGNORECASE
)
_MORE_THAN_A_FORMULA = re.compile(r"[=$`\\\n]|Eq\(")
# `2. R1`: the second item of a list, or 2.0 times R1 as Mathematica prints it.
_MARK_OR_NUMBER = re.compile(r"\A\s*(?!1\.)\d{1,2}\.[ \t]+[^\s\n=]*(?![^\n]*=)[^\n]*\Z")
# SymPy's way to write an equation.
_EQUATION = re.compile(r"\A(?:(?:sympy|sp)\.)?Eq\((.{1,4000}),([^,]{1,4000})\)\Z", re.DOTALL)
_EVALUATED_AT = re.compile(
    r"(?<=[A-Za-z)}])\s?\\?(?:(?:[bB]igg?[lr]?|right)\s?\|)\s?_\s?\{\s?s\s?(?:=|\\to|→)\s?(?:0|\\infty|∞)\s?\}(?=\s?&?\s?=)"
)
_ARGUMENT = re.compile(r"\(\s*(?:s|j\s*\*?\s*(?:\\omega|w|omega))\s*\)")


def parse_expression(
    text: str, names: Sequence[str], functions: Sequence[str] = (), *, at_one_frequency: bool = True
) -> Expression:
    """The rational expression that an answer gives.

    Args:
        text: what the model or the solver wrote; at most 20,000 characters.
        names: the circuit's own names, case sensitive. `s`, `j` and ω (`omega`, `w`, `\\omega`) are known beside them, ω being s/j.
        functions: those of the names that stand for functions of s, as blocks of a diagram do: `G1(s)` is G1 and no product.
        at_one_frequency: whether the answer may be a value at one frequency, `H(0) = 1`; where not, that is a remark.

    Raises:
        ExpressionError: no formula, an unknown name, a formula that breaks off or can be read in two ways, something that is not
            rational, a limit passed, or a chain of equalities that contradicts itself.
    """
    first_fault: ExpressionError | None = None
    text = _evaluated(text)
    if _MARK_OR_NUMBER.match(text):
        raise ExpressionError(
            "the number at its start may count lines or belong to the formula: write a * behind it, or leave it away"
        )
    if len(text) <= MAX_CHARACTERS and not _MORE_THAN_A_FORMULA.search(text):
        # Most golds and many answers are a formula and nothing else: no need to look for where one begins.
        try:
            return read_formula(cleaned(plain(text), names), names, functions)
        except ExpressionError as fault:
            first_fault = fault
    for statements in final_statements(text, names, at_one_frequency=at_one_frequency):
        if first_fault and statements == [text.strip()]:
            continue
        try:
            parts = [part for statement in statements for part in _chain(statement, names, functions)]
        except ExpressionError as fault:
            first_fault = first_fault or fault
            continue
        answer = parts[-1]
        for part in parts[:-1]:
            if compare(answer, part) is not Relation.EQUAL:
                raise ExpressionError(f"the answer contradicts itself: {short(part.text)} is not {short(answer.text)}")
        return answer
    raise first_fault or ExpressionError("there is no expression")


def same_expression(gold: str, predicted: str, names: Sequence[str], functions: Sequence[str] = ()) -> Verdict:
    """Whether a predicted answer is the gold rational function, strict in sign and case; names and functions as in `parse_expression`.

    Equality is decided by evaluation at a random point modulo a large prime (see rational), the point being a hash of the two
    formulas: the same pair always has the same verdict. Raises ExpressionError for a gold text that cannot be read, which is a fault of
    the data, not of the answer.
    """
    try:
        expected = parse_expression(gold, names, functions)
    except ExpressionError as fault:
        raise ExpressionError(f"the gold answer cannot be read: {fault}") from fault
    try:
        found = parse_expression(
            final_answer(predicted), names, functions, at_one_frequency=not expected.depends_on_frequency
        )
    except ExpressionError as fault:
        return Verdict(False, f"not readable: {fault}")
    try:
        relation = compare(expected, found)
    except ExpressionError as fault:
        compare(expected, expected)  # raises where it is the gold that divides by zero
        return Verdict(False, f"not comparable: {fault}")
    if relation is Relation.EQUAL:
        return Verdict(True, "equal to the gold as a rational function")
    if relation is Relation.DIFFERENT and expected.depends_on_frequency and not found.depends_on_frequency:
        return Verdict(False, f"{short(found.text)} does not depend on frequency, the gold does")
    return Verdict(False, f"{short(found.text)} is {relation.value}")


def _chain(statement: str, names: Sequence[str], functions: Sequence[str]) -> list[Expression]:
    """The readable parts of `a = b = c`, the last of which must be readable; the first may be a label such as `H(s)`."""
    texts = [part.strip() for part in re.split(r"[:=]?=", cleaned(plain(statement), names))]
    if len(texts) > MAX_CHAIN:
        raise ExpressionError(f"a chain of more than {MAX_CHAIN} equalities")
    parts = []
    for place, text in enumerate(texts[:-1]):
        if not text or (place == 0 and _ARGUMENT.fullmatch(text)):
            continue
        try:
            part = read_formula(text, names, functions)
        except ExpressionError:
            if place == 0:
                _check_label(text)
            continue
        if place == 0 and part.symbols and _is_label(part, functions):
            _check_label(text)
        else:
            parts.append(part)
    return [*parts, read_formula(texts[-1], names, functions)]


def _is_label(part: Expression, functions: Sequence[str]) -> bool:
    """Whether a readable left side is a label all the same, not the claim that the answer is that.

    `V_2/V_1 = …` is one where sources have these names, `H(s) = …` where a block is called H.
    """
    alone = len(part.steps) == 1 and part.symbols[0] in functions
    return alone or all(symbol[0] in "VI" for symbol in part.symbols)


def cleaned(text: str, names: Sequence[str]) -> str:
    """An answer without the punctuation, Markdown and `V/V` that may end an answer, and the Markdown that may begin one."""
    text = text.strip().removeprefix("**")
    text = (
        re.sub(r"[\s.,;:*$`]+\Z", "", text[-200:])
        if len(text) <= 200
        else text[:-200] + re.sub(r"[\s.,;:*$`]+\Z", "", text[-200:])
    )
    if text.startswith(("Eq(", "sp")):
        text = _EQUATION.sub(r"\1 = \2", text)
    unit = _UNIT_OF_RATIO.search(text[-60:])
    if unit and not {"V", "A"} & set(names):
        text = text[: len(text) - len(unit[0])]
    return text


def read_formula(text: str, names: Sequence[str], functions: Sequence[str] = ()) -> Expression:
    """The expression that a bare formula spells, `text` being as `plain` gives it. Raises ExpressionError."""
    return parse_tokens(tokenize(written_out(text), names, functions), text)


def _evaluated(text: str) -> str:
    """The text with `\\big|_{s=0}`, where a side of a chain is evaluated, as `|_{0}`: no `=` is in it, and that side is not compared."""
    marked = _EVALUATED_AT.sub("|_{0}", text)
    return text if marked == text else re.sub(r"\\left\s?\.", "", marked)


def _check_label(text: str) -> None:
    """Raises ExpressionError unless the left side names the quantity asked for: `H(s)`, `V_out/V_in`, words before such a name."""
    text = text[-500:].replace("|_{0}", "")
    part = r"\{((?:[^{}]|\{[^{}]*\})*)\}"
    text = re.sub(rf"\\frac\s*{part}\s*{part}", r"\1/\2", text).replace("\\omega", "w")
    text = re.sub(r"\s*([/(])\s*", r"\1", text.strip(" *:`")).replace("\\", "")
    text = re.sub(r"\s+\)", ")", text)
    words = text.split() or [""]
    if not _LABEL.fullmatch(words[-1]):
        raise ExpressionError(
            f"the left side {short(text)} is neither a formula in these names nor a label such as H(s)"
        )
    if _INPUT_OVER_OUTPUT.fullmatch(words[-1].strip("[()]")):
        raise ExpressionError(
            f"the left side {short(words[-1])} is input over output, the reciprocal of a transfer function"
        )
