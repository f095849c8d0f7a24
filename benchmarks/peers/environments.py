"""Installs each peer from PyPI into a virtual environment of its own, at the versions of its lock."""

import hashlib
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.subjects import ROOT

PINS = Path(__file__).with_name("pins")
ENVIRONMENTS = ROOT / ".venv" / "peers"
STAMP = ".lock-digest"
"""The digest of the lock that is installed."""

Run = Callable[[list[str]], None]


class InstallError(Exception):
    """A peer cannot be installed. The message is the last line of pip's output."""


def install(name: str, folder: Path = ENVIRONMENTS, pins: Path = PINS, run: Run | None = None) -> Path:
    """The environment of the peer, installed if its lock has changed since. Raises InstallError."""
    lock, environment = pins / f"{name}.lock", folder / name
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    stamp = environment / STAMP
    if stamp.exists() and stamp.read_text() == digest:
        return environment
    print(f"installing {name}", file=sys.stderr, flush=True)
    shutil.rmtree(environment, ignore_errors=True)
    run = run or _run
    run([sys.executable, "-m", "venv", str(environment)])
    run([str(environment / "bin" / "pip"), "install", "--quiet", "--require-hashes", "-r", str(lock)])
    stamp.write_text(digest)
    return environment


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise InstallError(lines[-1])


def versions(name: str, pins: Path = PINS) -> Mapping[str, str]:
    """The versions of the packages that the peer's `.in` file names."""
    wanted = re.findall(r"^([\w.-]+)", (pins / f"{name}.in").read_text(), re.M)
    locked = dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([\w.+!-]+)", (pins / f"{name}.lock").read_text(), re.M))
    return {package: locked[package] for package in wanted}
