"""One variant of the model asked all the questions, and what share of their pictures it finds unlike those that it was made for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from diagramlens.evaluation.kept_answers import KeptAnswers
from diagramlens.evaluation.variants import familiarity_of, is_gguf, open_variant
from diagramlens.export.calibration import Machine, unlike_share
from diagramlens.inference import Answerer, Asked, TransformersAnswerer, answer_all, closing
from diagramlens.params import Evaluate, ModelEntry, Runtime
from diagramlens.records import Diagram


@dataclass(frozen=True)
class Asking:
    """How every variant is asked. `progress(batches, unit=…)` passes batches on, showing how far it is; `kept` keeps answers by variant."""

    settings: Evaluate
    runtime: Runtime
    cores: int
    progress: Callable[..., Iterable[Any]]
    kept: Path


@dataclass(frozen=True)
class Answered:
    """A variant's texts, in the order of the questions, and the share of pictures unlike its own; None where it knows none as its own."""

    texts: list[str]
    unlike: float | None


def ask_variant(
    variant: str, entry: ModelEntry, asked: Sequence[Asked], diagrams: Mapping[str, Diagram], how: Asking
) -> Answered:
    """Open a variant, ask it what has not been answered before, and close it. Raises as open_variant and answer_all do."""
    settings = how.settings
    model = open_variant(variant, entry, device=how.runtime.device, attention=how.runtime.attention, threads=how.cores)
    with closing(model) as answerer:
        texts = answer_all(
            answerer,
            asked,
            batch=settings.batch,
            max_new_tokens=settings.max_new_tokens,
            by_picture=is_gguf(variant),
            cores=how.cores,
            progress=partial(how.progress, unit=f"batches of {variant}"),
            kept=KeptAnswers(how.kept / f"{variant}.jsonl"),
        )
        return Answered(texts, _unlike(variant, answerer, diagrams, how))


def _unlike(variant: str, answerer: Answerer, diagrams: Mapping[str, Diagram], how: Asking) -> float | None:
    familiarity = familiarity_of(variant)
    if familiarity is None or not isinstance(answerer, TransformersAnswerer):
        return None
    shown = [(diagram.id, diagram.image) for diagram in diagrams.values()]
    machine = Machine(how.settings.batch, how.cores, partial(how.progress, unit=f"batches read by {variant}"))
    return unlike_share(answerer, familiarity, shown, machine)
