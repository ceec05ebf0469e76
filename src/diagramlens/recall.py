"""`diagramlens recall`: what this machine has computed before is taken again, though dvc.lock names what another machine made of it.

Training is not the same to the byte on every processor. Where dvc.lock comes from Git and names such results of elsewhere, DVC looks for
them, and for them alone: it does not ask its run cache what this machine has made of the same command, code, data and parameters, and
trains again (dvc 3.67, stage/cache.py, `restore`). It does ask where dvc.lock says nothing about a stage. So an entry whose outputs are
not in the cache is removed from dvc.lock where the run cache has an answer to the very same question; the next `dvc repro` puts it in
again, as it is here.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diagramlens.params import read_yaml
from diagramlens.records import DiagramLensError

if TYPE_CHECKING:
    from dvc.repo import Repo

LOCK_FILE = Path("dvc.lock")


class RecallError(DiagramLensError):
    """There is no DVC repository here, or another command works in it."""


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """The command has none."""


def run(_args: argparse.Namespace) -> int:
    """Remove those entries from dvc.lock, say which, and return 0. Raises RecallError."""
    from dvc.exceptions import DvcException  # half a second, and no business of whoever asks for --help
    from dvc.repo import Repo

    try:
        with Repo() as repo, repo.lock:
            names = list(recallable(repo))
            for stage in repo.index.stages:
                if getattr(stage, "name", None) in names:
                    stage.dvcfile._lockfile.remove_stage(stage)
    except DvcException as error:
        raise RecallError(str(error)) from error
    if names:
        print(
            f"dvc.lock names results of another machine for {', '.join(names)}; what this one has computed of the same is in the cache, "
            "and dvc repro takes it"
        )
    return 0


def recallable(repo: Repo) -> Iterator[str]:
    """The stages of dvc.lock whose outputs are not in the cache, while those of a run here with equal code, data and parameters are."""
    lock = Path(repo.root_dir, LOCK_FILE)
    entries = read_yaml(lock).get("stages", {}) if lock.is_file() else {}
    for name, entry in entries.items():
        if not _cached(repo, entry):
            runs = Path(repo.stage_cache.cache_dir, *_run_folder(entry))
            here = sorted(runs.glob("*"), key=lambda file: file.stat().st_mtime)
            if here and _cached(repo, read_yaml(here[-1])):  # the newest is the one that DVC takes
                yield name


def _run_folder(entry: Mapping[str, Any]) -> tuple[str, str]:
    """Where the run cache keeps runs of a stage's command, dependencies and parameters; what came out is not part of that."""
    from dvc.utils import dict_sha256

    question = {**entry, "outs": [out["path"] for out in entry.get("outs", [])]}
    key = dict_sha256(question, exclude=["size", "nfiles"])
    return key[:2], key


def _cached(repo: Repo, entry: Mapping[str, Any]) -> bool:
    """Whether everything that came out is in the cache: files, and folders with all that is in them."""
    return all(_has(repo, out.get("md5", "")) for out in entry.get("outs", []))


def _has(repo: Repo, digest: str) -> bool:
    path = Path(repo.cache.local.oid_to_path(digest)) if digest else Path()
    if not path.is_file():
        return False
    if not digest.endswith(".dir"):
        return True
    return all(_has(repo, file["md5"]) for file in json.loads(path.read_bytes()))
