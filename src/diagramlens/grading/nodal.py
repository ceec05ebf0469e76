r"""Is this the nodal equation? Two equations are the same if one is the other times a factor that is free of the node voltages.

`(Va-Vb)/R1 + s*C1*Va = 0` and `Va*(1+s*R1*C1) = Vb` say one thing: the difference of the sides of the one is R1 times that of the other.
Whether the quotient of two such differences is free of the voltages is decided as everything else here: by evaluating both at random points
modulo a large prime, the parts' values held and the voltages drawn anew.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise

from diagramlens.grading.expressions import cleaned, read_formula
from diagramlens.grading.final import MAX_CHARACTERS, single_blanks
from diagramlens.grading.prose import final_statements
from diagramlens.grading.rational import Expression, proportional
from diagramlens.grading.tokens import ExpressionError, plain, short
from diagramlens.grading.verdict import Verdict

MAX_SIDES = 16

# What may stand left of the equation proper: currents that it sums, or words. `\sum I = …`, `I_{R1} + I_{C1} = …`, `KCL at node 2:`.
_LABEL = re.compile(r"(?:\\?[A-Za-z]\w*(?:\{\w+\})?(?:\([a-z]\))?)?")
_ARGUMENT = re.compile(r" ?\( ?[st] ?\)")
_AT_NODE = re.compile(r"\b(?:node|junction)\s+\$?[\w{}\\]+\$?\s*(?:\([^()]{0,40}\)\s*)?[,:]\s*", re.IGNORECASE)


def compare_nodal(left: str, right: str, names: Sequence[str], voltages: Collection[str], predicted: str) -> Verdict:
    """Whether an answer is the equation `left = right` up to a factor free of `voltages`.

    Args:
        left, right: the gold equation, in the circuit's names.
        names: the names of parts, sources and `s`; node voltages that are missing in it are added.
        voltages: the names of the node voltages; `V_a(s)` is read as `V_a`.
        predicted: the answer. Without `=` it is no equation. In a chain `a = b = 0` the sides that can be read must agree.

    Raises ExpressionError for a gold that cannot be read, or whose two sides are one: a fault of the data.
    """
    known = tuple(dict.fromkeys((*names, *voltages)))
    try:
        gold = read_formula(f"({left})-({right})", known)
        if proportional(gold, gold, voltages) is not True:
            raise ExpressionError("its two sides are equal whatever the voltages")
    except ExpressionError as fault:
        raise ExpressionError(f"the gold equation cannot be read: {fault}") from fault
    try:
        equations = _equations(predicted, known)
        matches = [proportional(gold, equation, voltages) for equation in equations]
    except ExpressionError as fault:
        return Verdict(False, f"not readable: {fault}")
    if False in matches:
        return Verdict(False, f"{short(equations[matches.index(False)].text)} = 0 is not the gold equation")
    if True not in matches:
        return Verdict(False, "the two sides are equal whatever the voltages")
    return Verdict(True, "the gold equation, up to a factor free of the voltages")


def _equations(text: str, names: Sequence[str]) -> list[Expression]:
    """The difference of neighbouring sides for each `=` of the answer's last equation."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    first_fault: ExpressionError | None = None
    text = _AT_NODE.sub(": ", single_blanks(text))
    for statements in final_statements(text, names):
        try:
            return [equation for statement in statements for equation in _sides(statement, names)]
        except ExpressionError as fault:
            first_fault = first_fault or fault
    raise first_fault or ExpressionError("there is no equation")


def _sides(statement: str, names: Sequence[str]) -> list[Expression]:
    texts = [side.strip() for side in re.split("==?", cleaned(_without_arguments(plain(statement), names), names))]
    if len(texts) > MAX_SIDES:
        raise ExpressionError(f"more than {MAX_SIDES} sides")
    readable: list[str] = []
    for place, side in enumerate(texts):
        try:
            read_formula(side, names)
        except ExpressionError:
            if place or not all(_LABEL.fullmatch(word) for word in re.split(r"[-+\s]+", side)):
                raise
            continue
        readable.append(side)
    if len(readable) < 2:
        raise ExpressionError("there is no equation: one '=' with a formula on either side")
    return [read_formula(f"({first})-({second})", names) for first, second in pairwise(readable)]


def _without_arguments(text: str, names: Sequence[str]) -> str:
    """`V_a(s)` and `V_{a}(t)` as `V_a`: nobody multiplies a voltage by s alone, in parentheses."""
    if not _ARGUMENT.search(text):
        return text
    keys = sorted((name.replace("_", "") for name in names if name[0] in "VvIie"), key=len, reverse=True)
    spelled = "|".join(rf"{re.escape(key[0])}_?\{{?{re.escape(key[1:])}\}}?" for key in keys)
    return re.sub(rf"({spelled}){_ARGUMENT.pattern}", r"\1", text) if keys else text
