"""Questions about a block diagram, with exact answers: its text, counts, transfer functions, DC gains, poles and zeros.

As with circuits, an answer that needs no look at the picture teaches guessing, so gains of 0, 1 and -1 are not asked. What cannot
be asked is counted with its reason.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from diagramlens.domains.circuits.blocks.edits import edits
from diagramlens.domains.circuits.blocks.graph import forward_paths, loops
from diagramlens.domains.circuits.blocks.solving import closed_loop, gains_of
from diagramlens.domains.circuits.blocks.text import BlockDiagram, BlocksError, format_blocks, parse_blocks
from diagramlens.domains.circuits.blocks.values import LAPLACE
from diagramlens.domains.circuits.formula import Formula, Rational, transfer_text
from diagramlens.domains.circuits.questions.asked import Asked
from diagramlens.domains.circuits.questions.posing import Asking, Diagram, pose_each
from diagramlens.domains.circuits.questions.roots import root_text
from diagramlens.domains.circuits.questions.transfers import GUESSABLE
from diagramlens.domains.circuits.response import response_of
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.records import Question

# An expanded quotient that is longer is no answer that anybody would write down.
MAX_ANSWER = 400

_WORDINGS: Mapping[str, Sequence[str]] = {
    "netlist": (
        "Write this block diagram as text: its inputs, summing points, blocks and output, one a line, each with the signals that enter it.",
        "Trace this block diagram: which signals enter each summing point, with which sign, and which enter each block?",
        "List the elements of this block diagram from left to right, each with what enters it; summing points are S1, S2, …",
        "Read the block diagram and give its block list, with the transfer functions that are printed.",
    ),
    "count": (
        "How many {what} are there in this block diagram?",
        "Count the {what} in this block diagram.",
        "Give the number of {what} in this diagram.",
    ),
    "transfer": (
        "What is the transfer function from {source} to {output}?{terms}{others}",
        "Find {output}(s)/{source}(s) for this block diagram.{terms}{others}",
        "Reduce this block diagram to one transfer function from {source} to {output}.{terms}{others}",
        "Derive the transfer function of this control system from {source} to {output}.{terms}{others}",
    ),
    "dc_gain": (
        "What is the DC gain from {source} to {output}?{others}",
        "Find the value of {output}/{source} at s = 0.{others}",
        "Which gain does this control system have from {source} to {output} at direct current?{others}",
    ),
    "poles": (
        "What are the poles of the transfer function from {source} to {output}, in rad/s?{others}",
        "Find the poles of {output}(s)/{source}(s) for this control system.{others}",
        "Where in the s-plane are the poles of this system from {source} to {output}?{others}",
    ),
    "zeros": (
        "What are the finite zeros of the transfer function from {source} to {output}, in rad/s?{others}",
        "Find the finite zeros of {output}(s)/{source}(s) for this control system.{others}",
    ),
}


@dataclass(frozen=True)
class BlockSubject:
    """What one question is about, in names alone, so that the same can be asked of an edited diagram.

    `source` is the input, `printed` whether the transfer functions in the blocks are put in, `what` the thing that is counted.
    """

    source: str = ""
    printed: bool = False
    what: str = ""


@dataclass(frozen=True)
class PosedBlocks:
    """A question, and what it was made from: enough to ask the same of an edited diagram, or to work its answer out."""

    question: Question
    diagram: BlockDiagram
    subject: BlockSubject
    asked: Asked


def ask_blocks(
    diagram_id: str, group: str, level: int, truth: str, *, kinds: Mapping[str, int], seed: int
) -> tuple[list[Question], Counter[str]]:
    """The questions about one block diagram, up to `kinds[kind]` of each kind, and how many could not be asked, and why.

    Those of a kind depend on `seed`, `diagram_id` and the truth alone. A kind that block diagrams do not have counts as one that could
    not be asked. Raises BlocksError where the truth is no block diagram.
    """
    posed, skipped = pose_blocks(diagram_id, group, level, truth, kinds=kinds, seed=seed)
    return [one.question for one in posed], skipped


def pose_blocks(
    diagram_id: str, group: str, level: int, truth: str, *, kinds: Mapping[str, int], seed: int
) -> tuple[list[PosedBlocks], Counter[str]]:
    """As `ask_blocks`, each question with what it was made from."""
    diagram = parse_blocks(truth)
    asking = Asking(
        subjects=lambda kind, rng: _subjects(kind, diagram, rng),
        answer=lambda kind, subject: _answer(kind, diagram, subject),
        prompt=lambda _, asked, rng: rng.choice(_WORDINGS[asked.wordings]).format(**asked.slots),
    )
    posed, skipped = pose_each(Diagram(diagram_id, group, level), asking, kinds, seed)
    return [PosedBlocks(question, diagram, subject, asked) for question, subject, asked in posed], skipped


def near_misses_of_blocks(posed: PosedBlocks, rng: random.Random, *, most: int) -> Iterator[PosedBlocks]:
    """The same question answered for up to `most` diagrams that differ by one edit; some are right all the same."""
    for edited in islice(edits(posed.diagram, rng), most):
        asked = _answer(posed.question.kind, edited, posed.subject)
        if not isinstance(asked, str):
            yield replace(posed, diagram=edited, asked=asked)


def _subjects(kind: str, diagram: BlockDiagram, rng: random.Random) -> list[BlockSubject] | list[str]:
    """What can be asked about, in random order, or why nothing can."""
    if kind not in _WORDINGS:
        return ["not asked of block diagrams"]
    match kind:
        case "netlist":
            return [BlockSubject()]
        case "count":
            subjects = [BlockSubject(what=what) for what in _COUNTED]
        case "transfer":
            forms = (False, True) if any(block.value is not None for block in diagram.blocks) else (False,)
            subjects = [BlockSubject(source, printed) for source in diagram.inputs for printed in forms]
        case _:
            subjects = [BlockSubject(source, printed=True) for source in diagram.inputs]
    return rng.sample(subjects, len(subjects))


def _answer(kind: str, diagram: BlockDiagram, subject: BlockSubject) -> Asked | str:
    """The question and its answer, or why there is none."""
    match kind:
        case "netlist":
            text = format_blocks(diagram)
            return Asked("netlist", {}, text, {"blocks": text})
        case "count":
            return _count(diagram, subject.what)
    if kind != "transfer" and any(block.value is None for block in diagram.blocks):
        return "a block has no printed transfer function"
    try:
        solved = closed_loop(diagram, subject.source, values=subject.printed)
    except (BlocksError, SolveError):
        return "not well posed"
    match kind:
        case "transfer":
            return _expression(kind, diagram, subject, solved.rational())
        case "dc_gain":
            try:
                return _expression(kind, diagram, subject, solved.at_zero().rational())
            except SolveError:
                return "no finite gain"
        case _:
            return _roots(kind, diagram, subject, solved)


# --- Perception -------------------------------------------------------------------------------------------------------

_COUNTED: Mapping[str, Callable[[BlockDiagram], int]] = {
    "blocks": lambda diagram: len(diagram.blocks),
    "summing points": lambda diagram: len(diagram.sums),
    "inputs": lambda diagram: len(diagram.inputs),
    "minus signs at summing points": lambda diagram: sum(sign < 0 for _, _, sign in diagram.connections()),
    "loops": lambda diagram: len(loops(diagram)),
    "forward paths from {source} to {output}": lambda diagram: len(forward_paths(diagram, diagram.inputs[0])),
}


def _count(diagram: BlockDiagram, what: str) -> Asked | str:
    number = _COUNTED[what](diagram)
    if number == 0:
        return "only answers of zero"
    name = what.format(source=diagram.inputs[0], output=diagram.output)
    return Asked("count", {"what": name}, str(number), {"count": number, "what": name})


# --- Analysis ---------------------------------------------------------------------------------------------------------


def _expression(kind: str, diagram: BlockDiagram, subject: BlockSubject, result: Rational) -> Asked | str:
    answer = transfer_text(result)
    if answer in GUESSABLE:
        return "only answers of 0, 1 or -1"
    if len(answer) > MAX_ANSWER:
        return f"answers of over {MAX_ANSWER} characters"
    gold = {"numerator": result.numerator, "denominator": result.denominator} | _context(diagram, subject)
    return Asked(kind, _slots(diagram, subject), answer, gold)


def _roots(kind: str, diagram: BlockDiagram, subject: BlockSubject, solved: Formula) -> Asked | str:
    try:
        response = response_of(solved)
    except SolveError:
        return "a transfer function has a symbol in it"
    if not any(response.above):
        return "only answers of 0, 1 or -1"
    found = response.poles if kind == "poles" else response.zeros
    if not found:
        return f"a transfer function without {kind}"
    if all(root.real == root.imaginary == 0 for root in found):
        return "only answers of zero"
    gold = {"roots": [[str(root.real), str(root.imaginary)] for root in found], "unit": "rad/s"}
    answer = ", ".join(map(root_text, found))
    return Asked(kind, _slots(diagram, subject), answer, gold | _context(diagram, subject))


def _slots(diagram: BlockDiagram, subject: BlockSubject) -> dict[str, str]:
    """From where to where, what the answer is written in where the diagram leaves a choice, and that other inputs are zero."""
    printed = [block.value is not None for block in diagram.blocks]
    if not any(printed):
        terms = ""
    elif subject.printed:
        kept = "" if all(printed) else "; keep the other names"
        terms = f" Put in the transfer functions printed in the blocks{kept}."
    else:
        terms = " Write it in the names of the blocks."
    others = " All other inputs are zero." if len(diagram.inputs) > 1 else ""
    return {"source": subject.source, "output": diagram.output, "terms": terms, "others": others}


def _context(diagram: BlockDiagram, subject: BlockSubject) -> dict[str, object]:
    """What a gold says besides its result: the names that may occur, from where to where, the diagram, and what was put into it.

    `functions` are the names that stand for functions of s: those of blocks in whose place nothing was put.
    """
    unstated = [block.name for block in diagram.blocks if not subject.printed or block.value is None]
    return {
        "functions": sorted(unstated),
        "names": sorted((*gains_of(diagram, values=subject.printed).names, LAPLACE)),
        "source": subject.source,
        "output": diagram.output,
        "blocks": format_blocks(diagram),
        "printed": subject.printed,
    }
