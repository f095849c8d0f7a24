"""Replicas that started and died between two observations of Serve: only the files that they leave show that they were there."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from modelyard.replica_files.paths import ReplicaFiles, replicas_with_files

ENDED = ("exit", "watchdog")
"""The reasons in a record after which a process does not go on."""


class UnlistedDeaths:
    """Finds each of them once. Those of earlier runs of the server do not count."""

    def __init__(self, folder: Path) -> None:
        """`folder` is that of all replicas' files."""
        self._folder = folder
        self._known: set[str] = set()
        """Replicas that Serve has listed, or that had files before."""
        self.found: set[str] = set()
        """Replicas that were found. Serve may list one afterwards, for a moment."""
        with suppress(OSError):
            self._known = {replica for each in folder.iterdir() for replica in replicas_with_files(folder, each.name)}

    def find(self, applications: Iterable[str], listed: Iterable[str]) -> Iterator[ReplicaFiles]:
        """The files of replicas of these applications that have died. `listed` are the replicas that Serve lists now."""
        self._known.update(listed)
        for application in applications:
            for replica in replicas_with_files(self._folder, application) - self._known - self.found:
                files = ReplicaFiles(self._folder, application, replica)
                record = files.read_exit()
                if (record is not None and record.reason in ENDED) or files.read_fatal():
                    self.found.add(replica)
                    yield files
