r"""Where the formula is in a model's answer.

An answer may be the bare formula, or prose around it. In order: the last `\boxed{…}`; else the last mathematics between delimiters
(`$…$`, `\[…\]`, `\(…\)`, backticks, a fenced block) that looks like a formula; else the last line of plain text that does. A formula
that merely explains ("where $\tau = R_1 C_1$", "Note: …") does not count, nor does one that is denied. Two different formulas offered side
by side ("a or b") are parts of one answer, and the caller finds that they disagree. A hyphen or a slash between words that are no names
("op-amp", "and/or") is no operator.

Every step is a bounded number of passes over the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from diagramlens.grading.claims import bounded, denied, explains, retracts, sentences
from diagramlens.grading.final import MAX_CHARACTERS, Term, box_of, joined, negates, unlisted
from diagramlens.grading.tokens import ExpressionError, begins_with_name, is_product_of

MAX_LINE = 4_000
MAX_READINGS = 16
MAX_SENTENCES = 200
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
    r"[=≈^]|\|\||[\w)\]}]\s?(?:\*\*|[*/+·×∥−-])\s?[\w(\[{\\]|[\w)\]}] [-+] [\w(\[{\\]|\\[dtc]?frac|\\(?:over|cdot|times|parallel)\b"
)
_EXPLAINS = re.compile(r"[\s,.;]*\(?\b(?:where|with|for|assuming|since|because|using|given)\b", re.IGNORECASE)
_BETWEEN_CHOICES = re.compile(r"[\s,;.*]*(?:or|and|or else|alternatively|either)[\s,:*]*", re.IGNORECASE)
# A factor or an operator beside mathematics between delimiters; a number may also count the lines of a list.
_FACTOR_BEFORE = re.compile(r"(?:[*/^)\]](?<!\*\*)|(?<![A-Za-z_.\d])\d+(?:\.\d+)?|[=:]\s*[A-Za-z]\w*)\s*\Z")
_GOES_ON = re.compile(r"\s*(?:[+/^]|\*(?!\*))\s*[\w(\\$]|\s*[-−]\s*(?:\d|\(|\$)")
_OR_BEFORE = re.compile(r"\S\s*\bor\b[\s,:*]*(?:maybe|perhaps|possibly|else|even)?[\s,:*]*\Z", re.IGNORECASE)
_OR_BEHIND = re.compile(r"[\s,;.*]*(?:or\b(?! (?:equivalently|in other words))|alternatively\b)", re.IGNORECASE)
_NAMES_IT = re.compile(r"(?:\b(?:is|be|are|as|equals|gives|answer|result)|[:=])[\s*]*$", re.IGNORECASE)
_LEADS_IN = re.compile(
    r"(?:\b(?:is|are|be|equals?|gives?|get|obtain|yields?|as|to|have|thus|therefore|hence|so|answer|function|result|find|then|that|by|but)\b"
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
# Words joined without blanks: `op-amp`, `and/or`, `Thevenin-equivalent`; R1-R2 too, which the names tell apart.
_COMPOUND = re.compile(r"(?<![\w\\}])[A-Za-z][A-Za-z0-9'’]*(?:[-/‐‑–][A-Za-z][A-Za-z0-9'’]*)+(?![\w(])")
_NUMBER_FIRST = re.compile(
    r"(?:[-+−({\[\s$`*]|\\(?:left|[bB]ig[lg]?|boxed|displaystyle|[(\[,;!]))*(?:\d|\.\d|\\[dtc]?frac)"
)
_BARE_NUMBER = re.compile(r"[\s*$`]*[-+−]?\d+(?:\.\d+)?[\s*$`.]*")
_WORD = re.compile(r"[A-Za-z]\w*")
# What a compound stands before where it is no difference: `an R1-C1 network`.
_QUALIFIES = re.compile(r"\s+(?!where|with|when|for|and|because|since|which|from|plus|minus|times)[a-z]{3,}")
# In brackets at the end, or behind a comment's mark: words, no operators.
_BRACKETED_WORDS = re.compile(
    r"\s*[(\[]\s*[A-Za-z](?:[A-Za-z'’ ,.:-]|(?<=step )\d|(?<=eq\. )\d|(?<=equation )\d|(?<=figure )\d){1,120}[)\]][\s.,;$*`]*\Z"
)
_COMMENT = re.compile(r"[ \t;](?:#|%|\(\*)\s?[A-Za-z][^\n=]{1,200}\Z")
_DOUBTS = re.compile(
    r"\b(?:not|no|wrong|incorrect|opposite|invert(?:ed)?|negat\w*|minus|reciprocal|inverse|times|squared?|or|half|twice|doubled?|root|magnitude|per|maybe"
    r"|perhaps|guess|approximate(?:ly)?|kilo\w*|k?ohms?)\b",
    re.IGNORECASE,
)
# What begins words that change the formula before them, or offer another.
_TURNS = re.compile(
    r"[\s,;.(-]*(?:or|and|but|actually|rather|instead|no|not|perhaps|maybe|alternatively|unless|if|times|multiplied|divided|plus|minus"
    r"|squared|inverted|negated|in (?:magnitude|dB|decibels?|percent)|up to|to the|over|per"
    r"|is (?:not|only|half|twice|the (?:inverse|reciprocal|negative|opposite|magnitude)))\b",
    re.IGNORECASE,
)
# A dash may be a minus: only before several words, or one that is long, and none that may be a name.
_BEFORE_DENIED = re.compile(r",\s*(?:and )?(?=not\s)", re.IGNORECASE)
_OTHERWISE = re.compile(r"\b(?:otherwise|else)\b", re.IGNORECASE)
# Another formula, in brackets and denied: `(not R1/(R1+R2))`.
_NOT_THIS = re.compile(r"\s\(not (?=[$`\\+(A-Z0-9-])(?:[^()]|\([^()]*\)){1,400}\)")
_OTHER_DENIED = re.compile(r"[\s,;]*(?:and )?not\s(?!correct|right|true|valid)", re.IGNORECASE)
_TRAILING_WORDS = re.compile(
    r"(?:[,;:]|\s-{1,3}|\s[–—])\s+(?=(?:i\.e\. )?[A-Za-z]{1,20}(?:[\s-][A-Za-z'’-]{1,20}(?=[\s.,:;-]|\Z))|[a-z]{4,20}[.\s]*\Z)"
)
# Quantities that a formula in the circuit's names is never asked for: they say more about a circuit whose function was given.
_OTHER_QUANTITY = re.compile(
    r"(?:\\?(?:omega|tau|zeta)|[ωτζ]|(?<![A-Za-z])(?:f_?\{?[c0]|Q|BW))(?:_\{?\w+\}?)?\s*(?:=|:=|≈|\\approx)"
    r"|\b(?:cut-?off|corner|break|resonan\w+|time constant|bandwidth|quality factor|pole|zero)s?\b"
    r"(?:[^=]{0,60}(?:=|\b(?:is|are|at)\b)|(?: frequency)?:?\s+[-−(\\]*\w+[\s)}]*[*/({])",
    re.IGNORECASE,
)
_AT_ONE_FREQUENCY = re.compile(
    r"\b[A-Z]\w*\s?(?:\(\s*(?:j\s?)?(?:0|∞|\\infty|inf\w*|[sω]\s?(?:=|→|->|\\to)\s?(?:0|∞|\\infty))\s*\)|\[0\])\s*(?:=|≈|\\approx|→|->)"
    r"|\b(?:at|for|as|in|when)\s+(?:DC\b|(?:very )?(?:low|high)[- ]freq|(?:s|ω|\\omega)\s?(?:=|→|->|\\to|<<|>>|≪|≫))",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?]\s+(?=[A-Za-z$\\*])")
_THAT_IS = re.compile(r",?\s+(?:i\.e\.,?|that is,)\s+", re.IGNORECASE)
_OR = re.compile(r"\sor\s|\\text\s*\{\s*or\s*\}|\\(?:lor|vee)\b")


def final_statements(text: str, names: Sequence[str], *, at_one_frequency: bool = True) -> Iterator[list[str]]:
    """Readings of the answer, the first one that can be read counts; each is a list of statements offered side by side.

    With delimiters there is one reading. In plain prose there is one for each place of the last formula-like line where a formula may
    begin. `names` tell formulas from words; where the answer cannot be a value at one frequency, one such (`H(0) = 1`) is a remark.
    Raises ExpressionError for a text that is too long, empty, or has no formula, and for a formula that is denied.
    """
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    if not text.strip():
        raise ExpressionError("the answer is empty")
    text = unlisted(_NOT_THIS.sub("", text), _term(names))
    box = box_of(text)
    if box is not None:
        before, content, behind = box
        _refuse_denied((sentences(before) or [""])[-1], behind)
        content = content.replace("$", " ")
        yield _statements([f"-({content})" if negates(before, content) else content], names)
        return
    if "\\boxed{" in text or "\\fbox{" in text:
        raise ExpressionError("\\boxed{ is never closed")
    lines = _Lines(names, at_one_frequency)
    spans = _spans(text)
    chosen, tail = _last_formula(text, spans, lines) if spans else (None, text)
    if chosen is not None:
        yield _statements(chosen, names)
    else:
        yield from lines.readings(tail, _same_sentence(text[: len(text) - len(tail)]))


def _term(names: Sequence[str]) -> Term:
    """Whether a text begins as a formula in these names does, behind signs, brackets and delimiters: with a number, a fraction, a name."""
    return lambda text: _NUMBER_FIRST.match(text) or begins_with_name(text, names)


def _refuse_denied(before: str, behind: str) -> None:
    if denied(before, behind):
        raise ExpressionError("the answer denies its formula")
    if bounded(before, behind):
        raise ExpressionError("the answer only bounds its formula")


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


def _last_formula(text: str, spans: list[tuple[int, int, str]], lines: _Lines) -> tuple[list[str] | None, str]:
    """The last delimited formula, with those offered beside it; or None and the plain text that follows the last span."""
    tail = text[spans[-1][1] :]
    # "The transfer function from $V_1$ to $R_2$ is R2/(R1+R2)": the answer stands outside of the delimiters.
    if any(lines.holds_formula(line) and not lines.is_aside(line) for line in sentences(tail)):
        return None, tail
    gaps = [text[end:start] for (_, end, _), (start, _, _) in zip([(0, 0, ""), *spans], spans, strict=False)]
    gaps.append(tail)
    explaining = False
    candidates: list[int] = []
    for place, gap in enumerate(gaps[:-1]):
        if (place and _EXPLAINS.match(gap)) or explains(re.split(r"[.!?]\s|\n", gap)[-1]):
            explaining = bool(place)
        elif _SENTENCE_END.search(gap) or "\n" in gap:
            explaining = False
        if not explaining and not lines.is_aside(gap[-80:] + spans[place][2]):
            candidates.append(place)
    candidates = candidates or [0]
    looking = [place for place in candidates if _FORMULA.search(spans[place][2]) or _NAMES_IT.search(gaps[place][-40:])]
    claimed = [place for place in looking or candidates if not denied(_same_sentence(gaps[place]), gaps[place + 1])]
    if not claimed:
        raise ExpressionError("the answer denies its formula")
    last = claimed[-1]
    _refuse_denied(_same_sentence(text[: spans[last][0]]), gaps[last + 1])
    if any(retracts(sentence) for sentence in sentences(gaps[-1])):
        raise ExpressionError("the answer takes its formula back")
    if _FACTOR_BEFORE.search(gaps[last][-20:]) or _GOES_ON.match(gaps[last + 1]):
        raise ExpressionError("something outside of the delimiters belongs to the formula")
    content = spans[last][2]
    chosen = [f"-({content})" if negates(text[: spans[last][0]], content) else content]
    while last > 0 and _BETWEEN_CHOICES.fullmatch(gaps[last]):
        last -= 1
        chosen.insert(0, spans[last][2])
    if _OR_BEFORE.search(gaps[last]) or _OR_BEHIND.match(gaps[claimed[-1] + 1]):
        raise ExpressionError("another formula is offered beside it")
    return chosen, ""


def _same_sentence(before: str) -> str:
    return (_SENTENCE_END.split(before) or [""])[-1].rpartition("\n")[2]


def _statements(pieces: list[str], names: Sequence[str]) -> list[str]:
    """The last statement of each piece: rows of an aligned block and steps of a derivation are joined or dropped."""
    statements = []
    for piece in pieces:
        explanation = _EXPLANATION.search(piece)
        if explanation and _FORMULA.search(piece[: explanation.start()]):
            piece = piece[: explanation.start()]
        piece = _without_remark(_REMARK.sub("", unlisted(piece, _term(names))), names)
        piece = _THAT_IS.sub(" = ", piece)
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


def _without_remark(piece: str, names: Sequence[str]) -> str:
    """A formula without the words in brackets, or the comment, that end it: `(voltage divider)`, `# by KCL`."""
    found = _BRACKETED_WORDS.search(piece) or _COMMENT.search(piece)
    if found is None or all(is_product_of(word, names) for word in re.findall(r"[A-Za-z]+", found[0])):
        return piece
    return (
        piece if _DOUBTS.search(found[0]) or denied("", found[0]) or bounded("", found[0]) else piece[: found.start()]
    )


class _Lines:
    """The lines of undelimited text, in the names of one circuit: which hold a formula, and which only say something beside the answer."""

    def __init__(self, names: Sequence[str], at_one_frequency: bool) -> None:
        self.names = names
        self.at_one_frequency = at_one_frequency

    def holds_formula(self, line: str) -> bool:
        """Whether there is an operator in a line, hyphens and slashes between words that are no names aside, or nothing but names."""
        if _PLAIN_FORMULA.search(_COMPOUND.sub(self._without_compound, line)) or _BARE_NUMBER.fullmatch(line):
            return True
        words = _WORD.findall(line)
        return bool(words) and "," not in line and all(is_product_of(word, self.names) for word in words[:MAX_READINGS])

    def _without_compound(self, found: re.Match[str]) -> str:
        words = re.split(r"[-/‐‑–]", found[0])
        noun = _QUALIFIES.match(found.string, found.end()) and found.string[: found.start()].endswith(" ")
        return "word" if noun or not all(is_product_of(word, self.names) for word in words) else found[0]

    def is_aside(self, line: str) -> bool:
        """Whether a line explains, tells another quantity of the circuit, or the value at one frequency where the answer is none."""
        if explains(line) or _OTHER_QUANTITY.search(line):
            return True
        return not self.at_one_frequency and bool(_AT_ONE_FREQUENCY.search(line))

    def readings(self, text: str, before: str = "") -> Iterator[list[str]]:
        """Readings: the whole, then the last formula-like line from each place where a formula may begin; `before` it: its sentence."""
        whole = joined(text.strip(), _term(self.names))
        lines = [line for line in sentences(whole) if line.strip(" *_#->`")][-MAX_SENTENCES:]
        if not lines:
            raise ExpressionError("there is no expression")
        alone = len(lines) == 1 and "\n" not in whole
        if alone and self._claims(before + _label_of(whole)):
            # Mostly the formula and nothing else: what follows is not looked for until this could not be read.
            yield _statements([whole], self.names)
        line, before = self._answering(lines, before)
        if len(line) > MAX_LINE and not alone:
            raise ExpressionError(f"the formula's line has more than {MAX_LINE} characters")
        line = line[:MAX_LINE]
        claimed = False
        for start in [0, *(found.end() for found in _LEADS_IN.finditer(line))][:MAX_READINGS]:
            rest = line[start:].strip()
            if rest and self._claims(before + line[:start] + _label_of(rest)):
                claimed = True
                yield from self._trimmed(rest)
        if not claimed:
            raise ExpressionError("the answer denies or only bounds its formula")

    def _answering(self, lines: Sequence[str], before: str) -> tuple[str, str]:
        """The line that answers, and what stands before it in its sentence. Raises ExpressionError where it is taken back."""
        looking = [line for line in lines if self.holds_formula(line)]
        chosen = ([line for line in looking if not self.is_aside(line)] or looking or lines)[-1]
        place = max(place for place, line in enumerate(lines) if line is chosen)
        if any(retracts(sentence) for sentence in lines[place + 1 :]):
            raise ExpressionError("the answer takes its formula back")
        return chosen.strip(), before if place == 0 else ""

    def _claims(self, before: str) -> bool:
        """Whether words before a formula neither deny nor only bound it."""
        return not denied(before) and not bounded(before)

    def _trimmed(self, rest: str) -> Iterator[list[str]]:
        """A formula that begins here with all that follows, and without the words that trail off."""
        yield _statements([rest], self.names)
        for trail in (_TRAILS_OFF.search(rest), _TRAILING_WORDS.search(rest), _BEFORE_DENIED.search(rest)):
            if trail and rest[: trail.start()].strip() and self._may_trail(rest[trail.start() :]):
                yield _statements([rest[: trail.start()]], self.names)

    def _may_trail(self, tail: str) -> bool:
        """Whether words behind a formula leave it standing: a reason, a condition, a remark, and no other formula."""
        if _OTHER_DENIED.match(tail):
            return self.holds_formula(tail)
        if denied("", tail) or bounded("", tail) or _TURNS.match(tail):
            return False
        if _OTHERWISE.search(tail):
            return False
        if any(self.holds_formula(offered) for offered in _OR.split(tail)[1:]):
            return False
        return bool(_EXPLAINS.match(tail) or _OTHER_QUANTITY.search(tail)) or not self.holds_formula(tail)


def _label_of(statement: str) -> str:
    """What stands left of the last equality of a statement, without the label itself where a comma parts it from other words."""
    left = statement.rpartition("=")[0].rstrip(" :")
    head, comma, last = left.rpartition(",")
    return head if comma and not re.search(r"[A-Za-z]{2,} [A-Za-z]", last) and not denied(last) else left
