"""What blocks and signals are called, and which transfer functions are printed in the blocks."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

# Letters of the blocks in the row, on feedback branches and on feedforward branches.
_LETTERS = (("G", "H", "F"), ("G", "H", "F"), ("G", "H", "G"), ("G", "G", "G"), ("A", "B", "F"), ("P", "H", "F"))
_ENDS = (("R", "Y"), ("R", "Y"), ("R", "C"), ("U", "Y"), ("X", "Y"))
_OUTSIDE = ("D", "N", "W", "V", "Z", "Q", "E", "T")

_AHEAD = (
    "{a}",
    "{a}/s",
    "1/s",
    "{a}/(s+{b})",
    "{a}/(s+{b})",
    "1/(s+{b})",
    "(s+{a})/(s+{b})",
    "(s+{b})/s",
    "{a}/(s*(s+{b}))",
    "{c}/(s**2+{a}*s+{b})",
    "1/s**2",
    "0.{b}",
)
_BEHIND = ("{a}", "{b}", "0.{b}", "{a}*s", "0.{b}*s", "s+{a}", "1/(s+{a})", "{b}/(s+{a})", "{a}*s+1")
_GAINS = ("K", "K/s", "K/(s+{b})")


@dataclass(frozen=True)
class Called:
    """A block's name and, where one is printed, its transfer function."""

    name: str
    value: str | None


@dataclass(frozen=True)
class Names:
    """Names for everything in a plan; `blocks` in the order in which they were asked for."""

    blocks: tuple[Called, ...]
    source: str
    output: str
    outside: tuple[str, ...]


def sample_names(roles: Sequence[str], outside: int, rng: random.Random) -> Names:
    """Names for blocks by role (`ahead`, `back`, `forward`) and for so many inputs from outside.

    Half of all diagrams print names alone, a third a transfer function in every block, the rest in some of them.
    """
    letters = dict(zip(("ahead", "back", "forward"), rng.choice(_LETTERS), strict=True))
    kinds = [letters[role] for role in roles]
    # Numbers are shuffled: were they in reading order, a model could name blocks without reading their labels.
    numbers = {kind: rng.sample(range(1, kinds.count(kind) + 1), kinds.count(kind)) for kind in sorted(set(kinds))}
    bare = rng.random() < 0.4
    printed = rng.choices((0.0, 1.0, 0.6), weights=(50, 34, 16))[0]
    symbolic = rng.random() < 0.15
    blocks = []
    for role, kind in zip(roles, kinds, strict=True):
        name = kind if bare and kinds.count(kind) == 1 else f"{kind}{numbers[kind].pop()}"
        value = _value(role, symbolic, rng) if rng.random() < printed else None
        if value is not None and "K" in value:
            symbolic = False  # one gain to choose is enough
        blocks.append(Called(name, value))
    source, output = rng.choice(_ENDS)
    return Names(tuple(blocks), source, output, _OUTSIDE[:outside])


def _value(role: str, symbolic: bool, rng: random.Random) -> str:
    pool = _GAINS if symbolic and role == "ahead" else _AHEAD if role == "ahead" else _BEHIND
    first, second = rng.sample(range(2, 10), 2)
    return rng.choice(pool).format(a=first, b=second, c=rng.choice((1, first * second)))
