"""What there is to say of one transfer function of a circuit or a block diagram, gathered once and then written as text or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from diagramlens.domains.circuits.blocks.solving import closed_loop
from diagramlens.domains.circuits.blocks.text import BlockDiagram
from diagramlens.domains.circuits.bode import bode_table, hertz_text
from diagramlens.domains.circuits.formula import Formula, Rational, transfer_text
from diagramlens.domains.circuits.impedance import input_impedance
from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.response import Response, Root, response_of
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.domains.circuits.solve import TooLargeError, formula

POINTS_OF_JSON = 61


@dataclass(frozen=True)
class Summary:
    """A transfer function: the formula, with the values put in, and its response where all values are numbers.

    `output` is two nodes, or the output signal of a block diagram; `asked` is the quotient in short: `V(3,0)/V1`, `Y/R`. `symbolic` is
    None where the formula in symbols has too many terms to be written; `why_no_response` says what is missing where `response` is None.
    """

    source: str
    output: tuple[str, ...]
    asked: str
    symbolic: Rational | None
    valued: Rational
    input_impedance: Rational | None
    response: Response | None
    why_no_response: str


def summarise(netlist: Netlist, valued_netlist: Netlist, source: str, positive: str, negative: str) -> Summary:
    """Solve a circuit for one transfer function, in symbols and with the values of its second form. Raises SolveError."""
    symbolic: Rational | None
    try:
        symbolic = formula(netlist, source, positive, negative).rational()
    except TooLargeError:
        symbolic = None
    valued = formula(valued_netlist, source, positive, negative, symbols=False)
    try:
        impedance = input_impedance(netlist, source)
    except TooLargeError:
        impedance = input_impedance(valued_netlist, source, symbols=False)
    except SolveError:
        impedance = None
    asked = f"V({positive},{negative})/{source}"
    response = _response_of(valued, "--set")
    return Summary(source, (positive, negative), asked, symbolic, valued.rational(), impedance, *response)


def summarise_blocks(diagram: BlockDiagram, source: str) -> Summary:
    """Solve a block diagram from one input to its output, in the blocks' names and with what stands in them. Raises BlocksError."""
    symbolic = closed_loop(diagram, source, values=False).rational()
    valued = closed_loop(diagram, source)
    response = _response_of(valued, "write it into its block")
    asked = f"{diagram.output}/{source}"
    return Summary(source, (diagram.output,), asked, symbolic, valued.rational(), None, *response)


def _response_of(valued: Formula, remedy: str) -> tuple[Response | None, str]:
    """The response, or why there is none and where a number is given."""
    try:
        return response_of(valued), ""
    except SolveError as error:
        return None, f"{error} ({remedy})"


# --- As text ----------------------------------------------------------------------------------------------------------


def summary_text(summary: Summary) -> str:
    """The summary as lines, a table of the Bode plot at their end."""
    lines = [f"{summary.asked} = {transfer_text(summary.symbolic or summary.valued)}"]
    if summary.symbolic is None:
        lines.append(f"{'in symbols':<15} : too many terms to be written")
    elif summary.valued != summary.symbolic:
        lines.append(f"{'with the values':<15} = {transfer_text(summary.valued)}")
    if summary.input_impedance is not None:
        lines.append(f"{'input impedance':<15} = {transfer_text(summary.input_impedance)}")
    response = summary.response
    if response is None:
        return "\n".join([*lines, f"no poles, zeros or Bode plot: {summary.why_no_response}"])
    lines += [
        f"{'poles':<15} : {_roots_text(response.poles)}",
        f"{'zeros':<15} : {_roots_text(response.zeros)}",
        f"{'DC gain':<15} : {_gain_text(response, 'dc')}",
        f"{'HF gain':<15} : {_gain_text(response, 'hf')}",
    ]
    cutoffs = _cutoffs(response)
    if cutoffs:
        lines.append(f"{'cut-off':<15} : {', '.join(hertz_text(float(hertz)) for hertz in cutoffs)}")
    return "\n".join([*lines, "", bode_table(response)])


def _roots_text(roots: Sequence[Root]) -> str:
    if not roots:
        return "none"
    texts = []
    for root in roots:
        real, imaginary = _short(root.real), _short(abs(root.imaginary))
        if root.imaginary < 0:
            continue  # its mirror image says ±
        texts.append(
            real if not root.imaginary else f"{real if root.real else ''} \N{PLUS-MINUS SIGN} {imaginary}j".strip()
        )
    return f"{', '.join(texts)} rad/s"


def _short(number: Decimal) -> str:
    return f"{float(number):.6g}"


def _gain_text(response: Response, end: str) -> str:
    try:
        gain = response.dc_gain() if end == "dc" else response.hf_gain()
    except SolveError:
        return "without bound"
    text = str(gain) if len(str(gain)) <= 12 else f"{float(gain):.6g}"
    decibels = "" if gain == 0 else f" ({20 * np.log10(abs(float(gain))):.2f} dB)".replace("(-0.00", "(0.00")
    return text + decibels


def _cutoffs(response: Response) -> tuple[Decimal, ...]:
    try:
        return response.cutoffs()
    except SolveError:
        return ()


# --- As JSON ----------------------------------------------------------------------------------------------------------


def summary_record(summary: Summary) -> dict[str, Any]:
    """The summary as plain lists and numbers; what a circuit does not have is null or empty."""
    record: dict[str, Any] = {
        "source": summary.source,
        "output": list(summary.output),
        "transfer": _rational_record(summary.symbolic),
        "with_values": _rational_record(summary.valued),
        "input_impedance": _rational_record(summary.input_impedance),
        "why_no_response": summary.why_no_response or None,
    }
    response = summary.response
    if response is None:
        return record
    hertz = response.frequencies(POINTS_OF_JSON)
    decibels, degrees = response.bode(hertz)
    return record | {
        "poles_rad_s": [[float(root.real), float(root.imaginary)] for root in response.poles],
        "zeros_rad_s": [[float(root.real), float(root.imaginary)] for root in response.zeros],
        "dc_gain": _gain(response, "dc"),
        "hf_gain": _gain(response, "hf"),
        "cutoffs_hz": [float(hertz) for hertz in _cutoffs(response)],
        "bode": {
            "hz": [float(f"{x:.6g}") for x in hertz],
            # A transfer function of zero has no decibels.
            "db": [float(f"{x:.6g}") if np.isfinite(x) else None for x in decibels],
            "degrees": [float(f"{x:.6g}") for x in degrees],
        },
    }


def _rational_record(rational: Rational | None) -> dict[str, str] | None:
    if rational is None:
        return None
    return {"numerator": rational.numerator, "denominator": rational.denominator, "text": transfer_text(rational)}


def _gain(response: Response, end: str) -> float | None:
    try:
        gain: Fraction = response.dc_gain() if end == "dc" else response.hf_gain()
    except SolveError:
        return None
    return float(gain)
