"""Single edits of a block diagram, each the kind of slip that a reader makes: a sign misread, a wire followed to the wrong place.

Names and inputs stay, so that a question about the diagram can be asked of the edited one too; it need not be well posed.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

from diagramlens.domains.circuits.blocks.text import Block, BlockDiagram, Sum


def edits(diagram: BlockDiagram, rng: random.Random) -> Iterator[BlockDiagram]:
    """Diagrams that differ from this one by one edit, without end, in random order."""
    sorts = (_turn_sign, _leave_out, _move, _exchange)
    while True:
        edited = rng.choice(sorts)(diagram, rng)
        if edited is not None:
            yield edited


def _turn_sign(diagram: BlockDiagram, rng: random.Random) -> BlockDiagram | None:
    """A plus at a summing point for a minus."""
    if not diagram.sums:
        return None
    point = rng.choice(diagram.sums)
    place = rng.randrange(len(point.inputs))
    turned = tuple((-sign if k == place else sign, source) for k, (sign, source) in enumerate(point.inputs))
    return _with(diagram, Sum(point.name, turned))


def _leave_out(diagram: BlockDiagram, rng: random.Random) -> BlockDiagram | None:
    """A branch that does not arrive at its summing point."""
    wide = [point for point in diagram.sums if len(point.inputs) > 1]
    if not wide:
        return None
    point = rng.choice(wide)
    place = rng.randrange(len(point.inputs))
    return _with(diagram, Sum(point.name, point.inputs[:place] + point.inputs[place + 1 :]))


def _move(diagram: BlockDiagram, rng: random.Random) -> BlockDiagram | None:
    """A block or summing point that takes another signal than it does."""
    element = rng.choice(diagram.elements) if diagram.elements else None
    signal = rng.choice([*diagram.inputs, *(other.name for other in diagram.elements)])
    if isinstance(element, Block) and signal not in (element.source, element.name):
        return _with(diagram, replace(element, source=signal))
    if isinstance(element, Sum) and signal not in (element.name, *(source for _, source in element.inputs)):
        place = rng.randrange(len(element.inputs))
        moved = tuple((sign, signal if k == place else source) for k, (sign, source) in enumerate(element.inputs))
        return _with(diagram, Sum(element.name, moved))
    return None


def _exchange(diagram: BlockDiagram, rng: random.Random) -> BlockDiagram | None:
    """Two blocks in each other's places."""
    if len(diagram.blocks) < 2:
        return None
    first, second = rng.sample(diagram.blocks, 2)
    names = {first.name: second.name, second.name: first.name}

    def renamed(name: str) -> str:
        return names.get(name, name)

    elements: list[Block | Sum] = []
    for element in diagram.elements:
        if isinstance(element, Sum):
            elements.append(Sum(element.name, tuple((sign, renamed(source)) for sign, source in element.inputs)))
        else:
            value = {first.name: second.value, second.name: first.value}.get(element.name, element.value)
            elements.append(Block(renamed(element.name), renamed(element.source), value))
    return replace(diagram, elements=tuple(elements), shown=renamed(diagram.shown))


def _with(diagram: BlockDiagram, edited: Block | Sum) -> BlockDiagram:
    """The diagram with an element in place of the one of its name."""
    elements = tuple(edited if element.name == edited.name else element for element in diagram.elements)
    return replace(diagram, elements=elements)
