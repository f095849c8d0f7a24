"""Loads gRPC servers with h2load, which sends a prepared frame. A gRPC client checks one response first."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median, quantiles
from urllib.parse import urlsplit

import grpc

from benchmarks.load import Load, LoadError, Request
from modelyard.protocols.grpc.frames import PREFIX

CALL_TIMEOUT_S = 5
IN_FLIGHT = 64
FAILURES = ("failed", "errored", "timeout")


def require() -> None:
    """Raises LoadError if h2load is not installed."""
    if shutil.which("h2load") is None:
        raise LoadError("h2load is not installed; on Debian and Ubuntu: apt-get install nghttp2-client")


def call(url: str, request: Request) -> bytes | None:
    """The response message, received with a gRPC client; None if the call fails."""
    parts = urlsplit(url)
    with grpc.insecure_channel(parts.netloc) as channel:
        method = channel.unary_unary(parts.path)
        try:
            response: bytes = method(request.body.read_bytes()[PREFIX.size :], timeout=CALL_TIMEOUT_S)
        except grpc.RpcError:
            return None
    return response


def run(url: str, request: Request, *, connections: int, seconds: float) -> Load:
    """Load the method from one thread, with IN_FLIGHT calls over all connections, for whole seconds, at least one."""
    response = call(url, request)
    if response is None:
        raise LoadError(f"{url} does not respond")
    duration = max(1, round(seconds))
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "calls"
        options = [
            "-t1",
            f"-c{connections}",
            f"-m{IN_FLIGHT // connections}",
            f"-D{duration}",
            f"--log-file={log}",
            f"--data={request.body}",
        ]
        headers = [word for header in request.headers for word in ("-H", header)]
        command = ["h2load", *options, *headers, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise LoadError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip()}")
        times = [int(line.split("\t")[2]) for line in log.read_text().splitlines()]
    return parse(done.stdout, times, duration_s=duration, response_bytes=PREFIX.size + len(response))


def parse(output: str, times_us: Sequence[int], *, duration_s: float, response_bytes: int) -> Load:
    """The result of a load of `duration_s`. Raises LoadError for any failed call, and if no call succeeded.

    A failed gRPC call has the HTTP status 200 but no message, so the bytes of the messages are checked too.
    """
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (\w+)", _line(output, "requests: "))}
    statuses = {kind: int(count) for count, kind in re.findall(r"(\d+) (\dxx)", _line(output, "status codes: "))}
    (data_bytes,) = map(int, re.findall(r"\((\d+)\) data", _line(output, "traffic: ")))
    succeeded = counts["succeeded"]
    failed = {kind: counts[kind] for kind in FAILURES if counts[kind]}
    if failed or not succeeded or statuses["2xx"] != counts["done"]:
        kinds = (
            ", ".join(f"{count} {kind}" for kind, count in failed.items()) or "no responses, or not all of them 2xx,"
        )
        raise LoadError(f"{kinds} with {succeeded} calls succeeded")
    if data_bytes < succeeded * response_bytes:
        raise LoadError(
            f"{data_bytes} bytes of messages in {succeeded} responses of {response_bytes}: some calls failed"
        )
    return Load(
        requests=succeeded,
        requests_per_s=succeeded / duration_s,
        p50_ms=median(times_us) / 1000,
        p99_ms=quantiles(times_us, n=100, method="inclusive")[98] / 1000,
    )


def _line(output: str, start: str) -> str:
    for line in output.splitlines():
        if line.startswith(start):
            return line
    raise LoadError(f"h2load's output has no line {start!r}: {output}")
