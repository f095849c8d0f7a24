"""What this process logs or prints goes to the replica's own file: the model's records, our own, and those of what is below."""

import io
import logging
import os
import sys
import traceback
from pathlib import Path

from modelyard.inference.running_requests import request_ids
from modelyard.replica_files.log_records import LogLine
from modelyard.replica_files.paths import ReplicaFiles, open_private
from modelyard.runtimes.operator_code.folder import originals
from modelyard.runtimes.operator_code.package import plain_name

LARGEST_BYTES = 16 * 2**20
"""A file that has grown past this is put aside as `.1`."""
MAX_LOGS = 20
"""Logs of a model's replicas, this one included; the oldest are removed."""
BELOW = ("ray", "ray.serve")
"""Loggers of Ray's that do not pass their records on to the root."""


class ReplicaLogHandler(logging.Handler):
    """Writes records as they come, each with one system call."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        super().__init__()
        self._path = path
        self._descriptor = open_private(path)
        self._bytes = os.fstat(self._descriptor).st_size

    def emit(self, record: logging.LogRecord) -> None:
        """See logging.Handler. A record that cannot be formatted or written is dropped."""
        try:
            encoded = log_line(record).encoded()
            self._bytes += os.write(self._descriptor, encoded)
            if self._bytes > LARGEST_BYTES:
                self._begin_anew()
        except Exception:  # noqa: BLE001 - logging must not fail the request; standard error leads back here
            return

    def _begin_anew(self) -> None:
        self._path.replace(self._path.with_suffix(".jsonl.1"))
        os.close(self._descriptor)
        self._descriptor, self._bytes = open_private(self._path), 0


class LoggedStream(io.TextIOBase):
    """Stands in for standard output or error: each line is a record."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__()
        self._logger = logging.getLogger(name)
        self._level = level
        self._begun = ""

    def writable(self) -> bool:
        """See io."""
        return True

    def write(self, text: str) -> int:
        """Log the lines that are whole."""
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line:
                self._logger.log(self._level, "%s", line)
        return len(text)

    def flush(self) -> None:
        """Log what has begun."""
        if self._begun:
            self.write("\n")


def log_line(record: logging.LogRecord) -> LogLine:
    """A record, with an ordinary traceback; a version's copied files have the repository's path in it."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - arguments that do not fit the format
        message = f"{record.msg} {record.args}"
    text = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
    requests = getattr(record, "requests", None) or request_ids()
    return LogLine(
        record.created, record.levelname, plain_name(record.name), originals(message), tuple(requests), originals(text)
    )


def open_log(files: ReplicaFiles) -> None:
    """Log to the replica's file from now on. Raises OSError."""
    handler = ReplicaLogHandler(files.log)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level or logging.WARNING, logging.INFO))
    for name in BELOW:
        below = logging.getLogger(name)
        if not below.propagate:
            below.addHandler(handler)
    # Serve has put its own in their place, which write to its log alone.
    sys.stdout, sys.stderr = LoggedStream("stdout", logging.INFO), LoggedStream("stderr", logging.INFO)
    _remove_old(files)


def _remove_old(files: ReplicaFiles) -> None:
    logs = sorted(files.log.parent.glob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    for path in logs[:-KEPT]:
        for each in path.parent.glob(f"{path.stem}.*"):
            each.unlink(missing_ok=True)
