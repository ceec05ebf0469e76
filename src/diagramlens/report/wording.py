"""How results are called and coloured wherever people see them, and how text of a model is made fit to be shown."""

from __future__ import annotations

METRIC_NAMES = {
    "netlist_exact_accuracy": "Netlist: every connection",
    "netlist_terminal_f1": "Netlist: joined terminals (F1)",
    "equation_exact_accuracy": "Equation: same text",
    "equation_sympy_accuracy": "Equation: equal",
    "equation_via_netlist_accuracy": "Equation: via the netlist read",
    "blocks_exact_accuracy": "Block diagram: every connection",
    "blocks_connection_f1": "Block diagram: connections (F1)",
    "qa_numerical_accuracy": "Number: within 1 %",
    "qa_unit_accuracy": "Number: unit",
    "count_accuracy": "Count",
    "names_accuracy": "Names of parts",
    "function_accuracy": "Function of the circuit",
    "impedance_accuracy": "Impedance: equal",
    "gain_accuracy": "Gain: equal",
    "nodal_accuracy": "Nodal equation: equivalent",
    "roots_accuracy": "Poles or zeros: all",
    "design_accuracy": "Design: value within 1 %",
    "choice_accuracy": "Multiple choice",
}
TOTALS = {"accuracy": "Right answers", "diagram_accuracy": "Diagrams wholly right"}
KIND_NAMES = {
    "netlist": "Netlist",
    "count": "Count",
    "joined": "Parts at a node",
    "between": "Part between two nodes",
    "function": "Function",
    "transfer": "Transfer function",
    "impedance": "Impedance",
    "nodal": "Nodal equation",
    "voltage": "Voltage",
    "current": "Current",
    "power": "Power",
    "poles": "Poles",
    "zeros": "Zeros",
    "cutoff": "Cut-off frequency",
    "time_constant": "Time constant",
    "dc_gain": "DC gain",
    "hf_gain": "High-frequency gain",
    "design": "Design",
    "choice": "Multiple choice",
}

BASE, MERGED = "base", "merged"
# Grey before training, one strong colour after it, and its relatives for the copies; told apart by lightness too, for colour-blind readers.
VARIANT_COLOURS = {BASE: "#a3a9b5", MERGED: "#1f5bd8", "nf4": "#7fa8f5", "gguf-f16": "#12806f", "gguf-q8_0": "#63c2ad"}
VARIANT_NOTES = {
    BASE: "before training",
    MERGED: "trained",
    "nf4": "trained, 4 bits",
    "gguf-f16": "trained, llama.cpp 16 bits",
    "gguf-q8_0": "trained, llama.cpp 8 bits",
}
OTHER_COLOUR = "#8a5cc2"


def metric_name(metric: str) -> str:
    """The name of a metric for people; one that has none is shown as it is."""
    return {**METRIC_NAMES, **TOTALS}.get(metric, metric)


def group_name(group: str) -> str:
    """The name of a group of questions: `overall`, a level or a kind."""
    if group.startswith("level_"):
        return f"Level {group.removeprefix('level_')}"
    return {"overall": "All questions", "no_level": "Without level", **KIND_NAMES}.get(group, group)


def kind_order(kind: str) -> tuple[int, str]:
    """A sort key that puts kinds of questions in the order of KIND_NAMES, then those without a name there."""
    known = list(KIND_NAMES)
    return (known.index(kind) if kind in known else len(known), kind)


def variant_name(variant: str) -> str:
    """A variant and what it is: `merged (trained)`."""
    return f"{variant} ({VARIANT_NOTES[variant]})" if variant in VARIANT_NOTES else variant


def variant_colour(variant: str) -> str:
    """A variant's colour, `#rrggbb`."""
    return VARIANT_COLOURS.get(variant, OTHER_COLOUR)


def showable(text: str, limit: int) -> str:
    """At most `limit` characters of what a model wrote, without what is not printable: control codes, marks that turn text around.

    >>> showable("R1 a b" + chr(0x202E) + chr(27), 40)
    'R1 a b\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}'
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(letter if letter.isprintable() or letter == "\n" else "\N{REPLACEMENT CHARACTER}" for letter in cut)
