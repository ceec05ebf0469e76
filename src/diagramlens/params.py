"""The schema of params.yaml, and the one reader of that file.

params.yaml explains every key in its comments; this module says what a key may hold. There are no defaults: a key that is missing,
unknown, misspelt or out of range is a ParamsError of one line that names the key, its value and what is allowed. Values are read as
YAML 1.2, as DVC reads them, so `2e-4` is a number (PyYAML would hand over a string).
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from diagramlens.problems import problem_lines, shown, suggestion
from diagramlens.records import DiagramLensError

PARAMS_FILE = Path("params.yaml")
GGUF_FAMILIES = ("qwen2-vl",)  # of which GGUF files can be made; models.families says as what
ALWAYS_THERE = ("base", "merged")  # variants that evaluate has without quantize making them

Seed = Annotated[int, Field(ge=0, lt=2**32)]
Fraction01 = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
ComponentName = Literal["vision", "merger", "language", "head"]
LevelName = Literal["level_0", "level_1", "level_2", "level_3", "level_4", "level_5"]
ShapeName = Literal["grid", "ladder", "bridge", "two_port"]
LabelName = Literal["names", "values", "both", "mixed"]
DegradationName = Literal["clean", "blur", "jpeg", "noise", "rotation", "contrast", "wobble"]
StyleName = Literal["american", "european", "textbook"]
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
NetlistConvention = Literal["spice", "lcapy"]
SourceName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
FilePath = Annotated[str, Field(min_length=1)]
QuantizedFormat = Literal["nf4", "gguf-f16", "gguf-q8_0"]
Variant = Literal["base", "merged", "nf4", "gguf-f16", "gguf-q8_0"]


class ParamsError(DiagramLensError):
    """A parameter that is missing, unknown or out of range; `problems` holds every problem of the file, the message is the first."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0])


class Group(BaseModel):
    """A mapping of params.yaml whose keys are all required and all known."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False, protected_namespaces=())


def _distinct(values: Any) -> Any:
    if isinstance(values, list) and len(set(map(str, values))) < len(values):
        raise ValueError("must not name anything twice")
    return values


def _rates_of_the_trained(components: Any) -> Any:
    for name, plan in components.items() if isinstance(components, dict) else ():
        if isinstance(plan, dict) and plan.get("train") == "frozen" and "rate" in plan:
            raise ValueError(f"{name} is frozen and has no learning rate: remove its rate, or train it as full or lora")
    return components


def _some_weight(weights: Any) -> Any:
    numbers = list(weights.values()) if isinstance(weights, dict) else [1]
    if all(isinstance(number, int | float) for number in numbers) and sum(numbers) <= 0:
        raise ValueError("must hold at least one number above 0")
    return weights


def _some_level(levels: Any) -> Any:
    if isinstance(levels, dict) and all(isinstance(level, dict) for level in levels.values()):
        _some_weight({name: level.get("weight") for name, level in levels.items()})
    return levels


def _auto_or_count(value: Any) -> Any:
    if value != "auto" and (type(value) is not int or not 1 <= value <= 1024):
        raise ValueError("must be auto or a whole number from 1 to 1024")
    return value


class Range(Group):
    """A smallest and a largest whole number, both included."""

    minimum: int = Field(ge=2, le=24)
    maximum: int = Field(ge=2, le=24)

    @model_validator(mode="after")
    def _ordered(self) -> Range:
        if self.minimum > self.maximum:
            raise ValueError(f"minimum ({self.minimum}) must not exceed maximum ({self.maximum})")
        return self


class GridRange(Range):
    """Junctions a side. Junctions are named by one of sixteen letters, hence at most four a side."""

    minimum: int = Field(ge=2, le=4)
    maximum: int = Field(ge=2, le=4)


class Level(Group):
    """`domains.circuits.levels.<level>`: how often it is drawn, and how large its circuits are."""

    weight: Weight
    parts: Range
    grid: GridRange

    @model_validator(mode="after")
    def _fits(self) -> Level:
        side = self.grid.maximum
        places = 2 * side * (side - 1)
        if self.parts.maximum > places:
            raise ValueError(
                f"parts.maximum ({self.parts.maximum}) must not exceed {places}, the edges of a grid of {side} junctions a side"
            )
        return self


class Sources(Group):
    """`domains.circuits.sources`: how often a circuit has so many independent sources."""

    one: Weight
    two: Weight
    three: Weight


class CircuitsDomain(Group):
    """`domains.circuits`: which circuits are drawn, and how they look."""

    levels: Annotated[dict[LevelName, Level], BeforeValidator(_some_level)]
    shapes: Annotated[dict[ShapeName, Weight], BeforeValidator(_some_weight)]
    sources: Annotated[Sources, BeforeValidator(_some_weight)]
    crossings: Fraction01
    labels: Annotated[dict[LabelName, Weight], BeforeValidator(_some_weight)]
    degradations: Annotated[dict[DegradationName, Weight], BeforeValidator(_some_weight)]
    styles: Annotated[dict[StyleName, Weight], BeforeValidator(_some_weight)]
    pitch: int = Field(ge=40, le=256)

    @model_validator(mode="after")
    def _all_named(self) -> CircuitsDomain:
        for key, names in (
            ("levels", LevelName),
            ("shapes", ShapeName),
            ("labels", LabelName),
            ("degradations", DegradationName),
        ):
            missing = [name for name in typing.get_args(names) if name not in getattr(self, key)]
            if missing:
                raise ValueError(
                    f"{key} must give a weight for every entry (0 for never); missing: {', '.join(missing)}"
                )
        return self

    @model_validator(mode="after")
    def _room_for_shapes(self) -> CircuitsDomain:
        wide = [name for name in ("bridge", "two_port") if self.shapes[name] > 0] + ["crossings"] * (self.crossings > 0)
        for name in ("level_0", "level_1", "level_2"):
            level = self.levels[name]
            if level.weight == 0:
                continue
            if wide and level.grid.maximum < 3:
                raise ValueError(f"levels.{name}.grid.maximum ({level.grid.maximum}) must be at least 3 for {wide[0]}")
            fewest, most, grid = level.parts.minimum, level.parts.maximum, level.grid.maximum
            for shape, fits, told in (
                ("bridge", most >= 6, f"parts.maximum ({most}) must be at least 6"),
                ("two_port", fewest <= 5, f"parts.minimum ({fewest}) must be at most 5"),
                # A source's two branches and what they join need the room.
                ("two_port", name != "level_2" or grid >= 4, f"grid.maximum ({grid}) must be at least 4"),
                ("ladder", fewest <= 7, f"parts.minimum ({fewest}) must be at most 7"),
            ):
                if self.shapes[cast(ShapeName, shape)] > 0 and not fits:
                    raise ValueError(f"levels.{name}.{told} for shapes.{shape}")
        return self


class Domains(Group):
    """`domains`: each domain has a schema of its own."""

    circuits: CircuitsDomain


class ModelEntry(Group):
    """`models.<name>`: which weights, how large a picture, and what fits the memory."""

    family: Literal["qwen2-vl", "qwen2.5-vl", "smolvlm"]
    source: str = Field(min_length=1)
    revision: Annotated[str, Field(pattern=r"^([0-9a-f]{40}|main)$")] | None
    min_pixels: int = Field(ge=28 * 28, le=2**26)
    max_pixels: int = Field(ge=28 * 28, le=2**26)
    micro_batch: int = Field(ge=1, le=4096)
    rate_scale: float = Field(gt=0, le=1000)
    four_bit: bool
    gradient_checkpointing: bool

    @property
    def is_local(self) -> bool:
        """Whether `source` is a folder of this repository or machine (models/…, ./…, /…) and no hub id."""
        return self.source.startswith(("models/", ".", "/", "~"))

    @model_validator(mode="after")
    def _consistent(self) -> ModelEntry:
        if self.min_pixels > self.max_pixels:
            raise ValueError(f"min_pixels ({self.min_pixels}) must not exceed max_pixels ({self.max_pixels})")
        if self.family == "smolvlm" and self.min_pixels != self.max_pixels:
            raise ValueError(
                f"min_pixels ({self.min_pixels}) must equal max_pixels ({self.max_pixels}): smolvlm scales every picture to one size"
            )
        if self.is_local and self.revision is not None:
            raise ValueError(f"revision must be null for {self.source}: a folder has no revisions (a hub model does)")
        if not self.is_local and self.revision is None:
            raise ValueError(f"revision must be a commit of 40 hex digits (or main) for the hub model {self.source}")
        if not self.is_local and not re.fullmatch(r"[\w.-]+/[\w.-]+", self.source):
            raise ValueError(
                f"source ({self.source}) must be a hub id like Qwen/Qwen2-VL-7B-Instruct, or a folder: models/…, ./… or /…"
            )
        return self


class FrozenComponent(Group):
    """A component that a phase leaves as it is."""

    train: Literal["frozen"]

    @property
    def rate(self) -> float:
        """0.0: what is frozen does not move."""
        return 0.0


class TrainedComponent(Group):
    """A component that a phase trains, whole (`full`) or through low-rank adapters (`lora`), at a learning rate."""

    train: Literal["full", "lora"]
    rate: float = Field(gt=0, le=1)


Component = Annotated[FrozenComponent | TrainedComponent, Field(discriminator="train")]


class Phase(Group):
    """One phase of a recipe. `epochs` multiplies train.epochs."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    four_bit: bool
    epochs: float = Field(gt=0, le=100)
    components: Annotated[dict[ComponentName, Component], BeforeValidator(_rates_of_the_trained)]

    @model_validator(mode="after")
    def _possible(self) -> Phase:
        missing = [name for name in typing.get_args(ComponentName) if name not in self.components]
        if missing:
            raise ValueError(
                f"components must say of every component whether it is frozen, full or lora; missing: {', '.join(missing)}"
            )
        if all(component.train == "frozen" for component in self.components.values()):
            raise ValueError("components must train at least one component, and all are frozen")
        if self.components["head"].train == "lora":
            raise ValueError(
                "components.head must be frozen or full: the loss is fused with it, and would bypass an adapter"
            )
        if self.four_bit and self.components["language"].train == "full":
            raise ValueError(
                "components.language must be frozen or lora where four_bit is true: 4-bit weights cannot be trained"
            )
        return self


class Recipe(Group):
    """`recipes.<name>`: phases, one after the other, each starting from what the one before it left."""

    phases: list[Phase] = Field(min_length=1, max_length=16)

    @model_validator(mode="after")
    def _named_once(self) -> Recipe:
        _distinct([phase.name for phase in self.phases])
        return self


class DrawSource(Group):
    """Draw pictures here."""

    kind: Literal["draw"]
    weight: Weight


class ImportSource(Group):
    """What all imports have: a share, and how much damage is accepted."""

    weight: Weight
    max_bad_fraction: Fraction01


class CircuitSenseSource(ImportSource):
    """A CircuitSense tree in a folder."""

    kind: Literal["circuitsense"]
    path: FilePath


class HubSource(ImportSource):
    """A CircuitSense tree of the Hugging Face hub, fetched into data/imports/<name of the source>."""

    kind: Literal["hub"]
    repository: str = Field(pattern=r"^[\w.-]+/[\w.-]+$")
    revision: str = Field(pattern=r"^[0-9a-f]{40}$")
    patterns: Annotated[list[FilePath], BeforeValidator(_distinct), Field(min_length=1)]


class LabelMeSource(ImportSource):
    """A folder of pictures with LabelMe's JSON files."""

    kind: Literal["labelme"]
    path: FilePath
    ask_counts: bool


class CocoSource(ImportSource):
    """A COCO file and its folder of pictures."""

    kind: Literal["coco"]
    path: FilePath
    images: FilePath
    ask_counts: bool


class CsvColumns(Group):
    """Which column holds what; null for what the table does not have."""

    image: str = Field(min_length=1)
    truth: str | None
    question: str | None
    answer: str | None

    @model_validator(mode="after")
    def _something_to_ask(self) -> CsvColumns:
        if (self.question is None) != (self.answer is None):
            raise ValueError("question and answer must both be named, or neither")
        if self.truth is None and self.question is None:
            raise ValueError(
                "at least truth, or question and answer, must be named: nothing can be asked of a picture alone"
            )
        return self


class CsvSource(ImportSource):
    """A CSV table and the folder of the pictures that it names."""

    kind: Literal["csv"]
    path: FilePath
    images: FilePath
    columns: CsvColumns
    convention: NetlistConvention


class FolderSource(ImportSource):
    """A folder of pictures, each beside its netlist."""

    kind: Literal["folder"]
    path: FilePath
    convention: NetlistConvention


Source = Annotated[
    DrawSource | CircuitSenseSource | HubSource | LabelMeSource | CocoSource | CsvSource | FolderSource,
    Field(discriminator="kind"),
]


class Generate(Group):
    """`generate`: where diagrams come from, how many, and in how large shards."""

    count: int = Field(ge=1, le=10_000_000)
    seed: Seed
    shard_rows: int = Field(ge=1, le=100_000)
    sources: dict[SourceName, Source]

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
    kinds: Annotated[dict[QuestionKind, Annotated[int, Field(ge=0, le=100)]], BeforeValidator(_some_weight)]
    netlist_form: Literal["traced", "merged"]
    choices: Fraction01
    reasoning: Literal["none", "worked"]
    cross_check: Fraction01
    seed: Seed

    @model_validator(mode="after")
    def _all_kinds(self) -> Label:
        missing = [kind for kind in typing.get_args(QuestionKind) if kind not in self.kinds]
        if missing:
            raise ValueError(f"kinds must give a number for every kind (0 for none); missing: {', '.join(missing)}")
        return self


class Split(Group):
    """`split`: the three shares, the salt of the hash that decides them, and the longest text."""

    train: Fraction01
    validation: Fraction01
    test: Fraction01
    salt: str = Field(min_length=1)
    max_bytes: int = Field(ge=64, le=2**24)

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
    packing: bool
    pack_tokens: int = Field(ge=16, le=2**20)

    @model_validator(mode="after")
    def _measurable(self) -> Train:
        if self.best_by == "accuracy" and self.generated == 0:
            raise ValueError(
                "best_by (accuracy) needs generated above 0: accuracy is the share of those questions answered right"
            )
        return self


class Merge(Group):
    """`merge`: how far the merged model's logits may be from the adapter's, on how many samples."""

    tolerance: float = Field(gt=0, le=100)
    samples: int = Field(ge=1, le=10_000)


class Quantize(Group):
    """`quantize`: which smaller copies of the merged model are made."""

    formats: Annotated[list[QuantizedFormat], BeforeValidator(_distinct)]


class Evaluate(Group):
    """`evaluate`: which variants answer, how many questions, and how long an answer may be."""

    variants: Annotated[list[Variant], BeforeValidator(_distinct), Field(min_length=1)]
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


class Params(Group):
    """The whole of params.yaml."""

    domain: str
    model: str
    recipe: str
    domains: Domains
    models: dict[str, ModelEntry] = Field(min_length=1)
    recipes: dict[str, Recipe] = Field(min_length=1)
    generate: Generate
    label: Label
    split: Split
    lora: Lora
    train: Train
    merge: Merge
    quantize: Quantize
    evaluate: Evaluate
    runtime: Runtime

    @property
    def selected_domain(self) -> CircuitsDomain:
        """The entry of `domains` that `domain` names."""
        entry: CircuitsDomain = getattr(self.domains, self.domain)
        return entry

    @property
    def selected_model(self) -> ModelEntry:
        """The entry of `models` that `model` names."""
        return self.models[self.model]

    @property
    def selected_recipe(self) -> Recipe:
        """The entry of `recipes` that `recipe` names."""
        return self.recipes[self.recipe]


# ---------------------------------------------------------------------------------------------------------------- reading and checking


def read_yaml(path: Path) -> Any:
    """The content of a YAML 1.2 file. Raises ParamsError naming file, line and column of what cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return YAML(typ="safe", pure=True).load(file)
    except FileNotFoundError as error:
        raise ParamsError([f"{path}: no such file here ({Path.cwd()}); run from the repository's root"]) from error
    except UnicodeDecodeError as error:
        raise ParamsError([f"{path}: not UTF-8 text ({error.reason} at byte {error.start})"]) from error
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        what = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise ParamsError([f"{path}{where}: not valid YAML: {what}"]) from error


def load_params(path: Path = PARAMS_FILE) -> Params:
    """Read and check params.yaml. Raises ParamsError, whose `problems` list everything that is wrong with the file."""
    return parse_params(read_yaml(path), str(path))


def parse_params(content: Any, file: str = str(PARAMS_FILE)) -> Params:
    """Check the content of params.yaml against the schema, then the rules between groups. Raises ParamsError."""
    if not isinstance(content, dict):
        raise ParamsError([f"{file}: must be a mapping of parameters, and holds {shown(content)}"])
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        raise ParamsError([f"{file}: {problem}" for problem in problem_lines(error, content, Params)]) from error
    broken = list(_rules_between_groups(params))
    if broken:
        raise ParamsError([f"{file}: {rule}" for rule in broken])
    return params


def _rules_between_groups(params: Params) -> Iterable[str]:
    choices: dict[str, Iterable[str]] = {
        "domain": Domains.model_fields,
        "model": params.models,
        "recipe": params.recipes,
    }
    unselectable = False
    for axis, entries in choices.items():
        name = getattr(params, axis)
        if name not in entries:
            unselectable = True
            yield f"{axis} = {name}: no such {axis}{suggestion(name, entries)} {axis}s has {', '.join(sorted(entries))}"
    available = {*ALWAYS_THERE, *params.quantize.formats}
    for variant in params.evaluate.variants:
        if variant not in available:
            yield (
                f"evaluate.variants names {variant}, which nothing makes: add it to quantize.formats, or choose from "
                f"{', '.join(sorted(available))}"
            )
    if not unselectable:
        family = params.selected_model.family
        ggufs = [form for form in params.quantize.formats if form.startswith("gguf-")]
        if ggufs and family not in GGUF_FAMILIES:
            yield (
                f"quantize.formats names {', '.join(ggufs)}, which nothing makes of family {family} (model = {params.model}): "
                f"leave them out, or choose a model of {', '.join(GGUF_FAMILIES)}"
            )
        micro_batch = params.selected_model.micro_batch
        divides = params.train.batch <= micro_batch or params.train.batch % micro_batch == 0
        if not params.train.packing and not divides:
            yield (
                f"train.batch = {params.train.batch}: must be a multiple of models.{params.model}.micro_batch ({micro_batch}), "
                "so that every optimiser step sees the same number of examples, or not exceed it"
            )
