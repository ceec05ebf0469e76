"""Whether a model can be had at all, asked before anything heavy is imported: a folder with a model in it, or a hub id within reach."""

from __future__ import annotations

from pathlib import Path

from diagramlens.network import why_offline
from diagramlens.params import ModelEntry
from diagramlens.records import DiagramLensError

LOCAL_ADVICE = "set models.<name>.source in params.yaml to a folder with config.json and safetensors, or run the stage that makes it"


class LoadingError(DiagramLensError):
    """A model, processor or adapter that is not there, is damaged, or does not fit."""


CONFIG_ADVICE = ", or give its config.json: --config FILE"  # to whom asks for no more than the configuration


def check_source(entry: ModelEntry, *, otherwise: str = "") -> None:
    """Raise LoadingError where a model's source is a folder that holds no model, or a hub id neither in the cache nor to be fetched.

    Whether the hub knows the id is not looked up. Where it cannot be reached, what is in the cache is loaded from there. `otherwise` ends
    the line about a hub model: what else can be done.
    """
    if entry.is_local:
        if not (Path(entry.source) / "config.json").is_file():
            what = "no config.json there" if Path(entry.source).is_dir() else "no such folder"
            raise LoadingError(f"model source {entry.source}: {what}; {LOCAL_ADVICE}")
        return
    offline, revision = why_offline(), entry.revision or "main"
    if offline and not _is_cached(entry.source, revision):
        raise LoadingError(
            f"model source {entry.source}: its config.json cannot be read ({offline}, and the cache does not hold it); check "
            f"models.<name>.source and revision in params.yaml, or fetch it where there is a network (hf download {entry.source} "
            f"--revision {revision} --local-dir FOLDER) and set source to that folder{otherwise}"
        )


def _is_cached(repository: str, revision: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "config.json", revision=revision), str)
