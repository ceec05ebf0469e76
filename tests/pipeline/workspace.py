"""A Git and DVC repository in a folder of its own, and the commands that one types in it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML


class Workspace:
    """Runs git, dvc and stages in `folder`, with this interpreter. (A stage finds the folder's own copy of the library by itself.)"""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        # `python` in dvc.yaml is this one.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.environment = os.environ | {
            "PATH": path,
            "HF_HUB_OFFLINE": "1",
            "OMP_NUM_THREADS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
        }
        for name in ("DVC_ROOT", "DVC_STAGE", "GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
            self.environment.pop(name, None)

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def run(self, *command: str, expect: int = 0) -> str:
        """What a command prints, both streams together; fails the test where it exits otherwise than expected."""
        process = self.start(*command)
        output, _ = process.communicate(timeout=600)
        assert process.returncode == expect, f"{' '.join(command)} exited with {process.returncode}:\n{output}"
        return output

    def dvc(self, *arguments: str, expect: int = 0) -> str:
        return self.run(sys.executable, "-m", "dvc", *arguments, expect=expect)

    def git(self, *arguments: str) -> str:
        return self.run("git", "-c", "user.name=test", "-c", "user.email=test@localhost", *arguments)

    def commit(self, message: str) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)

    def content(self, path: str) -> dict[str, bytes]:
        """All files of a folder, by their path in it."""
        base = self.folder / path
        return {
            file.relative_to(base).as_posix(): file.read_bytes() for file in sorted(base.rglob("*")) if file.is_file()
        }


def ran(output: str) -> list[str]:
    """The stages that dvc ran, in order, out of what it printed."""
    return [line.split("'")[1] for line in output.splitlines() if line.startswith("Running stage")]


def as_if_made_elsewhere(lock: Path, since: str, also: tuple[str, ...] = ()) -> None:
    """Give all that comes out from stage `since` on, and paths of `also`, other digests in dvc.lock, in a way that agrees with itself."""
    yaml = YAML()
    content = yaml.load(lock.read_text(encoding="utf-8"))
    names = list(content["stages"])
    other: dict[str, str] = {}
    for name in names[names.index(since) :]:
        entry = content["stages"][name]
        for item in [*entry["outs"], *(dep for dep in entry["deps"] if dep["path"] in also)]:
            kind = ".dir" if item["md5"].endswith(".dir") else ""
            other[item["path"]] = hashlib.md5(item["md5"].encode()).hexdigest() + kind
        for item in [*entry["deps"], *entry["outs"]]:
            item["md5"] = other.get(item["path"], item["md5"])
    with lock.open("w", encoding="utf-8") as file:
        yaml.dump(content, file)
