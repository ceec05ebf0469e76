"""CSV tables: a row a picture, with its netlist, or with a question and its answer, or both.

    image_path,dsl
    img/0001.png,"V1 1 0 10
    R1 1 0 2k"

Which column holds what is for the caller to say. Rows are streamed: a table of a million rows costs no more memory than one of ten, but
for 8 bytes a row by which repeated rows are known.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from diagramlens.domains.circuits.netlist import Convention
from diagramlens.records import Diagram
from diagramlens.sources.files import folder_of, inside, printable, read_picture_file, some_of
from diagramlens.sources.ledger import (
    IMPORTED_STYLE,
    NO_LEVEL,
    Imported,
    ItemError,
    Ledger,
    SourceError,
    collect,
)
from diagramlens.sources.questions import ForeignQuestion, count_question, read_question
from diagramlens.sources.truths import Truth, read_truth


@dataclass(frozen=True)
class Columns:
    """The names of the columns: `image` (a path from the folder of pictures), and of the others those that the table has."""

    image: str
    truth: str | None = None
    question: str | None = None
    answer: str | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that are read, the picture's first."""
        return tuple(name for name in (self.image, self.truth, self.question, self.answer) if name is not None)


@dataclass(frozen=True)
class Row:
    """One row of the table, `number` 1 being the first below the header; `fault` says why it cannot be read."""

    number: int
    cells: Mapping[str, str]
    fault: str = ""


@dataclass
class _Table:
    """What is fixed while a table is read, and the digests of the rows that were."""

    images: Path
    columns: Columns
    name: str
    domain: str
    convention: Convention
    ledger: Ledger
    seen: set[bytes] = field(default_factory=set)


def read_table_of_pictures(
    file: Path,
    images: Path,
    *,
    columns: Columns,
    name: str,
    domain: str = "circuits",
    convention: Convention,
    max_bad_fraction: float,
) -> Imported:
    """Read a CSV file in UTF-8 (its first line names the columns), in the order of its rows.

    An id is a hash of what the row says: rows added or moved change no other. Raises SourceError where the file is no such table.
    """
    folder_of(images, "the folder of the pictures that the table names")
    if not file.is_file():
        raise SourceError(
            f"{file}: there is no such file; expected a CSV table with the columns {', '.join(columns.named)}"
        )
    header = next(_lines(file), (0, [], ""))[1]
    missing = [column for column in columns.named if column not in header]
    if missing:
        raise SourceError(f"{file}: it has no column {missing[0]!r}; its columns are: {some_of(header)}")
    twice = [column for column in columns.named if header.count(column) > 1]
    if twice:
        raise SourceError(
            f"{file}: {header.count(twice[0])} of its columns are called {twice[0]!r}; rename all but the one that is meant"
        )
    ledger = Ledger(items=sum(1 for _ in _lines(file)) - 1)
    table = _Table(images, columns, name, domain, convention, ledger)
    return collect(
        _rows(file, header), lambda row: _diagram(row, table), lambda row: f"row {row.number}", ledger, max_bad_fraction
    )


def _lines(file: Path) -> Iterator[tuple[int, list[str], str]]:
    """The number, cells and fault of each row that is not empty, the header being number 0."""
    # Bytes that are no UTF-8 become surrogates, which are told for the row that has them; strict decoding would end the whole table.
    with file.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
        reader = csv.reader(stream)
        number = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield number, [], str(error)
            else:
                if not cells:
                    continue
                yield number, cells, ""
            number += 1


def _rows(file: Path, header: list[str]) -> Iterator[Row]:
    for number, cells, fault in _lines(file):
        if number == 0:
            continue
        if not fault and len(cells) != len(header):
            fault = f"{len(cells)} cells, the header names {len(header)} columns"
        yield Row(number, dict(zip(header, cells, strict=False)), fault)


def _diagram(row: Row, table: _Table) -> Diagram:
    """The diagram of a row. Raises ItemError."""
    if row.fault:
        raise ItemError("row cannot be read", row.fault)
    columns, ledger = table.columns, table.ledger
    cells = [row.cells[column].strip() for column in columns.named]
    content = "\0".join(cells)
    if not content.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in content):
        raise ItemError("text is not UTF-8", f"row {row.number}")
    if not cells[0]:
        raise ItemError("no picture", f"the column {columns.image} is empty")
    digest = hashlib.blake2b(content.encode(), digest_size=8)
    if digest.digest() in table.seen:
        raise ItemError("row is repeated", printable(cells[0]), damage=False)
    table.seen.add(digest.digest())
    given = {role: row.cells[column].strip() for role, column in _optional(columns) if row.cells[column].strip()}
    truth = read_truth(given["truth"], f"the column {columns.truth}", table.convention) if "truth" in given else Truth()
    picture = read_picture_file(inside(table.images, cells[0], table.images), table.images)
    asked = _question(row, given, truth, ledger)
    for found in asked:
        truth = found.truth or truth
    diagram = Diagram(
        id=f"{table.name}-{digest.hexdigest()}",
        group=truth.group or picture.digest,
        domain=table.domain,
        level=NO_LEVEL,
        style=IMPORTED_STYLE,
        image=picture.png,
        truth=truth.text,
        objects="[]",
        source=f"{table.name}/{printable(cells[0])}",
        questions=json.dumps([found.record() for found in asked], ensure_ascii=False, sort_keys=True),
    )
    truth.count_notes(ledger, f"row {row.number}")
    ledger.take(diagram, "rows", picture.digest)
    return diagram


def _optional(columns: Columns) -> list[tuple[str, str]]:
    roles = {"truth": columns.truth, "question": columns.question, "answer": columns.answer}
    return [(role, column) for role, column in roles.items() if column is not None]


def _question(row: Row, given: Mapping[str, str], truth: Truth, ledger: Ledger) -> list[ForeignQuestion]:
    """The row's question where it has one that can be graded. Raises ItemError where nothing at all can be asked of the row."""
    where = f"row {row.number}"
    if "question" not in given or "answer" not in given:
        if not truth.text:
            raise ItemError(
                "nothing to ask", "the row has neither a netlist nor a question with an answer", damage=False
            )
        return []
    try:
        found = read_question(given["question"], given["answer"], truth)
    except ItemError as why:
        if not truth.text:
            raise ItemError(f"nothing to ask ({why.reason})", why.detail, damage=False) from why
        ledger.put_question_aside(where, why)
        return []
    count_question(ledger, found, where)
    return [found]
