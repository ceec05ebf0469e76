"""`diagramlens inspect`: a model's parts, what a recipe trains of them, and the memory that takes. Downloads no weights."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from diagramlens.models.source import CONFIG_ADVICE, check_source
from diagramlens.params import PARAMS_FILE, ParamsError, load_params
from diagramlens.params.names import no_such_entry

T = TypeVar("T")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("--model", metavar="NAME", help="an entry of models in params.yaml (default: the selected one)")
    parser.add_argument("--recipe", metavar="NAME", help="an entry of recipes (default: the selected one)")
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="read the model from this config.json instead of its source"
    )
    parser.add_argument("--rank", type=_count, metavar="R", help="the adapters' rank, instead of lora.r")
    parser.add_argument(
        "--micro-batch", type=_count, metavar="N", help="instead of the model's micro_batch, padded and not packed"
    )
    parser.add_argument("--max-pixels", type=_count, metavar="N", help="instead of the model's max_pixels")
    parser.add_argument("--text-tokens", type=_count, default=384, help="tokens of a sample's text (default: 384)")
    parser.add_argument(
        "--answer-tokens", type=_count, default=128, help="how many of them are the answer (default: 128)"
    )
    parser.add_argument(
        "--targets",
        metavar="NAMES",
        help="judge these target_modules of PEFT (names parted by commas, or a regex) instead of the recipe's own",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--params", type=Path, default=PARAMS_FILE, metavar="FILE", help=f"default: {PARAMS_FILE}")


def run(args: argparse.Namespace) -> int:
    """Print the report; 0, or 1 where the LoRA is not on exactly what the recipe names. Raises DiagramLensError."""
    params = load_params(args.params)
    model, recipe = args.model or params.model, args.recipe or params.recipe
    entry, phases = _chosen("model", params.models, model), _chosen("recipe", params.recipes, recipe).phases
    # Squares of tiles must be both ends of the range (see models.family smolvlm).
    fixed = entry.min_pixels == entry.max_pixels
    changed: dict[str, Any] = {"micro_batch": args.micro_batch, "max_pixels": args.max_pixels}
    changed["min_pixels"] = args.max_pixels if fixed else None
    entry = entry.model_copy(update={key: value for key, value in changed.items() if value})
    lora = params.lora.model_copy(update={"r": args.rank} if args.rank else {})
    if args.config is None:
        check_source(entry, otherwise=CONFIG_ADVICE)
    # Imported now that there is something to inspect: torch takes seconds.
    from diagramlens.inspecting.inspection import as_json, inspect_recipe
    from diagramlens.inspecting.tables import report

    found = inspect_recipe(
        entry,
        phases,
        lora,
        params.train.model_copy(update={"packing": "none"} if args.micro_batch else {}),
        text=args.text_tokens,
        supervised=min(args.answer_tokens, args.text_tokens),
        config_file=args.config,
        targets=args.targets,
    )
    if args.json:
        print(json.dumps({"model": model, "recipe": recipe} | as_json(found), indent=2))
    else:
        print(report(found, model, recipe))
    return 0 if found.verdict.exact else 1


def _chosen(axis: str, entries: Mapping[str, T], name: str) -> T:
    if name not in entries:
        raise ParamsError([no_such_entry(axis, name, entries, asked=f"--{axis} {name}")])
    return entries[name]


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
