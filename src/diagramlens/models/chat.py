"""Conversations in a model's chat template, as token ids: the template's control tokens are control tokens, whatever stands in a text is text.

A chat that is rendered to one string and tokenised cannot tell the template's `<|im_end|>` from one that a prompt quotes: such a prompt
ends its own turn, and `<|image_pad|>` asks for a picture that is not there. Here the template is rendered once, around marks, and its
control tokens found; a text is put between them and cut by a copy of the tokenizer that knows no added token at all. (Asking transformers
for `split_special_tokens` leaves those that are added and not special, Qwen2.5's `<tool_call>` among them; 5.23.)

Texts and the template's own words that meet between two control tokens are cut together, so that an ordinary text has the ids that the
rendered string would have had.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerBase, ProcessorMixin

from diagramlens.records import DiagramLensError

# Stand in the template for the prompt and the answer; of a plane for private use, so that no template says them.
_PROMPT, _ANSWER = "\U000f0001", "\U000f0002"


class ChatError(DiagramLensError):
    """A chat template that does not show a prompt and its answer as they are, or a text that cannot be cut into tokens."""


Piece = str | int  # of a conversation: words of the template or a text, or the id of a control token


@dataclass(frozen=True)
class _Frame:
    """What the template puts before and behind a prompt, up to where an answer begins, and around the answer up to the end of its turn."""

    before: tuple[Piece, ...]
    behind: tuple[Piece, ...]
    gap: str
    end: tuple[Piece, ...]


def filled(ids: Sequence[int], mark: int, placeholder: Sequence[int]) -> tuple[int, ...]:
    """Ids with the one id `mark`, where the picture belongs, replaced by those that stand for the picture."""
    place = ids.index(mark)
    return (*ids[:place], *placeholder, *ids[place + 1 :])


class Chat:
    """Prompts and answers in the chat template of a processor. `picture_id` is the one id that stands where the picture belongs."""

    def __init__(self, processor: ProcessorMixin, end_of_turn: str) -> None:
        self._processor = cast(Any, processor)
        self._tokenizer: PreTrainedTokenizerBase = self._processor.tokenizer
        self._plain = without_added_tokens(self._tokenizer)
        self._added = frozenset(self._tokenizer.added_tokens_decoder)
        self._end_of_turn = end_of_turn
        self._frames: dict[bool, _Frame] = {}
        self.picture_id: int = self._processor.image_token_id

    def prompt(self, text: str, picture: bool = True) -> tuple[int, ...]:
        """The ids of a question, with or without a picture, up to where the answer begins. Raises ChatError."""
        frame = self._frame(picture)
        return self._ids([*frame.before, text, *frame.behind])

    def answer(self, text: str, picture: bool = True) -> tuple[int, ...]:
        """The ids that a model is to write behind such a prompt: the answer and the end of the turn. Raises ChatError."""
        frame = self._frame(picture)
        return self._ids([frame.gap, text, *frame.end])

    def _frame(self, picture: bool) -> _Frame:
        if picture not in self._frames:
            self._frames[picture] = self._framed(picture)
        return self._frames[picture]

    def _framed(self, picture: bool) -> _Frame:
        content = [*([{"type": "image"}] if picture else []), {"type": "text", "text": _PROMPT}]
        turn = [{"role": "user", "content": content}]
        reply = [{"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]}]
        asked: str = self._processor.apply_chat_template(turn, tokenize=False, add_generation_prompt=True)
        whole: str = self._processor.apply_chat_template(turn + reply, tokenize=False)
        # SmolVLM's template parts the answer from `Assistant:` by a space that is the model's to write.
        learnt = re.match(rf"(\s??){_ANSWER}{re.escape(self._end_of_turn)}", whole.removeprefix(asked))
        if not whole.startswith(asked) or learnt is None or asked.count(_PROMPT) != 1:
            raise ChatError(
                f"the chat template does not put the answer and {self._end_of_turn} right behind the prompt, or the prompt in its place once"
            )
        before, _, behind = asked.partition(_PROMPT)
        return _Frame(
            tuple(self._pieces(before)),
            tuple(self._pieces(behind)),
            learnt[1],
            tuple(self._pieces(self._end_of_turn)),
        )

    def _pieces(self, template: str) -> Iterator[Piece]:
        """Words of the template as they are, its control tokens as ids."""
        found = self._tokenizer(template, add_special_tokens=False, return_offsets_mapping=True)
        done = 0
        for number, (start, end) in zip(found["input_ids"], found["offset_mapping"], strict=True):
            if number in self._added:
                yield template[done:start]
                yield number
                done = end
        yield template[done:]

    def _ids(self, pieces: Iterable[Piece]) -> tuple[int, ...]:
        ids: list[int] = []
        words = ""
        for piece in pieces:
            if isinstance(piece, str):
                words += piece
            else:
                ids += [*self._text(words), piece]
                words = ""
        return (*ids, *self._text(words))

    def _text(self, text: str) -> list[int]:
        try:
            ids: list[int] = self._plain.encode(text, add_special_tokens=False).ids
        except TypeError as error:
            raise ChatError(f"a text that is no Unicode cannot be read by any model: {text[:60]!r}") from error
        # A tokenizer that has its control tokens among its own pieces, as SentencePiece's do, may find them in a text all the same.
        if not self._added.isdisjoint(ids):
            told = self._tokenizer.convert_ids_to_tokens(next(number for number in ids if number in self._added))
            raise ChatError(f"this model's tokenizer cannot read {told} as text, which stands in {text[:60]!r}")
        return ids


def without_added_tokens(tokenizer: PreTrainedTokenizerBase) -> Tokenizer:
    """A tokenizer that cuts text as this one does between its control tokens, and knows of none."""
    described = json.loads(cast(Any, tokenizer).backend_tokenizer.to_str())
    # An earlier call may have left its padding and truncation in it.
    nothing: dict[str, Any] = {"added_tokens": [], "post_processor": None, "padding": None, "truncation": None}
    return Tokenizer.from_str(json.dumps(described | nothing))
