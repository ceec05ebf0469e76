"""The rows that flow between stages, and the parquet files that carry them.

A stage reads rows of one kind and writes rows of the next: diagrams, then questions about them, then predictions. Rows are frozen
dataclasses in Python and flat parquet tables on disk; image bytes live inside the table, because 100,000 small files take ten times
as long to write and sixty times as long to read as the same bytes in twenty shards.

Every shard of a folder has the same number of rows (but the last), in a fixed order and in one row group, so that equal rows give
equal bytes and DVC sees that nothing changed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq


class DiagramLensError(ValueError):
    """What a person can mend: a wrong parameter, file, row or answer. The message is one line: what, where, and what would be right."""


class RecordsError(DiagramLensError):
    """A parquet file that cannot be read, or holds other columns than its kind of row."""


@dataclasses.dataclass(frozen=True)
class Diagram:
    """A picture and the text it was drawn from.

    `group` is the canonical form of the topology, the unit of splitting. `image` holds PNG bytes. `objects` is a JSON list of
    `{"name", "kind", "box", "description"}`, boxes being `[x0, y0, x1, y1]` in pixels of the image. `questions` is a JSON list of
    the questions that an imported data set brought along, `[]` for a picture drawn here.
    """

    id: str
    group: str
    domain: str
    level: int
    style: str
    image: bytes
    truth: str
    objects: str
    source: str
    questions: str


@dataclasses.dataclass(frozen=True)
class Question:
    """One question about one diagram, with the text to learn (`answer`) and what the grader needs (`gold`, JSON)."""

    id: str
    diagram_id: str
    group: str
    level: int
    kind: str
    prompt: str
    answer: str
    gold: str
    teacher: str
    confidence: float


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What one variant of the model answered, and the verdict. `scores` is a JSON object: metric name to a number in [0, 1]."""

    question_id: str
    diagram_id: str
    kind: str
    level: int
    variant: str
    text: str
    correct: bool
    scores: str
    reason: str


Row = TypeVar("Row", Diagram, Question, Prediction)

_ARROW_TYPES = {"str": pa.string(), "int": pa.int32(), "float": pa.float32(), "bytes": pa.binary(), "bool": pa.bool_()}


def schema_of(kind: type[Row]) -> pa.Schema:
    """The parquet columns of a kind of row, in the order of its fields."""
    return pa.schema(
        [pa.field(field.name, _ARROW_TYPES[str(field.type)], nullable=False) for field in dataclasses.fields(kind)]
    )


def write_table(path: Path, rows: Sequence[Row], kind: type[Row]) -> None:
    """Write rows to one parquet file: one row group, no statistics that depend on the writer's buffers."""
    columns = {field.name: [getattr(row, field.name) for row in rows] for field in dataclasses.fields(kind)}
    table = pa.Table.from_pydict(columns, schema=schema_of(kind))
    # PNG bytes are compressed already; zstd at its fastest still halves the text columns.
    pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=max(1, len(rows)))


def write_shards(folder: Path, rows: Iterable[Row], kind: type[Row], rows_per_shard: int) -> int:
    """Write rows to `folder/00000.parquet`, `00001.parquet`, …, holding one shard in memory at a time. Returns the number of rows.

    The folder must exist. Without rows one empty shard is written, so that a reader finds the columns.
    """
    shard: list[Row] = []
    count = shards = 0
    for row in rows:
        shard.append(row)
        count += 1
        if len(shard) == rows_per_shard:
            write_table(folder / f"{shards:05d}.parquet", shard, kind)
            shards, shard = shards + 1, []
    if shard or shards == 0:
        write_table(folder / f"{shards:05d}.parquet", shard, kind)
    return count


def parquet_files(source: Path) -> list[Path]:
    """The parquet files of a folder in order, or the one file itself. Raises RecordsError where there is none."""
    if source.is_file():
        return [source]
    files = sorted(source.glob("*.parquet"))
    if not files:
        raise RecordsError(f"{source}: no parquet file there; run the stage that writes it (dvc repro) first")
    return files


def read_table(source: Path, kind: type[Row], columns: Sequence[str] | None = None) -> pa.Table:
    """All rows of a folder of shards, or of one file, as an Arrow table; only some columns where named.

    Raises RecordsError naming the file that is damaged or holds another kind of row.
    """
    expected = schema_of(kind)
    tables = []
    for path in parquet_files(source):
        try:
            found = pq.read_schema(path)
            if found.names != expected.names:
                raise RecordsError(
                    f"{path}: columns {found.names} are not those of a {kind.__name__}: {expected.names}"
                )
            tables.append(pq.read_table(path, columns=list(columns) if columns is not None else None))
        except (pa.ArrowException, OSError) as error:
            first_line = str(error).splitlines()[0]
            raise RecordsError(
                f"{path}: not a readable parquet file ({first_line}); delete it and run its stage again"
            ) from error
    return pa.concat_tables(tables)


def read_rows(source: Path, kind: type[Row]) -> Iterator[Row]:
    """The rows of a folder of shards, or of one file, one shard in memory at a time. Raises RecordsError as read_table does."""
    for path in parquet_files(source):
        for batch in read_table(path, kind).to_batches():
            for values in batch.to_pylist():
                yield _row(kind, values)


def _row(kind: type[Row], values: dict[str, Any]) -> Row:
    return kind(**values)
