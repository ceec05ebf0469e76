"""What surrounds a stage: outputs whole or not at all, one writer, one line for who can mend it. Real processes, real signals."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Literal

import pytest
from dvc.repo import Repo

from diagramlens.params import load_params
from diagramlens.records import DiagramLensError
from diagramlens.runtime import (
    explanation,
    hidden_sibling,
    pool,
    replaced,
    usable_cores,
    write_metrics,
)

ROOT = Path(__file__).parents[1]

PIPELINE = """
stages:
  merge:
    cmd: exec python merge.py
    params: [merge, "models.${model}"]
    outs: [models/merged]
    metrics: [metrics/merge.json: {cache: false}]
"""
OPENING = """
import os, sys, time
from pathlib import Path
from diagramlens.records import DiagramLensError
from diagramlens.runtime import stage, die_with_parent
with stage("merge") as run:
    out = run.out("models/merged")
    (out / "weights").write_text("new")
"""
CLOSING = """
    run.metrics("metrics/merge.json", {"samples": run.params.merge.samples})
    run.say("done")
"""


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    Repo.init(str(folder), no_scm=True).close()
    shutil.copy(ROOT / "params.yaml", folder)
    (folder / "dvc.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder


@pytest.fixture
def workspace(prepared: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    shutil.copytree(prepared, folder)
    return folder


def start(workspace: Path, body: str, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
    """Start a stage whose block does `body` between writing its output and its metrics."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    (workspace / "merge.py").write_text(OPENING + lines + CLOSING, encoding="utf-8")
    return subprocess.Popen(
        [sys.executable, "merge.py"],
        cwd=workspace,
        env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def finish(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.02)


def files(workspace: Path) -> list[str]:
    return sorted(
        path.relative_to(workspace).as_posix()
        for folder in ("models", "metrics")
        for path in (workspace / folder).rglob("*")
        if path.is_file()
    )


def test_outputs_appear_together_at_the_end_and_the_last_line_says_so(workspace: Path) -> None:
    code, out, err = finish(
        start(workspace, "assert not Path('models/merged').exists()\nassert not Path('metrics/merge.json').exists()")
    )
    assert (code, err) == (0, "")
    assert out == "stage merge: done\n"
    assert files(workspace) == ["metrics/merge.json", "models/merged/weights"]
    assert json.loads((workspace / "metrics/merge.json").read_text()) == {"samples": 8}


def test_an_error_of_the_person_is_one_line_and_leaves_what_was_there(workspace: Path) -> None:
    (workspace / "models/merged").mkdir(parents=True)
    (workspace / "models/merged/weights").write_text("old")
    code, out, err = finish(start(workspace, "raise DiagramLensError('adapter:\\n  made for another base')"))
    assert (code, out, err) == (1, "", "stage merge: adapter: made for another base\n")
    assert files(workspace) == ["models/merged/weights"]
    assert (workspace / "models/merged/weights").read_text() == "old"


def test_a_defect_keeps_its_traceback_and_leaves_nothing(workspace: Path) -> None:
    code, _, err = finish(start(workspace, "1 / 0"))
    assert code == 1
    assert "Traceback" in err
    assert err.endswith("ZeroDivisionError: division by zero\n")
    assert files(workspace) == []


def test_a_wrong_parameter_stops_the_stage_with_one_line(workspace: Path) -> None:
    text = (workspace / "params.yaml").read_text(encoding="utf-8")
    (workspace / "params.yaml").write_text(text.replace("  dropout: ", "  droupout: "), encoding="utf-8")
    code, out, err = finish(start(workspace, ""))
    assert (code, out) == (1, "")
    assert err.startswith("stage merge: params.yaml: lora.droupout = 0.0: unknown key, did you mean dropout?")
    assert err.count("\n") == 1


@pytest.mark.parametrize("group", ["lora", "recipe"])
def test_an_undeclared_parameter_cannot_be_read(workspace: Path, group: str) -> None:
    code, _, err = finish(start(workspace, f"run.params.{group}"))
    assert code == 1
    assert f"stage merge reads {group}, which dvc.yaml does not declare for it (it declares merge, model)" in err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stage_told_to_stop_says_so_and_leaves_nothing(workspace: Path, number: signal.Signals) -> None:
    process = start(workspace, "time.sleep(60)")
    wait_for(workspace / "models/.merged.partial/weights")
    process.send_signal(number)
    code, _, err = finish(process)
    assert code == 128 + number
    assert err == "stage merge: stopped; nothing half-written is left, dvc repro starts it again\n"
    assert files(workspace) == []


def test_a_killed_stage_leaves_only_hidden_files_and_the_next_run_removes_them(workspace: Path) -> None:
    process = start(workspace, "(out / 'half').write_text('x')\nPath('ready').touch()\ntime.sleep(60)")
    wait_for(workspace / "ready")
    process.kill()
    finish(process)
    assert files(workspace) == ["models/.merged.partial/half", "models/.merged.partial/weights"]
    assert finish(start(workspace, ""))[0] == 0
    assert files(workspace) == ["metrics/merge.json", "models/merged/weights"]


def test_a_second_writer_is_refused_by_the_first_ones_process_number(workspace: Path) -> None:
    first = start(workspace, "time.sleep(60)")
    wait_for(workspace / "models/.merged.partial/weights")
    try:
        code, _, err = finish(start(workspace, ""))
        assert code == 1
        assert (
            err == f"stage merge: already running, as process {first.pid}; wait for it or end it (kill {first.pid})\n"
        )
        assert (workspace / "models/.merged.partial/weights").exists()
    finally:
        first.kill()
        finish(first)


def test_workers_that_outlive_a_killed_stage_do_not_hold_its_lock(workspace: Path) -> None:
    process = start(
        workspace,
        "pid = os.fork()\nif pid == 0:\n    time.sleep(60)\n    os._exit(0)\nPath('worker').write_text(str(pid))\ntime.sleep(60)",
    )
    wait_for(workspace / "worker")
    time.sleep(0.1)
    process.kill()
    process.wait()
    try:
        assert finish(start(workspace, ""))[0] == 0
    finally:
        os.kill(int((workspace / "worker").read_text()), signal.SIGKILL)
        finish(process)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the kernel's signal on a parent's death is Linux's")
def test_a_stage_dies_with_dvc_however_dvc_dies(workspace: Path) -> None:
    body = "Path('pid').write_text(str(os.getpid()))\ntime.sleep(60)"
    start(workspace, body).kill()  # only to write the script
    script = "import subprocess, sys; subprocess.run([sys.executable, 'merge.py'])"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src"), "DVC_STAGE": "merge"}
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=workspace, env=environment)
    wait_for(workspace / "pid")
    time.sleep(0.1)
    stage_pid = int((workspace / "pid").read_text())
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 60
    while Path(f"/proc/{stage_pid}/stat").exists() and Path(f"/proc/{stage_pid}/stat").read_text().split()[2] != "Z":
        assert time.monotonic() < deadline, "the stage outlived dvc"
        time.sleep(0.02)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stage_that_puts_its_outputs_in_place_is_not_stopped_any_more(
    workspace: Path, number: signal.Signals
) -> None:
    (workspace / "models/merged").mkdir(parents=True)
    (workspace / "models/merged/weights").write_text("old")
    # The signal comes after the old output has been moved away, and before the new one takes its place.
    between = f"""
from diagramlens import runtime
def moved(path, target, rename=Path.rename):
    rename(path, target)
    os.kill(os.getpid(), {int(number)})
runtime.Path.rename = moved"""
    code, out, err = finish(start(workspace, between))
    assert (code, out, err) == (0, "stage merge: done\n", "")
    assert files(workspace) == ["metrics/merge.json", "models/merged/weights"]
    assert (workspace / "models/merged/weights").read_text() == "new"


def test_a_stage_killed_while_it_puts_its_outputs_in_place_leaves_whole_ones_alone(workspace: Path) -> None:
    (workspace / "models/merged").mkdir(parents=True)
    (workspace / "models/merged/weights").write_text("old")
    killed = """
from diagramlens import runtime
def moved(path, target, rename=Path.rename):
    rename(path, target)
    os.kill(os.getpid(), 9)
runtime.Path.rename = moved"""
    assert finish(start(workspace, killed))[0] == -signal.SIGKILL
    assert [path for path in files(workspace) if "/." not in path] == []
    assert finish(start(workspace, ""))[0] == 0
    assert files(workspace) == ["metrics/merge.json", "models/merged/weights"]


def test_what_a_stage_keeps_is_handed_over_with_its_outputs_and_found_by_the_same_work_alone(workspace: Path) -> None:
    keeping = "kept = run.kept(['params.yaml'], ['merge.py'])\n(kept / 'done').touch()\n"
    assert finish(start(workspace, keeping + "raise DiagramLensError('not yet')"))[0] == 1
    assert [path.name for path in (workspace / "checkpoints").glob("*/*")] == ["done"]
    told = "stage merge: finished before, and dvc.lock does not have it yet; taken from "
    other = "pass\n" + keeping  # in place of the code that failed
    assert finish(start(workspace, other))[2] == ""
    assert len(list((workspace / "checkpoints").glob("*/done"))) == 2
    assert len(list((workspace / "checkpoints").glob("*/handed-over.json"))) == 1
    assert finish(start(workspace, other))[2].startswith(told)


def test_an_output_that_dvc_does_not_know_is_refused(workspace: Path) -> None:
    code, _, err = finish(start(workspace, "run.out('models/other')"))
    assert code == 1
    assert "stage merge writes models/other, which dvc.yaml does not list among its outputs" in err


def test_a_promised_output_that_was_not_written_fails_the_stage(workspace: Path) -> None:
    code, _, err = finish(start(workspace, "out.joinpath('weights').unlink()\nout.rmdir()"))
    assert code == 1
    assert err.startswith("stage merge: models/merged: ")
    assert files(workspace) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_one_line(workspace: Path) -> None:
    code, _, err = finish(start(workspace, "with open('/dev/full', 'w') as file:\n    file.write('x' * 100000)"))
    assert code == 1
    assert (
        err
        == f"stage merge: {workspace}: no space left on that disk; free some, or move the workspace, then run it again\n"
    )
    assert files(workspace) == []


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="needs a folder that nobody may write")
def test_an_unwritable_folder_is_one_line(workspace: Path) -> None:
    (workspace / "models").symlink_to("/sys")
    code, _, err = finish(start(workspace, ""))
    assert code == 1
    assert err.startswith("stage merge: models/.merged.partial: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (MemoryError(), "not enough memory; halve models.base.micro_batch"),
        (OSError(errno.EROFS, "", "data/x"), "data/x: that file system is read-only"),
        (OSError(errno.EACCES, "", "data/x"), "data/x: permission denied"),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "no space left on that disk"),
        (DiagramLensError("one\n two"), "one two"),
    ],
)
def test_an_error_that_can_be_mended_is_explained(error: Exception, told: str) -> None:
    assert told in str(explanation(error, load_params(ROOT / "params.yaml")))


def test_a_defect_is_not_explained_away() -> None:
    assert explanation(KeyError("x")) is None


def test_metrics_are_written_in_one_way_only(tmp_path: Path) -> None:
    file = tmp_path / "metrics.json"
    write_metrics(file, {"b": 1 / 3, "a": {"z": -0.0, "y": [1, True, None, "ω"]}, 1: 2.0})
    text = file.read_text(encoding="utf-8")
    assert json.loads(text) == {"1": 2.0, "a": {"y": [1, True, None, "ω"], "z": 0.0}, "b": 0.333333}
    assert text.index('"1"') < text.index('"a"') < text.index('"b"')
    assert "ω" in text
    assert "-0.0" not in text
    assert text.endswith("}\n")


def test_a_metric_that_is_no_number_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"metrics\.json: base: loss is nan"):
        write_metrics(tmp_path / "metrics.json", {"base": {"loss": float("nan")}})


def test_a_hidden_sibling_is_beside_its_output() -> None:
    assert hidden_sibling(Path("models/merged")) == Path("models/.merged.partial")


def test_there_is_at_least_one_usable_core() -> None:
    assert 1 <= usable_cores() <= (os.cpu_count() or 1)


def test_a_short_job_shows_no_progress_bar(workspace: Path) -> None:
    code, _, err = finish(start(workspace, "assert list(run.progress(range(5), unit='rows')) == [0, 1, 2, 3, 4]"))
    assert (code, err) == (0, "")


def test_a_long_job_shows_a_bar_with_its_rate_on_a_terminal(workspace: Path) -> None:
    terminal, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 100))
    process = start(workspace, "for _ in run.progress(range(6), unit='rows'):\n    time.sleep(0.5)", stderr=inner)
    assert finish(process)[0] == 0
    os.close(inner)
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)
    assert "merge: " in shown
    assert re.search(r"[1-6]/6 .* rows", shown)


def test_a_folder_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "old").touch()
    with pytest.raises(OSError, match="full"), replaced(folder) as unfinished:
        unfinished.mkdir()
        (unfinished / "half").touch()
        raise OSError("disk full")
    assert [path.name for path in folder.iterdir()] == ["old"]
    with replaced(folder) as unfinished:
        unfinished.mkdir()
        (unfinished / "new").touch()
    assert [path.name for path in folder.iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("begun", ["fork", "spawn"])
def test_a_pool_that_is_left_early_ends_at_once(begun: Literal["fork", "spawn"]) -> None:
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt), pool(1, begun) as workers:
        assert workers.submit(abs, -1).result() == 1
        workers.submit(time.sleep, 600)
        raise KeyboardInterrupt
    assert time.monotonic() - start < 120


def test_a_worker_whose_parent_died_before_it_could_tell_the_kernel_ends_too(tmp_path: Path) -> None:
    script = """
import multiprocessing, os, time
from diagramlens.runtime import die_with_parent
parent = os.getpid()
def work():
    while os.getppid() == parent:
        time.sleep(0.01)
    open("begun", "w").close()
    die_with_parent()
    open("survived", "w").close()
multiprocessing.get_context("fork").Process(target=work).start()
os._exit(0)
"""
    # The worker holds the pipe open: this returns when it has ended.
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=environment, check=True, capture_output=True)
    assert [path.name for path in tmp_path.iterdir()] == ["begun"]
