"""What a question becomes: tokens, labels, patches."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from transformers import ProcessorMixin

from diagramlens.models.chat import ChatError
from diagramlens.models.families import FAMILIES
from diagramlens.models.loading import load_processor
from diagramlens.models.vision_inputs import PatchGrid
from diagramlens.params import ModelEntry
from diagramlens.records import Question, write_table
from diagramlens.training.conversation import (
    IGNORED,
    Collator,
    ConversationError,
    Encoder,
    Pictures,
    conversation_dataset,
    read_questions,
    row_length,
)


@pytest.fixture
def processor(entry: ModelEntry) -> ProcessorMixin:
    return load_processor(entry)


@pytest.fixture
def encoder(processor: ProcessorMixin) -> Encoder:
    return Encoder(processor, FAMILIES["qwen2-vl"].end_of_turn)


def test_exactly_the_answer_and_the_end_of_turn_are_supervised(processor, encoder, pictures, questions) -> None:
    batch = Collator(PatchGrid(processor), encoder, pictures)(list(conversation_dataset(questions[:6])))
    for ids, labels, question in zip(batch["input_ids"], batch["labels"], questions, strict=False):
        supervised = labels != IGNORED
        assert processor.tokenizer.decode(ids[supervised]) == question.answer + "<|im_end|>"
        assert torch.equal(ids[supervised], labels[supervised])


def test_inputs_are_those_of_the_processor_itself(processor, encoder, pictures, questions) -> None:
    chosen = questions[:5]
    batch = Collator(PatchGrid(processor), encoder, pictures)(list(conversation_dataset(chosen)))
    texts = []
    for question in chosen:
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question.prompt}]}
        text = processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
        texts.append(f"{text}{question.answer}<|im_end|>")
    images = [pictures.open(question.diagram_id) for question in chosen]
    expected = processor(images=images, text=texts, return_tensors="pt", padding=True, padding_side="right")
    for name, tensor in expected.items():
        assert torch.equal(batch[name], tensor), name


def test_lengths_follow_from_picture_sizes_alone(processor, encoder, pictures, questions) -> None:
    vision, rows = PatchGrid(processor), list(conversation_dataset(questions))
    expected = Collator(vision, encoder, pictures)(rows)["attention_mask"].sum(1).tolist()
    assert [row_length(row, encoder, vision, pictures) for row in rows] == expected


def test_what_looks_like_a_control_token_in_a_question_is_text(processor, encoder, pictures, questions) -> None:
    quoted = "".join(token.content for token in processor.tokenizer.added_tokens_decoder.values())
    asked = [dataclasses.replace(question, prompt=quoted, answer=quoted + "4 V") for question in questions[:3]]
    vision, rows = PatchGrid(processor), list(conversation_dataset(asked))
    batch = Collator(vision, encoder, pictures)(rows)
    ids, seen = batch["input_ids"], batch["image_grid_thw"].prod(1) // 4
    assert (ids == processor.image_token_id).sum(1).tolist() == seen.tolist()
    for row, labels in zip(ids, batch["labels"], strict=True):
        assert processor.tokenizer.decode(row[labels != IGNORED]) == quoted + "4 V<|im_end|>"


def test_a_template_that_puts_something_before_the_answer_is_refused(processor, encoder) -> None:
    processor.chat_template = processor.chat_template.replace("{{ content['text'] }}", "* {{ content['text'] }}")
    with pytest.raises(ChatError, match="right behind the prompt"):
        encoder.encode("Read it.", "4 V")


def test_a_missing_diagram_is_named(pictures: Pictures) -> None:
    with pytest.raises(ConversationError, match="diagram d99"):
        pictures.open("d99")


def test_an_empty_split_is_one_line(tmp_path, questions) -> None:
    write_table(tmp_path / "train.parquet", [], Question)
    with pytest.raises(ConversationError, match=r"train\.parquet: no questions"):
        read_questions(tmp_path / "train.parquet")
    write_table(tmp_path / "train.parquet", questions[:1], Question)
    assert [
        dataclasses.replace(row, confidence=1.0) for row in read_questions(tmp_path / "train.parquet")
    ] == questions[:1]
