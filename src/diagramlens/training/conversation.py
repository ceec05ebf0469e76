"""Questions about diagrams as conversations, and batches of conversations as tensors.

The dataset has TRL's columns `images` and `messages`. A picture stands in it by its diagram's id: four questions about one picture
share its PNG bytes, which are decoded when a batch needs them, so that no pixels are ever held for the whole dataset.

The loss is on the answer and the end-of-turn token, and on nothing else. Which tokens these are follows from the model's own chat
template (see `models.chat`): it is rendered up to the assistant's turn, and what comes after that is the answer. (TRL finds the answer
through a marked copy of the template that it looks up by its exact text; a template that it does not know would not train at all.)

A question about no picture has an empty diagram id, and makes a conversation of text alone.
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from datasets import Dataset
from PIL import Image, UnidentifiedImageError
from transformers import ProcessorMixin

from diagramlens.models.chat import Chat, filled
from diagramlens.models.vision_inputs import Layout, VisionInputs
from diagramlens.records import Diagram, DiagramLensError, Question, read_rows, read_table

IGNORED = -100  # the label that torch's cross entropy leaves out
UNSUPERVISED = "unsupervised"  # a column that may be there: true for a row that is read and not learnt from


class ConversationError(DiagramLensError):
    """A question or picture that makes no training sample."""


class Pictures:
    """The PNG bytes of diagrams by id, left in the Arrow table that they were read into.

    Takes about the size of data/diagrams in memory; worker processes share it.
    """

    def __init__(self, folder: Path) -> None:
        table = read_table(folder, Diagram, columns=["id", "image"])
        self._images = table.column("image")
        self._rows = {name: row for row, name in enumerate(table.column("id").to_pylist())}

    def __contains__(self, diagram_id: str) -> bool:
        return diagram_id in self._rows

    def png(self, diagram_id: str) -> bytes:
        """The picture's file. Raises ConversationError naming the diagram where it is not there."""
        if diagram_id not in self._rows:
            raise ConversationError(
                f"diagram {diagram_id}: a question is about it, and data/diagrams lacks it; run generate and label again"
            )
        png: bytes = self._images[self._rows[diagram_id]].as_py()
        return png

    def open(self, diagram_id: str) -> Image.Image:
        """The picture, its size known and its pixels not yet decoded. Raises ConversationError naming the diagram."""
        try:
            return Image.open(io.BytesIO(self.png(diagram_id)))
        except UnidentifiedImageError as error:
            raise ConversationError(f"diagram {diagram_id}: its image is not a picture; run generate again") from error


def read_questions(path: Path) -> list[Question]:
    """The questions of one split. Raises ConversationError where there is none."""
    questions = list(read_rows(path, Question))
    if not questions:
        raise ConversationError(
            f"{path}: no questions in this split; raise generate.count or the split's share, and run dvc repro"
        )
    return questions


def conversation_dataset(questions: Sequence[Question]) -> Dataset:
    """TRL's columns `images` (diagram ids) and `messages` (the user's picture and prompt, the assistant's answer)."""
    return Dataset.from_dict(
        {
            "images": [[question.diagram_id] if question.diagram_id else [] for question in questions],
            "messages": [
                [
                    {
                        "role": "user",
                        "content": [
                            *([{"type": "image", "text": None}] if question.diagram_id else []),
                            {"type": "text", "text": question.prompt},
                        ],
                    },
                    {"role": "assistant", "content": [{"type": "text", "text": question.answer}]},
                ]
                for question in questions
            ],
        }
    )


@dataclasses.dataclass(frozen=True)
class Encoded:
    """A conversation's token ids, and where the answer begins among them."""

    ids: tuple[int, ...]
    answer: int

    @property
    def supervised(self) -> int:
        """Number of tokens with a loss: the answer's and the end of turn."""
        return len(self.ids) - self.answer

    def filled(self, mark: int, placeholder: Sequence[int]) -> Encoded:
        """The conversation with the one id `mark`, where the picture belongs, replaced by the ids that stand for the picture."""
        return Encoded(filled(self.ids, mark, placeholder), self.answer - 1 + len(placeholder))


class Encoder:
    """Token ids of conversations. Texts are encoded once and kept (about 1 KB each), so that later epochs cost nothing."""

    def __init__(self, processor: ProcessorMixin, end_of_turn: str) -> None:
        self._chat = Chat(processor, end_of_turn)
        self._known: dict[tuple[str, str, bool], Encoded] = {}
        self.picture_id: int = self._chat.picture_id
        self.pad_id: int = processor.tokenizer.pad_token_id

    def encode(self, prompt: str, answer: str, picture: bool = True) -> Encoded:
        """Prompt and answer in the chat template, with one id for the picture where there is one. Raises ChatError."""
        key = (prompt, answer, picture)
        if key not in self._known:
            # Two pieces, as when generating: there the prompt's tokens are fixed before the answer's first.
            asked = self._chat.prompt(prompt, picture)
            self._known[key] = Encoded((*asked, *self._chat.answer(answer, picture)), len(asked))
        return self._known[key]

    def encode_row(self, example: Mapping[str, Any], layouts: Sequence[Layout], vision: VisionInputs) -> Encoded:
        """A row of `conversation_dataset` as the model reads it, its picture (of that layout) filled in."""
        user, assistant = example["messages"]
        text = self.encode(user["content"][-1]["text"], assistant["content"][0]["text"], bool(layouts))
        whole = text.filled(self.picture_id, vision.placeholder(layouts[0])) if layouts else text
        return dataclasses.replace(whole, answer=len(whole.ids)) if example.get(UNSUPERVISED) else whole


def row_length(example: Mapping[str, Any], encoder: Encoder, vision: VisionInputs, pictures: Pictures) -> int:
    """Number of tokens of a row of `conversation_dataset`. Of its picture only the size is read."""
    layouts = [vision.layout(*pictures.open(name).size) for name in example["images"]]
    return len(encoder.encode_row(example, layouts, vision).ids)


class VisualTokens(Protocol):
    """Visual tokens computed beforehand: what `training.features` offers where the vision tower is frozen."""

    def layout(self, diagram_id: str) -> Layout:
        """How the picture was cut up."""

    def rows(self, diagram_ids: Sequence[str]) -> torch.Tensor:
        """Tokens of these pictures one after the other (tokens, width)."""


class Collator:
    """Rows of `conversation_dataset` to a batch, padded on the right.

    Gives `input_ids`, `attention_mask` and `labels`, each (batch, length), and what the family's model wants for its pictures: all of it
    what the processor itself would give. With `visual` tokens at hand, `visual_tokens` (tokens, width) stand for pixels. Rows without a
    picture may be among the others or alone; where none may be, a `filler` row with a picture joins them (see shares).
    """

    def __init__(
        self,
        vision: VisionInputs,
        encoder: Encoder,
        pictures: Pictures,
        visual: VisualTokens | None = None,
        filler: Mapping[str, Any] | None = None,
    ) -> None:
        self._vision = vision
        self._encoder = encoder
        self._pictures = pictures
        self._visual = visual
        self._filler = filler

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        whole = self.completed(examples)
        return self.texts(whole) | self.shown([name for example in whole for name in example["images"]])

    def completed(self, examples: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The rows, and behind them the filler where none of them has a picture."""
        if self._filler is None or any(example["images"] for example in examples):
            return list(examples)
        return [*examples, self._filler]

    def encoded(self, example: Mapping[str, Any]) -> Encoded:
        """The row's tokens."""
        return self._encoder.encode_row(example, [self._layout(name) for name in example["images"]], self._vision)

    def texts(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        """The batch without what is seen: everything by which the rows' tokens and their positions are known."""
        batch = self._padded([self.encoded(example) for example in examples])
        layouts = [self._layout(name) for example in examples for name in example["images"]]
        return batch | self._vision.beside(layouts, batch["input_ids"])

    def shown(self, names: Sequence[str]) -> dict[str, torch.Tensor]:
        """What is seen of these pictures: `visual_tokens` where they are at hand, else the family's pixels; nothing of none."""
        if not names:
            return {}
        if self._visual is not None:
            return {"visual_tokens": self._visual.rows(names)}
        return self._vision.tensors([self._pictures.open(name) for name in names])

    def _layout(self, name: str) -> Layout:
        return self._visual.layout(name) if self._visual else self._vision.layout(*self._pictures.open(name).size)

    def _padded(self, encoded: Sequence[Encoded]) -> dict[str, torch.Tensor]:
        shape = (len(encoded), max(len(text.ids) for text in encoded))
        ids = torch.full(shape, self._encoder.pad_id)
        mask = torch.zeros(shape, dtype=torch.long)
        labels = torch.full(shape, IGNORED)
        for row, text in enumerate(encoded):
            whole = torch.tensor(text.ids)
            ids[row, : len(whole)] = whole
            mask[row, : len(whole)] = 1
            labels[row, text.answer : len(whole)] = whole[text.answer :]
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}
