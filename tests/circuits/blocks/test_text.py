"""Block diagrams as text: read, written, refused with the line at fault."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagramlens.domains.circuits.blocks import BlocksError, format_blocks, is_block_diagram, parse_blocks
from diagramlens.domains.circuits.blocks.text import Block, BlockDiagram, Sum

TWO_INPUTS = """\
in R
in D
sum S1 +R -H1
block G1 S1 10/(s+2)
sum S2 +G1 +D
block G2 S2
block H1 G2
out Y G2"""


def test_a_diagram_is_read_into_its_elements():
    assert parse_blocks("in R\nsum S1 +R -G\nblock G S1 1/s\nout Y G") == BlockDiagram(
        ("R",), (Sum("S1", ((1, "R"), (-1, "G"))), Block("G", "S1", "1/s")), "Y", "G"
    )


def test_formatting_gives_back_the_text():
    assert format_blocks(parse_blocks(TWO_INPUTS)) == TWO_INPUTS
    assert "10/(s+2)" not in format_blocks(parse_blocks(TWO_INPUTS), values=False)


def test_order_spaces_comments_and_typographic_minus_do_not_matter():
    loose = "# a loop\nout Y G\n\nblock G S 10 / (s + 2)\n sum S  + R \N{MINUS SIGN} G\nin R"
    assert format_blocks(parse_blocks(loose)) == "in R\nblock G S 10/(s+2)\nsum S +R -G\nout Y G"


def test_a_netlist_is_no_block_diagram():
    assert is_block_diagram(TWO_INPUTS)
    assert not is_block_diagram("V1 e a 10; up\nR1 a b 2k; right\nW f 0; down, ground\n")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("in R\nwire R G\nout Y R", "line 2: unknown word 'wire'"),
        ("in R\nblock G\nout Y G", "line 2: 'block G' does not read like `block G1 S1 1/(s+2)`"),
        ("in R\nsum S +R G\nblock G S\nout Y G", "line 2: 'G' is no signed input of S"),
        ("in R\nblock G R\nblock G R\nout Y G", "line 3: duplicate name 'G', first used in line 2"),
        ("in R\nblock G Q\nout Y G", "line 2: G takes the signal 'Q', which nothing puts out"),
        ("in R\nblock G R 1/(s+\nout Y G", "line 2: the transfer function of G: it ends too early"),
        ("in R\nblock G R 1/(s-s)\nout Y G", "line 2: the transfer function of G: division by zero"),
        ("in R\nblock s R\nout Y s", "line 2: 's' is no name"),
        ("block G G\nout Y G", "the diagram has no input"),
        ("in R\nblock G R", "the diagram has 0 outputs"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_named_with_its_line(text: str, fault: str):
    with pytest.raises(BlocksError) as error:
        parse_blocks(text)
    assert str(error.value).startswith(fault)


NAMES = st.sampled_from(["A", "B1", "G_2", "H", "K10"])


@given(st.lists(st.tuples(NAMES, st.sampled_from("+-"), st.booleans()), max_size=5, unique_by=lambda item: item[0]))
def test_every_formatted_diagram_is_read_back(chain: list[tuple[str, str, bool]]):
    lines, last = ["in R"], "R"
    for name, sign, is_sum in chain:
        lines.append(f"sum {name} {sign}{last} +R" if is_sum else f"block {name} {last} 1/(s+2)")
        last = name
    text = "\n".join([*lines, f"out Y {last}"])
    assert format_blocks(parse_blocks(text)) == text


@given(st.text(alphabet="insumblockout RGHS+-/()*^19\n", max_size=200))
def test_no_text_does_worse_than_a_named_error(text: str):
    try:
        diagram = parse_blocks(text)
    except BlocksError as error:
        assert "\n" not in str(error)
    else:
        assert parse_blocks(format_blocks(diagram)) == diagram
