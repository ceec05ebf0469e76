"""The text that a foreign picture was drawn from: read, brought to this project's own form, and named by its topology."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diagramlens.domains.circuits.blocks.graph import blocks_group
from diagramlens.domains.circuits.blocks.text import BlocksError, is_block_diagram, parse_blocks
from diagramlens.domains.circuits.netlist import Convention, Netlist, NetlistError, format_netlist
from diagramlens.domains.circuits.netlist_file import Note, decoded, netlist_of
from diagramlens.domains.circuits.topology import topology_group
from diagramlens.sources.files import printable, read_bytes
from diagramlens.sources.ledger import ItemError, Ledger

_UNREADABLE = "netlist is not readable"


@dataclass(frozen=True)
class Truth:
    """What is known of a picture's circuit: its netlist where there is one, the text for the rows, the topology. Empty: nothing.

    `notes` say what was passed over in reading the netlist.
    """

    netlist: Netlist | None = None
    text: str = ""
    group: str = ""
    notes: tuple[Note, ...] = ()

    def count_notes(self, ledger: Ledger, path: str) -> None:
        """Count the notes on the netlist of an item that is taken."""
        for note in self.notes:
            ledger.note_netlist(path, note.topic, note.text)


def read_truth_file(path: Path, convention: Convention, root: Path) -> Truth:
    """As read_truth, of a file below `root`, in any of the codings that programs for schematics write. Raises ItemError."""
    name = printable(path.name)
    try:
        text = decoded(read_bytes(path, "netlist", root=root))
    except NetlistError as error:
        raise ItemError(_UNREADABLE, f"{name}: {error}") from None
    if not text.strip():
        raise ItemError("no netlist", f"{name} is empty")
    return read_truth(text, name, convention)


def read_truth(text: str, name: str, convention: Convention) -> Truth:
    """A netlist (its current sources in the sense of `convention`) or a block diagram. Raises ItemError, which begins with `name`."""
    try:
        if is_block_diagram(text):
            return Truth(None, text.strip(), blocks_group(parse_blocks(text)))
        file = netlist_of(text, convention)
        group = topology_group(file.netlist)
    except (NetlistError, BlocksError) as error:
        raise ItemError(_UNREADABLE, f"{name}: {error}") from None
    if not file.netlist.parts:
        raise ItemError(_UNREADABLE, f"{name} names no part")
    return Truth(file.netlist, format_netlist(file.netlist), group, file.remarks)
