"""Answers from GGUF files, through llama.cpp: the check that what was exported still reads.

llama-cpp-python is an optional extra (a source build of some minutes). What has to be done on this side so that llama.cpp sees what
transformers sees:

- llama.cpp letterboxes where Hugging Face stretches, and knows nothing of min_pixels and max_pixels. A picture that is not on the grid
  already silently gets another embedding (cosine 0.2 to 0.5), so pictures are resized here, as the processor would.
- llama.cpp looks for control tokens and for its mark of a picture in the whole rendered chat, also in what a prompt quotes, and applies no
  Unicode normalisation where Qwen2's tokenizer applies NFC. Prompts come to it as token ids, cut as in training (see `models.chat`); the
  mark for the picture is all that it cuts itself.
- Decoding is greedy over the plain logits. The wrapper's default repeat_penalty of 1.1 would punish a netlist for naming a node twice.
"""

from __future__ import annotations

import ctypes
import functools
import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from transformers import ProcessorMixin
from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import smart_resize

from diagramlens.export import ExportError
from diagramlens.models.chat import Chat
from diagramlens.models.families import family_of

# With GGML_NATIVE on, gcc 12 on a CPU with AMX builds a library that crashes on quantised models (llama.cpp issue 20824).
INSTALL = "CMAKE_ARGS=-DGGML_NATIVE=OFF pip install -c constraints.txt -r requirements-llama.txt"

# Tokens of one decoding step while the prompt is read: llama.cpp's own default.
_STEP = 512


def is_available() -> bool:
    """Whether the optional extra is installed, without importing it (it opens its shared libraries when it is)."""
    return importlib.util.find_spec("llama_cpp") is not None


@functools.cache
def _silence() -> Any:
    """A callback that logs nothing, one for the process: ctypes does not hold it, and llama.cpp calls the last it was given to the end."""
    return importlib.import_module("llama_cpp.llama_cpp").llama_log_callback(lambda level, text, data: None)


class GGUFAnswerer:
    """A language GGUF and its mmproj, answering questions about pictures one at a time.

    `processor` is that of the model folder the files were made from: it gives the chat template and the budget of pixels. `context`
    is the longest prompt with its picture and answer, in tokens. Consecutive questions about the same picture share one reading of
    it, so ask them in a row. Raises ExportError where the extra or a file is missing, or llama.cpp refuses a file.
    """

    def __init__(
        self, model: Path, mmproj: Path, processor: ProcessorMixin, *, threads: int, context: int = 4096
    ) -> None:
        if not is_available():
            raise ExportError(
                f"llama-cpp-python is not installed: {INSTALL}, or leave the gguf variants out of evaluate.variants"
            )
        for path in (model, mmproj):
            if not path.is_file():
                raise ExportError(f"{path}: no such file; run the stage quantize with that format first")
        self._low: Any = importlib.import_module("llama_cpp.llama_cpp")
        self._mtmd: Any = importlib.import_module("llama_cpp.mtmd_cpp")
        self._processor: Any = processor
        self._chat = Chat(processor, family_of(processor).end_of_turn)
        self._context = context
        self._closed = False
        with ExitStack() as stack:  # closes what was opened, unless all of it was
            self._open(model, mmproj, threads, stack)
            self._stack = stack.pop_all()
        # The picture whose tokens are in the cache: what was read up to its end, and the position behind it.
        self._seen: tuple[tuple[int, ...], bytes, tuple[int, int]] | None = None
        self._behind_picture = 0

    def _open(self, model: Path, mmproj: Path, threads: int, stack: ExitStack) -> None:
        wrapper: Any = importlib.import_module("llama_cpp")
        self._mtmd.mtmd_helper_log_set(_silence(), ctypes.c_void_p(0))
        try:
            self._llama = wrapper.Llama(
                str(model),
                n_ctx=self._context,
                n_batch=_STEP,
                n_threads=threads,
                n_threads_batch=threads,
                verbose=False,
            )
        except ValueError as error:
            raise ExportError(f"{model}: llama.cpp cannot load it ({error})") from error
        stack.callback(self._llama.close)
        options = self._mtmd.mtmd_context_params_default()
        options.use_gpu = False
        options.print_timings = False
        options.n_threads = threads
        # The rehearsal encodes a picture of 2,116 tokens: seconds on a CPU, for nothing.
        options.warmup = False
        # Pictures arrive in their final size; these bounds only keep llama.cpp from having one of its own.
        options.image_min_tokens = 1
        options.image_max_tokens = max(1, self._pixel_budget()[1] // self._cell() ** 2)
        self._eyes = self._mtmd.mtmd_init_from_file(str(mmproj).encode(), self._llama.model, options)
        if self._eyes is None:
            raise ExportError(f"{mmproj}: llama.cpp cannot load it as the vision part of {model.name}")
        stack.callback(self._mtmd.mtmd_free, self._eyes)
        self._vocabulary = self._low.llama_model_get_vocab(self._llama.model)

    def answer(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
        """Greedy answers, one per picture and prompt, of at most `max_new_tokens` tokens each, without the end of the turn.

        Raises ExportError for a prompt that does not fit the context, and a picture thinner than 1 : 200.
        """
        return [self._answer_one(image, prompt, max_new_tokens) for image, prompt in zip(images, prompts, strict=True)]

    def next_token_logits(self, image: Image.Image, prompt: str) -> np.ndarray:
        """The logits of the answer's first token, fp32 (vocabulary,)."""
        self._read(image, prompt, room=1)
        return self._logits()

    def processes(self, cores: int) -> int:
        """See Answerer: llama.cpp has threads of its own."""
        return 1

    def close(self) -> None:
        """Free model and contexts. The object answers nothing afterwards; closing twice is harmless."""
        self._closed = True
        self._stack.close()

    def _answer_one(self, image: Image.Image, prompt: str, max_new_tokens: int) -> str:
        self._read(image, prompt, room=max_new_tokens)
        tokens: list[int] = []
        while len(tokens) < max_new_tokens:
            token = int(self._logits().argmax())
            if self._low.llama_vocab_is_eog(self._vocabulary, token):
                break
            tokens.append(token)
            if len(tokens) < max_new_tokens:
                self._llama.eval([token])
        answer: bytes = self._llama.detokenize(tokens)
        return answer.decode("utf-8", errors="replace").strip()

    def _logits(self) -> np.ndarray:
        pointer = self._low.llama_get_logits_ith(self._llama.ctx, -1)
        return np.ctypeslib.as_array(pointer, shape=(self._llama.n_vocab(),)).copy()

    def _read(self, image: Image.Image, prompt: str, room: int) -> None:
        """Bring picture and prompt into the cache, with the logits of what follows."""
        if self._closed:
            raise ExportError("this GGUF model is closed already")
        ids = self._chat.prompt(prompt)
        place = ids.index(self._chat.picture_id)
        before, behind = ids[:place], ids[place + 1 :]
        picture = self._on_grid(image)
        key = (before, picture.tobytes(), picture.size)
        with self._chunk(picture) as chunk:
            needed = len(before) + self._mtmd.mtmd_input_chunk_get_n_tokens(chunk) + len(behind) + room
            if needed > self._context:
                raise ExportError(
                    f"a prompt with its picture and {room} tokens of answer takes {needed} tokens; context = {self._context}"
                )
            if key != self._seen:
                self._seen = None
                self._evaluate(before, 0)
                self._behind_picture = self._evaluate_picture(chunk, len(before))
                self._seen = key
        self._evaluate(behind, self._behind_picture)

    def _evaluate(self, ids: Sequence[int], position: int) -> None:
        """Read tokens from a position on; what was in the cache from there on is forgotten."""
        self._llama.n_tokens = position
        try:
            self._llama.eval(ids)
        except RuntimeError as error:
            raise ExportError(f"llama.cpp could not read the prompt ({error})") from error

    def _evaluate_picture(self, chunk: Any, position: int) -> int:
        """Read the picture from a position on. Returns the position behind it: as far on as the longer of its sides has cells."""
        # The call adds to what it is given as the new position, so it must start as the old one.
        behind = self._low.llama_pos(position)
        failed = self._mtmd.mtmd_helper_eval_chunk_single(
            self._eyes, self._llama.ctx, chunk, position, 0, _STEP, False, ctypes.byref(behind)
        )
        if failed:
            raise ExportError(f"llama.cpp could not read the picture (code {failed})")
        return int(behind.value)

    @contextmanager
    def _chunk(self, picture: Image.Image) -> Iterator[Any]:
        """The picture as llama.cpp takes it in, without the marks around it, which are among the prompt's tokens."""
        data = picture.tobytes()
        pixels = (ctypes.c_uint8 * len(data)).from_buffer_copy(data)
        marker = self._mtmd.mtmd_default_marker()
        with ExitStack() as held:
            bitmap = self._mtmd.mtmd_bitmap_init(picture.width, picture.height, pixels)
            held.callback(self._mtmd.mtmd_bitmap_free, bitmap)
            chunks = self._mtmd.mtmd_input_chunks_init()
            held.callback(self._mtmd.mtmd_input_chunks_free, chunks)
            bitmaps = (self._mtmd.mtmd_bitmap_p_ctypes * 1)(bitmap)
            given = self._mtmd.mtmd_input_text(text=marker, text_len=len(marker), add_special=False, parse_special=True)
            failed = self._mtmd.mtmd_tokenize(self._eyes, chunks, ctypes.byref(given), bitmaps, 1)
            every = range(0 if failed else self._mtmd.mtmd_input_chunks_size(chunks))
            found = [self._mtmd.mtmd_input_chunks_get(chunks, number) for number in every]
            kinds = [self._mtmd.mtmd_input_chunk_get_type(chunk) for chunk in found]
            if kinds.count(self._mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE) != 1:
                raise ExportError(f"llama.cpp could not take in the picture (code {failed})")
            yield found[kinds.index(self._mtmd.MTMD_INPUT_CHUNK_TYPE_IMAGE)]

    def _on_grid(self, image: Image.Image) -> Image.Image:
        smallest, largest = self._pixel_budget()
        try:
            height, width = smart_resize(image.height, image.width, self._cell(), smallest, largest)
        except ValueError as error:
            raise ExportError(f"a picture of {image.width} x {image.height} pixels: {error}") from error
        return image.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)

    def _pixel_budget(self) -> tuple[int, int]:
        size = self._processor.image_processor.size
        return int(size["shortest_edge"]), int(size["longest_edge"])

    def _cell(self) -> int:
        """The side in pixels of what becomes one token: patches of 14, merged two by two."""
        pictures = self._processor.image_processor
        return int(pictures.patch_size * pictures.merge_size)
