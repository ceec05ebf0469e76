"""Files that others made: listed in one order everywhere, named so that a message can hold the name, read within limits.

Every reader of this package goes through these functions, so a missing, unreadable, oversized or mis-encoded file is told in the same
words whatever the data set, and never stops an import by itself: it is an ItemError, counted by its reason.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from diagramlens.sources.ledger import ItemError, SourceError
from diagramlens.sources.pictures import DRAWN_SUFFIX, SUFFIXES, Picture, PictureError, read_picture
from diagramlens.sources.svg import RendererMissing

MAX_TEXT_BYTES = 256 * 1024


def printable(text: str) -> str:
    """A name as it may stand in a message and in a table: bytes that are not UTF-8, and control characters, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def natural(path: str) -> list[tuple[int, str]]:
    """A sort key that puts q2 before q10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"([0-9]+)", path)]


def relative(path: Path, root: Path) -> PurePosixPath:
    """The path within `root`, printable."""
    return PurePosixPath(printable(path.relative_to(root).as_posix()))


def files_below(root: Path) -> list[Path]:
    """All files below a folder in the natural order of their paths; hidden files and folders (a download's records) are left out."""
    found: list[Path] = []
    for folder, subfolders, names in os.walk(root, onerror=_raise):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [Path(folder) / name for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: natural(str(relative(path, root))))


def _raise(error: OSError) -> None:
    raise error


def is_picture(path: Path) -> bool:
    """Whether the name says that it is a picture that can be read, SVG included."""
    return path.suffix.lower() in (*SUFFIXES, DRAWN_SUFFIX)


def folder_of(path: str | Path, what: str) -> Path:
    """The folder. Raises SourceError, saying what is expected there, where there is none."""
    root = Path(path)
    if not root.is_dir():
        found = "a file, not a folder" if root.exists() else "there is no such folder"
        raise SourceError(f"{root}: {found}; expected {what}")
    return root


def inside(root: Path, parts: str, beside: Path) -> Path:
    """The file that a foreign document names, by a path from the folder `beside`; both kinds of slash are read.

    Raises ItemError for a path that leaves `root`: an import reads nothing but the folder that it was given.
    """
    path = Path(os.path.normpath(beside / parts.replace("\\", "/").replace("\0", "")))
    if not path.is_relative_to(root):
        raise ItemError("picture outside the folder", f"{printable(parts)[:80]}: only what lies in the folder is read")
    return path


def read_text(path: Path, what: str, limit: int = MAX_TEXT_BYTES) -> str:
    """The stripped text of a file of at most `limit` bytes. Raises ItemError, in which `what` names what it should hold."""
    name = printable(path.name)
    try:
        if not path.is_file():
            raise ItemError(f"no {what}", f"{name} is no file, or a link to none")
        if path.stat().st_size > limit:
            raise ItemError("text too long", f"{name} is larger than {limit >> 10} KiB")
        text = path.read_bytes().decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ItemError("text is not UTF-8", f"{name}, byte {error.start}") from None
    except OSError as error:
        raise ItemError("file cannot be read", f"{name}: {error.strerror}") from None
    if not text:
        raise ItemError(f"no {what}", f"{name} is empty")
    return text


def read_picture_file(path: Path) -> Picture:
    """A picture of any format that is read here, SVG included. Raises ItemError."""
    name = printable(path.name)
    try:
        if not path.is_file():
            raise ItemError("no picture", f"{name} is no file, or a link to none")
        return read_picture(path)
    except RendererMissing as error:
        raise ItemError("picture is SVG, and no renderer is installed", f"{name}: {error}", damage=False) from None
    except PictureError as error:
        raise ItemError("picture too large" if error.too_large else "picture is damaged", f"{name}: {error}") from None
    except OSError as error:
        raise ItemError("file cannot be read", f"{name}: {error.strerror}") from None


def some_of(names: Iterable[str]) -> str:
    """The first five names in their order, for a message that says what was found instead."""
    return ", ".join(printable(name) for name in sorted(names)[:5]) or "nothing"
