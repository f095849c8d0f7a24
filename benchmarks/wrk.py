"""Loads HTTP/1.1 servers with wrk. Its scripts send the requests."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.load import Load, LoadError, Request

ONE, MANY = (Path(__file__).with_name(name) for name in ("post.lua", "many.lua"))
"""The scripts for one request, and for a list of requests."""
ERRORS = ("connect", "read", "write", "status", "timeout")
"""The errors that wrk counts. `status` counts responses with 400 and above."""

TIMEOUT = "30s"
"""A slower response counts as an error. With wrk's default of 2 s, slow servers would fail instead of being measured."""


def require() -> None:
    """Raises LoadError if wrk is not installed."""
    if shutil.which("wrk") is None:
        raise LoadError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")


def run(url: str, request: Request, *, connections: int, seconds: float) -> Load:
    """Load the URL with one request, for a whole number of seconds, at least one."""
    return _run(url, ONE, [str(request.body), *request.headers], connections, seconds)


def run_many(url: str, requests: Path, *, connections: int, seconds: float) -> Load:
    """The same with a list of JSON requests. A line of the file is a path and a body, with a space between."""
    return _run(url, MANY, [str(requests)], connections, seconds)


def _run(url: str, script: Path, arguments: Sequence[str], connections: int, seconds: float) -> Load:
    """From one thread."""
    duration = f"-d{max(1, round(seconds))}s"
    options = ["-t1", f"-c{connections}", duration, "--timeout", TIMEOUT, "-s", str(script)]
    command = ["wrk", *options, url, "--", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return parse(done.stdout)


def parse(output: str) -> Load:
    """The result that post.lua prints. Raises LoadError for any failed request, and if no request succeeded."""
    summary = json.loads(output.strip().splitlines()[-1])
    failed = {kind: summary[kind] for kind in ERRORS if summary[kind]}
    if failed or not summary["requests"]:
        kinds = ", ".join(f"{count} {kind} errors" for kind, count in failed.items()) or "no responses"
        raise LoadError(f"{kinds} with {summary['requests']} requests completed")
    return Load(
        requests=summary["requests"],
        requests_per_s=summary["requests"] / summary["duration_us"] * 1e6,
        p50_ms=summary["p50_us"] / 1000,
        p99_ms=summary["p99_us"] / 1000,
    )
