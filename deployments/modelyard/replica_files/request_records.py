"""The request log on disk: one JSON line per request, one file per model. Several processes append to a file."""

import os
from pathlib import Path
from typing import NamedTuple

import orjson

from modelyard.text.timestamps import utc_timestamp

MAX_FILE_BYTES = 64 * 2**20
"""A larger file is renamed to `.1` and replaces the previous one."""
REPLICA_LOST = "ReplicaLost"
"""Outcome of a request whose replica ended before the response was complete."""
NO_REPLICA = "NoReplica"
"""Outcome of a request for which no replica was available."""


class RequestRecord(NamedTuple):
    """One request."""

    at: float
    """Unix time of its end."""
    request_id: str
    version: str
    protocol: str
    code: str
    rows: int
    queue_s: float
    compute_s: float
    total_s: float
    batch_rows: int
    body_bytes: int
    client: str = ""
    """The client's address as the edge saw it; "" without the edge."""
    outcome: str = "OK"
    """The reason for the code: OK, Cancelled, the name of an error class, ReplicaLost or NoReplica."""


def request_log_path(folder: Path, model: str) -> Path:
    """The file of a model's requests."""
    return folder / f"{model}.jsonl"


def encode_record(model: str, record: RequestRecord, replica: str) -> bytes:
    """The line of a request. JSON escapes control characters, so no value can end its line."""
    values = {
        "time": utc_timestamp(record.at, suffix="+00:00"),
        "request_id": record.request_id,
        "model": model,
        "version": record.version,
        "protocol": record.protocol,
        "code": record.code,
        "outcome": record.outcome,
        "rows": record.rows,
        "queue_ms": round(record.queue_s * 1e3, 3),
        "compute_ms": round(record.compute_s * 1e3, 3),
        "total_ms": round(record.total_s * 1e3, 3),
        "batch_rows": record.batch_rows,
        "bytes": record.body_bytes,
        "client": record.client,
        "replica": replica,
    }
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def append_lines(path: Path, lines: bytes) -> None:
    """Append whole lines to a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One write with O_APPEND, so that lines of different replicas do not mix.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(lines)
        size = file.tell()
    if size > MAX_FILE_BYTES:
        path.replace(path.with_suffix(".jsonl.1"))
