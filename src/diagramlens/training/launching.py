"""The train stage in several processes: it starts itself anew through `accelerate launch`, and waits.

    dvc ── stages/train.py          holds the lock and the outputs, and renames them at the end, as in every stage
            ├── stages/train.py     main process: trains, and writes into the hidden outputs
            └── stages/train.py …   train along, and write nothing

An environment variable tells a started process that it is one, and where to write. All die with the stage, however it dies. What a
person can mend is said once, by the first process that meets it: the others fail because of it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import logging
import os
import signal
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from diagramlens.declared import StageParams, declared_params
from diagramlens.params import PARAMS_FILE, Runtime, parse_params, read_yaml
from diagramlens.records import DiagramLensError
from diagramlens.runtime import die_with_parent, explanation, usable_cores

CONFIGURATIONS = Path("accelerate")

_VARIABLE = "DIAGRAMLENS_TRAINING"
_SPOKEN = "spoken"  # a file in the checkpoints' folder: some process has said what is wrong
_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)


class LaunchError(DiagramLensError):
    """A launcher that cannot work on this machine."""


@dataclasses.dataclass(frozen=True)
class Files:
    """Where a training writes: the adapter's folder, metrics and curves, and its checkpoints."""

    adapter: Path
    metrics: Path
    curves: Path
    checkpoints: Path


@dataclasses.dataclass(frozen=True)
class Job:
    """What a started process works on: what the stage itself has at hand."""

    params: StageParams
    runtime: Runtime
    files: Files


# ------------------------------------------------------------------------------------------------------------------- the stage itself


def launch(params: StageParams, runtime: Runtime, workers: int, script: str, files: Files) -> None:
    """Run `script` in as many processes as `runtime` says, and return when all have ended well.

    `workers` are cores to use, by all of them together. Raises LaunchError for what cannot work here, and SystemExit(1) where a process
    failed, which has said why.
    """
    from accelerate.commands.launch import launch_command, launch_command_parser
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    processes = processes_of(runtime)
    # accelerate refuses to be several and one.
    name: str = "single" if runtime.launcher == "ddp" and processes == 1 else runtime.launcher
    threads = os.environ.get("OMP_NUM_THREADS", str(max(1, workers // processes)))
    arguments = launch_command_parser().parse_args(
        [
            *("--config_file", str(configuration(name))),
            *("--num_processes", str(processes)),
            *("--num_cpu_threads_per_process", threads),
            "--quiet",
            script,
        ]
    )
    paths = {name: str(path) for name, path in dataclasses.asdict(files).items()}
    os.environ[_VARIABLE] = json.dumps({"stage": params.stage, "declared": params.declared, "files": paths})
    (files.checkpoints / _SPOKEN).unlink(missing_ok=True)
    try:
        with _quiet_launcher():
            launch_command(arguments)
    except ChildFailedError as error:
        rank, failure = error.get_first_failure()
        if failure.exitcode < 0:
            name = signal.Signals(-failure.exitcode).name
            raise LaunchError(
                f"process {rank + 1} of {processes} was ended by {name} (SIGKILL: perhaps for want of memory); dvc repro goes on from "
                "the last checkpoint"
            ) from error
        raise SystemExit(1) from error
    except SignalException as error:
        raise SystemExit(128 + error.sigval) from error
    except SystemExit as error:
        # accelerate's launcher of one process keeps to itself how that ended. (The stage's own signals leave with other codes.)
        if error.code != 1 or (files.checkpoints / _SPOKEN).exists():
            raise
        raise LaunchError(
            "the training process ended without saying why (SIGKILL: perhaps for want of memory); dvc repro goes on from the last "
            "checkpoint"
        ) from error


@contextlib.contextmanager
def _quiet_launcher() -> Iterator[None]:
    """Without the launcher's own account of every failure; and afterwards with the stage's signal handlers, which it replaces."""
    handlers = {number: signal.getsignal(number) for number in _SIGNALS}
    logging.disable(logging.CRITICAL)  # here alone: the processes log as they like
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def configuration(launcher: str) -> Path:
    """The file that a launcher names. Raises LaunchError where it is not there, or asks for several machines.

    A stage holds the lock of its workspace and renames its outputs there, which two machines cannot both do for one training.
    """
    path = CONFIGURATIONS / f"{launcher}.yaml"
    if not path.is_file():
        raise LaunchError(f"runtime.launcher = {launcher}: no such file {path}; restore it, or set it to none")
    machines = (read_yaml(path) or {}).get("num_machines", 1)
    if machines != 1:
        raise LaunchError(
            f"{path}: num_machines = {machines}: the train stage runs on one machine, with all its GPUs; set it to 1"
        )
    return path


def processes_of(runtime: Runtime) -> int:
    """How many processes to start. Raises LaunchError where the launcher cannot work on this machine."""
    import torch

    launcher = runtime.launcher
    on_gpu = runtime.device != "cpu" and torch.cuda.is_available()
    gpus = torch.cuda.device_count() if on_gpu else 0
    if launcher in ("none", "single"):
        return 1
    if ":" in runtime.device:
        raise LaunchError(
            f"runtime.device = {runtime.device}: one GPU, and runtime.launcher = {launcher} takes several; "
            "set it to auto, and CUDA_VISIBLE_DEVICES to those to use"
        )
    if launcher != "ddp" and not gpus:
        raise LaunchError(
            f"runtime.launcher = {launcher}: deals a model among GPUs, and this run has none; use none, or ddp for several CPU processes"
        )
    if launcher.startswith("deepspeed") and importlib.util.find_spec("deepspeed") is None:
        raise LaunchError(
            f"runtime.launcher = {launcher}: that package is not installed; pip install deepspeed, or use ddp or fsdp"
        )
    processes = max(1, gpus) if runtime.processes == "auto" else int(runtime.processes)
    if gpus and processes > gpus:
        raise LaunchError(f"runtime.processes = {processes}: this machine shows {gpus} GPUs; at most one process each")
    return processes


def one_gpu_in_view(device: str) -> str:
    """Hide all GPUs but the one that a `runtime.device` like cuda:1 names, and return what the device is called then.

    transformers trains on the first GPU in view, whichever the model is on (5.23). This works until CUDA starts, so call it first.
    Raises LaunchError for a GPU that is not there.
    """
    kind, _, number = device.partition(":")
    if not number:
        return device
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is not None:
        listed = [name for name in shown.split(",") if name]
        if int(number) >= len(listed):
            raise LaunchError(
                f"runtime.device = {device}: CUDA_VISIBLE_DEVICES = {shown} shows {len(listed)} GPUs, counted from 0"
            )
        number = listed[int(number)]
    os.environ["CUDA_VISIBLE_DEVICES"] = number
    import torch

    if torch.cuda.device_count() != 1:
        raise LaunchError(
            f"runtime.device = {device}: this machine shows no such GPU; they are counted from 0, and auto takes the first"
        )
    return kind


# ------------------------------------------------------------------------------------------------------------ the processes it starts


def is_worker() -> bool:
    """Whether this process was started by `launch`."""
    return _VARIABLE in os.environ


class worker:  # noqa: N801 - read as a statement: `with worker() as job`
    """Run a block as a process that `launch` has started: gives its job, whose files the main process alone is to write.

    `stage` says what it does with errors in one process; here the first to meet one says it, and the exit code is 1 in all.
    """

    def __init__(self) -> None:
        told = json.loads(os.environ[_VARIABLE])
        content = read_yaml(PARAMS_FILE)
        self._params = parse_params(content)
        declared = declared_params(told["stage"], told["declared"], content, self._params)
        files = Files(**{name: Path(path) for name, path in told["files"].items()})
        self._job = Job(declared, self._params.runtime, files)

    def __enter__(self) -> Job:
        die_with_parent()
        if os.environ.get("RANK", "0") != "0":
            warnings.simplefilter("ignore")  # the main process gives them too
        return self._job

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None:
            import torch

            if torch.distributed.is_initialized():
                torch.distributed.destroy_process_group()
            return
        message = explanation(error, self._params)
        try:
            (self._job.files.checkpoints / _SPOKEN).touch(exist_ok=False)
        except FileExistsError:
            raise SystemExit(1) from error
        if message is not None:
            print(f"stage {self._job.params.stage}: {message}", file=sys.stderr, flush=True)
            raise SystemExit(1) from error


def worker_cores(runtime: Runtime) -> int:
    """Cores for the processes that one worker may start itself: its share of what `runtime.workers` says."""
    cores = usable_cores() if runtime.workers == "auto" else int(runtime.workers)
    return max(1, cores // int(os.environ.get("WORLD_SIZE", "1")))
