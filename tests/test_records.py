"""Rows and their parquet shards: what is written is read, equal rows give equal bytes, damage is named."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.records import (
    Diagram,
    Prediction,
    Question,
    RecordsError,
    parquet_files,
    read_rows,
    read_table,
    write_shards,
    write_table,
)

text = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)


def diagram(number: int) -> Diagram:
    return Diagram(
        f"d{number}",
        "g",
        "circuits",
        number % 2,
        "textbook",
        b"\x89PNG" + bytes([number % 256]),
        "R1 a b",
        "[]",
        "drawn",
        "[]",
    )


def test_rows_come_back_in_order_across_shards(tmp_path: Path) -> None:
    rows = [diagram(number) for number in range(10)]
    assert write_shards(tmp_path, iter(rows), Diagram, 4) == 10
    assert [file.name for file in parquet_files(tmp_path)] == ["00000.parquet", "00001.parquet", "00002.parquet"]
    assert [pq.read_metadata(file).num_rows for file in parquet_files(tmp_path)] == [4, 4, 2]
    assert list(read_rows(tmp_path, Diagram)) == rows


@given(
    rows=st.lists(
        st.builds(Prediction, text, text, text, st.integers(0, 9), text, text, st.booleans(), text, text),
        max_size=5,
    )
)
def test_any_text_survives(rows: list[Prediction], tmp_path_factory: pytest.TempPathFactory) -> None:
    file = tmp_path_factory.mktemp("rows") / "rows.parquet"
    write_table(file, rows, Prediction)
    assert list(read_rows(file, Prediction)) == rows


def test_equal_rows_give_equal_bytes(tmp_path: Path) -> None:
    rows = [diagram(number) for number in range(100)]
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_shards(tmp_path / name, rows, Diagram, 30)
    for one, two in zip(parquet_files(tmp_path / "one"), parquet_files(tmp_path / "two"), strict=True):
        assert one.read_bytes() == two.read_bytes()


def test_no_rows_give_one_empty_shard_with_its_columns(tmp_path: Path) -> None:
    assert write_shards(tmp_path, [], Question, 10) == 0
    assert list(read_rows(tmp_path, Question)) == []


def test_single_columns_can_be_read(tmp_path: Path) -> None:
    write_shards(tmp_path, [diagram(1)], Diagram, 10)
    assert read_table(tmp_path, Diagram, ["id", "truth"]).to_pylist() == [{"id": "d1", "truth": "R1 a b"}]


@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: b"not parquet at all"]
)
def test_a_damaged_shard_is_named(tmp_path: Path, damage: object) -> None:
    write_shards(tmp_path, [diagram(number) for number in range(20)], Diagram, 10)
    shard = tmp_path / "00001.parquet"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(RecordsError, match=r"00001\.parquet: not a readable parquet file") as caught:
        list(read_rows(tmp_path, Diagram))
    assert "\n" not in str(caught.value)


def test_bytes_flipped_inside_a_shard_are_never_taken_for_rows(tmp_path: Path) -> None:
    write_shards(tmp_path, [diagram(number) for number in range(200)], Diagram, 500)
    shard = tmp_path / "00000.parquet"
    data = bytearray(shard.read_bytes())
    data[40:200] = bytes(160)
    shard.write_bytes(data)
    with pytest.raises(RecordsError, match="not a readable parquet file"):
        list(read_rows(tmp_path, Diagram))


def test_rows_of_another_kind_are_refused(tmp_path: Path) -> None:
    write_shards(tmp_path, [diagram(1)], Diagram, 10)
    with pytest.raises(RecordsError, match="are not those of a Question"):
        list(read_rows(tmp_path, Question))


def test_a_folder_without_shards_is_told_with_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match="no parquet file there; run the stage that writes it"):
        parquet_files(tmp_path)
