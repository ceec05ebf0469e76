"""SVG pictures: drawn with their labels, on white, and never able to stop, bloat or read the machine."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from diagramlens.sources.svg import TARGET_SIDE, SvgError, render_svg

NAMESPACES = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(body: str, width: object = 200, height: object = 100, before: str = "") -> bytes:
    return f'{before}<svg {NAMESPACES} width="{width}" height="{height}">{body}</svg>'.encode()


def pixels(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("L")


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
        svg('<text y="20">&a;</text>', before='<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>'),
        svg("<g>" * 300 + '<rect width="9" height="9"/>'),
        svg('<g opacity="0.5">' * 300 + '<rect width="9" height="9"/>' + "</g>" * 300),
        svg("<g>" * 20_000 + "</g>" * 20_000),
        svg(
            '<g id="u0"><rect width="1" height="1"/></g>'
            + "".join(f'<g id="u{i}">' + f'<use xlink:href="#u{i - 1}"/>' * 10 + "</g>" for i in range(1, 10))
        ),
        svg("", 1, 3_000_000),
        b"<svg>" + b" " * 5_000_000 + b"</svg>",
    ],
    ids=["empty", "cut", "bytes", "text", "broken", "entity", "open", "deep", "deeper", "bomb", "thin", "large"],
)
def test_what_cannot_be_drawn_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(SvgError) as caught:
        render_svg(data)
    assert "\n" not in str(caught.value)


def test_a_picture_of_gigapixels_is_drawn_in_the_usual_size() -> None:
    assert pixels(render_svg(svg('<rect width="9" height="9"/>', 3_000_000, 3_000_000))).size == (1024, 1024)


def test_no_file_of_the_machine_is_drawn_into_the_picture(tmp_path: pytest.TempPathFactory) -> None:
    secret = tmp_path / "secret.png"
    Image.new("RGB", (9, 9), "black").save(secret)
    for href in (str(secret), f"file://{secret}"):
        for attribute in ("href", "xlink:href"):
            drawn = pixels(render_svg(svg(f"<image width='90' height='90' {attribute}='{href}'/>")))
            assert drawn.getextrema() == (255, 255)
