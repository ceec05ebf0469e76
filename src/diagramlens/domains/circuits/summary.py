"""What there is to say of one transfer function of a circuit, gathered once and then written as text or as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from diagramlens.domains.circuits.bode import bode_table, hertz_text
from diagramlens.domains.circuits.formula import Rational, transfer_text
from diagramlens.domains.circuits.impedance import input_impedance
from diagramlens.domains.circuits.netlist import Netlist
from diagramlens.domains.circuits.response import Response, Root, response_of
from diagramlens.domains.circuits.solvable import SolveError
from diagramlens.domains.circuits.solve import formula

POINTS_OF_JSON = 61


@dataclass(frozen=True)
class Summary:
    """V(positive) − V(negative) over a source: the formula, with the values put in, and its response where all values are numbers.

    `why_no_response` says what is missing where `response` is None.
    """

    source: str
    positive: str
    negative: str
    symbolic: Rational
    valued: Rational
    input_impedance: Rational | None
    response: Response | None
    why_no_response: str

    @property
    def asked(self) -> str:
        """The quotient in short: `V(3,0)/V1`."""
        return f"V({self.positive},{self.negative})/{self.source}"


def summarise(netlist: Netlist, valued_netlist: Netlist, source: str, positive: str, negative: str) -> Summary:
    """Solve a circuit for one transfer function, in symbols and with the values of its second form. Raises SolveError."""
    symbolic = formula(netlist, source, positive, negative).rational()
    valued = formula(valued_netlist, source, positive, negative, symbols=False)
    try:
        response, why = response_of(valued), ""
    except SolveError as error:
        response, why = None, str(error)
    try:
        impedance = input_impedance(netlist, source)
    except SolveError:
        impedance = None
    return Summary(source, positive, negative, symbolic, valued.rational(), impedance, response, why)


# --- As text ----------------------------------------------------------------------------------------------------------


def summary_text(summary: Summary) -> str:
    """The summary as lines, a table of the Bode plot at their end."""
    lines = [f"{summary.asked} = {transfer_text(summary.symbolic)}"]
    if summary.valued != summary.symbolic:
        lines.append(f"{'with the values':<15} = {transfer_text(summary.valued)}")
    if summary.input_impedance is not None:
        lines.append(f"{'input impedance':<15} = {transfer_text(summary.input_impedance)}")
    response = summary.response
    if response is None:
        return "\n".join([*lines, f"no poles, zeros or Bode plot: {summary.why_no_response} (--set)"])
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
        "output": [summary.positive, summary.negative],
        "transfer": _rational_record(summary.symbolic),
        "with_values": _rational_record(summary.valued),
        "input_impedance": _rational_record(summary.input_impedance) if summary.input_impedance else None,
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


def _rational_record(rational: Rational) -> dict[str, str]:
    return {"numerator": rational.numerator, "denominator": rational.denominator, "text": transfer_text(rational)}


def _gain(response: Response, end: str) -> float | None:
    try:
        gain: Fraction = response.dc_gain() if end == "dc" else response.hf_gain()
    except SolveError:
        return None
    return float(gain)
