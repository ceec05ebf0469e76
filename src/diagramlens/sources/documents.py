"""JSON that others wrote: read within limits, whatever is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from diagramlens.sources.files import printable, read_text
from diagramlens.sources.ledger import ItemError


def read_json(path: Path, what: str, limit: int, *, root: Path | None) -> dict[str, Any]:
    """The object of a JSON file of at most `limit` bytes; for `root` see read_text.

    Raises ItemError, in which `what` names what the file should hold.
    """
    text = read_text(path, what, limit, root=root)
    try:
        content = json.loads(text)
    # Brackets nested by the thousand end Python's stack; whole numbers of more than 4,300 digits are a ValueError.
    except (ValueError, RecursionError) as error:
        raise ItemError("JSON cannot be read", f"{printable(path.name)}: {str(error)[:80]}") from None
    if not isinstance(content, dict):
        raise ItemError("JSON cannot be read", f"{printable(path.name)}: expected an object of {what}")
    return content
