"""`diagramlens check`: is params.yaml right, and what does it select? Runs nothing."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from diagramlens.params import PARAMS_FILE, Params, ParamsError, load_params


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `diagramlens check`."""
    parser.add_argument(
        "--params", type=Path, default=PARAMS_FILE, metavar="FILE", help=f"the file to check (default: {PARAMS_FILE})"
    )


def run(args: argparse.Namespace) -> int:
    """Print what the file selects and return 0; or print every problem on a line of its own and return 1."""
    try:
        params = load_params(args.params)
    except ParamsError as error:
        for problem in error.problems:
            print(f"diagramlens check: {problem}", file=sys.stderr)
        return 1
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
