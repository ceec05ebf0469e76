"""From the text of a formula to its tokens, driven by the circuit's own list of names.

The text may be ASCII as SymPy prints it (`R2/(R1 + R2)`), LaTeX (`\\frac{R_2}{R_1+R_2}`), or a mixture with Unicode. Knowing the names
is what makes `sR_1C_1` readable: it is s, R1 and C1, never one long name and never nine letters. Names are case sensitive (`r_o` is
not `R_o`), and a name that is not on the list is an error, not a new symbol.

Everything here is linear in the length of the text, and the text comes from a model: nothing in it is ever evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from diagramlens.records import DiagramLensError

MAX_TOKENS = 4_000
MAX_NAMES = 500
MAX_NAME_LENGTH = 40
MAX_WORD = 500
MAX_DIGITS = 60
MAX_DECIMAL_EXPONENT = 40

# The symbols that every formula may use beside the circuit's names. The odd spellings of the last two keep them apart from a part
# that somebody called `j` or `w`.
S = "s"
IMAGINARY_UNIT = "√-1"
OMEGA = "ω (s/j)"


class ExpressionError(DiagramLensError):
    """A text that is not one rational expression in the given names. The message says which piece of it, and why."""


class Token(NamedTuple):
    """One token: `kind` is "number", "symbol", or the operator or bracket itself (`+ - * / ^ || ( ) [ ] { } frac over`)."""

    kind: str
    text: str
    number: Fraction = Fraction(0)


_UNICODE = str.maketrans(
    {
        **dict.fromkeys("·⋅∙•×∗", "*"),
        **dict.fromkeys("−–—‐‑", "-"),
        **dict.fromkeys("÷∕⁄", "/"),
        **dict.fromkeys("∥‖", "||"),
        **dict.fromkeys("\u00a0\u2009\u202f\u200a\u2003", " "),
        **dict.fromkeys("\u200b\u2061\u2062\ufeff", ""),
        "ω": "\\omega",
        "≈": "=",
        "≡": "=",
        "（": "(",
        "）": ")",
    }
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺", "0123456789-+")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉ₒₘₛₑ", "0123456789omse")

_ELEMENTWISE = re.compile(r"\.([*/^])(?=[\s\w(\\-])")
_HTML = re.compile(r"<su([bp])>\s?([^<>]{1,20}?)\s?</su\1>")
_WRAPPED_TEXT = re.compile(
    r"\\(?:text(?:rm|it|bf|sf|tt)?|math(?:rm|it|bf|sf|tt|cal)|operatorname|mbox|bm|boldsymbol)\s*\{([^{}\\]*)\}"
)
_COMMAND = re.compile(r"\\([A-Za-z]+|.)(\s?)", re.DOTALL)
_COMMANDS = {
    **dict.fromkeys(
        ("left", "right", "bigl", "bigr", "Bigl", "Bigr", "big", "Big", "biggl", "biggr", "bigg", "Bigg"), ""
    ),
    **dict.fromkeys(
        ("displaystyle", "textstyle", "limits", "nonumber", "notag", "mathrm", "rm", "mathbin", "mathrel"), ""
    ),
    **dict.fromkeys((",", ";", "!", ":", " ", ">", "quad", "qquad", "thinspace", "medspace", "enspace", "\n"), " "),
    **dict.fromkeys(("cdot", "times", "ast", "cdotp"), "*"),
    **dict.fromkeys(("parallel", "|", "Vert", "lVert", "rVert"), "||"),
    **dict.fromkeys(("dfrac", "tfrac", "cfrac"), "\\frac"),
    **dict.fromkeys(("approx", "equiv", "simeq", "triangleq"), "="),
    **dict.fromkeys(("lbrace", "{"), "("),
    **dict.fromkeys(("rbrace", "}"), ")"),
    "div": "/",
    "lbrack": "[",
    "rbrack": "]",
    "_": "_",
}
# `\frac12` and `\frac1{sC}` take single digits; written out, so that the tokeniser never sees the number 12.
_BARE_FRACTION = re.compile(r"\\frac\s*(\d)(?:\s*(\d))?(?=\s*[^\d\s]|\s*$)")


def plain(text: str) -> str:
    """The text with Unicode and LaTeX decoration rewritten to ASCII operators; `\\frac`, `\\over` and `\\omega` stay."""
    if not text.isascii():
        text = re.sub("[⁰¹²³⁴-⁹⁻⁺]+", lambda run: "^{" + run[0].translate(_SUPERSCRIPTS) + "}", text)
        text = re.sub("[₀-₉ₒₘₛₑ]+", lambda run: "_{" + run[0].translate(_SUBSCRIPTS) + "}", text)
        text = text.translate(_UNICODE)
    if "." in text:
        # MATLAB's operations element by element.
        text = _ELEMENTWISE.sub(r"\1", text)
    if "<su" in text:
        text = _HTML.sub(lambda found: f"{'_' if found[1] == 'b' else '^'}{{{found[2]}}}", text)
    if "\\" not in text:
        return text
    text = _WRAPPED_TEXT.sub(r"\1", text)
    text = _COMMAND.sub(_rewrite, text)
    return _BARE_FRACTION.sub(lambda found: f"\\frac{{{found[1]}}}" + (f"{{{found[2]}}}" if found[2] else ""), text)


def _rewrite(found: re.Match[str]) -> str:
    replacement = _COMMANDS.get(found[1])
    if replacement is None:
        return found[0]
    # TeX needs the space after a command that a letter follows; after an operator it is noise.
    return replacement + found[2] if replacement.startswith("\\") else replacement


def short(text: str) -> str:
    """A text from an answer, fit for one line of a message: at most 60 characters, all printable."""
    line = " ".join(text[:200].split())
    line = line if len(line) <= 60 else line[:57] + "…"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in line)


def _key(spelling: str) -> str:
    return spelling.translate(_KEY_DROPS)


_KEY_DROPS = str.maketrans("", "", "_{} ")

_NUMBER = r"(?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?)"
# A run of letters, digits and subscripts, in which names may stand without a sign between them: `sR_1C_{gs}`, `\omega`.
_WORD = r"(?P<word>\\?[A-Za-z](?:[A-Za-z0-9]|_(?:\{\s?[A-Za-z0-9,]+\s?\}|[A-Za-z0-9]))*)"
_OPERATOR = r"(?P<operator>\*\*|\|\||//|\\frac|\\over(?![A-Za-z])|[-+*/^()\[\]{}])"
_TOKEN = re.compile(rf"\s+|{_NUMBER}|{_OPERATOR}|{_WORD}|(?P<bad>.)", re.DOTALL | re.ASCII)
# The pieces of a word: one letter or digit, or one subscript in braces. Names begin and end between pieces.
_PIECE = re.compile(r"_\{\s?[A-Za-z0-9,]+\s?\}|_[A-Za-z0-9]|\\?[A-Za-z0-9]")
_BEFORE_OMEGA = re.compile(r"\s*\*?\s*(?:\\?omega|w\b)")
_BUILTINS = {"s": S, "j": IMAGINARY_UNIT, "w": OMEGA, "omega": OMEGA, "\\omega": OMEGA}


@dataclass(frozen=True)
class _Language:
    """The names of one circuit: from key (a name without `_`, `{`, `}`) to the name, and the length of the longest key."""

    symbols: dict[str, str]
    longest: int
    listed: str


@lru_cache(maxsize=256)
def _language(names: tuple[str, ...]) -> _Language:
    """What the words of one circuit mean. Raises ExpressionError for a list of names that cannot be told apart."""
    if len(names) > MAX_NAMES:
        raise ExpressionError(f"{len(names)} names given; at most {MAX_NAMES} are read")
    symbols: dict[str, str] = {}
    for name in names:
        if len(name) > MAX_NAME_LENGTH or not _IS_NAME(name):
            raise ExpressionError(
                f"{name[:MAX_NAME_LENGTH]!r} is not a name: letters, digits and _, starting with a letter"
            )
        if symbols.setdefault(_key(name), name) != name:
            raise ExpressionError(f"the names {symbols[_key(name)]} and {name} cannot be told apart")
    known = {**_BUILTINS, **symbols}
    return _Language(known, max(map(len, known)), ", ".join(dict.fromkeys((*names, "s"))))


_IS_NAME = re.compile(r"\\?[A-Za-z][A-Za-z0-9_{},]*").fullmatch
_OPERATORS = {"**": "^", "//": "||", "\\frac": "frac", "\\over": "over"}


def tokenize(text: str, names: Sequence[str], functions: Sequence[str] = ()) -> list[Token]:
    """The tokens of one formula; raises ExpressionError at the first piece that is no number, operator or listed name.

    `text` is taken as `plain` gives it. `//` is the other common sign for "in parallel with", never a division that rounds. Of the
    names, `functions` stand for functions of s: `G1(s)` is then G1, and for any other name the product with s.
    """
    language = _language(tuple(names))
    tokens: list[Token] = []
    # The words of a formula are few and come again and again.
    words: dict[str, list[Token]] = {}
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind is None:
            continue
        piece = found[0]
        if kind == "operator":
            tokens.append(Token(_OPERATORS.get(piece, piece), piece))
        elif kind == "word":
            # Whether an `i` is the imaginary unit depends on what follows.
            if piece not in words or "i" in piece:
                words[piece] = _symbols_in(text, found.start(), found.end(), language)
            tokens += words[piece]
        elif kind == "number":
            tokens.append(Token("number", piece, _number(piece, language)))
        else:
            raise ExpressionError(_unreadable(text, found.start(), language))
        if len(tokens) > MAX_TOKENS:
            raise ExpressionError(f"more than {MAX_TOKENS} tokens")
    return _without_arguments(tokens, functions) if functions else tokens


def _without_arguments(tokens: Sequence[Token], functions: Sequence[str]) -> list[Token]:
    found: list[Token] = []
    for token in tokens:
        found.append(token)
        if token.kind == ")" and [one.kind for one in found[-4:-1]] == ["symbol", "(", "symbol"]:
            name, _, argument = found[-4:-1]
            if name.text in functions and argument.text == S:
                del found[-3:]
    return found


def is_product_of(word: str, names: Sequence[str]) -> bool:
    """Whether a word is made of these names alone, as `R1C1` is of R1 and C1; s, j and ω count as names."""
    try:
        return bool(tokenize(word, names))
    except ExpressionError:
        return False


def begins_with_name(text: str, names: Sequence[str]) -> bool:
    """Whether a text begins with a name, behind signs, brackets and delimiters, that is not the label `s =` or `H(s) =` of an equality."""
    found = _FIRST_WORD.match(text)
    return found is not None and is_product_of(found[1], names)


_FIRST_WORD = re.compile(
    r"(?:[-+−({\[\s$`*]|\\(?:left|[bB]ig[lg]?|boxed|displaystyle|mathrm|text|[(\[,;!]))*"
    r"(\\?[A-Za-z](?:[A-Za-z0-9]|_(?:\{\s?[A-Za-z0-9,]+\s?\}|[A-Za-z0-9]))*)(?!\s?\(s\)\s?=|(?<=s)\s?=)"
)


def _symbols_in(text: str, start: int, end: int, language: _Language) -> list[Token]:
    """The names that a word is made of, each the longest that fits: `sR_1C_1` is s, R1 and C1.

    A name may be followed by another letter (implicit multiplication) but not by a digit: R12 is not R1 times 2.
    """
    if end - start > MAX_WORD:
        raise ExpressionError(f"{end - start} letters and digits without an operator between them")
    whole = language.symbols.get(_key(text[start:end]))
    if whole is not None:
        return [Token("symbol", whole)]
    pieces = [(found.start(), _key(found[0])) for found in _PIECE.finditer(text, start, end)]
    tokens: list[Token] = []
    first = 0
    while first < len(pieces):
        key, best, after = "", None, first
        for last in range(first, min(len(pieces), first + language.longest)):
            key += pieces[last][1]
            following = text[pieces[last + 1][0]] if last + 1 < len(pieces) else ""
            if key in language.symbols and not (following.isdigit() or following == "_"):
                best, after = language.symbols[key], last + 1
        if best is None and pieces[first][1] == "i" and _BEFORE_OMEGA.match(text, pieces[first][0] + 1):
            # The mathematician's jω. Alone, `i` is more often a current, or the first letter of a word.
            best, after = IMAGINARY_UNIT, first + 1
        if best is None:
            raise ExpressionError(_unreadable(text, pieces[first][0], language))
        tokens.append(Token("symbol", best))
        first = after
    return tokens


def _number(piece: str, language: _Language) -> Fraction:
    if piece.isdigit() and len(piece) <= MAX_DIGITS:
        return _value(piece)
    mantissa, letter, exponent = re.split(r"([eE])", piece) if re.search("[eE]", piece) else (piece, "", "0")
    if letter and letter + exponent in language.symbols:
        raise ExpressionError(f"{piece} is either a number or {mantissa} times {letter + exponent}: write a *")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 4 or abs(int(exponent)) > MAX_DECIMAL_EXPONENT:
        raise ExpressionError(f"the number {piece[:20]}… is too long or too large")
    return _value(piece)


@lru_cache(maxsize=1024)
def _value(piece: str) -> Fraction:
    return Fraction(piece)


def _unreadable(text: str, at: int, language: _Language) -> str:
    while at > 0 and text[at].isalnum() and (text[at - 1].isalnum() or text[at - 1] == "_"):
        at -= 1
    word = re.compile(r"\\?[A-Za-z_][A-Za-z0-9]*(?:_(?:\{[^{}]{0,20}\}|[A-Za-z0-9]+))?").match(text, at)
    if word is None:
        return f"{text[at : at + 1]!r} has no meaning in a rational expression"
    if word[0].startswith("\\"):
        return f"{word[0][:30]} is not a command that a rational expression has"
    return f"the name {word[0][:30]!r} is not one of {language.listed[:200]}"
