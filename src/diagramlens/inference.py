"""One interface over every form of a model: base, adapter, merged and 4-bit through transformers, GGUF through llama.cpp.

An Answerer answers a batch of questions about pictures; `answer_all` cuts any number of questions into batches that cost little. What
a batch costs is its longest answer times its size, so questions of one kind go together (a netlist is ten times as long as a voltage),
and within a kind pictures of one size. Decoding is greedy: the same weights give the same text.

A small model on a CPU answers in one process a core, each with one thread: its matrices are too small to be shared among threads (7 M
parameters, batch 32, two cores: 1.3 times as fast as one process with two). The processes are forked, and so hold the weights in common.

On a CPU weights stay in fp32. Measured with 7 M parameters, batch 32, one AMX core: bf16 weights make a step 25 % faster (10.4 for 13.8 ms)
and autocast 50 % slower, but bf16 rounds differently from one processor to the next, and metrics are compared across machines.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from typing import Any, Protocol, TypeVar

import torch
from peft import PeftModel
from PIL import Image, UnidentifiedImageError
from transformers import GenerationConfig, LogitsProcessor, PreTrainedModel, ProcessorMixin

from diagramlens.models.chat import Chat, filled
from diagramlens.models.families import family_of
from diagramlens.records import DiagramLensError
from diagramlens.runtime import pool

# Parameters up to which a core answers alone. Every process reads all weights for each token; those of larger models come from memory,
# which all cores share.
_SMALL = 100_000_000

T = TypeVar("T")
Rows = list[int]  # of a batch: which questions


class InferenceError(DiagramLensError):
    """A picture that no model can be shown, or a model that cannot be asked."""


@dataclasses.dataclass(frozen=True)
class Asked:
    """One question to a model. `image` holds the picture's file; `name` says in an error which question it was."""

    name: str
    image: bytes
    prompt: str
    kind: str


class Answerer(Protocol):
    """A model that answers questions about pictures."""

    def answer(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
        """One text for each picture and its prompt, in order, of at most `max_new_tokens` tokens; the end-of-turn mark is left out."""
        ...

    def processes(self, cores: int) -> int:
        """How many forked processes are to answer side by side on so many cores; 1: this one alone."""
        ...

    def close(self) -> None:
        """Free the memory. The answerer is of no use afterwards; closing twice does no harm."""
        ...


class TransformersAnswerer:
    """Answers with a transformers model, on the device and in the precision it was loaded with."""

    def __init__(self, model: PreTrainedModel | PeftModel, processor: ProcessorMixin) -> None:
        self._processor: Any = processor
        self._model: Any = model.eval()
        # An adapter generates with its base's settings.
        inner: Any = model.get_base_model() if isinstance(model, PeftModel) else model
        family = family_of(processor)
        self._chat, self._vision = Chat(processor, family.end_of_turn), family.pictures(processor)
        tokenizer = self._processor.tokenizer
        # The published Qwen2-VL folders ask for sampling; nothing of their generation settings is kept but where a turn ends.
        ends = inner.generation_config.eos_token_id
        stops = {tokenizer.eos_token_id, *(ends if isinstance(ends, list) else [ends])} - {None}
        if not stops:
            raise InferenceError(
                "the model's tokenizer names no end-of-turn token (eos_token): its answers would never stop"
            )
        self._stops: list[int] = sorted(stops)
        self._pad: int = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(stops)
        inner.generation_config = GenerationConfig(
            do_sample=False, use_cache=True, eos_token_id=self._stops, pad_token_id=self._pad
        )

    def answer(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
        """See Answerer. Raises InferenceError for a picture that the image processor refuses (thinner than 1 : 200)."""
        if not prompts:
            return []
        decoded: list[str] = self._processor.batch_decode(
            self._written(images, prompts, max_new_tokens), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return [text.strip() for text in decoded]

    def likelihoods(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[float]:
        """How sure the model is of each of the answers that `answer` gives: the log-likelihood that it expects of a token there, in nats.

        That is the mean, over the answer's tokens and its end, of the expected log-probability of what comes next (minus the entropy).
        """
        if not prompts:
            return []
        kept = _Expected()
        written = self._written(images, prompts, max_new_tokens, logits_processor=[kept])
        logs = torch.stack(kept.steps, 1)  # (batch, new tokens)
        ended = torch.isin(written, torch.tensor(self._stops, device=written.device)).long()
        # What follows the first token that ends the turn is padding.
        own = (ended.cumsum(1) - ended == 0).to(logs.dtype)
        means: list[float] = ((logs * own).sum(1) / own.sum(1)).tolist()
        return means

    def _written(
        self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int, **how: Any
    ) -> torch.Tensor:
        """The tokens that the model goes on with, greedily (batch, new tokens)."""
        if self._model is None:
            raise InferenceError("this model is closed already")
        inputs = {name: tensor.to(self._model.device) for name, tensor in self._inputs(images, prompts).items()}
        with torch.inference_mode():
            # (batch, prompt + new tokens)
            tokens: torch.Tensor = self._model.generate(**inputs, max_new_tokens=max_new_tokens, **how)
        return tokens[:, inputs["input_ids"].shape[1] :]

    def processes(self, cores: int) -> int:
        """See Answerer."""
        alone = sys.platform != "linux" or self._model.device.type != "cpu" or self._model.num_parameters() > _SMALL
        return 1 if alone else cores

    def close(self) -> None:
        """See Answerer."""
        self._model = None
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _inputs(self, images: Sequence[Image.Image], prompts: Sequence[str]) -> dict[str, torch.Tensor]:
        """What the model wants of these pictures and prompts: of ordinary prompts, all that the processor itself would give."""
        try:
            layouts = [self._vision.layout(*image.size) for image in images]
            seen = self._vision.tensors(images)
        except ValueError as error:
            raise InferenceError(f"the image processor refuses a picture: {str(error).splitlines()[0]}") from error
        rows = [
            filled(self._chat.prompt(prompt), self._chat.picture_id, self._vision.placeholder(layout))
            for prompt, layout in zip(prompts, layouts, strict=True)
        ]
        ids = torch.full((len(rows), max(map(len, rows))), self._pad)
        mask = torch.zeros_like(ids)
        for number, row in enumerate(rows):
            # Padding on the left: every row's next token then comes at the same place.
            ids[number, -len(row) :], mask[number, -len(row) :] = torch.tensor(row), 1
        return {"input_ids": ids, "attention_mask": mask, **seen, **self._vision.beside(layouts, ids)}


class Kept(Protocol):
    """Answers to batches, each named by its questions: those given before, and those to keep."""

    def texts(self, questions: Sequence[str]) -> list[str] | None:
        """The answers to a batch, where they have been given before."""
        ...

    def keep(self, questions: Sequence[str], texts: Sequence[str]) -> None:
        """Keep the answers to a batch."""
        ...


class _Expected(LogitsProcessor):
    """Keeps the expected log-probability of the next token at each step, (batch,) each, and nothing of the size of the vocabulary."""

    def __init__(self) -> None:
        self.steps: list[torch.Tensor] = []

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        self.steps.append(-torch.special.entr(scores.float().softmax(-1)).sum(-1))
        return scores


A = TypeVar("A", bound=Answerer)


@contextlib.contextmanager
def closing(answerer: A) -> Iterator[A]:
    """The answerer for the length of a `with` block, closed at its end whatever happens."""
    try:
        yield answerer
    finally:
        answerer.close()


def answer_all(
    answerer: Answerer,
    asked: Sequence[Asked],
    *,
    batch: int,
    max_new_tokens: int,
    by_picture: bool = False,
    cores: int = 1,
    progress: Callable[[Sequence[Rows]], Iterable[Rows]] = iter,
    kept: Kept | None = None,
) -> list[str]:
    """The answers to all questions, in their order.

    `progress` passes the batches on one after the other, showing how far it is. `by_picture` puts questions about one picture in a
    row, for an answerer that answers one at a time and remembers the last picture. On `cores` of more than one a small model answers
    in several processes; the batches are the same. Of batches that `kept` has the answers to nothing is asked.
    Raises InferenceError naming the question whose picture cannot be read.
    """
    # Sorting is stable, so equal questions in an equal order make equal batches.
    order = sorted(range(len(asked)), key=_picture_order(asked) if by_picture else _length_order(asked))
    batches = _in_batches(order, batch)
    answers: dict[int, str] = {}
    todo: list[Rows] = []
    for rows in batches:
        texts = kept.texts(_names(asked, rows)) if kept else None
        if texts is None:
            todo.append(rows)
        else:
            answers.update(zip(rows, texts, strict=True))
    answer: partial[list[str]] = partial(_asked, answerer.answer, asked, max_new_tokens)
    for rows, texts in _of_all(answer, todo, answerer.processes(cores) if cores > 1 else 1, progress):
        answers.update(zip(rows, texts, strict=True))
        if kept:
            kept.keep(_names(asked, rows), texts)
    return [answers[number] for number in range(len(asked))]


def likelihoods_of_all(
    answerer: TransformersAnswerer,
    asked: Sequence[Asked],
    *,
    batch: int,
    max_new_tokens: int,
    cores: int = 1,
    progress: Callable[[Sequence[Rows]], Iterable[Rows]] = iter,
) -> list[float]:
    """How sure the model is of each of its answers, as TransformersAnswerer.likelihoods has it; the rest is as in `answer_all`."""
    batches = _in_batches(sorted(range(len(asked)), key=_length_order(asked)), batch)
    measure: partial[list[float]] = partial(_asked, answerer.likelihoods, asked, max_new_tokens)
    found: dict[int, float] = {}
    for rows, values in _of_all(measure, batches, answerer.processes(cores) if cores > 1 else 1, progress):
        found.update(zip(rows, values, strict=True))
    return [found[number] for number in range(len(asked))]


def _in_batches(order: Sequence[int], batch: int) -> list[Rows]:
    return [list(order[start : start + batch]) for start in range(0, len(order), batch)]


def _of_all(
    answer: Callable[[Rows], list[T]],
    batches: Sequence[Rows],
    processes: int,
    progress: Callable[[Sequence[Rows]], Iterable[Rows]],
) -> Iterator[tuple[Rows, list[T]]]:
    """What `answer` gives to each batch of questions, batch by batch in their order."""
    with _answering(answer, min(len(batches), processes)) as answering:
        yield from zip(progress(batches), answering(batches), strict=True)


def _names(asked: Sequence[Asked], rows: Rows) -> list[str]:
    return [asked[i].name for i in rows]


def _asked(
    ask: Callable[[Sequence[Image.Image], Sequence[str], int], list[T]],
    asked: Sequence[Asked],
    max_new_tokens: int,
    rows: Rows,
) -> list[T]:
    images = [open_picture(asked[i].image, asked[i].name) for i in rows]
    return ask(images, [asked[i].prompt for i in rows], max_new_tokens)


@contextlib.contextmanager
def _answering(
    answer: Callable[[Rows], list[T]], processes: int
) -> Iterator[Callable[[Sequence[Rows]], Iterator[list[T]]]]:
    """A function that gives the answers to each of some batches, in order, computed here or in processes.

    Raises InferenceError where one of them is killed by somebody else.
    """
    if processes <= 1:
        yield lambda batches: map(answer, batches)
        return
    try:
        with pool(processes, "fork", partial(_join, answer)) as answering:
            yield lambda batches: answering.map(_answer_here, batches)
    except BrokenProcessPool as error:
        raise InferenceError(
            "a process that answers was killed, for want of memory most likely; set evaluate.batch or runtime.workers lower"
        ) from error


_answer_in_process: Callable[[Rows], list[Any]]  # of a process that answers with others


def _join(answer: Callable[[Rows], list[Any]]) -> None:
    """Begin to answer with other processes."""
    global _answer_in_process
    torch.set_num_threads(1)
    _answer_in_process = answer


def _answer_here(rows: Rows) -> list[Any]:
    return _answer_in_process(rows)


def _length_order(asked: Sequence[Asked]) -> Callable[[int], tuple[str, int, int]]:
    sizes = [_pixels(question) for question in asked]
    return lambda i: (asked[i].kind, sizes[i], len(asked[i].prompt))


def _picture_order(asked: Sequence[Asked]) -> Callable[[int], int]:
    first: dict[bytes, int] = {}
    for i, question in enumerate(asked):
        first.setdefault(question.image, i)
    return lambda i: first[asked[i].image]


def open_picture(data: bytes, name: str) -> Image.Image:
    """The picture in the bytes of a PNG file, as RGB. Raises InferenceError, naming it, where it is damaged or no PNG."""
    with _reading(data, name) as picture:
        return picture.convert("RGB")


def _pixels(question: Asked) -> int:
    """Width times height, read from the file's header alone: it decides how many tokens the picture takes."""
    with _reading(question.image, question.name) as picture:
        return picture.width * picture.height


@contextlib.contextmanager
def _reading(data: bytes, name: str) -> Iterator[Image.Image]:
    try:
        # Rows hold PNG and nothing else; Pillow would try fifty other formats, some of them by starting programs.
        with Image.open(io.BytesIO(data), formats=["PNG"]) as picture:
            yield picture
    except UnidentifiedImageError as error:
        raise InferenceError(f"{name}: its picture is no PNG file; make the diagrams again") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InferenceError(
            f"{name}: its picture is damaged ({str(error).splitlines()[0]}); make the diagrams again"
        ) from error
