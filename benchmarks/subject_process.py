"""Starts a subject, waits until it responds, stops it, and checks that none of its processes is left."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks import h2load
from benchmarks.load import Request
from benchmarks.processes import Process, descendants, snapshot
from benchmarks.subjects import ROOT, STOP_TIMEOUT_S, Subject, Target, environment

JSON = {"content-type": "application/json"}
REQUEST_TIMEOUT_S = 10
START_TIMEOUT_S = 180
EXIT_GRACE_S = 10
POLL_S = 0.02


class SubjectError(Exception):
    """A subject did not start, stopped by itself, or returned a wrong response."""


@dataclass(frozen=True, slots=True)
class Running:
    """A subject that responds."""

    pid: int
    """Of its first process."""
    started_s: float
    """From the command to the first right response of every target."""


@contextmanager
def running(subject: Subject, folder: Path) -> Iterator[Running]:
    """Run the subject, and yield when it responds. Its output is in `log` in the folder."""
    process = launch(subject, folder / "log")
    try:
        started_s = wait_until(process, folder / "log", lambda: all(map(responds_as_expected, subject.targets)))
        yield Running(process.pid, started_s)
    finally:
        stop(process, subject.stop_timeout_s)


def launch(subject: Subject, log: Path) -> subprocess.Popen[bytes]:
    """Start the subject in its own session, so that Ctrl-C ends only the benchmark, which then stops the subject."""
    with log.open("wb") as output:
        return subprocess.Popen(
            subject.command,
            cwd=ROOT,
            env=environment(subject),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def wait_until(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], bool]) -> float:
    """Seconds until `ready()`. Raises SubjectError with the end of the log if the process ends or START_TIMEOUT_S pass."""
    start = time.monotonic()
    while not ready():
        if process.poll() is not None:
            raise SubjectError(f"the server ended with {process.returncode}:\n{tail(log)}")
        if time.monotonic() - start > START_TIMEOUT_S:
            raise SubjectError(f"the server was not ready after {START_TIMEOUT_S} s:\n{tail(log)}")
        time.sleep(POLL_S)
    return time.monotonic() - start


def responds_as_expected(target: Target) -> bool:
    """Whether the subject responds. Raises SubjectError for a wrong response."""
    request = target.request
    body = h2load.call(target.url, request) if request.grpc else post(target.url, request)
    if body is None:
        return False
    result = request.read(body)
    if result != request.expected:
        raise SubjectError(f"{target.url} returned {result}, not {request.expected}")
    return True


def post(url: str, request: Request) -> bytes | None:
    """The response body; None if the status is not 200."""
    headers = dict(header.split(": ", 1) for header in request.headers)
    status, body = fetch(url, request.body.read_bytes(), headers)
    return body if status == 200 else None


def fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST if there is a body. Status 0 means that the connection failed."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(url, body, dict(headers)), timeout=REQUEST_TIMEOUT_S
        ) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def stop(process: subprocess.Popen[bytes], timeout_s: float = STOP_TIMEOUT_S, *, grace_s: float = EXIT_GRACE_S) -> None:
    """Stop the subject. Reports and kills the processes that it leaves behind."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        print(f"the server did not stop within {timeout_s:g} s", file=sys.stderr)
    deadline = time.monotonic() + grace_s
    while (left := living_children()) and time.monotonic() < deadline:
        time.sleep(POLL_S)
    if left:
        print(f"the server left behind: {', '.join(child.title for child in left)}", file=sys.stderr)
    while left:
        for child in left:
            with suppress(ProcessLookupError):
                os.kill(child.pid, signal.SIGKILL)
        time.sleep(POLL_S)
        left = living_children()
    process.wait()


def living_children() -> list[Process]:
    """All running descendants of this process, which has adopted orphans. Reaps those that have ended."""
    alive = []
    for child in descendants(snapshot(), os.getpid()):
        if child.state != "Z":
            alive.append(child)
        elif child.parent == os.getpid():
            os.waitpid(child.pid, os.WNOHANG)
    return alive


def free_port() -> int:
    """A free TCP port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 20) -> str:
    """The last lines of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
