"""Pictures that others made, checked whole and brought to one format: PNG, opaque.

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

from PIL import Image, ImageOps, UnidentifiedImageError

from diagramlens.records import DiagramLensError
from diagramlens.sources.svg import RendererMissing, SvgError, render_svg

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp")
DRAWN_SUFFIX = ".svg"
MAX_PIXELS = 40_000_000
"""A4 at 600 dots per inch is 35 million; as RGB that is 120 MB in memory, the most that one picture may cost."""
MAX_FILE_BYTES = 64 * 1024 * 1024

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
        picture = decode_picture(render_svg(data))
    except RendererMissing:
        raise
    except SvgError as error:
        raise PictureError(str(error), too_large=error.too_large) from None
    if _is_blank(picture.png):
        raise PictureError("damaged SVG: it draws nothing")
    return picture


def _is_blank(png: bytes) -> bool:
    with Image.open(io.BytesIO(png)) as image:
        darkest, lightest = image.convert("L").getextrema()
    return bool(darkest == lightest)


def decode_picture(data: bytes) -> Picture:
    """Check picture bytes of any format in FORMATS and bring them to opaque PNG, without loss. Raises PictureError.

    A sound opaque PNG keeps its bytes. A transparent one is laid on white, as a reader would see it: models drop the alpha channel,
    and black lines on transparent black would become a black picture. A camera's orientation mark is applied.
    """
    with warnings.catch_warnings():
        # Pillow only warns between one and two times its own limit; ours is below both and checked before anything is decoded.
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                width, height = image.size
                if width * height > MAX_PIXELS:
                    raise PictureError(f"{width}×{height} pixels are more than {MAX_PIXELS:,}", too_large=True)
                image.load()
                upright = ImageOps.exif_transpose(image)
                opaque = _on_white(upright)
                keep = image.format == "PNG" and opaque is upright and getattr(image, "n_frames", 1) == 1
                if keep and image.getexif().get(_ORIENTATION, 1) == 1:
                    return Picture(data, _digest(opaque), opaque.size)
                return Picture(_png(opaque), _digest(opaque), opaque.size)
        except PictureError:
            raise
        except UnidentifiedImageError:
            raise PictureError(f"not a picture ({', '.join(FORMATS)})") from None
        except Image.DecompressionBombError as error:
            raise PictureError(_first_line(error), too_large=True) from None
        except _DAMAGED as error:
            raise PictureError(f"damaged picture: {_first_line(error)}") from None


_ORIENTATION = 0x0112


def _on_white(image: Image.Image) -> Image.Image:
    """The picture itself where nothing in it is transparent."""
    if not image.has_transparency_data:
        return image
    layered = image.convert("RGBA")
    if layered.getchannel("A").getextrema() == (255, 255):
        return image
    paper = Image.new("RGBA", layered.size, "white")
    return Image.alpha_composite(paper, layered).convert("RGB")


def _png(image: Image.Image) -> bytes:
    # The modes that PNG stores as they are; the others (CMYK, YCbCr, HSV, float) have no PNG form.
    plain = image if image.mode in ("1", "L", "P", "RGB", "I;16") else image.convert("RGB")
    buffer = io.BytesIO()
    # Neither text chunks nor colour profiles: equal pixels give equal bytes.
    plain.save(buffer, format="PNG", icc_profile=None, exif=b"")
    return buffer.getvalue()


def _digest(image: Image.Image) -> str:
    pixels = image.convert("RGB")
    return hashlib.blake2b(b"%dx%d:" % pixels.size + pixels.tobytes(), digest_size=8).hexdigest()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
