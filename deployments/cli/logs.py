"""What replicas log, from Ray's own files: of the running server, or else of the last one."""

import time
from collections.abc import Callable
from pathlib import Path

from deployments.cli.places import places_of
from deployments.spec.load import Config

POLL_S = 0.5


def replica_logs(config: Config, name: str) -> list[Path]:
    """The log files of a model's replicas, oldest first. Serve names them replica_<app>_<deployment>_<id>.log."""
    places = places_of(config)
    running = places.ray / "session_latest" / "logs" / "serve"
    folder = running if running.exists() else places.state / "logs"
    found = folder.glob(f"replica_{name}_model_*.log")
    return sorted(found, key=lambda path: path.stat().st_mtime)


def tail(path: Path, lines: int) -> str:
    """The last lines of a file."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def follow_logs(config: Config, name: str, show: Callable[[str], None]) -> None:
    """Show what is written from now on, by replicas that start later too, until interrupted."""
    read = {path: path.stat().st_size for path in replica_logs(config, name)}
    while True:
        for path in replica_logs(config, name):
            with path.open("rb") as file:
                file.seek(read.get(path, 0))
                new = file.read()
            if new:
                read[path] = read.get(path, 0) + len(new)
                show(new.decode(errors="replace").rstrip("\n"))
        time.sleep(POLL_S)
