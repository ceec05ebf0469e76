r"""Where the formula is in a model's answer.

An answer may be the bare formula, or prose around it. In order: the last `\boxed{…}`; else the last mathematics between delimiters
(`$…$`, `\[…\]`, `\(…\)`, backticks, a fenced block) that looks like a formula; else the last line of plain text that does. A formula
that merely explains ("where $\tau = R_1 C_1$") does not count. Two different formulas offered side by side ("a or b") are parts of one
answer, and the caller finds that they disagree.

Every step is a bounded number of passes over the text.
"""

from __future__ import annotations

import re

from diagramlens.grading.tokens import ExpressionError

MAX_CHARACTERS = 20_000
MAX_LINE = 4_000
MAX_READINGS = 16
MAX_CHOICES = 8

_DELIMITERS = {
    "$$": "$$",
    "$": "$",
    "\\[": "\\]",
    "\\(": "\\)",
    "```": "```",
    "`": "`",
    "\\begin{equation}": "\\end{equation}",
    "\\begin{equation*}": "\\end{equation*}",
    "\\begin{align}": "\\end{align}",
    "\\begin{align*}": "\\end{align*}",
}
_OPENING = re.compile("|".join(re.escape(opening) for opening in sorted(_DELIMITERS, key=len, reverse=True)))
_FORMULA = re.compile(r"[=+*/^|]|\\[dtc]?frac|\\over\b|\\parallel|\\approx|[≈∥·⋅×]|^\s*[-−]|^[\s\d.]+$")
_PLAIN_FORMULA = re.compile(
    r"[=≈^]|\|\||[\w)\]}]\s?[*/+·×∥−-]\s?[\w(\[{\\]|[\w)\]}] [-+] [\w(\[{\\]|\\[dtc]?frac|\\over\b"
)
_EXPLAINS = re.compile(r"[\s,.;]*\(?\b(?:where|with|for|assuming|since|because|using|given)\b", re.IGNORECASE)
_BETWEEN_CHOICES = re.compile(r"[\s,;.*]*(?:or|and|or else|alternatively|either)[\s,:*]*", re.IGNORECASE)
_NAMES_IT = re.compile(r"(?:\b(?:is|be|are|as|equals|gives|answer|result)|[:=])[\s*]*$", re.IGNORECASE)
_LEADS_IN = re.compile(
    r"(?:\b(?:is|are|be|equals?|gives?|get|obtain|yields?|as|to|have|thus|therefore|hence|so|answer|function|result|find|then|that|by)\b"
    r"|:|->)[\s,:*]+",
    re.IGNORECASE,
)
_TRAILS_OFF = re.compile(
    r"[\s,;.(](?:where|with|for|when|which|assuming|in|at|as|is|because|since|so|by)\b", re.IGNORECASE
)
_EXPLANATION = re.compile(
    r"(?:\\text\s?\{\s?|[\s,;.(])(?:where|with|assuming|since|because|given that)\b", re.IGNORECASE
)
# `\\quad \\text{(high-pass)}`: set apart from the formula, at its end.
_REMARK = re.compile(r"\\q?quad\s*\\(?:text|mathrm)\s?\{(?!\s*(?:or|and)\b)[^{}]{0,200}\}[\s.]*\Z")
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Za-z$\\*])")
_OR = re.compile(r"\sor\s|\\text\s*\{\s*or\s*\}|\\(?:lor|vee)\b")


def final_statements(text: str) -> list[list[str]]:
    """Readings of the answer, the first one that can be read counts; each is a list of statements offered side by side.

    With delimiters there is one reading. In plain prose there is one for each place of the last formula-like line where a formula may
    begin. Raises ExpressionError for a text that is too long, empty, or has no formula.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if not text.strip():
        raise ExpressionError("the answer is empty")
    boxed = _last_boxed(text)
    if boxed is not None:
        return [_statements([boxed.replace("$", " ")])]
    spans = _spans(text)
    if spans:
        chosen, tail = _last_formula(text, spans)
        if chosen is not None:
            return [_statements(chosen)]
        return _plain_readings(tail)
    return _plain_readings(text)


def _last_boxed(text: str) -> str | None:
    start = max(text.rfind("\\boxed{"), text.rfind("\\fbox{"), text.rfind("\\boxed {"))
    if start < 0:
        return None
    begin = text.index("{", start) + 1
    depth = 1
    for brace in re.finditer(r"\\.|[{}]", text[begin:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return text[begin : begin + brace.start()]
    raise ExpressionError("\\boxed{ is never closed")


def _spans(text: str) -> list[tuple[int, int, str]]:
    """The delimited pieces of mathematics: start and end in the text, delimiters included, and the content."""
    spans = []
    at = 0
    never_closed: set[str] = set()
    while opening := _OPENING.search(text, at):
        closing = _DELIMITERS[opening[0]]
        # Once a closing is not found it is nowhere ahead: remembered, so that the search stays linear.
        end = -1 if closing in never_closed else text.find(closing, opening.end())
        if end < 0:
            never_closed.add(closing)
            at = opening.end()
            continue
        content = text[opening.end() : end]
        if opening[0] == "```":
            content = re.sub(r"\A[a-z]*\n", "", content)
        at = end + len(closing)
        if content.strip():
            spans.append((opening.start(), at, content))
    return spans


def _last_formula(text: str, spans: list[tuple[int, int, str]]) -> tuple[list[str] | None, str]:
    """The last delimited formula, with those offered beside it; or None and the plain text that follows the last span."""
    tail = text[spans[-1][1] :]
    # "The transfer function from $V_1$ to $R_2$ is R2/(R1+R2)": the answer stands outside of the delimiters.
    if "=" in tail or re.search(r"[\w)]\s?[*/]\s?[(\d\\]|\d\)?\s?[*/+^]|\\[dt]?frac|\\over\b", tail):
        return None, tail
    gaps = [text[end:start] for (_, end, _), (start, _, _) in zip([(0, 0, ""), *spans], spans, strict=False)]
    explaining = False
    candidates: list[int] = []
    for place, gap in enumerate(gaps):
        if place and _EXPLAINS.match(gap):
            explaining = True
        elif _SENTENCE_END.search(gap) or "\n" in gap:
            explaining = False
        if not explaining:
            candidates.append(place)
    looking = [place for place in candidates if _FORMULA.search(spans[place][2]) or _NAMES_IT.search(gaps[place][-40:])]
    last = (looking or candidates)[-1]
    chosen = [spans[last][2]]
    while last > 0 and _BETWEEN_CHOICES.fullmatch(gaps[last]):
        last -= 1
        chosen.insert(0, spans[last][2])
    return chosen, ""


def _statements(pieces: list[str]) -> list[str]:
    """The last statement of each piece: rows of an aligned block and steps of a derivation are joined or dropped."""
    statements = []
    for piece in pieces:
        explanation = _EXPLANATION.search(piece)
        if explanation and _FORMULA.search(piece[: explanation.start()]):
            piece = piece[: explanation.start()]
        piece = _REMARK.sub("", piece)
        piece = re.sub(r"\\(?:begin|end)\s*\{[a-z]+\*?\}|\\label\{[^{}]*\}|\\tag\{[^{}]*\}", " ", piece)
        piece = re.sub(r"\\\\(?:\[[^\]]*\])?\s*&?\s*=", " = ", piece).replace("&", " ")
        steps = re.split(
            r"\\\\|\\(?:Long)?[Rr]ightarrow\b|\\implies\b|\\to\b|\\therefore\b|[⇒⟹→∴]|\n(?![ \t]*[=+*/-])|=>|->", piece
        )
        kept = [step for step in steps if step.strip(" \t\n.,;:*")]
        if kept:
            statements += [choice for choice in _OR.split(kept[-1]) if choice.strip()]
    if not statements:
        raise ExpressionError("there is no expression")
    if len(statements) > MAX_CHOICES:
        raise ExpressionError(f"more than {MAX_CHOICES} answers are offered")
    return statements


def _plain_readings(text: str) -> list[list[str]]:
    """Readings of undelimited text: the whole, then the last formula-like line from each place where a formula may begin."""
    whole = text.strip()
    readings = [_statements([whole])] if len(whole.splitlines()) == 1 else []
    lines = [line for line in _SENTENCE_END.sub("\n", whole).splitlines() if line.strip(" *_#->`")]
    if not lines:
        raise ExpressionError("there is no expression")
    looking = [line for line in lines if _PLAIN_FORMULA.search(line)]
    line = (looking or lines)[-1].strip()
    if len(line) > MAX_LINE and not readings:
        raise ExpressionError(f"the formula's line has more than {MAX_LINE} characters")
    line = line[:MAX_LINE]
    starts = [0, *(found.end() for found in _LEADS_IN.finditer(line))][:MAX_READINGS]
    for start in starts:
        rest = line[start:].strip()
        if not rest:
            continue
        readings.append(_statements([rest]))
        trail = _TRAILS_OFF.search(rest)
        if trail and rest[: trail.start()].strip():
            readings.append(_statements([rest[: trail.start()]]))
    return readings
