"""Data sets of the Hugging Face hub, fetched once into a folder, at one commit, whole or not at all.

A download of 32,000 small files meets every fault that a network has. huggingface_hub goes on where a file was cut off; what it does not
do is done here: try again after a fault that may pass, and count at the end that every file that the hub lists is there in its full
size (told that the hub cannot be reached, it takes any folder that is not empty for the data set). The record of a finished download,
`.diagramlens-download.json`, is written last; a folder with the record of the same commit is used without the network.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path

from diagramlens.network import why_offline
from diagramlens.sources.files import printable
from diagramlens.sources.ledger import SourceError

RECORD = ".diagramlens-download.json"
ATTEMPTS = 5
FIRST_WAIT_SECONDS = (
    4.0  # doubled after each fault: a minute in all; the library waits another 23 s within each attempt
)


@dataclass(frozen=True)
class Dataset:
    """A data set of the hub at one commit (40 hex digits); `patterns` say which of its files are wanted, as a shell would."""

    repository: str
    revision: str
    patterns: tuple[str, ...]


def fetch_dataset(
    dataset: Dataset, folder: Path, *, attempts: int = ATTEMPTS, first_wait: float = FIRST_WAIT_SECONDS
) -> Path:
    """The folder with the data set in it, downloaded if need be.

    Raises SourceError, which says how to get the files another way, where the hub cannot be reached, does not know the data set or
    keeps failing. What was downloaded stays; the next call goes on from there. The address is $HF_ENDPOINT, a token $HF_TOKEN.
    """
    if _recorded(folder) == json.loads(json.dumps(asdict(dataset))):
        return folder
    _refuse_another(dataset, folder)
    offline = why_offline()
    if offline:
        raise SourceError(
            f"{dataset.repository}: {offline}, and {folder} does not hold it; {_by_hand(dataset, folder)}"
        )
    sizes = _listed(dataset, folder)
    fault = ""
    for attempt in range(attempts):
        if attempt:
            time.sleep(first_wait * 2 ** (attempt - 1))
        fault = _download(dataset, folder) or _incomplete(folder, sizes)
        if not fault:
            _write_record(dataset, folder)
            return folder
    raise SourceError(
        f"{dataset.repository}: the download failed {attempts} times, the last time with: {fault}; run it again to go on from there, "
        f"or {_by_hand(dataset, folder)}"
    )


def _listed(dataset: Dataset, folder: Path) -> dict[str, int]:
    """The files that are wanted, with their sizes in bytes. The library has tried six times before this raises SourceError."""
    from httpx2 import HTTPError  # what huggingface_hub 2 speaks HTTP with
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError
    from huggingface_hub.hf_api import RepoFile

    try:
        tree = HfApi().list_repo_tree(
            dataset.repository, recursive=True, revision=dataset.revision, repo_type="dataset"
        )
        files = {entry.path: entry.size for entry in tree if isinstance(entry, RepoFile)}
    except GatedRepoError:
        raise SourceError(
            f"{dataset.repository}: its owner wants to be asked first: accept the terms on the hub and set HF_TOKEN"
        ) from None
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        what = "commit" if isinstance(error, RevisionNotFoundError) else "data set"
        raise SourceError(f"{dataset.repository} at {dataset.revision}: the hub knows no such {what}") from None
    except (HTTPError, ConnectionError, TimeoutError) as error:
        raise SourceError(
            f"{dataset.repository}: the hub cannot be reached ({_said(error)}); {_by_hand(dataset, folder)}"
        ) from None
    sizes = {path: size for path, size in files.items() if any(fnmatch(path, pattern) for pattern in dataset.patterns)}
    if not sizes:
        raise SourceError(f"{dataset.repository}: none of its files is like {', '.join(dataset.patterns)}")
    return sizes


def _download(dataset: Dataset, folder: Path) -> str:
    """Download what is missing. Returns what went wrong, nothing after success."""
    from httpx2 import HTTPError
    from huggingface_hub import snapshot_download

    try:
        snapshot_download(
            dataset.repository,
            repo_type="dataset",
            revision=dataset.revision,
            local_dir=folder,
            allow_patterns=list(dataset.patterns),
        )
    except (HTTPError, ConnectionError, TimeoutError) as error:
        return _said(error)
    except OSError as error:
        # Faults of the library's own carry no error number; a full or read-only disk does, and trying again would not help.
        if error.errno is not None:
            raise
        return _said(error)
    return ""


def _said(error: BaseException) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__


def _incomplete(folder: Path, sizes: Mapping[str, int]) -> str:
    """What is missing of the listed files; nothing where all are there in their sizes."""
    short = [path for path, size in sizes.items() if not _has_size(folder / path, size)]
    return f"{len(short)} of {len(sizes)} files are missing, {printable(short[0])} among them" if short else ""


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size


def _recorded(folder: Path) -> object:
    try:
        return json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _refuse_another(dataset: Dataset, folder: Path) -> None:
    """Files of two commits in one folder would be neither."""
    recorded = _recorded(folder)
    if isinstance(recorded, dict) and (recorded.get("repository"), recorded.get("revision")) != (
        dataset.repository,
        dataset.revision,
    ):
        raise SourceError(
            f"{folder} holds {recorded.get('repository')} at {recorded.get('revision')}; move it away to fetch {dataset.repository} "
            f"at {dataset.revision}"
        )


def _write_record(dataset: Dataset, folder: Path) -> None:
    partial = folder / f"{RECORD}.partial"
    partial.write_text(json.dumps(asdict(dataset), sort_keys=True), encoding="utf-8")
    partial.replace(folder / RECORD)


def _by_hand(dataset: Dataset, folder: Path) -> str:
    return (
        f"where there is a network: hf download {dataset.repository} --repo-type dataset --revision {dataset.revision} "
        f"--local-dir {folder.name}, then put that folder at {folder} and set kind: circuitsense, path: {folder}"
    )
