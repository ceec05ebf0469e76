"""Questions that a data set brought along: kept as they are, each with what the exact solver says of its gold."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from typing import Any

from diagramlens.domains.circuits.blocks import is_block_diagram
from diagramlens.domains.circuits.netlist import Netlist, NetlistError, parse_netlist
from diagramlens.domains.circuits.nodal import nodal_equation
from diagramlens.domains.circuits.node_voltage import node_voltage_forms
from diagramlens.domains.circuits.solve import (
    SolveError,
    operating_point,
    symbols_of,
    transfer_across,
    transfer_text,
)
from diagramlens.grading.expressions import same_expression
from diagramlens.grading.nodal import compare_nodal
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import DiagramLensError, Question

AGREE, DISAGREE, UNDECIDED = "agree", "disagree", "undecided"
# How far an answer that came with its data set is to be trusted, by what the solver says of it.
_CONFIDENCE = {AGREE: 1.0, UNDECIDED: 0.5, DISAGREE: 0.0}
_ROUNDING = Fraction(1, 100)

Gold = Mapping[str, Any]


class ImportedError(DiagramLensError):
    """Questions that came with a diagram and cannot be read: why."""


def imported_questions(
    diagram_id: str, group: str, level: int, truth: str, source: str, questions: str
) -> Iterator[tuple[Question, str]]:
    """The questions that a diagram's data set brought along (JSON), each with the solver's verdict on its gold. Raises ImportedError.

    Their teacher is the data set's name (the first word of `source`), their confidence 1, 0.5 or 0 as the solver agrees, cannot tell or
    disagrees: what a published data set says is kept, whoever is right.
    """
    if questions == "[]":
        return
    try:
        for number, row in enumerate(json.loads(questions)):
            gold = row["gold"]
            verdict = check_gold(row["kind"], gold, truth)
            yield (
                Question(
                    id=f"{diagram_id}-imported-{number}",
                    diagram_id=diagram_id,
                    group=group,
                    level=level,
                    kind=row["kind"],
                    prompt=row["prompt"],
                    answer=row["answer"],
                    gold=json.dumps(gold, sort_keys=True, ensure_ascii=False),
                    teacher=source.partition("/")[0],
                    confidence=_CONFIDENCE[verdict],
                ),
                verdict,
            )
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise ImportedError(
            f"its questions are no JSON list of objects with kind, prompt, answer and gold: {type(error).__name__}: {error}"
        ) from error


def check_gold(kind: str, gold: Gold, truth: str) -> str:
    """Whether the solver agrees with a gold: `agree`, `disagree`, or `undecided`.

    Decided are transfer functions that say from where to where, voltages and currents that say of what, solved node voltages, and nodal
    equations where they agree (there are too many ways to write one to call another wrong). Undecided are circuits that cannot be solved
    and all else.
    """
    check = _CHECKS.get(kind)
    if check is None or not truth.strip() or is_block_diagram(truth):
        return UNDECIDED
    try:
        return check(parse_netlist(truth), gold)
    except (NetlistError, SolveError, ExpressionError):
        return UNDECIDED


def _transfer(netlist: Netlist, gold: Gold) -> str:
    source, across, plus = gold.get("source"), gold.get("across"), gold.get("plus")
    if not (isinstance(source, str) and isinstance(across, str) and plus in (0, 1)):
        return UNDECIDED
    stated = f"({gold['numerator']})/({gold['denominator']})"
    for symbols in (True, False):  # in the parts' names, or in their values
        solved = transfer_text(transfer_across(netlist, source, across, plus=int(str(plus)), symbols=symbols))
        if same_expression(stated, solved, symbols_of(netlist)).correct:
            return AGREE
    return DISAGREE


def _quantity(netlist: Netlist, gold: Gold) -> str:
    """Volts across a part or amperes through it at DC, to the rounding of three digits."""
    across, plus, unit = gold.get("across"), gold.get("plus"), gold.get("unit")
    if not isinstance(across, str) or plus not in (0, 1) or unit not in ("V", "A"):
        return UNDECIDED
    point = operating_point(netlist)
    exact = point.across(netlist.part(across)) if unit == "V" else point.currents[across]
    exact = -exact if plus else exact
    return AGREE if abs(Fraction(str(gold["value"])) - exact) <= _ROUNDING * abs(exact) else DISAGREE


def _nodal(netlist: Netlist, gold: Gold) -> str:
    if "left" in gold and gold.get("voltages") == [gold["left"]]:
        forms = node_voltage_forms(netlist, gold["left"])
        stated = gold["right"], gold["names"]
        return AGREE if any(same_expression(form, *stated).correct for form in forms) else DISAGREE
    if not isinstance(gold.get("node"), str) or "left" not in gold:
        return UNDECIDED
    solved = nodal_equation(netlist, gold["node"])
    same = compare_nodal(gold["left"], gold["right"], gold["names"], gold["voltages"], solved.text)
    return AGREE if same.correct else UNDECIDED


_CHECKS: Mapping[str, Callable[[Netlist, Gold], str]] = {
    "transfer": _transfer,
    "voltage": _quantity,
    "current": _quantity,
    "nodal": _nodal,
}
