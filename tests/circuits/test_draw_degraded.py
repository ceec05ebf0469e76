"""A degraded picture keeps its size, its boxes and its legible labels."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from diagramlens.domains.circuits import degrade
from diagramlens.domains.circuits.degrade import DEGRADATIONS, DegradationError
from diagramlens.domains.circuits.draw import draw
from diagramlens.domains.circuits.objects import DrawnObject
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style
from tests.circuits.recipes import EVERY_LABEL, full_recipe


def degraded(
    name: str, seed: int, labels: dict[str, float] = EVERY_LABEL
) -> tuple[Image.Image, Image.Image, list[DrawnObject]]:
    """A ruled, clean picture, the same degraded, and its objects."""
    rng = random.Random(seed)
    circuit = sample_circuit(full_recipe(1, 2, labels=labels), rng)
    assert isinstance(circuit, Circuit)
    style = sample_style(STYLE_NAMES[seed % 3], rng)
    clean, _ = draw(circuit.scene, style)
    picture, objects = draw(circuit.scene, degrade.hand(style, name, rng))
    return clean, *degrade.apply(picture, objects, name, rng)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_a_degraded_picture_keeps_its_size_and_its_labels_legible(name: str) -> None:
    for seed in range(15):
        clean, picture, objects = degraded(name, seed)
        assert picture.size == clean.size and picture.mode == "RGB"
        assert (picture.tobytes() == clean.tobytes()) == (name == "clean")
        grey = np.asarray(picture.convert("L"), dtype=int)
        paper = int(np.median(grey))
        for shown in objects:
            for x0, y0, x1, y1 in (shown.box, shown.label):
                assert 0 <= x0 < x1 <= picture.width and 0 <= y0 < y1 <= picture.height
                assert paper - np.percentile(grey[y0:y1, x0:x1], 4) > 40, (seed, shown)


@pytest.mark.parametrize("name", ["blur", "jpeg", "noise", "contrast"])
def test_every_label_still_looks_like_itself(name: str) -> None:
    """Also the smallest beside labels of two rows, by whose height a blur was once measured."""
    for seed in range(24):
        clean, picture, objects = degraded(name, seed, labels={"names": 0.0, "values": 0.0, "both": 1.0})
        before, after = (np.asarray(shown.convert("L"), dtype=float) for shown in (clean, picture))
        for shown in objects:
            x0, y0, x1, y1 = shown.label
            likeness = np.corrcoef(before[y0:y1, x0:x1].ravel(), after[y0:y1, x0:x1].ravel())[0, 1]
            assert likeness > 0.8, (seed, shown)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_equal_seeds_degrade_equally(name: str) -> None:
    first, second, third = (degraded(name, seed)[1] for seed in (3, 3, 4))
    assert first.tobytes() == second.tobytes() != third.tobytes()


def test_boxes_follow_a_rotation() -> None:
    for seed in range(30):
        rng = random.Random(seed)
        sheet = Image.new("RGB", (224, 168), "white")
        corner = rng.randint(2, 170), rng.randint(2, 120)
        box = (*corner, corner[0] + rng.randint(10, 40), corner[1] + rng.randint(10, 40))
        ImageDraw.Draw(sheet).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill="black")
        turned, (shown,) = degrade.apply(sheet, [DrawnObject("R1", "R", box, box)], "rotation", rng)
        rows, columns = np.nonzero(np.asarray(turned.convert("L")) < 128)
        assert shown.box != box
        seen = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
        assert max(abs(int(a) - b) for a, b in zip(seen, shown.box, strict=True)) <= 2


def test_a_rotation_leaves_nothing_of_the_sheet_outside() -> None:
    for seed in range(20):
        sheet = Image.new("RGB", (112, 224), "white")
        ImageDraw.Draw(sheet).rectangle((0, 0, 111, 223), outline="black", width=3)
        sheet.putpixel((0, 0), (255, 255, 255))
        turned, _ = degrade.apply(sheet, [], "rotation", random.Random(seed))
        dark = np.asarray(turned.convert("L")) < 128
        assert (dark.sum(axis=1) > 0).sum() > 200
        assert not dark[[0, -1]].all(axis=1).any() and not dark[:, [0, -1]].all(axis=0).any()


def test_an_unsteady_hand_moves_lines_but_little() -> None:
    for seed in range(10):
        clean, picture, _ = degraded("wobble", seed)
        ruled, drawn = (np.asarray(p.convert("L"), dtype=int) < 128 for p in (clean, picture))
        assert (ruled != drawn).any()
        near = np.zeros_like(ruled)
        reach = 4
        padded = np.pad(ruled, reach)
        for dy in range(2 * reach + 1):
            for dx in range(2 * reach + 1):
                near |= padded[dy : dy + ruled.shape[0], dx : dx + ruled.shape[1]]
        assert (drawn & ~near).sum() <= 0.01 * drawn.sum()


def test_an_unknown_degradation_is_named() -> None:
    with pytest.raises(DegradationError, match="degradation 'rain': there are clean, blur, jpeg"):
        degrade.apply(Image.new("RGB", (28, 28)), [], "rain", random.Random(0))
