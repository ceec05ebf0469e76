"""Whether the Hugging Face hub can be reached: asked once a process, answered in seconds.

huggingface_hub and transformers try every file six times, a minute and a dozen lines, before they say that a name is not known. Here one
connection is tried for three seconds, to the hub ($HF_ENDPOINT) or to the proxy that stands before it. A slow network opens one in that
time, whatever it takes for the rest. Where none opens, the libraries are told what HF_HUB_OFFLINE=1 would have told them: what is in the
cache is used at once, and what is not fails at once.
"""

from __future__ import annotations

import functools
import os
import queue
import socket
import threading
import urllib.parse
import urllib.request
from typing import Any

SECONDS = 3.0
_PORTS = {"http": 80, "https": 443}


@functools.cache
def why_offline() -> str:
    """Why the hub is not to be asked for anything; empty where it can be."""
    from huggingface_hub import constants

    if constants.is_offline_mode():
        return "HF_HUB_OFFLINE is set"
    fault = _fault(*_first_hop(constants.ENDPOINT))
    if not fault:
        return ""
    # The variable is read when the library is imported, which it is by now; the processes that this one starts read it anew.
    os.environ["HF_HUB_OFFLINE"] = "1"
    constants.HF_HUB_OFFLINE = True
    return f"the hub cannot be reached: {fault}"


def _first_hop(address: str) -> tuple[str, int]:
    """Host and port that a request to that address connects to: its own, or those of the proxy that the environment names."""
    url = urllib.parse.urlsplit(address)
    proxies = {} if urllib.request.proxy_bypass(url.hostname or "") else urllib.request.getproxies()
    proxy = proxies.get(url.scheme) or proxies.get("all")
    if proxy:
        url = urllib.parse.urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    return url.hostname or "", url.port or _PORTS.get(url.scheme, 1080)


def _fault(host: str, port: int) -> str:
    """What keeps a connection from being opened within the time; empty where one is."""
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    # A thread, because looking a name up knows no time limit; it ends with the process.
    threading.Thread(target=_connect, args=(host, port, told), daemon=True).start()
    try:
        return told.get(timeout=SECONDS)
    except queue.Empty:
        return f"{host}:{port} does not answer within {SECONDS:g} s"


def _connect(host: str, port: int, told: queue.SimpleQueue[str]) -> None:
    """Try all addresses of the host at once: where IPv6 leads nowhere, IPv4 is as quick as ever."""
    faults: list[str] = []

    def reach(address: tuple[Any, ...]) -> None:
        try:
            socket.create_connection(address[:2], timeout=SECONDS).close()
            told.put("")
        except OSError as error:
            faults.append(f"{host}:{port}: {error.strerror or error}")

    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        told.put(f"{host}: {getattr(error, 'strerror', None) or error}")
        return
    tries = [threading.Thread(target=reach, args=(address,), daemon=True) for *_, address in found]
    for one in tries:
        one.start()
    for one in tries:
        one.join()
    told.put(next(iter(faults), ""))
