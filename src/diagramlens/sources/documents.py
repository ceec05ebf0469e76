"""JSON that others wrote: read within limits, whatever is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from diagramlens.sources.files import printable, read_text
from diagramlens.sources.ledger import ItemError

# JSON may spell half of a pair of surrogates, which is no character: neither a file nor a table takes it.
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?P<half>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def read_json(path: Path, what: str, limit: int, *, root: Path | None) -> dict[str, Any]:
    """The object of a JSON file of at most `limit` bytes; for `root` see read_text.

    Half a pair of surrogates is read as U+FFFD, which stands for what could not be read. Raises ItemError, in which `what` names what
    the file should hold.
    """
    text = read_text(path, what, limit, root=root)
    if "\\ud" in text or "\\uD" in text:
        text = _ESCAPE.sub(lambda found: r"\ufffd" if found["half"] else found[0], text)
    try:
        content = json.loads(text)
    # Brackets nested by the thousand end Python's stack; whole numbers of more than 4,300 digits are a ValueError.
    except (ValueError, RecursionError) as error:
        raise ItemError("JSON cannot be read", f"{printable(path.name)}: {str(error)[:80]}") from None
    if not isinstance(content, dict):
        raise ItemError("JSON cannot be read", f"{printable(path.name)}: expected an object of {what}")
    return content
