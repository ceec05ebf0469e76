"""The kinds of questions about circuits. A new kind is a file that defines a Kind, and one line here."""

from __future__ import annotations

from collections.abc import Mapping

from diagramlens.domains.circuits.questions import (
    counts,
    designs,
    frequencies,
    functions,
    impedances,
    limits,
    netlists,
    nodal,
    nodes,
    roots,
    steady_state,
    transfers,
)
from diagramlens.domains.circuits.questions.asked import Kind

TABLE: Mapping[str, Kind] = {
    "netlist": netlists.KIND,
    "count": counts.KIND,
    "joined": nodes.JOINED_KIND,
    "between": nodes.BETWEEN_KIND,
    "function": functions.KIND,
    "transfer": transfers.KIND,
    "impedance": impedances.KIND,
    "nodal": nodal.KIND,
    "dc_gain": limits.DC_KIND,
    "hf_gain": limits.HF_KIND,
    "voltage": steady_state.VOLTAGE_KIND,
    "current": steady_state.CURRENT_KIND,
    "power": steady_state.POWER_KIND,
    "poles": roots.POLES_KIND,
    "zeros": roots.ZEROS_KIND,
    "cutoff": frequencies.CUTOFF_KIND,
    "time_constant": frequencies.TIME_CONSTANT_KIND,
    "design": designs.KIND,
}
