"""The groups that are called as the stages are, and those that stages share: `lora` and `runtime`."""

from __future__ import annotations

import typing
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from diagramlens.params.group import Fraction01, Group, Seed, distinct, some_weight
from diagramlens.params.names import EntryName
from diagramlens.params.sources import Source

QuestionKind = Literal[
    "netlist",
    "count",
    "joined",
    "between",
    "function",
    "transfer",
    "impedance",
    "nodal",
    "dc_gain",
    "hf_gain",
    "voltage",
    "current",
    "power",
    "poles",
    "zeros",
    "cutoff",
    "time_constant",
    "design",
]
QuantizedFormat = Literal["nf4", "gguf-f16", "gguf-q8_0"]
Variant = Literal["base", "merged", "nf4", "gguf-f16", "gguf-q8_0"]


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (type(value) is not int or not 1 <= value <= 1024):
        raise ValueError("must be auto or a whole number from 1 to 1024")
    return value


class Generate(Group):
    """`generate`: where diagrams come from, how many, and in how large shards."""

    count: int = Field(ge=1, le=10_000_000)
    seed: Seed
    shard_rows: int = Field(ge=1, le=100_000)
    sources: dict[EntryName, Source]

    @model_validator(mode="after")
    def _possible(self) -> Generate:
        if not any(source.weight for source in self.sources.values()):
            raise ValueError("sources must hold at least one with a weight above 0")
        if sum(source.kind == "draw" for source in self.sources.values()) > 1:
            raise ValueError("sources must draw at most once: two would draw the same pictures")
        return self


class Label(Group):
    """`label`: what is asked of each diagram, and who answers."""

    teacher: Literal["solver"]
    kinds: Annotated[dict[QuestionKind, Annotated[int, Field(ge=0, le=100)]], BeforeValidator(some_weight)]
    netlist_form: Literal["traced", "merged"]
    choices: Fraction01
    reasoning: Literal["none", "netlist", "steps", "worked"]
    expressions: Literal["expanded", "nested"]
    marked_only: bool
    cross_check: Fraction01
    seed: Seed

    @model_validator(mode="after")
    def _all_kinds(self) -> Label:
        missing = [kind for kind in typing.get_args(QuestionKind) if kind not in self.kinds]
        if missing:
            raise ValueError(f"kinds must give a number for every kind (0 for none); missing: {', '.join(missing)}")
        return self


class Split(Group):
    """`split`: the three shares, the salt of the hash that decides them, the longest text, and the least confidence."""

    train: Fraction01
    validation: Fraction01
    test: Fraction01
    salt: str = Field(min_length=1)
    max_bytes: int = Field(ge=64, le=2**24)
    min_confidence: Fraction01

    @property
    def fractions(self) -> dict[str, float]:
        """The shares by the name of their split, as splitting.place takes them."""
        return {"train": self.train, "validation": self.validation, "test": self.test}

    @model_validator(mode="after")
    def _whole(self) -> Split:
        total = self.train + self.validation + self.test
        if abs(total - 1) > 1e-9:
            raise ValueError(f"train + validation + test must be 1, and are {total:g}")
        return self


class Lora(Group):
    """`lora`: the low-rank adapters of every component that a recipe trains with `lora`."""

    r: int = Field(ge=1, le=1024)
    alpha: float = Field(gt=0, le=4096)
    dropout: float = Field(ge=0, lt=1)
    targets: Literal["all", "attention"]
    use_rslora: bool
    use_dora: bool
    b_rate_ratio: float = Field(ge=1, le=1000)


class Train(Group):
    """`train`: the optimisation, whatever the recipe."""

    batch: int = Field(ge=1, le=65536)
    epochs: float = Field(gt=0, le=1000)
    rate_scaling: Literal["none", "sqrt", "linear"]
    reference_batch: int = Field(ge=1, le=65536)
    warmup: float = Field(ge=0, lt=1)
    scheduler: Literal["cosine", "linear", "constant"]
    weight_decay: float = Field(ge=0, le=1)
    max_grad_norm: float = Field(gt=0, le=1e6)
    evaluations: int = Field(ge=1, le=1000)
    checkpoints: int = Field(ge=1, le=1000)
    precision: Literal["auto", "fp32", "bf16"]
    seed: Seed
    generated: int = Field(ge=0, le=100_000)
    best_by: Literal["loss", "accuracy"]
    patience: Annotated[int, Field(ge=1, le=1000)] | None
    optimizer: Literal["adamw", "paged-adamw-8bit"]
    packing: Literal["shared", "apart", "none"]
    pack_tokens: int = Field(ge=16, le=2**20)

    @model_validator(mode="after")
    def _measurable(self) -> Train:
        if self.best_by == "accuracy" and self.generated == 0:
            raise ValueError(
                "best_by (accuracy) needs generated above 0: accuracy is the share of those questions answered right"
            )
        return self


class Merge(Group):
    """`merge`: how far the merged model's logits may be from the adapter's, on how many samples; on how many pictures it is measured how
    sure the model is of what it reads."""

    tolerance: float = Field(gt=0, le=100)
    samples: int = Field(ge=1, le=10_000)
    pictures: int = Field(ge=0, le=100_000)


class Quantize(Group):
    """`quantize`: which smaller copies of the merged model are made."""

    formats: Annotated[list[QuantizedFormat], BeforeValidator(distinct)]


class Evaluate(Group):
    """`evaluate`: which variants answer, how many questions, and how long an answer may be."""

    variants: Annotated[list[Variant], BeforeValidator(distinct), Field(min_length=1)]
    questions: Annotated[int, Field(ge=1, le=10_000_000)]
    batch: int = Field(ge=1, le=4096)
    max_new_tokens: int = Field(ge=1, le=8192)
    details: bool


class Runtime(Group):
    """`runtime`: how to run. No stage declares it, so it makes nothing stale, and it must not change what a stage writes."""

    workers: Annotated[int | str, BeforeValidator(_auto_or_count)]
    device: str = Field(pattern=r"^(auto|cpu|cuda(:[0-9]+)?)$")
    attention: Literal["auto", "eager", "sdpa", "flash_attention_2"]
    progress: bool
    tracker: Literal["none", "tensorboard", "wandb", "mlflow", "dvclive"]
    launcher: Literal["none", "single", "ddp", "fsdp", "deepspeed-zero2", "deepspeed-zero3"]
    processes: Annotated[int | str, BeforeValidator(_auto_or_count)]

    @model_validator(mode="after")
    def _launchable(self) -> Runtime:
        if self.launcher in ("none", "single") and self.processes not in ("auto", 1):
            raise ValueError(
                f"processes ({self.processes}) must be auto or 1 where launcher is {self.launcher}; "
                "several processes need ddp, fsdp or deepspeed"
            )
        return self
