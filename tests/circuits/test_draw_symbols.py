"""Every symbol is told from every other, and every polarity from its reverse, in every style."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

from diagramlens.domains.circuits import draw as drawing
from diagramlens.domains.circuits.draw import draw
from diagramlens.domains.circuits.objects import DESCRIPTIONS
from diagramlens.domains.circuits.pen import Pen
from diagramlens.domains.circuits.scene import Device, Port, Rail, Scene, Segment
from diagramlens.domains.circuits.styles import STYLE_NAMES, Style, has_glyphs, sample_style

TOP, BOTTOM = (28, 28), (28, 80)
CELL = (28, 28, 80, 80)
CORNERS = {"lt": (28, 28), "rt": (80, 28), "lb": (28, 80), "rb": (80, 80)}
UNTOLD = ({"E", "H"}, {"G", "F"})  # told apart by what is printed beside them: v1 or i1


def two_pole(kind: str, **printed: str) -> Scene:
    return Scene((112, 112), (Segment(kind, f"{kind}1", "", TOP, BOTTOM, **printed),), ((28, 80),))


def device(kind: str, pins: str, name: str = "X1") -> Scene:
    first, second, third = (CORNERS[pin] for pin in pins.split())
    return Scene((112, 112), (), (), (Device(kind, name, "", (first, second, third), CELL),))


def ink(scene: Scene, style: Style, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """A picture without its labels."""
    with monkeypatch.context() as patch:
        patch.setattr(drawing, "write", lambda pen, place: (0, 0, 1, 1))
        return np.asarray(draw(scene, style)[0].convert("L"), dtype=int)


def looks(name: str) -> list[Style]:
    return [sample_style(name, random.Random(seed)) for seed in range(6)]


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_every_symbol_looks_unlike_every_other(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for look in looks(style):
        shown = {kind: ink(two_pole(kind), look, monkeypatch) for kind in "RLCVIEGFH"}
        shown |= {kind: ink(device(kind, "rt lt rb"), look, monkeypatch) for kind in ("npn", "pnp", "nmos", "pmos")}
        shown["opamp"] = ink(device("opamp", "rt lt lb"), look, monkeypatch)
        for first, second in combinations(shown, 2):
            differing = (np.abs(shown[first] - shown[second]) > 80).sum()
            assert (differing == 0) if {first, second} in UNTOLD else (differing >= 12), (first, second)


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_every_polarity_looks_unlike_its_reverse(style: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for look in looks(style):
        pairs = []
        for scene in (*(two_pole(kind) for kind in "VIEGFH"), two_pole("R", voltage="v1"), two_pole("L", current="i1")):
            turned = replace(scene.segments[0], start=BOTTOM, end=TOP)
            pairs.append((scene, replace(scene, segments=(turned,))))
        pairs.append((device("opamp", "rt lt lb"), device("opamp", "rt lb lt")))
        pairs += [(device(kind, "rt lt rb"), device(kind, "rb lt rt")) for kind in ("npn", "pnp", "nmos", "pmos")]
        pairs.append((device("opamp", "rb lt lb"), device("opamp", "lb rt rb")))
        for first, second in pairs:
            differing = np.abs(ink(first, look, monkeypatch) - ink(second, look, monkeypatch)) > 80
            assert differing.sum() >= 6, first


@pytest.mark.parametrize("pins", ["rt lt lb", "rb lt lb", "lt rt rb", "lb rb rt"])
@pytest.mark.parametrize("kind", ["opamp", "npn", "pnp", "nmos", "pmos"])
def test_the_leads_of_a_device_reach_its_pins_and_nothing_else(
    kind: str, pins: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, upper, lower = pins.split()
    used = (
        (output, upper, lower) if kind == "opamp" else (output, upper, output[0] + ("b" if output[1] == "t" else "t"))
    )
    for style in STYLE_NAMES:
        look = replace(looks(style)[0], nodes="none")
        picture = ink(device(kind, " ".join(used)), look, monkeypatch)
        for corner, (x, y) in CORNERS.items():
            touched = (np.abs(picture[y - 3 : y + 4, x - 3 : x + 4] - int(picture[0, 0])) > 90).any()
            assert touched == (corner in used), (style, corner)


def test_a_crossing_hops_where_no_dots_tell_it_from_a_joint(monkeypatch: pytest.MonkeyPatch) -> None:
    level = Segment("W", "W", "", (14, 56), (98, 56))
    upright = Segment("W", "W", "", (56, 14), (56, 98))
    scene = Scene((112, 112), (level, upright), (), crossings=((56, 56),))
    for look in (look for style in STYLE_NAMES for look in looks(style)):
        straight = ink(replace(scene, crossings=()), look, monkeypatch)
        hop = (np.abs(ink(scene, look, monkeypatch) - straight) > 80).any()
        assert hop == look.hops
        assert hop or look.nodes == "dots"


@pytest.mark.parametrize("style", STYLE_NAMES)
def test_supplies_and_ports_are_named_where_they_are(style: str) -> None:
    wire = Segment("W", "W", "", (56, 50), (56, 100))
    for look in looks(style):
        rails = Rail("VDD", "5", (56, 50)), Rail("VSS", "5", (56, 100))
        _, (vdd, vss) = draw(Scene((112, 140), (wire,), (), rails=rails), look)
        assert vdd.box[3] <= 51 and vdd.label[3] < 50 and vss.box[1] >= 99 and vss.label[1] > 100
        _, (port,) = draw(Scene((112, 140), (wire,), (), ports=(Port("P1", (56, 50), (56, 100)),)), look)
        assert port.box[1] < 50 and port.box[3] > 100 and abs((port.label[1] + port.label[3]) / 2 - 50) < 20


def test_every_face_writes_every_unit() -> None:
    """A missing glyph is an empty or crossed box, alike for all missing ones."""
    for style in STYLE_NAMES:
        for look in looks(style):
            written = []
            for text in ("Ω", "\N{OHM SIGN}", "µ", "μ", "°", "\U0010fffe"):
                pen = Pen((40, 40), look)
                pen.text((5, 30), "lb", [(text, 20, 0.0)])
                written.append(pen.picture().tobytes())
            assert written[-1] not in written[:-1]
            assert len(set(written[:1] + written[2:3] + written[4:])) == 4
    assert not has_glyphs("STIXGeneralItalic.ttf", "\N{OHM SIGN}")


def test_labels_are_set_as_they_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The label replaces the name, and what rules a source stands behind it."""
    texts: list[str] = []
    row = Pen.row

    def heard(pen, left, baseline, runs):  # type: ignore[no-untyped-def]
        texts.append("".join(run for run, _, _ in runs))
        row(pen, left, baseline, runs)

    monkeypatch.setattr(Pen, "row", heard)
    for style in STYLE_NAMES:
        look = replace(looks(style)[0], nodes="none")
        for scene, printed in (
            (two_pole("R", label="R1 2.2 kΩ"), "R1 2.2 kΩ"),
            (two_pole("R", label="2.2 kΩ"), "2.2 kΩ"),
            (two_pole("E", control="v1"), "E1 v1"),
            (two_pole("R", voltage="v1"), "R1 v1"),
            (two_pole("R", voltage="vo", current="io"), "R1"),
            (two_pole("V", current="i1"), "V1 i1"),
        ):
            texts.clear()
            draw(scene, look)
            assert " ".join(texts) == printed


def test_every_kind_has_a_description_in_both_languages() -> None:
    kinds = {*"RLCVIEGFH", "opamp", "npn", "pnp", "nmos", "pmos", "rail", "port", "ground"}
    kinds |= {"block", "sum", "takeoff", "input", "output"}
    assert set(DESCRIPTIONS) == kinds
    for language in (0, 1):
        assert len({words[language] for words in DESCRIPTIONS.values()}) == len(kinds)
    record = draw(two_pole("C"), looks("american")[0])[1][0].record()
    assert (record["description"], record["description_zh"]) == ("capacitor", "电容")
