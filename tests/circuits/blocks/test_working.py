"""Worked answers lead to the answer, and edits of a diagram are diagrams that differ in one thing."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from functools import partial
from itertools import islice

from diagramlens.domains.circuits.blocks.edits import edits
from diagramlens.domains.circuits.blocks.sampling import sample_blocks
from diagramlens.domains.circuits.blocks.solving import closed_loop
from diagramlens.domains.circuits.blocks.text import format_blocks, parse_blocks
from diagramlens.domains.circuits.blocks.working import worked_blocks
from diagramlens.domains.circuits.formula import transfer_text
from diagramlens.grading.expressions import same_expression

TWO_LOOPS = "in R\nsum S1 +R -H1\nblock G1 S1\nblock H1 G1\nsum S2 +G1 -H2\nblock G2 S2\nblock H2 G2\nout Y G2"


def test_a_worked_answer_lists_paths_loops_and_determinants():
    worked = worked_blocks(parse_blocks(TWO_LOOPS), "R", "G1*G2/(…)")
    assert worked.splitlines()[len(TWO_LOOPS.splitlines()) + 1 :] == [
        "Forward paths from R to Y:",
        "M1=G1*G2",
        "Loops:",
        "L1=-G1*H1",
        "L2=-G2*H2",
        "Determinants:",
        "Delta=1-L1-L2+L1*L2",
        "Delta1=1",
        "Sought: (M1*Delta1)/Delta",
        "Answer: G1*G2/(…)",
    ]


def test_the_working_of_drawn_diagrams_comes_to_their_transfer_functions():
    for seed in range(60):
        diagram = parse_blocks(sample_blocks((1, 7), random.Random(seed), 56).truth)
        source = diagram.inputs[-1]
        answer = transfer_text(closed_loop(diagram, source, values=False).rational())
        lines = worked_blocks(diagram, source, answer).splitlines()
        known = dict(line.split("=") for line in lines if re.match(r"(M|L|Delta)\d*=", line))
        text = lines[-2].removeprefix("Sought: ")
        for defined in (r"\b(M|Delta)\d*\b", r"\bL\d+\b"):
            text = re.sub(defined, partial(put_in, known), text)
        assert same_expression(answer, text, [block.name for block in diagram.blocks]).correct, (seed, text, answer)


def put_in(known: Mapping[str, str], name: re.Match[str]) -> str:
    return f"({known[name[0]]})"


def test_an_edit_changes_one_thing_and_leaves_a_readable_diagram():
    for seed in range(40):
        diagram = parse_blocks(sample_blocks((2, 6), random.Random(seed), 56).truth)
        for edited in islice(edits(diagram, random.Random(seed)), 8):
            text = format_blocks(edited)
            assert parse_blocks(text) == edited
            assert (edited.inputs, edited.output) == (diagram.inputs, diagram.output)
            assert {block.name for block in edited.blocks} == {block.name for block in diagram.blocks}
