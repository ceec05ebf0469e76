"""`diagramlens recall`: what this machine has computed before is taken again, though dvc.lock names what another machine made of it.

Training is not the same to the byte on every processor. Where dvc.lock comes from Git and names such results of elsewhere, DVC looks for
them, and for them alone: it does not ask its run cache what this machine has made of the same command, code, data and parameters, and
trains again (dvc 3.67, stage/cache.py, `restore`). So where the outputs of an entry are not in the cache, and the run cache has an answer
to the very same question, dvc.lock is given that answer; the next `dvc repro` takes it. What follows from it has other inputs then than
dvc.lock says, and for those DVC does ask its run cache.
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
    """Rewrite those entries of dvc.lock, say which, and return 0. Raises RecallError."""
    from dvc.exceptions import DvcException  # half a second, and no business of whoever asks for --help
    from dvc.repo import Repo
    from dvc.scm import SCMError
    from dvc.utils.serialize import modify_yaml

    try:
        with Repo() as repo, repo.lock:
            found = dict(recallable(repo))
            if found:
                with modify_yaml(Path(repo.root_dir, LOCK_FILE)) as content:
                    for name, outs in found.items():
                        content["stages"][name]["outs"] = outs
    except SCMError as error:  # an archive of the tree
        raise RecallError(
            f"{error}, and DVC works in nothing else; clone it, or git init and git add --all here"
        ) from error
    except DvcException as error:
        raise RecallError(str(error)) from error
    if found:
        print(
            f"dvc.lock named another machine's results of {', '.join(found)}, and names this one's now, of the same code, data and "
            "parameters; dvc repro takes them from the cache"
        )
    return 0


def recallable(repo: Repo) -> Iterator[tuple[str, Any]]:
    """The stages of dvc.lock whose outputs are not in the cache, with those of a run here of equal code, data and parameters, which are."""
    lock = Path(repo.root_dir, LOCK_FILE)
    entries = read_yaml(lock).get("stages", {}) if lock.is_file() else {}
    for name, entry in entries.items():
        if not _cached(repo, entry):
            runs = Path(repo.stage_cache.cache_dir, *_run_folder(entry))
            here = sorted(runs.glob("*"), key=lambda file: file.stat().st_mtime)
            if here and _cached(repo, newest := read_yaml(here[-1])):  # as DVC chooses
                yield name, newest["outs"]


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
