"""Counting parts of a picture by the boxes that people drew: how many resistors are there?

A count is asked for only where it is certain: all that was marked in the picture could be read, and is known to be such a part or none.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from diagramlens.sources.vocabulary import Symbol

# Kind: its parts in the plural. Sources are left out: the boxes of CI2N call one round symbol or another voltage or current, and
# controlled sources either.
COUNTED = {
    "R": "resistors",
    "C": "capacitors",
    "L": "inductors",
    "diode": "diodes",
    "npn": "NPN transistors",
    "pnp": "PNP transistors",
    "nmos": "NMOS transistors",
    "pmos": "PMOS transistors",
    "opamp": "operational amplifiers",
    "ground": "ground symbols",
    "switch": "switches",
}


@dataclass(frozen=True)
class Doubt:
    """Why the parts of some `kinds` cannot be counted in a picture, and the label at which it was seen."""

    reason: str
    label: str
    kinds: frozenset[str]


def doubts_about(marked: Sequence[Symbol], lost: Sequence[Symbol] = (), disputed: Sequence[Symbol] = ()) -> list[Doubt]:
    """What of a picture cannot be counted. Of what is `marked`, the `disputed` are marked where others are; the `lost` were set aside.

    A symbol that may be a part of some kinds ends the counting of these, one that nobody knows the counting of all.
    """
    doubts = [Doubt("object set aside", symbol.kind, _kinds(symbol)) for symbol in lost]
    doubts += [Doubt("two labels in one place", symbol.kind, _kinds(symbol)) for symbol in disputed]
    for symbol in marked:
        if not symbol.certain:
            reason = "symbol may be counted or not" if symbol.known else "label is not known"
            doubts.append(Doubt(reason, symbol.kind, _kinds(symbol)))
    return [doubt for doubt in doubts if doubt.kinds]


def _kinds(symbol: Symbol) -> frozenset[str]:
    """The kinds of parts that are counted of which it may be one."""
    return symbol.counts.intersection(COUNTED) if symbol.known else frozenset(COUNTED)


def count_questions(
    identity: str, marked: Sequence[Symbol], doubts: Sequence[Doubt], looked_for: Collection[str] = tuple(COUNTED)
) -> list[dict[str, object]]:
    """A question of the kind `count` for each kind of part that a picture shows, and for one that it does not.

    Without the last, no answer would ever be 0. It is one of those that are `looked_for` in the data set; which depends on `identity`,
    the diagram's id. Kinds in doubt are not asked for.
    """
    counts = Counter(kind for symbol in marked if symbol.certain for kind in symbol.counts)
    doubtful = {kind for doubt in doubts for kind in doubt.kinds}
    askable = [kind for kind in COUNTED if kind not in doubtful]
    absent = [kind for kind in askable if not counts[kind] and kind in looked_for]
    asked = [kind for kind in askable if counts[kind]]
    if asked and absent:
        asked.append(random.Random(f"{identity} absent").choice(absent))
    return [
        {
            "kind": "count",
            "prompt": f"How many {COUNTED[kind]} does this circuit diagram show? Answer with a number.",
            "answer": str(counts[kind]),
            "gold": {"count": counts[kind]},
        }
        for kind in asked
    ]
