"""How fast training is beside TRL's own SFTTrainer, and what packing gives.

    python benchmarks/train.py                              the selected recipe's first phase, model and data, in four ways in turn
    python benchmarks/train.py --random qwen2-vl-2b         a random model of the published sizes through our trainer, on a GPU

Each prints one JSON line. The first compares, over the same samples, model, precision, batch and adapters:

- shared, apart and padded: our trainer as the train stage runs it with each value of train.packing, its visual tokens computed once;
- trl: SFTTrainer with its own collator for pictures, its padding and order of samples, and its loss on the assistant's turn alone. The
  model is the one that we load, and so has our faster patch embedding.

Every window is one pass over all samples by each trainer, from the first batch to the end of the last optimiser step; a first window is
run and not counted. Figures are medians over windows, ratios medians of the windows' ratios. Supervised tokens are ours for all (TRL
supervises one more a sample, the line end behind the turn). To our seconds are added those of computing the visual tokens, shared among
the epochs that use them as in the default run. `processor` holds the same in seconds of processor time, which other work on the machine
disturbs less. Where there is such work, set OMP_WAIT_POLICY=PASSIVE: threads that wait for each other by spinning made a step of 0.8 s
take 40 s.

--random gives tokens a second, of all kinds and supervised, the share of the GPU's arithmetic that is used (MFU: 2 FLOPs forward and 2
backward for each weight of the language model's layers and each token, 2 more where it is trained in full; attention, head and vision
tower not counted), and the peak of memory.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import io
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from datasets import Dataset, Image, List
from transformers import Qwen2VLConfig, Qwen2VLForConditionalGeneration, TrainerCallback
from transformers.trainer import DEFAULT_CALLBACKS
from trl import SFTConfig, SFTTrainer

import diagramlens.training.recipe as recipe
from diagramlens.models.families import family_named
from diagramlens.models.loading import has_bf16_matmul, load_model, load_processor, pick_device, quiet_libraries
from diagramlens.models.scratch import build_processor, save_model_folder, train_tokenizer
from diagramlens.params import ModelEntry, Params, Phase, load_params
from diagramlens.records import Question
from diagramlens.runtime import usable_cores
from diagramlens.training.conversation import Encoder, Pictures, conversation_dataset, read_questions, row_length
from diagramlens.training.division import division
from diagramlens.training.phases import attach_lora, set_trainable
from diagramlens.training.recipe import Machine, train_recipe

# The published sizes, and the smallest that the tests of this script itself need.
SIZES: dict[str, dict[str, Any]] = {
    "qwen2-vl-2b": {
        "text": {"hidden_size": 1536, "intermediate_size": 8960, "num_hidden_layers": 28, "num_attention_heads": 12},
        "vision": {"depth": 32, "embed_dim": 1280, "num_heads": 16},
        "sections": [16, 24, 24],
        "vocabulary": 151936,
        "tied": True,
    },
    "qwen2-vl-7b": {
        "text": {"hidden_size": 3584, "intermediate_size": 18944, "num_hidden_layers": 28, "num_attention_heads": 28},
        "vision": {"depth": 32, "embed_dim": 1280, "num_heads": 16},
        "sections": [16, 24, 24],
        "vocabulary": 152064,
        "tied": False,
    },
    "tiny": {
        "text": {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4},
        "vision": {"depth": 3, "embed_dim": 32, "num_heads": 2},
        "sections": [2, 3, 3],
        "vocabulary": 512,
        "tied": True,
    },
}
KV_HEADS = {"qwen2-vl-2b": 2, "qwen2-vl-7b": 4, "tiny": 2}


@dataclasses.dataclass(frozen=True)
class Task:
    """What all trainers learn."""

    params: Params
    entry: ModelEntry
    phase: Phase
    device: torch.device
    bf16: bool
    pictures: Pictures
    questions: list[Question]


@dataclasses.dataclass(frozen=True)
class Pass:
    """One pass over the samples: seconds by the clock and of the processor, those for visual tokens apart."""

    seconds: float
    processor: float
    sight: float
    sight_processor: float


# ------------------------------------------------------------------------------------------------------------------------ the clock


class Clock(TrainerCallback):
    """When the training that runs now began, and when its last optimiser step ended."""

    began: ClassVar[tuple[float, float]]
    ended: ClassVar[tuple[float, float]]

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        Clock.began = now()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        Clock.ended = now()


def now() -> tuple[float, float]:
    if torch.cuda.is_initialized():
        torch.cuda.synchronize()
    return time.perf_counter(), time.process_time()


@contextlib.contextmanager
def timed_sight() -> Iterator[list[tuple[float, float]]]:
    """The seconds that computing visual tokens takes inside the block: by the clock, and of the processor."""
    taken: list[tuple[float, float]] = []
    untouched = recipe.frozen_features

    def timed(*arguments: Any, **named: Any) -> Any:
        start = now()
        made = untouched(*arguments, **named)
        taken.append((now()[0] - start[0], now()[1] - start[1]))
        return made

    recipe.frozen_features = timed
    try:
        yield taken
    finally:
        recipe.frozen_features = untouched


# ------------------------------------------------------------------------------------------------------------------------- trainers


def ours(task: Task, **changed: Any) -> tuple[Pass, dict[str, Any]]:
    """One pass by our trainer, and the phase's metrics."""
    settings = task.params.train.model_copy(
        update={"epochs": 1.0, "evaluations": 1, "checkpoints": 1, "generated": 0, "best_by": "loss", **changed}
    )
    with tempfile.TemporaryDirectory() as folder, timed_sight() as sight:
        out = Path(folder) / "adapter"
        out.mkdir()
        trained = train_recipe(
            task.entry,
            [task.phase],
            task.params.lora,
            settings,
            Machine(device=str(task.device), attention=task.params.runtime.attention, workers=usable_cores()),
            training=task.questions,
            validation=task.questions[:1],
            pictures=task.pictures,
            checkpoint_folder=Path(folder) / "checkpoints",
            out=out,
        )
    once = sight[0] if sight else (0.0, 0.0)
    (metrics,) = trained.metrics["phases"].values()
    return _pass(*once), metrics


def _pass(sight: float, sight_processor: float) -> Pass:
    return Pass(Clock.ended[0] - Clock.began[0], Clock.ended[1] - Clock.began[1], sight, sight_processor)


@quiet_libraries()
def trl(task: Task) -> Pass:
    """One pass by TRL's trainer."""
    train, family = task.params.train, family_named(task.entry.family)
    micro_batch, accumulation = division(train.batch, task.entry.micro_batch)
    model = load_model(task.entry, device=task.device, dtype=_dtype(task), attention=task.params.runtime.attention)
    model = attach_lora(family, model, [task.phase], task.params.lora, task.entry, train.seed)
    with tempfile.TemporaryDirectory() as folder:
        trainer = SFTTrainer(
            model=model,
            args=SFTConfig(
                output_dir=folder,
                per_device_train_batch_size=micro_batch,
                gradient_accumulation_steps=accumulation,
                num_train_epochs=1,
                learning_rate=1e-4,
                max_grad_norm=train.max_grad_norm,
                seed=train.seed,
                bf16=task.bf16,
                use_cpu=task.device.type == "cpu",
                gradient_checkpointing=task.entry.gradient_checkpointing,
                assistant_only_loss=True,
                max_length=None,
                eval_strategy="no",
                save_strategy="no",
                logging_strategy="no",
                report_to="none",
                disable_tqdm=True,
            ),
            train_dataset=_with_pixels(task),
            processing_class=load_processor(task.entry),
        )
        set_trainable(family, trainer.model, task.phase)
        trainer.train()
    return _pass(0.0, 0.0)


def _with_pixels(task: Task) -> Dataset:
    """The same conversations with their pictures inside, as TRL takes them: decoded when a batch is made."""
    rows = conversation_dataset(task.questions)
    images = [[{"bytes": task.pictures.png(name), "path": None} for name in names] for names in rows["images"]]
    return rows.remove_columns("images").add_column("images", images).cast_column("images", List(Image()))


def _dtype(task: Task) -> torch.dtype:
    return torch.bfloat16 if task.bf16 and task.device.type == "cuda" else torch.float32


# -------------------------------------------------------------------------------------------------------------------------- figures


def compare(task: Task, windows: int) -> dict[str, Any]:
    """Ours in three ways and TRL's in turn, `windows` times."""
    passes: dict[str, list[Pass]] = {"shared": [], "apart": [], "padded": [], "trl": []}
    supervised = 0
    runs: dict[str, Callable[[], Pass]] = {
        "shared": lambda: ours(task, packing="shared")[0],
        "apart": lambda: ours(task, packing="apart")[0],
        "padded": lambda: ours(task, packing="none")[0],
        "trl": lambda: trl(task),
    }
    _, metrics = ours(task)
    supervised = metrics["supervised_tokens"]
    for window in range(windows + 1):
        for name, run in runs.items():
            taken = run()
            if window:
                passes[name].append(taken)
    # A picture's visual tokens serve every question about it in every epoch; these samples are whole pictures' questions.
    uses = task.params.train.epochs * task.phase.epochs
    clock = {name: [own.seconds + own.sight / uses for own in taken] for name, taken in passes.items()}
    busy = {name: [own.processor + own.sight_processor / uses for own in taken] for name, taken in passes.items()}
    return {
        "samples": len(task.questions),
        "supervised_tokens": supervised,
        "windows": windows,
        "supervised_tokens_per_second": {
            name: round(supervised / statistics.median(seconds)) for name, seconds in clock.items()
        },
        "of_it_visual_tokens_s": round(statistics.median(own.sight / uses for own in passes["shared"]), 2),
        **_ratios(clock),
        "processor": {
            "seconds": {name: round(statistics.median(seconds), 2) for name, seconds in busy.items()},
            **_ratios(busy),
        },
    }


def _ratios(seconds: dict[str, list[float]]) -> dict[str, float]:
    def ratio(slow: str, fast: str) -> float:
        return round(statistics.median(a / b for a, b in zip(seconds[slow], seconds[fast], strict=True)), 2)

    return {f"shared_over_{other}": ratio(other, "shared") for other in ("trl", "padded", "apart")}


def measure_random(task: Task, windows: int, peak: float) -> dict[str, Any]:
    """Our trainer alone, packed, after a first pass that is not counted. `peak` is the device's TFLOP/s."""
    tokens = sum(_tokens(task))
    seconds = []
    for window in range(windows + 1):
        if window == 1 and task.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        taken, metrics = ours(task, packing="shared")
        seconds.append(taken.seconds)
    taken_s = statistics.median(seconds[1:])
    weights = sum(
        p.numel()
        for n, p in load_model(task.entry, dtype=torch.bfloat16).named_parameters()
        if "language_model.layers" in n
    )
    passes = 6 if task.phase.components["language"].train == "full" else 4
    rate = passes * weights * tokens / taken_s
    return {
        "samples": len(task.questions),
        "tokens": tokens,
        "windows": windows,
        "tokens_per_second": round(tokens / taken_s),
        "supervised_tokens_per_second": round(metrics["supervised_tokens"] / taken_s),
        "tflops": round(rate / 1e12, 2),
        "mfu": round(rate / 1e12 / peak, 4) if task.device.type == "cuda" else None,
        "peak_memory_gb": round(torch.cuda.max_memory_allocated() / 1e9, 2) if task.device.type == "cuda" else None,
    }


def _tokens(task: Task) -> list[int]:
    family, processor = family_named(task.entry.family), load_processor(task.entry)
    vision, encoder = family.pictures(processor), Encoder(processor, family.end_of_turn)
    rows: Any = conversation_dataset(task.questions)
    return [row_length(row, encoder, vision, task.pictures) for row in rows]


# ------------------------------------------------------------------------------------------------------------------- random weights


def save_random(name: str, folder: Path, texts: Sequence[str], device: torch.device) -> None:
    """A Qwen2-VL of those sizes with random weights in bf16, and a tokenizer of a few hundred tokens: the others are never used."""
    sizes = SIZES[name]
    tokenizer = train_tokenizer(texts, vocabulary=400)
    marks = {"image": "image_pad", "video": "video_pad", "vision_start": "vision_start", "vision_end": "vision_end"}
    ids: dict[str, Any] = {
        f"{role}_token_id": tokenizer.convert_tokens_to_ids(f"<|{mark}|>") for role, mark in marks.items()
    }
    config = Qwen2VLConfig(
        text_config={
            **sizes["text"],
            "num_key_value_heads": KV_HEADS[name],
            "vocab_size": sizes["vocabulary"],
            "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": sizes["sections"]},
            "bos_token_id": tokenizer.pad_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            "tie_word_embeddings": sizes["tied"],
        },
        vision_config={**sizes["vision"], "hidden_size": sizes["text"]["hidden_size"]},
        tie_word_embeddings=sizes["tied"],
        **ids,
    )
    torch.manual_seed(0)
    with device:
        model = Qwen2VLForConditionalGeneration(config)
    save_model_folder(model, build_processor(tokenizer, min_pixels=3136, max_pixels=1003520), folder)


def random_task(task: Task, name: str, folder: Path, visual_tokens: int) -> Task:
    """The same questions for a random model, their pictures scaled to about that many visual tokens."""
    texts = [text for question in task.questions for text in (question.prompt, question.answer)]
    save_random(name, folder, texts, task.device)
    area = visual_tokens * 28 * 28
    published = task.params.models.get(name, task.entry)
    entry = published.model_copy(
        update={"source": str(folder), "revision": None, "min_pixels": area, "max_pixels": area, "four_bit": False}
    )
    return dataclasses.replace(task, entry=entry)


# ---------------------------------------------------------------------------------------------------------------------------- main


def whole_pictures(questions: Sequence[Question], count: int, batch: int) -> list[Question]:
    """The first questions, at most `count` and a multiple of the batch, in the order of the split: those about a picture stand together."""
    return list(questions[: min(count, len(questions)) // batch * batch])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="How fast training is.")
    parser.add_argument("--samples", type=int, default=640, help="questions in a pass; rounded down to whole batches")
    parser.add_argument("--windows", type=int, default=3, help="passes that count, for each trainer")
    parser.add_argument("--threads", type=int, default=usable_cores(), help="threads of torch on the CPU")
    parser.add_argument("--random", choices=SIZES, help="measure our trainer on a random model of these sizes")
    parser.add_argument(
        "--visual-tokens", type=int, default=256, help="with --random: visual tokens of a picture, about"
    )
    parser.add_argument("--peak-tflops", type=float, default=989.0, help="of the GPU, dense bf16 (H100 and H200: 989)")
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    DEFAULT_CALLBACKS.append(Clock)
    params = load_params()
    device = pick_device(params.runtime.device)
    auto = params.train.precision == "auto" and has_bf16_matmul(device)
    task = Task(
        params=params,
        entry=params.selected_model,
        phase=params.selected_recipe.phases[0],
        device=device,
        bf16=params.train.precision == "bf16" or auto,
        pictures=Pictures(Path("data/diagrams")),
        questions=whole_pictures(read_questions(Path("data/split/train.parquet")), chosen.samples, params.train.batch),
    )
    load = round(os.getloadavg()[0], 1)
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        if chosen.random:
            task = random_task(task, chosen.random, Path(folder), chosen.visual_tokens)
            figures = measure_random(task, chosen.windows, chosen.peak_tflops)
        else:
            figures = compare(task, chosen.windows)
    about = {
        "model": chosen.random or params.model,
        "recipe": params.recipe,
        "precision": "bf16" if task.bf16 else "fp32",
        "batch": params.train.batch,
        "pack_tokens": params.train.pack_tokens,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else f"{chosen.threads} threads",
        "load": load,
    }
    print(json.dumps(about | figures))


if __name__ == "__main__":
    main()
