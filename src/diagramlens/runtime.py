"""What every stage needs around it: its parameters, one writer at a time, outputs that appear whole or not at all, a clean death.

    with stage("merge") as run:
        out = run.out("models/merged")              # a hidden sibling of models/merged, which it becomes when the block ends well
        ...run.params.merge.tolerance...
        run.metrics("metrics/merge.json", {...})
        run.say("models/merged holds the merged model; dvc repro goes on to quantize it")

The block's end renames the hidden siblings over the real paths. An error, SIGTERM or Ctrl-C removes them; SIGKILL leaves them, under
names that nothing reads, and the next start of the stage removes them. So what lies at a real path is always finished. What took long
is kept elsewhere (see keeping) until DVC has the outputs that came of it.

Two writers cannot be: dvc may die and leave its stage running (it passes no signal on), so a stage asks the kernel to die with dvc,
and holds a lock in this workspace from its first line to its last.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import json
import math
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from numbers import Real
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Literal, NoReturn, TypeVar

from tqdm import tqdm

from diagramlens.declared import StageParams, declared_params
from diagramlens.keeping import checkpoint_folder, drop_handed_over, fingerprint, hand_over, outputs_of, was_handed_over
from diagramlens.locks import LOCK_FOLDER, Lock
from diagramlens.params import PARAMS_FILE, Params, ParamsError, Runtime, parse_params, read_yaml
from diagramlens.records import DiagramLensError

T = TypeVar("T")

USER_ERRORS: tuple[type[Exception], ...] = (DiagramLensError,)

PIPELINE_FILE = Path("dvc.yaml")
LONG_JOB_SECONDS = 2.0  # below this a job shows no progress bar
METRIC_DIGITS = 6

_STOPPING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
_PR_SET_PDEATHSIG = 1  # <sys/prctl.h>
_WHAT_TO_DO = {
    errno.ENOSPC: "no space left on that disk; free some, or move the workspace, then run it again",
    errno.EDQUOT: "your quota on that disk is used up; free some, then run it again",
    errno.EACCES: "permission denied; make it readable and writable for you, then run it again",
    errno.EPERM: "not permitted; make it writable for you, then run it again",
    errno.EROFS: "that file system is read-only; move the workspace to a writable one",
}


# --------------------------------------------------------------------------------------------------------------- living and dying


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent dies (Linux; elsewhere nothing happens).

    A stage calls this when dvc runs it, and the workers of a `pool` do, which else would wait for work for ever.
    """
    if not sys.platform.startswith("linux"):
        return
    started_by = multiprocessing.parent_process()
    parent = os.getppid() if started_by is None else started_by.pid
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    if os.getppid() != parent:  # it died before the kernel knew whom to tell, or before this process knew anything
        os.kill(os.getpid(), signal.SIGKILL)


@contextlib.contextmanager
def pool(
    workers: int, start: Literal["fork", "spawn"], begin: Callable[[], None] | None = None
) -> Iterator[ProcessPoolExecutor]:
    """Worker processes that die with this one, and are killed where the block is left early: nobody waits for what nobody wants any more.

    Forked ones hold what this process has loaded, and are for where none of its threads is at work; spawned ones start empty, in a second
    or two. Each calls `begin` first.
    """
    context, others = multiprocessing.get_context(start), multiprocessing.active_children()
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(begin,)) as executor:
        left_early = True
        try:
            yield executor
            left_early = False
        finally:
            for process in multiprocessing.active_children():
                if left_early and process not in others:
                    process.kill()


def _begin(begin: Callable[[], None] | None) -> None:
    die_with_parent()
    if begin is not None:
        begin()


def _leave_on_signal(number: int, _frame: FrameType | None) -> NoReturn:
    _ignore_stopping()  # once is enough: a second signal must not interrupt the removal of unfinished outputs
    raise SystemExit(128 + number)


def _ignore_stopping() -> None:
    for number in _STOPPING:
        signal.signal(number, signal.SIG_IGN)


# ------------------------------------------------------------------------------------------------------------------ the machine


def usable_cores() -> int:
    """Cores that this process may use: its affinity mask, and the quota of its container (cgroup v2), at least 1."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with contextlib.suppress(OSError, ValueError):
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
        if quota != "max":
            cores = min(cores, math.ceil(int(quota) / int(period)))
    return max(1, cores)


# ------------------------------------------------------------------------------------------------------------------------ outputs


def hidden_sibling(path: Path) -> Path:
    """Where an output is written until it is finished: `models/merged` → `models/.merged.partial` (ignored by Git and DVC)."""
    return path.parent / f".{path.name}.partial"


@contextlib.contextmanager
def replaced(folder: Path) -> Iterator[Path]:
    """Where to write a folder that takes the place of `folder` when the block ends well; until then `folder` stays as it is."""
    unfinished = hidden_sibling(folder)
    _remove(unfinished)
    yield unfinished
    _put(unfinished, folder)


def _put(finished: Path, final: Path) -> None:
    """Rename `finished` to `final`. What was there goes afterwards: at no moment is half of it there, and hardly at any is nothing."""
    before = _before(final)
    _remove(before)
    if final.exists() or final.is_symlink():
        final.rename(before)
    finished.rename(final)
    _remove(before)


def _before(final: Path) -> Path:
    """Where an output waits for its removal: `models/merged` → `models/.merged.before.partial`."""
    return hidden_sibling(final.with_name(f"{final.name}.before"))


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_metrics(path: Path, values: Mapping[str, Any]) -> None:
    """Write metrics as JSON that differs only where a result does: sorted keys, floats rounded to 6 digits, a final newline.

    Raises ValueError for NaN or infinity, naming the metric: JSON has no such numbers, and a metric that is one is a defect.
    """
    text = json.dumps(_rounded(values, path.name), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def _rounded(value: Any, where: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _rounded(item, f"{where}: {key}") for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item, where) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Real):
        number = float(value)
        if not math.isfinite(number):
            raise ValueError(f"{where} is {number}")
        return round(number, METRIC_DIGITS) + 0.0  # + 0.0 turns -0.0 into 0.0
    raise TypeError(f"{where} holds a {type(value).__name__}, which is no metric")


class Run:
    """What `stage` hands to its block. `params`: the declared parameters. `runtime`: how to run. `workers`: processes to use."""

    def __init__(self, name: str, params: StageParams, runtime: Runtime, outs: frozenset[str]) -> None:
        self.name = name
        self.params = params
        self.runtime = runtime
        self.workers = usable_cores() if runtime.workers == "auto" else int(runtime.workers)
        self._outs = outs
        self._pending: dict[Path, Path] = {}
        self._kept: Path | None = None
        self._last_words: list[str] = []

    def out(self, path: str) -> Path:
        """An empty folder to write the output folder `path` into; it becomes `path` when the stage ends well."""
        sibling = self._sibling(path)
        sibling.mkdir(parents=True)
        return sibling

    def file(self, path: str) -> Path:
        """Where to write the output file `path`; what is written there becomes `path` when the stage ends well."""
        sibling = self._sibling(path)
        sibling.parent.mkdir(parents=True, exist_ok=True)
        return sibling

    def metrics(self, path: str, values: Mapping[str, Any]) -> None:
        """Write a metrics file (see write_metrics); it appears together with the other outputs."""
        write_metrics(self.file(path), values)

    def kept(self, inputs: Iterable[str | Path], code: Iterable[str | Path]) -> Path:
        """The folder for what takes this stage long, given `inputs` and `code`: a run that was killed finds it again (see keeping)."""
        self._kept = checkpoint_folder(fingerprint(self.params, inputs, code))
        if was_handed_over(self._kept):
            self.note(
                f"finished before, and dvc.lock does not have it yet; taken from {self._kept}, without which it is made anew"
            )
        return self._kept

    def say(self, text: str) -> None:
        """The stage's last line, printed once its outputs are in place: what was written, and what to do next."""
        self._last_words.append(text)

    def note(self, text: str) -> None:
        """A line on standard error, at once."""
        print(f"stage {self.name}: {text}", file=sys.stderr, flush=True)

    def progress(self, iterable: Iterable[T], *, total: int | None = None, unit: str = "it") -> Iterator[T]:
        """The items of `iterable`, under a progress bar with rate and estimate where the job takes longer than two seconds."""
        if total is None and isinstance(iterable, Sequence):
            total = len(iterable)
        # Where nobody watches (a log file), a line now and then is enough.
        interval = 0.2 if sys.stderr.isatty() else 10.0
        yield from tqdm(
            iterable,
            desc=self.name,
            total=total,
            unit=f" {unit}",
            delay=LONG_JOB_SECONDS,
            mininterval=interval,
            disable=not self.runtime.progress,
        )

    def _sibling(self, path: str) -> Path:
        if path not in self._outs:
            raise ValueError(
                f"stage {self.name} writes {path}, which dvc.yaml does not list among its outputs: {sorted(self._outs)}"
            )
        final = Path(path)
        sibling = hidden_sibling(final)
        if final not in self._pending:
            _remove(sibling)
            self._pending[final] = sibling
        return sibling

    def remove_leftovers(self) -> None:
        """Remove what a killed run of this stage left half-written."""
        for path in self._outs:
            _remove(hidden_sibling(Path(path)))
            _remove(_before(Path(path)))

    def commit(self) -> None:
        """Rename every hidden sibling over its real path, then print the last words. What has begun is not to be stopped any more."""
        for final, sibling in self._pending.items():
            if not sibling.exists():
                raise FileNotFoundError(errno.ENOENT, "the stage promised this output and did not write it", str(final))
        outputs = outputs_of(self.name, self._pending) if self._kept is not None else {}
        _ignore_stopping()
        for final, sibling in self._pending.items():
            _put(sibling, final)
        self._pending.clear()
        if self._kept is not None:
            hand_over(self._kept, outputs)
        for text in self._last_words:
            print(f"stage {self.name}: {text}", flush=True)


# ---------------------------------------------------------------------------------------------------------------------- the stage


class stage:  # noqa: N801 - read as a statement: `with stage("merge") as run`
    """Run a block as the stage `name` of dvc.yaml; see the module's docstring.

    What a person can mend (USER_ERRORS, a full disk, a folder that may not be written, too little memory) ends the process with exit
    code 1 and one line on standard error; any other exception is a defect and keeps its traceback. SIGTERM and SIGHUP exit with 143 and
    129, Ctrl-C with 130.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._lock = Lock(LOCK_FOLDER / f"{name}.lock")
        self._run: Run | None = None
        self._params: Params | None = None

    def __enter__(self) -> Run:
        if "DVC_STAGE" in os.environ:  # dvc sets it; a stage started by hand may outlive its shell
            die_with_parent()
        for number in _STOPPING:
            signal.signal(number, _leave_on_signal)
        try:
            _check_own_src()
            content = read_yaml(PARAMS_FILE)
            self._params = parse_params(content)
            declared, outs = _declarations(self.name)
            params = declared_params(self.name, declared, content, self._params)
            self._lock.acquire()
            self._run = Run(self.name, params, self._params.runtime, outs)
            self._run.remove_leftovers()
            drop_handed_over()
        except (DiagramLensError, OSError) as error:
            self._lock.release()
            raise SystemExit(self._report(error)) from error
        return self._run

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._run is not None
        try:
            if error is None:
                self._run.commit()
        except OSError as failure:
            error = failure
        finally:
            # A disk that is full or gone must not keep the real reason from being told.
            with contextlib.suppress(OSError):
                self._run.remove_leftovers()
            self._lock.release()
        if isinstance(error, SystemExit) and error.code in (
            128 + signal.SIGTERM,
            128 + signal.SIGHUP,
            128 + signal.SIGINT,
        ):
            print(
                f"stage {self.name}: stopped; nothing half-written is left, dvc repro starts it again",
                file=sys.stderr,
                flush=True,
            )
        elif error is not None and (code := self._report(error)):
            raise SystemExit(code) from error

    def _report(self, error: BaseException) -> int:
        """Print the one line for an error that a person can mend, and return 1; 0 for any other error."""
        message = explanation(error, self._params)
        if message is None:
            return 0
        print(f"stage {self.name}: {message}", file=sys.stderr, flush=True)
        return 1


def explanation(error: BaseException, params: Params | None = None) -> str | None:
    """One line for the person who can mend an error: what, where, what to do. None where the error is a defect of the code."""
    if isinstance(error, USER_ERRORS):
        return " ".join(str(error).split())
    torch = sys.modules.get("torch")
    if isinstance(error, MemoryError) or (torch is not None and isinstance(error, torch.OutOfMemoryError)):
        model = params.model if params else "<model>"
        return f"not enough memory; halve models.{model}.micro_batch or evaluate.batch, or take a smaller model"
    if "DataLoader worker (pid" in str(error):  # torch's words for one that is gone
        return "a process that loads pictures was killed, for want of memory most likely; set runtime.workers lower"
    if isinstance(error, OSError) and error.errno is not None:
        where = error.filename or error.filename2 or Path.cwd()
        return f"{where}: {_WHAT_TO_DO.get(error.errno, os.strerror(error.errno))}"
    # safetensors and Arrow raise classes of their own for a full disk; the kernel's words are in the text.
    if f"os error {errno.ENOSPC}" in str(error) or os.strerror(errno.ENOSPC) in str(error):
        return f"{Path.cwd()}: {_WHAT_TO_DO[errno.ENOSPC]}"
    return None


def _check_own_src() -> None:
    """Raise ParamsError where this code is another tree's than that of dvc.yaml, whose files dvc.lock would name as what ran."""
    own, mine = Path("src/diagramlens").resolve(), Path(__file__).resolve().parent
    if own.is_dir() and own != mine:
        raise ParamsError(
            [f"runs the code in {mine}, and dvc.yaml stands beside {own}; start it with dvc repro, or PYTHONPATH=src"]
        )


def _declarations(name: str) -> tuple[Mapping[str, Any], frozenset[str]]:
    """The parameters (nested, as DVC resolves them) and the output paths that dvc.yaml declares for a stage."""
    import dvc.api  # 0.3 s, and no business of whoever only imports this module
    from dvc.exceptions import DvcException

    entry = read_yaml(PIPELINE_FILE).get("stages", {}).get(name)
    if entry is None:
        raise ParamsError([f"{PIPELINE_FILE}: no stage called {name}"])
    listed = [item for section in ("outs", "metrics", "plots") for item in entry.get(section, [])]
    outs = frozenset(item if isinstance(item, str) else next(iter(item)) for item in listed)
    if not entry.get("params"):
        return {}, outs
    try:
        return dvc.api.params_show(stages=name), outs
    except DvcException as error:
        raise ParamsError([f"{PIPELINE_FILE}: {error}"]) from error
