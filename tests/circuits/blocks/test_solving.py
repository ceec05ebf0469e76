"""Transfer functions of block diagrams: textbook results, and elimination against Mason's formula."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagramlens.domains.circuits.blocks.graph import blocks_group, forward_paths, loops
from diagramlens.domains.circuits.blocks.mason import mason_formula
from diagramlens.domains.circuits.blocks.sampling import sample_blocks
from diagramlens.domains.circuits.blocks.solving import closed_loop
from diagramlens.domains.circuits.blocks.text import BlockDiagram, BlocksError, Sum, parse_blocks
from diagramlens.domains.circuits.formula import transfer_text

SINGLE = "in R\nsum S1 +R -H\nblock G S1\nblock H G\nout Y G"


def solved(text: str, source: str = "R", *, values: bool = True) -> str:
    return transfer_text(closed_loop(parse_blocks(text), source, values=values).rational())


@pytest.mark.parametrize(
    ("text", "source", "expected"),
    [
        pytest.param("in R\nblock G1 R\nblock G2 G1\nout Y G2", "R", "G1*G2", id="cascade"),
        pytest.param("in R\nblock G1 R\nblock G2 R\nsum S +G1 -G2\nout Y S", "R", "G1-G2", id="parallel"),
        pytest.param(SINGLE, "R", "G/(G*H+1)", id="single loop"),
        pytest.param("in R\nsum S1 +R +G\nblock G S1\nout Y G", "R", "-G/(G-1)", id="positive unity feedback"),
        pytest.param(
            "in R\nsum S1 +R -H2\nsum S2 +S1 -H1\nblock G1 S2\nblock H1 G1\nblock G2 G1\nblock H2 G2\nout Y G2",
            "R",
            "G1*G2/(G1*G2*H2+G1*H1+1)",
            id="two nested loops",
        ),
        pytest.param(
            "in R\nblock F R\nsum S1 +R -G2\nblock G1 S1\nsum S2 +G1 +F\nblock G2 S2\nout Y G2",
            "R",
            "(F*G2+G1*G2)/(G1*G2+1)",
            id="feedforward",
        ),
        pytest.param(
            "in R\nin D\nsum S1 +R -H\nblock G1 S1\nsum S2 +G1 +D\nblock G2 S2\nblock H G2\nout Y G2",
            "D",
            "G2/(G1*G2*H+1)",
            id="disturbance",
        ),
        pytest.param(
            # Two loops that share G2 and cross: neither lies inside the other.
            "in R\nsum S1 +R -H1\nblock G1 S1\nsum S2 +G1 -H2\nblock G2 S2\nblock H1 G2\nblock G3 G2\nblock H2 G3\nout Y G3",
            "R",
            "G1*G2*G3/(G1*G2*H1+G2*G3*H2+1)",
            id="crossing loops",
        ),
        pytest.param("in R\nblock G R\nout Y R", "R", "1", id="the input is the output"),
    ],
)  # fmt: skip
def test_textbook_results(text: str, source: str, expected: str):
    assert solved(text, source) == expected


def test_printed_transfer_functions_are_put_in():
    plant = SINGLE.replace("block G S1", "block G S1 K/(s+2)").replace("block H G", "block H G 0.5")
    assert solved(plant) == "2*K/(2*s+K+4)"
    assert solved(plant, values=False) == "G/(G*H+1)"
    assert solved(plant.replace(" 0.5", "")) == "K/(s+H*K+2)"


@pytest.mark.parametrize(
    "loop", ["sum S1 +R +S1", "sum S1 +R +G\nblock G S1 1", "sum S1 +R +G\nblock G S1 (s+1)/(s+2)"]
)
def test_loops_that_determine_nothing_are_refused(loop: str):
    """The last acts at once: for very fast signals the gain around it is one."""
    with pytest.raises(BlocksError, match="not well posed"):
        solved(f"in R\n{loop}\nout Y S1")


def test_an_input_that_is_not_there_is_named():
    with pytest.raises(BlocksError, match="no input 'D'; its inputs are: R"):
        solved(SINGLE, "D")


def test_loops_and_forward_paths_are_found_once_each():
    diagram = parse_blocks("in R\nblock F R\nsum S1 +R -H -Y2\nblock G S1\nblock H G\nsum Y2 +G +F\nout Y Y2")
    assert {frozenset(loop.elements) for loop in loops(diagram)} == {
        frozenset({"S1", "G", "H"}),
        frozenset({"S1", "G", "Y2"}),
    }
    assert [loop.sign for loop in loops(diagram)] == [-1, -1]
    assert {path.elements for path in forward_paths(diagram, "R")} == {
        ("R", "F", "Y2", "Y"),
        ("R", "S1", "G", "Y2", "Y"),
    }


@pytest.mark.parametrize("values", [True, False])
def test_elimination_agrees_with_masons_formula(values: bool):
    for seed in range(150):
        diagram = parse_blocks(sample_blocks((2, 7), random.Random(seed), 56).truth)
        for source in diagram.inputs:
            assert mason_formula(diagram, source, values=values) == closed_loop(diagram, source, values=values)


def test_masons_formula_refuses_what_elimination_refuses():
    assert mason_formula(parse_blocks("in R\nsum S1 +R +S1\nout Y S1"), "R", values=True) is None


def renamed(diagram: BlockDiagram, rng: random.Random) -> str:
    """The same diagram with other names, signs and order of lines."""
    names = {n: f"X{k}" for k, n in enumerate([*diagram.inputs, *(e.name for e in diagram.elements), diagram.output])}
    lines = [f"in {names[name]}" for name in diagram.inputs] + [f"out {names[diagram.output]} {names[diagram.shown]}"]
    for element in diagram.elements:
        if isinstance(element, Sum):
            inputs = rng.sample(element.inputs, len(element.inputs))
            lines.append(f"sum {names[element.name]} " + " ".join(f"{rng.choice('+-')}{names[s]}" for _, s in inputs))
        else:
            lines.append(f"block {names[element.name]} {names[element.source]}")
    return "\n".join(rng.sample(lines, len(lines)))


@given(st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_the_group_is_blind_to_names_signs_and_order(seed: int):
    rng = random.Random(seed)
    diagram = parse_blocks(sample_blocks((1, 7), rng, 56).truth)
    assert blocks_group(parse_blocks(renamed(diagram, rng))) == blocks_group(diagram)


def test_the_group_tells_where_a_branch_goes_and_which_way():
    nested = "in R\nsum S1 +R -G2\nblock G1 S1\nblock G2 G1\nout Y G2"
    groups = {blocks_group(parse_blocks(text)) for text in (nested, nested.replace("-G2", "-G1"), SINGLE)}
    forward = "in R\nblock G R\nblock H R\nsum S1 +G -H\nout Y S1"
    assert len(groups | {blocks_group(parse_blocks(forward))}) == 4
