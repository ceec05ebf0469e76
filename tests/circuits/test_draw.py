"""What is drawn is what was placed: labels visible, boxes where the ink is, styles that differ, equal bytes from equal seeds."""

from __future__ import annotations

import dataclasses
import io
import random

import numpy as np
import pytest
from PIL import Image

from diagramlens.domains.circuits.draw import draw, node_numbers
from diagramlens.domains.circuits.drawn import Tally, draw_diagram, draw_diagrams, part_count
from diagramlens.domains.circuits.layout import place, scene, schematic
from diagramlens.domains.circuits.netlist import merge_wires, parse_netlist
from diagramlens.domains.circuits.sampling import CircuitRecipe
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style

RECIPE = CircuitRecipe({0: 1.0, 1: 1.0}, (3, 7), (2, 3), dict.fromkeys(STYLE_NAMES, 1.0), 56)


def sample(seed: int, style: str):
    rng = random.Random(seed)
    drawn = scene(place(1, (3, 7), (2, 3), rng), 56, rng)
    return drawn, sample_style(style, rng)


@pytest.mark.parametrize("style", STYLE_NAMES)
@pytest.mark.parametrize("seed", range(12))
def test_every_label_and_symbol_is_really_visible(style: str, seed: int) -> None:
    """Without one part the picture differs inside that part's boxes: nothing else lies over it, and it is not outside."""
    drawn, look = sample(seed, style)
    picture, objects = draw(drawn, look)
    whole = np.asarray(picture, dtype=int)
    for shown in objects:
        if shown.kind == "ground":
            continue
        nameless = [dataclasses.replace(s, kind="W") if s.name == shown.name else s for s in drawn.segments]
        without = np.asarray(draw(dataclasses.replace(drawn, segments=tuple(nameless)), look)[0], dtype=int)
        difference = np.abs(whole - without).sum(axis=2)
        for x0, y0, x1, y1 in (shown.box, shown.label):
            assert 0 <= x0 < x1 <= drawn.size[0] + 2 and 0 <= y0 < y1 <= drawn.size[1] + 2
            assert difference[max(0, y0) : y1, max(0, x0) : x1].max() > 200, (shown, style)


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_labels_seldom_cover_one_another(style: str) -> None:
    covered = labels = 0
    for seed in range(60):
        drawn, look = sample(seed, style)
        boxes = [shown.label for shown in draw(drawn, look)[1] if shown.kind != "ground"]
        labels += len(boxes)
        for k, (a0, b0, a1, b1) in enumerate(boxes):
            for c0, d0, c1, d1 in boxes[:k]:
                area = max(0, min(a1, c1) - max(a0, c0)) * max(0, min(b1, d1) - max(b0, d0))
                covered += area > 0.3 * (a1 - a0) * (b1 - b0)
    assert covered <= 0.02 * labels


def test_the_three_styles_draw_one_circuit_differently() -> None:
    drawn, _ = sample(3, "american")
    looks = [sample_style(name, random.Random(5)) for name in STYLE_NAMES]
    pictures = [np.asarray(draw(drawn, look)[0].convert("L"), dtype=int) for look in looks]
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(pictures[first] - pictures[second]) > 60).mean() > 0.01


def test_pictures_need_no_resizing() -> None:
    """Both sides are multiples of a merged patch (28 pixels)."""
    for number in range(40):
        picture = Image.open(io.BytesIO(draw_diagram(number, RECIPE, seed=1).image))
        assert picture.width % 28 == 0 and picture.height % 28 == 0


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
        drawn, _ = sample(seed, "textbook")
        numbers = node_numbers(drawn)
        assert numbers[drawn.ground] == 0
        merged = {part.name: part.nodes for part in merge_wires(parse_netlist(schematic(drawn))).parts}
        for first in drawn.segments:
            for second in drawn.segments:
                if first.kind != "W" and second.kind != "W":
                    same_number = numbers[first.start] == numbers[second.end]
                    assert same_number == (merged[first.name][0] == merged[second.name][1])


def test_equal_seeds_give_equal_diagrams_whatever_the_workers() -> None:
    alone = list(draw_diagrams(70, RECIPE, seed=4, workers=1))
    together = list(draw_diagrams(70, RECIPE, seed=4, workers=2))
    assert alone == together
    assert list(draw_diagrams(30, RECIPE, seed=4, workers=1)) == alone[:30], (
        "more diagrams leave the first ones as they were"
    )
    assert len({diagram.image for diagram in alone}) == 70


def test_the_tally_counts_what_flows_by() -> None:
    tally = Tally()
    diagrams = list(tally.watch(draw_diagrams(50, RECIPE, seed=2, workers=1)))
    metrics = tally.metrics()
    assert metrics["diagrams"] == sum(metrics["by_level"].values()) == sum(metrics["by_style"].values()) == 50
    assert metrics["distinct_topologies"] == len({diagram.group for diagram in diagrams})
    assert {f"parts_{part_count(diagram.truth)}" for diagram in diagrams} == set(metrics["by_parts"])
