"""Mixing sources: shares by weight, even order, the same diagrams in every mixture, and a count of everything."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from diagramlens.params import Source
from diagramlens.records import Diagram
from diagramlens.sources.ledger import SourceError
from diagramlens.sources.mixture import Mixture, open_mixture, shares

HERE = Path(__file__).parent
PARAMS = HERE.parents[1] / "params.yaml"
REAL = {"kind": "labelme", "path": str(HERE / "ci2n_sample"), "ask_counts": True, "max_bad_fraction": 0.0}
TREE = {"kind": "circuitsense", "path": str(HERE / "circuitsense_sample"), "max_bad_fraction": 0.0}


def source(weight: float, **content: Any) -> Source:
    return TypeAdapter(Source).validate_python({"weight": weight, **content}, strict=True)


def draw(count: int) -> Iterator[Diagram]:
    for number in range(count):
        yield Diagram(f"circuit-{number}", f"{number}", "circuits", 0, "american", b"", "", "[]", "drawn", "[]")


def mix(count: int, **sources: Source) -> tuple[list[Diagram], Mixture]:
    mixture = open_mixture(sources, count, draw)
    diagrams = list(mixture.diagrams())
    mixture.check()
    return diagrams, mixture


def test_every_source_gives_its_share_spread_over_the_whole() -> None:
    diagrams, mixture = mix(8, drawn=source(5, kind="draw"), real=source(2, **REAL), tree=source(1, **TREE))
    assert [diagram.source.partition("/")[0] for diagram in diagrams] == (
        ["drawn", "real", "drawn", "drawn", "tree", "drawn", "real", "drawn"]
    )
    metrics = mixture.metrics()
    assert [(metrics[name]["wanted"], metrics[name]["used"]) for name in ("drawn", "real", "tree")] == [
        *((5, 5), (2, 2), (1, 1))
    ]
    assert metrics["real"]["items_not_read"] == 1 and metrics["real"]["objects_by_kind"]["R"] == 5


def test_a_diagram_is_the_same_in_every_mixture() -> None:
    alone, _ = mix(3, real=source(1, **REAL))
    mixed, _ = mix(9, drawn=source(2, kind="draw"), real=source(1, **REAL))
    turned, _ = mix(9, real=source(1, **REAL), drawn=source(2, kind="draw"))
    assert [diagram for diagram in mixed if diagram.source.startswith("real/")] == alone
    assert mixed == turned
    assert len({diagram.id for diagram in mixed}) == 9


def test_a_source_that_has_fewer_gives_what_it_has_and_that_is_counted() -> None:
    diagrams, mixture = mix(20, drawn=source(1, kind="draw"), real=source(1, **REAL))
    assert Counter(diagram.source.partition("/")[0] for diagram in diagrams) == {"drawn": 10, "real": 3}
    assert mixture.metrics()["real"]["short"] == 7
    json.dumps(mixture.metrics())


def test_a_weight_of_zero_switches_a_source_off() -> None:
    gone = source(0, kind="folder", path="no such folder", convention="spice", max_bad_fraction=0.0)
    diagrams, mixture = mix(2, drawn=source(1, kind="draw"), gone=gone)
    assert len(diagrams) == 2 and list(mixture.metrics()) == ["drawn"]


def test_a_wrong_path_is_told_with_the_name_of_its_source_before_anything_is_drawn() -> None:
    gone = source(1, kind="folder", path="no such folder", convention="spice", max_bad_fraction=0.0)
    with pytest.raises(
        SourceError, match=r"^generate\.sources\.gone: no such folder: there is no such folder; expected"
    ):
        open_mixture({"drawn": source(1, kind="draw"), "gone": gone}, 4, draw)


def test_damage_fails_a_source_that_was_stopped_at_its_share(tmp_path: Path) -> None:
    shutil.copytree(HERE / "ci2n_sample", tmp_path / "real")
    (tmp_path / "real" / "1.json").write_text("{")
    bad = source(1, **{**REAL, "path": str(tmp_path / "real")})
    mixture = open_mixture({"real": bad}, 1, draw)
    assert len(list(mixture.diagrams())) == 1
    with pytest.raises(SourceError, match=r"^generate\.sources\.real: 1 of 2 imported items are damaged"):
        mixture.check()
    with pytest.raises(SourceError, match=r"^generate\.sources\.real: 1 of \d+ imported items are damaged"):
        list(open_mixture({"real": bad}, 99, draw).diagrams())


def test_every_kind_of_source_is_opened(tmp_path: Path) -> None:
    netlist = "V1 1 0 10\nR1 1 0 1k"
    picture = io.BytesIO()
    Image.radial_gradient("L").save(picture, format="PNG")
    (tmp_path / "a.png").write_bytes(picture.getvalue())
    (tmp_path / "a.cir").write_text(netlist)
    (tmp_path / "table.csv").write_text(f'image_path,dsl\na.png,"{netlist}"\n')
    coco = {
        "images": [{"id": 1, "file_name": "a.png"}],
        "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 1, 5, 5]}],
        "categories": [{"id": 1, "name": "resistor"}],
    }
    (tmp_path / "coco.json").write_text(json.dumps(coco))
    where = str(tmp_path)
    columns = {"image": "image_path", "truth": "dsl", "question": None, "answer": None}
    common = {"max_bad_fraction": 0.0}
    diagrams, _ = mix(
        5,
        pairs=source(1, kind="folder", path=where, convention="spice", **common),
        table=source(
            1, kind="csv", path=f"{where}/table.csv", images=where, columns=columns, convention="spice", **common
        ),
        boxes=source(1, kind="coco", path=f"{where}/coco.json", images=where, ask_counts=False, **common),
        real=source(1, **REAL),
        tree=source(1, **TREE),
    )
    assert sorted(diagram.source.partition("/")[0] for diagram in diagrams) == [
        "boxes",
        "pairs",
        "real",
        "table",
        "tree",
    ]


def test_a_data_set_of_the_hub_that_is_not_there_says_what_to_do_offline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    hub = source(
        1, kind="hub", repository="some/body", revision="0" * 40, patterns=["Analysis/*"], max_bad_fraction=0.0
    )
    with pytest.raises(
        SourceError, match=r"sources\.web: some/body: HF_HUB_OFFLINE is set, and data/imports/web does not"
    ):
        open_mixture({"web": hub}, 4, draw)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.floats(0, 1e6), min_size=1), st.integers(1, 10_000))
def test_shares_are_whole_and_sum_up_and_follow_the_weights(weights: dict[str, float], count: int) -> None:
    if not any(weights.values()):
        return
    result = shares(weights, count)
    assert sum(result.values()) == count
    assert shares(dict(reversed(weights.items())), count) == result
    total = sum(weights.values())
    for name, number in result.items():
        assert abs(number - count * weights[name] / total) < 1 + 1e-6


def test_the_examples_in_the_comments_of_params_yaml_are_right() -> None:
    text = PARAMS.read_text(encoding="utf-8")
    examples = text.partition("to be copied into `sources`:\n")[2].partition("\n  sources:\n")[0]
    lines = [line.removeprefix("  # ") for line in examples.splitlines()]
    entries = YAML(typ="safe", pure=True).load("\n".join(lines))
    entries["circuitsense-hub"]["revision"] = "0" * 40  # for the reader to find out
    kinds = {TypeAdapter(Source).validate_python(entry, strict=True).kind for entry in entries.values()}
    assert kinds == {"draw", "circuitsense", "hub", "labelme", "coco", "csv", "folder"}
