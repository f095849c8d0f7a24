"""Runs `promtool`, and `prometheus` as a temporary server."""

import http.client
import json
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

START_S = 60.0
Sample = tuple[float, str]
Series = Mapping[str, Any]


def program(name: str) -> str:
    """The path of `prometheus` or `promtool`: from PATH, or from the folder that the Makefile installs into."""
    found = shutil.which(name) or shutil.which(name, path=str(Path(sys.executable).parent))
    if not found:
        raise FileNotFoundError(
            f"no {name}: `make test` gets it from Debian's package, see .prometheus in the Makefile"
        )
    return found


class QueryFailed(Exception):
    """Prometheus rejected a query; the argument is the reason."""


class Prometheus:
    """A server on a free port, over a folder of blocks; a context manager."""

    def __init__(self, folder: Path, config: Path, *flags: str) -> None:
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        arguments = (
            f"--config.file={config}",
            f"--storage.tsdb.path={folder}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--storage.tsdb.retention.time=100y",
            *flags,
        )
        self._log = (folder.parent / f"{folder.name}.log").open("wb")
        self._process = subprocess.Popen([program("prometheus"), *arguments], stdout=self._log, stderr=self._log)

    def __enter__(self) -> Self:
        deadline = time.monotonic() + START_S
        while not self._ready():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"prometheus did not start: {Path(self._log.name).read_text()}")
            time.sleep(0.05)
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(START_S)
        self._log.close()

    def at(self, expr: str, time_s: float | None = None) -> Sequence[Series]:
        """An instant query's series: `metric` (labels) and `value`. Raises QueryFailed."""
        return self._query("query", {"query": expr} | ({} if time_s is None else {"time": f"{time_s}"}))

    def over(self, expr: str, start: float, end: float, step_s: float) -> Sequence[Series]:
        """A range query's series: `metric` (labels) and `values`. Raises QueryFailed."""
        return self._query("query_range", {"query": expr, "start": start, "end": end, "step": step_s})

    def _query(self, kind: str, form: Mapping[str, object]) -> Sequence[Series]:
        headers = {"content-type": "application/x-www-form-urlencoded"}
        response = self._request("POST", f"/api/v1/{kind}", urlencode(form), headers)
        document = json.loads(response)
        if document["status"] != "success":
            raise QueryFailed(f"{document['error']}: {form['query']}")
        result = document["data"]["result"]
        if document["data"]["resultType"] == "scalar":
            return [{"metric": {}, "value": result}]
        return list(result)

    def _ready(self) -> bool:
        try:
            return b"Ready" in self._request("GET", "/-/ready")
        except OSError:
            return False

    def _request(self, method: str, path: str, body: str = "", headers: Mapping[str, str] | None = None) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body, dict(headers or {}))
            return connection.getresponse().read()
        finally:
            connection.close()


def load(openmetrics: Path, folder: Path) -> None:
    """Convert a file of samples with timestamps to blocks in `folder`."""
    command = [
        program("promtool"),
        "tsdb",
        "create-blocks-from",
        "openmetrics",
        "--quiet",
        str(openmetrics),
        str(folder),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
