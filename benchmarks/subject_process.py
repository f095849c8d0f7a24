"""Start a subject, wait until it answers, stop it, and see that nothing of it is left."""

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
from pathlib import Path

from benchmarks import h2load
from benchmarks.load import Request
from benchmarks.processes import Process, descendants, snapshot
from benchmarks.subjects import ROOT, Subject, Target, environment

JSON = {"content-type": "application/json"}
ASK_S = 10
START_S = 180
STOP_S = 90  # modelyard drains for up to 75
LINGER_S = 10
POLL_S = 0.02


class SubjectError(Exception):
    """A subject that did not start, stopped by itself, or answered something else than the others."""


@contextmanager
def running(subject: Subject, folder: Path) -> Iterator[int]:
    """The pid of the subject's first process, while it runs and answers. Its output goes to `log` in the folder."""
    process = launch(subject, folder / "log")
    try:
        wait_until(process, folder / "log", lambda: all(map(answers_as_expected, subject.targets)))
        yield process.pid
    finally:
        stop(process)


def launch(subject: Subject, log: Path) -> subprocess.Popen[bytes]:
    """Start it in a session of its own: a Ctrl-C here is for the benchmark, which then stops its subject itself."""
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
    """Seconds until `ready()`. Raises SubjectError, with the end of its log, if it ends or takes START_S."""
    start = time.monotonic()
    while not ready():
        if process.poll() is not None:
            raise SubjectError(f"the server ended with {process.returncode}:\n{tail(log)}")
        if time.monotonic() - start > START_S:
            raise SubjectError(f"the server was not ready after {START_S} s:\n{tail(log)}")
        time.sleep(POLL_S)
    return time.monotonic() - start


def answers_as_expected(target: Target) -> bool:
    """Whether the subject answers; raises SubjectError where it answers wrongly, which would be no fair race."""
    request = target.request
    body = h2load.ask(target.url, request) if request.grpc else ask(target.url, request)
    if body is None:
        return False
    answer = request.read(body)
    if answer != request.expected:
        raise SubjectError(f"{target.url} answered {answer}, not {request.expected}")
    return True


def ask(url: str, request: Request) -> bytes | None:
    """The answer's body; None where the status is not 200."""
    headers = dict(header.split(": ", 1) for header in request.headers)
    status, body = fetch(url, request.body.read_bytes(), headers)
    return body if status == 200 else None


def fetch(url: str, body: bytes | None = None, headers: Mapping[str, str] = JSON) -> tuple[int, bytes]:
    """Status and body; POST if there is a request. Status 0 is nobody listening, or a connection that broke."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, dict(headers)), timeout=ASK_S) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def stop(process: subprocess.Popen[bytes], *, linger_s: float = LINGER_S) -> None:
    """Ask it to stop, and end by pid whatever is left of it; that is told, because a good server leaves nothing."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        print(f"the server did not stop within {STOP_S} s", file=sys.stderr)
    deadline = time.monotonic() + linger_s
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
    """Everything under this process that still runs. It has adopted the orphans, and buries those that ended."""
    living = []
    for child in descendants(snapshot(), os.getpid()):
        if child.state != "Z":
            living.append(child)
        elif child.parent == os.getpid():
            os.waitpid(child.pid, os.WNOHANG)
    return living


def free_port() -> int:
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tail(log: Path, lines: int = 20) -> str:
    """The end of a log."""
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
