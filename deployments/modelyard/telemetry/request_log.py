"""The request log of a model: selects the requests to log, and writes `replica_files.request_records`. It contains no payloads.

On the request path, a record is only appended to a list. `flush` encodes and writes the records once a second, in another thread.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import random

from modelyard.replica_files.request_records import RequestRecord, append_lines, encode_record, request_log_path

logger = logging.getLogger(__name__)

FAILURE_CODES = frozenset(("error", "timeout"))
MAX_PENDING_RECORDS = 100_000
"""Records that wait to be written. Beyond this, on a disk that is too slow, records are dropped."""


@dataclass(frozen=True, slots=True)
class RequestLogConfig:
    """Which requests are logged, and where."""

    folder: Path
    share: float
    """Share of successful requests to log, 0 to 1. Failed and slow requests are always logged."""
    slow_s: float = inf
    """Requests that take at least this long are slow."""
    behind_edge: bool = False
    """Whether clients connect through the edge. Only then is the header with the client's address trusted."""
    replica: str = ""
    """The replica's id."""


class RequestLog:
    """The request log of one model in one replica. Other replicas append to the same file."""

    def __init__(
        self,
        model: str,
        config: RequestLogConfig,
        *,
        now: Callable[[], float] = time.time,
        random_value: Callable[[], float] = random,
    ) -> None:
        self.share = config.share
        """See RequestLogConfig."""
        self.now = now
        """The clock of `RequestRecord.at`."""
        self.slow_s = config.slow_s
        """See RequestLogConfig."""
        self.behind_edge = config.behind_edge
        """See RequestLogConfig."""
        self._model = model
        self._replica = config.replica
        self._path = request_log_path(config.folder, model)
        self._random_value = random_value
        self._pending: list[RequestRecord] = []
        self._failing = False

    def should_record(self, code: str, total_s: float) -> bool:
        """Whether to log a request with this code and duration."""
        return code in FAILURE_CODES or total_s >= self.slow_s or self._random_value() < self.share

    def add(self, record: RequestRecord) -> None:
        """Queue a record for `flush`."""
        if len(self._pending) < MAX_PENDING_RECORDS:
            self._pending.append(record)

    def flush(self) -> None:
        """Append the queued records to the file. If that fails, they stay in the queue."""
        records = self._pending[:]
        if not records:
            return
        try:
            append_lines(self._path, b"".join(encode_record(self._model, record, self._replica) for record in records))
        except OSError as error:
            if not self._failing:
                logger.warning("cannot write %s: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False
            del self._pending[: len(records)]
