"""Files that others made: listed in one order everywhere, named so that a message can hold the name, read within limits.

Every reader of this package goes through these functions, so a missing, unreadable, oversized or mis-encoded file is told in the same
words whatever the data set, and never stops an import by itself: it is an ItemError, counted by its reason. A folder that cannot be
listed is counted too, by the ledger: nobody can tell how many items it holds.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
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


def folders_below(top: Path, root: Path, unreadable: dict[str, str]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`top` and every folder below it, with the names of its subfolders and files, as os.walk gives them; prune the former at will.

    A folder that cannot be listed is left out and put into `unreadable`: its path within `root`, and why. Raises SourceError where that
    is `root` itself.
    """

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        if folder == root:
            raise SourceError(f"{root}: the folder cannot be read: {error.strerror}") from None
        unreadable[str(relative(folder, root))] = error.strerror or type(error).__name__

    for folder, subfolders, names in os.walk(top, onerror=note):
        yield Path(folder), subfolders, names


def files_below(root: Path, unreadable: dict[str, str]) -> list[Path]:
    """All files below a folder in the natural order of their paths; hidden files and folders (a download's records) are left out.

    Folders that cannot be listed are put into `unreadable` (see folders_below). Raises SourceError where that is `root` itself.
    """
    found: list[Path] = []
    for folder, subfolders, names in folders_below(root, root, unreadable):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [folder / name for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: natural(str(relative(path, root))))


def not_looked_into(unreadable: dict[str, str]) -> str:
    """For the message that something was not found: which folders could not be looked into, if any."""
    listed = some_of(f"{path} ({why})" for path, why in unreadable.items())
    return f"; folders that cannot be read: {listed}" if unreadable else ""


def is_there(path: Path) -> bool:
    """Whether there is a file of this name. Raises ItemError where its folder does not let that be known."""
    try:
        return path.is_file()
    except OSError as error:
        raise ItemError("file cannot be read", f"{printable(path.name)}: {error.strerror}") from None


def is_picture(path: Path) -> bool:
    """Whether the name says that it is a picture that can be read, SVG included."""
    return path.suffix.lower() in (*SUFFIXES, DRAWN_SUFFIX)


def folder_of(path: str | Path, what: str) -> Path:
    """The folder. Raises SourceError, saying what is expected there, where there is none."""
    root = Path(path)
    try:
        if root.is_dir():
            return root
        found = "a file, not a folder" if root.exists() else "there is no such folder"
    except OSError as error:
        found = f"the folder cannot be reached: {error.strerror}"
    raise SourceError(f"{root}: {found}; expected {what}")


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
