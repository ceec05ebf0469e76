"""Which parts carry marks in the picture besides those that their circuit needs: + and - for a voltage, an arrow for a current.

They have no name, as the mark on an output has none: `v1` and `i1` are what controlled sources refer to.
"""

from __future__ import annotations

import random
from dataclasses import replace

from diagramlens.domains.circuits.layout import Layout
from diagramlens.domains.circuits.recipe import Marks
from diagramlens.domains.circuits.scene import Segment

_PASSIVE = "RLC"


def marked(layout: Layout, shares: Marks, rng: random.Random) -> Layout:
    """The circuit with that share of its unmarked R, L and C marked: a voltage as `vo`, a current as `io`.

    Half of the parts that bore no mark are turned round: their + lies to the right or below, or their arrow points to the left or up.
    """
    return replace(layout, segments=tuple(_marked(part, shares, rng) for part in layout.segments))


def _marked(part: Segment, shares: Marks, rng: random.Random) -> Segment:
    if part.kind not in _PASSIVE:
        return part
    bare = not (part.voltage or part.current)
    voltage = part.voltage or ("vo" if rng.random() < shares.voltage else "")
    current = part.current or ("io" if rng.random() < shares.current else "")
    turned = bare and bool(voltage or current) and rng.random() < 0.5
    start, end = (part.end, part.start) if turned else (part.start, part.end)
    return replace(part, start=start, end=end, voltage=voltage, current=current)
