"""The pictures on which it is measured how sure a merged model is of what it reads, and how many of others lie below."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from diagramlens.export.familiarity import (
    FEWEST,
    Familiarity,
    calibrated,
    longest_reading,
    reading_question,
    write_familiarity,
)
from diagramlens.export.merge import merged_entry, pictures_of
from diagramlens.inference import Asked, Rows, TransformersAnswerer, closing, likelihoods_of_all
from diagramlens.models.chat import Chat
from diagramlens.models.families import family_of
from diagramlens.models.loading import load_model, load_processor
from diagramlens.params import ModelEntry
from diagramlens.records import Question, read_rows


@dataclass(frozen=True)
class Machine:
    """How to ask: questions at once, processes, and what shows how far it is."""

    batch: int
    cores: int
    progress: Callable[[Sequence[Rows]], Iterable[Rows]] = iter


def calibrate(
    entry: ModelEntry,
    folder: Path,
    questions: Path,
    diagrams: Path,
    count: int,
    machine: Machine,
    *,
    device: torch.device | str = "cpu",
) -> Familiarity | None:
    """Have the merged `folder` read `count` pictures of a split, evenly spread over it, and write beside its weights how sure it was.

    None, and nothing is written, where there are too few pictures (FEWEST), or no question is asked of as many.
    """
    rows = list(read_rows(questions, Question))
    reading = reading_question(rows)
    shown = list(dict.fromkeys(row.diagram_id for row in rows if row.diagram_id))
    chosen = [shown[number * len(shown) // count] for number in range(count)] if len(shown) > count else shown
    if not reading or len(chosen) < FEWEST:
        return None
    merged = merged_entry(entry, folder)
    processor = load_processor(merged)
    chat = Chat(processor, family_of(processor).end_of_turn)
    longest = longest_reading([len(chat.answer(row.answer)) for row in reading])
    images = pictures_of(set(chosen), questions, diagrams)
    with closing(TransformersAnswerer(load_model(merged, device=device, dtype=torch.float32), processor)) as answerer:
        found = _likelihoods(answerer, reading[0].prompt, longest, [(name, images[name]) for name in chosen], machine)
    familiarity = calibrated(reading[0].prompt, longest, found)
    write_familiarity(folder, familiarity)
    return familiarity


def unlike_share(
    answerer: TransformersAnswerer, familiarity: Familiarity, images: Sequence[tuple[str, bytes]], machine: Machine
) -> float:
    """The share of these pictures, with their names, that are told to be unlike: of pictures like those of training, false alarms.

    As many are asked about as the threshold was measured on, evenly spread.
    """
    count = familiarity.pictures
    chosen = [images[number * len(images) // count] for number in range(count)] if len(images) > count else images
    found = _likelihoods(answerer, familiarity.prompt, familiarity.max_new_tokens, chosen, machine)
    return sum(familiarity.is_unlike(likelihood) for likelihood in found) / len(found)


def _likelihoods(
    answerer: TransformersAnswerer, prompt: str, longest: int, images: Sequence[tuple[str, bytes]], machine: Machine
) -> list[float]:
    return likelihoods_of_all(
        answerer,
        [Asked(name, image, prompt, "reading") for name, image in images],
        batch=machine.batch,
        max_new_tokens=longest,
        cores=machine.cores,
        progress=machine.progress,
    )
