"""What replicas log, from Ray's own files: of the running server, or else of the last one."""

import re
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from deployments.cli.places import places_of
from deployments.control.applications import MODEL_DEPLOYMENT
from deployments.spec.load import Config

POLL_S = 0.5


def replica_logs(config: Config, name: str) -> list[Path]:
    """The log files of a model's replicas, oldest first. Serve names them replica_<app>_<deployment>_<id>.log."""
    places = places_of(config)
    running = places.ray / "session_latest" / "logs" / "serve"
    folder = running if running.exists() else places.state / "logs"
    # The id holds no underscore; a model's name may, and may even read like another's with a deployment behind it.
    of_this_model = re.compile(rf"replica_{re.escape(name)}_{MODEL_DEPLOYMENT}_[^_]+\.log")
    found = [path for path in folder.glob("replica_*.log") if of_this_model.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.stat().st_mtime)


def tail(path: Path, lines: int) -> str:
    """The last lines of a file."""
    with path.open(errors="replace") as file:
        return "".join(deque(file, maxlen=lines)).rstrip("\n")


class Follower:
    """Reads what is written to a model's logs from now on, by replicas that start later too."""

    def __init__(self, config: Config, name: str) -> None:
        self._config = config
        self._name = name
        self._read = {path.name: path.stat().st_size for path in replica_logs(config, name)}
        """How many bytes of each file are done with. By name: the files move when the server stops."""

    def new(self) -> str:
        """The whole lines that have come since the last call; "" for none."""
        return "".join(self._new_in(path) for path in replica_logs(self._config, self._name))

    def _new_in(self, path: Path) -> str:
        with path.open("rb") as file:
            start = self._read.get(path.name, 0)
            if start > path.stat().st_size:
                start = 0  # Serve began the file anew when it had grown large
            file.seek(start)
            lines, end, _ = file.read().rpartition(b"\n")
        self._read[path.name] = start + len(lines) + len(end)
        return (lines + end).decode(errors="replace")


def follow_logs(config: Config, name: str, show: Callable[[str], None]) -> None:
    """Show what is written from now on, until interrupted."""
    follower = Follower(config, name)
    while True:
        if text := follower.new():
            show(text.rstrip("\n"))
        time.sleep(POLL_S)
