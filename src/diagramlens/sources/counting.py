"""Counting parts of a picture by the boxes that people drew: how many resistors are there?"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

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
# The same part with its bulk drawn, or with a wire running across it.
COUNTS_AS = {
    **{f"{kind}-{mark}": kind for kind in ("nmos", "pmos", "npn", "pnp") for mark in ("bulk", "cross")},
}
# Symbols of which it cannot be told whether they should be counted (potentiometers, halves of transformers, unlike things).
UNSURE = {
    "resistor2_3": "R",
    "inductor-3": "L",
    "capacitor-3": "C",
    "diff-amp": "opamp",
    "single-input-single-end-amp": "opamp",
}


def count_questions(identity: str, kinds: Sequence[str]) -> list[dict[str, object]]:
    """A question of the kind `count` for each kind of part that a picture shows, and for one that it does not.

    Without the last, no answer would ever be 0. Which kind that is depends on `identity`, the diagram's id. Kinds of which a doubtful
    symbol is in the picture are not asked for. `kinds` are those of all its objects.
    """
    counts = Counter(COUNTS_AS.get(kind, kind) for kind in kinds)
    doubtful = {UNSURE[kind] for kind in kinds if kind in UNSURE}
    askable = [kind for kind in COUNTED if kind not in doubtful]
    absent = [kind for kind in askable if not counts[kind]]
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
