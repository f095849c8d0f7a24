"""The load program for HTTP/1.1: wrk, told what to send by post.lua."""

import json
import shutil
import subprocess
from pathlib import Path

from benchmarks.load import Load, LoadError, Request

SCRIPT = Path(__file__).with_name("post.lua")
ERRORS = ("connect", "read", "write", "status", "timeout")
"""What wrk counts; `status` are answers of 400 and above."""

PATIENCE = "30s"
"""wrk takes a slow answer for an error after this; its own 2 s would disqualify slow servers instead of timing them."""


def require() -> None:
    """Raises LoadError where wrk is not installed."""
    if shutil.which("wrk") is None:
        raise LoadError("wrk is not installed; on Debian and Ubuntu: apt-get install wrk")


def run(url: str, request: Request, *, connections: int, seconds: float) -> Load:
    """Load the URL from one thread for whole seconds, at least one."""
    duration = f"-d{max(1, round(seconds))}s"
    options = ["-t1", f"-c{connections}", duration, "--timeout", PATIENCE, "-s", str(SCRIPT)]
    command = ["wrk", *options, url, "--", str(request.body), *request.headers]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LoadError(
            f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}"
        )
    return parse(done.stdout)


def parse(output: str) -> Load:
    """What post.lua reported in wrk's output. Raises LoadError for any failed request, and for none answered."""
    summary = json.loads(output.strip().splitlines()[-1])
    failed = {kind: summary[kind] for kind in ERRORS if summary[kind]}
    if failed or not summary["requests"]:
        kinds = ", ".join(f"{count} {kind} errors" for kind, count in failed.items()) or "no answers"
        raise LoadError(f"{kinds} with {summary['requests']} requests answered")
    return Load(
        requests=summary["requests"],
        requests_per_s=summary["requests"] / summary["duration_us"] * 1e6,
        p50_ms=summary["p50_us"] / 1000,
        p99_ms=summary["p99_us"] / 1000,
    )
