"""Reading a question's gold: each field with its type, or an error that names the field. A bad gold is a fault of the data."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from diagramlens.records import DiagramLensError

Gold = Mapping[str, object]


class GradingError(DiagramLensError):
    """A question that cannot be graded: a kind without a grader, or a gold that lacks what its kind needs."""


def text_of(gold: Gold, key: str) -> str:
    """The text under `key`. Raises GradingError."""
    value = gold.get(key)
    if not isinstance(value, str):
        raise GradingError(f"the gold has no text {key!r}; its keys are {', '.join(sorted(gold)) or 'none'}")
    return value


def texts_of(gold: Gold, key: str) -> tuple[str, ...]:
    """The list of texts under `key`. Raises GradingError."""
    value = gold.get(key)
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        raise GradingError(f"the gold needs {key!r}, a list of texts; its keys are {', '.join(sorted(gold)) or 'none'}")
    return tuple(value)


def whole_of(gold: Gold, key: str) -> int:
    """The whole number of at least 0 under `key`. Raises GradingError."""
    value = gold.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise GradingError(f"the gold needs {key!r}, a whole number of at least 0; it has {value!r}")
    return value


def number_of(gold: Gold, key: str) -> Fraction:
    """The number under `key`, a text such as `5/3` or `1.59e3`. Raises GradingError."""
    value = text_of(gold, key)
    try:
        return Fraction(value)
    except (ValueError, ZeroDivisionError) as error:
        raise GradingError(f"the gold value {value!r} is not a fraction such as 5/3") from error


def roots_of(gold: Gold) -> list[str | tuple[str, str]]:
    """The roots: each a formula's text, or the real and the imaginary part of a number as decimal texts. Raises GradingError."""
    roots = gold.get("roots")
    if not isinstance(roots, (list, tuple)):
        raise GradingError(f"the gold needs 'roots', a list; its keys are {', '.join(sorted(gold)) or 'none'}")
    return [_root_of(root) for root in roots]


def _root_of(root: object) -> str | tuple[str, str]:
    if isinstance(root, str):
        return root
    if isinstance(root, (list, tuple)) and len(root) == 2:
        real, imaginary = (number_of({"a part of the root": part}, "a part of the root") for part in root)
        return str(real), str(imaginary)
    raise GradingError(f"the gold root {root!r} is neither a formula nor two numbers such as ['-50', '200']")
