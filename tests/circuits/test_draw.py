"""What is drawn is what was placed: labels visible, boxes where the ink is, nothing cut off, equal bytes from equal seeds."""

from __future__ import annotations

import io
import multiprocessing
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from diagramlens.domains.circuits import draw as drawing
from diagramlens.domains.circuits.draw import draw, encode_png, node_numbers
from diagramlens.domains.circuits.drawn import Tally, draw_diagram, draw_diagrams, part_count
from diagramlens.domains.circuits.labels import Place, write
from diagramlens.domains.circuits.layout import scene
from diagramlens.domains.circuits.meshes import place
from diagramlens.domains.circuits.netlist import merge_wires, parse_netlist
from diagramlens.domains.circuits.pen import Pen, overlap
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit
from diagramlens.domains.circuits.scene import Box, Scene
from diagramlens.domains.circuits.schematic import schematic
from diagramlens.domains.circuits.styles import STYLE_NAMES, Style, sample_style
from diagramlens.params import load_params
from tests.circuits.recipes import full_recipe, recipe

ROOT = Path(__file__).parents[2]
PLAIN = recipe({0: 1.0, 1: 1.0})
LEVELS = (0, 1, 2, 3, 4)


def sample(seed: int, style: str, level: int, marks: float = 0.0) -> tuple[Scene, Style]:
    """A circuit of a level, with all that can be printed beside it, and a look for it."""
    rng = random.Random(seed)
    circuit = sample_circuit(full_recipe(level, marks=marks), rng)
    assert isinstance(circuit, Circuit)
    return circuit.scene, sample_style(style, rng)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"), dtype=int)


class LeavingOut:
    """Writes labels, but for one, and keeps the boxes of all."""

    def __init__(self, number: int = -1) -> None:
        self.number = number
        self.boxes: list[Box] = []

    def __call__(self, pen: Pen, where: Place) -> Box:
        if len(self.boxes) == self.number:
            pen = Pen(pen.size, pen.style, round(56 * pen.unit))  # a sheet that nobody sees
        self.boxes.append(write(pen, where))
        return self.boxes[-1]


@pytest.mark.parametrize("marks", [0.0, 1.0])
@pytest.mark.parametrize("style", STYLE_NAMES)
@pytest.mark.parametrize("level", LEVELS)
def test_every_label_is_really_visible(level: int, style: str, marks: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each label left out in turn changes the pixels where it stood: it is neither outside nor under something."""
    for seed in range(4):
        drawn, look = sample(seed, style, level, marks)
        every = LeavingOut()
        monkeypatch.setattr(drawing, "write", every)
        whole = pixels(draw(drawn, look)[0])
        assert every.boxes
        for number, (x0, y0, x1, y1) in enumerate(every.boxes):
            monkeypatch.setattr(drawing, "write", LeavingOut(number))
            changed = np.abs(whole - pixels(draw(drawn, look)[0]))
            assert (changed[y0:y1, x0:x1] > 50).sum() >= 8, (seed, number)
            changed[max(0, y0 - 3) : y1 + 3, max(0, x0 - 3) : x1 + 3] = 0  # a slanted letter's corner
            assert not changed.any(), (seed, number)


@pytest.mark.parametrize("style", STYLE_NAMES)
@pytest.mark.parametrize("level", LEVELS)
def test_every_box_lies_in_the_picture_and_holds_ink(level: int, style: str) -> None:
    for seed in range(12):
        drawn, look = sample(seed, style, level)
        picture, objects = draw(drawn, look)
        ink = np.abs(pixels(picture) - int(pixels(picture)[0, 0]))
        things = [*(s for s in drawn.segments if s.kind != "W"), *drawn.devices, *drawn.rails, *drawn.ports]
        assert [shown.name for shown in objects] == [t.name for t in things] + ["ground"] * len(drawn.grounds)
        for shown in objects:
            for x0, y0, x1, y1 in (shown.box, shown.label):
                assert 0 <= x0 < x1 <= drawn.size[0] and 0 <= y0 < y1 <= drawn.size[1], shown
                assert (ink[y0:y1, x0:x1] > 90).any(), shown


def covering(scene: Scene, style: Style) -> tuple[int, int]:
    """How many labels lie on another label or a symbol with more than a fifth of their area, and how many there are."""
    shown = [one for one in draw(scene, style)[1] if one.kind != "ground"]
    covered = 0
    for k, one in enumerate(shown):
        x0, y0, x1, y1 = one.label
        others = [other.label for other in shown[:k]] + [other.box for other in shown if other.kind != "opamp"]
        covered += any(overlap(one.label, other) > 0.2 * (x1 - x0) * (y1 - y0) for other in others)
    return covered, len(shown)


@pytest.mark.parametrize("style", STYLE_NAMES)
@pytest.mark.parametrize("level", LEVELS)
def test_labels_seldom_cover_anything_where_names_and_values_are_printed(level: int, style: str) -> None:
    found = [covering(*sample(seed, style, level)) for seed in range(20)]
    assert sum(covered for covered, _ in found) <= 0.05 * sum(labels for _, labels in found)


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_names_alone_hardly_ever_cover_anything(style: str) -> None:
    """What the default run draws."""
    default, rng = CircuitRecipe.of(load_params(ROOT / "params.yaml").domains.circuits.model_dump()), random.Random(5)
    tried = [sample_circuit(default, rng) for _ in range(100)]
    circuits = [circuit for circuit in tried if isinstance(circuit, Circuit)]
    found = [covering(circuit.scene, sample_style(style, rng)) for circuit in circuits]
    print(style, found and (sum(c for c, _ in found), sum(n for _, n in found)))
    assert sum(covered for covered, _ in found) <= 0.01 * sum(labels for _, labels in found)


def test_the_three_styles_draw_one_circuit_differently() -> None:
    drawn, _ = sample(3, "american", 1)
    looks = [sample_style(name, random.Random(5)) for name in STYLE_NAMES]
    pictures = [pixels(draw(drawn, look)[0]) for look in looks]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(pictures[first] - pictures[second]) > 60).mean() > 0.01


def test_pictures_need_no_resizing() -> None:
    """Both sides are multiples of a merged patch (28 pixels)."""
    for number in range(40):
        picture = Image.open(io.BytesIO(draw_diagram(number, PLAIN, seed=1).image))
        assert picture.width % 28 == 0 and picture.height % 28 == 0


def test_png_bytes_keep_every_pixel() -> None:
    """With a palette where there are few colours, else in full."""
    noise = Image.frombytes("RGB", (28, 28), random.Random(1).randbytes(28 * 28 * 3))
    pictures = [("P", draw(*sample(seed, style, 1))[0]) for seed in range(10) for style in STYLE_NAMES]
    pictures += [("P", noise.convert("L").convert("RGB")), ("RGB", noise)]
    for mode, picture in pictures:
        with Image.open(io.BytesIO(encode_png(picture))) as stored:
            assert stored.mode == mode
            assert stored.convert("RGB").tobytes() == picture.tobytes()


def test_a_larger_pitch_draws_the_same_circuit_larger() -> None:
    rng = random.Random(8)
    layout = place(1, (5, 5), (3, 3), rng)
    look = sample_style("european", rng)
    small, large = scene(layout, 56, random.Random(0)), scene(layout, 112, random.Random(0))
    assert schematic(small) == schematic(large)
    boxes = {pitch: draw(drawn, look, pitch)[1][0].label for pitch, drawn in ((56, small), (112, large))}
    heights = {pitch: y1 - y0 for pitch, (_, y0, _, y1) in boxes.items()}
    assert 1.6 < heights[112] / heights[56] < 2.4


def test_printed_node_numbers_are_the_nodes_of_the_netlist() -> None:
    for seed in range(30):
        drawn, _ = sample(seed, "textbook", seed % 3)
        numbers = node_numbers(drawn)
        assert all(numbers[ground] == 0 for ground in drawn.grounds)
        merged = {part.name: part.nodes for part in merge_wires(parse_netlist(schematic(drawn))).parts}
        for first in drawn.segments:
            for second in drawn.segments:
                if first.kind != "W" and second.kind != "W":
                    same_number = numbers[first.start] == numbers[second.end]
                    assert same_number == (merged[first.name][0] == merged[second.name][1])


def test_equal_seeds_give_equal_diagrams_whatever_the_workers() -> None:
    alone = list(draw_diagrams(70, PLAIN, seed=4, workers=1))
    together = list(draw_diagrams(70, PLAIN, seed=4, workers=2))
    assert alone == together
    assert list(draw_diagrams(30, PLAIN, seed=4, workers=1)) == alone[:30], (
        "more diagrams leave the first ones as they were"
    )
    assert len({diagram.image for diagram in alone}) == 70


def test_no_more_processes_draw_than_there_is_work_for() -> None:
    before = set(multiprocessing.active_children())
    drawn = draw_diagrams(70, PLAIN, seed=4, workers=50)
    next(drawn)
    assert len(set(multiprocessing.active_children()) - before) == 3  # 32 diagrams at a time
    drawn.close()


def test_the_tally_counts_what_flows_by() -> None:
    tally = Tally()
    diagrams = list(tally.watch(draw_diagrams(50, PLAIN, seed=2, workers=1)))
    metrics = tally.metrics()
    assert metrics["diagrams"] == sum(metrics["by_level"].values()) == sum(metrics["by_style"].values()) == 50
    assert metrics["distinct_topologies"] == len({diagram.group for diagram in diagrams})
    assert {f"parts_{part_count(diagram.truth)}" for diagram in diagrams} == set(metrics["by_parts"])
