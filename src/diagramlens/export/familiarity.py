"""Whether a picture is like those a model was trained on, by how sure the model is of what it reads there.

The measure is the log-likelihood that the model expects of a token, on average over its own greedy answer to one fixed question: among
those that are asked of many of the validation pictures, and so can be put to any, the one with the longest answers. Whatever is asked
besides, it is this reading that tells: the default model's netlists of 240 circuits drawn by another program all lay below the
threshold, but of its answers how many parts there are two thirds, and of its voltages and transfer functions one in ten. The log-likelihood
of the very tokens that it writes tells nearly as well, but of a blank picture it writes a wire or two as surely as any netlist (83 % below,
for 96 %).

The threshold is a quantile of the validation pictures: one in fifty of them lies below. `FILE` beside the weights keeps question and
threshold, so that whoever has the folder can ask.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

from diagramlens.records import DiagramLensError, Question

FILE = "familiarity.json"
# Of the pictures that a model is familiar with, the share that it is told to be unfamiliar with.
SHARE = 0.02
# Pictures that a question must have been asked of: of fewer, none lies below a quantile of one in fifty.
FEWEST = math.ceil(1 / SHARE) - 1
# An answer may be so much longer than the longest right one: whoever reads on and on is lost.
_ROOM = 1.25


class FamiliarityError(DiagramLensError):
    """A file beside a model that is not what the merge stage writes."""


@dataclass(frozen=True)
class Familiarity:
    """A question that can be put to any picture, and the likelihood below which the model's answer says that the picture is unlike others.

    `threshold` is in nats a token. `share` of the `pictures` on which it was measured lie below it.
    """

    prompt: str
    max_new_tokens: int
    threshold: float
    share: float
    pictures: int

    def is_unlike(self, likelihood: float) -> bool:
        """Whether an answer of that log-likelihood tells of a picture unlike the others. What is no number is not familiar."""
        return not likelihood >= self.threshold


def reading_question(questions: Sequence[Question]) -> list[Question]:
    """The rows that ask the one question by which pictures are told apart; none where no question is asked of enough pictures.

    Equal rows give equal questions, whatever their order.
    """
    asked: dict[str, list[Question]] = defaultdict(list)
    for question in questions:
        if question.diagram_id:
            asked[question.prompt].append(question)
    often = {prompt: rows for prompt, rows in asked.items() if len({row.diagram_id for row in rows}) >= FEWEST}
    if not often:
        return []
    return often[max(often, key=lambda prompt: (fmean(len(row.answer) for row in often[prompt]), prompt))]


def longest_reading(tokens: Sequence[int]) -> int:
    """Tokens that an answer may have, from the numbers of tokens of right ones."""
    return math.ceil(max(tokens) * _ROOM)


def calibrated(prompt: str, max_new_tokens: int, likelihoods: Sequence[float]) -> Familiarity:
    """The threshold below which a picture like these is told to be unlike them once in fifty times.

    Of n values the k-th lowest has k / (n + 1) of all pictures like them below it (split conformal prediction, arXiv:2107.07511). Rounded
    down, to what is the same on every machine. Raises FamiliarityError for fewer pictures than FEWEST.
    """
    rank = math.floor(SHARE * (len(likelihoods) + 1))
    if rank < 1:
        raise FamiliarityError(f"{len(likelihoods)} pictures: at least {FEWEST} tell what one in fifty is like")
    threshold = math.floor(sorted(likelihoods)[rank - 1] * 1000) / 1000
    return Familiarity(prompt, max_new_tokens, threshold, SHARE, len(likelihoods))


def write_familiarity(folder: Path, familiarity: Familiarity) -> None:
    """Write `FILE` beside the weights."""
    text = json.dumps(asdict(familiarity), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    (folder / FILE).write_text(text, encoding="utf-8")


def read_familiarity(folder: Path) -> Familiarity | None:
    """What the folder says of itself; None where it says nothing. Raises FamiliarityError for a file of another form."""
    path = folder / FILE
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        found = Familiarity(
            str(said["prompt"]),
            int(said["max_new_tokens"]),
            float(said["threshold"]),
            float(said["share"]),
            int(said["pictures"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise FamiliarityError(
            f"{path}: not what the merge stage writes ({error}); remove it, or merge again"
        ) from error
    if found.max_new_tokens < 1:
        raise FamiliarityError(
            f"{path}: max_new_tokens = {found.max_new_tokens}: at least 1; remove it, or merge again"
        )
    return found
