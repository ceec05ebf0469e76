"""The command line: `check`, and that each command is found without importing the others."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from diagramlens.cli import COMMANDS, main
from tests.committed import DEFAULT_PARAMS


@pytest.fixture(autouse=True)
def beside_the_default_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(DEFAULT_PARAMS.parent)


def test_check_prints_what_is_selected(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    out, err = capsys.readouterr()
    assert "model:\n  base:\n    family: qwen2-vl\n" in out
    assert "recipe:\n  r1-llm-only:\n" in out
    assert "Qwen2-VL-7B" not in out
    assert err == ""


def test_check_tells_every_problem_on_a_line_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = DEFAULT_PARAMS.read_text(encoding="utf-8")
    file = tmp_path / "params.yaml"
    file.write_text(text.replace("  r: 32 ", "  r: 0 ").replace("  dropout: ", "  droupout: "), encoding="utf-8")
    assert main(["check", "--params", str(file)]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        f"diagramlens check: {file}: lora.droupout = 0.0: unknown key, did you mean dropout? "
        "lora has r, alpha, dropout, targets, use_rslora, use_dora, b_rate_ratio",
        f"diagramlens check: {file}: lora.r = 0: must be at least 1",
    ]


def test_check_tells_of_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--params", "nowhere.yaml"]) == 1
    assert capsys.readouterr().err.startswith("diagramlens check: nowhere.yaml: no such file here")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([name, "--help"])
    assert caught.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: diagramlens {name} ")


@pytest.mark.parametrize("arguments", [[], ["chekc"], ["check", "--parms", "x"]])
def test_misuse_exits_with_2_and_the_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith("usage: diagramlens")


def test_check_waits_for_no_learning_framework() -> None:
    code = "import sys; from diagramlens.cli import main; main(['check']); print(sorted(sys.modules), file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(re.findall(r"'(\w+)'", result.stderr))
    assert not loaded & {"torch", "transformers", "datasets", "dvc", "sympy", "matplotlib"}


def test_a_reader_that_has_enough_is_no_error() -> None:
    code = "from diagramlens.cli import main; raise SystemExit(main(['check']))"
    command = f'{sys.executable} -c "{code}" | head -c 10; exit ${{PIPESTATUS[0]}}'
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
