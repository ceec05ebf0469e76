"""Fetching a data set: from a local server that speaks the hub's HTTP and fails as networks do, and without any network."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from diagramlens.sources.circuitsense import read_circuitsense
from diagramlens.sources.hub import RECORD, Dataset, fetch_dataset
from diagramlens.sources.ledger import SourceError

SAMPLE = Path(__file__).parent / "circuitsense_sample"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
DATASET = Dataset("somebody/Circuits", COMMIT, ("Analysis/*",))


class Hub(ThreadingHTTPServer):
    """One data set at one commit. The first `failing` requests that carry data meet a fault, of two kinds in turn; a `short` hub has
    less of every file than it says.
    """

    def __init__(self, failing: int = 0, *, short: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files = {
            path.relative_to(SAMPLE).as_posix(): path.read_bytes() for path in SAMPLE.rglob("*") if path.is_file()
        }
        self.failing, self.short = failing, short
        self.downloads: list[str] = []
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault(self) -> int:
        """0: answer; else a status to answer with, or -1 to hang up in the middle."""
        with self.lock:
            if not self.failing:
                return 0
            self.failing -= 1
            return (500, -1)[self.failing % 2]


class _Handler(BaseHTTPRequestHandler):
    server: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.respond(body=False)

    def do_GET(self) -> None:
        self.respond(body=True)

    def respond(self, *, body: bool) -> None:
        path = urllib.parse.unquote(urllib.parse.urlparse(self.path).path)
        tree = f"/api/datasets/{DATASET.repository}/tree/{COMMIT}"
        resolve = f"/datasets/{DATASET.repository}/resolve/{COMMIT}/"
        if path.startswith(tree):
            rows = [
                {
                    "type": "file",
                    "path": name,
                    "size": len(data) + self.server.short,
                    "oid": hashlib.sha1(data).hexdigest(),
                }
                for name, data in self.server.files.items()
            ]
            self.send(json.dumps(rows).encode(), body=body)
        elif path.startswith(resolve) and (name := path.removeprefix(resolve)) in self.server.files:
            if body:
                self.server.downloads.append(name)
            self.send(self.server.files[name], body=body)
        else:
            self.send(b"{}", body=body, status=404, code="RepoNotFound")

    def send(self, data: bytes, *, body: bool, status: int = 200, code: str = "") -> None:
        fault = self.server.fault() if body else 0
        if fault > 0:
            data, status = b"{}", fault
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("ETag", f'"{hashlib.sha1(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if body:
            self.wfile.write(data[: len(data) // 2] if fault < 0 else data)
        if fault < 0:
            self.close_connection = True


@pytest.fixture
def serve(request: pytest.FixtureRequest) -> Iterator[Hub]:
    hub = Hub(**getattr(request, "param", {}))
    thread = threading.Thread(target=hub.serve_forever, daemon=True)
    thread.start()
    yield hub
    hub.shutdown()
    hub.server_close()


FETCH = """
import sys
from pathlib import Path
from diagramlens.records import DiagramLensError
from diagramlens.sources.hub import Dataset, fetch_dataset
try:
    fetch_dataset(Dataset(sys.argv[1], sys.argv[2], ("Analysis/*",)), Path(sys.argv[3]), attempts=2, first_wait=0.01)
except DiagramLensError as error:
    raise SystemExit(f"told: {error}")
"""


def fetch(hub: Hub, folder: Path, repository: str = DATASET.repository) -> str:
    """Fetch in a process of its own, for the hub's address is read when its library is imported. Returns what an error said."""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_OFFLINE": "0", "HF_HOME": str(folder.parent / "home")}
    environment |= {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-c", FETCH, repository, COMMIT, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode == 0:
        return ""
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("told: "), done.stderr
    return last.removeprefix("told: ")


def test_a_data_set_is_fetched_once_and_read_as_the_tree_that_it_is(serve: Hub, tmp_path: Path) -> None:
    folder = tmp_path / "circuits"
    assert fetch(serve, folder) == ""
    assert sorted(set(serve.downloads)) == sorted(name for name in serve.files if name.startswith("Analysis/"))
    assert not (folder / "LICENSE").exists()
    fetched = list(read_circuitsense(folder, max_bad_fraction=0.0).diagrams)
    assert fetched == list(read_circuitsense(SAMPLE, max_bad_fraction=0.0).diagrams)
    # The second time the record is enough: here HF_HUB_OFFLINE is set, and the network out of reach.
    assert fetch_dataset(DATASET, folder) == folder


@pytest.mark.parametrize("serve", [{"failing": 3}], indirect=True)
def test_faults_that_pass_are_gone_on_from(serve: Hub, tmp_path: Path) -> None:
    assert fetch(serve, tmp_path / "circuits") == ""
    assert serve.failing == 0
    for name, data in serve.files.items():
        if name.startswith("Analysis/"):
            assert (tmp_path / "circuits" / name).read_bytes() == data


@pytest.mark.parametrize("serve", [{"short": True}], indirect=True)
def test_a_download_that_is_never_whole_is_told_and_leaves_no_record_of_a_finished_one(
    serve: Hub, tmp_path: Path
) -> None:
    folder = tmp_path / "circuits"
    message = fetch(serve, folder)
    assert message.startswith("somebody/Circuits: the download failed 2 times, the last time with: ")
    assert "hf download somebody/Circuits" in message and not (folder / RECORD).exists()


def test_an_unknown_data_set_is_told_at_once(serve: Hub, tmp_path: Path) -> None:
    message = fetch(serve, tmp_path / "circuits", "somebody/Other")
    assert message == f"somebody/Other at {COMMIT}: the hub knows no such data set"


def test_offline_one_line_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        fetch_dataset(DATASET, tmp_path / "circuits")
    message = str(caught.value)
    assert message.startswith("somebody/Circuits: HF_HUB_OFFLINE is set") and "\n" not in message
    assert f"hf download somebody/Circuits --repo-type dataset --revision {COMMIT}" in message
    assert f"kind: circuitsense, path: {tmp_path / 'circuits'}" in message


def test_a_hub_out_of_reach_is_the_same_line_with_the_reason(serve: Hub, tmp_path: Path) -> None:
    serve.shutdown()
    serve.server_close()
    message = fetch(serve, tmp_path / "circuits")
    where = serve.url.removeprefix("http://")
    assert message.startswith(f"somebody/Circuits: the hub cannot be reached: {where}: Connection refused, and ")
    assert f"hf download somebody/Circuits --repo-type dataset --revision {COMMIT}" in message


def test_a_folder_of_another_commit_is_not_mixed_with_this_one(tmp_path: Path) -> None:
    folder = tmp_path / "circuits"
    shutil.copytree(SAMPLE, folder)
    other = {"repository": DATASET.repository, "revision": "f" * 40, "patterns": ["Analysis/*"]}
    (folder / RECORD).write_text(json.dumps(other))
    with pytest.raises(SourceError, match=f"holds somebody/Circuits at {'f' * 40}; move it away"):
        fetch_dataset(DATASET, folder)
