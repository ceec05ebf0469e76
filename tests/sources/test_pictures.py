"""Foreign picture bytes: brought to opaque PNG without loss, or refused in one line."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor, ImageDraw

from diagramlens.sources.pictures import PictureError, decode_picture


def encoded(image: Image.Image, picture_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format=picture_format, **options)
    return buffer.getvalue()


def pixels(data: bytes) -> bytes:
    with Image.open(io.BytesIO(data)) as image:
        return image.convert("RGB").tobytes()


GRADIENT = Image.radial_gradient("L").resize((40, 30))
FILES = {
    "PNG": encoded(GRADIENT.convert("RGB"), "PNG"),
    "JPEG": encoded(GRADIENT.convert("RGB"), "JPEG"),
    "WEBP": encoded(GRADIENT.convert("RGB"), "WEBP"),
    "GIF": encoded(GRADIENT, "GIF"),
    "BMP": encoded(GRADIENT, "BMP"),
}


@pytest.mark.parametrize("picture_format", FILES)
def test_every_format_becomes_png_with_the_same_pixels(picture_format: str) -> None:
    picture = decode_picture(FILES[picture_format])
    assert picture.png.startswith(b"\x89PNG")
    assert pixels(picture.png) == pixels(FILES[picture_format])


def test_a_sound_png_keeps_its_bytes() -> None:
    assert decode_picture(FILES["PNG"]).png == FILES["PNG"]


def test_the_digest_is_that_of_the_pixels_whatever_the_compression() -> None:
    image = GRADIENT.convert("RGB")
    assert (
        decode_picture(encoded(image, "PNG", compress_level=0)).digest == decode_picture(encoded(image, "BMP")).digest
    )
    assert (
        decode_picture(FILES["PNG"]).digest
        != decode_picture(encoded(image.transpose(Image.Transpose.ROTATE_90), "PNG")).digest
    )


def test_black_lines_on_a_transparent_ground_stay_readable() -> None:
    drawing = Image.new("RGBA", (20, 20), (0, 0, 0, 0))
    drawing.paste((0, 0, 0, 255), (5, 9, 15, 11))
    with Image.open(io.BytesIO(decode_picture(encoded(drawing, "PNG")).png)) as image:
        flat = image.convert("RGB")
    assert flat.getpixel((0, 0)) == (255, 255, 255) and flat.getpixel((10, 10)) == (0, 0, 0)


def test_a_photograph_is_turned_the_way_its_camera_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(io.BytesIO(decode_picture(encoded(GRADIENT.convert("RGB"), "JPEG", exif=exif)).png)) as image:
        assert image.size == (30, 40)


def test_a_picture_in_printing_inks_is_converted() -> None:
    assert pixels(decode_picture(encoded(GRADIENT.convert("CMYK"), "JPEG")).png)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


# --- Samples of 16 bits ---------------------------------------------------------------------------------------------------------------


def deep_png(colour_type: int, samples: np.ndarray, transparent: bytes = b"") -> bytes:
    """A PNG of 16 bits a sample, (rows, columns) or (rows, columns, channels); `transparent` is its tRNS chunk."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    named = chunk(b"tRNS", transparent) if transparent else b""
    data = chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + named + data + chunk(b"IEND", b"")


# A dark line, and one of middling grey, on white.
SAMPLES = np.full((40, 60), 65535)
SAMPLES[10:12, 5:50], SAMPLES[20:22, 5:50] = 8192, 32768
CLEAR = np.where(SAMPLES < 65535, 65535, 0)


@pytest.mark.parametrize(
    "data",
    [
        deep_png(0, SAMPLES),
        deep_png(0, SAMPLES, struct.pack(">H", 65535)),
        deep_png(4, np.stack([SAMPLES, CLEAR], -1)),
        deep_png(2, np.stack([SAMPLES] * 3, -1)),
        deep_png(6, np.stack([SAMPLES] * 3 + [CLEAR], -1)),
        deep_png(0, SAMPLES >> 4),
        deep_png(0, SAMPLES >> 8),
    ],
    ids=["grey", "grey, white is transparent", "grey and alpha", "RGB", "RGBA", "12 bits", "8 bits"],
)
def test_16_bits_are_scaled_to_8(data: bytes) -> None:
    with Image.open(io.BytesIO(decode_picture(data).png)) as image:
        assert [image.convert("L").getpixel((20, row)) for row in (0, 10, 20)] == [255, 32, 128]
    assert decode_picture(data).png[24] == 8


@pytest.mark.parametrize(
    "data",
    [
        deep_png(0, SAMPLES >> 2),
        deep_png(2, np.stack([SAMPLES >> 2] * 3, -1)),
        deep_png(2, np.stack([SAMPLES >> 4] * 3, -1)),
        deep_png(4, np.stack([SAMPLES >> 4, CLEAR], -1)),
        deep_png(6, np.stack([SAMPLES >> 6] * 3 + [CLEAR], -1)),
    ],
    ids=["grey, 14 bits", "RGB, 14 bits", "RGB, 12 bits", "grey and alpha, 12 bits", "RGBA, 10 bits"],
)
def test_fewer_bits_in_samples_of_16_are_no_dark_picture(data: bytes) -> None:
    with Image.open(io.BytesIO(decode_picture(data).png)) as image:
        white, dark, grey = (image.convert("L").getpixel((20, row)) for row in (0, 10, 20))
    assert white >= 192 and white - grey >= 64 and grey - dark >= 64


# --- Transparency, and pictures that show nothing -------------------------------------------------------------------------------------


def drawing(*colours: str, ground: tuple[int, ...] = (0, 0, 0, 0)) -> Image.Image:
    """A line and a box of each colour, on a transparent ground."""
    image = Image.new("RGBA", (160, 120), ground)
    for number, colour in enumerate(colours):
        pen, y = ImageDraw.Draw(image), 12 + 14 * number
        pen.line((10, y, 150, y), fill=colour, width=2)
        pen.rectangle((60, y - 4, 90, y + 4), outline=colour)
    return image


@pytest.mark.parametrize(
    ("colours", "ground"),
    [
        (("black",), 255),
        (("red", "blue"), 255),
        (("white",), 0),
        (("white", "yellow"), 0),
        (("white", "white", "red"), 0),
        (("white", "black"), 128),
    ],
)
@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF"])
def test_a_transparent_drawing_is_laid_on_the_ground_that_shows_all_of_it(
    colours: tuple[str, ...], ground: int, form: str
) -> None:
    data = encoded(drawing(*colours), form, **({"lossless": True} if form == "WEBP" else {}))
    with Image.open(io.BytesIO(decode_picture(data).png)) as image:
        flat = image.convert("RGB")
    assert flat.getpixel((0, 0)) == (ground,) * 3
    for number, colour in enumerate(colours):
        assert flat.getpixel((20, 12 + 14 * number)) == ImageColor.getrgb(colour)


def test_a_page_with_clear_corners_stays_white() -> None:
    page = drawing("black", ground=(255, 255, 255, 255))
    mask = Image.new("L", page.size)
    ImageDraw.Draw(mask).rounded_rectangle((3, 3, 156, 116), 20, fill=255)
    page.putalpha(mask)
    with Image.open(io.BytesIO(decode_picture(encoded(page, "PNG")).png)) as image:
        assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("colour", ["white", "#204060"])
@pytest.mark.parametrize("form", FILES)
def test_a_picture_of_one_colour_is_refused_in_every_format(form: str, colour: str) -> None:
    with pytest.raises(PictureError, match=r"^blank: all of its pixels have one colour$"):
        decode_picture(encoded(Image.new("RGB", (60, 40), colour), form))


@pytest.mark.parametrize(
    "data",
    [
        encoded(Image.new("RGBA", (60, 40), (10, 20, 30, 0)), "PNG"),
        encoded(Image.new("1", (60, 40), 1), "PNG"),
        deep_png(0, np.full((40, 60), 40000)),
    ],
    ids=["transparent", "1 bit", "16 bits"],
)
def test_what_shows_nothing_once_it_is_opaque_is_blank_too(data: bytes) -> None:
    with pytest.raises(PictureError, match=r"^blank"):
        decode_picture(data)


def test_colours_of_the_same_lightness_are_no_blank_picture() -> None:
    level = Image.new("L", (256, 256), 9)
    assert decode_picture(encoded(Image.merge("RGB", (Image.radial_gradient("L"), level, level)), "PNG"))


@pytest.mark.parametrize("size", [(2200, 8), (401, 2), (2, 900), (300, 1)])
def test_a_picture_thinner_than_any_family_takes_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match=rf"^{size[0]}×{size[1]} pixels: no side may be more than 200 times the oth"):
        decode_picture(encoded(GRADIENT.resize(size), "PNG"))
    assert decode_picture(encoded(GRADIENT.resize((400, 2)), "PNG")).size == (400, 2)


def test_of_several_frames_the_first_is_taken() -> None:
    first, second = GRADIENT.convert("RGB"), Image.new("RGB", (40, 30), "red")
    for form, options in (("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {})):
        data = encoded(first, form, save_all=True, append_images=[second], **options)
        assert pixels(decode_picture(data).png) == pixels(encoded(first, form, **options))


# --- Hostile files --------------------------------------------------------------------------------------------------------------------


def png_claiming(width: int, height: int) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [6_400, 10_000])
def test_a_decompression_bomb_is_refused_by_its_claimed_size(side: int) -> None:
    with pytest.raises(PictureError) as caught:
        decode_picture(png_claiming(side, side))
    assert caught.value.too_large


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 50,
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        FILES["PNG"][:-30],
    ],
    ids=["empty", "zeros", "eps", "svg", "truncated"],
)
def test_what_is_no_whole_picture_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(PictureError) as caught:
        decode_picture(data)
    assert "\n" not in str(caught.value) and not caught.value.too_large


@settings(max_examples=300, deadline=None)
@given(picture_format=st.sampled_from(sorted(FILES)), data=st.data())
def test_damaged_bytes_never_raise_anything_but_a_picture_error(picture_format: str, data: st.DataObject) -> None:
    damaged = bytearray(FILES[picture_format])
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(0, min(len(damaged) - 1, 120)))] = data.draw(st.integers(0, 255))
    damaged = damaged[: data.draw(st.integers(1, len(damaged)))]
    try:
        picture = decode_picture(bytes(damaged))
    except PictureError:
        return
    assert pixels(picture.png)
