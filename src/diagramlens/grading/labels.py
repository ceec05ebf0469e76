"""What the circuit does: one label out of a list, such as `low-pass filter`, named in an answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from diagramlens.grading.claims import denied, gives_reason
from diagramlens.grading.final import MAX_CHARACTERS, last_box
from diagramlens.grading.tokens import short
from diagramlens.grading.verdict import Verdict

_NON = re.compile(r"\b(?:non[\s-]*|no )\Z", re.IGNORECASE)
_HALF = re.compile(
    r"\b(?:almost|nearly|like|resembles|similar to|looks like|kind of|sort of"
    r"|hardly|fails? to be|(?:opposite|inverse|complement|reverse) of)\s(?:an?\s)?\Z",
    re.IGNORECASE,
)
# `It would be a high-pass filter if R and C changed places.`
_WOULD = re.compile(r"\bwould\b[^.;]{0,40}\Z", re.IGNORECASE)
_IF = re.compile(r"[\s,]*if\b", re.IGNORECASE)
# A last word that may be left out of a label, or stand elsewhere: "a low-pass RC filter". Not "network" or "amplifier": a "lead" and
# "inverting" are said of other things too.
_GENERIC = ("filter",)
_SENTENCE_END = re.compile(r"[.!?;]\s")
MAX_LOOK = 200
MAX_NAMED = 100
_JOINT = r"[\s\u2010-\u2015-]*"


def compare_label(gold: str, labels: Sequence[str], predicted: str) -> Verdict:
    """Whether an answer names the gold label and no other of `labels`.

    Case, hyphens and spaces do not matter, nor a last word "filter" where what is left is no other label's ("low-pass"). A label
    inside a longer one is not named by it. What is denied ("not a high-pass filter") is not named, nor what stands in a reason behind the
    first name. The last `\\boxed{}` counts where there is one.
    """
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    boxed = last_box(predicted)
    text = " ".join(re.sub(r"[*_`$]|\\text\s?\{", " ", predicted if boxed is None else boxed).split())
    pattern, label_of = _pattern(tuple(dict.fromkeys((gold, *labels))))
    named: set[str] = set()
    end = 0
    for place, found in enumerate(pattern.finditer(text)):
        if place == MAX_NAMED:
            return Verdict(False, f"not readable: more than {MAX_NAMED} labels in {short(predicted)!r}")
        sentence = _SENTENCE_END.split(text[max(0, found.start() - MAX_LOOK) : found.start()])[-1]
        if named and gives_reason(text[end : found.start()]):
            # What another kind of circuit would do, or a part of this one: a reason, no name for it.
            break
        if not (
            _NON.search(sentence)
            or _HALF.search(sentence)
            or (_WOULD.search(sentence) and _IF.match(text, found.end()))
            or denied(sentence, text[found.end() : found.end() + MAX_LOOK])
        ):
            named.add(label_of[found.lastgroup or ""])
            end = found.end()
    if not named:
        return Verdict(False, f"not readable: {short(predicted)!r} names none of the labels")
    if len(named) > 1:
        return Verdict(False, f"several labels are named: {', '.join(sorted(named))}")
    label = named.pop()
    return Verdict(label == gold, f"{label} is right" if label == gold else f"{label} is not {gold}")


@lru_cache(maxsize=64)
def _pattern(labels: tuple[str, ...]) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern whose named groups are the labels, longest first, so that a label inside another one is not found there."""
    spellings: dict[tuple[str, ...], str] = {}
    shortened: dict[tuple[str, ...], set[str]] = {}
    for label in labels:
        words = tuple(re.findall(r"[a-z0-9]+", label.lower()))
        spellings[words] = label
        if len(words) > 1 and words[-1] in _GENERIC:
            shortened.setdefault(words[:-1], set()).add(label)
    for words, meant in shortened.items():
        if len(meant) == 1:
            spellings.setdefault(words, *meant)
    groups: dict[str, str] = {}
    pieces = []
    for words in sorted(filter(None, spellings), key=lambda words: (-len(words), -sum(map(len, words)))):
        group = f"_{len(groups)}"
        groups[group] = spellings[words]
        pieces.append(rf"(?P<{group}>\b{_JOINT.join(words)}s?\b)")
    return re.compile("|".join(pieces) or r"(?!)", re.IGNORECASE), groups
