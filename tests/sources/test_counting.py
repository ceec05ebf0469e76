"""Counts are asked only of kinds whose objects were all read and known."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from diagramlens.records import Diagram
from diagramlens.sources.coco import read_coco
from diagramlens.sources.labelme import read_labelme
from tests.sources.test_boxes import png, shape


def counts_of(diagram: Diagram) -> dict[str, int]:
    """The gold of each question by what is counted."""
    questions = json.loads(diagram.questions)
    return {
        question["prompt"].removeprefix("How many ").partition(" does ")[0]: question["gold"]["count"]
        for question in questions
    }


def shown(diagram: Diagram) -> dict[str, int]:
    """The counts of what is there."""
    return {what: count for what, count in counts_of(diagram).items() if count}


def take_shapes(root: Path, *shapes: Any) -> tuple[Diagram, dict[str, Any]]:
    content = {
        "version": "5.8.1",
        "shapes": shapes,
        "imagePath": "a.png",
        "imageData": None,
        "imageHeight": 80,
        "imageWidth": 120,
    }
    (root / "a.png").write_bytes(png(120, 80))
    (root / "a.json").write_text(json.dumps(content))
    imported = read_labelme(root, name="real", ask_counts=True, max_bad_fraction=0.0)
    (diagram,) = imported.diagrams
    return diagram, imported.ledger.metrics()


def box(number: int, category: int, **extra: Any) -> dict[str, Any]:
    return {"id": number, "image_id": 1, "category_id": category, "bbox": [20 * number + 5, 5, 10, 10], **extra}


def take_coco(
    root: Path, *annotations: Any, names: tuple[str, ...], images: Any = None
) -> tuple[list[Diagram], dict[str, Any]]:
    content = {
        "images": images or [{"id": 1, "file_name": "a.png", "width": 120, "height": 80}],
        "categories": [{"id": number, "name": name, "supercategory": "part"} for number, name in enumerate(names)],
        "annotations": annotations,
    }
    (root / "a.png").write_bytes(png(120, 80))
    (root / "coco.json").write_text(json.dumps(content))
    imported = read_coco(root / "coco.json", root, name="boxes", ask_counts=True, max_bad_fraction=1.0)
    return list(imported.diagrams), imported.ledger.metrics()


def test_the_labels_of_cghd_are_counted_as_what_they_are(tmp_path: Path) -> None:
    names = ("resistor", "operational_amplifier", "capacitor.unpolarized", "diode.zener")
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), box(1, 1), box(2, 1), box(3, 2), box(4, 3), names=names)
    assert counts_of(diagram) == {"resistors": 1, "capacitors": 1, "diodes": 1, "operational amplifiers": 2}
    assert metrics["counts_withheld"] == 0


def test_several_categories_of_one_kind_are_counted_together(tmp_path: Path) -> None:
    names = ("capacitor.unpolarized", "capacitor.polarized", "text", "junction", "crossover", "inductor")
    marks = [box(number, category) for number, category in enumerate((0, 1, 2, 3, 4))]
    (diagram,), _ = take_coco(tmp_path, *marks, names=names)
    assert counts_of(diagram) == {"capacitors": 2, "inductors": 0}


def test_nothing_is_asked_where_one_label_is_not_known(tmp_path: Path) -> None:
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), box(1, 1), names=("resistor", "unknown"))
    assert counts_of(diagram) == {} and len(json.loads(diagram.objects)) == 2
    assert (metrics["counts_withheld"], metrics["counts_withheld_by_reason"]) == (1, {"label is not known": 1})
    assert metrics["examples"] == ["not counted, label is not known: a.png: unknown"]


def test_a_symbol_that_may_be_a_resistor_or_not_ends_the_counting_of_resistors_alone(tmp_path: Path) -> None:
    names = ("resistor", "resistor.adjustable", "inductor")
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), box(1, 1), box(2, 2), names=names)
    assert counts_of(diagram) == {"inductors": 1}
    assert metrics["counts_withheld_by_reason"] == {"symbol may be counted or not": 1}


def test_what_no_category_stands_for_is_never_said_to_be_absent(tmp_path: Path) -> None:
    (diagram,), _ = take_coco(tmp_path, box(0, 0), names=("resistor", "lamp"))
    assert counts_of(diagram) == {"resistors": 1}


@pytest.mark.parametrize(
    ("mark", "reason"),
    [
        (box(1, 0, iscrowd=1), "box around several"),
        (box(1, 0, ignore=1), "box around several"),
        (box(1, 0, bbox=[0, 0, 0, 5]), "box is none"),
        (box(1, 0, bbox=None), "box is none"),
        (box(0, 0), "box is repeated"),
    ],
)
def test_where_an_object_is_set_aside_its_kind_is_not_counted_and_others_are(
    tmp_path: Path, mark: dict[str, Any], reason: str
) -> None:
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), mark, box(3, 1), names=("resistor", "inductor"))
    assert counts_of(diagram) == {"inductors": 1}
    assert metrics["objects_set_aside_by_reason"] == {reason: 1}
    assert metrics["counts_withheld_by_reason"] == {"object set aside": 1}


@pytest.mark.parametrize("apart", [0, 1, 2])
def test_where_one_place_has_two_labels_neither_is_counted(tmp_path: Path, apart: int) -> None:
    twice = box(0, 1, bbox=[5 + apart, 5, 10, 10 + apart])
    names = ("npn", "pnp", "inductor")
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), twice, box(2, 2), names=names)
    assert counts_of(diagram) == {"inductors": 1} and len(json.loads(diagram.objects)) == 3
    assert metrics["counts_withheld_by_reason"] == {"two labels in one place": 1}


def test_neighbours_are_counted_however_close_they_are(tmp_path: Path) -> None:
    marks = [box(0, 0), box(0, 0, bbox=[15, 5, 10, 10]), box(0, 0, bbox=[5, 9, 10, 10])]
    (diagram,), _ = take_coco(tmp_path, *marks, names=("resistor",))
    assert counts_of(diagram) == {"resistors": 3}


def test_an_object_of_which_nobody_knows_what_it_is_ends_all_counting(tmp_path: Path) -> None:
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), box(1, 99), names=("resistor",))
    assert counts_of(diagram) == {} and metrics["objects_set_aside_by_reason"] == {"box without a label": 1}


def test_ids_may_begin_at_0_and_be_written_as_tables_write_them(tmp_path: Path) -> None:
    images = [{"id": 0, "file_name": "..\\..\\label-studio\\media\\upload\\4\\cb06-a.png", "width": 120, "height": 80}]
    mark = {"id": 0, "image_id": 0.0, "category_id": 0.0, "bbox": [5, 5, 10, 10]}
    (diagram,), metrics = take_coco(tmp_path, mark, names=("resistor",), images=images)
    assert counts_of(diagram) == {"resistors": 1} and metrics["set_aside"] == 0


def test_what_two_entries_mark_in_one_picture_is_counted_together(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "a.png"}]
    (diagram,), metrics = take_coco(tmp_path, box(0, 0), box(1, 0, image_id=2), names=("resistor",), images=images)
    assert counts_of(diagram) == {"resistors": 2} and metrics["set_aside_by_reason"] == {"picture is repeated": 1}


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([{"id": 1, "file_name": "a.png"}, {"id": 1, "file_name": "b.png"}], "picture id is repeated"),
        (
            [{"id": 1, "file_name": "train/a.png"}, {"id": 2, "file_name": "val/a.png"}],
            "file stands for several pictures",
        ),
    ],
)
def test_pictures_of_which_nobody_can_tell_whose_the_boxes_are_are_set_aside(
    tmp_path: Path, images: list[dict[str, Any]], reason: str
) -> None:
    (tmp_path / "b.png").write_bytes(png(120, 80))
    add = {"id": 7, "file_name": "c.png"}
    (tmp_path / "c.png").write_bytes(png(120, 80))
    (diagram,), metrics = take_coco(
        tmp_path, box(0, 0), box(1, 0, image_id=7), names=("resistor",), images=[*images, add]
    )
    assert diagram.source == "boxes/c.png" and metrics["set_aside_by_reason"] == {reason: 2}


def test_a_name_without_end_is_told_in_a_line_that_has_one(tmp_path: Path) -> None:
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "y" * 5000}, {"id": 3, "file_name": "x/" * 5000}]
    _, metrics = take_coco(tmp_path, box(0, 0), names=("resistor",), images=images)
    assert metrics["set_aside"] == 2 and max(map(len, metrics["examples"])) < 700


# --- LabelMe --------------------------------------------------------------------------------------------------------------------------


def test_a_mask_is_boxed_by_its_points_and_a_line_ends_the_counting_of_its_kind(tmp_path: Path) -> None:
    mask = {**shape(points=((30, 5), (40, 15)), kind="mask"), "group_id": None, "mask": "iVBORw0KGgo="}
    line = shape(points=((60, 5), (70, 5), (70, 15)), kind="linestrip")
    diagram, metrics = take_shapes(tmp_path, shape(points=((5, 5), (15, 15))), mask, line)
    assert [item["box"] for item in json.loads(diagram.objects)] == [[5, 5, 15, 15], [30, 5, 40, 15]]
    assert counts_of(diagram) == {} and metrics["objects_set_aside_by_reason"] == {"shape has no box": 1}
    diagram, _ = take_shapes(tmp_path, shape(points=((5, 5), (15, 15))), mask)
    assert shown(diagram) == {"resistors": 2}


@pytest.mark.parametrize("kind", ["polygon", "oriented_rectangle", "rectangle", None])
def test_every_shape_that_encloses_something_is_boxed(tmp_path: Path, kind: Any) -> None:
    diagram, _ = take_shapes(tmp_path, shape(points=((10, 20), (20, 10), (40, 30), (30, 40)), kind=kind))
    assert json.loads(diagram.objects)[0]["box"] == [10, 10, 40, 40] and shown(diagram) == {"resistors": 1}


@pytest.mark.parametrize("kind", ["line", "linestrip", "point", "points", "spline"])
def test_a_shape_that_encloses_nothing_is_an_object_set_aside(tmp_path: Path, kind: str) -> None:
    pin = shape(points=((60, 5), (70, 9)), kind=kind)
    diagram, metrics = take_shapes(tmp_path, shape(), pin, shape("diode", ((50, 30), (60, 40))))
    assert shown(diagram) == {"diodes": 1} and metrics["counts_withheld_by_reason"] == {"object set aside": 1}


def test_shapes_of_one_label_and_one_group_are_one_object(tmp_path: Path) -> None:
    pieces = [{**shape(points=((x, 5), (x + 8, 12))), "group_id": 3} for x in (5, 20)]
    alone = {**shape(points=((60, 5), (70, 15))), "group_id": None}
    other = {**shape("capacitor", ((5, 20), (15, 30))), "group_id": 3}
    diagram, _ = take_shapes(tmp_path, *pieces, alone, other)
    assert [(item["name"], item["box"]) for item in json.loads(diagram.objects)] == [
        ("resistor 1", [5, 5, 28, 12]),
        ("resistor 2", [60, 5, 70, 15]),
        ("capacitor 1", [5, 20, 15, 30]),
    ]
    assert shown(diagram) == {"resistors": 2, "capacitors": 1}
    broken = {**shape(points=((9, 9),)), "group_id": 3}
    assert shown(take_shapes(tmp_path, *pieces, broken, other)[0]) == {"capacitors": 1}


def test_boxes_that_ask_nothing_withhold_nothing(tmp_path: Path) -> None:
    take_shapes(tmp_path, shape("unknown"))
    imported = read_labelme(tmp_path, name="real", ask_counts=False, max_bad_fraction=0.0)
    assert [diagram.questions for diagram in imported.diagrams] == ["[]"]
    assert imported.ledger.metrics()["counts_withheld"] == 0
