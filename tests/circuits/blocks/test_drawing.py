"""What is drawn is what was placed: names inside or above their frames, nothing over anything else, every sign and label visible."""

from __future__ import annotations

import dataclasses
import random
import re

import numpy as np
import pytest

from diagramlens.domains.circuits.blocks.drawing import draw_blocks
from diagramlens.domains.circuits.blocks.labels import value_rows
from diagramlens.domains.circuits.blocks.sampling import BlockPicture, sample_blocks
from diagramlens.domains.circuits.blocks.text import parse_blocks
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style


def sample(seed: int, style: str) -> tuple[BlockPicture, list[DrawnObject]]:
    rng = random.Random(seed)
    picture = sample_blocks((2, 7), rng, 56)
    return picture, picture.paint(sample_style(style, rng))[1]


def inked(scene, look, box) -> np.ndarray:
    x0, y0, x1, y1 = box
    return np.asarray(draw_blocks(scene, look, 56)[0], dtype=int)[y0:y1, x0:x1]


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_objects_are_the_elements_of_the_truth(style: str):
    for seed in range(30):
        picture, objects = sample(seed, style)
        diagram = parse_blocks(picture.truth)
        named = {
            kind: sorted(shown.name for shown in objects if shown.kind == kind)
            for kind in ("block", "sum", "input", "output")
        }
        assert named == {
            "block": sorted(block.name for block in diagram.blocks),
            "sum": sorted(element.name for element in diagram.sums),
            "input": sorted(diagram.inputs),
            "output": [diagram.output],
        }
        assert objects[0].record()["description_zh"] == "方框"


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_labels_lie_in_the_picture_and_over_nothing(style: str):
    for seed in range(30):
        picture, objects = sample(seed, style)
        width, height = picture.scene.size
        labels = [shown.label for shown in objects if shown.label != shown.box]
        assert all(0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height for x0, y0, x1, y1 in labels)
        for shown in objects:
            if shown.kind == "block":
                x0, _, x1, y1 = shown.label
                above = y1 <= shown.box[1]
                assert above or (shown.box[0] < x0 and x1 < shown.box[2] and y1 < shown.box[3]), (seed, shown)
        for number, one in enumerate(labels):
            for other in [*labels[:number], *(s.box for s in objects if s.kind == "sum")]:
                assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1], seed


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_no_wire_runs_through_a_label(style: str):
    for seed in range(30):
        picture, objects = sample(seed, style)
        for x0, y0, x1, y1 in (shown.label for shown in objects if shown.label != shown.box):
            for wire in picture.scene.wires:
                for (ax, ay), (bx, by) in wire.pieces:
                    apart = max(ax, bx) <= x0 or min(ax, bx) >= x1 or max(ay, by) <= y0 or min(ay, by) >= y1
                    assert apart, (seed, style)


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_names_transfer_functions_and_signs_are_really_visible(style: str):
    """Changing one of them changes the picture just there."""
    for seed in range(5):
        rng = random.Random(seed)
        scene, look = sample_blocks((2, 6), rng, 56).scene, sample_style(style, rng)
        for place, box in enumerate(scene.boxes):
            for change in ({"name": "W"}, {"value": "88"} if box.value is not None else {"name": "M"}):
                other = dataclasses.replace(box, **change)
                changed = dataclasses.replace(scene, boxes=(*scene.boxes[:place], other, *scene.boxes[place + 1 :]))
                x0, y0, x1, y1 = box.frame
                where = (x0, y0 - 20, x1, y1) if "name" in change and box.value is not None else (x0, y0, x1, y1)
                assert np.abs(inked(scene, look, where) - inked(changed, look, where)).max() > 120
        for place, wire in enumerate(scene.wires):
            if wire.sign:
                turned = dataclasses.replace(wire, sign="-" if wire.sign == "+" else "+")
                changed = dataclasses.replace(scene, wires=(*scene.wires[:place], turned, *scene.wires[place + 1 :]))
                x, y = wire.points[-1]
                where = (x - 16, y - 16, x + 16, y + 16)
                assert np.abs(inked(scene, look, where) - inked(changed, look, where)).max() > 100


def test_the_three_styles_draw_one_diagram_differently():
    scene = sample_blocks((4, 4), random.Random(3), 56).scene
    pictures = [
        np.asarray(draw_blocks(scene, sample_style(n, random.Random(5)), 56)[0].convert("L"), dtype=int)
        for n in STYLE_NAMES
    ]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(pictures[first] - pictures[second]) > 60).mean() > 0.004


def test_equal_seeds_give_equal_pictures():
    one, two = (
        sample_blocks((4, 6), random.Random(8), 56).paint(sample_style("textbook", random.Random(8)))[0] for _ in "ab"
    )
    assert one.tobytes() == two.tobytes()


@pytest.mark.parametrize(
    ("value", "above", "below"),
    [
        ("K", "K", ""),
        ("10/(s+2)", "10", "s+2"),
        ("(s+1)/(s*(s+3))", "s+1", "s(s+3)"),
        ("1/s**2", "1", "s2"),
        ("0.5*s+1", "0.5s+1", ""),
        ("(s+1)*(s+2)", "(s+1)(s+2)", ""),
        ("K1*s/(s**2-4)", "K1s", "s2\N{MINUS SIGN}4"),
    ],
)  # fmt: skip
def test_a_transfer_function_is_set_as_one_line_over_another(value: str, above: str, below: str):
    for subscript in (False, True):
        rows = value_rows(value, 14.0, subscript)
        assert tuple("".join(text for text, _, _ in row) for row in rows) == (above, below)
        powers = [drop for row in rows for text, _, drop in row if drop < 0]
        assert len(powers) == len(re.findall(r"\*\*", value))
