"""Folders that cannot be listed: named and counted as damage by every reader of trees, fatal at the root alone or beyond what is allowed.

The tests may run as root, whom no permission stops: the operating system's refusal is put in its place.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from diagramlens.sources.circuitsense import read_circuitsense
from diagramlens.sources.folders import read_folder
from diagramlens.sources.labelme import read_labelme
from diagramlens.sources.ledger import Imported, SourceError
from tests.sources.test_boxes import add_labelme, png
from tests.sources.test_circuitsense import add_item

DIVIDER = "V1 1 0\nR1 1 2\nR2 2 0\n"

Read = Callable[[Path, float], Imported]


def _circuitsense(root: Path, worst: float) -> Imported:
    return read_circuitsense(root, max_bad_fraction=worst)


def _labelme(root: Path, worst: float) -> Imported:
    return read_labelme(root, name="real", ask_counts=False, max_bad_fraction=worst)


def _folder(root: Path, worst: float) -> Imported:
    return read_folder(root, name="pairs", convention="spice", max_bad_fraction=worst)


def _add_pair(root: Path, path: str) -> None:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / f"{path}.png").write_bytes(png())
    (root / f"{path}.cir").write_text(DIVIDER)


# A reader, how to add an item to its tree, where the items lie.
TREES = {
    "circuitsense": (_circuitsense, add_item, "Analysis/synthetic"),
    "labelme": (_labelme, add_labelme, "photos"),
    "folder": (_folder, _add_pair, "photos"),
}


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Read, Path, str]:
    """A reader, and a tree with three items in one folder and one in another, which is called `locked`."""
    read, add, where = TREES[request.param]
    for name in ("open/q1", "open/q2", "open/q3", "locked/q4"):
        if request.param == "labelme":
            add_labelme(tmp_path / where / name.split("/")[0], name.split("/")[1])
        else:
            add(tmp_path, f"{where}/{name}")
    return read, tmp_path, f"{where}/locked"


@pytest.fixture
def refuse(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Make the operating system refuse to list a folder, whatever asks."""

    def refuse(folder: Path) -> None:
        for name in ("scandir", "listdir"):
            monkeypatch.setattr(os, name, partial(_refused, getattr(os, name), folder))

    return refuse


def _refused(ask: Callable[[Any], Any], folder: Path, path: Any = ".") -> Any:
    if Path(path) == folder:
        raise PermissionError(13, "Permission denied", os.fspath(path))
    return ask(path)


def test_a_folder_that_cannot_be_listed_is_named_counted_and_set_aside(
    tree: tuple[Read, Path, str], refuse: Callable[[Path], None]
) -> None:
    read, root, locked = tree
    whole = [diagram.id for diagram in read(root, 0.0).diagrams]
    refuse(root / locked)
    imported = read(root, 0.25)
    found = [diagram.id for diagram in imported.diagrams]
    metrics = imported.ledger.metrics()
    assert len(whole) == 4 and found == [identity for identity in whole if identity in found] and len(found) == 3
    assert metrics["set_aside_by_reason"] == {"folder cannot be read": 1}
    assert (metrics["items"], metrics["items_not_read"], metrics["set_aside_damaged"]) == (4, 0, 1)
    assert metrics["examples"] == [f"folder cannot be read: {locked}: Permission denied"]


def test_more_such_folders_than_allowed_fail_the_import_by_name(
    tree: tuple[Read, Path, str], refuse: Callable[[Path], None]
) -> None:
    read, root, locked = tree
    refuse(root / locked)
    with pytest.raises(SourceError, match=rf"1 of 4 imported items are damaged.*first: {locked} \(folder cannot be"):
        list(read(root, 0.2).diagrams)


def test_a_root_that_cannot_be_listed_fails_at_once(
    tree: tuple[Read, Path, str], refuse: Callable[[Path], None]
) -> None:
    read, root, _ = tree
    refuse(root)
    with pytest.raises(SourceError, match=rf"{root}: the folder cannot be read: Permission denied"):
        read(root, 1.0)


def test_a_tree_that_is_empty_but_for_such_a_folder_says_so(
    tree: tuple[Read, Path, str], refuse: Callable[[Path], None]
) -> None:
    read, root, locked = tree
    refuse(root / locked.split("/")[0])
    with pytest.raises(SourceError, match=r"; folders that cannot be read: \w+ \(Permission denied\)"):
        read(root, 1.0)


@pytest.mark.parametrize(("read", "hidden"), [(_labelme, "elsewhere/b.png"), (_folder, "b.cir")])
def test_a_file_of_which_it_cannot_be_known_whether_it_is_there_is_damage(
    read: Read, hidden: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        _add_pair(tmp_path, name)
        add_labelme(tmp_path, name, imagePath="elsewhere/b.png" if name == "b" else "a.png")
    ask = Path.stat

    def stat(path: Path, **options: Any) -> os.stat_result:
        if path == tmp_path / hidden:
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return ask(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    imported = read(tmp_path, 0.5)
    assert len(list(imported.diagrams)) == 1
    assert imported.ledger.metrics()["set_aside_by_reason"] == {"file cannot be read": 1}
