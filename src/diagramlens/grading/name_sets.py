"""Which parts: a set of names out of an answer such as `C2, R1`, `$R_1$ and $C_2$`, or a sentence that names them."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from diagramlens.grading.final import MAX_CHARACTERS, last_box, single_blanks, unlisted
from diagramlens.grading.tokens import plain, short
from diagramlens.grading.verdict import Verdict

MAX_NAMES = 200

_SEPARATORS = re.compile(r"\s*(?:[,;&\n/]|\band\b|\+)\s*", re.IGNORECASE)
_ONE_NAME = re.compile(r"[A-Za-z]\w*")
# In a sentence a name is a letter or a few with a number, or what schematics call things without one: RL, Rf, VDD.
_NAME_IN_PROSE = re.compile(r"\b(?:[A-Za-z]{1,3}\d{1,4}[a-z]?|[RLCQV](?:[A-Z]{1,2}|[a-z])|[VI](?:in|out|src))\b")
_NAMELESS = re.compile(
    r"\b(?:none|nothing|no (?:part|component|element)s?)\b|∅|\\(?:emptyset|varnothing)\b", re.IGNORECASE
)
_DECORATION = re.compile(r"[*`$\"'“”‘’\[\](){}<>]|\\[()\[\]{}]|\\(?:text|mathrm|boxed)\b|[.!:](?!\w)")
# Names have no sign: a dash before them is always a mark.
_NO_TERM = re.compile(r"(?!)")
# What leaves open which names are meant: a denial, a choice, a bound.
_DOUBTFUL = re.compile(
    r"\b(?:not|except|excluding|without|but no|neither|nor|unlike|cannot|never|or|either|maybe|perhaps|possibly"
    r"|at (?:least|most)|among others|doubt\w*|false|wrong|incorrect|rather than|instead of|(?:all|everything|anything) but"
    r"|no(?! (?:others?|more)\b)|and (?:so on|so forth|others?|more)|etc)\b|[≤≥≠?…]",
    re.IGNORECASE,
)
_FENCE = re.compile(r"^[ \t]*```[a-z]*[ \t]*$", re.MULTILINE)
_NOT = re.compile(r"(?:(?<=ca)n|n)['’]t\b|(?<=can)not\b")
_REASON = re.compile(r"[\s,;:(-]*\b(?:because|since|as|where|while|whereas|note|which|due to|so that)\b", re.IGNORECASE)


def compare_names(gold: Collection[str], predicted: str) -> Verdict:
    """Whether an answer names exactly these parts; order and repetition do not matter, case does.

    Read is the last `\\boxed{}`, else the last line (or list) that names something. `R_1` and `R_{1}` are R1. An answer that is a bare
    list is taken word by word; of a sentence, every word that looks like a part's name. What gives a reason behind the first name
    is passed over. A sentence that denies something ("R1, not R2") or offers a choice is refused, for it leaves open which are meant.
    """
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    named = _names(predicted, gold)
    if isinstance(named, str):
        return Verdict(False, f"not readable: {named}")
    wanted = {_key(name) for name in gold}
    missing, foreign = sorted(wanted - named), sorted(named - wanted)
    if foreign:
        return Verdict(False, f"{short(', '.join(foreign))} should not be named")
    if missing:
        return Verdict(False, f"{short(', '.join(missing))} is missing")
    return Verdict(True, "exactly the right names")


def _names(predicted: str, gold: Collection[str]) -> set[str] | str:
    """The names, or why there is no telling."""
    boxed = last_box(predicted)
    text = _FENCE.sub("", _NOT.sub(" not", predicted if boxed is None else boxed))
    looking = re.compile("|".join([_NAME_IN_PROSE.pattern, *(rf"\b{re.escape(_key(name))}\b" for name in gold)]))
    text = text.replace("...", "…")
    text = _DECORATION.sub(" ", plain(unlisted(text, _NO_TERM.match)).replace("_{", "_").replace("_", ""))
    lines = _last_names(_key(single_blanks(text)).split("\n"), looking)
    if not lines:
        text = _key(single_blanks(text))
        bare = _bare_list(text.strip())
        if _NAMELESS.search(text):
            return set()
        return bare or f"there is no name in {short(predicted)!r}"
    bare = _bare_list(lines.rpartition("=")[2].strip())
    if bare is not None:
        return bare
    if _DOUBTFUL.search(lines):
        return f"{short(lines)!r} denies something, or offers a choice"
    first = looking.search(lines)
    reason = _REASON.search(lines, first.end()) if first else None
    lines = lines[: reason.start()] if reason else lines
    found = {match[0] for match in looking.finditer(lines)}
    return found if len(found) <= MAX_NAMES else f"more than {MAX_NAMES} names"


def _last_names(lines: Sequence[str], looking: re.Pattern[str]) -> str:
    """The last line that names something, with those before it where each is a bare list, or tells of one part; "" where none does."""
    last = next((place for place in range(len(lines) - 1, -1, -1) if looking.search(lines[place])), None)
    if last is None:
        return ""
    first = last
    while first > 0 and any(
        is_item(lines[first].strip(), looking) and is_item(lines[first - 1].strip(), looking)
        for is_item in (_is_bare, _names_one)
    ):
        first -= 1
    return "\n".join(lines[first : last + 1]).strip()


def _is_bare(line: str, looking: re.Pattern[str]) -> bool:
    return bool(_bare_list(line) and looking.search(line))


def _names_one(line: str, looking: re.Pattern[str]) -> bool:
    """Whether a line begins with a name and has no other: `R1 (resistor)`, an item of a list."""
    found = list(looking.finditer(line))
    return bool(found) and found[0].start() == 0 and len({name[0] for name in found}) == 1


def _bare_list(text: str) -> set[str] | None:
    """The items of a text that is nothing but a list of single words; None for any other text."""
    items = [item for item in _SEPARATORS.split(text) if item]
    if not items or len(items) > MAX_NAMES or not all(_ONE_NAME.fullmatch(item) for item in items):
        return None
    return set(items)


def _key(name: str) -> str:
    return name.replace("_", "")
