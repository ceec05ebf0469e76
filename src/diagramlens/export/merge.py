"""An adapter merged into its base: one ordinary model folder, and the proof that it computes what the adapter model computed.

The sum W + scale * B A is formed and stored in fp32, though the base comes in bf16. That costs two bytes a weight on disk and buys
exactness: on a 3M-parameter model with logits of standard deviation 2, the largest logit difference over 160 answer tokens was 0.00002
stored in fp32, 0.009 in fp16 and 0.07 in bf16, which also changed the most likely token at one place in a hundred. Whoever loads the
folder in bf16 takes that rounding then; the quantised copies, which are made from here, do not pay for it twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from PIL import Image
from safetensors import safe_open
from transformers import PreTrainedModel, ProcessorMixin

from diagramlens.export import ExportError
from diagramlens.models.chat import Chat, filled
from diagramlens.models.families import component_of, family_named, family_of, is_quantized_component
from diagramlens.models.loading import FULL_WEIGHTS_FILE, load_model, load_processor
from diagramlens.models.vision_inputs import VisionInputs
from diagramlens.params import ModelEntry
from diagramlens.records import Diagram, Question, parquet_files, read_rows, read_table


@dataclass(frozen=True)
class Sample:
    """A question with its picture (PNG bytes) and the answer on which two models' logits are compared."""

    image: bytes
    prompt: str
    answer: str


@dataclass(frozen=True)
class Shift:
    """How far one model's logits lie from another's, over every token of every sample's answer.

    `maximum` and `mean` are of absolute differences; `agreement` is the share of `tokens` whose most likely successor is the same.
    """

    maximum: float
    mean: float
    agreement: float
    tokens: int


def merged_entry(entry: ModelEntry, folder: Path) -> ModelEntry:
    """What params.yaml's `models` would say of a folder made from `entry`: the same family and picture sizes, other weights."""
    return entry.model_copy(update={"source": str(folder.resolve()), "revision": None})


def merge_adapter(entry: ModelEntry, adapter: Path, out: Path, *, device: torch.device | str = "cpu") -> None:
    """Merge the adapter folder into the model of `entry` and write the complete model folder `out`.

    The folder holds safetensors, tokenizer, processor and chat template. Needs four bytes a weight of memory. Loading raises for
    an adapter that is damaged or was trained over another base.
    """
    model = load_model(entry, device=device, dtype=torch.float32, adapter=adapter)
    # A recipe that trains whole components and no LoRA leaves an adapter without PEFT's part; its weights are in place already.
    merged: Any = model.merge_and_unload() if isinstance(model, PeftModel) else model
    merged.save_pretrained(out)
    load_processor(entry).save_pretrained(out)


def measure_shift(
    entry: ModelEntry,
    adapter: Path,
    folder: Path,
    samples: Sequence[Sample],
    *,
    device: torch.device | str = "cpu",
    four_bit: bool = False,
) -> Shift:
    """How far the merged `folder`, read back from disk, is from the base of `entry` under its adapter.

    Both compute in fp32, so what shows is the merging and the rounding of what was stored. With `four_bit` the adapter sits on the
    4-bit base that it may have been trained on: the difference is then what merging into the full base changes for it.
    Raises ExportError without samples.
    """
    if not samples:
        raise ExportError(
            "no validation questions to compare the merged model on; give split.validation a larger share"
        )
    processor = load_processor(entry)
    adapted = load_model(entry, device=device, dtype=torch.float32, adapter=adapter, four_bit=four_bit)
    expected = answer_logits(adapted, processor, samples)
    del adapted
    merged = load_model(merged_entry(entry, folder), device=device, dtype=torch.float32)
    found = answer_logits(merged, processor, samples)
    return shift_between(expected, found)


def can_measure_four_bit(entry: ModelEntry, adapter: Path) -> bool:
    """Whether the adapter may have been trained over a 4-bit base: no component that 4 bits round was trained in full."""
    full = adapter / FULL_WEIGHTS_FILE
    family = family_named(entry.family)
    if not entry.four_bit or not full.is_file():
        return entry.four_bit
    with safe_open(full, framework="pt") as file:
        return not any(is_quantized_component(family, component_of(family, name)) for name in file.keys())  # noqa: SIM118 (no mapping)


def shift_between(expected: Sequence[torch.Tensor], found: Sequence[torch.Tensor]) -> Shift:
    """Compare logits, each (tokens, vocabulary), sample by sample."""
    maximum = total = 0.0
    agreed = tokens = numbers = 0
    for before, after in zip(expected, found, strict=True):
        difference = (after - before).abs()
        maximum = max(maximum, float(difference.max()))
        total += float(difference.sum(dtype=torch.float64))
        numbers += difference.numel()
        agreed += int((after.argmax(-1) == before.argmax(-1)).sum())
        tokens += len(after)
    return Shift(maximum, total / numbers, agreed / tokens, tokens)


def check_shift(shift: Shift, tolerance: float) -> None:
    """Raise ExportError, naming both numbers, where the merged model is further from the adapter model than allowed."""
    # Written so that a NaN fails too.
    if not shift.maximum <= tolerance:
        raise ExportError(
            f"the merged model's logits differ from the adapter model's by up to {shift.maximum:.4g} on validation answers; "
            f"merge.tolerance = {tolerance:g} allows no more"
        )


def read_samples(questions: Path, diagrams: Path, count: int) -> list[Sample]:
    """`count` questions of a split file, evenly spread over it, with their pictures; all of them where there are fewer."""
    rows = list(read_rows(questions, Question))
    chosen = [rows[index * len(rows) // count] for index in range(count)] if len(rows) > count else rows
    pictures = pictures_of({row.diagram_id for row in chosen}, questions, diagrams)
    return [Sample(pictures[row.diagram_id], row.prompt, row.answer) for row in chosen]


def pictures_of(wanted: set[str], questions: Path, diagrams: Path) -> dict[str, bytes]:
    """The PNG bytes of these diagrams, which `questions` asks about, by id. Raises ExportError naming one that is not there."""
    pictures: dict[str, bytes] = {}
    for shard in parquet_files(diagrams):
        table = read_table(shard, Diagram, columns=["id", "image"])
        pairs = zip(table["id"].to_pylist(), table["image"], strict=True)
        pictures.update({identity: image.as_py() for identity, image in pairs if identity in wanted})
    missing = sorted(wanted - pictures.keys())
    if missing:
        raise ExportError(
            f"{questions} asks about diagram {missing[0]}, which is not in {diagrams}; run dvc repro label split"
        )
    return pictures


def answer_logits(
    model: PreTrainedModel | PeftModel, processor: ProcessorMixin, samples: Sequence[Sample]
) -> list[torch.Tensor]:
    """The logits that predict each token of each answer and its end, teacher-forced: (tokens, vocabulary), fp32, on the CPU."""
    family = family_of(processor)
    chat, vision = Chat(processor, family.end_of_turn), family.pictures(processor)
    return [_answer_logits(model, chat, vision, sample) for sample in samples]


@torch.inference_mode()
def _answer_logits(model: Any, chat: Chat, vision: VisionInputs, sample: Sample) -> torch.Tensor:
    picture = Image.open(BytesIO(sample.image)).convert("RGB")
    layouts, answer = [vision.layout(*picture.size)], chat.answer(sample.answer)
    asked = filled(chat.prompt(sample.prompt), chat.picture_id, vision.placeholder(layouts[0]))
    ids = torch.tensor([[*asked, *answer]])
    inputs = {"input_ids": ids, "attention_mask": torch.ones_like(ids), **vision.tensors([picture])}
    inputs |= vision.beside(layouts, ids)
    on_device = {name: tensor.to(model.device) for name, tensor in inputs.items()}
    # Logits for the answer only, and one position more, which predicts its first token; the last predicts what nothing checks.
    logits: torch.Tensor = model(**on_device, logits_to_keep=len(answer) + 1).logits
    return logits[0, :-1].float().cpu()
