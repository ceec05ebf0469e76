"""Questions that came with a data set: of which kind each is, and its answer as the gold that the grader of that kind reads.

A gold is taken only where the grader can judge by it. Everything else (derivations, prose, matrices, plots) waits: it is counted by its
reason and costs nothing. Where the netlist is known, golds are derived again by the exact solver, and the verdict is part of the report.

A published answer is SymPy's text, in which a product always has its `*`: `Vn2(s)` is the function Vn2 of s, never Vn2 times s.
A transfer function of a block diagram may be written in such functions, `G1(s)/(1 + G1(s)*H1(s))`, for blocks are called so.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from diagramlens.domains.circuits.netlist import (
    OPAMP,
    TURNED_BY_LCAPY,
    Netlist,
    NetlistError,
    format_netlist,
)
from diagramlens.domains.circuits.node_voltage import MAX_SOLVED_PARTS, node_voltage_forms
from diagramlens.domains.circuits.solve import (
    SolveError,
    symbol_of,
    symbols_of,
    transfer_across,
    transfer_text,
)
from diagramlens.grading.answers import grade
from diagramlens.grading.counts import NUMBER_WORDS
from diagramlens.grading.expressions import parse_expression, same_expression
from diagramlens.grading.quantities import QuantityError, parse_quantity
from diagramlens.grading.tokens import ExpressionError
from diagramlens.records import DiagramLensError
from diagramlens.sources.choices import read_choices
from diagramlens.sources.ledger import ItemError, Ledger
from diagramlens.sources.truths import Truth

CONFIRMED, CONTRADICTED, UNCHECKED = "confirmed", "contradicted", "unchecked"
MAX_QUANTITY_CHARACTERS = 40
"""A longer answer is a derivation, of which the last number may be anything."""

_FROM_TO = re.compile(r"\btransfer function from (\w+) to (\w+)", re.IGNORECASE)
_IMPEDANCE = re.compile(
    r"\b(?:input|output|equivalent|total|th[eé]venin|driving[- ]point)\b[\w\s-]{0,40}\b(?:impedance|resistance)\b",
    re.IGNORECASE,
)
_GAIN = re.compile(r"\b(?:(DC|low[- ]frequency)|high[- ]frequency)\b[\w\s-]{0,20}\bgain\b", re.IGNORECASE)
_COUNT = re.compile(r"\bhow many\b|\bnumber of\b|\bcount the\b", re.IGNORECASE)
_NODAL = re.compile(r"\bnodal equation|\b(?:equation|solution) for the\b|\bs-domain\b", re.IGNORECASE)
_STATED_UNKNOWN = re.compile(r"\bequation\s+([A-Za-z]\w*)\s*\(\s*s\s*\)\s*=", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_]\w*")
_FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\s*\(\s*s\s*\)")
_MATHEMATICAL = re.compile(r"exp|log|ln|sqrt|Abs|re|im|arg|sign|Heaviside|DiracDelta|gamma|erf|a?(?:sin|cos|tan)h?")
# Two things side by side, and a number with a prefix (`1k`, `4k7`): both would be read as products.
_NO_FORMULA = re.compile(r"\w\(|\)\w|\)\(|(?<!\w)[0-9][0-9.]*(?:meg|[fpnumkKMGTR])[0-9]*(?!\w)")
_KIND_OF_UNIT = {"V": "voltage", "A": "current", "W": "power"}
_KIND_OF_WORDS = {
    "Hz": ("cutoff", re.compile(r"\bcut-?\s?off|\bcorner frequency|3\s?-?dB", re.IGNORECASE)),
    "s": ("time_constant", re.compile(r"\btime constant", re.IGNORECASE)),
}
_REFUSED = "the grader does not take the answer for right"
EXPRESSIONS = ("transfer", "impedance", "dc_gain", "hf_gain")


@dataclass(frozen=True)
class ForeignQuestion:
    """A question that can be graded, and whether the netlist confirms its gold: CONFIRMED, CONTRADICTED or UNCHECKED, with a detail.

    `truth` is the netlist under which it was confirmed; it differs from the given one where the answer takes op-amps as ideal.
    """

    kind: str
    prompt: str
    answer: str
    gold: Mapping[str, Any]
    verdict: str = UNCHECKED
    detail: str = ""
    truth: Truth | None = None

    def record(self) -> dict[str, object]:
        """The question as a diagram's row carries it."""
        return {"kind": self.kind, "prompt": self.prompt, "answer": self.answer, "gold": self.gold}


def kind_of(question: str, answer: str = "", *, has_choices: bool = False, design: bool = False) -> str:
    """The kind of a question by its words, and by its answer's unit where that is a quantity; `open` where no grader judges it.

    `design`: the question is of a part that asks to choose values.
    """
    if has_choices:
        return "choice"
    if _FROM_TO.search(question) or "transfer function" in question.lower():
        return "transfer"
    unit = _unit_of(answer)
    if unit is not None and design:
        return "design"
    if _IMPEDANCE.search(question):
        return "impedance"
    gain = _GAIN.search(question)
    if gain is not None:
        return "dc_gain" if gain[1] else "hf_gain"
    if _COUNT.search(question):
        return "count"
    if unit in _KIND_OF_UNIT:
        return _KIND_OF_UNIT[unit]
    if unit in _KIND_OF_WORDS and _KIND_OF_WORDS[unit][1].search(question):
        return _KIND_OF_WORDS[unit][0]
    return "nodal" if _NODAL.search(question) else "open"


def read_question(
    question: str, answer: str, truth: Truth, *, listed: str | None = None, design: bool = False
) -> ForeignQuestion:
    """The question with its gold; `listed` is the text of its choices. Raises ItemError, with the reason, for one that must wait.

    One whose own grader does not take the answer for right waits too: nobody could ever be right about it.
    """
    found = _with_gold(question, answer, truth, listed, design)
    try:
        graded = grade(found.kind, found.gold, found.answer, found.answer)
    except DiagramLensError as error:
        raise ItemError(_REFUSED, str(error), damage=False) from None
    if not graded.correct:
        raise ItemError(_REFUSED, f"{answer[:60]}: {graded.reason}", damage=False)
    return found


def _with_gold(question: str, answer: str, truth: Truth, listed: str | None, design: bool) -> ForeignQuestion:
    kind = kind_of(question, answer, has_choices=listed is not None, design=design)
    if listed is not None:
        return _choice(question, answer, listed, kind_of(question, design=design))
    if kind == "nodal":
        return _nodal(question, answer, truth)
    if kind in EXPRESSIONS:
        return _expression(kind, question, answer, truth)
    if kind == "count":
        return ForeignQuestion(kind, question, answer, {"count": _whole_number(answer)})
    if kind == "open":
        raise ItemError("no grader for open questions", question[:60], damage=False)
    quantity = parse_quantity(answer)
    return ForeignQuestion(kind, question, answer, {"value": str(quantity.value), "unit": quantity.unit})


def count_question(ledger: Ledger, found: ForeignQuestion, path: str) -> None:
    """Count a question that is taken, and what the solver says of its gold."""
    ledger.questions[found.kind] += 1
    ledger.golds[found.verdict] += 1
    if found.verdict != CONFIRMED:
        ledger.note(f"gold {found.verdict}", path, found.detail)


def _unit_of(answer: str) -> str | None:
    if len(answer) > MAX_QUANTITY_CHARACTERS:
        return None
    try:
        return parse_quantity(answer).unit
    except QuantityError:
        return None


def _whole_number(answer: str) -> int:
    text = answer.strip().rstrip(".").lower()
    if text in NUMBER_WORDS:
        return NUMBER_WORDS.index(text)
    if re.fullmatch(r"[0-9]{1,4}", text):
        return int(text)
    raise ItemError("count gold is no whole number", answer[:60], damage=False)


def _choice(question: str, answer: str, listed: str, kind: str) -> ForeignQuestion:
    choices = read_choices(listed, answer)
    shown = all(text in question for text in choices.texts)
    prompt = question if shown else f"{question}\n{choices.lines}"
    gold = {"letter": choices.letter, "choices": list(choices.texts), "of": kind}
    return ForeignQuestion("choice", prompt, choices.letter, gold)


# --- Expressions ----------------------------------------------------------------------------------------------------------------------


def _expression(kind: str, question: str, answer: str, truth: Truth) -> ForeignQuestion:
    """A transfer function, impedance or gain; a transfer function between named parts is derived again where that is possible."""
    names = symbols_of(truth.netlist) if truth.netlist is not None else []
    text, functions = _right_hand_side(kind, answer, names)
    names = names or sorted({"s", *_NAME.findall(text)})
    gold = {"numerator": text, "denominator": "1", "names": names, "expression": answer, "checked": False}
    if functions:
        gold["functions"] = functions
    if truth.netlist is not None:
        gold["netlist"] = truth.text
    asked = _FROM_TO.search(question)
    unchecked = ForeignQuestion(kind, question, answer, gold)
    if kind != "transfer" or truth.netlist is None or asked is None:
        return replace(unchecked, detail="no netlist" if truth.netlist is None else "the question names no parts")
    return _checked_transfer(unchecked, truth, truth.netlist, asked[1], asked[2])


def _checked_transfer(
    found: ForeignQuestion, truth: Truth, netlist: Netlist, source: str, across: str
) -> ForeignQuestion:
    """The question with the solver's verdict, on an answer in the parts' names or in their values.

    An answer that is right for ideal op-amps is confirmed, and the truth becomes that.
    """
    text, names = found.gold["numerator"], found.gold["names"]
    contradiction = ""
    try:
        output = netlist.part(across)
        # The tree's first node is positive; of a current source that is our second, as its ends were swapped on reading.
        plus = 1 if output.kind in TURNED_BY_LCAPY else 0
        polarity = {"positive": output.nodes[plus], "negative": output.nodes[1 - plus]}
        found = replace(found, gold={**found.gold, "source": source, "across": across, "plus": plus, **polarity})
        if len(netlist.parts) > MAX_SOLVED_PARTS:
            return replace(found, detail=f"more than {MAX_SOLVED_PARTS} parts")
        for candidate, symbols in product(_with_ideal_opamps(truth, netlist), (True, False)):
            assert candidate.netlist is not None
            solved = transfer_across(candidate.netlist, source, across, plus=plus, symbols=symbols)
            if same_expression(transfer_text(solved), text, names).correct:
                exact = {"numerator": solved.numerator, "denominator": solved.denominator, "checked": True}
                gold = {**found.gold, **exact, "netlist": candidate.text}
                return replace(found, gold=gold, verdict=CONFIRMED, truth=candidate)
            contradiction = contradiction or f"{text[:60]} against {transfer_text(solved)[:60]}"
    except (NetlistError, SolveError, ExpressionError) as error:
        if not contradiction:
            return replace(found, detail=str(error))
    return replace(found, verdict=CONTRADICTED, detail=contradiction)


def _with_ideal_opamps(truth: Truth, netlist: Netlist) -> list[Truth]:
    """The circuit as it is, and with infinite gain in place of the symbol of every op-amp: the limit that published answers take."""
    parts = tuple(replace(part, value=None) if part.model == OPAMP else part for part in netlist.parts)
    if parts == netlist.parts:
        return [truth]
    ideal = replace(netlist, parts=parts)
    return [truth, replace(truth, netlist=ideal, text=format_netlist(ideal))]


def _right_hand_side(kind: str, answer: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """The right-hand side of an answer that is one rational expression in these names (any, where there are none).

    The names in it that are written as functions of s follow; in the expression they stand alone. Raises ItemError.
    """
    reason = f"{kind} gold is no expression"
    text = answer.rpartition("=")[2].strip()
    functions = _functions_in(text, reason, of_blocks=kind == "transfer" and not names)
    text = _FUNCTION.sub(r"\1", text) if functions else text
    compact = re.sub(r"\s*([-+*/^()])\s*", r"\1", text)
    if not names and (not re.fullmatch(r"[\w.+\-*/^()]+", compact) or _NO_FORMULA.search(compact)):
        # Without a netlist the names are the answer's own words, and any sentence would be read as the product of its words.
        raise ItemError(
            reason, f"{text[:60]}: without a netlist, only names, numbers and + - * / ^ ( ) are read", damage=False
        )
    try:
        parse_expression(text, names or sorted({"s", *_NAME.findall(text)}))
    except ExpressionError as error:
        raise ItemError(reason, f"{text[:60]}: {error}", damage=False) from None
    return text, functions


def _functions_in(text: str, reason: str, *, of_blocks: bool) -> list[str]:
    """The names that a formula writes as functions of s, sorted; none where it has none. Raises ItemError where they are no blocks.

    A name that also stands alone is one symbol here and another there, and no answer could be told right from wrong.
    """
    functions = sorted({found[1] for found in _FUNCTION.finditer(text)} - {"s"})
    alone = set(_NAME.findall(_FUNCTION.sub(" ", text)))
    for name in functions:
        if not of_blocks or _MATHEMATICAL.fullmatch(name):
            raise ItemError(reason, f"{name}(s) is a function of s, not a part", damage=False)
        if name in alone:
            raise ItemError(reason, f"{name} stands alone and as {name}(s)", damage=False)
    return functions


# --- Equations ------------------------------------------------------------------------------------------------------------------------


def _nodal(question: str, answer: str, truth: Truth) -> ForeignQuestion:
    """An equation of node voltages or source currents; `Vn2(s) = …` of a known circuit is derived again by superposition."""
    reason = "nodal gold is no equation"
    sides = [side.strip() for side in answer.split("=")]
    stated = _STATED_UNKNOWN.search(question)
    if len(sides) == 1 and stated is not None:
        # What is learnt has to be what the grader takes: an equation.
        answer, sides = f"{stated[1]}(s) = {answer}", [f"{stated[1]}(s)", *sides]
    if len(sides) != 2:
        raise ItemError(reason, f"{answer[:60]}: expected one '='", damage=False)
    parts = truth.netlist.parts if truth.netlist is not None else ()
    known = {"s"} | {symbol_of(part) for part in parts if part.kind != "W"}
    functions = [found[1] for side in sides for found in _FUNCTION.finditer(side)]
    left, right = (_FUNCTION.sub(r"\1", side) for side in sides)
    alone = _NAME.fullmatch(left) is not None and left not in known
    if alone and stated is not None and stated[1].lower() == left.lower() and stated[1] != left:
        # The published questions write the unknown in lower case, their answers as SymPy has it: one spelling, the question's.
        answer = re.sub(rf"\b{re.escape(left)}\b", stated[1], answer)
        functions = [stated[1] if name == left else name for name in functions]
        left = stated[1]
    unknowns = sorted({name for name in functions if name not in known} | ({left} if alone else set()))
    if not unknowns:
        raise ItemError(reason, f"{answer[:60]}: it names no unknown such as Vn2(s)", damage=False)
    names = sorted(known | {name for name in functions if name not in unknowns})
    _check_sides(reason, (left, right), [*names, *unknowns])
    gold = {"left": left, "right": right, "names": names, "voltages": unknowns, "checked": False}
    found = ForeignQuestion("nodal", question, answer, gold)
    if truth.netlist is None or not alone or unknowns != [left]:
        return replace(found, detail="no solved node voltage of a known circuit")
    return _checked_node(found, truth.netlist)


def _check_sides(reason: str, sides: Sequence[str], names: Sequence[str]) -> None:
    for side in sides:
        try:
            parse_expression(side, names)
        except ExpressionError as error:
            raise ItemError(reason, f"{side[:60]}: {error}", damage=False) from None


def _checked_node(found: ForeignQuestion, netlist: Netlist) -> ForeignQuestion:
    """The question with the solver's verdict on a node voltage, all sources at work: each as its name, or as a step of it (over s)."""
    try:
        forms = node_voltage_forms(netlist, found.gold["left"])
        confirmed = any(same_expression(form, found.gold["right"], found.gold["names"]).correct for form in forms)
    except (NetlistError, SolveError, ExpressionError) as error:
        return replace(found, detail=str(error))
    if confirmed:
        return replace(found, gold={**found.gold, "checked": True}, verdict=CONFIRMED)
    return replace(found, verdict=CONTRADICTED, detail=f"{found.gold['right'][:60]} against {forms[0][:60]}")
