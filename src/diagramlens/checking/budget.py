"""Whether a model's picture budget leaves diagrams readable, from the sizes in the headers of their PNG files.

Labels are drawn in type of 12 to 14 pixels. A picture with twice the pixels of the budget is shown with every length divided by 1.4 and its
labels at 9 pixels; much below that a digit is no longer one digit and not another, whatever is trained. So beyond SHRINKAGE a picture
counts as shrunk too far. It would be fed to the model without a word, and show as bad accuracy alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from diagramlens.params import ModelEntry
from diagramlens.records import RecordsError

SHRINKAGE = 2.0  # pixels of the picture for one that the model sees
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
    """One line for each way in which the budget of `models.<name>` does not suit these pictures, with how many and the worst of them.

    >>> entry = ModelEntry(family="qwen2-vl", source="models/x", revision=None, min_pixels=784, max_pixels=3136, micro_batch=1,
    ...                    rate_scale=1.0, four_bit=False, gradient_checkpointing=False)
    >>> budget_warnings("x", entry, [("d1", 50, 50), ("d2", 112, 84)])[0][:88]
    'models.x.max_pixels = 3136: 1 of 2 pictures have more than 2 times as many pixels (d2: 1'
    """
    known = list(sizes)
    needed = {diagram: _pixels_needed(entry, width, height) for diagram, width, height in known}
    shrunk = [diagram for diagram, pixels in needed.items() if pixels > SHRINKAGE * entry.max_pixels]
    thin = [diagram for diagram, width, height in known if max(width, height) > THINNEST * max(1, min(width, height))]
    warnings = []
    if shrunk:
        worst = max(shrunk, key=lambda diagram: needed[diagram])
        width, height = next((wide, high) for diagram, wide, high in known if diagram == worst)
        warnings.append(
            f"models.{name}.max_pixels = {entry.max_pixels}: {len(shrunk)} of {len(known)} pictures have more than {SHRINKAGE:g} times "
            f"as many pixels ({worst}: {width} x {height}), so that their labels become unreadable; raise it to {_ample(entry, needed)}"
        )
    if thin and entry.family != "smolvlm":
        warnings.append(
            f"models.{name}.family = {entry.family}: {len(thin)} of {len(known)} pictures are thinner than 1 : {THINNEST}, which the "
            f"image processor refuses ({thin[0]}); leave them out of generate.sources"
        )
    return warnings


def _pixels_needed(entry: ModelEntry, width: int, height: int) -> int:
    # Idefics3's processor scales the longer edge to the budget's root, whatever the other.
    return max(width, height) ** 2 if entry.family == "smolvlm" else width * height


def _ample(entry: ModelEntry, needed: dict[str, int]) -> str:
    most = max(needed.values())
    if entry.family != "smolvlm":
        return str(most)
    side = round(entry.max_pixels**0.5)
    tiles = -(-round(most**0.5) // side)
    return f"{(side * tiles) ** 2}, and min_pixels with it"
