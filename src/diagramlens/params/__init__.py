"""The schema of params.yaml, and the one reader of that file.

params.yaml explains every key in its comments; this package says what a key may hold. There are no defaults: a key that is missing,
unknown, misspelt or out of range is a ParamsError of one line that names the key, its value and what is allowed. Values are read as
YAML 1.2, as DVC reads them, so `2e-4` is a number (PyYAML would hand over a string).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from diagramlens.params.domains import CircuitsDomain, Domains
from diagramlens.params.group import FilePath, Group
from diagramlens.params.learning import FrozenComponent, ModelEntry, Phase, Recipe, TrainedComponent
from diagramlens.params.names import EntryName, no_such_entry
from diagramlens.params.sources import Source
from diagramlens.params.stages import (
    Evaluate,
    Generate,
    Label,
    Lora,
    Merge,
    Quantize,
    QuestionKind,
    Runtime,
    Split,
    Train,
)
from diagramlens.problems import problem_lines, shown
from diagramlens.records import DiagramLensError

__all__ = [
    "ALWAYS_THERE",
    "GGUF_FAMILIES",
    "PARAMS_FILE",
    "CircuitsDomain",
    "Domains",
    "Evaluate",
    "FrozenComponent",
    "Generate",
    "Group",
    "Label",
    "Lora",
    "Merge",
    "ModelEntry",
    "Params",
    "ParamsError",
    "Phase",
    "Quantize",
    "QuestionKind",
    "Recipe",
    "Runtime",
    "Source",
    "Split",
    "Train",
    "TrainedComponent",
    "load_params",
    "parse_params",
    "read_yaml",
]

PARAMS_FILE = Path("params.yaml")
GGUF_FAMILIES = ("qwen2-vl",)  # of which GGUF files can be made; models.families says as what
ALWAYS_THERE = ("base", "merged")  # variants that evaluate has without quantize making them


class ParamsError(DiagramLensError):
    """A parameter that is missing, unknown or out of range; `problems` holds every problem of the file, the message is the first."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems[0])


class Params(Group):
    """The whole of params.yaml."""

    domain: str
    model: str
    recipe: str
    model_folder: FilePath
    domains: Domains
    models: dict[EntryName, ModelEntry] = Field(min_length=1)
    recipes: dict[EntryName, Recipe] = Field(min_length=1)
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
            yield no_such_entry(axis, name, entries)
    available = {*ALWAYS_THERE, *params.quantize.formats}
    for variant in params.evaluate.variants:
        if variant not in available:
            yield (
                f"evaluate.variants names {variant}, which nothing makes: add it to quantize.formats, or choose from "
                f"{', '.join(sorted(available))}"
            )
    if not unselectable:
        entry = params.selected_model
        if entry.is_local and Path(entry.source) != Path(params.model_folder):
            yield (
                f"model_folder = {params.model_folder}: must be {entry.source} where model = {params.model}, so that DVC sees when the "
                f"files in there change (-S model={params.model} -S model_folder={entry.source})"
            )
        family = entry.family
        ggufs = [form for form in params.quantize.formats if form.startswith("gguf-")]
        if ggufs and family not in GGUF_FAMILIES:
            yield (
                f"quantize.formats names {', '.join(ggufs)}, which nothing makes of family {family} (model = {params.model}): "
                f"leave them out, or choose a model of {', '.join(GGUF_FAMILIES)}"
            )
        micro_batch = entry.micro_batch
        divides = params.train.batch <= micro_batch or params.train.batch % micro_batch == 0
        if params.train.packing == "none" and not divides:
            yield (
                f"train.batch = {params.train.batch}: must be a multiple of models.{params.model}.micro_batch ({micro_batch}), "
                "so that every optimiser step sees the same number of examples, or not exceed it"
            )
