"""What trying a recipe on real samples needs: the model as the recipe trains it, and samples as training reads them."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from transformers import PreTrainedModel, ProcessorMixin

from diagramlens.models.families import Family, family_named
from diagramlens.models.loading import (
    has_bf16_matmul,
    load_model,
    load_processor,
    pick_device,
    put_weights,
)
from diagramlens.models.source import check_source
from diagramlens.models.vision_inputs import VisionInputs
from diagramlens.params import Params, Phase
from diagramlens.records import DiagramLensError, Question
from diagramlens.training.conversation import (
    Collator,
    Encoder,
    Pictures,
    conversation_dataset,
    read_questions,
    row_length,
)
from diagramlens.training.optimizers import check_optimizer
from diagramlens.training.order import ByPicture
from diagramlens.training.packing import (
    TOKENS,
    PackingCollator,
    attending_apart,
    check_lengths,
    knows_branches,
    rope_index_of,
    rows_of,
)
from diagramlens.training.phases import (
    attach_lora,
    check_bases,
    check_phases,
    in_four_bit,
    sees_frozen,
    set_trainable,
    tower_without_graph,
)

DIAGRAMS = Path("data/diagrams")
TRAINING = Path("data/split/train.parquet")
_STAGES = {DIAGRAMS: "generate", TRAINING: "split"}


class CheckError(DiagramLensError):
    """What a check needs and does not find."""


@dataclasses.dataclass(frozen=True)
class Session:
    """Everything of a check but the model: it is made anew where a phase wants another base."""

    params: Params
    family: Family
    device: torch.device
    bf16: bool
    processor: ProcessorMixin
    encoder: Encoder
    vision: VisionInputs
    pictures: Pictures
    questions: list[Question]

    @property
    def phases(self) -> list[Phase]:
        """The recipe's."""
        return self.params.selected_recipe.phases

    @property
    def packed(self) -> bool:
        """Whether the train stage packs samples into rows."""
        return self.params.train.packing != "none"

    def first(self, count: int) -> list[Question]:
        """The `count` questions that training reads first, so that those about one picture stand together; all where there are fewer."""
        settings = self.params.train
        order = ByPicture([question.diagram_id for question in self.questions], settings.batch, settings.seed)
        return [self.questions[index] for index in order][:count]

    def batch(self, questions: Sequence[Question]) -> dict[str, torch.Tensor]:
        """These questions as one padded batch, on the device."""
        return self._placed(self._collator(list(conversation_dataset(questions))))

    def batches(
        self, model: PreTrainedModel | PeftModel, questions: Sequence[Question]
    ) -> list[dict[str, torch.Tensor]]:
        """These questions as they go through the model in training, one after the other: packed rows, or padded micro-batches.

        Raises PackingError for a question that fits no row.
        """
        settings, size = self.params.train, self.params.selected_model.micro_batch
        if not self.packed:
            return [self.batch(questions[start : start + size]) for start in range(0, len(questions), size)]
        rows = [
            dict(row) | {TOKENS: row_length(row, self.encoder, self.vision, self.pictures)}
            for row in conversation_dataset(questions)
        ]
        whole: Any = model
        lengths = {"train": [row[TOKENS] for row in rows]}
        check_lengths(lengths, settings.pack_tokens, whole.config.text_config.max_position_embeddings)
        shared = settings.packing == "shared" and knows_branches(model)
        collate = PackingCollator(self._collator, settings.pack_tokens, rope_index_of(model), shared=shared)
        return [self._placed(row) for row in rows_of(collate(rows))]

    @property
    def _collator(self) -> Collator:
        return Collator(self.vision, self.encoder, self.pictures)

    def _placed(self, batch: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def precision(self) -> contextlib.AbstractContextManager[Any]:
        """The train stage's: bf16 autocast, or nothing."""
        return torch.autocast(self.device.type, torch.bfloat16) if self.bf16 else contextlib.nullcontext()

    def model(self, phase: Phase, trained: dict[str, torch.Tensor] | None = None) -> PreTrainedModel | PeftModel:
        """The base as the phase wants it with the recipe's adapters, what `trained` holds put on. Gradients are as loading left them."""
        base: Any = load_model(
            self.params.selected_model,
            device=self.device,
            dtype=torch.bfloat16 if self.bf16 and self.device.type == "cuda" else torch.float32,
            four_bit=in_four_bit(phase, self.params.selected_model),
            attention=self.params.runtime.attention,
        )
        check_phases(self.family, base, self.phases, self.params.lora)
        seed = self.params.train.seed
        model = attach_lora(self.family, base, self.phases, self.params.lora, self.params.selected_model, seed)
        put_weights(model, trained or {}, f"phase {phase.name}", exact=True)
        if self.params.selected_model.gradient_checkpointing:
            whole: Any = model
            whole.gradient_checkpointing_enable({"use_reentrant": False})
        return model


def open_session(params: Params) -> Session:
    """Read processor and questions. Raises CheckError naming the stage to run where the data is not there, and the errors of loading."""
    for path, stage in _STAGES.items():
        if not path.exists():
            raise CheckError(f"{path}: not there yet; run dvc repro {stage} first")
    entry = params.selected_model
    family = family_named(entry.family)
    check_source(entry)
    check_bases(family, params.selected_recipe.phases, entry)
    device = pick_device(params.runtime.device)
    check_optimizer(params.train.optimizer, device)
    processor = load_processor(entry)
    encoder = Encoder(processor, family.end_of_turn)
    wanted = params.train.precision
    return Session(
        params=params,
        family=family,
        device=device,
        bf16=wanted == "bf16" or (wanted == "auto" and has_bf16_matmul(device)),
        processor=processor,
        encoder=encoder,
        vision=family.pictures(processor),
        pictures=Pictures(DIAGRAMS),
        questions=read_questions(TRAINING),
    )


@contextlib.contextmanager
def phase_of(session: Session, model: PreTrainedModel | PeftModel, phase: Phase) -> Iterator[dict[str, int]]:
    """The model as the phase trains it: gradients on, a frozen tower recording no graph, conversations of a packed row not seeing each
    other. Yields what set_trainable counts."""
    counts = set_trainable(session.family, model, phase)
    model.train()
    tower = tower_without_graph(session.family, model) if sees_frozen(phase) else contextlib.nullcontext()
    attention = attending_apart(model) if session.packed else contextlib.nullcontext()
    with tower, attention:
        yield counts
