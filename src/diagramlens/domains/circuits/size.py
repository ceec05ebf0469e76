"""How large a diagram is, by its truth."""

from __future__ import annotations

from diagramlens.domains.circuits.blocks import BlocksError, is_block_diagram, parse_blocks
from diagramlens.domains.circuits.netlist import NetlistError, parse_netlist


def part_count(truth: str) -> int | None:
    """Parts of a circuit, sources and supplies included, wires and ports left out; blocks of a block diagram.

    None where the truth is empty or says neither, as of an imported picture whose circuit nobody wrote down.
    """
    try:
        if is_block_diagram(truth):
            return len(parse_blocks(truth).blocks) or None
        return sum(part.kind not in "WP" for part in parse_netlist(truth).parts) or None
    except (NetlistError, BlocksError):
        return None
