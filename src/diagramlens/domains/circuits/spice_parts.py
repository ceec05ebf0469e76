"""Lines of parts as LTspice, KiCad and ngspice write them, brought to the form that `parse_netlist` reads.

What changes the circuit and has no place in that form (a series resistance behind a source, a multiplier, an expression) is refused by its
word; what changes nothing (a rating, an initial condition, a waveform) is passed over, and kept for a note.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from diagramlens.domains.circuits.netlist import (
    CURRENT_CONTROLLED,
    GROUND,
    MODELS,
    NODE_COUNTS,
    SOURCES,
    TRANSISTORS,
    NetlistError,
    node_named,
    short,
    split_statement,
    value_of,
)
from diagramlens.domains.circuits.source_words import source_words
from diagramlens.domains.circuits.spice_directives import Directives
from diagramlens.domains.circuits.spice_numbers import respelt

_WORDS = re.compile(r'(?:"[^"]*"|[^\s"])+|"')
_SPACED = re.compile(r"\s*([=,])\s*")
_PARAMETER = re.compile(r"([A-Za-z]\w*)=(.+)")
_EXPRESSIONS = re.compile(r"(?:value|poly|table|laplace|freq)(?:[=({].*)?", re.IGNORECASE)
# Ratings, tolerances, makers, temperatures (which act through `tc` alone, which is refused) and initial conditions.
_IDLE = {
    "R": {"tol", "pwr", "temp", "dtemp", "noisy", "mfg", "pn", "type"},
    "C": {"tol", "temp", "dtemp", "mfg", "pn", "type", "ic", "v", "irms"},
    "L": {"tol", "temp", "dtemp", "mfg", "pn", "type", "ic", "ipk"},
}
# Parts of their own in series or in parallel, which are not there where they are 0.
_PARASITIC = {"rser", "lser", "cpar"}
# Kinds whose value is a number in SPICE: a name there is a library's default (`R1 a b R`), or of another thing (`LED1 a b LED`).
_VALUED = "RLC"
_NAME = re.compile(r"[A-Za-z]\w*")
_IDLE_WORDS = {"noiseless", "off"}
_COMMENTS = ("$", "//")
_CALLED = "§"  # newer LTspice writes X§U1 for a part U1 that its letter was put before


@dataclass
class Passed:
    """What was passed over or respelt in the lines of parts, in their order."""

    parameters: list[str] = field(default_factory=list)
    waveforms: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    symbols: list[str] = field(default_factory=list)


def plain_parts(lines: Sequence[str], directives: Directives) -> tuple[list[str], Passed]:
    """The lines of parts as `parse_netlist` reads them, comments left empty, and what was passed over. Raises NetlistError."""
    passed = Passed()
    names = [words[0].replace(_CALLED, "") for words in map(str.split, lines) if words]
    sources = {name.lower(): name for name in names if name[:1] in ("V", "v")}
    plain = []
    for number, line in enumerate(lines, start=1):
        statement, semicolon, hints = line.partition(";")
        words = _words(statement)
        if words and words[0][0] in "*#":
            plain.append("")
            continue
        if words and words[0][0].upper() in NODE_COUNTS:
            try:
                statement = " ".join(_plain(words, sources, directives, passed))
            except NetlistError as error:
                raise NetlistError(f"line {number}: {error}") from None
        plain.append(statement + semicolon + hints)
    return plain, passed


def _words(statement: str) -> list[str]:
    """The words of a line; what stands in quotation marks is one word with what it touches, and a comment behind `$` is none."""
    if '"' in statement or "=" in statement:
        statement = _SPACED.sub(r"\1", statement) if "=" in statement else statement
        words = _WORDS.findall(statement)
    else:
        words = statement.split()
    end = next((place for place, word in enumerate(words) if place and word in _COMMENTS), len(words))
    return words[:end]


def _plain(words: list[str], sources: Mapping[str, str], directives: Directives, passed: Passed) -> list[str]:
    name = words[0]
    if _CALLED in name:
        name = name.replace(_CALLED, "")
        passed.names.append(f"{words[0]} is called {name}")
    kind = name[0].upper()
    head, tail = split_statement([name, *map(_unquoted, words[1:])])
    if kind in TRANSISTORS:
        head, tail = _typed(kind, [*head, *tail], directives, passed)
    if kind in "EG":
        _refuse_expression(name, head[3:4])
    if kind in CURRENT_CONTROLLED and len(head) > 3:
        head[3] = head[3] if head[3] in sources.values() else sources.get(head[3].lower(), head[3])
    if kind in SOURCES:
        found = source_words(tail)
        tail = [*found.values, *found.others]
        if found.waveform:
            passed.waveforms.append(f"{name} {found.waveform}")
        strange = [word for word in found.others if "=" not in word]
        if strange:
            raise NetlistError(f"{name} takes 2 nodes and one value, found also {short(' '.join(strange))}")
    idle = [word for word in tail if _is_idle(kind, word)]
    if idle:
        passed.parameters.append(" ".join([name, *idle]))
    return [*head, *_values(name, (word for word in tail if word not in idle), directives, passed)]


def _unquoted(word: str) -> str:
    inner = word[1:-1]
    return inner if len(word) > 2 and word[0] == word[-1] == '"' and not re.search(r'[\s"]', inner) else word


def _typed(kind: str, words: list[str], directives: Directives, passed: Passed) -> tuple[list[str], list[str]]:
    """A transistor's words with its type in place of its model's name, and without a substrate at ground."""
    for place, word in enumerate(words):
        known = directives.models.get(word.lower())
        if place > NODE_COUNTS[kind] and known in MODELS[kind]:
            words = [*words[:place], known, *words[place + 1 :]]
            break
    head, tail = split_statement(words)
    if kind == "Q" and len(head) == NODE_COUNTS[kind] + 3 and node_named(head[4]) == GROUND:
        passed.parameters.append(f"{head[0]} with its substrate at {head[4]}")
        del head[4]
    return head, tail


def _refuse_expression(name: str, words: Iterable[str]) -> None:
    for word in words:
        if _EXPRESSIONS.fullmatch(word):
            raise NetlistError(
                f"{name}: {short(word)} begins an expression, which is not read: write {name} n+ n- c+ c- gain"
            )


def _is_idle(kind: str, word: str) -> bool:
    found = _PARAMETER.fullmatch(word)
    if found is None:
        return word.lower() in _IDLE_WORDS
    name = found[1].lower()
    return kind in TRANSISTORS or name in _IDLE.get(kind, ()) or (name in _PARASITIC and _is_zero(found[2]))


def _is_zero(text: str) -> bool:
    try:
        return value_of(text) == 0
    except NetlistError:
        return False


def _values(name: str, words: Iterable[str], directives: Directives, passed: Passed) -> list[str]:
    values = []
    for word in words:
        if "=" in word:
            raise NetlistError(
                f"{name}: {short(word)} is not read, and may change the circuit: write what it stands for as parts of their own"
            )
        bare = word.removeprefix("{").removesuffix("}").lower()
        if bare in directives.models:
            raise NetlistError(f"{name}: the model {short(word)} is not read: write the value of {name}")
        if bare in directives.parameters:
            raise NetlistError(
                f"{name}: its value {short(word)} is set by {directives.parameters[bare]}, which is not read: write its number"
            )
        if name[0].upper() in _VALUED and _NAME.fullmatch(word) and word != name:
            passed.symbols.append(f"{name} {word}")
        values.append(respelt(word))
        if values[-1] != word:
            passed.values.append(f"{name} {word} is read as {values[-1]}")
    return values
