r"""What the words of an answer say of the values and formulas in it: denied, bounded, doubted, a reason for another, a conclusion.

A value that is denied (`not 5.5 V`, `5.5 V is wrong`) or bounded (`< 5.5 V`, `at most 3`) is no answer, nor is one of several that are
offered. `about`, `approximately`, `~` and `≈` say that a value was rounded, and leave it an answer. Of a sentence with a reason in it
(`6 V, because the source is 5.5 V`) the reason's values are none of its own.

Whether words between a denial and a value take the denial back is decided by whether they assert anew: `R3 does not conduct, so it is 4 V`
denies nothing of the 4 V.
"""

from __future__ import annotations

import re

_NOT = (
    r"(?:\bnot\b|n['’]t\b|\b(?:cannot|never|neither|nor|no longer|rather than|instead of|other than|except|unlike"
    r"|anything but|none of|far from)\b)"
)
# Verbs and signs that assert anew what stands behind them. `be` and `equal to` are what is denied in `cannot be`, `is not equal to`.
_ASSERTS = (
    r"(?:\b(?:is|are|was|equals|gives?|yields?|has|have|but|so|and|thus|hence|therefore|because|since)\b|=|[:;→⇒]|->)"
)
_DENIED = re.compile(rf"{_NOT}(?:(?!{_ASSERTS}).)*\Z|(?:≠|\\neq?\b|!=|~=|/=|<>)\s*\Z", re.IGNORECASE | re.DOTALL)
# A denial of all that follows in the sentence: `it is not true that …`, `I do not think …`, `it would be wrong to say …`.
_DENIED_AT_LENGTH = re.compile(
    rf"{_NOT}\s+(?:\w+\s+)?(?:true|the case|correct|right|think|believe|say|claim|expect)\b"
    r"|\b(?:false|wrong|incorrect|untrue|mistaken|a mistake|an error"
    r"|impossible|doubt\w*|unlikely|deny|denies|rule out|excludes?)\b(?!\s*:)",
    re.IGNORECASE,
)
_DENIED_BEHIND = re.compile(
    r"[\s)\]}*$`,]*(?:\([^()]{0,40}\)\s*)?(?:\((?!\s*not (?:an?|the (?!right|correct|answer|true))\b|\s*not (?-i:[-+\d$\\A-Z]))"
    r"(?=[^()]{0,60}\b(?:wrong|incorrect|false|not))|(?:(?!(?:because|since|as|so|and|but|where|if|when|while|for|with|or|to)\b)[A-Za-z]\w*\s+){0,3}?"
    r"(?:(?:(?:which|that|it|this)\s+)?"
    r"(?:is|are|was|were|be|would|will|can|could|must|should|does|seems?|looks?)\b\s*)+(?=(?:\w+\s+){0,2}?(?:not|never|cannot|wrong|incorrect|"
    r"false|untrue|impossible|too|excluded|ruled out|no)\b)|(?:isn|aren|wasn|won|can|couldn|wouldn|doesn|mustn|shouldn)['’]t\b|cannot\b|"
    r"\?|:?\s*(?:wrong|incorrect|false)\b|-*\s*(?:wrong|incorrect|false|no)\b)",
    re.IGNORECASE,
)
_COMPARISON = r"(?:[<>≤≥≪≫≲≳≶≷⩽⩾]=?|\\(?:lt|gt|leq?|geq?|leqslant|geqslant|ll|gg|lesssim|gtrsim)\b)"
_BOUNDED = re.compile(
    rf"(?:(?<![-=]){_COMPARISON}\s*(?:=\s*)?|\b(?:(?:less|more|greater|smaller|larger|lower|higher|bigger|fewer|other)(?:\s+or\s+equal)?\s+(?:than|to)"
    r"|at\s+(?:the\s+)?(?:most|least|worst|best)|up\s+to|below|above|under|over|beyond|exceed(?:s|ing)?|between|within|(?:max|min)(?:imum|imally)?\.?(?:\s+of)?"
    r"|no\s+(?:more|less|fewer)\s+than|as\s+(?:low|high|much|many|little|few)\s+as|almost|nearly|upwards of|close to|in the order of)"
    r"(?:\s+(?:a|an|the|some|about|or equal to|of))*)[\s({\[$`*\\]*\Z",
    re.IGNORECASE,
)
_BOUNDED_BEHIND = re.compile(
    rf"[\s)\]}}*$`,]*(?:\([^()]{{0,40}}\)\s*)?(?:{_COMPARISON}|(?:,\s*)?(?:or|and)\s+(?:less|more|greater|smaller|lower|higher|larger|fewer|above|below|over|under|so|up|upwards|maybe)\b"
    r"|(?:at\s+(?:the\s+)?(?:most|least)|max(?:imum)?|min(?:imum)?|upwards|or thereabouts)\b)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|as|where|given|assuming|assumed|due to|owing to|whereas|while|when|if|unless|although|though|for|with|using"
    r"|reason|explanation|provided|suppose|supposing|considering|namely|note|check)\b|(?<=\s)-{1,3}(?=\s+[a-z])|:(?=\s+[a-z])",
    re.IGNORECASE,
)
_CONCLUDES = re.compile(
    r"\b(?:so|thus|therefore|hence|then|consequently|accordingly|finally"
    r"|altogether|answer|result|final|conclude|follows|in total|overall)\b"
    r"|[→⇒⟹∴]|->|=>|\\(?:to|implies|therefore)\b|\\(?:Long)?[Rr]ightarrow\b",
    re.IGNORECASE,
)
_LEADS_TO = re.compile(
    r"\b(?:gives?|giving|yields?|yielding|leaves|leaving|makes|making|becomes|obtain|get)\b", re.IGNORECASE
)
# A sentence that explains the one before it, and answers nothing itself.
_EXPLAINS = re.compile(
    r"[\s>*_#({\[-]*(?:note|nb|remark|check|checking|verification|verify|sanity check|explanation|reason(?:ing)?|where|here"
    r"|(?:this|that|it) (?:is|follows|comes|holds|results) (?:because|since|as|from|by|due)|by comparison|for (?:comparison|reference)"
    r"|recall|observe|the reason|hint|compare|units?|dimensions?)\b",
    re.IGNORECASE,
)
# One that begins with its reason or condition; the rest of it may answer.
_GIVEN = re.compile(
    r"[\s>*_#({\[-]*(?:because|since|as|with|given|if|when|for|assuming|although|while|at|using|from)\b", re.IGNORECASE
)
# Where one sentence ends and another may begin; a point within a number or behind an abbreviation ends none.
_SENTENCE = re.compile(
    r"(?<=[^\s.][.!?])(?<!\bi\.e\.)(?<!\be\.g\.)(?<!approx\.)(?<!\bca\.)(?<!resp\.)(?<!\bFig\.)(?<!\bEq\.)(?<!\bvs\.)(?<!\bcf\.)(?<!\bmax\.)(?<!\bmin\.)[*_`$)\]]{0,3}\s+(?=[^\s=])|\n+"
)


_RETRACTS = re.compile(
    r"[\s*_]*(?:(?:but|no|wait|hmm|actually|however)\b[\s,:]*)*"
    r"(?:(?:(?:this|that|it|which|the above|my answer)\s+(?:is|was|seems|looks|must be|would be|can|cannot)"
    r"(?:n['’]t)?(?:\s+be)?\s+)?(?:\w+\s+)?"
    r"(?:not\s+(?:right|correct|true|it|the answer)|wrong|incorrect|false|impossible|a mistake)"
    r"|(?:this|that|it)\s+(?:isn|wasn|can)['’]t\s+(?:be\s+)?(?:right|correct|true|it|the answer)"
    r"|i\s+(?:was|am)\s+(?:wrong|mistaken)|i\s+made\s+an?\s+(?:mistake|error)|scratch that|no|wait)[\s.!*_]*",
    re.IGNORECASE,
)
# A sentence that begins so puts what it says in the place of what was said.
_CORRECTS = re.compile(
    r"[\s*_#>-]*(?:(?:oh|hmm+|no|but)\b[\s,.:…]*)*(?:actually|wait|correction|corrected|sorry|oops|scratch that|on second thoughts?"
    r"|my mistake|i (?:made|was|am) (?:an? )?(?:mistaken?|error|wrong)|let me (?:correct|fix|redo|re-?\w+)|rather|hmm+)\b",
    re.IGNORECASE,
)
# What is numbered, and no quantity: `node 2`, `Equation (3)`, `nodes 1 and 2`.
_NUMBERED = (
    r"(?:node|terminal|pin|mesh|loop|branch|step|stage|case|part|method|example|problem|question|section|line|table|figure"
    r"|fig\.?|equation|eqn?\.?)"
)
_NO_QUANTITY = (
    r"(?![.,]?\d|\s?[*/^·×+]|\s?-\s?\d|[A-Za-z]"
    r"|\s?(?:[fpnuµμmkMGT]|meg)?(?:[VAΩWFHS%]|Hz|s|rad|dB|ohms?|volts?|amps?|amperes?|watts?)\b)"
)
_WHICH = re.compile(
    rf"(\b{_NUMBERED})(?:\s?[#(]?\d{{1,3}}\)?|(s)(?:\s(?:are\s)?|\s?[:(]\s?)\d{{1,3}}(?:,?\s?(?:,|and|to|or|&|–)\s?\d{{1,3}})+\)?){_NO_QUANTITY}",
    re.IGNORECASE,
)
MAX_LOOK = 300


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text that hold anything, in its order."""
    return [piece for piece in _SENTENCE.split(text) if piece.strip(" \t*_#->`$.")]


def denied(before: str, behind: str = "") -> bool:
    """Whether the words of its sentence before a value, or those behind it, deny it."""
    return bool(
        _DENIED.search(before[-MAX_LOOK:])
        or _DENIED_AT_LENGTH.search(before[-MAX_LOOK:])
        or _DENIED_BEHIND.match(behind[:MAX_LOOK])
    )


def bounded(before: str, behind: str = "") -> bool:
    """Whether a value is only said to be a bound (`at most 3`, `5 V or less`, `< 1 kHz`)."""
    return bool(_BOUNDED.search(before[-MAX_LOOK:]) or _BOUNDED_BEHIND.match(behind[:MAX_LOOK]))


def gives_reason(words: str) -> bool:
    """Whether words behind a value begin a reason, a condition or a remark: what they bring is none of the answer."""
    return bool(_REASON.search(words))


def concludes(words: str) -> bool:
    """Whether words before a value say that it is the conclusion: `so`, `the answer is`, an arrow."""
    return bool(_CONCLUDES.search(words))


def leads_to(words: str) -> bool:
    """Whether words before a value say that it follows from what stands before them: `so`, `which gives`."""
    return bool(_CONCLUDES.search(words) or _LEADS_TO.search(words))


def explains(sentence: str) -> bool:
    """Whether a sentence begins as one that explains the answer before it: `Note:`, `This is because`, `where`."""
    return bool(_EXPLAINS.match(sentence))


def given(sentence: str) -> bool:
    """Whether a sentence begins with a reason or a condition: `Since R1 = R2, …`."""
    return bool(_GIVEN.match(sentence))


def corrects(sentence: str) -> bool:
    """Whether a sentence begins as one that puts something in the place of what was said: `Actually, …`, `Correction: …`"""
    return bool(_CORRECTS.match(sentence[:MAX_LOOK]))


def unnumbered(text: str) -> str:
    """The text without the numbers that only tell which one is meant.

    >>> unnumbered("Step 3: node 2 is at 4.8 V")
    'Step_: node_ is at 4.8 V'
    """
    return _WHICH.sub(lambda found: f"{found[1]}{found[2] or ''}_", text)


def retracts(sentence: str) -> bool:
    """Whether a sentence without a value takes back the one before it: `That is wrong.`, `No, wait.`"""
    return bool(_RETRACTS.fullmatch(sentence[:MAX_LOOK]))
