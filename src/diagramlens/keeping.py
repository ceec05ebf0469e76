"""What took a stage long, kept outside of its outputs until DVC has these.

DVC removes a stage's outputs before it runs the stage, and writes dvc.lock when the stage has ended: killed anywhere in between, it begins
anew. So what took long lies in a folder of the repository that is named by all that it depends on,

    checkpoints/<fingerprint>/…
    checkpoints/<fingerprint>/handed-over.json     the outputs that it has become, by DVC's own digests of them

and stays there, finished, until dvc.lock names these outputs with these digests. The next start of any stage removes it then. Forcing a
finished stage to run again thus finds nothing, and makes everything anew.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from diagramlens.declared import StageParams
from diagramlens.locks import LOCK_FOLDER, Lock, LockedError
from diagramlens.params import read_yaml

CHECKPOINTS = "checkpoints"
HANDED_OVER = "handed-over.json"
PIPELINE_LOCK = Path("dvc.lock")


def fingerprint(params: StageParams, inputs: Iterable[str | Path], code: Iterable[str | Path]) -> str:
    """32 hex digits that change with anything a half-finished training depends on, so that nothing else's checkpoint is resumed.

    `params` are the stage's declared parameters; `inputs` and `code` are files or folders, hashed by content and by their path as given
    (give paths relative to the workspace, so that `dvc exp run --temp` finds the same checkpoints).
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(json.dumps(params.declared, sort_keys=True, default=str).encode())
    for root in sorted(Path(path) for path in (*inputs, *code)):
        for file in _files(root):
            if "__pycache__" not in file.parts:
                content = _digest(file, lambda: hashlib.blake2b(digest_size=16))
                digest.update(f"\0{file.as_posix()}\0{content}".encode())
    return digest.hexdigest()


_locks: dict[Path, Lock] = {}


def checkpoint_folder(fingerprint: str) -> Path:
    """`checkpoints/<fingerprint>` in the parent repository ($DVC_ROOT, the same for --temp and queued runs), made if need be.

    The folder is this process's alone from here to its end; LockedError is raised where another process trains the very same thing in
    another workspace.
    """
    folder = _root() / CHECKPOINTS / fingerprint
    if folder not in _locks:
        lock = _lock_of(folder)
        lock.acquire(f"{CHECKPOINTS}/{fingerprint}")
        _locks[folder] = lock
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def was_handed_over(folder: Path) -> bool:
    """Whether outputs have come of all that a folder keeps."""
    return (folder / HANDED_OVER).exists()


def outputs_of(stage: str, finished: Mapping[Path, Path]) -> dict[str, Any]:
    """What `hand_over` is to note: the outputs of a stage, by the paths that dvc.yaml gives them and the digests that DVC will.

    `finished` says where each of them lies now.
    """
    return {"stage": stage, "outs": {final.as_posix(): dvc_digest(file) for final, file in finished.items()}}


def hand_over(folder: Path, outputs: Mapping[str, Any]) -> None:
    """Note that outputs have come of what the folder keeps, and are in place."""
    partial = folder / f".{HANDED_OVER}.partial"
    partial.write_text(json.dumps(outputs, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    partial.replace(folder / HANDED_OVER)


def drop_handed_over() -> None:
    """Remove the folders whose outputs dvc.lock holds. Raises ParamsError for a dvc.lock that cannot be read."""
    markers = sorted((_root() / CHECKPOINTS).glob(f"*/{HANDED_OVER}"))
    if not markers or not PIPELINE_LOCK.exists():
        return
    stages = (read_yaml(PIPELINE_LOCK) or {}).get("stages", {})
    for marker in markers:
        noted = json.loads(marker.read_text(encoding="utf-8"))
        locked = {out["path"]: out.get("md5") for out in stages.get(noted["stage"], {}).get("outs", [])}
        if noted["outs"].items() <= locked.items():
            _drop(marker.parent)


def _drop(folder: Path) -> None:
    lock = _lock_of(folder)
    with contextlib.suppress(LockedError):  # somebody makes the very same in another workspace
        lock.acquire(patience=0)
        try:
            # The note goes last: of a removal that is cut short nothing stays for good.
            for path in sorted(folder.iterdir(), key=lambda path: path.name == HANDED_OVER):
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            folder.rmdir()
        finally:
            lock.release()


def dvc_digest(path: Path) -> str:
    """The digest that dvc.lock has of a file or folder (DVC 3)."""
    if not path.is_dir():
        return _digest(path, hashlib.md5)
    listed = [
        {"md5": _digest(file, hashlib.md5), "relpath": file.relative_to(path).as_posix()} for file in _files(path)
    ]
    listed.sort(key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode()).hexdigest() + ".dir"


def _digest(file: Path, kind: Any) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, kind).hexdigest()


def _files(root: Path) -> list[Path]:
    return sorted(file for file in root.rglob("*") if file.is_file()) if root.is_dir() else [root]


def _root() -> Path:
    return Path(os.environ.get("DVC_ROOT", ".")).resolve()


def _lock_of(folder: Path) -> Lock:
    return Lock(_root() / LOCK_FOLDER / f"{CHECKPOINTS}-{folder.name}.lock")
