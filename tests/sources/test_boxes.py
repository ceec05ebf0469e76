"""LabelMe folders and COCO files: boxes become objects, and countable; three real schematics, and damage of every kind."""

from __future__ import annotations

import base64
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from diagramlens.grading.answers import grade
from diagramlens.records import Diagram
from diagramlens.sources.coco import read_coco
from diagramlens.sources.counting import count_questions, doubts_about
from diagramlens.sources.labelme import read_labelme
from diagramlens.sources.ledger import SourceError
from diagramlens.sources.vocabulary import symbol_of

SAMPLE = Path(__file__).parent / "ci2n_sample"


def png(width: int = 40, height: int = 30, colour: int = 128) -> bytes:
    image, buffer = Image.new("L", (width, height), colour), io.BytesIO()
    image.putpixel((0, 0), 255 if colour < 128 else 0)  # a blank picture is damage
    image.save(buffer, format="PNG")
    return buffer.getvalue()


def shape(label: Any = "resistor", points: Any = ((2, 3), (12, 9)), kind: str = "rectangle") -> dict[str, Any]:
    return {"label": label, "points": [list(point) for point in points], "shape_type": kind}


def add_labelme(root: Path, stem: str, *shapes: Any, image: bytes | None = None, **extra: Any) -> None:
    root.mkdir(parents=True, exist_ok=True)
    content = {"shapes": list(shapes) or [shape()], "imagePath": f"{stem}.png", "imageWidth": 40, "imageHeight": 30}
    (root / f"{stem}.json").write_text(json.dumps({**content, **extra}))
    if image != b"":
        (root / f"{stem}.png").write_bytes(image if image is not None else png())


def take(root: Path, max_bad_fraction: float = 0.7) -> tuple[list[Diagram], dict[str, Any]]:
    imported = read_labelme(root, name="real", ask_counts=True, max_bad_fraction=max_bad_fraction)
    return list(imported.diagrams), imported.ledger.metrics()


def objects_of(diagram: Diagram) -> list[dict[str, Any]]:
    return json.loads(diagram.objects)


# --- LabelMe --------------------------------------------------------------------------------------------------------------------------


def test_real_schematics_are_read_with_their_boxes_in_the_pixels_of_their_pictures() -> None:
    diagrams, metrics = take(SAMPLE, max_bad_fraction=0.0)
    assert [diagram.source for diagram in diagrams] == ["real/752.json", "real/1597.json", "real/1688.json"]
    assert metrics["objects_by_kind"] == {"C": 4, "L": 2, "R": 7, "ground": 3, "opamp": 2, "port": 5, "switch": 3}
    for diagram in diagrams:
        stated = json.loads((SAMPLE / diagram.source.removeprefix("real/")).read_text())["shapes"]
        with Image.open(io.BytesIO(diagram.image)) as image:
            assert image.format == "PNG"  # two of the three files are JPEG
            for found, marked in zip(objects_of(diagram), stated, strict=True):
                x0, y0, x1, y1 = found["box"]
                assert 0 <= x0 < x1 <= image.width and 0 <= y0 < y1 <= image.height
                assert found["name"].startswith(marked["label"])
                # A symbol is drawn in its box: not all of its pixels are alike.
                darkest, lightest = image.convert("L").crop((x0, y0, x1, y1)).getextrema()
                assert lightest - darkest > 60
        assert (diagram.truth, diagram.level, len(diagram.group)) == ("", -1, 16)


def test_counts_are_asked_of_what_is_there_and_of_one_kind_that_is_not() -> None:
    diagrams, _ = take(SAMPLE)
    questions = {diagram.source: json.loads(diagram.questions) for diagram in diagrams}
    asked = {question["prompt"]: question for question in questions["real/1597.json"]}
    assert asked["How many resistors does this circuit diagram show? Answer with a number."]["gold"] == {"count": 4}
    assert sorted(question["answer"] for question in asked.values()) == ["0", "1", "2", "2", "4"]
    for question in asked.values():
        assert grade("count", question["gold"], question["answer"], question["answer"]).correct
    assert [json.loads(diagram.questions) for diagram in take(SAMPLE)[0]] == list(questions.values())


def test_a_transistor_with_its_bulk_counts_and_a_doubtful_symbol_ends_the_counting_of_its_kind() -> None:
    labels = ("nmos", "nmos-bulk", "nmos-cross", "R", "resistor2_3", "port")
    symbols = [symbol_of(label) for label in labels]
    asked = count_questions("id", symbols, doubts_about(symbols))
    prompts = {question["prompt"].split(" does ")[0]: question["answer"] for question in asked}
    assert prompts["How many NMOS transistors"] == "3"
    assert "How many resistors" not in prompts and len(prompts) == 2


# Every label of 240 schematics of CI2N and how often it occurs there, but for those that become one of this project's own kinds.
CI2N_KINDS = {
    "switch": 150, "diode": 54, "cross-line-curved": 53, "pmos-bulk": 27, "nmos-bulk": 26, "single-input-single-end-amp": 19,
    "nmos-cross": 16, "pmos-cross": 15, "resistor2_3": 7, "inductor-3": 3, "pnp-cross": 2, "npn-cross": 1, "diff-amp": 1, "antenna": 1,
    "capacitor-3": 1,
}  # fmt: skip


def test_every_kind_of_ci2n_is_described_in_english_and_chinese(tmp_path: Path) -> None:
    for diagram in take(SAMPLE)[0]:
        assert all(item["description"] and not item["description_zh"].isascii() for item in objects_of(diagram))
    add_labelme(tmp_path, "a", *(shape(label) for label in (*CI2N_KINDS, "lamp_2")))
    (diagram,), metrics = take(tmp_path)
    assert metrics["objects_by_kind"] == dict.fromkeys(sorted((*CI2N_KINDS, "lamp_2")), 1)
    described = {item["kind"]: (item["description"], item["description_zh"]) for item in objects_of(diagram)}
    # What is not known is called by its own label, in both languages.
    assert [kind for kind, (_, chinese) in described.items() if chinese.isascii()] == ["capacitor-3", "lamp_2"]
    assert (described["lamp_2"], described["diode"]) == (("lamp 2", "lamp 2"), ("diode", "二极管"))
    assert len(set(described.values())) == len(described)


def test_boxes_are_put_upright_and_cut_at_the_edge_and_circles_and_polygons_are_boxed(tmp_path: Path) -> None:
    add_labelme(
        tmp_path,
        "a",
        shape("gnd", ((30.6, 20.2), (10.4, 5.9))),
        shape("Voltage Source", ((-5, -5), (99, 99))),
        shape("lamp_2", ((20, 15), (25, 15)), "circle"),
        shape("C", ((1, 2), (9, 4), (5, 12)), "polygon"),
    )
    (diagram,), _ = take(tmp_path)
    found = [(item["name"], item["kind"], item["box"], item["description"]) for item in objects_of(diagram)]
    assert found == [
        ("gnd 1", "ground", [10, 5, 31, 21], "ground"),
        ("Voltage Source 1", "V", [0, 0, 40, 30], "voltage source"),
        ("lamp_2 1", "lamp_2", [15, 10, 25, 20], "lamp 2"),
        ("C 1", "C", [1, 2, 9, 12], "capacitor"),
    ]


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (shape(points=((5, 5), (5, 9))), "box is none"),
        (shape(points=((50, 50), (60, 60))), "box is none"),
        (shape(points=((5, 5),)), "box is none"),
        (shape(points=((5, float("nan")), (9, 9))), "box is none"),
        (shape(points=((5, "6"), (9, 9))), "box is none"),
        (shape(points=((5, True), (9, 9))), "box is none"),
        (shape(points=((5, 10**400), (9, 9))), "box is none"),
        (shape(label=""), "box without a label"),
        (shape(label="x" * 99), "box without a label"),
        (shape(label=7), "box without a label"),
        ("resistor", "box without a label"),
        (shape(kind="linestrip"), "shape has no box"),
    ],
)
def test_a_box_that_is_none_is_counted_and_the_others_are_kept(tmp_path: Path, bad: Any, reason: str) -> None:
    add_labelme(tmp_path, "a", bad, shape("npn"))
    (diagram,), metrics = take(tmp_path, max_bad_fraction=0.0)
    assert [item["kind"] for item in objects_of(diagram)] == ["npn"]
    assert metrics["objects_set_aside_by_reason"] == {reason: 1}


@pytest.mark.parametrize(
    ("change", "reason", "damaged"),
    [
        ({"image": png()[:40]}, "picture is damaged", 1),
        ({"image": b""}, "no picture", 1),
        ({"image": b"", "imageData": "no base64!"}, "picture is damaged", 1),
        ({"imageWidth": 80}, "boxes are for another size", 1),
        ({"shapes": []}, "no boxes", 0),
        ({"shapes": None}, "no LabelMe file", 1),
        ({"image": b"", "imagePath": "../../etc/passwd.png"}, "picture outside the folder", 1),
    ],
)
def test_a_damaged_labelme_item_is_set_aside_with_its_reason(
    tmp_path: Path, change: dict[str, Any], reason: str, damaged: int
) -> None:
    add_labelme(tmp_path, "a", **change)
    add_labelme(tmp_path, "b")
    diagrams, metrics = take(tmp_path)
    assert [diagram.source for diagram in diagrams] == ["real/b.json"]
    assert metrics["set_aside_by_reason"] == {reason: 1} and metrics["set_aside_damaged"] == damaged
    assert metrics["examples"][0].startswith(f"{reason}: a.json: ")


@pytest.mark.parametrize(
    "content", [b"{", b"[1]", b"\xff\xfe", b"[" * 1_000 + b"]" * 1_000, b'{"shapes": ' + b"9" * 4_301 + b"}"]
)
def test_a_file_that_is_no_json_object_is_set_aside(tmp_path: Path, content: bytes) -> None:
    add_labelme(tmp_path, "b")
    (tmp_path / "a.json").write_bytes(content)
    _, metrics = take(tmp_path)
    assert metrics["taken"] == 1 and metrics["set_aside_damaged"] == 1


def test_the_picture_is_found_beside_the_file_or_taken_from_within_it(tmp_path: Path) -> None:
    add_labelme(tmp_path, "a[1]", imagePath="C:\\Users\\me\\pictures\\else.png")
    add_labelme(tmp_path / "sub", "b", image=b"", imagePath="..\\pics\\b.png")
    (tmp_path / "pics").mkdir()
    (tmp_path / "pics" / "b.png").write_bytes(png(colour=1))
    add_labelme(tmp_path / "sub", "c", image=b"", imageData=base64.b64encode(png(colour=2)).decode())
    diagrams, metrics = take(tmp_path, max_bad_fraction=0.0)
    assert [diagram.image for diagram in diagrams] == [png(), png(colour=1), png(colour=2)]
    assert metrics["unknown_files"] == 1  # pics/b.png lies beside no file of its own


def test_a_picture_that_has_moved_is_found_by_the_end_of_its_path(tmp_path: Path) -> None:
    add_labelme(tmp_path, "a", image=b"", imagePath="..\\scans\\my%20b.png")
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans" / "my b.png").write_bytes(png(colour=1))
    (diagram,), _ = take(tmp_path, max_bad_fraction=0.0)
    assert diagram.image == png(colour=1)


@pytest.mark.parametrize("size", [(40, 30), (40.0, 30.0), ("40", "30"), (None, 30)])
def test_a_size_is_a_number_however_it_is_written(tmp_path: Path, size: tuple[Any, Any]) -> None:
    add_labelme(tmp_path, "a", imageWidth=size[0], imageHeight=size[1])
    assert take(tmp_path)[1]["taken"] == 1


def test_half_a_pair_of_surrogates_is_a_letter_that_could_not_be_read(tmp_path: Path) -> None:
    labels = ("res\ud83distor", "\U0001f50c \\ud83d")
    add_labelme(tmp_path, "a", shape(labels[0]), shape(labels[1], ((20, 3), (30, 9))), imagePath="\udc00.png")
    (diagram,), _ = take(tmp_path)
    assert [item["kind"] for item in objects_of(diagram)] == ["res\ufffdistor", "\U0001f50c \\ud83d"]
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    images = [{"id": 1, "file_name": "\ud83d.png"}, {"id": 2, "file_name": "b.png"}]
    _, metrics = take_coco(tmp_path, coco(images=images))
    assert metrics["set_aside_by_reason"] == {"no picture": 1} and metrics["taken"] == 1


def test_ids_depend_on_the_name_and_the_path_alone(tmp_path: Path) -> None:
    shutil.copy(SAMPLE / "752.json", tmp_path)
    shutil.copy(SAMPLE / "752.png", tmp_path)
    (alone,), _ = take(tmp_path)
    assert alone == take(SAMPLE)[0][0]


def test_a_folder_without_a_json_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(png())
    with pytest.raises(SourceError, match="no JSON file in it; expected a LabelMe folder"):
        take(tmp_path)
    with pytest.raises(SourceError, match="there is no such folder"):
        take(tmp_path / "gone")


# --- COCO -----------------------------------------------------------------------------------------------------------------------------


def coco(**change: Any) -> dict[str, Any]:
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 40, "height": 30}, {"id": 2, "file_name": "b.png"}],
        "categories": [
            {"id": 7, "name": "resistor"},
            {"id": 8, "name": "relay"},
            {"id": 9, "name": "lamp"},
            {"id": 10, "name": "capacitor"},
        ],
        "annotations": [
            {"image_id": 1, "category_id": 7, "bbox": [2.5, 3, 10, 5]},
            {"image_id": 1, "category_id": 7, "bbox": [20, 3, 10, 5]},
            {"image_id": 2, "category_id": 8, "bbox": [0, 0, 10, 10]},
        ],
    }
    return {**content, **change}


def take_coco(root: Path, content: Any, max_bad_fraction: float = 0.7) -> tuple[list[Diagram], dict[str, Any]]:
    (root / "instances.json").write_text(content if isinstance(content, str) else json.dumps(content))
    imported = read_coco(root / "instances.json", root, name="coco", ask_counts=True, max_bad_fraction=max_bad_fraction)
    return list(imported.diagrams), imported.ledger.metrics()


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(png(colour=1))
    (tmp_path / "b.png").write_bytes(png(colour=2))
    return tmp_path


def test_coco_boxes_reach_their_pictures(pictures: Path) -> None:
    (first, second), metrics = take_coco(pictures, coco())
    assert [(item["kind"], item["box"]) for item in objects_of(first)] == [("R", [2, 3, 13, 8]), ("R", [20, 3, 30, 8])]
    assert [item["kind"] for item in objects_of(second)] == ["relay"]
    assert [question["answer"] for question in json.loads(first.questions)] == ["2", "0"]
    assert first.source == "coco/a.png" and metrics["taken"] == 2


def test_annotations_of_nothing_are_counted(pictures: Path) -> None:
    annotations = [
        *coco()["annotations"],
        {"image_id": 99, "category_id": 7, "bbox": [0, 0, 1, 1]},
        {"image_id": 1, "category_id": 99, "bbox": [0, 0, 1, 1]},
        {"image_id": 1, "category_id": 7, "bbox": [0, 0, 1]},
        {"image_id": 1, "category_id": 7},
        "box",
    ]
    diagrams, metrics = take_coco(pictures, coco(annotations=annotations))
    assert len(diagrams) == 2
    assert metrics["objects_set_aside_by_reason"] == {
        "box is none": 2,
        "box of no picture": 2,
        "box without a label": 1,
    }


def test_a_picture_that_is_missing_or_outside_is_set_aside(pictures: Path) -> None:
    images = [
        *coco()["images"],
        {"id": 9, "file_name": "a.png"},
        {"id": 3, "file_name": "../x.png"},
        {"id": 4, "file_name": "gone.png"},
        {"id": 5},
    ]
    _, metrics = take_coco(pictures, coco(images=images))
    assert metrics["set_aside_by_reason"] == {
        "no picture": 2,
        "picture is repeated": 1,
        "picture outside the folder": 1,
    }


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"images": [], "annotations": {}, "categories": []}'])
def test_what_is_no_coco_file_is_refused_in_one_line(pictures: Path, content: str) -> None:
    with pytest.raises(SourceError) as caught:
        take_coco(pictures, content)
    assert "instances.json" in str(caught.value) and "\n" not in str(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "bbox", "name"]), inner),
    max_leaves=6,
)


@settings(max_examples=40, deadline=None)
@given(shapes=st.lists(JSON, max_size=3), annotations=st.lists(JSON, max_size=3), images=st.lists(JSON, max_size=3))
@example(shapes=[], annotations=[None], images=[{"id": ""}])
def test_no_json_stops_an_import(
    tmp_path_factory: pytest.TempPathFactory, shapes: Any, annotations: Any, images: Any
) -> None:
    root = tmp_path_factory.mktemp("boxes")
    add_labelme(root / "labelme", "a", *shapes, shape())
    assert take(root / "labelme")[1]["taken"] == 1
    (root / "a.png").write_bytes(png())
    content = coco(annotations=[*coco()["annotations"], *annotations], images=[coco()["images"][0], *images])
    assert len(take_coco(root, content, 1.0)[0]) == 1
    shutil.rmtree(root)
