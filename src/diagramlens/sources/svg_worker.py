"""Renders the SVG on standard input to PNG on standard output; a script that svg.py starts, for one picture, under limits.

It imports nothing of this package, so that it starts in milliseconds. Exit status 2: the SVG is at fault, in one line on standard error.
"""

from __future__ import annotations

import re
import resource
import sys

MEMORY_BYTES = 1 << 30
CPU_SECONDS = 15
DOTS_PER_INCH = 96.0
"""What CSS takes an inch for. resvg_py's own default is 0: every length in mm, cm, in, pt or pc is nothing, and such a picture invalid."""

# A picture inside the picture may name any file of this machine; one that is written out as data may stay.
_REFERENCE = re.compile(r"""(href\s*=\s*)(["'])\s*(?!#|data:)[^"']*\2""", re.IGNORECASE)


def main() -> int:
    """Render within the limits. Returns the exit status."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    import resvg_py

    side, fonts = int(sys.argv[1]), sys.argv[2:]
    try:
        text = _REFERENCE.sub(r"\1\2\2", sys.stdin.buffer.read().decode("utf-8-sig"))
        # Given one side alone, resvg keeps the proportions; which side is the longer one is seen on a first, tiny picture.
        small = resvg_py.svg_to_bytes(svg_string=text, width=64, dpi=DOTS_PER_INCH, skip_system_fonts=True)
        width, height = (int.from_bytes(small[place : place + 4]) for place in (16, 20))
        png = resvg_py.svg_to_bytes(
            svg_string=text,
            dpi=DOTS_PER_INCH,
            skip_system_fonts=True,
            font_files=fonts,
            font_family="DejaVu Sans",
            sans_serif_family="DejaVu Sans",
            serif_family="DejaVu Serif",
            cursive_family="DejaVu Serif",
            fantasy_family="DejaVu Sans",
            monospace_family="DejaVu Sans Mono",
            width=side if width >= height else None,
            height=None if width >= height else side,
        )
    except ValueError as error:  # UnicodeDecodeError among them
        print(" ".join(str(error).split())[:200], file=sys.stderr)
        return 2
    sys.stdout.buffer.write(png)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
