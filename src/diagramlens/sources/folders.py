"""Plain folders: pictures, and beside each the netlist that it shows, in a file of the same name.

amplifier.png    amplifier.cir      (.cir, .sch, .net or .txt; any subfolders)
"""

from __future__ import annotations

import hashlib
from functools import partial
from pathlib import Path

from diagramlens.domains.circuits.netlist import Convention
from diagramlens.records import Diagram
from diagramlens.sources.files import (
    files_below,
    folder_of,
    is_picture,
    is_there,
    not_looked_into,
    printable,
    read_picture_file,
    relative,
)
from diagramlens.sources.ledger import (
    IMPORTED_STYLE,
    NO_LEVEL,
    Imported,
    ItemError,
    Ledger,
    SourceError,
    collect,
)
from diagramlens.sources.truths import read_truth_file

NETLIST_SUFFIXES = (".cir", ".sch", ".net", ".txt")
LAYOUT = f"pictures, and beside each a netlist of the same name ({', '.join(NETLIST_SUFFIXES)})"


def read_folder(
    root: Path, *, name: str, domain: str = "circuits", convention: Convention, max_bad_fraction: float
) -> Imported:
    """Read a folder of pictures with netlists, one in memory at a time, in the order of their paths.

    A picture without a netlist waits: nothing can be asked of it. Raises SourceError where there is no picture at all.
    """
    folder_of(root, LAYOUT)
    unread: dict[str, ItemError] = {}
    files = files_below(root, unread)
    pictures = [path for path in files if is_picture(path)]
    if not pictures:
        raise SourceError(f"{root}: no picture in it; expected {LAYOUT}{not_looked_into(unread)}")
    ledger = Ledger(items=len(pictures))
    ledger.put_folders_aside(unread)
    stems = {path.with_suffix("") for path in pictures}
    for path in files:
        if not is_picture(path) and path.with_suffix("") not in stems:
            ledger.note_unknown(str(relative(path, root)), "there is no picture of its name")
    read = partial(_diagram, root=root, name=name, domain=domain, convention=convention, ledger=ledger)
    return collect(pictures, read, lambda path: str(relative(path, root)), ledger, max_bad_fraction)


def _diagram(path: Path, *, root: Path, name: str, domain: str, convention: Convention, ledger: Ledger) -> Diagram:
    beside = [path.with_suffix(suffix) for small in NETLIST_SUFFIXES for suffix in (small, small.upper())]
    netlist = next((candidate for candidate in beside if is_there(candidate)), None)
    if netlist is None:
        raise ItemError("no netlist beside the picture", f"expected {printable(path.stem)}.cir", damage=False)
    truth = read_truth_file(netlist, convention, root)
    picture = read_picture_file(path, root)
    where = str(relative(path, root))
    diagram = Diagram(
        id=f"{name}-" + hashlib.blake2b(where.encode(), digest_size=8).hexdigest(),
        group=truth.group,
        domain=domain,
        level=NO_LEVEL,
        style=IMPORTED_STYLE,
        image=picture.png,
        truth=truth.text,
        objects="[]",
        source=f"{name}/{where}",
        questions="[]",
    )
    truth.count_notes(ledger, where)
    ledger.take(diagram, "pictures", picture.digest)
    return diagram
