"""Transistor circuits as small signals see them: supplies shorted, each transistor replaced by its hybrid-pi model.

The model is the textbook's for low frequencies (Sedra and Smith, "Microelectronic Circuits", chapters on MOS and bipolar transistors):
a controlled source gm between drain and source (collector and emitter), driven by the voltage between gate and source (base and
emitter); ro beside it; rpi between base and emitter of a bipolar transistor. It is the same for n and p types, since it is about
changes: more gate voltage always means more current from drain to source.
"""

from __future__ import annotations

from dataclasses import replace

from diagramlens.domains.circuits.netlist import TRANSISTORS, Netlist, Part, is_number, is_supply

TRANSCONDUCTANCE, OUTPUT_RESISTANCE, INPUT_RESISTANCE = "gm", "ro", "rpi"


def has_transistors(netlist: Netlist) -> bool:
    """Whether a circuit has parts that only its small-signal circuit can be solved for."""
    return any(part.kind in TRANSISTORS for part in netlist.parts)


def linearise(netlist: Netlist, *, output_resistance: bool = True) -> Netlist:
    """The small-signal circuit of a transistor circuit; a circuit without transistors comes back as it is.

    `M1` becomes `Ggm1 d s g s gm1` and `Rro1 d s ro1`, `Q1` also `Rrpi1 b e rpi1`; `output_resistance=False` leaves ro out, as where
    it is much larger than what lies beside it. Where a name is taken (M1 beside Q1) the parameters are called by the whole name of
    the transistor: gm_M1. Supplies become wires to their other end.
    """
    if not has_transistors(netlist):
        return netlist
    suffix = _suffixes(netlist)
    parts: list[Part] = []
    for part in netlist.parts:
        if part.kind in TRANSISTORS:
            parts += _model(part, suffix[part.name], output_resistance)
        elif is_supply(part):
            parts.append(Part("W", "W", part.nodes, None))
        else:
            parts.append(part)
    return replace(netlist, parts=tuple(parts))


def parameters(netlist: Netlist, transistor: str) -> dict[str, str]:
    """The symbols of one transistor's model in the small-signal circuit: {"gm": "gm1", "ro": "ro1"}, also "rpi" for a bipolar one."""
    suffix = _suffixes(netlist)[netlist.part(transistor).name]
    return {name: name + suffix for name in _parameters_of(netlist.part(transistor).kind)}


def _parameters_of(kind: str) -> tuple[str, ...]:
    return (
        (TRANSCONDUCTANCE, OUTPUT_RESISTANCE, INPUT_RESISTANCE)
        if kind == "Q"
        else (TRANSCONDUCTANCE, OUTPUT_RESISTANCE)
    )


def _model(transistor: Part, suffix: str, output_resistance: bool) -> list[Part]:
    upper, control, lower = transistor.nodes
    gm, ro, rpi = (name + suffix for name in (TRANSCONDUCTANCE, OUTPUT_RESISTANCE, INPUT_RESISTANCE))
    parts = [Part(f"G{gm}", "G", (upper, lower, control, lower), gm)]
    if output_resistance:
        parts.append(Part(f"R{ro}", "R", (upper, lower), ro))
    if transistor.kind == "Q":
        parts.append(Part(f"R{rpi}", "R", (control, lower), rpi))
    return parts


def _suffixes(netlist: Netlist) -> dict[str, str]:
    """What follows gm, ro and rpi for each transistor: the end of its name (M12: 12), else its whole name, so that nothing collides."""
    transistors = [part for part in netlist.parts if part.kind in TRANSISTORS]
    tails = [part.name[1:] for part in transistors]
    taken = {part.name for part in netlist.parts}
    taken |= {part.value for part in netlist.parts if part.value is not None and not is_number(part.value)}
    suffix: dict[str, str] = {}
    for part, tail in zip(transistors, tails, strict=True):
        candidate = tail if tail and tails.count(tail) == 1 else f"_{part.name}"
        while _symbols(candidate) & taken:
            candidate = f"_{part.name}" if candidate == tail else f"{candidate}_"
        suffix[part.name] = candidate
        taken |= _symbols(candidate)
    return suffix


def _symbols(suffix: str) -> set[str]:
    """Every name that a model with this suffix would use, as a symbol or as a part."""
    names = {name + suffix for name in (TRANSCONDUCTANCE, OUTPUT_RESISTANCE, INPUT_RESISTANCE)}
    return names | {f"G{TRANSCONDUCTANCE}{suffix}", f"R{OUTPUT_RESISTANCE}{suffix}", f"R{INPUT_RESISTANCE}{suffix}"}
