"""The netlist in an answer: names, nodes and kinds of parts; values, comments and what a source does in time decide nothing.

An answer may spell as it likes what is not compared: nodes `/in` or `"in"`, values `2k2` or `10 µF`, `SINE(0 1 1k)`, `Rser=50`, remarks
behind `;`, `#` or `//`; a transistor's type may stand in a line `.model`. A line that has more nodes than its part, or too few, is a fault
all the same.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from diagramlens.domains.circuits.hint_words import behind_semicolons
from diagramlens.domains.circuits.netlist import (
    CURRENT_CONTROLLED,
    MODELS,
    NODE_COUNTS,
    SOURCES,
    Netlist,
    NetlistError,
    Part,
    is_node_name,
    parse_netlist,
    split_statement,
)
from diagramlens.domains.circuits.source_words import source_words
from diagramlens.domains.circuits.spice_directives import models_of

MAX_CHARACTERS = 20_000
MAX_PARTS = 200
MAX_LINES = 400

# What is taken for a part's name in an answer: letters with a number, a wire, a supply. Names that are asked for are, however they look.
_NAME = re.compile(r"[A-Za-z]{1,3}\d\w*|W|V(?:DD|CC|SS|EE)")
_MARK = re.compile(r"\A(?:[-*•]\s+|\d+[.)]\s+)")
_STAR = "*"
# Behind the nodes, a word of these begins a remark; so does one without a letter or a digit.
_REMARK = re.compile(r"[#(\[<]|//")
# What may stand behind a value: its unit, or a frequency, a power, a phase or a tolerance, which no node is called.
_UNIT = re.compile(
    r"(?:meg|[fpnuµμmkgt])?(?:ohms?|Ω|Ω|farads?|f|henr(?:y|ies|ys)|h|v(?:olts?|dc|ac|pp|rms)?|a(?:mp(?:ere)?s?)?|s(?:iemens)?|hz|deg|°|%|)[,.]?"
    r"|[\d./]+(?:meg|[mukg])?(?:hz|w|v|deg|°|%)",
    re.IGNORECASE,
)


def read_netlist_answer(text: str, known: Collection[str]) -> tuple[Netlist, str]:
    """The parts of an answer, and what was wrong with the first line that looks like a part but is none ("" where nothing was).

    Lines of parts begin with a name: one of `known`, or one that looks like a part's. Other lines are passed over, and all behind `.end`.
    Values are left out. Where there is a fault, the parts of the other lines are read each by itself; of too long a text, none.
    """
    if len(text) > MAX_CHARACTERS:
        return Netlist(()), f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read"
    models = models_of(text.splitlines())
    lines = [_bare(line, models) for line in behind_semicolons(_lines_of_parts(text, known))[0]]
    try:
        return parse_netlist("\n".join(lines), limit=MAX_PARTS), ""
    except NetlistError as error:
        fault = str(error)
    parts: dict[str, Part] = {}
    for number, line in enumerate(lines[:MAX_LINES]):
        try:
            part = parse_netlist(line).parts[0]
        except NetlistError:
            continue
        # Wires may share a name; of two other parts with one name the first stays.
        parts.setdefault(f"{part.name} {number}" if part.kind == "W" else part.name, part)
    return Netlist(tuple(parts.values())[:MAX_PARTS]), fault


def _lines_of_parts(text: str, known: Collection[str]) -> list[str]:
    """The lines that look like parts, each with what the lines below it continue by `+`.

    A star marks the items of a list where all of them have one; else what stands behind it is a comment.
    """
    found: list[tuple[bool, str]] = []
    for line in text.splitlines():
        line = line.strip().strip("`").strip()
        if line.lower() == ".end":
            break
        plain = _MARK.sub("", line)
        more = plain[1:].strip() if plain.startswith("+") else ""
        if _looks_like_part(more or plain, known):
            found.append((line.startswith(_STAR), more or plain))
        elif more and found:
            starred, before = found.pop()
            found.append((starred, f"{before.partition(';')[0]} {more}"))
    unmarked = [line for starred, line in found if not starred]
    return unmarked or [line for _, line in found]


def _looks_like_part(line: str, known: Collection[str]) -> bool:
    first, *rest = line.split(maxsplit=1) or [""]
    if rest and rest[0][0] in "=:":
        return False  # a list of values: R1 = 2k
    return first in known or (_NAME.fullmatch(first) is not None and bool(rest))


def _bare(line: str, models: Mapping[str, str]) -> str:
    """A part's line without its value, its nodes in names that can be read; a line of more values than one is left as it is."""
    statement, semicolon, hints = line.partition(";")
    words = statement.split()
    kind = words[0][0].upper()
    if kind in MODELS:
        first = 1 + NODE_COUNTS[kind]
        words[first:] = [models.get(word.lower(), word) for word in words[first:]]
    head, tail = split_statement(words)
    if kind not in NODE_COUNTS or not _is_one_value(kind, tail):
        return line
    # Of F and H the last word is a part's name, and the words `opamp` and `npn` are read as they are.
    named = len(head) - (kind in CURRENT_CONTROLLED and len(head) == 4)
    return " ".join([head[0], *map(_node, head[1:named]), *head[named:]]) + semicolon + hints


def _node(word: str) -> str:
    """A node's name as the text has it where it can be read, else without brackets and marks around it, else in hexadecimal digits."""
    if is_node_name(word):
        return word
    inner = word.strip("\"'`,()[]{}")
    if is_node_name(inner) or not any(map(str.isalnum, inner)):
        return inner or word
    return f"x{inner.encode('utf-8', 'surrogatepass').hex()}"


def _is_one_value(kind: str, tail: Sequence[str]) -> bool:
    """Whether what stands behind the nodes can be one value, or none, with what goes with it; wires and ports have none."""
    words = list(_before_remark(tail))
    if kind in SOURCES:
        found = source_words(words)
        words = [*found.values, *found.others]
    count, has_number = 0, False
    for word in words:
        if "=" in word or (has_number and _UNIT.fullmatch(word)):
            continue
        count, has_number = count + 1, word.lstrip("+-.")[:1].isdecimal()
    return count <= (kind not in "WP")


def _before_remark(words: Iterable[str]) -> Iterable[str]:
    for word in words:
        if _REMARK.match(word) or not any(map(str.isalnum, word)):
            return
        yield word
