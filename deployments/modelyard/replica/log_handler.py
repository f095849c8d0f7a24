"""Writes what this process logs or prints to the replica's own file: records of the model, of modelyard and of Ray."""

import io
import logging
import os
import sys
import traceback
from pathlib import Path

from modelyard.inference.running_requests import request_ids
from modelyard.replica_files.log_records import LogRecord
from modelyard.replica_files.paths import ReplicaFiles, open_private
from modelyard.runtimes.operator_code.folder import with_original_paths
from modelyard.runtimes.operator_code.package import plain_name

MAX_FILE_BYTES = 16 * 2**20
"""A larger file is rotated to `.1`."""
MAX_LOGS = 20
"""Replicas of a model whose logs are kept, including this one; the oldest logs are removed."""
NON_PROPAGATING = ("ray", "ray.serve")
"""Loggers of Ray that do not pass their records to the root logger."""


class ReplicaLogHandler(logging.Handler):
    """Writes each record with one system call."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        super().__init__()
        self._path = path
        self._descriptor = open_private(path)
        self._bytes = os.fstat(self._descriptor).st_size

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; drop it if it cannot be formatted or written."""
        try:
            encoded = log_line(record).to_json()
            self._bytes += os.write(self._descriptor, encoded)
            if self._bytes > MAX_FILE_BYTES:
                self._rotate()
        except Exception:  # noqa: BLE001 - a logging error must not fail the request, and standard error leads back here
            return

    def _rotate(self) -> None:
        self._path.replace(self._path.with_suffix(".jsonl.1"))
        os.close(self._descriptor)
        self._descriptor, self._bytes = open_private(self._path), 0


class LoggedStream(io.TextIOBase):
    """Replaces standard output or error: logs each line as a record."""

    def __init__(self, name: str, level: int) -> None:
        super().__init__()
        self._logger = logging.getLogger(name)
        self._level = level
        self._partial_line = ""

    def writable(self) -> bool:
        """See io."""
        return True

    def write(self, text: str) -> int:
        """Log all complete lines."""
        *lines, self._partial_line = (self._partial_line + text).split("\n")
        for line in lines:
            if line:
                self._logger.log(self._level, "%s", line)
        return len(text)

    def flush(self) -> None:
        """Log the partial line."""
        if self._partial_line:
            self.write("\n")


def log_line(record: logging.LogRecord) -> LogRecord:
    """A record as a line of the log. Paths of copied operator files are replaced by their originals in the repository."""
    try:
        message = record.getMessage()
    except Exception:  # noqa: BLE001 - the arguments do not fit the format
        message = f"{record.msg} {record.args}"
    text = "".join(traceback.format_exception(*record.exc_info)) if record.exc_info else ""
    requests = getattr(record, "requests", None) or request_ids()
    return LogRecord(
        record.created,
        record.levelname,
        plain_name(record.name),
        with_original_paths(message),
        tuple(requests),
        with_original_paths(text),
    )


def open_log(files: ReplicaFiles) -> None:
    """Start to log to the replica's file. Raises OSError."""
    handler = ReplicaLogHandler(files.log)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(min(root.level or logging.WARNING, logging.INFO))
    for name in NON_PROPAGATING:
        logger = logging.getLogger(name)
        if not logger.propagate:
            logger.addHandler(handler)
    # Replaces those of Serve, which write only to its own log.
    sys.stdout, sys.stderr = LoggedStream("stdout", logging.INFO), LoggedStream("stderr", logging.INFO)
    _remove_old(files)


def _remove_old(files: ReplicaFiles) -> None:
    """Another replica may do the same at the same time."""
    logs = sorted(files.log.parent.glob("*.jsonl"), key=_modified)
    for path in logs[:-MAX_LOGS]:
        for each in path.parent.glob(f"{path.stem}.*"):
            each.unlink(missing_ok=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
