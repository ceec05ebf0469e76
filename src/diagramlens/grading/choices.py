r"""Multiple choice: the one letter, or the one choice, that an answer commits itself to.

In order of strength: the last `\boxed{}`; a bare letter (`B`, `(b)`, `**B.**`); a letter with its choice (`B) R2/(R1+R2)`), whose text
must not be another choice's; a choice's own text; a statement (`the answer is B`, `option B is correct`), the last one counting; a letter
with its reasons (`B - because …`), which must name no other; letters marked as such anywhere (`(B)`, `Option B`). Two letters are no
answer, whatever is said of them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from diagramlens.grading.claims import corrects, denied, sentences
from diagramlens.grading.final import MAX_CHARACTERS, last_box, single_blanks
from diagramlens.grading.latex import normalize_latex
from diagramlens.grading.tokens import short
from diagramlens.grading.verdict import Verdict

_EDGES = " \t\n*_`$\"'“”#>.,;"
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|boxed|fbox)\s?\{([^{}]*)\}")
_WORD = r"(?:answer|options?|choices?|letters?)"
_DELIMITERS = re.compile(r"\\[()\[\]]|\$+")
_OFFER = (
    r"(?<![A-Za-z0-9_'])([{letters}])[)\]*_`$.]*\s*,?\s*(?:or|and/or)\s+(?:maybe |perhaps |possibly |even )?"
    r"(?:option |choice |answer )?[(\[*_`$]*([{letters}])(?![A-Za-z0-9_'])"
)
MAX_SENTENCES = 100
MAX_MENTIONS = 20
_STATED = (
    r"(?:\b{word}\s*(?:is|are|:|=|would be|must be|comes out as|follows)?\s*:?\s*(?:{word}\s*)?"
    r"|\b(?:it(?:['’]s|\s+is)|choose|select|pick|go with|chose)\s+(?:{word}\s*)?)"
)
# Words that begin a reason, and none that takes the letter back (`B - or C`, `B - no`).
_REASON = re.compile(r"(?:because|since|as|the)\b", re.IGNORECASE)
_FIRST_LABEL = re.compile(r"\A[A-Za-z]\w{0,20}(?:\{\w{1,20}\})?(?:\([a-zω\\]{1,7}\))?\s*=\s*")


def compare_choice(letter: str, choices: Sequence[str], predicted: str) -> Verdict:
    """Whether an answer chooses `letter`; `choices` are the texts, A first. See the module for what is read."""
    if len(predicted) > MAX_CHARACTERS:
        return Verdict(False, f"not readable: the answer has {len(predicted)} characters")
    letters = string.ascii_uppercase[: len(choices)]
    boxed = last_box(predicted)
    text = single_blanks(predicted if boxed is None else boxed).replace('"', "")
    text = _WRAPPED.sub(r"\1", _WRAPPED.sub(r"\1", _DELIMITERS.sub(" ", text)))
    text = re.sub(r" +(?=[,.;:])", "", single_blanks(text)).strip(_EDGES)
    found = _chosen(text, letters, choices) | _offered(text, letters)
    if len(found) == 1 and _is_denied(text, *found):
        return Verdict(False, f"not readable: {short(predicted)!r} denies {found.pop()}")
    if len(found) != 1:
        named = ", ".join(sorted(found)) or "no choice"
        return Verdict(False, f"not readable: {named} named in {short(predicted)!r}")
    chosen = found.pop()
    return Verdict(chosen == letter, f"{chosen} is right" if chosen == letter else f"{chosen} is not {letter}")


def _offered(text: str, letters: str) -> set[str]:
    """The letters of an offer: `A or B`, `A, or maybe (B)`."""
    return {letter for found in re.finditer(_OFFER.format(letters=letters), text) for letter in found.groups()}


def _is_denied(text: str, letter: str) -> bool:
    """Whether any mention of the letter is denied in its sentence, or all of it is taken for wrong."""
    mention = re.compile(rf"(?<![A-Za-z0-9_'])[(\[*_`]*{letter}[)\]*_`]*(?![A-Za-z0-9_'])")
    for sentence in sentences(text)[:MAX_SENTENCES]:
        for found in list(mention.finditer(sentence))[:MAX_MENTIONS]:
            if denied(sentence[: found.start()], sentence[found.end() :]):
                return True
    return False


def _chosen(text: str, letters: str, choices: Sequence[str]) -> set[str]:
    """The letters that an answer commits itself to: one if it is an answer."""
    same = _same_text(text, letters, choices)
    bare = re.fullmatch(rf"[(\[{{]?\s*([{letters}{letters.lower()}])\s*[)\]}}.:]*", text)
    if bare and (bare[1].isupper() or not same):
        return {bare[1].upper()}
    if same:
        return same
    leading = re.match(rf"(?:(?i:{_WORD})\s+)?[(\[]?([{letters}])[*_`]*[)\].:]+[\s*_`]*(?=\S)", text)
    if leading:
        rest = text[leading.end() :]
        # The line that names the choice may be followed by reasons, which may name the other choices only to reject them.
        others = _same_text(rest.split("\n")[0], letters, choices) | (_stated(rest, letters) or _marked(rest, letters))
        for sentence in filter(corrects, sentences(rest)):
            others |= _named(sentence, letters)
        return others | {leading[1]}
    return _stated(text, letters) or _reasoned(text, letters, choices) or _marked(text, letters)


def _reasoned(text: str, letters: str, choices: Sequence[str]) -> set[str]:
    """The letter that a dash or a bracket parts from its reasons or its own choice's text; none where another letter stands in them."""
    found = re.match(rf"[(\[]?([{letters}])[*_`)\].]*(?:\s[-–—]{{1,3}}\s|,?\s(?=because\b|since\b)|\s(?=\())", text)
    if found is None:
        return set()
    rest = text[found.end() :]
    others = _same_text(rest, letters, choices) or _same_text(
        rest.removeprefix("(").removesuffix(")"), letters, choices
    )
    if not others:
        if not _REASON.match(rest):
            return set()
        others = _named(rest, letters)
    return others | {found[1]}


def _same_text(text: str, letters: str, choices: Sequence[str]) -> set[str]:
    """The letters of the choices whose text this is, but for spelling and a label such as `H(s) =`."""
    text = text.strip(_EDGES)
    normal = {_normal(text), _normal(_FIRST_LABEL.sub("", text))} - {""}
    return {letter for letter, choice in zip(letters, choices, strict=False) if _normal(choice.strip(_EDGES)) in normal}


def _normal(text: str) -> str:
    return normalize_latex(text) if re.search(r"[\d\\=]", text) else " ".join(text.lower().replace("-", " ").split())


def _stated(text: str, letters: str) -> set[str]:
    """The letters of the last statement that says which it is, with what it offers beside the first."""
    one = rf"[(\[*_`$\s]*([{letters}])(?![A-Za-z0-9_'])[)\]*_`$.]*(?!\s*[=*/+^]|\s[a-z]+-pass)"
    pattern = re.compile(rf"(?i:{_STATED.format(word=_WORD)}){one}(?:\s*(?:,|or|and|/|&|,\s*or)\s*{one})*")
    concluded = re.compile(rf"(?:[→⇒∴]|=>|->|\b(?i:so|hence|thus|therefore),?)\s?{one}\s*\Z")
    statements = list(pattern.finditer(text)) or list(concluded.finditer(text))
    if statements:
        return _named(statements[-1][0], letters)
    after = list(
        re.finditer(rf"(?<![A-Za-z0-9_'])([{letters}])[)\]*_`.]*\s+(?:is|are)\s+(?:the\s+)?(?:correct|right)", text)
    )
    return {found[1] for found in after}


def _named(text: str, letters: str) -> set[str]:
    """All letters of choices that stand alone in a text."""
    return set(re.findall(rf"(?<![A-Za-z0-9_])[{letters}](?![A-Za-z0-9_'])", text))


def _marked(text: str, letters: str) -> set[str]:
    """All letters that stand as letters of choices: in brackets, behind `option`, before `)` at the start of a line, or alone on one."""
    pattern = re.compile(
        rf"[(\[]([{letters}])[)\]]|(?i:\b{_WORD})\s+[*_(]*([{letters}])\b|^ ?[*_]*([{letters}])(?:[).:]+(?=\s|[*_])|[*_.\s]*$)",
        re.MULTILINE,
    )
    return {letter for found in pattern.finditer(text) for letter in found.groups() if letter}
