r"""Where an answer ends: what is graded of a text that thinks aloud, derives, and then answers.

Models close with a line `Answer: …` because they were asked to, or put the result in a box. Both are unambiguous, and what stands before
them (another formula, a netlist, a letter that was weighed and dropped) is no longer the answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from itertools import pairwise

from diagramlens.grading.claims import bounded, denied, sentences
from diagramlens.grading.tokens import plain

MAX_CHARACTERS = 20_000

# Whether a text begins as a value may: with a sign, a number, a name.
Term = Callable[[str], object]

# Decoration that Markdown and TeX put around the word; `\Z` because an answer may break off right behind it.
_MARKER = re.compile(
    r"^[ \t>#*_`-]*(?:\\(?:text|textbf|mathbf)\s?\{)?(?:(?:the|my|so,?|thus,?|therefore,?)[ \t]+)?(?:(?:final|correct)[ \t]+)?answer"
    r"[*_`}]*[ \t]*(?::|=|：)[ \t*_]*(.*)",
    re.IGNORECASE | re.MULTILINE,
)
# What follows such a line and belongs to it: the next step of a chain, or of a sum that was broken.
_CONTINUES = re.compile(r"[ \t]*(?:&?=|[+*/]|\\cdot|\\times)")
_BLOCKS = (("$$", "$$"), ("\\[", "\\]"), ("```", "```"), ("\\begin{", "\\end{"))


def final_answer(text: str, *, many_lines: bool = False) -> str:
    r"""The part of an answer that counts: what follows the last line `Answer:`, else the whole text.

    What stands between `<answer>` and `</answer>`, or GLM's tokens for a box, is the whole answer; of a JSON object it is what the key
    `answer` holds, or its only key. Control tokens at its end (`</s>`, `<|im_end|>`) are no part of it.
    What stands up to the last `</think>` was thought, not answered. Behind the marker counts the rest of its line, with the lines that
    continue it and the block of mathematics or code that it opens; with `many_lines` (a netlist), everything. A text of more than 20,000
    characters is returned as it is, for the graders to refuse.

    >>> final_answer("V1 is 10 V.\nAnswer: 4 V\nI hope this helps")
    '4 V'
    """
    if len(text) > MAX_CHARACTERS:
        return text
    text = text.replace("<|begin_of_box|>", "<answer>").replace("<|end_of_box|>", "</answer>")
    text = _of_object(without_control_tokens(text))
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
    if "</answer>" in text:
        text = text[: text.rindex("</answer>")].rpartition("<answer>")[2]
    markers = list(_MARKER.finditer(text))
    if not markers:
        return text
    found = markers[-1]
    line, rest = found[1].strip(), text[found.end() :]
    if many_lines or not line.strip("*_ \t") or any(_opens(line, *block) for block in _BLOCKS):
        return text[found.start(1) :]
    kept = [line]
    for following in rest.split("\n")[1:]:
        if not _CONTINUES.match(following):
            break
        kept.append(following)
    return "\n".join(kept)


def _of_object(text: str) -> str:
    """What an answer that is a JSON object holds: under `answer`, or `value` with `unit`, or its only key; else the text as it is."""
    bare = _FENCED.sub(r"\1", text.strip())
    if not bare.startswith("{") or not bare.endswith("}") or '"' not in bare:
        return text
    try:
        found = json.loads(bare)
    except (ValueError, RecursionError):
        return text
    keys = {key.lower().replace(" ", "_"): value for key, value in found.items()}
    if {"value", "unit"} <= keys.keys():
        return f"{keys['value']} {keys['unit']}"
    named = [keys[key] for key in ("final_answer", "answer") if key in keys] or (
        list(keys.values()) if len(keys) == 1 else []
    )
    held = (named[0] if isinstance(named[0], list) else [named[0]]) if named else [{}]
    return ", ".join(map(str, held)) if all(isinstance(one, (str, int, float)) for one in held) else text


def single_blanks(text: str) -> str:
    """The text with each run of blanks as one space and each run of line ends as one: what patterns may then take for granted."""
    return re.sub(r" ?\n[ \n]*", "\n", re.sub(r"[^\S\n]+", " ", text))


def without_control_tokens(text: str) -> str:
    """The text without the control tokens of a tokenizer at its end: `</s>`, `<|im_end|>`, `<end_of_turn>`, `[EOS]`."""
    end = len(text)
    while found := _CONTROL_TOKEN.search(text, max(0, end - MAX_TOKEN), end):
        end = found.start()
    return text[:end] if end < len(text) else text


def box_of(text: str) -> tuple[str, str, str] | None:
    r"""What stands before the last `\boxed{…}`, in it and behind it; None where there is none or it is never closed."""
    starts = list(_BOX.finditer(text))
    if not starts:
        return None
    begin, depth = starts[-1].end(), 1
    for brace in _BRACE.finditer(text, begin):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[: starts[-1].start()], text[begin : brace.start()], text[brace.end() :]
    return None


def last_box(text: str) -> str | None:
    r"""What the last `\boxed{…}` holds, None where there is none or it is never closed.

    The words around it that decide are kept before it: a minus that is its sign, a denial (`it is not \boxed{3}`), a bound.
    """
    box = box_of(text)
    if box is None:
        return None
    before, content, behind = box
    sentence = (sentences(before) or [""])[-1]
    if denied(sentence, behind):
        return f"not {content}"
    if bounded(sentence, behind):
        return f"at most {content}"
    return f"-({content})" if negates(before, content) else content


def negates(before: str, content: str) -> bool:
    """Whether a minus stands before a box or mathematics between delimiters, as its sign: at the start of a line, behind `=`, `:`, `is`.

    A dash behind words parts them from what follows, and before a sign of its own or an equality it is no sign.
    """
    return bool(_SIGN_BEFORE.search(before[-40:])) and not re.match(r"[\s{(]*[-−–]", content) and "=" not in content


def unlisted(text: str, is_term: Term) -> str:
    """The text without the marks of lists, headings, quotations and steps (`Step 3:`) at the start of its lines.

    `is_term` tells whether a text begins as a value may. A dash is a minus, and `>` a comparison, unless the line is one of several with
    that mark, or what follows can be no term. Lines with a dash right below a term are the rest of a sum, however many.
    """
    text = _STEP.sub(r"\1", text)
    if not _ANY_ITEM.search(text):
        return text
    lines = text.split("\n")
    kinds = [_mark_of(line) for line in lines]
    held = [place for place, line in enumerate(lines) if line.strip()]
    several: set[int] = set()
    for one, other in pairwise(held):
        if kinds[one] and kinds[one] == kinds[other] and (one in several or not _goes_on(lines, one, is_term)):
            several |= {one, other}
    for place, kind in enumerate(kinds):
        if kind is None:
            continue
        bare = _ITEM.sub("", lines[place], count=1)
        if place in several or kind not in "->1" or not is_term(plain(bare[:MAX_TERM])):
            lines[place] = bare
    return "\n".join(lines)


def joined(text: str, is_term: Term) -> str:
    """The text with a sum, or a chain of equalities, that was broken before an operator on one line again."""
    if "\n" not in text:
        return text
    lines: list[str] = []
    for line in text.split("\n"):
        if lines and _OPERATOR.match(line) and _goes_on([lines[-1], line], 1, is_term):
            lines[-1] += " " + line.lstrip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _goes_on(lines: list[str], place: int, is_term: Term) -> bool:
    """Whether a line may be the next term of a sum: the one right above is a term or ends in an equality."""
    above = lines[place - 1] if place else ""
    return bool(is_term(above)) or ("=" in above and not above.rstrip().endswith(":"))


def _mark_of(line: str) -> str | None:
    """The kind of list mark that a line begins with: `-` for all dashes, `1` for all numbers, else the mark itself."""
    found = _ITEM.match(line)
    if found is None:
        return None
    mark = found[1]
    return "-" if mark in "-−–—" else "1" if mark[0].isdigit() else mark[0]


def last_lines(text: str, looking: re.Pattern[str], is_term: Term) -> str:
    """The last line in which the pattern is found, with the list items before it where it is an item of a list; "" for none."""
    marked = text.split("\n")
    lines = unlisted(text, is_term).split("\n")
    last = next((place for place in range(len(lines) - 1, -1, -1) if looking.search(lines[place])), None)
    if last is None:
        return ""
    first = last
    while first > 0 and lines[first] != marked[first] and lines[first - 1] != marked[first - 1]:
        first -= 1
    return "\n".join(lines[first : last + 1])


def _opens(line: str, opening: str, closing: str) -> bool:
    if opening == closing:
        return line.count(opening) % 2 == 1
    return line.count(opening) > line.count(closing)


MAX_TOKEN = 64
MAX_TERM = 200
_ITEM = re.compile(r"\A[ \t]*([-−–—*•·‣◦]|#{1,6}|>+|\(?\d{1,2}[.)])[ \t]+(?=\S)")
_ANY_ITEM = re.compile(_ITEM.pattern.replace(r"\A", "^", 1), re.MULTILINE)
# What stands behind its colon is left as it is, a sign with it.
_STEP = re.compile(
    r"^([ \t]*(?:[-*•>][ \t]+)?)(?:#{1,6}[ \t]+)?[*_]{0,2}(?:step|equation|eqn?\.?|case|part|stage)"
    r"[ \t]?\(?\d{1,2}\)?[*_]{0,2}[:.][*_]{0,2}(?=[ \t]|$)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_OPERATOR = re.compile(r"[ \t]*(?:[-+*/=−–](?!\*)|\\(?:cdot|times)\b)")
_CONTROL_TOKEN = re.compile(
    r"(?:<\|[^<>|\s]{1,40}\|>|<｜[^<>｜]{1,40}｜>|</?s>|<(?:eos|bos|pad|unk)>|</?(?:end|start)_of_(?:turn|utterance|text|sentence|image|answer)>"
    r"|\[/?(?:EOS|BOS|PAD|SEP|INST)\])\s*\Z",
    re.IGNORECASE,
)
_FENCED = re.compile(r"\A```[a-z]*\n(.*?)\n?```\Z", re.DOTALL)
_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{")
_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)
_SIGN_BEFORE = re.compile(
    r"(?:\A|[\n=:≈]|\b(?:is|be|by|equals|answer|get|obtain)\b)(?:[\s*$`({]|\\[\[(])*[-−–][\s$*`({]*(?:\\[\[(]\s*)?\Z",
    re.IGNORECASE,
)
