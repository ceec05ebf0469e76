"""The train stage in several processes: who speaks, who writes, and that none of them outlives the stage."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import textwrap
import time
import typing
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file

from diagramlens.declared import Names, StageParams
from diagramlens.params import Runtime, load_params
from diagramlens.training.launching import Files, LaunchError, configuration, one_gpu_in_view, processes_of
from diagramlens.training.recipe import Machine
from tests.committed import DEFAULT_PARAMS

ROOT = Path(__file__).parents[2]
LAUNCHERS = [name for name in typing.get_args(Runtime.model_fields["launcher"].annotation) if name != "none"]

PARENT = """
import sys
from pathlib import Path
from diagramlens.declared import Names, StageParams
from diagramlens.params import Runtime
from diagramlens.runtime import explanation
from diagramlens.training.launching import Files, launch

where, launcher, processes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
runtime = Runtime(
    workers="auto", device="cpu", attention="auto", progress=False, tracker="none", launcher=launcher, processes=processes
)
print("begins", flush=True)
try:
    files = Files(where / "adapter", where / "metrics", where / "curves", where)
    launch(StageParams("train", Names(None, None, None), {}, {}), runtime, 2, str(where / "child.py"), files)
except Exception as error:
    sys.exit(explanation(error) or 2)
print("ends", flush=True)
"""

CHILD = """
import os, signal, time
from pathlib import Path
from diagramlens.records import DiagramLensError
from diagramlens.training.launching import is_worker, worker
from diagramlens.training.processes import is_main, process_count

assert is_worker()
rank = int(os.environ.get("RANK", "0"))
with worker() as job:
    files = job.files
    (files.checkpoints / f"pid{rank}").write_text(str(os.getpid()))
    """


@pytest.fixture
def start(tmp_path: Path):
    """Starts a stage whose processes run `body`; all that is left of it is killed at the end."""
    started: list[subprocess.Popen[str]] = []

    def run(body: str, launcher: str = "ddp", processes: int = 2) -> subprocess.Popen[str]:
        (tmp_path / "parent.py").write_text(PARENT)
        (tmp_path / "child.py").write_text(CHILD + textwrap.indent(textwrap.dedent(body), " " * 4).strip() + "\n")
        command = [sys.executable, str(tmp_path / "parent.py"), str(tmp_path), launcher, str(processes)]
        environment = {key: value for key, value in os.environ.items() if key != "DIAGRAMLENS_TRAINING"}
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()


def wait_for(condition, what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("launcher", "processes", "written"),
    [
        ("ddp", 2, "2"),
        pytest.param("ddp", 1, "1", marks=pytest.mark.slow),
        pytest.param("single", 1, "1", marks=pytest.mark.slow),
    ],
)
def test_the_main_process_alone_writes_and_the_stage_speaks_last(launcher, processes, written, start, tmp_path) -> None:
    stage = start(
        """
        if is_main():
            files.metrics.write_text(str(process_count()))
        """,
        launcher,
        processes,
    )
    said, _ = stage.communicate(timeout=120)
    assert (stage.returncode, said.split()) == (0, ["begins", "ends"])
    assert (tmp_path / "metrics").read_text() == written


def test_what_a_person_can_mend_is_said_once(start) -> None:
    stage = start("raise DiagramLensError('train.batch = 9: change it')")
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert said.splitlines() == ["begins", "stage train: train.batch = 9: change it"]


def test_a_defect_keeps_its_traceback_and_the_others_are_quiet(start) -> None:
    stage = start(
        """
        if rank == 1:
            raise ZeroDivisionError("a defect")
        time.sleep(1)
        raise RuntimeError("the connection to the other one is lost")
        """
    )
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert said.count("Traceback") == 1 and "ZeroDivisionError: a defect" in said and "is lost" not in said


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="the kernel's signal on a parent's death is Linux's")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_outlives_the_stage(number, start, tmp_path) -> None:
    stage = start("time.sleep(600)")
    files = [tmp_path / "pid0", tmp_path / "pid1"]
    wait_for(lambda: all(file.exists() and file.read_text() for file in files), "the processes have not begun")
    pids = [int(file.read_text()) for file in files]
    stage.send_signal(number)
    said, _ = stage.communicate(timeout=60)
    assert stage.returncode == (143 if number == signal.SIGTERM else -signal.SIGKILL)
    assert said.split() == ["begins"]
    wait_for(lambda: not any(is_alive(pid) for pid in pids), "a process outlived its stage")


def test_a_process_that_is_killed_ends_the_stage_and_is_named(start) -> None:
    stage = start("os.kill(os.getpid(), signal.SIGKILL) if rank == 1 else time.sleep(600)")
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert said.splitlines()[1].startswith("process 2 of 2 was ended by SIGKILL")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["single", "ddp"])
def test_a_process_that_is_killed_alone_ends_the_stage_with_a_word(launcher, start) -> None:
    stage = start("os.kill(os.getpid(), signal.SIGKILL)", launcher, 1)
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert said.splitlines()[1].startswith(
        "the training process ended without saying why (SIGKILL: perhaps for want of memory)"
    )


def test_what_a_process_alone_says_is_not_added_to(start) -> None:
    stage = start("raise DiagramLensError('train.batch = 9: change it')", "single", 1)
    said, _ = stage.communicate(timeout=120)
    assert stage.returncode == 1
    assert said.splitlines() == ["begins", "stage train: train.batch = 9: change it"]


# -------------------------------------------------------------------------------------------------------------- what can work where


def runtime(**changed: Any) -> Runtime:
    usual = {"workers": 1, "device": "auto", "attention": "auto", "progress": False, "tracker": "none"}
    return Runtime.model_validate(usual | {"launcher": "ddp", "processes": "auto"} | changed)


@pytest.fixture
def gpus(monkeypatch):
    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return pretend


def test_processes_are_one_for_each_gpu_and_one_where_there_is_none(gpus) -> None:
    gpus(4)
    assert processes_of(runtime()) == processes_of(runtime(launcher="fsdp")) == 4
    assert processes_of(runtime(processes=3)) == 3
    assert processes_of(runtime(launcher="single")) == processes_of(runtime(device="cpu")) == 1
    gpus(0)
    assert processes_of(runtime()) == 1
    assert processes_of(runtime(processes=2)) == 2


def test_a_launcher_that_cannot_work_here_is_one_line(gpus, monkeypatch, tmp_path) -> None:
    gpus(0)
    for launcher in ("fsdp", "deepspeed-zero2", "deepspeed-zero3"):
        with pytest.raises(LaunchError, match=rf"runtime\.launcher = {launcher}: .* this run has none"):
            processes_of(runtime(launcher=launcher))
    gpus(2)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(LaunchError, match=r"deepspeed-zero3: that package is not installed; pip install deepspeed"):
        processes_of(runtime(launcher="deepspeed-zero3"))
    with pytest.raises(LaunchError, match=r"runtime\.processes = 3: this machine shows 2 GPUs"):
        processes_of(runtime(processes=3))
    with pytest.raises(LaunchError, match=r"runtime\.device = cuda:1: one GPU"):
        processes_of(runtime(device="cuda:1"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(LaunchError, match=r"no such file accelerate/ddp\.yaml"):
        configuration("ddp")


def test_a_configuration_for_several_machines_is_refused(monkeypatch, tmp_path) -> None:
    (tmp_path / "accelerate").mkdir()
    several = (ROOT / "accelerate" / "ddp.yaml").read_text().replace("num_machines: 1", "num_machines: 2")
    (tmp_path / "accelerate" / "ddp.yaml").write_text(several)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        LaunchError, match=r"accelerate/ddp\.yaml: num_machines = 2: the train stage runs on one machine"
    ):
        configuration("ddp")


@pytest.mark.parametrize(
    ("device", "shown", "left", "called"),
    [
        ("auto", "2,3", "2,3", "auto"),
        ("cpu", None, None, "cpu"),
        ("cuda", None, None, "cuda"),
        ("cuda:1", None, "1", "cuda"),
        ("cuda:1", "2,3", "3", "cuda"),
        ("cuda:0", "GPU-8932f937", "GPU-8932f937", "cuda"),
    ],
)
def test_a_gpu_named_by_number_is_the_only_one_in_view(device, shown, left, called, gpus, monkeypatch) -> None:
    gpus(1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown or "")  # so that it is put back afterwards
    if shown is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    assert one_gpu_in_view(device) == called
    assert os.environ.get("CUDA_VISIBLE_DEVICES") == left


@pytest.mark.parametrize("shown", ["2,3", ""])
def test_a_gpu_that_is_not_in_view_is_not_taken(shown, gpus, monkeypatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", shown)
    with pytest.raises(LaunchError, match=rf"runtime\.device = cuda:2: CUDA_VISIBLE_DEVICES = {shown} shows"):
        one_gpu_in_view("cuda:2")
    gpus(0)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with pytest.raises(LaunchError, match=r"runtime\.device = cuda:2: this machine shows no such GPU"):
        one_gpu_in_view("cuda:2")


def test_the_stage_trains_on_the_gpu_that_it_left_in_view(gpus, monkeypatch, tmp_path) -> None:
    gpus(1)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    monkeypatch.syspath_prepend(ROOT / "stages")  # as for a script that is run there
    spec = importlib.util.spec_from_file_location("train_stage", ROOT / "stages" / "train.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    seen: list[Machine] = []

    def train_recipe(model, phases, lora, settings, machine, **_) -> None:
        seen.append(machine)
        raise LaunchError("enough")

    monkeypatch.setattr("diagramlens.training.recipe.train_recipe", train_recipe)
    monkeypatch.setattr("diagramlens.training.conversation.read_questions", lambda path: [])
    monkeypatch.setattr("diagramlens.training.conversation.Pictures", lambda path: None)
    params = load_params(DEFAULT_PARAMS)
    monkeypatch.chdir(ROOT)
    given = {
        "model": params.selected_model,
        "recipe": params.selected_recipe,
        "lora": params.lora,
        "train": params.train,
    }
    files = Files(*(tmp_path / "a" / "b" / name for name in "wxyz"))
    with pytest.raises(LaunchError, match="enough"):
        script.train(
            StageParams("train", Names(None, "base", None), {}, given), runtime(device="cuda:1", launcher="none"), files
        )
    assert (seen[0].device, os.environ["CUDA_VISIBLE_DEVICES"]) == ("cuda", "6")


@pytest.mark.parametrize("launcher", ["none", "single"])
def test_several_processes_need_a_launcher_for_them(launcher) -> None:
    with pytest.raises(ValueError, match=r"processes \(2\) must be auto or 1"):
        runtime(launcher=launcher, processes=2)


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_every_launcher_has_a_configuration_that_accelerate_takes(launcher, monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    read = load_config_from_file(str(configuration(launcher)))
    kind = {"single": "NO", "ddp": "MULTI_GPU", "fsdp": "FSDP"}.get(launcher, "DEEPSPEED")
    assert read.distributed_type == kind
    assert read.mixed_precision == "no"  # train.precision decides
    assert read.main_process_port == 0  # two trainings on one machine do not meet
