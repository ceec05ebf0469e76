"""`diagramlens`: one command line over commands that live beside what they run.

A command is a module with `add_arguments(parser)` and `run(args) -> exit code`. Only the module of the command that is asked for gets
imported, so that `diagramlens check` need not wait for torch.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from diagramlens import __version__
from diagramlens.records import DiagramLensError

COMMANDS: dict[str, tuple[str, str]] = {
    "check": (
        "diagramlens.checking.command",
        "check params.yaml and print what it selects; try a batch, or learn a few samples",
    ),
    "inspect": (
        "diagramlens.inspecting.command",
        "show a model's parts, what a recipe trains of them, and the memory it takes",
    ),
    "recall": (
        "diagramlens.recall",
        "before dvc repro: take what was computed here, though dvc.lock is another machine's",
    ),
    "predict": ("diagramlens.evaluation.predict_command", "ask a model one question about one picture"),
    "evaluate": ("diagramlens.evaluation.evaluate_command", "examine a model on a data set of other people"),
    "report": ("diagramlens.report.command", "show the results of the run in this workspace as a page"),
    "grade": ("diagramlens.grading.command", "grade an answer of any kind, or a file of answers"),
    "solve": ("diagramlens.domains.circuits.command", "print the transfer function of a netlist or block diagram"),
    "draw": ("diagramlens.domains.circuits.draw_command", "draw the picture of a netlist"),
}
# Where a word that begins with one minus is a formula with its sign, and no option but `-h`.
TAKE_FORMULAS = ("grade",)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; misuse exits with 2 and argparse's own message."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    asked = next((word for word in words if not word.startswith("-")), None)
    if asked in TAKE_FORMULAS:
        words = [_as_value(word) for word in words]
    parser = argparse.ArgumentParser(
        prog="diagramlens",
        description="Teach open vision-language models to read technical diagrams. The pipeline itself is run with dvc repro.",
    )
    parser.add_argument("--version", action="version", version=f"diagramlens {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (module, summary) in COMMANDS.items():
        command = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == asked:
            importlib.import_module(module).add_arguments(command)
    args = parser.parse_args(words)
    try:
        code: int = importlib.import_module(COMMANDS[args.command][0]).run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output (`| head`) has enough; what is still buffered must not complain on exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (DiagramLensError, OSError) as error:
        print(f"diagramlens {args.command}: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return code


def _as_value(word: str) -> str:
    """A formula that begins with a minus, told from an option by a blank in front: argparse takes a word with a blank for a value."""
    return f" {word}" if len(word) > 1 and word[0] == "-" and word[1] != "-" and word != "-h" else word


if __name__ == "__main__":
    sys.exit(main())
