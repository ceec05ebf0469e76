"""`diagramlens draw FILE`: the picture of a netlist, placed by what the file says of places or, where it says nothing, by itself."""

from __future__ import annotations

import argparse
import json
import random
import sys
from dataclasses import replace
from pathlib import Path

from diagramlens.domains.circuits import degrade
from diagramlens.domains.circuits.blocks.text import is_block_diagram
from diagramlens.domains.circuits.draw import draw, encode_png
from diagramlens.domains.circuits.netlist_file import netlist_of, read_text
from diagramlens.domains.circuits.pen import REFERENCE_PITCH
from diagramlens.domains.circuits.placing.nets import PlacingError
from diagramlens.domains.circuits.placing.place import place
from diagramlens.domains.circuits.styles import STYLE_NAMES, sample_style
from diagramlens.domains.circuits.values import LABELS
from diagramlens.records import DiagramLensError

_PITCHES = (28, 224)  # below, labels are illegible; above, a picture of a few parts fills a wall
_WAYS = {
    "names": "placed as the names of its junctions say",
    "directions": "placed as its directions say",
    "buses": "placed automatically",
}


class DrawError(DiagramLensError):
    """A file or an option that no picture can be made of."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `draw`."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE",
        help="a SPICE or lcapy netlist (.cir, .sch, .txt): R, L, C, V, I, E, G, F, H, op-amps, transistors Q and M, ports P, and W for "
        "a wire; hints such as `right` or `up=2` are followed where every part has one",
    )
    parser.add_argument(
        "-o", "--output", type=Path, metavar="out.png", help="where to write the picture; default: FILE with .png"
    )
    parser.add_argument(
        "--style", choices=STYLE_NAMES, default="american", help="the family of symbols (default: %(default)s)"
    )
    parser.add_argument(
        "--labels",
        choices=LABELS,
        help="what stands beside the parts: their names, their values or both; default: what the file's l= hints say, else names",
    )
    parser.add_argument(
        "--degrade",
        choices=degrade.DEGRADATIONS,
        default="clean",
        help="what befalls the picture (default: %(default)s)",
    )
    parser.add_argument(
        "--pitch",
        type=int,
        default=REFERENCE_PITCH,
        metavar="PIXELS",
        help=f"pixels from column to column, {_PITCHES[0]} to {_PITCHES[1]}; lines and type grow with it (default: %(default)s)",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="which line width, type and strength of degradation (default: %(default)s)"
    )
    parser.add_argument("--boxes", type=Path, metavar="out.json", help="write the box of every symbol and label, too")
    parser.add_argument(
        "--convention",
        choices=("spice", "lcapy"),
        help="where a positive current of I and G goes, as for `solve`: spice, or lcapy, which is the default for a text with `step`",
    )


def run(args: argparse.Namespace) -> int:
    """Write the picture, say where, and return 0; print one line on standard error and return 1 where there is none."""
    try:
        notes = _draw(args)
    except DiagramLensError as error:
        print(f"diagramlens draw: {args.file}: {error}", file=sys.stderr)
        return 1
    for note in notes:
        print(f"diagramlens draw: {note}", file=sys.stderr)
    return 0


def _draw(args: argparse.Namespace) -> tuple[str, ...]:
    """Write the picture; what was taken for granted on the way, a line each."""
    output = args.output or args.file.with_suffix(".png")
    _check_options(args, output)
    text = read_text(args.file)
    if is_block_diagram(text):
        raise DrawError(
            "a block diagram; only those that the sampler plans itself can be drawn (`diagramlens solve` solves it); a netlist, one part "
            "a line, can be"
        )
    source = netlist_of(text, args.convention)
    try:
        placed = place(source.netlist, args.pitch, args.labels)
    except PlacingError as error:
        title = f" (line 1 is taken as the title: {source.title})" if source.title else ""
        raise DrawError(f"{_line_of(text, error.part)}{error}{title}") from error
    rng = random.Random(args.seed)
    numbered = placed.way == "names" and "label_nodes=all" in source.netlist.options
    # Where wires bend as they must, dots tell joints from crossings better than rings and numbers at every corner.
    style = replace(sample_style(args.style, rng), nodes="numbers" if numbered else "dots", hops=True)
    picture, objects = draw(placed.scene, degrade.hand(style, args.degrade, rng), args.pitch)
    picture, objects = degrade.apply(picture, objects, args.degrade, rng)
    _write(output, encode_png(picture))
    if args.boxes is not None:
        records = [shown.record() for shown in objects]
        _write(args.boxes, (json.dumps(records, ensure_ascii=False, indent=1) + "\n").encode())
    print(f"{output}: {picture.width} x {picture.height} pixels, {_WAYS[placed.way]}")
    return (*source.notes, *placed.notes)


def _check_options(args: argparse.Namespace, output: Path) -> None:
    if output.suffix.lower() != ".png":
        raise DrawError(f"-o {output}: a picture is written as .png")
    if not _PITCHES[0] <= args.pitch <= _PITCHES[1]:
        raise DrawError(f"--pitch {args.pitch}: from {_PITCHES[0]} to {_PITCHES[1]} pixels")


def _line_of(text: str, part: str) -> str:
    """`line 3: ` where line 3 states this part; nothing where no part is to blame."""
    lines = (number for number, line in enumerate(text.splitlines(), start=1) if part and line.split()[:1] == [part])
    number = next(lines, None)
    return f"line {number}: " if number is not None else ""


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise DrawError(f"{path} cannot be written: {error.strerror}") from error
