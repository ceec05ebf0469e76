r"""Poles and zeros: a multiset of complex numbers, or of formulas where the gold has formulas.

Read are `-1000, -50+200j`, `-50 ± j200`, `s_1 = -1 krad/s, s_2 = …`, `\{-1, -2\}\,\text{rad/s}`, `-1000 (double)`, `0`, `none`,
fractions, powers of ten, a root of a number (`\sqrt{3}`), LaTeX, lists, what SymPy and Mathematica print, and a sentence around them. The
unit is rad/s (or 1/s, or none); Hz are turned into rad/s. A root may be said again in another unit (`-1000 rad/s (-159 Hz)`), and must be
the same then. The order is free, how often each root stands is not, and of a conjugate pair both must be given, be it with ±. What is
denied or bounded is no answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from contextlib import suppress
from fractions import Fraction

from diagramlens.grading.claims import bounded, denied, explains, sentences, unnumbered
from diagramlens.grading.constants import Complex, exact_value
from diagramlens.grading.expressions import read_formula
from diagramlens.grading.final import MAX_CHARACTERS, last_box, last_lines, single_blanks
from diagramlens.grading.numerals import without_groups
from diagramlens.grading.prose import MAX_LINE
from diagramlens.grading.quantities import PI
from diagramlens.grading.rational import Expression, Relation, compare
from diagramlens.grading.tokens import ExpressionError, begins_with_name, plain, short
from diagramlens.grading.verdict import Verdict

MAX_ROOTS = 32
MAX_ITEM = 400
TOLERANCE = Fraction(1, 100)
# Where a real or imaginary part of the gold is 0: relative to the size of the root, or to the largest where the root is 0.
NOTHING = Fraction(1, 10**6)

_NONE = re.compile(
    r"\b(?:none|nothing|no (?:finite |real )?(?:poles?|zero(?:e?s)?|roots?))\b|∅|\\emptyset|\\varnothing|\\?\{ ?\\?\}|\[ ?\]",
    re.I,
)
_NUMBER_OR_NONE = re.compile(rf"(?<![A-Za-z])\d(?!\d*(?:st|nd|rd|th)\b)|[spz]_?\d|\borigin\b|{_NONE.pattern}", re.I)
_OPENING = re.compile(r"[-+({\[\s]{0,9}(?:[szp]_?\d?\s?(?:->|=|:|∈|\\in))?[-+({\[\s]{0,9}\Z")
_LAST_DIGIT = re.compile(r"\A.*\d", re.DOTALL)
# Words only, and numbers of steps or orders: `The system is of order 2.`
_ASIDE = re.compile(r"(?=.*[a-z]{3})[^\d=]*\b(?:order|step|degree|eq(?:uation)?\.?)s?\s(?:of\s)?\d{1,2}[^\d=]*", re.I)
_REASON = re.compile(
    r"(?<=[\d\w)}\]/$])[\s,;(]+\b(?:because|since|where|due to|assuming|as (?:the|R|L|C|they|it|can))\b.*\Z",
    re.I | re.S,
)
_MARKUP = re.compile(r"[$`]|\*\*(?![\d(+-])|\\[()\[\]]|\\(?:text|mathrm|rm|quad|qquad|left|right)\b|~")
# A word in a formula, mostly a unit: `\text{rad/s}`, `\mathrm{rad\,s^{-1}}`. Its braces go with the command.
_WORDS = re.compile(
    r"\\(?:text(?:rm|it|bf|sf|tt)?|math(?:rm|it|bf|sf|tt)|operatorname|mbox) ?\{((?:[^{}]|\{[^{}]*\})*)\}(?=(\^|_)?)"
)
_RADIANS_OVER_SECONDS = re.compile(r"\\frac ?\{ ?([kM]?rad) ?\} ?\{ ?s ?\}")
# `s_1 =`, `p_{1,2} ≈`, `z1:`: what names a root. A bare `s` too.
_NAMED = re.compile(
    r"(?<![A-Za-z0-9_\\/])(?:[spz]|\\omega|pole|zero)\s?_?\{?(?:[a-z]?\d?(?:,\s?\d)*)\}?\s*(?:=|:|∈|\\in\b|->|→|\\to\b|\bis\b|\bat\b)\s*",
    re.I,
)
# What a root may begin with: then a dash before it is a minus.
_TERM = re.compile(r"[-+({\\[\s$]*(?:\d|\.\d|\\[dt]?frac|[ij]\d)")
_BETWEEN = re.compile(r"[;\n]|,(?!\d{3}(?!\d))|\band\b|\\\\|&")
_LEADS_IN = re.compile(
    r"\A.*(?:\b(?:at|are|is|has|of|with|be|poles?|zeros?|roots?|get|gives?|obtain|find)\b|:)\s*", re.I | re.S
)
_TRAILS = re.compile(
    r"\s*(?:,?\s*(?:which|where|respectively|so|because|since|as|in|for|on|of)\b.*|[.!]+)\s*\Z", re.I | re.S
)
_TIMES = (
    (
        2,
        re.compile(
            r"\b(?:double|repeated|twice|(?:multiplicity|order)\s*(?:of\s*|=\s*)?2|second[- ]order)\b|[(]\s*[×x]\s*2\s*[)]",
            re.I,
        ),
    ),
    (
        3,
        re.compile(
            r"\b(?:triple|thrice|(?:multiplicity|order)\s*(?:of\s*|=\s*)?3|third[- ]order)\b|[(]\s*[×x]\s*3\s*[)]", re.I
        ),
    ),
)
_UNIT = re.compile(
    r"\s*[\[(]?\s*(?P<prefix>meg|Meg|[kKMGm](?=\s?(?:rad|Hz|Np)))?\s?"
    r"(?P<unit>rad(?:ians?)?(?:\s?(?:/|per)\s?s(?:ec(?:onds?)?)?|\s?[*.]?\s?s\^\{?\(?-1\)?\}?)|Hz|hertz|(?<=\d)\s?1/s(?:ec)?\b"
    r"|/\s?s(?:ec)?\b|s\^\{?\(?-1\)?\}?|Np/s)\s*[\])]?"
)
_PREFIXES = {"m": -3, "k": 3, "K": 3, "M": 6, "meg": 6, "Meg": 6, "G": 9}
_DIGITS = r"\s?(\d{1,15}(?:\.\d{1,15})?)\s?"
_SQUARE_ROOT = re.compile(rf"(?:\\?sqrt|√)\s?(?:\({_DIGITS}\)|\{{{_DIGITS}\}})|√{_DIGITS}")
# A formula in front of its value: of a quadratic's roots, or in the names of the parts.
_FORMULA = re.compile(r"\\?sqrt|√|(?=.*[A-Z]_?\{?\d).*(?:/|\\frac)", re.S)
# The equation whose roots follow: it has a sum in s, which `s = 0` has not.
_SOLVED = re.compile(
    r"[^=\n;]*(?:\+|(?<=[\s\d)}sA-Z])-(?=[\s\d(\\sA-Z]))[^=\n;]*= ?0(?! ?[-+*/.\d])"
    r"(?: ?(?:\\(?:Long)?[Rr]ightarrow|\\(?:implies|to|therefore)|=>|->|[→⇒⟹∴:,.]|\\[,;!]"
    r"|\b(?:so|hence|thus|therefore|then|and|gives?|giving|yields?|which|we|get|has|that)\b))+"
    r" ?(?=[-+({\\]*(?:[spz]\b|[spz]_|the |a |[-+]?\d))"
)
_IMAGINARY = re.compile(r"(?<![A-Za-z\\])[iIJ](?![A-Za-z_])")
# Steps of an aligned derivation are one chain of equalities.
_NEXT_STEP = re.compile(r"(?:\\\\\s*)?&\s*=")
_ALIGNED = re.compile(r"\\(?:begin|end)\s?\{(?:align(?:ed)?|equation|gather(?:ed)?|split)\*?\}")
# Words in brackets that say what kind of root it is.
_REMARK = re.compile(
    r"\((?![^()]*\b(?:not|or|wrong|incorrect|no|maybe|perhaps)\b)(?=[^()]*[a-z]{4})[A-Za-z ,'-]{1,80}\)|\(\s*\)"
)
_ONE_OF_THEM = re.compile(r"\W*(?:(?:pole|zero)\s*\d|[spz]_?\{?\d\}?)\s*(?:=|:|≈)", re.I)
# Where a line that speaks of poles goes on to zeros, or the other way round.
_OTHER_ROOTS = re.compile(
    r"(?:\.|;|,|,? and)\s+(?=(?:and\s+)?(?:(?:the|one|a|its|there (?:is|are))\s+){0,2}(?:no\s+)?(?:poles?|zeros?)\b)",
    re.I,
)
_INDEX = re.compile(r"_\{?\d,\d")
# A root said again: in brackets, behind an equals sign, or behind `or`.
_AGAIN = re.compile(
    r"\s*(?:[(\[]\s*(?:=|about|i\.e\.|or)?\s*([^()\[\]]*\d[^()\[\]]*)[)\]]|\bor\b([^=]*\d[^=]*)|=([^=]*\d[^=]*))[\s.]*\Z"
)
# SymPy's roots with how often each is there: `{-1000: 2}`.
_OFTEN = re.compile(r"(.*[\dj)])\s*:\s*(\d)\s*", re.S)
_J_BEFORE_NUMBER = re.compile(r"(?<![A-Za-z])j\s?(?=[\d.(])")
# All the roots in one pair of brackets, behind a label or nothing. A sign before them would belong to each.
_SET = re.compile(
    r"\A(?P<label>[^\w{}\[\]+−-]*|[^\d{}\[\]+*/−-]*[\s=:])[{\[](?P<roots>[^{}\[\]]*(?:\{[^{}]*\}[^{}\[\]]*)*)[}\]](?P<rest>.*)\Z",
    re.DOTALL,
)


def compare_roots(
    gold: Sequence[str | tuple[str, str]], predicted: str, names: Sequence[str] = (), *, beside: str = ""
) -> Verdict:
    """Whether an answer gives exactly these roots, each as often as the gold does.

    Args:
        gold: for a number (real part, imaginary part) as decimal texts in rad/s; for a formula its text.
        predicted: the answer; real and imaginary part must each be within 1 % of the gold's, strict in sign, or next to
            nothing (a millionth of the root) where the gold's is 0.
        names: the names that formulas may use. Formulas are compared exactly.
        beside: what the answer may speak of beside the roots asked for, `zero` or `pole`: a sentence about these alone is passed over.

    Raises ExpressionError or ValueError for a gold that cannot be read.
    """
    numbers = [(Fraction(root[0]), Fraction(root[1])) for root in gold if not isinstance(root, str)]
    formulas = [read_formula(plain(root), names) for root in gold if isinstance(root, str)]
    try:
        found = _read(predicted, names, beside)
    except ExpressionError as fault:
        return Verdict(False, f"not readable: {fault}")
    if len(found) != len(gold):
        return Verdict(False, f"{len(found)} roots are given, not {len(gold)}")
    scale = max((_size(number) for number in numbers), default=Fraction(1))
    fits = [[_near(number, root, scale) for root in found] for number in numbers] + [
        [_same(formula, root) for root in found] for formula in formulas
    ]
    if _can_be_paired(fits):
        return Verdict(True, "exactly the right roots")
    foreign = [root for place, root in enumerate(found) if not any(row[place] for row in fits)]
    if foreign:
        return Verdict(False, f"{short(foreign[0].text)} is not one of the roots")
    return Verdict(False, "a root is given too often, another is missing")


def _read(text: str, names: Sequence[str], beside: str) -> list[Expression]:
    """The roots that an answer gives, in its order, in rad/s."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"the answer has {len(text)} characters; at most {MAX_CHARACTERS} are read")
    line = _answering(text, names, beside)
    if len(line) > MAX_LINE:
        raise ExpressionError(f"the roots take more than {MAX_LINE} characters")
    line = _without_equation(_tidy(line))
    if _NONE.search(line):
        if re.search(r"(?<![A-Za-z_])\d", line):
            raise ExpressionError("it says that there is none, and gives one")
        return []
    first = re.search(r"(?<![A-Za-z_\d.])\d", line)
    before = _OPENING.sub("", line[: first.start()]) if first else line
    if denied(before, _LAST_DIGIT.sub("", line)) or bounded(before, _LAST_DIGIT.sub("", line)):
        raise ExpressionError("the answer denies or only bounds its roots")
    line = _without_brackets(line)
    roots: list[Expression] = []
    # `-1, -2 krad/s`: a unit counts for the items before it that have none.
    scale = Fraction(1)
    for item, times in reversed(_items(line, names)):
        if len(item) > MAX_ITEM:
            raise ExpressionError(f"a root takes more than {MAX_ITEM} characters")
        again = _AGAIN.search(item)
        if again and again[3] and _FORMULA.search(item[: again.start()]):
            item, again = again[3], None
        if again and not (again[3] or _UNIT.search(again[0])):
            again = None
        item, scale = _without_unit(item[: again.start()] if again else item, scale)
        found = _roots_of(item, scale, names)
        if again:
            _check_again(found, again[1] or again[2] or again[3], names)
        roots += times * found
        if len(roots) > MAX_ROOTS:
            raise ExpressionError(f"more than {MAX_ROOTS} roots")
    if not roots:
        raise ExpressionError("there is no root")
    return roots


def _without_equation(line: str) -> str:
    """A line without the equation that it solves, `1 + s*R1*C1 = 0, so`, where what follows gives the roots."""
    found = _SOLVED.match(line)
    return line if found is None or denied(found[0]) else line[found.end() :]


def _without_unit(item: str, scale: Fraction) -> tuple[str, Fraction]:
    """An item without its unit, and what that multiplies by; the scale as it was where there is none."""
    unit = _UNIT.search(item)
    if unit is None:
        return item, scale
    scale = Fraction(10) ** _PREFIXES.get(unit["prefix"] or "", 0) * (
        2 * PI if unit["unit"].lower().startswith("h") else 1
    )
    return item[: unit.start()] + " " + item[unit.end() :], scale


def _check_again(found: Sequence[Expression], again: str, names: Sequence[str]) -> None:
    """Raises ExpressionError unless what says the roots again in another unit says the same ones."""
    item, scale = _without_unit(again, Fraction(1))
    others = _roots_of(item, scale, names)
    if len(others) != len(found) or not all(map(_once_more, found, others)):
        raise ExpressionError(f"{short(again)} is not the root before it once more")


def _once_more(root: Expression, other: Expression) -> bool:
    value = exact_value(root)
    return _same(root, other) if value is None else _near(value, other, _size(value) or Fraction(1))


def _answering(text: str, names: Sequence[str], beside: str) -> str:
    """The box, the list or the sentence of an answer that gives its roots."""
    boxed = last_box(text)
    lines = unnumbered(text if boxed is None else boxed)
    if "\\begin" in lines:
        return lines
    looking = re.compile("|".join([_NUMBER_OR_NONE.pattern, *map(re.escape, names)]), re.I)
    kept = [line for line in lines.split("\n") if not (explains(line) or _ASIDE.fullmatch(line))]
    if beside:
        asked = {"zero": "pole", "pole": "zero"}[beside]
        kept = [part for line in kept for part in _OTHER_ROOTS.split(line)]
        if kept and all(
            re.match(rf"\W*(?:the )?{beside}s?\s*(?:is|are|at|:|=)", line, re.I) for line in kept if line.strip()
        ):
            raise ExpressionError(f"it gives {beside}s, not {asked}s")
        mine = [line for line in kept if asked in line.lower() or beside not in line.lower()]
        kept = mine if any(looking.search(line) for line in mine) else kept
    labelled = [line for line in kept if _ONE_OF_THEM.match(line)]
    if len(labelled) > 1 and labelled == kept[-len(labelled) :]:
        return "\n".join(labelled)
    lines = last_lines("\n".join(kept), looking, lambda text: _TERM.match(text) or begins_with_name(text, names))
    if "\n" in lines:
        return lines
    said = sentences(lines)
    giving = [place for place, sentence in enumerate(said) if looking.search(sentence) and not explains(sentence)]
    return _REASON.sub("", said[giving[-1]] if giving else lines)


def _items(line: str, names: Sequence[str]) -> list[tuple[str, int]]:
    """The pieces of a line that give roots, each with how often its words say that the root counts."""
    items: list[tuple[str, int]] = []
    announced = 1
    for piece in _BETWEEN.split(_NAMED.sub(" ; ", line)):
        often = _OFTEN.fullmatch(piece)
        if often:
            items.append((often[1], int(often[2])))
            continue
        times = next((times for times, pattern in _TIMES if pattern.search(piece)), 1)
        for _, pattern in _TIMES:
            piece = pattern.sub(" ", piece)
        if not re.search(r"\d", piece) and not any(name in piece for name in names):
            # Words only: "a double pole at" speaks of the next root.
            announced = max(announced, times)
            continue
        items.append((piece, max(times, announced)))
        announced = 1
    if announced > 1 and items:
        # "-1000, double" speaks of the last.
        items[-1] = (items[-1][0], announced)
    return items


def _tidy(text: str) -> str:
    text = (
        text.replace("\\pm", "±")
        .replace("+/-", "±")
        .replace("\\cup", ",")
        .replace("i.e.", " ")
        .replace("the origin", "0")
        .replace("origin", "0")
    )
    text = _ALIGNED.sub(" ", _NEXT_STEP.sub("=", text))
    text = _MARKUP.sub(" ", _WORDS.sub(_bare_word, single_blanks(text)))
    text = single_blanks(plain(re.sub(r"(?<!\\)\\([{}])", r"\1", text)))
    text = _RADIANS_OVER_SECONDS.sub(r"\1/s", text)
    text = _decimal_points(without_groups(text))
    # Mathematica's rules: {{s -> -1}, {s -> -2}} is {s -> -1, s -> -2}.
    text = re.sub(r"\{\s?(s\s?->[^{}]*)\}", r"\1", text)
    text = _SQUARE_ROOT.sub(lambda found: f"({math.sqrt(float(found[1] or found[2] or found[3])):.12g})", text)
    return _J_BEFORE_NUMBER.sub("j*", _IMAGINARY.sub("j", text))


def _decimal_points(line: str) -> str:
    """Commas between digits as points where blanks, semicolons or words part the roots. Raises ExpressionError where they may do either."""
    if not re.search(r"\d,\d", line) or _INDEX.search(line):
        return line
    if re.search(r";|, |\band\b|\n|±|j", line):
        return re.sub(r"(?<=\d),(?=\d)", ".", line)
    raise ExpressionError(
        "a comma between digits parts two roots or is a decimal one: write a blank behind it, or a point"
    )


def _without_brackets(line: str) -> str:
    """A line that is one set of roots, without its brackets; the unit behind them is then that of the last root, as in `-1, -2 rad/s`."""
    found = _SET.match(line)
    if found is None or "\\over" in line:
        return line
    unit = _UNIT.match(found["rest"])
    behind = found["rest"][unit.end() :] if unit else found["rest"]
    return line if re.search(r"\w", behind) else f"{found['label']} {found['roots']} {unit[0] if unit else ''}"


def _bare_word(found: re.Match[str]) -> str:
    """What a `\\text{…}` holds: as it is in a subscript, else parted from what stands before it, and behind it but for its power."""
    before = found.string[max(0, found.start() - 1) : found.start()]
    return found[1] if before in ("_", "^", "{") else f" {found[1]}" + ("" if found[2] else " ")


def _roots_of(item: str, scale: Fraction, names: Sequence[str]) -> list[Expression]:
    """The root or, with ±, the two roots of one item."""
    fault = None
    for text in dict.fromkeys((item, _LEADS_IN.sub("", item, count=1))):
        text = _TRAILS.sub("", text)
        text = _REMARK.sub(" ", text).strip(" .,:;*").rstrip("\\ ")
        signs = ("+", "-") if "±" in text else ("",)
        if text.count("±") > 1:
            raise ExpressionError("more than one ± in a root")
        try:
            roots = [read_formula(text.replace("±", sign), names) for sign in signs]
        except ExpressionError as error:
            fault = fault or error
            continue
        factor = f"*({scale.numerator}/{scale.denominator})" if scale != 1 else ""
        return [read_formula(f"({root.text}){factor}", names) for root in roots]
    raise fault or ExpressionError(f"{short(item)} is not a root")


def _near(gold: Complex, root: Expression, scale: Fraction) -> bool:
    with suppress(ExpressionError):
        value = exact_value(root)
        if value is not None:
            size = _size(gold) or scale
            return all(
                abs(found - wanted) <= max(abs(wanted) * TOLERANCE, size * NOTHING)
                for found, wanted in zip(value, gold, strict=True)
            )
    return False


def _same(gold: Expression, root: Expression) -> bool:
    with suppress(ExpressionError):
        return compare(gold, root) is Relation.EQUAL
    return False


def _size(number: Complex) -> Fraction:
    return max(abs(number[0]), abs(number[1]))


def _can_be_paired(fits: Sequence[Sequence[bool]]) -> bool:
    """Whether every row can have a column of its own among those that fit it (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, fit in enumerate(fits[row]):
            if fit and column not in tried:
                tried.add(column)
                if column not in owner or place(owner[column], tried):
                    owner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(fits)))
