"""The text that a foreign picture was drawn from: read, brought to this project's own form, and named by its topology."""

from __future__ import annotations

from dataclasses import dataclass

from diagramlens.domains.circuits.blocks.graph import blocks_group
from diagramlens.domains.circuits.blocks.text import BlocksError, is_block_diagram, parse_blocks
from diagramlens.domains.circuits.netlist import Convention, Netlist, NetlistError, format_netlist, parse_netlist
from diagramlens.domains.circuits.topology import topology_group
from diagramlens.sources.ledger import ItemError


@dataclass(frozen=True)
class Truth:
    """What is known of a picture's circuit: its netlist where there is one, the text for the rows, the topology. Empty: nothing."""

    netlist: Netlist | None = None
    text: str = ""
    group: str = ""


def read_truth(text: str, name: str, convention: Convention) -> Truth:
    """A netlist (its current sources in the sense of `convention`) or a block diagram. Raises ItemError, which begins with `name`."""
    try:
        if is_block_diagram(text):
            return Truth(None, text, blocks_group(parse_blocks(text)))
        netlist = parse_netlist(text, convention=convention)
        group = topology_group(netlist)
    except (NetlistError, BlocksError) as error:
        raise ItemError("netlist is not readable", f"{name}: {error}") from None
    if not netlist.parts:
        raise ItemError("netlist is not readable", f"{name} names no part")
    return Truth(netlist, format_netlist(netlist), group)
