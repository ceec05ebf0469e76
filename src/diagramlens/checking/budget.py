"""The sizes of pictures, from the headers of their PNG files, and how a model's picture budget suits them (see models.budget)."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from diagramlens.models.budget import budget_problem
from diagramlens.params import ModelEntry
from diagramlens.records import RecordsError

LOOKED_AT = 4096  # pictures: enough to see that a budget is wrong, and read in a moment whatever a data set weighs
THINNEST = 200  # long side to short side: Qwen's image processors refuse what is thinner

_HEADER = struct.Struct(">16xII")  # signature, length and name of the first chunk, then width and height


def picture_sizes(folder: Path, most: int = LOOKED_AT) -> Iterator[tuple[str, int, int]]:
    """Id, width and height of the first `most` diagrams; nothing where there are none yet. A picture that is no PNG is left to the stages.

    Raises RecordsError naming a damaged file.
    """
    left = most
    for shard in sorted(folder.glob("*.parquet")):
        try:
            # read_table would take 0.3 s to import pyarrow's data sets, as long as all the rest of a check.
            rows = pq.ParquetFile(shard).read(columns=["id", "image"]).slice(0, left).to_pylist()
        except (pa.ArrowException, OSError) as error:
            raise RecordsError(f"{shard}: not a readable parquet file; delete it and run dvc repro generate") from error
        for row in rows:
            if row["image"].startswith(b"\x89PNG") and len(row["image"]) >= _HEADER.size:
                yield (row["id"], *_HEADER.unpack_from(row["image"]))
        left -= len(rows)
        if left <= 0:
            return


def budget_warnings(name: str, entry: ModelEntry, sizes: Iterable[tuple[str, int, int]]) -> list[str]:
    """One line for each way in which the budget of `models.<name>` does not suit these pictures, with how many and the worst of them."""
    known = {diagram: (width, height) for diagram, width, height in sizes}
    problem = budget_problem(name, entry, known)
    warnings = [problem] if problem is not None else []
    thin = [diagram for diagram, size in known.items() if max(size) > THINNEST * max(1, min(size))]
    if thin and entry.family != "smolvlm":
        warnings.append(
            f"models.{name}.family = {entry.family}: {len(thin)} of {len(known)} pictures are thinner than 1 : {THINNEST}, which the "
            f"image processor refuses ({thin[0]}); leave them out of generate.sources"
        )
    return warnings
