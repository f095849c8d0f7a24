"""Which requests get a line in their model's file (`serving.request_lines`); nothing of their payload is in it.

On the request path a line is a tuple that is appended to a list. `write` makes lines of those, once a second, in another thread.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from pathlib import Path
from random import random

from modelyard.replica_files.request_records import RequestRecord, append, encoded, place_of

logger = logging.getLogger(__name__)

FAILED = frozenset(("error", "timeout"))
MOST_WAITING = 100_000
"""Lines that may wait; where the disk is that slow, what comes then is dropped."""


@dataclass(frozen=True, slots=True)
class LogPlace:
    """Where lines go, and which."""

    folder: Path
    share: float
    """Of the requests that did not fail: 0 writes none, 1 all of them. Those that failed or were slow are written always."""
    slow_s: float = inf
    """From how many seconds on a request is slow."""
    behind_edge: bool = False
    """Whether clients come through our edge, which alone says what their addresses are."""
    replica: str = ""
    """The replica's id."""


class RequestLog:
    """One model's, in one replica. Other replicas append to the same file."""

    def __init__(
        self, model: str, place: LogPlace, *, now: Callable[[], float] = time.time, draw: Callable[[], float] = random
    ) -> None:
        self.share = place.share
        """See LogPlace."""
        self.now = now
        """The clock of `RequestRecord.at`."""
        self.slow_s = place.slow_s
        """See LogPlace."""
        self.behind_edge = place.behind_edge
        """See LogPlace."""
        self._model = model
        self._replica = place.replica
        self._path = place_of(place.folder, model)
        self._draw = draw
        self._waiting: list[RequestRecord] = []
        self._failing = False

    def wants(self, code: str, total_s: float) -> bool:
        """Whether a request that ended so, after so many seconds, gets a line."""
        return code in FAILED or total_s >= self.slow_s or self._draw() < self.share

    def note(self, line: RequestRecord) -> None:
        """Write this, later."""
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(line)

    def write(self) -> None:
        """Append what waits; where that cannot be, it waits on."""
        lines = self._waiting[:]
        if not lines:
            return
        try:
            append(self._path, b"".join(encoded(self._model, line, self._replica) for line in lines))
        except OSError as error:
            if not self._failing:
                logger.warning("cannot write %s: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False
            del self._waiting[: len(lines)]
