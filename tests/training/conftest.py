"""Eight drawn pictures with two questions each, a recipe for the tiny model, and one call that trains it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image, ImageDraw

from diagramlens.params import Lora, ModelEntry, Phase, Train
from diagramlens.records import Diagram, Question, write_shards
from diagramlens.training.conversation import Pictures
from diagramlens.training.recipe import Machine, Trained, train_recipe
from diagramlens.training.trainer import PhaseTrainer
from tests.models.tiny import save_tiny
from tests.tiny_entry import tiny_entry


def picture(number: int) -> bytes:
    image = Image.new("RGB", (84 + 28 * (number % 3), 84), "white")
    ImageDraw.Draw(image).text((8, 8 + 4 * number), f"R{number}", fill="black")
    png = io.BytesIO()
    image.save(png, "PNG")
    return png.getvalue()


@pytest.fixture(scope="session")
def pictures_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("diagrams")
    rows = [Diagram(f"d{n}", f"g{n}", "circuits", 0, "american", picture(n), "", "[]", "drawn", "[]") for n in range(8)]
    write_shards(folder, rows, Diagram, rows_per_shard=3)
    return folder


@pytest.fixture(scope="session")
def pictures(pictures_folder: Path) -> Pictures:
    return Pictures(pictures_folder)


@pytest.fixture(scope="session")
def questions() -> list[Question]:
    asked = []
    for n in range(8):
        netlist = f"R{n} a b\nV1 e a"
        for kind, prompt, answer, gold in (
            ("netlist", "Read the netlist of this circuit.", netlist, {"netlist": netlist}),
            (
                "voltage",
                f"With V1 = {n + 1} V: what is the voltage across R{n}?",
                f"{n + 1} V",
                {"value": str(n + 1), "unit": "V"},
            ),
        ):
            asked.append(
                Question(f"q{n}{kind}", f"d{n}", f"g{n}", 0, kind, prompt, answer, json.dumps(gold), "solver", 1.0)
            )
    return asked


@pytest.fixture(scope="session")
def entry_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], ModelEntry]:
    """The entry of a tiny random model of an architecture, made at the first call."""

    @functools.cache
    def made(kind: str) -> ModelEntry:
        return save_tiny(kind, tmp_path_factory.mktemp(kind)).model_copy(update={"rate_scale": 30.0})

    return made


@pytest.fixture(scope="session")
def entry(tiny_model_dir: Path) -> ModelEntry:
    return tiny_entry(tiny_model_dir, rate_scale=10.0, four_bit=False)


def phase_of(four_bit: bool = False, name: str = "phase", **trained: tuple[str, float]) -> Phase:
    """A phase that trains the named components and freezes the others: phase_of(language=("lora", 1e-3))."""
    components: dict[str, Any] = {part: {"train": "frozen"} for part in ("vision", "merger", "language", "head")}
    components |= {part: {"train": how, "rate": rate} for part, (how, rate) in trained.items()}
    return Phase(name=name, four_bit=four_bit, epochs=1.0, components=components)


@pytest.fixture(scope="session")
def phase() -> Callable[..., Phase]:
    return phase_of


@pytest.fixture(scope="session")
def settings() -> Train:
    return Train(
        batch=4,
        epochs=2.0,
        rate_scaling="none",
        reference_batch=4,
        warmup=0.1,
        scheduler="cosine",
        weight_decay=0.01,
        max_grad_norm=1.0,
        evaluations=3,
        checkpoints=3,
        precision="fp32",
        packing="none",
        pack_tokens=4096,
        seed=3,
        generated=0,
        best_by="loss",
        patience=None,
        optimizer="adamw",
    )


@pytest.fixture(scope="session")
def lora() -> Lora:
    return Lora(r=4, alpha=8.0, dropout=0.1, targets="all", use_rslora=False, use_dora=False, b_rate_ratio=1.0)


@dataclasses.dataclass(frozen=True)
class Result:
    """What a training came to. `moved` are the frozen parameters of the model itself that some phase left otherwise than it found them."""

    trained: Trained
    adapter: Path
    moved: list[str]


@contextlib.contextmanager
def frozen_watched() -> Iterator[list[str]]:
    """Gives the names of frozen parameters, 4-bit ones too, that the trainings in the block move.

    The folder that a training writes cannot tell: it holds what is trained, and whoever loads it puts that on a base from the disk.
    """
    moved: list[str] = []
    untouched = PhaseTrainer.run

    def run(self: PhaseTrainer) -> dict[str, torch.Tensor]:
        model = self.model
        before = {name: value.detach().clone() for name, value in model.named_parameters() if not value.requires_grad}
        weights = untouched(self)
        after = dict(model.named_parameters())
        for name, value in before.items():
            weight = after.get(name.removesuffix("bias") + "weight")
            # bitsandbytes computes in bf16 and casts the biases of 4-bit layers to that for good (0.50).
            if name.endswith(".bias") and weight is not None and not weight.is_floating_point():
                value = value.to(after[name].dtype)
            if not torch.equal(after[name], value):
                moved.append(name)
        return weights

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(PhaseTrainer, "run", run)
        yield moved


@pytest.fixture(scope="session")
def train(
    tmp_path_factory: pytest.TempPathFactory,
    entry: ModelEntry,
    lora: Lora,
    settings: Train,
    pictures: Pictures,
    questions: list[Question],
) -> Callable[..., Result]:
    """Train on twelve questions, validate on four; what a test does not name is as in the fixtures.

    A second call with the same folder `where` goes on from the checkpoints of the first.
    """

    def run(*phases: Phase, where: Path | None = None, **changed: Any) -> Result:
        where = where or tmp_path_factory.mktemp("training")
        out = where / "adapter"
        out.mkdir(exist_ok=True)
        named: dict[str, Any] = {
            "entry": entry,
            "lora": lora,
            "settings": settings,
            "machine": Machine(device="cpu"),
            "training": questions[:12],
            "validation": questions[12:],
            "pictures": pictures,
            "checkpoint_folder": where / "checkpoints",
            "out": out,
        }
        with frozen_watched() as moved:
            trained = train_recipe(phases=phases or (phase_of(language=("lora", 1e-3)),), **(named | changed))
        return Result(trained, out, moved)

    return run


@pytest.fixture(scope="session")
def whole(train: Callable[..., Result]) -> Result:
    """One uninterrupted training with everything as in the fixtures."""
    return train()
