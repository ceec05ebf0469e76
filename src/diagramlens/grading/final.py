r"""Where an answer ends: what is graded of a text that thinks aloud, derives, and then answers.

Models close with a line `Answer: …` because they were asked to, or put the result in a box. Both are unambiguous, and what stands before
them (another formula, a netlist, a letter that was weighed and dropped) is no longer the answer.
"""

from __future__ import annotations

import re

from diagramlens.grading.prose import MAX_CHARACTERS

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

    What stands up to the last `</think>` was thought, not answered. Behind the marker counts the rest of its line, with the lines
    that continue it and the block of mathematics or code that it opens; with `many_lines` (a netlist), everything. A text of more
    than 20,000 characters is returned as it is, for the graders to refuse.

    >>> final_answer("V1 is 10 V.\nAnswer: 4 V\nI hope this helps")
    '4 V'
    """
    if len(text) > MAX_CHARACTERS:
        return text
    text = text[text.rfind("</think>") + len("</think>") :] if "</think>" in text else text
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


def single_blanks(text: str) -> str:
    """The text with each run of blanks as one space and each run of line ends as one: what patterns may then take for granted."""
    return re.sub(r" ?\n[ \n]*", "\n", re.sub(r"[^\S\n]+", " ", text))


def last_box(text: str) -> str | None:
    r"""What the last `\boxed{…}` holds, None where there is none or it is never closed."""
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"))
    if start < 0:
        return None
    begin, depth = text.index("{", start) + 1, 1
    for at in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[at], 0)
        if depth == 0:
            return text[begin:at]
    return None


def last_lines(text: str, looking: re.Pattern[str]) -> str:
    """The last line in which the pattern is found, with the list items before it where it is an item of a list; "" for none."""
    lines = text.splitlines()
    last = next((place for place in range(len(lines) - 1, -1, -1) if looking.search(lines[place])), None)
    if last is None:
        return ""
    first = last
    while _ITEM.match(lines[first]) and first > 0 and _ITEM.match(lines[first - 1]):
        first -= 1
    if first == last:
        # One line that begins with a dash may as well begin with a minus.
        return lines[last]
    return "\n".join(_ITEM.sub("", line, count=1) for line in lines[first : last + 1])


def _opens(line: str, opening: str, closing: str) -> bool:
    if opening == closing:
        return line.count(opening) % 2 == 1
    return line.count(opening) > line.count(closing)


_ITEM = re.compile(r"\A[ \t]*(?:[-*•+]|\d{1,2}[.)])[ \t]+(?=\S)")
