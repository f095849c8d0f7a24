"""The load program for gRPC: h2load, which sends a prepared frame; and a real client, which looks at one answer first."""

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

ASK_S = 5
IN_FLIGHT = 64
FAILURES = ("failed", "errored", "timeout")


def require() -> None:
    """Raises LoadError where h2load is not installed."""
    if shutil.which("h2load") is None:
        raise LoadError("h2load is not installed; on Debian and Ubuntu: apt-get install nghttp2-client")


def ask(url: str, request: Request) -> bytes | None:
    """The answer's message, got by gRPC's own client; None where the call fails."""
    parts = urlsplit(url)
    with grpc.insecure_channel(parts.netloc) as channel:
        call = channel.unary_unary(parts.path)
        try:
            answer: bytes = call(request.body.read_bytes()[PREFIX.size :], timeout=ASK_S)
        except grpc.RpcError:
            return None
    return answer


def run(url: str, request: Request, *, connections: int, seconds: float) -> Load:
    """Load the method from one thread, with IN_FLIGHT calls over all connections, for whole seconds, at least one."""
    answer = ask(url, request)
    if answer is None:
        raise LoadError(f"{url} does not answer")
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
    return parse(done.stdout, times, duration_s=duration, answer_bytes=PREFIX.size + len(answer))


def parse(output: str, times_us: Sequence[int], *, duration_s: float, answer_bytes: int) -> Load:
    """What h2load saw in `duration_s`. Raises LoadError for any failed call, and for none answered.

    A call that gRPC says has failed is a 200 for HTTP, but brings no message: so the messages' bytes are counted too.
    """
    counts = {kind: int(count) for count, kind in re.findall(r"(\d+) (\w+)", _line(output, "requests: "))}
    statuses = {kind: int(count) for count, kind in re.findall(r"(\d+) (\dxx)", _line(output, "status codes: "))}
    (data_bytes,) = map(int, re.findall(r"\((\d+)\) data", _line(output, "traffic: ")))
    answered = counts["succeeded"]
    failed = {kind: counts[kind] for kind in FAILURES if counts[kind]}
    if failed or not answered or statuses["2xx"] != counts["done"]:
        kinds = ", ".join(f"{count} {kind}" for kind, count in failed.items()) or "no answers, or not all of them 2xx,"
        raise LoadError(f"{kinds} with {answered} calls answered")
    if data_bytes < answered * answer_bytes:
        raise LoadError(
            f"{data_bytes} bytes of messages in {answered} answers of {answer_bytes}: some calls have failed"
        )
    return Load(
        requests=answered,
        requests_per_s=answered / duration_s,
        p50_ms=median(times_us) / 1000,
        p99_ms=quantiles(times_us, n=100, method="inclusive")[98] / 1000,
    )


def _line(output: str, start: str) -> str:
    for line in output.splitlines():
        if line.startswith(start):
            return line
    raise LoadError(f"h2load said nothing of {start!r}: {output}")
