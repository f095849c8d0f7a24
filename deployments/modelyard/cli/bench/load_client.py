"""Starts and reads client processes. They are processes of their own, so that the display takes no time from them."""

import base64
import json
import os
import subprocess
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from modelyard.cli.bench.windows import Window, beside

MAX_PROCESSES = 4
CORES_PER_PROCESS = 4
"""Cores of the machine for each client process: the server needs most of them."""
GRACE_S = 5.0
"""Besides the model's timeout: how long a request may take before the client gives up, and processes to end."""
MODULE = "modelyard.cli.bench.load_process"


@dataclass(frozen=True, slots=True)
class Address:
    """Where requests are sent."""

    url: str
    """Of the model's predict path."""
    timeout_s: float
    """The model's timeout."""
    tls: dict[str, str] | None = None
    """Files: `ca`, and perhaps `certificate` and `key` of the client."""


class LoadClient:
    """The processes of one load. It begins with the object and ends with `stop`."""

    def __init__(
        self,
        address: Address,
        bodies: Sequence[bytes],
        *,
        connections: int,
        warm_s: float,
        rate: float | None = None,
        processes: int | None = None,
    ) -> None:
        """`rate`: requests per second at random times; None: each connection sends as soon as it has a response."""
        self._timeout_s = address.timeout_s + GRACE_S
        self.sent = 0
        """Requests sent, of processes that have ended."""
        self._processes: list[subprocess.Popen[bytes]] = []
        shares = split(connections, processes or process_count(os.cpu_count() or 1, connections))
        for number, share in enumerate(shares):
            job = {
                **_endpoint(address),
                "bodies": [body.decode() for body in (*bodies[number:], *bodies[:number])],
                "connections": share,
                "rate": rate and rate * share / connections,
                "seed": number,
                "warm_s": warm_s,
                "timeout_s": self._timeout_s,
            }
            self._processes.append(_start(job))

    def warm_up(self) -> Window:
        """Wait for the end of the warm-up. Raises ChildProcessError."""
        return self.next_window()

    def measure(self, window_s: float) -> None:
        """Begin windows of this length."""
        for process in self._processes:
            _send(process, {"window_s": window_s})

    def next_window(self) -> Window:
        """Wait for the end of the window. Raises ChildProcessError."""
        return beside([_window(_line(process)) for process in self._processes])

    def stop(self) -> None:
        """End the load: wait for the responses that are due, for a limited time."""
        for process in self._processes:
            with suppress(OSError):  # it has ended
                _input(process).close()
            process.stdin = None
        for process in self._processes:
            self.sent += _finish(process, self._timeout_s + GRACE_S)
        self._processes = []


def process_count(cores: int, connections: int) -> int:
    """One client process for some cores of the machine, and at most one for each connection."""
    return max(1, min(MAX_PROCESSES, cores // CORES_PER_PROCESS, connections))


def split(total: int, parts: int) -> list[int]:
    """Nearly equal whole numbers with this sum."""
    return [total // parts + (index < total % parts) for index in range(parts)]


def _endpoint(address: Address) -> dict[str, Any]:
    parts = urlsplit(address.url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.hostname or ""
    return {"host": host, "port": port, "authority": parts.netloc, "path": parts.path, "tls": address.tls}


def _start(job: dict[str, Any]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", MODULE],  # -P: without the current folder, which may have modules of any name
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the command, which then ends the load
    )
    _send(process, job)
    return process


def _send(process: subprocess.Popen[bytes], document: dict[str, Any]) -> None:
    try:
        _input(process).write(json.dumps(document).encode() + b"\n")
        _input(process).flush()
    except BrokenPipeError:
        raise _ended(process) from None


def _input(process: subprocess.Popen[bytes]) -> Any:
    return process.stdin


def _line(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    line = process.stdout.readline() if process.stdout else b""
    if not line:
        raise _ended(process)
    document: dict[str, Any] = json.loads(line)
    return document


def _ended(process: subprocess.Popen[bytes]) -> ChildProcessError:
    text = process.stderr.read().decode(errors="replace").strip() if process.stderr else ""
    return ChildProcessError(
        f"a client process ended: {text.splitlines()[-1] if text else f'exit code {process.wait()}'}"
    )


def _window(line: dict[str, Any]) -> Window:
    latencies = array("d")
    latencies.frombytes(base64.b64decode(line["latencies"]))
    core = line["core"]
    return Window(line["elapsed_s"], latencies, line["errors"], core, core, line["peak"], line["late_s"])


def _finish(process: subprocess.Popen[bytes], timeout_s: float) -> int:
    """The number of requests that it has sent; 0 if it did not end by itself."""
    try:
        rest, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return 0
    lines = rest.splitlines()
    return int(json.loads(lines[-1]).get("sent", 0)) if lines else 0
