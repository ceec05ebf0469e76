"""Files that others made: listed in one order everywhere, named so that a message can hold the name, read within limits.

Every reader of this package goes through these functions, so a missing, unreadable, oversized or mis-encoded file is told in the same
words whatever the data set, and never stops an import by itself: it is an ItemError, counted by its reason. A folder that cannot be
listed is counted too, by the ledger: nobody can tell how many items it holds.

An import reads nothing but the folder that it was given: neither a path nor a link leads out of it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from diagramlens.sources.ledger import ItemError, SourceError
from diagramlens.sources.pictures import DRAWN_SUFFIX, SUFFIXES, Picture, PictureError, read_picture
from diagramlens.sources.svg import RendererMissing

MAX_TEXT_BYTES = 256 * 1024
MAX_ENDS = 8  # folders of a foreign path, from its end, that may have come along

_UPLOAD_PREFIX = re.compile(r"[0-9a-f]{4,8}(?:-|__)")


class OutsideError(ItemError):
    """A path that leaves the folder which is imported."""


def printable(text: str) -> str:
    """A name as it may stand in a message and in a table: bytes that are not UTF-8, and control characters, escaped."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def natural(path: str) -> list[tuple[int, str]]:
    """A sort key that puts q2 before q10."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"([0-9]+)", path)]


def relative(path: Path, root: Path) -> PurePosixPath:
    """The path within `root`, printable."""
    return PurePosixPath(printable(path.relative_to(root).as_posix()))


def folders_below(top: Path, root: Path, unread: dict[str, ItemError]) -> Iterator[tuple[Path, list[str], list[str]]]:
    """`top` and every folder below it, with the names of its subfolders and files, as os.walk gives them; prune the former at will.

    Left out, and put into `unread` by their paths within `root`, are folders that cannot be listed and links to folders (of `top`, a
    link out of `root`). Raises SourceError where `root` itself cannot be listed.
    """

    def note(error: OSError) -> None:
        folder = Path(error.filename)
        if folder == root:
            raise SourceError(f"{root}: the folder cannot be read: {error.strerror}") from None
        why = error.strerror or type(error).__name__
        unread[str(relative(folder, root))] = ItemError("folder cannot be read", why)

    try:
        refuse_links_out(top, root)
    except ItemError as why:
        unread[str(relative(top, root))] = why
        return
    for folder, subfolders, names in os.walk(top, onerror=note):
        links = [name for name in subfolders if (Path(folder) / name).is_symlink()]
        for name in links:
            subfolders.remove(name)
            unread[str(relative(Path(folder) / name, root))] = _link_to_folder(Path(folder) / name, root)
        yield Path(folder), subfolders, names


def _link_to_folder(link: Path, root: Path) -> ItemError:
    try:
        refuse_links_out(link, root)
    except ItemError as why:
        return why
    return ItemError("link to a folder", "it is not followed", damage=False)


def files_below(root: Path, unread: dict[str, ItemError]) -> list[Path]:
    """All files below a folder in the natural order of their paths; hidden files and folders (a download's records) are left out.

    For `unread`, and what is raised, see folders_below.
    """
    found: list[Path] = []
    for folder, subfolders, names in folders_below(root, root, unread):
        subfolders[:] = [name for name in subfolders if not name.startswith(".")]
        found += [folder / name for name in names if not name.startswith(".")]
    return sorted(found, key=lambda path: natural(str(relative(path, root))))


def not_looked_into(unread: Mapping[str, ItemError]) -> str:
    """For the message that something was not found: which folders were not looked into, if any."""
    listed = some_of(f"{path} ({why.detail})" for path, why in unread.items())
    return f"; folders that cannot be read: {listed}" if unread else ""


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
        if not root.exists() and Path(os.environ.get("DVC_ROOT", "."), root).exists():
            found = f"not in this experiment's copy of the tree, which has what Git and DVC keep; dvc add {root} where you work"
    except OSError as error:
        found = f"the folder cannot be reached: {error.strerror}"
    raise SourceError(f"{root}: {found}; expected {what}")


def inside(root: Path, parts: str, beside: Path) -> Path:
    """The file that a foreign document names, by a path from the folder `beside`; both kinds of slash are read.

    Raises OutsideError for a path that leaves `root`. Links are not looked at: what reads the file refuses them.
    """
    path = Path(os.path.normpath(Path.cwd() / beside / parts.replace("\\", "/").replace("\0", "")))
    if not path.is_relative_to(os.path.normpath(Path.cwd() / root)):
        raise OutsideError(
            "picture outside the folder", f"{printable(parts)[:80]}: only what lies in the folder is read"
        )
    return path


def named_file(root: Path, parts: str, beside: Path) -> Path:
    """The file that a foreign document names, where it lies in `root`; else the one that the longest end of the path leads to.

    Tools write where a picture lay on the machine of whoever marked it. Label Studio also puts eight hexadecimal digits before the name
    of what it is given, and some exports write a blank as %20. Where no end leads to a file, the path itself is returned for its reader
    to tell. Raises OutsideError where that leaves `root`.
    """
    for end in _ends(parts):
        with suppress(OutsideError):
            candidate = inside(root, end, beside)
            if is_there(candidate):
                return candidate
    return inside(root, parts, beside)


def _ends(parts: str) -> Iterator[str]:
    """A foreign path and its ends, the longest first; each end also with its name as it was before it was given to a tool."""
    yield parts
    pieces = [piece for piece in re.split(r"[\\/]+", parts) if piece not in ("", ".", "..")][-MAX_ENDS:]
    for spelled in (pieces, [unquote(piece) for piece in pieces]):
        for first in range(len(spelled)):
            *folders, name = spelled[first:]
            yield "/".join((*folders, name))
            yield "/".join((*folders, _UPLOAD_PREFIX.sub("", name)))


def refuse_links_out(path: Path, root: Path) -> None:
    """Raise ItemError where links on the way to `path` lead out of `root`, which may itself be a link."""
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise ItemError(
            "link out of the folder",
            f"{printable(path.name)} leads elsewhere; only what lies in the folder is read (cp -rL copies what links lead to)",
        )


def read_text(path: Path, what: str, limit: int = MAX_TEXT_BYTES, *, root: Path | None) -> str:
    """The stripped text of a file of at most `limit` bytes; for `root`, and what is raised, see read_bytes."""
    data, name = read_bytes(path, what, limit, root=root), printable(path.name)
    try:
        text = data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise ItemError("text is not UTF-8", f"{name}, byte {error.start}") from None
    if not text:
        raise ItemError(f"no {what}", f"{name} is empty")
    return text


def read_bytes(path: Path, what: str, limit: int = MAX_TEXT_BYTES, *, root: Path | None) -> bytes:
    """What a file of at most `limit` bytes below `root` holds; None: one that params.yaml names itself, wherever it lies.

    Raises ItemError, in which `what` names what the file should hold.
    """
    name = printable(path.name)
    if root is not None:
        refuse_links_out(path, root)
    try:
        if not path.is_file():
            raise ItemError(f"no {what}", f"{name} is no file, or a link to none")
        if path.stat().st_size > limit:
            raise ItemError("text too long", f"{name} is larger than {limit >> 10} KiB")
        return path.read_bytes()
    except OSError as error:
        raise ItemError("file cannot be read", f"{name}: {error.strerror}") from None


def read_picture_file(path: Path, root: Path) -> Picture:
    """A picture below `root`, of any format that is read here, SVG included. Raises ItemError."""
    name = printable(path.name)
    refuse_links_out(path, root)
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
