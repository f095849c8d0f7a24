"""Reads the logs of running and ended replicas from their files."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from modelyard.config.load import Config
from modelyard.control.applications import replicas_folder
from modelyard.replica_files.log_records import LogRecord, parse_record
from modelyard.replica_files.paths import ReplicaFiles

POLL_S = 0.5


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records to show."""

    since: float = 0.0
    """Unix time."""
    include_ray: bool = False
    """Also records of Ray and the web server."""

    def lines(self, records: Iterator[LogRecord]) -> Iterator[str]:
        """The selected records as text."""
        return (
            each.to_text()
            for each in records
            if each.at >= self.since and (self.include_ray or not each.is_from_framework)
        )


def application_of(config: Config, model: str) -> str:
    """The application whose replicas run a model: its pool's, or its own, which has its name."""
    spec = next((each for each in config.models if each.name == model), None)
    pool = config.pool_of(spec) if spec else None
    return pool.application if pool else model


def replica_logs(config: Config, name: str, *, replica: str = "", previous: bool = False) -> list[ReplicaFiles]:
    """The replicas of an application that have logs on this machine, sorted by their last record.

    `replica` selects replicas by id or id prefix, `previous` the last one that has ended.
    """
    folder = replicas_folder(config)
    found = sorted((folder / name).glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    files = [ReplicaFiles(folder, name, path.stem) for path in found if path.stem.startswith(replica)]
    if previous:
        open_files = _open_files()
        return [each for each in files if _device_and_inode(each.log.stat()) not in open_files][-1:]
    return files


def _open_files() -> set[tuple[int, int]]:
    """Files that processes of this user have open. A replica keeps its log open as long as it runs."""
    found = set()
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with suppress(OSError):  # closed meanwhile, or another user's
            found.add(_device_and_inode(descriptor.stat()))
    return found


def _device_and_inode(stat: os.stat_result) -> tuple[int, int]:
    return stat.st_dev, stat.st_ino


def records(path: Path) -> Iterator[LogRecord]:
    """The records of a log, including its rotated file."""
    for each in (path.with_suffix(".jsonl.1"), path):
        if each.exists():
            with each.open("rb") as file:
                yield from (line for line in map(parse_record, file) if line)


class Follower:
    """Reads records that are written from now on, also by replicas that start later."""

    def __init__(self, config: Config, name: str, replica: str = "") -> None:
        self._wanted = config, name, replica
        self._read = {path: path.stat().st_size for path in self._logs()}
        """Bytes of each file that were read."""

    def _logs(self) -> list[Path]:
        config, name, replica = self._wanted
        return [files.log for files in replica_logs(config, name, replica=replica)]

    def new(self) -> list[LogRecord]:
        """The records since the last call."""
        return [line for path in self._logs() for line in self._new_in(path)]

    def _new_in(self, path: Path) -> Sequence[LogRecord]:
        with path.open("rb") as file:
            start = self._read.get(path, 0)
            if start > path.stat().st_size:
                start = 0  # the file was rotated
            file.seek(start)
            lines, end, _ = file.read().rpartition(b"\n")
        self._read[path] = start + len(lines) + len(end)
        return [line for line in map(parse_record, lines.split(b"\n")) if line]


def follow_logs(follower: Follower, wanted: RecordFilter, show: Callable[[str], None]) -> None:
    """Show new records until interrupted."""
    while True:
        for text in wanted.lines(iter(follower.new())):
            show(text)
        time.sleep(POLL_S)


def no_logs(config: Config, name: str, *, replica: str = "", previous: bool = False) -> str:
    """Why there are no logs."""
    address, folder = config.server.ray.address, replicas_folder(config) / name
    if replica:
        return f"no replica of {name!r} with an id that starts with {replica!r} has a log in {folder}"
    if previous:
        return f"no ended replica of {name!r} has a log in {folder}"
    if address != "local":
        return f"no replica of {name!r} runs on this machine: see {folder} on the nodes of the cluster at {address}"
    return f"no logs of model {name!r}"
