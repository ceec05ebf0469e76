"""Without a network what is in the cache is used, and what is not is one line, at once; a slow network is a network."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.committed import DEFAULT_PARAMS

ROOT = Path(__file__).parents[1]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ASK = "from diagramlens.network import why_offline; print(why_offline()); print(why_offline())"
LOAD = f"""
from diagramlens.models.loading import load_model, load_processor, weights_fingerprint
from diagramlens.params import ModelEntry
entry = ModelEntry(family="qwen2-vl", source="somebody/Tiny", revision="{COMMIT}", min_pixels=3136, max_pixels=200704, micro_batch=1,
                   rate_scale=1.0, four_bit=False, gradient_checkpointing=False)
load_processor(entry)
print(load_model(entry).num_parameters(), weights_fingerprint(entry))
"""


@pytest.fixture
def listening() -> Iterator[int]:
    """A port where connections are taken and nothing is ever said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def run(*command: str, port: int, **changed: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, for the hub's address is read when its library is imported."""
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment = kept | {"HF_ENDPOINT": f"http://127.0.0.1:{port}", "HF_HUB_OFFLINE": "0"} | changed
    return subprocess.run(
        [sys.executable, *command], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def told(port: int, **changed: str) -> str:
    done = run("-c", ASK, port=port, **changed)
    first, second = done.stdout.splitlines()
    assert first == second and not done.stderr
    return first


def test_a_hub_that_takes_connections_and_answers_slowly_is_no_reason_to_do_without(listening: int) -> None:
    assert told(listening) == ""


def test_where_nobody_listens_the_address_is_named(closed: int) -> None:
    assert told(closed) == f"the hub cannot be reached: 127.0.0.1:{closed}: Connection refused"


def test_a_name_that_nobody_knows_is_named() -> None:
    assert told(0, HF_ENDPOINT="https://hub.invalid").startswith("the hub cannot be reached: hub.invalid: ")


def test_the_proxy_is_what_is_tried_where_one_stands_before_the_hub(listening: int, closed: int) -> None:
    proxied = {"HF_ENDPOINT": "http://hub.invalid", "no_proxy": ""}
    assert told(0, http_proxy=f"http://127.0.0.1:{listening}", **proxied) == ""
    assert f"127.0.0.1:{closed}: " in told(0, http_proxy=f"127.0.0.1:{closed}", **proxied)
    assert told(listening, http_proxy=f"http://127.0.0.1:{closed}", no_proxy="127.0.0.1") == ""


def test_what_the_environment_forbids_is_not_tried(listening: int) -> None:
    assert told(listening, HF_HUB_OFFLINE="1") == "HF_HUB_OFFLINE is set"


@pytest.mark.parametrize("offline", ["0", "1"])
def test_a_hub_model_that_is_not_there_is_one_line_that_says_what_to_do(
    closed: int, tmp_path: Path, offline: str
) -> None:
    command = ("-m", "diagramlens.cli", "inspect", "--model", "qwen2-vl-7b")
    done = run(*command, port=closed, HF_HUB_OFFLINE=offline, HF_HOME=str(tmp_path))
    assert done.returncode == 1 and done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("diagramlens inspect: model source Qwen/Qwen2-VL-7B-Instruct: ")
    assert "hf download Qwen/Qwen2-VL-7B-Instruct --revision " in line and line.endswith("--config FILE")


def test_what_is_in_the_cache_is_loaded_without_a_network_and_without_a_word(
    closed: int, tmp_path: Path, tiny_model_dir: Path
) -> None:
    shutil.copytree(tiny_model_dir, tmp_path / "hub" / "models--somebody--Tiny" / "snapshots" / COMMIT)
    done = run("-c", LOAD, port=closed, HF_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "Retrying" not in done.stderr and "requesting" not in done.stderr


def test_weights_that_are_not_in_the_cache_beside_their_configuration_are_one_line(
    closed: int, tmp_path: Path, tiny_model_dir: Path
) -> None:
    cached = tmp_path / "hub" / "models--somebody--Tiny" / "snapshots" / COMMIT
    shutil.copytree(tiny_model_dir, cached)
    for path in cached.glob("*.safetensors"):
        path.unlink()
    done = run("-c", LOAD, port=closed, HF_HOME=str(tmp_path))
    assert "Retrying" not in done.stderr
    assert "LoadingError: model source somebody/Tiny: weights cannot be loaded (" in done.stderr.splitlines()[-1]


def test_a_trial_of_a_hub_model_that_is_not_there_ends_before_torch_is_loaded(tmp_path: Path) -> None:
    text = DEFAULT_PARAMS.read_text(encoding="utf-8").replace("\nmodel: base", "\nmodel: qwen2-vl-2b")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    script = "import sys; from diagramlens.cli import main; print(main(['check', '--forward']), 'torch' in sys.modules)"
    environment = os.environ | {
        "HF_HUB_OFFLINE": "1",
        "HF_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": str(ROOT / "src"),
    }
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1 False\n"
    (line,) = done.stderr.splitlines()
    assert "Qwen/Qwen2-VL-2B-Instruct: its config.json cannot be read" in line
