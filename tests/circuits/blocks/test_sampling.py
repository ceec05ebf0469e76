"""Random block diagrams: what the picture shows is the truth, wires keep clear of blocks, sizes are kept."""

from __future__ import annotations

import random
from itertools import combinations

import pytest

from diagramlens.domains.circuits.blocks.graph import loops
from diagramlens.domains.circuits.blocks.sampling import BlockPicture, sample_blocks
from diagramlens.domains.circuits.blocks.scene import BlockScene, crossings, passes, read_scene
from diagramlens.domains.circuits.blocks.solving import closed_loop
from diagramlens.domains.circuits.blocks.text import format_blocks, parse_blocks
from diagramlens.domains.circuits.layout import LayoutError


@pytest.fixture(scope="module")
def pictures() -> list[BlockPicture]:
    return [sample_blocks((1, 9), random.Random(seed), 56) for seed in range(500)]


def test_the_truth_is_read_back_from_the_geometry(pictures: list[BlockPicture]):
    for picture in pictures:
        assert format_blocks(parse_blocks(picture.truth)) + "\n" == picture.truth
        assert read_scene(picture.scene) == parse_blocks(picture.truth)


def test_every_diagram_is_well_posed_and_no_loop_is_without_a_block(pictures: list[BlockPicture]):
    for picture in pictures:
        diagram = parse_blocks(picture.truth)
        names = {block.name for block in diagram.blocks}
        assert all(names & set(loop.elements) for loop in loops(diagram))
        for source in diagram.inputs:
            closed_loop(diagram, source)


def test_nothing_runs_through_a_block_or_a_summing_point(pictures: list[BlockPicture]):
    for picture in pictures:
        scene = picture.scene
        solid = [box.frame for box in scene.boxes]
        solid += [
            (x - c.radius, y - c.radius, x + c.radius, y + c.radius) for c in scene.circles for x, y in [c.centre]
        ]
        for left, right in combinations(solid, 2):
            assert left[2] < right[0] or right[2] < left[0] or left[3] < right[1] or right[3] < left[1]
        for x0, y0, x1, y1 in solid:
            for wire in scene.wires:
                for (ax, ay), (bx, by) in wire.pieces:
                    assert ax == bx or ay == by
                    apart = max(ax, bx) <= x0 or min(ax, bx) >= x1 or max(ay, by) <= y0 or min(ay, by) >= y1
                    assert apart, picture.truth


def test_wires_of_two_signals_never_run_along_each_other(pictures: list[BlockPicture]):
    for picture in pictures:
        for one, other in combinations(picture.scene.wires, 2):
            if passes(one, other.points[0]) or passes(other, one.points[0]):
                continue  # one starts on the other: they carry one signal
            for (ax, ay), (bx, by) in one.pieces:
                for (cx, cy), (dx, dy) in other.pieces:
                    along_x = ay == by == cy == dy and min(max(ax, bx), max(cx, dx)) > max(min(ax, bx), min(cx, dx))
                    along_y = ax == bx == cx == dx and min(max(ay, by), max(cy, dy)) > max(min(ay, by), min(cy, dy))
                    assert not along_x and not along_y, picture.truth


def test_pictures_are_whole_cells_and_hold_all_that_is_drawn(pictures: list[BlockPicture]):
    for picture in pictures:
        (width, height), scene = picture.scene.size, picture.scene
        assert width % 28 == 0 == height % 28 and width * height <= 448 * 448
        points = [point for wire in scene.wires for point in wire.points]
        points += [corner for box in scene.boxes for corner in (box.frame[:2], box.frame[2:])]
        assert all(0 < x < width and 0 < y < height for x, y in points)


def test_the_number_of_blocks_is_kept_and_the_shapes_are_many(pictures: list[BlockPicture]):
    counts = {len(parse_blocks(picture.truth).blocks) for picture in pictures}
    assert counts == set(range(1, 10))
    assert len({picture.group for picture in pictures}) > 350
    assert sum(bool(list(crossings(picture.scene))) for picture in pictures) > 40
    assert {len(parse_blocks(picture.truth).inputs) for picture in pictures} >= {1, 2, 3}
    assert all(picture.level == 5 for picture in pictures)


def test_equal_seeds_give_equal_diagrams_and_pitch_scales_them():
    one, two, large = (sample_blocks((3, 5), random.Random(4), pitch) for pitch in (56, 56, 112))
    assert one == two
    assert large.truth == one.truth
    assert 1.8 < large.scene.size[0] / one.scene.size[0] < 2.2


def test_sizes_that_no_diagram_has_are_refused():
    with pytest.raises(LayoutError, match=r"20 to 24 blocks: .* 1 to 12; change domains.circuits.levels.level_5.parts"):
        sample_blocks((20, 24), random.Random(1), 56)


def test_a_wire_without_a_dot_stays_apart_from_what_it_crosses(pictures: list[BlockPicture]):
    """A dot put on a crossing joins two signals, and the drawing shows no diagram any more."""
    picture = next(picture for picture in pictures if list(crossings(picture.scene)))
    scene = picture.scene
    joined = BlockScene(
        scene.size, scene.boxes, scene.circles, scene.wires, scene.terminals, (*scene.dots, *crossings(scene))
    )
    with pytest.raises(ValueError, match="carries"):
        read_scene(joined)
