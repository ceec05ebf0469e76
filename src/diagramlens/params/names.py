"""The names of entries that a person may add: models, recipes, sources. DVC's command line has to be able to say them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import BeforeValidator

from diagramlens.problems import suggestion

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_NO_TEXT = ("true", "false", "null", "nan", "inf", "infinity")  # `-S model=null` sets no text


def _sayable(name: Any) -> Any:
    if "." in str(name):
        offer = str(name).replace(".", "-")
        raise ValueError(
            f"the name {name} must hold no dot, which DVC takes for a level"
            + f"; call it {offer}" * bool(_NAME.fullmatch(offer))
        )
    if not isinstance(name, str) or not _NAME.fullmatch(name) or name.lower() in _NO_TEXT:
        raise ValueError(
            f"the name {name!r} must begin with a letter, go on with letters, digits, - and _, and be none that YAML reads as a value; "
            "dvc exp run -S could not set it"
        )
    return name


EntryName = Annotated[str, BeforeValidator(_sayable)]


def no_such_entry(axis: str, name: str, entries: Iterable[str], asked: str = "") -> str:
    """What to say of a name that `<axis>s` does not have: where it went, or what it may have been meant to be.

    `asked` is how it was asked for; by itself as params.yaml does, `model = gpt`.
    """
    known = sorted(entries)
    asked, undotted = asked or f"{axis} = {name}", name.replace(".", "-")
    if undotted != name and undotted in known:
        return f"{asked}: {axis}s has no {name}; it is called {undotted} now, since DVC takes a dot for a level"
    return f"{asked}: no such {axis}{suggestion(name, known)} {axis}s has {', '.join(known)}"
