r"""Numbers as people write them, rewritten as a computer reads them: digits in groups of three, and decimal commas.

`2 200`, `10,000`, `10{,}000`, `1'000` and `1.234.567` are one number each. A comma is the decimal one where it can only be that: it does
not part off three digits (`5,5`, `0,0025`), or what stands before it can be no group (`0,500`, `1234,567`), or points part the groups
(`1.234,5`). `1,000` is a thousand, as in English. What is left of commas between digits is neither, and readers refuse it.
"""

from __future__ import annotations

import re

# What may part groups of three: a blank (TeX's thin ones are blanks by now), a comma, an apostrophe; one kind in a number.
_GROUPED = re.compile(
    r"(?<![\w.,'’}])(?<!\d )[1-9]\d{0,2}(?:([ ,'’]|\{,\})\d{3}(?:\1\d{3})*)(?![\d'’]|,\d|[ ]\d{3}(?!\d)|\{,\}\d)"
)
_GROUPED_BY_POINTS = re.compile(
    r"(?<![\w.,])[1-9]\d{0,2}(?:\.\d{3})+(?=,\d+(?![\d,]|\.\d))|(?<![\w.,])[1-9]\d{0,2}(?:\.\d{3}){2,}(?![\d.]|,\d)"
)
_DECIMAL = re.compile(r"(?<![\w.,}])(\d+)(?:,|\{,\})(\d+)(?!\d|,\d|\.\d|\{,\}\d)")
_SEPARATORS = re.compile(r"[ ,.'’{}]")


def plain_numbers(text: str) -> str:
    """The text with every number it can tell in plain digits with a decimal point.

    >>> plain_numbers("2 200 or 5,5 or 1.234,5 or 1,000")
    '2200 or 5.5 or 1234.5 or 1000'
    """
    text = _GROUPED_BY_POINTS.sub(lambda found: found[0].replace(".", ""), text)
    text = _GROUPED.sub(lambda found: _SEPARATORS.sub("", found[0]), text)
    return _DECIMAL.sub(r"\1.\2", text)


def without_groups(text: str) -> str:
    """The text with groups of three digits closed up and every other comma left alone: for lists, where a comma may part two numbers."""
    return _GROUPED.sub(lambda found: _SEPARATORS.sub("", found[0]), text)
