"""What README and docs tell: the figures are those of the committed metrics, and the commands are ones that run."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from dvc.cli.parser import get_main_parser
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides, get_hydra_sweeps

from diagramlens.cli import COMMANDS, main
from diagramlens.params import load_params
from tests.committed import committed_json

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/importing.md", "data/imports/README.md", "base/README.md")
CIRCUIT = "V1 1 0 10\nR1 1 2 2.2k\nR2 2 3 1k\nC1 3 0 100n\n"


def test_the_table_of_results_is_that_of_the_committed_metrics() -> None:
    metrics = committed_json("metrics/metrics.json")
    rows = re.findall(r"^\| `(\w+)` \|(.+)\|$", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = {name: [cell.strip() for cell in cells.split("|")] for name, cells in rows if cells.count("|") == 3}
    assert {"netlist_exact_accuracy", "equation_sympy_accuracy", "qa_numerical_accuracy"} <= set(shown)
    for name, cells in shown.items():
        expected = [
            f"{metrics[variant]['overall'][name]:.1%}".replace("%", " %") for variant in ("base", "merged", "nf4")
        ]
        assert cells == [*expected, str(metrics["base"]["overall"]["questions"][name])], name


# ------------------------------------------------------------------------------------------------------------------------- the commands


def written() -> Iterator[str]:
    """Every command of the pages, in blocks and between words, and those in the comments of params.yaml."""
    for page in PAGES:
        text = (ROOT / page).read_text(encoding="utf-8")
        for block in re.findall(r"^```bash\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
            yield from block.splitlines()
        prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
        yield from re.findall(r"`((?:dvc|make|diagramlens|git|hf) [^`…]+)`", prose)
        yield from (f"dvc exp run {options}" for options in re.findall(r"`(-S [^`]+)`", prose))
    comments = re.findall(r"#.*", (ROOT / "params.yaml").read_text(encoding="utf-8"))
    yield from re.findall(r"(?<!`)\b(?:dvc (?:exp|queue|metrics) \w.*)", "\n".join(comments))


def split_up(lines: Iterator[str]) -> list[list[str]]:
    """The words of every single command, each command once."""
    found: dict[str, list[str]] = {}
    for line in lines:
        for part in line.split("&&"):
            if words := shlex.split(part, comments=True):
                found.setdefault(shlex.join(words), words)
    return list(found.values())


WRITTEN = split_up(written())


def commands(*begin: str) -> list[list[str]]:
    return [words for words in WRITTEN if words[: len(begin)] == list(begin)]


def test_every_command_that_is_written_is_of_a_kind_that_is_tested() -> None:
    assert {words[0] for words in WRITTEN} <= {"dvc", "make", "diagramlens", "git", "hf", "source", ".ci/run"}
    assert len(commands("dvc", "exp", "run")) >= 6
    assert {words[1] for words in commands("diagramlens")} >= {"check", "solve", "grade", "draw", "predict", "recall"}


@pytest.mark.parametrize("words", commands("make"), ids=shlex.join)
def test_make_has_the_targets(words: list[str]) -> None:
    done = subprocess.run([words[0], "-n", *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_make_repro_says_first_what_it_makes_and_how_long_that_takes() -> None:
    def printed(*arguments: str) -> list[str]:
        # A make that runs the tests would have this one tell its folder.
        command = ["make", "--no-print-directory", *arguments]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()

    said = printed("about")
    assert 2 <= len(said) <= 4
    assert "minutes" in " ".join(said) and "models/" in " ".join(said)
    assert [f'echo "{line}"' for line in said] == printed("-n", "repro")[: len(said)]


@pytest.mark.parametrize("words", commands("dvc"), ids=shlex.join)
def test_dvc_takes_the_arguments(words: list[str]) -> None:
    get_main_parser().parse_args(words[1:])


@pytest.mark.parametrize("words", commands("dvc", "exp", "run"), ids=shlex.join)
def test_every_experiment_is_right_and_resolves(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its parameters pass `diagramlens check`, sweeps one by one, and dvc.yaml has all its stages with them."""
    monkeypatch.chdir(tmp_path)
    arguments = get_main_parser().parse_args(words[1:])
    overrides = arguments.set_param or []
    sweeps = get_hydra_sweeps({"params.yaml": overrides}) if arguments.queue else [{"params.yaml": overrides}]
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    Repo.init(no_scm=True)
    for sweep in sweeps:
        shutil.copy(ROOT / "params.yaml", tmp_path)
        apply_overrides(tmp_path / "params.yaml", list(sweep["params.yaml"]))
        load_params()
        with Repo() as repo:
            assert len(repo.index.stages) == 7


@pytest.mark.parametrize("words", commands("diagramlens"), ids=shlex.join)
def test_diagramlens_takes_the_arguments(words: list[str]) -> None:
    assert words[1] in COMMANDS
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[words[1]][0]).add_arguments(parser)
    parser.parse_args(words[2:])


@pytest.mark.parametrize(
    "words",
    [words for words in commands("diagramlens") if words[1] in ("grade", "solve", "draw") or words[1:] == ["check"]],
    ids=shlex.join,
)
def test_what_needs_neither_model_nor_data_runs(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside circuit.cir. The others want a model, a data set or a finished run, and have tests of their own."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "circuit.cir").write_text(CIRCUIT, encoding="utf-8")
    assert main(words[1:]) == 0
