"""Foreign picture bytes: brought to opaque PNG without loss, or refused in one line."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

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


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [10_000, 15_000, 60_000])
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
