"""Links and paths that lead out of the imported folder: never followed, told by the item that has them, and counted."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from diagramlens.sources.circuitsense import read_circuitsense
from diagramlens.sources.coco import read_coco
from diagramlens.sources.files import OutsideError, inside, named_file
from diagramlens.sources.folders import read_folder
from diagramlens.sources.labelme import read_labelme
from diagramlens.sources.ledger import Imported, SourceError
from diagramlens.sources.tables import Columns, read_table_of_pictures
from tests.sources.test_boxes import add_labelme, png
from tests.sources.test_circuitsense import add_item

DIVIDER = "V1 1 0\nR1 1 2\nR2 2 0\n"


def _circuitsense(root: Path) -> Imported:
    for number in (1, 2):
        add_item(root, f"Analysis/synthetic/level0/q{number}")
    return read_circuitsense(root, max_bad_fraction=0.5)


def _labelme(root: Path) -> Imported:
    for number in (1, 2):
        add_labelme(root, f"q{number}")
    return read_labelme(root, name="real", ask_counts=False, max_bad_fraction=0.5)


def _folder(root: Path) -> Imported:
    for number in (1, 2):
        (root / f"q{number}.png").write_bytes(png())
        (root / f"q{number}.cir").write_text(DIVIDER)
    return read_folder(root, name="pairs", convention="spice", max_bad_fraction=0.5)


def _coco(root: Path) -> Imported:
    images = [{"id": number, "file_name": f"q{number}.png"} for number in (1, 2)]
    marks = [{"image_id": number, "category_id": 1, "bbox": [1, 1, 5, 5]} for number in (1, 2)]
    content = {"images": images, "annotations": marks, "categories": [{"id": 1, "name": "resistor"}]}
    (root / "coco.json").write_text(json.dumps(content))
    for number in (1, 2):
        (root / f"q{number}.png").write_bytes(png())
    return read_coco(root / "coco.json", root, name="boxes", ask_counts=False, max_bad_fraction=0.5)


def _table(root: Path) -> Imported:
    for number in (1, 2):
        (root / f"q{number}.png").write_bytes(png())
    with (root / "table.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "netlist"), ("q1.png", DIVIDER), ("q2.png", DIVIDER)])
    columns = Columns(image="image", truth="netlist")
    return read_table_of_pictures(
        root / "table.csv", root, columns=columns, name="table", convention="spice", max_bad_fraction=0.5
    )


ROLES = ("question.txt", "ta.txt", "netlist.txt", "image.png")
# How a source of two items, q1 and q2, is written and opened, and the files of q1.
SOURCES: dict[str, tuple[Callable[[Path], Imported], tuple[str, ...]]] = {
    "circuitsense": (_circuitsense, tuple(f"Analysis/synthetic/level0/q1/q1_{role}" for role in ROLES)),
    "labelme": (_labelme, ("q1.json", "q1.png")),
    "folder": (_folder, ("q1.png", "q1.cir")),
    "coco": (_coco, ("q1.png",)),
    "csv": (_table, ("q1.png",)),
}
FILES = [(read, path) for read, paths in SOURCES.values() for path in paths]


def _move_out(path: Path, outside: Path) -> None:
    """Put a link in the place of a file or folder, which goes on existing outside."""
    outside.mkdir(exist_ok=True)
    path.rename(outside / path.name)
    path.symlink_to(outside / path.name)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.mark.parametrize(("read", "path"), FILES, ids=[path.rpartition("/")[2] for _, path in FILES])
def test_a_file_that_is_a_link_out_of_the_folder_is_not_read_and_its_item_is_set_aside(
    read: Callable[[Path], Imported], path: str, root: Path
) -> None:
    imported = read(root)
    _move_out(root / path, root.parent / "outside")
    assert [diagram.source.count("q2") > 0 for diagram in imported.diagrams] == [True]
    metrics = imported.ledger.metrics()
    assert metrics["set_aside_by_reason"] == {"link out of the folder": 1} and metrics["set_aside_damaged"] == 1


@pytest.mark.parametrize(("read", "path"), FILES, ids=[path.rpartition("/")[2] for _, path in FILES])
def test_a_link_within_the_folder_is_followed(read: Callable[[Path], Imported], path: str, root: Path) -> None:
    imported = read(root)
    (root / "blobs").mkdir()
    (root / path).rename(root / "blobs" / "0123abcd")
    (root / path).symlink_to(os.path.relpath(root / "blobs" / "0123abcd", (root / path).parent))
    assert len(list(imported.diagrams)) == 2


def test_the_folder_itself_may_be_a_link(root: Path) -> None:
    _labelme(root)
    (root.parent / "link").symlink_to(root)
    assert len(list(read_labelme(root.parent / "link", name="a", ask_counts=False, max_bad_fraction=0).diagrams)) == 2


@pytest.mark.parametrize("folder", ["Analysis", "Analysis/synthetic", "Analysis/synthetic/level0/q1"])
def test_a_folder_of_the_tree_that_is_a_link_out_is_not_looked_into(folder: str, root: Path) -> None:
    _circuitsense(root)
    add_item(root, "Perception/q9")
    _move_out(root / folder, root.parent / "outside")
    imported = read_circuitsense(root, max_bad_fraction=0.5)
    sources = [diagram.source for diagram in imported.diagrams]
    assert sources[-1].endswith("Perception/q9") and not any("/q1" in source for source in sources)
    metrics = imported.ledger.metrics()
    assert metrics["set_aside_by_reason"] == {"link out of the folder": 1}
    assert metrics["examples"][0].startswith(f"link out of the folder: {folder}: ")


def test_a_folder_that_is_a_link_to_its_neighbour_is_not_read_twice_and_told(root: Path) -> None:
    add_labelme(root / "one", "a")
    (root / "two").symlink_to(root / "one")
    (root / "one" / "loop").symlink_to(root)
    imported = read_labelme(root, name="real", ask_counts=False, max_bad_fraction=0.0)
    assert len(list(imported.diagrams)) == 1
    assert imported.ledger.metrics()["set_aside_by_reason"] == {"link to a folder": 2}


def test_a_tree_of_nothing_but_links_out_says_so(root: Path) -> None:
    _circuitsense(root)
    _move_out(root / "Analysis", root.parent / "outside")
    with pytest.raises(SourceError, match=r"cannot be read: Analysis \(Analysis leads elsewhere; only what lies in"):
        read_circuitsense(root, max_bad_fraction=1.0)


@pytest.mark.parametrize("parts", ["../x.png", "a/../../x.png", "..\\x.png", "/etc/passwd", "..", "../data2/x.png"])
@pytest.mark.parametrize("relative", [True, False])
def test_no_path_leads_out_of_the_folder_however_the_folder_is_named(
    parts: str, relative: bool, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    folder = Path() if relative else root
    with pytest.raises(OutsideError, match="only what lies in the folder is read"):
        inside(folder, parts, folder)


@pytest.mark.parametrize(
    ("named", "lies"),
    [
        ("..\\..\\label-studio\\media\\upload\\4\\cb06-a.png", "a.png"),  # Label Studio
        ("/data/upload/12/3fa9c1d2-a.png", "a.png"),
        ("images/cb06ffee__a.png", "a.png"),  # its exports of pictures from other storage
        ("../../media/upload/4/cb06ffee-a.png", "upload/4/cb06ffee-a.png"),
        ("images/my%20circuit.png", "my circuit.png"),
        ("C:\\Users\\me\\photos\\a.png", "photos/a.png"),
        ("train/a.png", "a.png"),
        ("deadbeef-a.png", "deadbeef-a.png"),
    ],
)
def test_a_picture_is_found_by_the_end_of_the_path_that_a_tool_wrote(named: str, lies: str, root: Path) -> None:
    (root / lies).parent.mkdir(parents=True, exist_ok=True)
    (root / lies).write_bytes(png())
    (root.parent / "a.png").write_bytes(png())  # outside
    assert named_file(root, named, root).samefile(root / lies)


@pytest.mark.parametrize("named", ["../a.png", "..%2f..%2fetc/passwd", "/etc/passwd", "%2e%2e/a.png"])
def test_what_lies_outside_is_not_found_by_any_spelling(named: str, root: Path) -> None:
    (root.parent / "a.png").write_bytes(png())
    try:
        found: Any = named_file(root, named, root)
    except OutsideError:
        return
    assert found.is_relative_to(root) and not found.exists()
