"""Pictures that others made, checked whole and brought to one format: PNG, opaque, of at most 8 bits a channel.

A foreign picture is hostile until decoded: its name says nothing of its format (of the 240 real schematics of CI2N, 166 are JPEG in
files named .png), its end may be missing, and a few hundred bytes can claim gigapixels. So every picture is decoded once here, by
Pillow's decoders for five common formats and no other: some of the rest start programs (EPS runs Ghostscript). SVG is drawn by
sources/svg.py first.
"""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from diagramlens.records import DiagramLensError
from diagramlens.sources.svg import RendererMissing, SvgError, render_svg

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
DRAWN_SUFFIX = ".svg"
MAX_PIXELS = 40_000_000
"""A4 at 600 dots per inch is 35 million; as RGB that is 120 MB in memory, the most that one picture may cost."""
MAX_FILE_BYTES = 64 * 1024 * 1024
MAX_ASPECT = 200
"""How many times longer than wide a picture may be: beyond it the processors of Qwen2-VL and Qwen2.5-VL raise, and others show a blur."""

# What Pillow's decoders raise on damaged bytes; the set was found by feeding them mutated files (see the tests).
_DAMAGED = (OSError, SyntaxError, ValueError, EOFError, IndexError, TypeError, OverflowError, struct.error, zlib.error)


class PictureError(DiagramLensError):
    """A file that holds no usable picture. The message does not name the file; `too_large` tells a bomb from a ruin."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


@dataclass(frozen=True)
class Picture:
    """A decoded picture: `png` bytes, a `digest` of its pixels (16 hex digits) that the file's compression does not change, its `size`."""

    png: bytes
    digest: str
    size: tuple[int, int]  # width, height in pixels


def read_picture(path: Path) -> Picture:
    """Read, check and convert one picture file; what is called .svg is drawn first.

    Raises PictureError, RendererMissing for an SVG that nothing here can draw, or OSError where the file cannot be read at all.
    """
    if path.stat().st_size > MAX_FILE_BYTES:
        raise PictureError(f"the file is larger than {MAX_FILE_BYTES >> 20} MiB", too_large=True)
    data = path.read_bytes()
    if path.suffix.lower() != DRAWN_SUFFIX:
        return decode_picture(data)
    try:
        return decode_picture(render_svg(data))
    except RendererMissing:
        raise
    except SvgError as error:
        raise PictureError(str(error), too_large=error.too_large) from None


def decode_picture(data: bytes) -> Picture:
    """Check picture bytes of any format in FORMATS and bring them to opaque PNG, without loss. Raises PictureError.

    A sound opaque PNG of 8 bits keeps its bytes. A transparent one is laid on a ground that shows it: models drop the alpha channel,
    and black lines on transparent black would become a black picture. A camera's orientation mark is applied, and of several frames
    the first is taken. A picture of one colour shows nothing, and one of more than MAX_ASPECT cannot be shown to a model: both raise.
    """
    with warnings.catch_warnings():
        # Pillow only warns between one and two times its own limit; ours is below both and checked before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PictureError(f"{width}×{height} pixels are more than {MAX_PIXELS:,}", too_large=True)
                if max(width, height) > MAX_ASPECT * min(width, height):
                    raise PictureError(
                        f"{width}×{height} pixels: no side may be more than {MAX_ASPECT} times the other"
                    )
                image.load()
                upright = ImageOps.exif_transpose(image)
                deep = image.format == "PNG" and data[_PNG_DEPTH] > 8
                opaque = _opaque(_of_eight_bits(upright) if deep else upright)
                pixels = opaque.convert("RGB")
                if _is_blank(pixels):
                    raise PictureError("blank: all of its pixels have one colour")
                keep = image.format == "PNG" and opaque is upright and getattr(image, "n_frames", 1) == 1
                keep = keep and image.getexif().get(_ORIENTATION, 1) == 1 and not deep
                return Picture(data if keep else _png(opaque), _digest(pixels), opaque.size)
        except PictureError:
            raise
        except UnidentifiedImageError:
            raise PictureError(f"not a picture ({', '.join(FORMATS)})") from None
        except Image.DecompressionBombError as error:
            raise PictureError(_first_line(error), too_large=True) from None
        except _DAMAGED as error:
            raise PictureError(f"damaged picture: {_first_line(error)}") from None


_ORIENTATION = 0x0112
_PNG_DEPTH = 24  # where a PNG's header says how many bits a sample has


# Greys on which a transparent picture is laid: the paper that it was most likely drawn for first, then those that show white lines, and
# lines of either colour.
_GROUNDS = (255, 0, 128)
_VISIBLE_STEP = 32
_UNSEEN = 8  # levels of 255: WebP scatters a single colour by up to 6 in the quality that is usual
_SAMPLED_SIDE = 2048


def _of_eight_bits(image: Image.Image) -> Image.Image:
    """A picture of 16 bits a sample, scaled: Pillow clips greys, which makes most of them white, and cuts colours to their upper 8."""
    if not image.mode.startswith("I"):
        return _brightened(image)
    values = np.asarray(image)
    grey = Image.fromarray((values >> (_bits(int(values.max())) - 8)).astype(np.uint8))
    if "transparency" in image.info:
        grey.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return grey


def _brightened(image: Image.Image) -> Image.Image:
    """The upper 8 bits of a picture of 16, moved up where it does not use them all; its opacity stays."""
    bands = list(image.split())
    opacity = [bands.pop()] if image.mode in ("LA", "RGBA") else []
    brightest = max(cast("tuple[int, int]", band.getextrema())[1] for band in bands)
    left = 16 - _bits(brightest << 8)
    return (
        image
        if not left
        else Image.merge(image.mode, [band.point(lambda value: value << left) for band in bands] + opacity)
    )


def _bits(brightest: int) -> int:
    """How many of a sample's 16 bits a picture uses.

    Scanners and cameras store 10 to 14, and careless programs 8, as they are: no picture that uses all 16 is that dark all over.
    """
    return max(brightest.bit_length(), 8) if brightest < 1 << 14 else 16


def _opaque(image: Image.Image) -> Image.Image:
    """The picture itself where nothing in it is transparent, else laid on the ground that shows it."""
    if not image.has_transparency_data:
        return image
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return image
    paper = Image.new("RGBA", layered.size, (_ground(layered),) * 3)
    return Image.alpha_composite(paper, layered).convert("RGB")


def _ground(layered: Image.Image) -> int:
    """White, as a reader's page is, unless a part of the drawing would vanish on it that another ground shows."""
    step = -(-max(layered.size) // _SAMPLED_SIDE)
    shades, alpha = np.moveaxis(np.asarray(layered.convert("LA"))[::step, ::step].astype(np.int16), -1, 0)
    shown = {ground: _steps(ground + (shades - ground) * (alpha / 255)) for ground in _GROUNDS}
    best = max(_GROUNDS, key=lambda ground: shown[ground])
    # What is opaque for the most part brought its own paper, and only its edge is transparent.
    enough = 0.0 if alpha.mean() > 127 else 0.9
    return 255 if shown[255] > enough * shown[best] else best


def _steps(shades: np.ndarray) -> int:
    """How many neighbours differ so that one sees it."""
    return sum(int((abs(np.diff(shades, axis=axis)) >= _VISIBLE_STEP).sum()) for axis in (0, 1))


def _png(image: Image.Image) -> bytes:
    # The modes that PNG stores as they are; the others (CMYK, YCbCr) have no PNG form.
    plain = image if image.mode in ("1", "L", "P", "RGB") else image.convert("RGB")
    buffer = io.BytesIO()
    # Neither text chunks nor colour profiles: equal pixels give equal bytes.
    plain.save(buffer, format="PNG", icc_profile=None, exif=b"")
    return buffer.getvalue()


def _is_blank(pixels: Image.Image) -> bool:
    ranges = cast("tuple[tuple[int, int], ...]", pixels.getextrema())
    return all(lightest - darkest <= _UNSEEN for darkest, lightest in ranges)


def _digest(pixels: Image.Image) -> str:
    return hashlib.blake2b(b"%dx%d:" % pixels.size + pixels.tobytes(), digest_size=8).hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
