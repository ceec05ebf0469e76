"""One writer at a time: a lock on a file, which the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from diagramlens.records import DiagramLensError

LOCK_FOLDER = Path(".dvc/tmp/diagramlens")
LOCK_PATIENCE_SECONDS = 3.0  # a stage that was just killed may take a moment to be gone


class LockedError(DiagramLensError):
    """Another process writes the same outputs."""


class Lock:
    """An exclusive lock on a file, held from `acquire` to `release` or to the death of the process, however it dies."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def acquire(self, what: str = "", patience: float = LOCK_PATIENCE_SECONDS) -> None:
        """Take the lock, waiting `patience` seconds at most. Raises LockedError naming the process that has it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        deadline = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() < deadline:
                    time.sleep(0.05)
                    continue
                owner = os.read(descriptor, 32).decode(errors="replace").strip() or "unknown"
                os.close(descriptor)
                subject = f"{what}: " if what else ""
                raise LockedError(
                    f"{subject}already running, as process {owner}; wait for it or end it (kill {owner})"
                ) from error
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        # A forked worker inherits the open file, and with it the lock: were the stage killed, its orphans would hold the lock.
        os.register_at_fork(after_in_child=self._forget)

    def release(self) -> None:
        """Give the lock back."""
        self._forget()

    def _forget(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
