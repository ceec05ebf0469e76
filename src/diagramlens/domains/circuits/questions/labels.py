"""What is printed beside the parts of a drawing, and what the parts are called where their names are not.

A part without the hint `l=…` is labelled by its name. With the hint, its label is a value (`l=2.2 kΩ`), or a name and a value
(`l=R3 2.2 kΩ`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from diagramlens.domains.circuits.netlist import Netlist, Part


def shows_name(part: Part) -> bool:
    """Whether a part's name is printed beside it."""
    label = _label(part)
    return label is None or part.name in label.replace("=", " ").split()


def shows_value(part: Part) -> bool:
    """Whether a part's value is printed beside it."""
    label = _label(part)
    return label is not None and label.replace("=", " ").split() != [part.name]


def _label(part: Part) -> str | None:
    return next((hint[2:].strip() for hint in part.hints if hint.startswith("l=")), None)


def number_the_nameless(drawn: Netlist) -> tuple[Netlist, tuple[str, ...]]:
    """The circuit with the parts whose names are not printed renamed in reading order, and their names.

    Each gets its kind's letter and the first number that is still free: R1, R2, … where none is printed.
    """
    nameless = [part for part in drawn.parts if part.kind != "W" and not shows_name(part)]
    taken = {part.name for part in drawn.parts} - {part.name for part in nameless}
    new: dict[str, str] = {}
    for part in nameless:
        number = 1
        while f"{part.kind}{number}" in taken:
            number += 1
        new[part.name] = f"{part.kind}{number}"
        taken.add(new[part.name])
    if not new:
        return drawn, ()
    return replace(drawn, parts=tuple(_renamed(part, new) for part in drawn.parts)), tuple(new.values())


def _renamed(part: Part, new: Mapping[str, str]) -> Part:
    if part.kind == "W":
        return part
    control = None if part.control is None else new.get(part.control, part.control)
    return replace(part, name=new.get(part.name, part.name), control=control)
