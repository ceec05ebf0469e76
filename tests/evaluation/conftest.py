"""Two small circuits with real questions, as the label stage makes them."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from diagramlens.domains.circuits.questions import ask
from diagramlens.records import Diagram, Question

DIVIDER = "V1 e a 10; up\nR1 a b 2k; right\nR2 b f 3k; down\nW e f; right\nW f 0; down, ground"
LOWPASS = (
    "V1 e a 5; up\nR1 a b 1k; right\nC1 b f 100n; down\nR2 b c 4k; right\nR3 c g 7k; down\n"
    "W e f; right\nW f g; right\nW f 0; down, ground"
)


def make_diagram(name: str, truth: str, *, level: int = 0, style: str = "american", shade: int = 0) -> Diagram:
    buffer = io.BytesIO()
    Image.new("RGB", (112, 84), (255, 255 - shade, 255)).save(buffer, format="PNG")
    return Diagram(name, f"group-{name}", "circuits", level, style, buffer.getvalue(), truth, "[]", "drawn", "[]")


@pytest.fixture
def diagrams() -> dict[str, Diagram]:
    made = [make_diagram("divider", DIVIDER), make_diagram("lowpass", LOWPASS, level=1, style="european", shade=90)]
    return {diagram.id: diagram for diagram in made}


@pytest.fixture
def questions(diagrams: dict[str, Diagram]) -> list[Question]:
    """One question of each kind about each circuit."""
    kinds = {"netlist": 1, "transfer": 1, "voltage": 1, "current": 1}
    return [
        question
        for diagram in diagrams.values()
        for question in ask(
            diagram.id, diagram.group, diagram.level, diagram.truth, kinds=kinds, netlist_form="traced", seed=1
        )
    ]
