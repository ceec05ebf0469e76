"""`diagramlens check`: is params.yaml right, and what does it select? With --gold: are the gold answers? With --forward and --overfit also:
does that train?

Alone it reads params.yaml and the headers of the pictures, in a fraction of a second. Torch is imported only where a model is wanted.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from diagramlens.checking.budget import budget_warnings, picture_sizes
from diagramlens.models.pretraining import salt_warnings
from diagramlens.params import PARAMS_FILE, Params, ParamsError, load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `diagramlens check`."""
    parser.add_argument(
        "--params", type=Path, default=PARAMS_FILE, metavar="FILE", help=f"the file to check (default: {PARAMS_FILE})"
    )
    parser.add_argument(
        "--gold",
        action="store_true",
        help="grade every gold answer of every split by its own grader: all must be right",
    )
    parser.add_argument(
        "--forward", action="store_true", help="send one batch of the training split through the model, and show it"
    )
    parser.add_argument(
        "--overfit",
        type=_count,
        metavar="N",
        help="learn N samples by heart with the recipe as it is: tests the wiring",
    )
    parser.add_argument("--steps", type=_count, default=300, help="of --overfit at most (default: 300)")
    parser.add_argument("--seconds", type=_count, default=300, help="of --overfit at most (default: 300)")
    parser.add_argument(
        "--target", type=float, default=0.05, help="nats a token at which samples are learnt (default: 0.05)"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the file selects, or what was tried, and return 0; 1 where the file, a gold or the trial is wrong."""
    try:
        params = load_params(args.params)
    except ParamsError as error:
        for problem in error.problems:
            print(f"diagramlens check: {problem}", file=sys.stderr)
        return 1
    warnings = budget_warnings(params.model, params.selected_model, picture_sizes(Path("data/diagrams")))
    warnings += salt_warnings(params.model, params.selected_model, params.split.salt, params.split.fractions)
    for warning in warnings:
        print(f"diagramlens check: warning: {warning}", file=sys.stderr)
    if args.gold or args.forward or args.overfit:
        right = _grade_golds() if args.gold else True
        if args.forward or args.overfit:
            right &= _try(args, params)
        return 0 if right else 1
    writer = YAML(typ="safe", pure=True)
    writer.default_flow_style = False
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # keep the order of params.yaml
    print(f"# {args.params} is right. What it selects, and what the stages are given:")
    writer.dump(resolved(params), sys.stdout)
    return 0


def resolved(params: Params) -> dict[str, Any]:
    """The parameters as the stages see them: the three selected entries under the names of their axes, then the groups."""
    content = params.model_dump()
    chosen = {
        "domain": {params.domain: params.selected_domain.model_dump()},
        "model": {params.model: params.selected_model.model_dump()},
        "recipe": {params.recipe: params.selected_recipe.model_dump()},
    }
    groups = {key: value for key, value in content.items() if key not in (*chosen, "domains", "models", "recipes")}
    return chosen | groups


def _grade_golds() -> bool:
    from diagramlens.checking.gold import show_golds

    return show_golds(Path("data/split"))


def _try(args: argparse.Namespace, params: Params) -> bool:
    from diagramlens.models.source import check_source

    check_source(params.selected_model)  # before torch, which takes seconds
    from diagramlens.checking import trial
    from diagramlens.inspecting.out_of_memory import Use, out_of_memory_advice
    from diagramlens.models.loading import quiet_libraries

    use = Use("train", params.model, params.selected_model, params.selected_recipe, params.lora, params.train)
    with quiet_libraries(), out_of_memory_advice(use):
        session = trial.open_session(params)
        right = trial.show_forward(session) if args.forward else True
        if args.overfit:
            right &= trial.show_overfit(session, args.overfit, trial.Bounds(args.target, args.steps, args.seconds))
    return right


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
