"""The log of requests on disk: a line of JSON for a request, in a file a model, to which several processes append."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import orjson

LARGEST_BYTES = 64 * 2**20
"""A file that has grown past this is put aside as `.1`, in the place of the one before it."""
REPLICA_LOST = "ReplicaLost"
"""The outcome of a request whose replica ended before its answer was complete."""
NO_REPLICA = "NoReplica"
"""The outcome of a request for which there was no replica."""


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
    """Its address, as the edge saw it; "" where no edge of ours is in front."""
    outcome: str = "OK"
    """The reason of the code: OK, Cancelled, the name of an error's class, ReplicaLost or NoReplica."""


def place_of(folder: Path, model: str) -> Path:
    """The file of a model's lines."""
    return folder / f"{model}.jsonl"


def encoded(model: str, line: RequestRecord, replica: str) -> bytes:
    """The line. JSON escapes control characters, so that nothing in a value can end its line."""
    values = {
        "time": datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds"),
        "request_id": line.request_id,
        "model": model,
        "version": line.version,
        "protocol": line.protocol,
        "code": line.code,
        "outcome": line.outcome,
        "rows": line.rows,
        "queue_ms": round(line.queue_s * 1e3, 3),
        "compute_ms": round(line.compute_s * 1e3, 3),
        "total_ms": round(line.total_s * 1e3, 3),
        "batch_rows": line.batch_rows,
        "bytes": line.body_bytes,
        "client": line.client,
        "replica": replica,
    }
    return orjson.dumps(values, option=orjson.OPT_APPEND_NEWLINE)


def append(path: Path, lines: bytes) -> None:
    """Add whole lines at the end of a file. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # One write, at the end wherever that is by now: what other replicas write stays whole, and so does this.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "wb", buffering=0) as file:
        file.write(lines)
        size = file.tell()
    if size > LARGEST_BYTES:
        path.replace(path.with_suffix(".jsonl.1"))
