"""A line of JSON for requests, in a file a model: who asked what is not in it, and nothing of the payload.

On the request path a line is a tuple that is appended to a list. `write` makes lines of those, once a second, in another thread.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import random
from typing import Any, NamedTuple

import orjson

logger = logging.getLogger(__name__)

LARGEST_BYTES = 64 * 2**20
"""A file that has grown past this is put aside as `.1`, in the place of the one before it."""
FAILED = frozenset(("error", "timeout"))
MOST_WAITING = 100_000
"""Lines that may wait; where the disk is that slow, what comes then is dropped."""


class Line(NamedTuple):
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


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where lines go, and which."""

    folder: Path
    share: float
    """Of the requests that did not fail: 0 writes none, 1 all of them. Those that failed are written always."""


class RequestLog:
    """One model's, in one replica. Other replicas append to the same file."""

    def __init__(
        self, model: str, place: LogPlace, *, now: Callable[[], float] = time.time, draw: Callable[[], float] = random
    ) -> None:
        self.share = place.share
        """See LogPlace."""
        self.now = now
        """The clock of `Line.at`."""
        self._model = model
        self._path = place.folder / f"{model}.jsonl"
        self._draw = draw
        self._waiting: list[Line] = []
        self._failing = False

    def wants(self, code: str) -> bool:
        """Whether a request that ended so gets a line."""
        return code in FAILED or self._draw() < self.share

    def note(self, line: Line) -> None:
        """Write this, later."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)

    def write(self) -> None:
        """Append what waits; where that cannot be, it waits on."""
        lines = self._waiting[:]
        if not lines:
            return
        try:
            self._append(b"".join(self._line(line) for line in lines))
        except OSError as error:
            if not self._failing:
                logger.warning("cannot write %s: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False
            del self._waiting[: len(lines)]

    def _append(self, lines: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        # One write, at the end wherever that is by now: what other replicas write stays whole, and so does this.
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(lines)
            size = file.tell()
        if size > LARGEST_BYTES:
            self._path.replace(self._path.with_suffix(".jsonl.1"))

    def _line(self, line: Line) -> bytes:
        """JSON escapes control characters, so that nothing in a value can end its line."""
        told: dict[str, Any] = {
            "time": datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds"),
            "request_id": line.request_id,
            "model": self._model,
            "version": line.version,
            "protocol": line.protocol,
            "code": line.code,
            "rows": line.rows,
            "queue_ms": round(line.queue_s * 1e3, 3),
            "compute_ms": round(line.compute_s * 1e3, 3),
            "total_ms": round(line.total_s * 1e3, 3),
            "batch_rows": line.batch_rows,
            "bytes": line.body_bytes,
        }
        return orjson.dumps(told, option=orjson.OPT_APPEND_NEWLINE)
