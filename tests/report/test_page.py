"""The page: complete in one file, and proof against what a model may write."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from diagramlens.report.page import render_page
from diagramlens.report.results import read_results


class Elements(HTMLParser):
    """Collects the elements of a page, their attributes, and the text outside of styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text: list[str] = []
        self.depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read_page(workspace: Path) -> tuple[str, Elements]:
    page = render_page(read_results(workspace), title="A run & its <results>", examples=8)
    elements = Elements()
    elements.feed(page)
    return page, elements


def test_hostile_answers_are_text_and_nothing_else(workspace: Path) -> None:
    page, elements = read_page(workspace)
    assert not {"script", "marquee"} & set(elements.tags)
    assert "b" in elements.tags and "<b>R1</b>" not in page
    assert not [name for name, _ in elements.attributes if name.startswith("on")]
    text = "".join(elements.text)
    assert "<marquee>R2 '<b>R1</b>'</marquee>" in text, "it is shown as it was written"
    assert "{{ 7*7 }}" in text
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_the_page_loads_nothing_and_allows_itself_nothing(workspace: Path) -> None:
    _, elements = read_page(workspace)
    sources = [value for name, value in elements.attributes if name in ("src", "href")]
    assert len(sources) == 8
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert any("default-src 'none'" in value for name, value in elements.attributes if name == "content")
    assert not {"link", "iframe", "object", "form"} & set(elements.tags)


def test_the_title_is_escaped_too(workspace: Path) -> None:
    assert "<title>A run &amp; its &lt;results&gt;</title>" in read_page(workspace)[0]


def test_tables_say_how_well_each_variant_did_and_on_how_many_questions(workspace: Path) -> None:
    text = " ".join(" ".join(read_page(workspace)[1].text).split())
    assert "Netlist: every connection 2 0.0 % 100.0 %" in text
    assert "Equation: via the netlist read 2 0.0 % 100.0 %" in text
    assert "Right answers 8 0.0 % 75.0 %" in text
    assert "8 questions about 2 test circuits" in text


def test_curves_are_left_out_where_there_are_none(workspace: Path) -> None:
    assert read_page(workspace)[1].tags.count("svg") == 2
    (workspace / "metrics/train_curves.csv").unlink()
    (workspace / "metrics/accuracy_by_parts.csv").unlink()
    page, elements = read_page(workspace)
    assert "svg" not in elements.tags
    assert "Curves" not in page


def test_the_same_results_give_the_same_page(workspace: Path) -> None:
    assert read_page(workspace)[0] == read_page(workspace)[0]
