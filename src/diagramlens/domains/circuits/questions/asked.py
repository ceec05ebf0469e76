"""What a kind of question is: subjects that it can be asked about, and the answer to one of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from diagramlens.domains.circuits.questions.circuit import Circuit
from diagramlens.domains.circuits.questions.working import Working
from diagramlens.domains.circuits.reduction import Reduction

Category = Literal["perception", "analysis", "design"]


@dataclass(frozen=True)
class Subject:
    """What one question is about, in names alone, so that the same can be asked of an edited circuit.

    `source` drives, `part` is what a voltage, current or impedance belongs to, positive at the node at place `plus`. `nodes` are numbers of
    nodes; `form` tells apart what else a kind knows; `design` is the part that a design chooses, and `value` what it puts in.
    """

    source: str = ""
    part: str = ""
    plus: int = 0
    nodes: tuple[str, ...] = ()
    form: str = ""
    design: str = ""
    value: str = ""


@dataclass(frozen=True)
class Asked:
    """A question before it has an id: the wordings to choose from, what fills their slots, and the answer.

    `notes` follow the prompt.
    """

    wordings: str
    slots: Mapping[str, str]
    answer: str
    gold: Mapping[str, object]
    notes: Sequence[str] = ()


Subjects = Callable[[Circuit, random.Random], Iterator[Subject | str]]
Answer = Callable[[Circuit, Subject], Asked | str]
Work = Callable[[Circuit, Subject], Working | None]
Reduce = Callable[[Circuit, Subject], Reduction | None]


@dataclass(frozen=True)
class Kind:
    """One kind of question.

    `subjects` yields in random order what can be asked about; `answer` solves one, for any circuit in which its names occur. Each may
    give a string instead: why there is no question. `wordings` holds prompts with slots, by the name that `Asked.wordings` chooses.
    `working` is what an analysis question can be worked out from, `reduction` how its circuit is joined step by step.
    """

    category: Category
    wordings: Mapping[str, Sequence[str]]
    subjects: Subjects
    answer: Answer
    working: Work | None = None
    reduction: Reduce | None = None
