"""`diagramlens solve FILE`: the transfer function of a netlist or a block diagram, its poles, zeros and gains, and its Bode plot.

With `--source` and `--output` both named and nothing else asked for, the formula alone is printed, as ASCII that SymPy reads. Where that
has too many terms in symbols, it is printed with the values that are numbers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from diagramlens.domains.circuits.blocks.text import BlockDiagram, is_block_diagram, parse_blocks
from diagramlens.domains.circuits.bode import PLOT_SUFFIXES, PlotError, plot_bode
from diagramlens.domains.circuits.linearise import has_transistors, linearise
from diagramlens.domains.circuits.netlist import (
    OPAMP,
    SOURCES,
    TRANSISTORS,
    TURNED_BY_LCAPY,
    Convention,
    Netlist,
    Part,
    is_supply,
    node_named,
    value_of,
)
from diagramlens.domains.circuits.netlist_file import NetlistFile, milli_notes, netlist_of, read_text
from diagramlens.domains.circuits.solvable import reference_node
from diagramlens.domains.circuits.solve import TooLargeError, refuse_faulty, symbol_of, transfer, transfer_text
from diagramlens.domains.circuits.summary import Summary, summarise, summarise_blocks, summary_record, summary_text
from diagramlens.records import DiagramLensError


class CommandError(DiagramLensError):
    """A file or an option that cannot be used."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `solve`."""
    parser.add_argument(
        "file",
        type=Path,
        metavar="FILE.cir",
        help="a SPICE or lcapy netlist (.cir, .sch): R, L, C, V, I, E, G, F, H, op-amps, transistors Q and M, ports P, and W for a wire; "
        "or a block diagram, whose lines start with in, sum, block and out",
    )
    parser.add_argument(
        "--source",
        metavar="V1",
        help="the independent source that drives the circuit (of a block diagram: the input), all others being zero; may be left out where "
        "there is but one",
    )
    parser.add_argument(
        "--output",
        metavar="3,0 | R2",
        help="the voltage asked for: between two nodes (positive,negative), or across a part or port (positive at its first node); "
        "default: the only port, else the last op-amp's output, else the last part",
    )
    parser.add_argument(
        "--values",
        action="store_true",
        help="put the values that are numbers into the formula instead of the parts' names",
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="gm1=2m", help="a number for a part or a symbol; may be repeated"
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="print poles, zeros, gains and the Bode plot's table even where source and output are both named",
    )
    parser.add_argument("--plot", type=Path, metavar="out.png", help="write the Bode plot as PNG or SVG, too")
    parser.add_argument("--json", action="store_true", help="print all of it as one JSON object")
    parser.add_argument(
        "--convention",
        choices=("spice", "lcapy"),
        help="where a positive current of I and G goes: through the source from its first node to its second (spice), or out "
        "of its first node (lcapy, which CircuitSense's netlists are written for); default: lcapy for a text that gives a source the "
        "value 'step', which only lcapy knows, else spice",
    )


def run(args: argparse.Namespace) -> int:
    """Print what is asked for and return 0; print one line on standard error and return 1 where there is no answer."""
    try:
        notes = _solve(args)
    except DiagramLensError as error:
        print(f"diagramlens solve: {args.file}: {error}", file=sys.stderr)
        return 1
    for note in notes:
        print(f"diagramlens solve: {note}", file=sys.stderr)
    return 0


def _solve(args: argparse.Namespace) -> list[str]:
    """Print the answer; what was taken for granted on the way, a line each."""
    if args.plot is not None and args.plot.suffix.lower() not in PLOT_SUFFIXES:
        raise PlotError(f"--plot {args.plot}: a plot is written as {' or '.join(PLOT_SUFFIXES)}")
    text = read_text(args.file)
    if is_block_diagram(text):
        return _solve_blocks(parse_blocks(text), args)
    file = netlist_of(text, args.convention)
    try:
        return _solve_netlist(file, args)
    except DiagramLensError as error:
        if not file.title:
            raise
        raise CommandError(f"{error} (line 1 is taken as the title: {file.title})") from error


def _solve_netlist(file: NetlistFile, args: argparse.Namespace) -> list[str]:
    netlist, notes = file.netlist, list(file.notes)
    if has_transistors(netlist):
        notes.append(_linearised(netlist))
    linear = linearise(netlist)
    values = _assignments(args.set)
    notes += [note for note in milli_notes(values.items()) if note not in notes]
    valued = _with_values(linear, values)
    refuse_faulty(linear)
    source, positive, negative, guesses = _question(netlist, linear, args, file.convention)
    if not (guesses or args.report or args.plot or args.json):
        return notes + _print_formula(linear, valued, source, positive, negative, args.values)
    notes += _print_summary(summarise(linear, valued, source, positive, negative), args)
    return [*notes, *guesses]


def _solve_blocks(diagram: BlockDiagram, args: argparse.Namespace) -> list[str]:
    if args.set:
        raise CommandError("--set is of netlists; in a block diagram write the number into its line: block K1 S1 10")
    if args.output not in (None, diagram.output):
        raise CommandError(f"--output {args.output}: a block diagram has one output, {diagram.output}")
    guesses = []
    source = args.source
    if source is None:
        if len(diagram.inputs) > 1:
            raise CommandError(
                f"there are several inputs, {', '.join(diagram.inputs)}: say which drives the diagram with --source"
            )
        source = diagram.inputs[0]
        guesses.append(f"from {source}, the only input, to {diagram.output}")
    summary = summarise_blocks(diagram, source)
    if args.source and args.output and not (args.report or args.plot or args.json):
        formula = summary.valued if args.values else summary.symbolic
        assert formula is not None  # a block diagram's formula in symbols is never left out
        print(transfer_text(formula))
        return []
    return [*_print_summary(summary, args), *guesses]


# --- Printing ---------------------------------------------------------------------------------------------------------


def _print_formula(
    linear: Netlist, valued: Netlist, source: str, positive: str, negative: str, values: bool
) -> list[str]:
    """Print the transfer function alone, and say it where numbers had to take the place of symbols."""
    notes = []
    if not values:
        try:
            print(transfer_text(transfer(linear, source, positive, negative)))
            return []
        except TooLargeError:
            notes.append(
                "in symbols the formula has too many terms to be written: this is it with the values of the parts"
            )
    print(transfer_text(transfer(valued, source, positive, negative, symbols=False)))
    return notes


def _print_summary(summary: Summary, args: argparse.Namespace) -> list[str]:
    """Print the summary, and write its Bode plot where that is asked for."""
    notes = []
    if args.plot is not None:
        if summary.response is None:
            raise PlotError(f"there is no Bode plot: {summary.why_no_response}")
        plot_bode(summary.response, args.plot, f"{summary.asked} of {args.file.name}")
        notes.append(f"{args.plot} shows the Bode plot")
    print(json.dumps(summary_record(summary)) if args.json else summary_text(summary))
    return notes


# --- What is asked for ------------------------------------------------------------------------------------------------


def _question(
    netlist: Netlist, linear: Netlist, args: argparse.Namespace, convention: Convention
) -> tuple[str, str, str, list[str]]:
    """Source, positive and negative node, and what of it was guessed."""
    guesses = []
    source = args.source
    if source is None:
        source = _only_source(netlist)
        guesses.append(f"from {source}, the only source (--source names another)")
    if args.output is None:
        positive, negative, why = _likely_output(netlist, source)
        guesses.append(f"to V({positive},{negative}), {why} (--output names another)")
        return source, positive, negative, guesses
    nodes = [node.strip() for node in args.output.split(",")]
    if len(nodes) == 2 and all(nodes):
        return source, node_named(nodes[0]), node_named(nodes[1]), guesses
    if len(nodes) != 1 or not nodes[0]:
        raise CommandError(f"--output {args.output!r} is neither two nodes (3,0) nor one part (R2)")
    part = next((part for part in linear.parts if part.name == nodes[0]), None) or netlist.part(nodes[0])
    # lcapy's current sources were turned round on reading; their first node is still the text's.
    plus = 1 if convention == "lcapy" and part.kind in TURNED_BY_LCAPY else 0
    return source, part.nodes[plus], part.nodes[1 - plus], guesses


def _only_source(netlist: Netlist) -> str:
    sources = [part.name for part in netlist.parts if part.kind in SOURCES and not is_supply(part)]
    sources = sources or [part.name for part in netlist.parts if part.kind in SOURCES]
    if len(sources) == 1:
        return sources[0]
    if sources:
        raise CommandError(
            f"there are several sources, {', '.join(sources)}: say which drives the circuit with --source"
        )
    raise CommandError("there is no independent source (V or I), so nothing drives the circuit")


def _likely_output(netlist: Netlist, source: str) -> tuple[str, str, str]:
    """The positive and negative node of what a netlist most likely is about, and why."""
    reference = reference_node(netlist)
    ports = [part for part in netlist.parts if part.kind == "P"]
    if len(ports) == 1:
        return ports[0].nodes[0], ports[0].nodes[1], f"the port {ports[0].name}"
    opamps = [part for part in netlist.parts if part.model == OPAMP]
    if opamps:
        return opamps[-1].nodes[0], reference, f"the output of {opamps[-1].name}"
    others = [part for part in netlist.parts if part.kind != "W" and part.name != source and not is_supply(part)]
    if not others:
        raise CommandError("there is no part whose voltage could be meant: name two nodes with --output")
    last = others[-1]
    if last.kind in TRANSISTORS:
        return last.nodes[0], reference, f"the output of {last.name}, the last part"
    return last.nodes[0], last.nodes[1], f"the voltage across {last.name}, the last part"


# --- Reading ----------------------------------------------------------------------------------------------------------


def _linearised(netlist: Netlist) -> str:
    """What replacing transistors by their models means, in one line."""
    transistors = [part.name for part in netlist.parts if part.kind in TRANSISTORS]
    supplies = [part.name for part in netlist.parts if is_supply(part)]
    shorted = f"; shorted: {', '.join(supplies)}" if supplies else ""
    return (
        f"small-signal circuit: models in place of {', '.join(transistors)} (gm, ro, and rpi of bipolar ones){shorted}"
    )


def _assignments(texts: list[str]) -> dict[str, str]:
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise CommandError(f"--set {text!r} is not of the form gm1=2m")
        value_of(value.strip())
        values[name.strip()] = value.strip()
    return values


def _with_values(netlist: Netlist, values: Mapping[str, str]) -> Netlist:
    """Numbers for parts, which may be called by their own name or by the symbol that is their value."""
    known = {name for part in netlist.parts if part.kind != "W" for name in (part.name, symbol_of(part))}
    for name in values:
        if name not in known:
            raise CommandError(f"--set {name}: there is no such part or symbol; there are: {', '.join(sorted(known))}")

    def valued(part: Part) -> Part:
        value = values.get(part.name, values.get(symbol_of(part)))
        return part if value is None or part.kind == "W" else replace(part, value=value)

    return replace(netlist, parts=tuple(valued(part) for part in netlist.parts))
