"""Questions about diagrams as conversations, and batches of conversations as tensors.

The dataset has TRL's columns `images` and `messages`. A picture stands in it by its diagram's id: four questions about one picture
share its PNG bytes, which are decoded when a batch needs them, so that no pixels are ever held for the whole dataset.

The loss is on the answer and the end-of-turn token, and on nothing else. Which tokens these are follows from the model's own chat
template: the conversation is rendered up to the assistant's turn, and what comes after that is the answer. (TRL finds the answer
through a marked copy of the template that it looks up by its exact text; a template that it does not know would not train at all.)
"""

from __future__ import annotations

import dataclasses
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, cast

import torch
from datasets import Dataset
from PIL import Image, UnidentifiedImageError
from transformers import ProcessorMixin

from diagramlens.records import Diagram, DiagramLensError, Question, read_rows, read_table

IGNORED = -100  # the label that torch's cross entropy leaves out


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

    def open(self, diagram_id: str) -> Image.Image:
        """The picture, its size known and its pixels not yet decoded. Raises ConversationError naming the diagram."""
        if diagram_id not in self._rows:
            raise ConversationError(
                f"diagram {diagram_id}: a question is about it, and data/diagrams lacks it; run generate and label again"
            )
        try:
            return Image.open(io.BytesIO(self._images[self._rows[diagram_id]].as_py()))
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
            "images": [[question.diagram_id] for question in questions],
            "messages": [
                [
                    {
                        "role": "user",
                        "content": [{"type": "image", "text": None}, {"type": "text", "text": question.prompt}],
                    },
                    {"role": "assistant", "content": [{"type": "text", "text": question.answer}]},
                ]
                for question in questions
            ],
        }
    )


@dataclasses.dataclass(frozen=True)
class Encoded:
    """The text of a conversation: token ids with one placeholder for the picture, and where the answer begins among them."""

    ids: tuple[int, ...]
    answer: int

    @property
    def supervised(self) -> int:
        """Number of tokens with a loss: the answer's and the end of turn."""
        return len(self.ids) - self.answer


class Encoder:
    """Token ids of conversations. Texts are encoded once and kept (about 1 KB each), so that later epochs cost nothing."""

    def __init__(self, processor: ProcessorMixin, end_of_turn: str) -> None:
        self._processor = cast(Any, processor)
        self._end_of_turn = end_of_turn
        self._known: dict[tuple[str, str], Encoded] = {}
        self._special = [token for token in processor.tokenizer.all_special_tokens if token]
        self.picture_id: int = self._processor.image_token_id
        self.pad_id: int = processor.tokenizer.pad_token_id

    def encode(self, prompt: str, answer: str) -> Encoded:
        """Prompt and answer in the chat template. Raises ConversationError for a text that holds a control token of the model."""
        key = (prompt, answer)
        if key not in self._known:
            self._known[key] = self._encode(prompt, answer)
        return self._known[key]

    def _encode(self, prompt: str, answer: str) -> Encoded:
        for token in self._special:
            if token in prompt or token in answer:
                raise ConversationError(f"a question holds the model's control token {token}: {prompt[:60]!r}")
        turn = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}]
        reply = [{"role": "assistant", "content": [{"type": "text", "text": answer}]}]
        before = self._processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        whole = self._processor.apply_chat_template(turn + reply, tokenize=False)
        learnt = answer + self._end_of_turn
        if not whole.startswith(before + learnt):
            raise ConversationError(
                f"the chat template does not put the answer and {self._end_of_turn} right behind the prompt"
            )
        # Two pieces, as when generating: there the prompt's tokens are fixed before the answer's first.
        tokenizer = self._processor.tokenizer
        prompt_ids = tokenizer(before, add_special_tokens=False)["input_ids"]
        answer_ids = tokenizer(learnt, add_special_tokens=False)["input_ids"]
        return Encoded((*prompt_ids, *answer_ids), len(prompt_ids))


def texts_of(example: Mapping[str, Any]) -> tuple[str, str]:
    """Prompt and answer of a row of `conversation_dataset`."""
    user, assistant = example["messages"]
    return user["content"][1]["text"], assistant["content"][0]["text"]


class VisualTokens(Protocol):
    """Visual tokens computed beforehand: what `training.features` offers where the vision tower is frozen."""

    def rows(self, diagram_ids: Sequence[str]) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens of these pictures one after the other (tokens, width), and their grids (pictures, 3)."""


class Collator:
    """Rows of `conversation_dataset` to a batch, padded on the right.

    Gives `input_ids`, `attention_mask`, `mm_token_type_ids` and `labels`, each (batch, length), `image_grid_thw` (batch, 3), and either
    `pixel_values` (patches, channels * temporal * patch * patch) or, with `visual` tokens at hand, `visual_tokens` (tokens, width).
    All but the last are what the processor itself would give.
    """

    def __init__(
        self, processor: ProcessorMixin, encoder: Encoder, pictures: Pictures, visual: VisualTokens | None = None
    ) -> None:
        self._images = processor.image_processor
        self._encoder = encoder
        self._pictures = pictures
        self._visual = visual

    def __call__(self, examples: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        names = [example["images"][0] for example in examples]
        batch: dict[str, torch.Tensor] = {}
        if self._visual is not None:
            batch["visual_tokens"], batch["image_grid_thw"] = self._visual.rows(names)
        else:
            batch.update(patches(self._images, [self._pictures.open(name) for name in names]))
        merged = self._images.merge_size**2
        counts = (batch["image_grid_thw"].prod(-1) // merged).tolist()
        batch.update(self._texts([self._encoder.encode(*texts_of(example)) for example in examples], counts))
        return batch

    def _texts(self, encoded: Sequence[Encoded], counts: Sequence[int]) -> dict[str, torch.Tensor]:
        length = max(len(text.ids) - 1 + count for text, count in zip(encoded, counts, strict=True))
        shape = (len(encoded), length)
        ids = torch.full(shape, self._encoder.pad_id)
        mask = torch.zeros(shape, dtype=torch.long)
        labels = torch.full(shape, IGNORED)
        for row, (text, count) in enumerate(zip(encoded, counts, strict=True)):
            place = text.ids.index(self._encoder.picture_id)
            whole = torch.tensor([*text.ids[:place], *[self._encoder.picture_id] * count, *text.ids[place + 1 :]])
            ids[row, : len(whole)] = whole
            mask[row, : len(whole)] = 1
            answer = text.answer - 1 + count
            labels[row, answer : len(whole)] = whole[answer:]
        return {
            "input_ids": ids,
            "attention_mask": mask,
            # Without these M-RoPE silently falls back to one-dimensional positions.
            "mm_token_type_ids": (ids == self._encoder.picture_id).long(),
            "labels": labels,
        }


def patches(image_processor: Any, images: Sequence[Image.Image]) -> dict[str, torch.Tensor]:
    """`pixel_values` and `image_grid_thw` of pictures, as the image processor gives them."""
    return dict(image_processor(images=[image.convert("RGB") for image in images], return_tensors="pt"))


def visual_length(image_processor: Any, image: Image.Image) -> int:
    """Number of visual tokens of a picture, from its size alone."""
    return int(image_processor.get_number_of_image_patches(image.height, image.width)) // image_processor.merge_size**2
