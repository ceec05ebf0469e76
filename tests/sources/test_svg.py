"""SVG pictures: drawn with their labels, on white, and never able to stop, bloat or read the machine."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from diagramlens.sources.svg import TARGET_SIDE, SvgError, render_svg

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(body: str, width: object = 200, height: object = 100, before: str = "") -> bytes:
    return f'{before}<svg {NAMESPACES} width="{width}" height="{height}">{body}</svg>'.encode()


def pixels(data: bytes) -> Image.Image:
    """What is drawn, on white."""
    with Image.open(io.BytesIO(data)) as image:
        paper = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(paper, image.convert("RGBA")).convert("L")


@pytest.mark.parametrize("font", ["Helvetica", "no such font", "serif", "Times New Roman, monospace"])
def test_a_label_is_visible_whatever_font_it_asks_for(font: str) -> None:
    picture = pixels(render_svg(svg(f'<text x="9" y="60" font-size="40" font-family="{font}">G1 Σ→ω</text>')))
    assert picture.getextrema() == (0, 255)
    assert picture.crop((0, 0, 40, 512)).getextrema() == (255, 255)
    assert picture.crop((40, 150, 500, 330)).getextrema()[0] == 0


@pytest.mark.parametrize(
    ("width", "height", "size"), [(200, 100, (1024, 512)), (30, 90, (342, 1024)), (5, 5, (1024, 1024))]
)
def test_the_longer_side_has_the_same_length_in_every_picture(width: int, height: int, size: tuple[int, int]) -> None:
    assert pixels(render_svg(svg('<rect width="3" height="3"/>', width, height))).size == size
    assert max(size) == TARGET_SIDE


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<svg",
        b"\xff\xfe\x00",
        b"a text",
        svg("<rect", 10, 10),
        svg('<text y="20">&a;</text>', before='<!DOCTYPE svg [<!ENTITY a SYSTEM "none.txt">]>'),
        svg("<g>" * 3 + '<rect width="9" height="9"/>'),
        svg("", 1, 60_000),
        b"<svg>" + b" " * 5_000_000 + b"</svg>",
    ],
    ids=["empty", "cut", "bytes", "text", "broken", "entity", "open", "thin", "large"],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(SvgError) as caught:
        render_svg(data)
    assert "\n" not in str(caught.value)


# A resistor as KiCad plots it: lengths in millimetres, and a text in units of the view box.
KICAD = """<svg xmlns="http://www.w3.org/2000/svg" version="1.1" width="60.5mm" height="30mm" viewBox="0 0 60.5 30">
<path d="M5 15 H20 M35 15 H55" style="fill:none;stroke:#840000;stroke-width:0.15"/>
<rect x="20" y="12" width="15" height="6" style="fill:none;stroke:#840000;stroke-width:0.25"/>
<text x="22" y="10" style="font-size:3px">R1</text>
</svg>"""


def test_a_plot_of_kicad_is_drawn() -> None:
    drawn = pixels(render_svg(KICAD.encode()))
    assert drawn.width == 1024 and 504 <= drawn.height <= 510
    assert drawn.crop((300, 100, 500, 180)).getextrema()[0] < 64  # the label
    assert drawn.crop((100, 250, 300, 260)).getextrema()[0] < 200  # the wire


@pytest.mark.parametrize(
    "size",
    [
        'width="60mm" height="30mm"',
        'width="6cm" height="3cm"',
        'width="2in" height="1in"',
        'width="60pt" height="30pt"',
        'width="10pc" height="5pc"',
        'width="60px" height="30px"',
        'width="100%" height="100%"',
        'width="60mm"',
        'width="50%"',
        "",
    ],
)
def test_a_picture_is_drawn_whatever_unit_its_size_has(size: str) -> None:
    drawn = pixels(
        render_svg(f'<svg {NAMESPACES} {size} viewBox="0 0 60 30"><path d="M0 15H60" stroke="black"/></svg>'.encode())
    )
    # A size is rounded to whole pixels before it is scaled.
    assert drawn.width == 1024 and 508 <= drawn.height <= 516
    assert drawn.crop((0, 240, 1024, 272)).getextrema()[0] == 0


def test_a_text_sized_in_points_is_visible() -> None:
    drawn = pixels(render_svg(svg('<text x="9" y="60" font-size="30pt">R1</text>')))
    assert drawn.getextrema() == (0, 255)


def test_a_picture_that_states_no_size_at_all_has_that_of_what_is_drawn() -> None:
    drawn = pixels(render_svg(f'<svg {NAMESPACES}><rect width="40" height="20"/></svg>'.encode()))
    assert drawn.size == (1024, 512) and drawn.getextrema() == (0, 0)


@pytest.mark.parametrize(
    "worker", ["raise SystemExit(3)", "import os\nos.kill(os.getpid(), 9)", "print('no line', file=sys.stderr)"]
)
def test_a_renderer_that_ends_early_costs_one_picture_and_one_line(
    worker: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(worker)
    monkeypatch.setattr("diagramlens.sources.svg._WORKER", script)
    with pytest.raises(SvgError, match="the renderer gave up on it") as caught:
        render_svg(svg('<rect width="3" height="3"/>'))
    assert "\n" not in str(caught.value) and caught.value.too_large


def test_a_picture_of_gigapixels_is_drawn_in_the_usual_size() -> None:
    assert pixels(render_svg(svg('<rect width="9" height="9"/>', 3_000_000, 3_000_000))).size == (1024, 1024)


def test_no_file_of_the_machine_is_drawn_into_the_picture(tmp_path: pytest.TempPathFactory) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), "black").save(secret)
    for href in (str(secret), f"file://{secret}"):
        for attribute in ("href", "xlink:href"):
            drawn = pixels(render_svg(svg(f"<image width='90' height='90' {attribute}='{href}'/>")))
            assert drawn.getextrema() == (255, 255)
