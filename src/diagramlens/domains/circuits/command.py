"""`diagramlens solve FILE.cir --source V1 --output 3,0`: the transfer function of a netlist, as ASCII that SymPy reads."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from diagramlens.domains.circuits.netlist import CURRENT_SOURCES, Convention, Netlist, parse_netlist
from diagramlens.domains.circuits.solve import Rational, transfer, transfer_across, transfer_text
from diagramlens.records import DiagramLensError

MAX_FILE_BYTES = 1 << 20


class CommandError(DiagramLensError):
    """A file or an option that cannot be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `solve`."""
    parser.add_argument(
        "file", type=Path, metavar="FILE.cir", help="a SPICE-like netlist: R, L, C, V, I, E, G, F, H, and W for a wire"
    )
    parser.add_argument(
        "--source",
        required=True,
        metavar="V1",
        help="the independent source that drives the circuit; all others are zero",
    )
    parser.add_argument(
        "--output",
        required=True,
        metavar="3,0 | R2",
        help="the voltage asked for: between two nodes (positive,negative), or across a part (positive at its first node)",
    )
    parser.add_argument(
        "--values", action="store_true", help="put in the values that are numbers instead of the parts' names"
    )
    parser.add_argument(
        "--convention",
        choices=("spice", "lcapy"),
        help="where a positive current of I, G and F goes: through the source from its first node to its second (spice), or out "
        "of its first node (lcapy, which CircuitSense's netlists are written for); default: lcapy for a text that gives a source the "
        "value 'step', which only lcapy knows, else spice",
    )


def run(args: argparse.Namespace) -> int:
    """Print the transfer function and return 0; print one line on standard error and return 1 where there is none."""
    try:
        text = _read(args.file)
        convention = args.convention or _convention_of(text)
        netlist = parse_netlist(text, convention=convention)
        print(transfer_text(_solve(netlist, args.source, args.output, convention, symbols=not args.values)))
    except DiagramLensError as error:
        print(f"diagramlens solve: {args.file}: {error}", file=sys.stderr)
        return 1
    if (
        args.convention is None
        and convention == "lcapy"
        and any(part.kind in CURRENT_SOURCES for part in netlist.parts)
    ):
        print(
            "diagramlens solve: read as an lcapy netlist: a positive current leaves a current source's first node "
            "(--convention spice for the other way)",
            file=sys.stderr,
        )
    return 0


def _solve(netlist: Netlist, source: str, output: str, convention: Convention, *, symbols: bool) -> Rational:
    nodes = [node.strip() for node in output.split(",")]
    if len(nodes) == 2 and all(nodes):
        return transfer(netlist, source, nodes[0], nodes[1], symbols=symbols)
    if len(nodes) != 1 or not nodes[0]:
        raise CommandError(f"--output {output!r} is neither two nodes (3,0) nor one part (R2)")
    part = netlist.part(nodes[0])
    # lcapy's current sources were turned round on reading; their first node is still the text's.
    plus = 1 if convention == "lcapy" and part.kind in CURRENT_SOURCES else 0
    return transfer_across(netlist, source, part.name, plus=plus, symbols=symbols)


def _convention_of(text: str) -> Convention:
    return "lcapy" if re.search(r"^\s*[VI]\w*\s+\S+\s+\S+\s+step\b", text, re.MULTILINE | re.IGNORECASE) else "spice"


def _read(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise CommandError("the file is larger than 1 MiB; a netlist of 200 parts is a few KiB")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CommandError(f"not a text file (byte {error.start} is no UTF-8)") from error
    except OSError as error:
        raise CommandError(f"cannot be read: {error.strerror}") from error
