"""llama.cpp on the exported files: it sees the same picture, reads the same words and continues as transformers does."""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from diagramlens.export import ExportError
from diagramlens.export.gguf import write_language, write_mmproj
from diagramlens.export.llama import GGUFAnswerer, is_available
from diagramlens.inference import Answerer
from diagramlens.models.chat import Chat, filled
from diagramlens.models.families import family_of
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry

Entry = Callable[[Path], ModelEntry]
needs_llama = pytest.mark.skipif(not is_available(), reason="needs the optional extra llama (llama-cpp-python)")

PROMPTS = [
    "Read the netlist of this circuit.",
    "Current through R1?",
    "R1 = 2 kΩ, 12.5 µA; cafe\u0301, 电路\n\n  x  3333",
]


def pictures() -> list[Image.Image]:
    """On the grid of 28 pixels, off it, smaller than min_pixels, and larger than max_pixels."""
    drawn = []
    for number, size in enumerate([(112, 84), (150, 95), (40, 31), (700, 520)]):
        image = Image.new("RGB", size, "white")
        ImageDraw.Draw(image).ellipse((4, 4, size[0] // 2, size[1] - 9), outline=(60 * number, 0, 90), width=3)
        drawn.append(image)
    return drawn


@pytest.fixture(scope="module")
def files(untied_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("gguf")
    for kind in ("f16", "q8_0"):
        write_language(untied_dir, out / f"model-{kind}.gguf", kind, name="tiny")
    write_mmproj(untied_dir, out / "mmproj-f16.gguf", name="tiny")
    return out


def opened(files: Path, kind: str, source: ModelEntry) -> GGUFAnswerer:
    return GGUFAnswerer(files / f"model-{kind}.gguf", files / "mmproj-f16.gguf", load_processor(source), threads=1)


@pytest.fixture(scope="module")
def answerer(files: Path, untied_dir: Path, entry: Entry) -> Iterator[GGUFAnswerer]:
    opened_here = opened(files, "f16", entry(untied_dir))
    yield opened_here
    opened_here.close()


def transformers_log_probabilities(folder: ModelEntry, asked: list[tuple[Image.Image, str]]) -> list[torch.Tensor]:
    processor, model = load_processor(folder), load_model(folder)
    found = []
    for image, prompt in asked:
        turn = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
        text = processor.apply_chat_template([turn], tokenize=False, add_generation_prompt=True)
        with torch.inference_mode():
            logits = model(**processor(images=[image], text=[text], return_tensors="pt")).logits[0, -1]
        found.append(logits.double().log_softmax(-1))
    return found


def divergence(wanted: torch.Tensor, found: torch.Tensor) -> float:
    return float(torch.nn.functional.kl_div(found, wanted, log_target=True, reduction="sum"))


# Measured here: at most 1e-5 and 2e-3. Another picture under the same prompt gives at least 0.09.
@needs_llama
@pytest.mark.parametrize(("kind", "limit"), [("f16", 1e-4), ("q8_0", 1e-2)])
def test_the_next_token_is_as_likely_as_in_transformers(
    kind: str, limit: float, files: Path, untied_dir: Path, entry: Entry
) -> None:
    asked = [(image, prompt) for image in pictures() for prompt in PROMPTS]
    wanted = transformers_log_probabilities(entry(untied_dir), asked)
    answerer = opened(files, kind, entry(untied_dir))
    found = [torch.tensor(answerer.next_token_logits(*pair)).double().log_softmax(-1) for pair in asked]
    answerer.close()
    assert max(divergence(*pair) for pair in zip(wanted, found, strict=True)) < limit
    if kind == "f16":
        assert [int(logits.argmax()) for logits in found] == [int(logits.argmax()) for logits in wanted]
    next_picture = len(PROMPTS)
    pairs = zip(wanted, wanted[next_picture:], strict=False)
    assert min(divergence(*pair) for pair in pairs) > 5 * limit, "the picture must matter for this to show anything"


@needs_llama
def test_questions_in_a_row_about_one_picture_are_answered_as_if_alone(answerer: GGUFAnswerer) -> None:
    first, second = pictures()[:2]
    in_a_row = answerer.answer([first, first, first, second], [*PROMPTS, PROMPTS[0]], 12)
    mixed = answerer.answer([first, second, first, first], [PROMPTS[0], PROMPTS[0], PROMPTS[2], PROMPTS[1]], 12)
    assert in_a_row == [mixed[0], mixed[3], mixed[2], mixed[1]]
    assert len(set(in_a_row)) > 1, "the answers must depend on what is asked for this to show anything"


@needs_llama
def test_it_answers_through_the_interface_that_evaluation_uses(answerer: GGUFAnswerer) -> None:
    asked: Answerer = answerer
    short, long = (asked.answer(pictures()[:1], PROMPTS[:1], length)[0] for length in (3, 9))
    assert long.startswith(short)
    with pytest.raises(ValueError, match="longer"):
        asked.answer(pictures()[:1], PROMPTS, 3)


@needs_llama
def test_a_prompt_that_does_not_fit_is_refused_in_one_line(files: Path, untied_dir: Path, entry: Entry) -> None:
    answerer = GGUFAnswerer(
        files / "model-f16.gguf", files / "mmproj-f16.gguf", load_processor(entry(untied_dir)), threads=1, context=256
    )
    with pytest.raises(ExportError, match=r"^[^\n]*context = 256[^\n]*$"):
        answerer.answer(pictures()[:1], PROMPTS[:1], 250)
    assert len(answerer.answer(pictures()[:1], PROMPTS[:1], 4)) == 1
    answerer.close()


@needs_llama
def test_a_closed_model_says_so_and_closes_twice(files: Path, untied_dir: Path, entry: Entry) -> None:
    answerer = opened(files, "f16", entry(untied_dir))
    answerer.close()
    answerer.close()
    with pytest.raises(ExportError, match="closed"):
        answerer.answer(pictures()[:1], PROMPTS[:1], 4)


@needs_llama
def test_a_picture_thinner_than_the_processor_takes_is_refused_in_one_line(answerer: GGUFAnswerer) -> None:
    with pytest.raises(ExportError, match=r"^a picture of 4000 x 8 pixels: [^\n]+$"):
        answerer.answer([Image.new("RGB", (4000, 8))], PROMPTS[:1], 1)


@needs_llama
@pytest.mark.parametrize(
    "quoted", ["<__media__>", "<|im_end|>", "<|image_pad|>", "<|vision_start|><|image_pad|><|vision_end|>"]
)
def test_what_looks_like_a_control_token_or_a_picture_in_a_prompt_is_text(
    quoted: str, untied_dir: Path, entry: Entry, answerer: GGUFAnswerer
) -> None:
    source, image, prompt = entry(untied_dir), pictures()[0], f"What is {quoted}?"
    processor, model = load_processor(source), load_model(source)
    family = family_of(processor)
    chat, vision = Chat(processor, family.end_of_turn), family.pictures(processor)
    layout = vision.layout(*image.size)
    ids = torch.tensor([filled(chat.prompt(prompt), chat.picture_id, vision.placeholder(layout))])
    with torch.inference_mode():
        logits = model(input_ids=ids, **(vision.tensors([image]) | vision.beside([layout], ids))).logits[0, -1]
    found = torch.tensor(answerer.next_token_logits(image, prompt)).double().log_softmax(-1)
    assert divergence(logits.double().log_softmax(-1), found) < 1e-4


@needs_llama
def test_the_files_own_tokenizer_cuts_text_as_transformers_does(files: Path, untied_dir: Path, entry: Entry) -> None:
    """Whoever runs the files with llama.cpp alone has no other."""
    from llama_cpp import Llama

    tokenizer = load_processor(entry(untied_dir)).tokenizer
    llama = Llama(str(files / "model-f16.gguf"), vocab_only=True, verbose=False)
    for prompt in PROMPTS:
        text = f"<|im_start|>user\n{unicodedata.normalize('NFC', prompt)}<|im_end|>\n"
        assert llama.tokenize(text.encode(), add_bos=False, special=True) == tokenizer(text)["input_ids"]
    llama.close()


@needs_llama
def test_loading_and_answering_print_nothing(
    files: Path, untied_dir: Path, entry: Entry, capfd: pytest.CaptureFixture[str]
) -> None:
    source = entry(untied_dir)
    load_processor(source)
    capfd.readouterr()
    answerer = opened(files, "q8_0", source)
    answerer.answer(pictures()[:1], PROMPTS[:1], 4)
    answerer.close()
    assert capfd.readouterr() == ("", "")


@needs_llama
def test_a_file_that_llama_cpp_cannot_load_is_named(
    files: Path, untied_dir: Path, entry: Entry, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes((files / "mmproj-f16.gguf").read_bytes()[:3000])
    processor = load_processor(entry(untied_dir))
    with pytest.raises(ExportError, match=r"^[^\n]*broken\.gguf[^\n]*$"):
        GGUFAnswerer(broken, files / "mmproj-f16.gguf", processor, threads=1)
    with pytest.raises(ExportError, match=r"^[^\n]*broken\.gguf[^\n]*$"):
        GGUFAnswerer(files / "model-f16.gguf", broken, processor, threads=1)
    with pytest.raises(ExportError, match="run the stage quantize"):
        GGUFAnswerer(tmp_path / "absent.gguf", broken, processor, threads=1)


def test_without_the_optional_extra_one_line_names_it(
    files: Path, untied_dir: Path, entry: Entry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        sys.modules, "llama_cpp", None
    )  # what Python itself puts there for a module that is not to be had
    assert not is_available()
    with pytest.raises(ExportError, match=r"^llama-cpp-python is not installed: [^\n]*requirements-llama\.txt[^\n]*$"):
        opened(files, "f16", entry(untied_dir))
