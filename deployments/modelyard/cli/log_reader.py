"""What replicas logged, from their own files: of those that run, and of those that ran before them."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.load import Config
from modelyard.control.applications import replicas_folder
from modelyard.replica_files.log_records import LogLine, decoded
from modelyard.replica_files.paths import ReplicaFiles

POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records to show."""

    since: float = 0.0
    """Unix time."""
    rays: bool = False
    """Ray's own too."""

    def lines(self, records: Iterator[LogLine]) -> Iterator[str]:
        """Those records, for people."""
        return (each.shown() for each in records if each.at >= self.since and (self.rays or not each.is_rays))


def replica_logs(config: Config, name: str, *, replica: str = "", previous: bool = False) -> list[ReplicaFiles]:
    """A model's replicas that have logs on this machine, in the order in which they logged last.

    `replica` is the id of one, or how it begins. `previous` is the last one that has ended.
    """
    folder = replicas_folder(config)
    found = sorted((folder / name).glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    files = [ReplicaFiles(folder, name, path.stem) for path in found if path.stem.startswith(replica)]
    if previous:
        held = _open_files()
        return [each for each in files if _identity(each.log.stat()) not in held][-1:]
    return files


def _open_files() -> set[tuple[int, int]]:
    """What processes of this user have open: a replica holds its log open as long as it lives."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # it was closed meanwhile, or is another user's
            found.add(_identity(descriptor.stat()))
    return found


def _identity(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def records(path: Path) -> Iterator[LogLine]:
    """Those in a file, with those in the one that was put aside when it had grown large."""
    for each in (path.with_suffix(".jsonl.1"), path):
        if each.exists():
            with each.open("rb") as file:
                yield from (line for line in map(decoded, file) if line)


class Follower:
    """Reads what is written to a model's logs from now on, by replicas that start later too."""

    def __init__(self, config: Config, name: str, replica: str = "") -> None:
        self._wanted = config, name, replica
        self._read = {path: path.stat().st_size for path in self._logs()}
        """How many bytes of each file are done with."""

    def _logs(self) -> list[Path]:
        config, name, replica = self._wanted
        return [files.log for files in replica_logs(config, name, replica=replica)]

    def new(self) -> list[LogLine]:
        """The records that have come since the last call."""
        return [line for path in self._logs() for line in self._new_in(path)]

    def _new_in(self, path: Path) -> Sequence[LogLine]:
        with path.open("rb") as file:
            start = self._read.get(path, 0)
            if start > path.stat().st_size:
                start = 0  # it was begun anew when it had grown large
            file.seek(start)
            lines, end, _ = file.read().rpartition(b"\n")
        self._read[path] = start + len(lines) + len(end)
        return [line for line in map(decoded, lines.split(b"\n")) if line]


def follow_logs(follower: Follower, wanted: RecordFilter, show: Callable[[str], None]) -> None:
    """Show what is written from now on, until interrupted."""
    while True:
        for text in wanted.lines(iter(follower.new())):
            show(text)
        time.sleep(POLL_S)


def no_logs(config: Config, name: str, *, replica: str = "", previous: bool = False) -> str:
    """Why there is nothing to show."""
    address, folder = config.server.ray.address, replicas_folder(config) / name
    if replica:
        return f"no replica of {name!r} whose id begins with {replica!r} has a log in {folder}"
    if previous:
        return f"no replica of {name!r} has ended that left a log in {folder}"
    if address != "local":
        where = f"the cluster at {address}, and none on this machine"
        return f"the replicas of {name!r} run on {where}: look into {folder} of its nodes"
    return f"no logs of a model {name!r}"
