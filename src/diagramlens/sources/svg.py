"""Block diagrams, and what drawing programs export, come as SVG: rendered to PNG by resvg, in a process of their own.

resvg is one wheel of 1.4 MB (MIT) without any system library. An SVG is a program for a renderer, though, and a foreign one is hostile
until drawn: measured on version 0.5, a picture of 3 million pixels a side or 300 nested groups end the whole process, and one of
30,000 a side takes half a minute. So each picture gets a child process (some 60 ms) with a limit on time and memory;
whatever becomes of it, the import goes on.

Text is set in matplotlib's DejaVu whatever font the file asks for: system fonts would make the pictures of one machine unlike those of
another, and resvg leaves out, silently, every label whose font is missing.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

from diagramlens.records import DiagramLensError
from diagramlens.sources import svg_worker

TARGET_SIDE = 1024
"""Pixels of the longer side: small enough for a vision model to see whole, large enough to keep the labels of 30 blocks readable."""
MAX_SVG_BYTES = 4 * 1024 * 1024
TIMEOUT_SECONDS = 20.0

_WORKER = Path(svg_worker.__file__)


class SvgError(DiagramLensError):
    """An SVG that cannot be drawn, or not within the limits (`too_large`)."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


class RendererMissing(SvgError):  # noqa: N818 - it is a lack, not a fault of the picture
    """resvg_py is not installed; the message says how to get it."""


def render_svg(data: bytes) -> bytes:
    """The picture as PNG bytes, transparent where nothing is drawn, its longer side TARGET_SIDE pixels.

    Raises SvgError, RendererMissing without resvg_py.
    """
    if importlib.util.find_spec("resvg_py") is None:
        raise RendererMissing("pip install resvg_py (requirements.txt has the version), or put a PNG beside the SVG")
    if len(data) > MAX_SVG_BYTES:
        raise SvgError(f"the file is larger than {MAX_SVG_BYTES >> 20} MiB", too_large=True)
    command = [sys.executable, "-I", str(_WORKER), str(TARGET_SIDE), *_fonts()]
    try:
        done = subprocess.run(command, input=data, capture_output=True, timeout=TIMEOUT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise SvgError(f"drawing it takes more than {TIMEOUT_SECONDS:g} s", too_large=True) from None
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode == 2:  # the worker's own words
        raise SvgError(f"damaged SVG: {said[-1] if said else 'no reason given'}")
    raise SvgError(f"the renderer gave up on it ({said[0] if said else f'status {done.returncode}'})", too_large=True)


@lru_cache(maxsize=1)
def _fonts() -> tuple[str, ...]:
    from matplotlib import get_data_path  # 0.1 s, and only for trees that hold an SVG

    folder = Path(get_data_path()) / "fonts" / "ttf"
    names = ("DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf", "DejaVuSerif.ttf", "DejaVuSansMono.ttf")
    return tuple(str(folder / name) for name in names)
