"""Lines of a netlist that begin with a dot: what they ask or set, and that the circuit does not depend on it.

Analyses are passed over without a word. Of the others those are passed over by name that change no part; of `.model` the type is known to
the transistors that use it, and of `.param`, `.step` and `.func` the names, since a value that is one of them is not what it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from diagramlens.domains.circuits.netlist import NetlistError

_ANALYSIS = re.compile(r"\.(?:title|op|ac|dc|tran|tf|noise|sens|pz|disto|four(?:ier)?)")
_WITHOUT_EFFECT = re.compile(
    r"\.(?:backanno|ferret|global|ic|inc|incl|include|lib|loadbias|machine|meas|measure|net|nodeset|opt|options?|plot|print|probe|save"
    r"|savebias|temp|text|wave|width)"
)
_NAMING = re.compile(r"\.(?:csparam|func|params?|parameters?|step)")
_BLOCKS = {".control": ".endc", ".subckt": ".ends"}
_MODEL = re.compile(r"\.model\s+(\S+?)\s*[\s(]\s*([A-Za-z]\w*)", re.IGNORECASE)
_SET_NAME = re.compile(r"([A-Za-z_]\w*)\s*(?:\([^()]*\)\s*)?=")
_STEPPED_NAME = re.compile(r"\.step\s+(?:(?:dec|oct|lin)\s+)?param\s+([A-Za-z_]\w*)", re.IGNORECASE)


@dataclass
class Directives:
    """What the directives of a text say: types of models and names of parameters (small letters), and those passed over by name."""

    models: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)


def read_directives(lines: Sequence[str]) -> tuple[list[str], Directives]:
    """The lines up to `.end` with directives left empty, and what they say. Raises NetlistError for one that may change the circuit."""
    found = Directives()
    kept: list[str] = []
    numbered = iter(enumerate(lines, start=1))
    for number, line in numbered:
        word = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        if word == ".end":
            break
        if not word.startswith("."):
            kept.append(line)
            continue
        kept.append("")
        if word in _BLOCKS:
            kept += [""] * _block_length(word, number, numbered)
        else:
            _read_directive(word, line.strip(), number, found)
        if not _ANALYSIS.fullmatch(word):
            found.passed.append(line.strip())
    return kept, found


def models_of(lines: Iterable[str]) -> dict[str, str]:
    """The types of the models that `.model` lines define, by name; both in small letters, and the first of each name."""
    found: dict[str, str] = {}
    for line in lines:
        model = _MODEL.match(line.strip())
        if model is not None:
            found.setdefault(model[1].lower(), model[2].lower())
    return found


def _block_length(word: str, number: int, following: Iterable[tuple[int, str]]) -> int:
    """How many lines a block has below its first, taken from those that follow; blocks of one kind stand within each other."""
    depth = 1
    for place, line in following:
        here = line.split(maxsplit=1)[0].lower() if line.strip() else ""
        depth += (here == word) - (here == _BLOCKS[word])
        if not depth:
            return place - number
    raise NetlistError(f"line {number}: {word!r} has no end; it ends in a line {_BLOCKS[word]}")


def _read_directive(word: str, line: str, number: int, found: Directives) -> None:
    if word == ".model":
        for name, kind in models_of([line]).items():
            found.models.setdefault(name, kind)
    elif _NAMING.fullmatch(word):
        stepped = _STEPPED_NAME.match(line)
        for name in [stepped[1]] if stepped else _SET_NAME.findall(line) or line.split()[1:2]:
            found.parameters.setdefault(name.lower(), f"{word} in line {number}")
    elif not (_ANALYSIS.fullmatch(word) or _WITHOUT_EFFECT.fullmatch(word)):
        raise NetlistError(
            f"line {number}: directive {word!r} is not supported; write the circuit's parts out, one a line"
        )
