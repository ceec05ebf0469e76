"""Pictures that are read by places: values stand by their own symbols, no sign lies on a letter, marks are seen. Names are as before."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import pytest

from diagramlens.domains.circuits import draw as drawing
from diagramlens.domains.circuits import signs, symbols
from diagramlens.domains.circuits.arrange import distance, read_by_place
from diagramlens.domains.circuits.draw import DrawnObject, draw
from diagramlens.domains.circuits.pen import overlap
from diagramlens.domains.circuits.recipe import CircuitRecipe
from diagramlens.domains.circuits.sampling import Circuit, sample_circuit, sample_look
from diagramlens.domains.circuits.scene import Box, Scene, Segment
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style
from diagramlens.params import load_params
from tests.circuits.recipes import full_recipe, recipe
from tests.committed import DEFAULT_PARAMS

TWO_POLES = "RLCVIEGFH"


def printing(labels: str) -> dict[str, float]:
    return {name: float(name == labels) for name in ("names", "values", "both", "mixed")}


def circuits(wanted: CircuitRecipe, count: int) -> Iterator[tuple[Circuit, random.Random]]:
    for seed in range(count):
        rng = random.Random(f"by place {seed}")
        circuit = sample_circuit(wanted, rng)
        assert isinstance(circuit, Circuit)
        yield circuit, rng


def nearer_to_another(objects: list[DrawnObject]) -> int:
    """How many labels are as near to another symbol of the same kind as to their own."""
    parts = [shown for shown in objects if shown.kind in TWO_POLES]
    return sum(
        any(
            distance(shown.label, other.box) <= distance(shown.label, shown.box)
            for other in parts
            if other is not shown and other.kind == shown.kind
        )
        for shown in parts
    )


@pytest.mark.parametrize(("pitch", "bound"), [(56, 0.02), (72, 0.005), (96, 0.005)])
@pytest.mark.parametrize("labels", ["values", "both"])
def test_a_value_stands_nearer_to_its_own_symbol_than_to_another_of_the_kind(
    labels: str, pitch: int, bound: float
) -> None:
    """At level 0, where most parts are alike. Of 500 circuits 14 % of the values at a pitch of 72 once stood nearer to another."""
    total = wrong = 0
    for circuit, rng in circuits(recipe({0: 1.0}, labels=printing(labels), pitch=pitch), 100):
        _, objects = circuit.paint(sample_look(recipe(), rng).style)
        total += len(objects)
        wrong += nearer_to_another(objects)
    assert wrong <= bound * total


class Heard:
    """Keeps the boxes of signs as they are drawn."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: list[Box] = []
        for module in (signs, symbols):
            for name in ("plus", "minus"):
                monkeypatch.setattr(module, name, self._of(getattr(module, name)))

    def _of(self, draw_sign):  # type: ignore[no-untyped-def]
        def heard(*args, **options):  # type: ignore[no-untyped-def]
            self.boxes.append(draw_sign(*args, **options))
            return self.boxes[-1]

        return heard


@pytest.mark.parametrize("marks", [0.0, 1.0])
@pytest.mark.parametrize("labels", ["values", "both"])
@pytest.mark.parametrize("level", [0, 1, 2, 4])
def test_no_sign_lies_on_a_letter(level: int, labels: str, marks: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for a corner here and there where every part is marked, which is when a label finds no room at all."""
    heard = Heard(monkeypatch)
    for pitch, bound in ((72, 0.04 if marks else 0.01), (96, 0.01)):
        total = covered = 0
        wanted = full_recipe(level, marks=marks, labels=printing(labels), pitch=pitch)
        for circuit, rng in circuits(wanted, 24):
            heard.boxes.clear()
            _, objects = circuit.paint(sample_look(wanted, rng).style)
            written = [shown for shown in objects if shown.kind not in ("opamp", "ground")]
            total += len(written)
            covered += sum(any(overlap(shown.label, box) > 4 for box in heard.boxes) for shown in written)
        assert covered <= bound * total, pitch


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_every_sign_and_arrow_is_really_visible(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of each part, left out in turn, change the pixels: they are neither outside nor under something."""
    for circuit, _ in circuits(full_recipe(0, 1, 2, 3, 4, marks=1.0, pitch=72), 12):
        look = sample_style(style, random.Random(1))
        whole = np.asarray(draw(circuit.scene, look, 72)[0].convert("L"), dtype=int)
        marked = [part for part in circuit.scene.segments if part.kind in "RLC"]
        assert all(part.voltage and part.current for part in marked)
        for name, least in (("draw_signs", 12), ("draw_arrow", 6)):
            for left_out in marked:
                with monkeypatch.context() as patch:
                    kept = getattr(drawing, name)
                    patch.setattr(
                        drawing,
                        name,
                        lambda pen, part, where, kept=kept, out=left_out: (
                            [] if part.segment is out else kept(pen, part, where)
                        ),
                    )
                    without = np.asarray(draw(circuit.scene, look, 72)[0].convert("L"), dtype=int)
                assert (np.abs(whole - without) > 50).sum() >= least, (circuit.truth, left_out.name, name)


def test_what_the_default_run_draws_is_not_read_by_place() -> None:
    """Its pictures must stay what the embedded model was pretrained on."""
    default = CircuitRecipe.of(load_params(DEFAULT_PARAMS).domains.circuits)
    assert (default.marks.voltage, default.marks.current) == (0.0, 0.0)
    assert default.labels["names"] > 0 and sum(default.labels.values()) == default.labels["names"]
    scenes = [drawn.scene for drawn, _ in circuits(full_recipe(0, 1, 2, 3, 4, labels=printing("names")), 200)]
    assert any(part.voltage for scene in scenes for part in scene.segments)
    assert not any(read_by_place(scene) for scene in scenes)


def pair(**printed: str) -> Scene:
    parts = Segment("R", "R1", "", (40, 40), (120, 40), **printed), Segment("R", "R2", "", (120, 40), (120, 120))
    return Scene((168, 168), parts, ((120, 120),))


def test_values_and_marks_beyond_one_output_are_read_by_place() -> None:
    assert read_by_place(pair(label="2.2 kΩ"))
    assert read_by_place(pair(current="io"))
    assert not read_by_place(pair(voltage="vo"))
    assert not read_by_place(pair(voltage="v1"))
    both = pair(voltage="vo").segments[0], Segment("R", "R2", "", (120, 40), (120, 120), voltage="vo")
    assert read_by_place(Scene((168, 168), both, ((120, 120),)))


def test_type_hardly_grows_with_the_pitch_where_values_are_printed() -> None:
    style = sample_style("american", random.Random(2))
    heights = []
    for pitch in (56, 112):
        _, (first, *_) = draw(pair(label="2.2 kΩ"), style, pitch)
        heights.append((first.label[3] - first.label[1]) / first.rows)
    assert 1.2 < heights[1] / heights[0] < 1.6


def test_labels_of_two_rows_are_said_to_be() -> None:
    """By the height of its letters a blur is measured."""
    style = sample_style("american", random.Random(2))
    upright = Segment("R", "R1", "", (84, 40), (84, 120), label="R1 2.2 kΩ")
    _, (shown, _) = draw(Scene((168, 168), (upright,), ((84, 120),)), style)
    assert shown.rows == 2
