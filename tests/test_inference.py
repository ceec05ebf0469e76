"""Answering: batches give what single questions give, in the order asked, and stop where a turn ends."""

from __future__ import annotations

import io
import math
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import torch
from PIL import Image, ImageDraw

from diagramlens import inference
from diagramlens.evaluation.kept_answers import KeptAnswers
from diagramlens.inference import (
    Asked,
    InferenceError,
    TransformersAnswerer,
    answer_all,
    closing,
    likelihoods_of_all,
    open_picture,
)
from diagramlens.models.processors import PicturesOnlyQwen2VLProcessor


def picture(width: int, height: int, shade: int) -> bytes:
    drawn = Image.new("RGB", (width, height), "white")
    ImageDraw.Draw(drawn).rectangle((10, 10, width - 12, height // 2), outline=(shade, 0, 0), width=3)
    buffer = io.BytesIO()
    drawn.save(buffer, format="PNG")
    return buffer.getvalue()


ASKED = [
    Asked("first", picture(224, 112, 0), "Read the netlist of this circuit.", "netlist"),
    Asked(
        "second",
        picture(112, 112, 90),
        "What is the transfer function from V1 to R2, positive at its left end?",
        "transfer",
    ),
    Asked("third", picture(168, 224, 200), "Find the current through R1.", "current"),
    Asked("fourth", picture(112, 112, 90), "Read the netlist.", "netlist"),
    Asked("fifth", picture(224, 112, 0), "Voltage?", "voltage"),
]


@pytest.fixture(scope="module")
def answerer(tiny_model_dir: Path) -> Iterator[TransformersAnswerer]:
    from transformers import Qwen2VLForConditionalGeneration

    model = Qwen2VLForConditionalGeneration.from_pretrained(tiny_model_dir, dtype=torch.float32)
    # Small random weights with a tied head repeat the last token for ever; these make the answer depend on picture and prompt.
    generator = torch.Generator().manual_seed(0)
    model.lm_head.weight = torch.nn.Parameter(torch.randn(model.lm_head.weight.shape, generator=generator))
    with torch.no_grad():
        for name, parameter in model.model.named_parameters():
            if parameter.ndim > 1 and "embed" not in name:
                parameter.normal_(std=parameter.shape[-1] ** -0.5 * 2, generator=generator)
    with closing(TransformersAnswerer(model, PicturesOnlyQwen2VLProcessor.from_pretrained(tiny_model_dir))) as opened:
        yield opened


def test_a_batch_gives_what_single_questions_give(answerer: TransformersAnswerer) -> None:
    together = answer_all(answerer, ASKED, batch=5, max_new_tokens=12)
    alone = answer_all(answerer, ASKED, batch=1, max_new_tokens=12)
    assert together == alone
    assert len(set(together)) > 1, "the answers must depend on what is asked for this to show anything"


def test_answers_come_in_the_order_of_the_questions_whatever_the_batches(answerer: TransformersAnswerer) -> None:
    forwards = answer_all(answerer, ASKED, batch=2, max_new_tokens=6)
    backwards = answer_all(answerer, ASKED[::-1], batch=2, max_new_tokens=6)
    assert forwards == backwards[::-1]
    assert answer_all(answerer, ASKED, batch=2, max_new_tokens=6, by_picture=True) == forwards


def test_asking_twice_gives_the_same_text(answerer: TransformersAnswerer) -> None:
    assert answer_all(answerer, ASKED, batch=3, max_new_tokens=8) == answer_all(
        answerer, ASKED, batch=3, max_new_tokens=8
    )


def test_several_processes_give_what_one_gives(answerer: TransformersAnswerer) -> None:
    assert answerer.processes(3) == (3 if sys.platform == "linux" else 1)
    bars: list[list[int]] = []

    def progress(batches: Sequence[list[int]]) -> Iterator[list[int]]:
        for rows in batches:
            bars.append(rows)
            yield rows

    here = answer_all(answerer, ASKED, batch=2, max_new_tokens=8)
    assert answer_all(answerer, ASKED, batch=2, max_new_tokens=8, cores=3, progress=progress) == here
    assert sorted(row for rows in bars for row in rows) == list(range(len(ASKED)))


@pytest.mark.parametrize("cores", [1, 2])
def test_answers_that_are_kept_are_not_asked_for_again(
    answerer: TransformersAnswerer, cores: int, tmp_path: Path
) -> None:
    whole = answer_all(answerer, ASKED, batch=2, max_new_tokens=8)

    def cut_short(batches: Sequence[list[int]]) -> Iterator[list[int]]:
        yield batches[0]
        yield batches[1]
        raise KeyboardInterrupt

    file = tmp_path / "merged.jsonl"
    with pytest.raises(KeyboardInterrupt):
        answer_all(answerer, ASKED, batch=2, max_new_tokens=8, cores=cores, progress=cut_short, kept=KeptAnswers(file))
    with file.open("a", encoding="utf-8") as half:
        half.write('{"questions": ["fif')
    asked: list[list[int]] = []

    def counted(batches: Sequence[list[int]]) -> Sequence[list[int]]:
        asked.extend(batches)
        return batches

    again = answer_all(
        answerer, ASKED, batch=2, max_new_tokens=8, cores=cores, progress=counted, kept=KeptAnswers(file)
    )
    assert again == whole
    assert [len(rows) for rows in asked] == [1], "the third batch alone"
    assert answer_all(answerer, ASKED, batch=2, max_new_tokens=8, progress=counted, kept=KeptAnswers(file)) == whole
    assert [len(rows) for rows in asked] == [1]


def test_what_is_wrong_in_another_process_is_said_in_this_one(answerer: TransformersAnswerer) -> None:
    asked = [*ASKED, Asked("question-17", picture(64, 64, 0)[:90], "Read.", "voltage")]
    with pytest.raises(InferenceError, match=r"^question-17: its picture is [^\n]+$"):
        answer_all(answerer, asked, batch=2, max_new_tokens=2, cores=2)


class Slow:
    """Answers in processes, leaves a file for each question, and dies of one."""

    def __init__(self, folder: Path, deadly: str = "") -> None:
        self.folder, self.deadly = folder, deadly

    def answer(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
        if prompts[0] == self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        (self.folder / prompts[0]).touch()
        return list(prompts)

    def processes(self, cores: int) -> int:
        return cores

    def close(self) -> None: ...


def test_what_nobody_waits_for_any_more_is_not_answered(tmp_path: Path) -> None:
    def interrupted(batches: Sequence[list[int]]) -> Iterator[list[int]]:
        yield from batches[:2]
        raise KeyboardInterrupt

    asked = [Asked(str(number), picture(56, 56, 0), str(number), "netlist") for number in range(50)]
    with pytest.raises(KeyboardInterrupt):
        answer_all(Slow(tmp_path), asked, batch=1, max_new_tokens=1, cores=2, progress=interrupted)
    assert 2 <= len(list(tmp_path.iterdir())) < 15


def test_a_process_that_is_killed_is_said_in_one_line(tmp_path: Path) -> None:
    asked = [Asked(str(number), picture(56, 56, 0), str(number), "netlist") for number in range(6)]
    with pytest.raises(InferenceError, match=r"^a process that answers was killed[^\n]+workers lower$"):
        answer_all(Slow(tmp_path, deadly="3"), asked, batch=1, max_new_tokens=1, cores=2)


def test_what_is_too_large_for_a_core_is_computed_by_all_of_them_together(
    answerer: TransformersAnswerer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inference, "_SMALL", 1000)
    assert answerer.processes(8) == 1


def test_the_picture_matters(answerer: TransformersAnswerer) -> None:
    images = [open_picture(question.image, question.name) for question in ASKED[:3]]
    assert len(set(answerer.answer(images, ["Read the netlist."] * 3, 12))) > 1


@pytest.mark.parametrize(("token", "text"), [("R", "RRRR"), ("<|im_end|>", ""), ("<|endoftext|>", "")])
def test_an_answer_ends_with_its_turn(tiny_model_dir: Path, token: str, text: str) -> None:
    from transformers import Qwen2VLForConditionalGeneration

    model = Qwen2VLForConditionalGeneration.from_pretrained(tiny_model_dir, dtype=torch.float32)
    processor = PicturesOnlyQwen2VLProcessor.from_pretrained(tiny_model_dir)
    # A head that says this token, whatever it is shown.
    model.lm_head = torch.nn.Linear(model.lm_head.in_features, model.lm_head.out_features)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias.zero_()[processor.tokenizer.convert_tokens_to_ids(token)] = 9.0
    assert TransformersAnswerer(model, processor).answer([Image.new("RGB", (56, 56))], ["Read."], 4) == [text]


@pytest.mark.parametrize(("token", "steps"), [("R", 3), ("<|im_end|>", 1)])
def test_how_sure_a_model_is_of_an_answer_is_the_mean_over_its_own_tokens(
    tiny_model_dir: Path, token: str, steps: int
) -> None:
    from transformers import Qwen2VLForConditionalGeneration

    model = Qwen2VLForConditionalGeneration.from_pretrained(tiny_model_dir, dtype=torch.float32)
    processor = PicturesOnlyQwen2VLProcessor.from_pretrained(tiny_model_dir)
    model.lm_head = torch.nn.Linear(model.lm_head.in_features, model.lm_head.out_features)
    with torch.no_grad():
        model.lm_head.weight.zero_()
        model.lm_head.bias.zero_()[processor.tokenizer.convert_tokens_to_ids(token)] = 5.0
    (found,) = TransformersAnswerer(model, processor).likelihoods([Image.new("RGB", (56, 56))], ["Read."], steps)
    others = model.lm_head.out_features - 1
    total = math.exp(5) + others
    # What the token itself brings, and what all the others do.
    expected = math.exp(5) / total * (5 - math.log(total)) - others / total * math.log(total)
    assert found == pytest.approx(expected, abs=1e-5)


def test_how_sure_a_model_is_depends_neither_on_the_batch_nor_on_the_processes(answerer: TransformersAnswerer) -> None:
    alone = likelihoods_of_all(answerer, ASKED, batch=1, max_new_tokens=12)
    assert likelihoods_of_all(answerer, ASKED, batch=5, max_new_tokens=12) == pytest.approx(alone, abs=1e-4)
    assert likelihoods_of_all(answerer, ASKED, batch=2, max_new_tokens=12, cores=2) == pytest.approx(alone, abs=1e-4)
    assert len(set(alone)) > 1 and max(alone) < 0
    assert answerer.likelihoods([], [], 4) == []


def test_the_generation_settings_of_a_published_folder_are_not_followed(tiny_model_dir: Path) -> None:
    from transformers import GenerationConfig, Qwen2VLForConditionalGeneration

    processor = PicturesOnlyQwen2VLProcessor.from_pretrained(tiny_model_dir)
    answers = []
    for settings in ({}, {"do_sample": True, "temperature": 5.0, "top_k": 50, "repetition_penalty": 1.8}):
        model = Qwen2VLForConditionalGeneration.from_pretrained(tiny_model_dir, dtype=torch.float32)
        model.generation_config = GenerationConfig(eos_token_id=model.generation_config.eos_token_id, **settings)
        answers.append(TransformersAnswerer(model, processor).answer([Image.new("RGB", (84, 56))], ["Read R1."], 8))
    assert answers[0] == answers[1]


class Recorder:
    """Answers with the prompt, and remembers how it was asked."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []

    def answer(self, images: Sequence[Image.Image], prompts: Sequence[str], max_new_tokens: int) -> list[str]:
        self.batches.append(list(prompts))
        return list(prompts)

    def processes(self, cores: int) -> int:
        return 1

    def close(self) -> None:
        self.batches.clear()


def test_questions_of_one_kind_share_batches() -> None:
    recorder = Recorder()
    asked = [
        Asked(str(i), picture(28 * (1 + i % 3), 56, 0), f"{i}", "netlist" if i % 2 else "voltage") for i in range(8)
    ]
    assert answer_all(recorder, asked, batch=4, max_new_tokens=1) == [str(i) for i in range(8)]
    assert [{int(prompt) % 2 for prompt in batch} for batch in recorder.batches] == [{1}, {0}]


def test_questions_about_one_picture_follow_each_other_where_that_is_wanted() -> None:
    recorder = Recorder()
    asked = [Asked(str(i), picture(56, 56, 100 * (i % 2)), f"{i}", "netlist") for i in range(6)]
    answer_all(recorder, asked, batch=1, max_new_tokens=1, by_picture=True)
    assert [batch[0] for batch in recorder.batches] == ["0", "2", "4", "1", "3", "5"]


@pytest.mark.parametrize("data", [b"", b"no picture", picture(64, 64, 0)[:90], b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_damaged_picture_is_named_in_one_line(data: bytes) -> None:
    with pytest.raises(InferenceError, match=r"^question-17: its picture is [^\n]+$"):
        answer_all(Recorder(), [Asked("question-17", data, "Read.", "netlist")], batch=1, max_new_tokens=1)


def test_a_picture_thinner_than_the_processor_takes_is_refused_in_one_line(answerer: TransformersAnswerer) -> None:
    with pytest.raises(InferenceError, match=r"^the image processor refuses a picture: [^\n]+$"):
        answerer.answer([Image.new("RGB", (4000, 8))], ["Read."], 1)


def test_a_closed_model_says_so(tiny_model_dir: Path) -> None:
    from transformers import Qwen2VLForConditionalGeneration

    model = Qwen2VLForConditionalGeneration.from_pretrained(tiny_model_dir)
    answerer = TransformersAnswerer(model, PicturesOnlyQwen2VLProcessor.from_pretrained(tiny_model_dir))
    answerer.close()
    answerer.close()
    with pytest.raises(InferenceError, match="closed"):
        answerer.answer([Image.new("RGB", (56, 56))], ["Read."], 1)
