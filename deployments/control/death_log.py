"""Deaths of replicas on disk, for `modelyard status`: a line of JSON each, in the state folder."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from deployments.serving.replica_files import open_private

FILE = "deaths.jsonl"
MOST_BYTES = 2**20
RECENT_S = 86_400.0
"""What `status` tells of."""
MOST_IDS = 5
"""Requests that are named on one line."""


@dataclass(frozen=True, slots=True)
class Death:
    """A replica that died."""

    at: float
    """Unix time at which it was noticed, a few seconds later at most."""
    model: str
    replica: str
    reason: str
    """One of `monitoring.metrics.DEATH_REASONS`."""
    detail: str
    requests: Sequence[str] = ()
    """The ids of those that it had and that are lost."""

    @property
    def line(self) -> str:
        """For the terminal."""
        return f"{self.model}: replica {self.replica} died: {self.detail}{lost_text(self.requests)}"

    @property
    def time(self) -> str:
        """ISO 8601, UTC."""
        return datetime.fromtimestamp(self.at, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def lost_text(requests: Sequence[str]) -> str:
    """Which requests are lost with a replica."""
    if not requests:
        return "; it is not known to have had a request"
    more = f" and {len(requests) - MOST_IDS} more" if len(requests) > MOST_IDS else ""
    return f"; it had {len(requests)} request{'s' * (len(requests) > 1)} ({', '.join(requests[:MOST_IDS])}{more})"


class DeathLog:
    """The file; one process writes it."""

    def __init__(self, state: Path) -> None:
        self._path = state / FILE

    def add(self, death: Death) -> None:
        """Append one. Raises OSError."""
        if self._path.exists() and self._path.stat().st_size > MOST_BYTES:
            self._path.replace(self._path.with_suffix(".jsonl.1"))
        descriptor = open_private(self._path)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            file.write(orjson.dumps(asdict(death), option=orjson.OPT_APPEND_NEWLINE))

    def recent(self, now: float) -> dict[str, list[Death]]:
        """Those of the last day by model, oldest first."""
        found: dict[str, list[Death]] = {}
        with suppress(FileNotFoundError):
            for line in self._path.read_bytes().splitlines():
                with suppress(ValueError, TypeError):  # a line that a full disk cut short
                    death = Death(**orjson.loads(line))
                    if now - death.at <= RECENT_S:
                        found.setdefault(death.model, []).append(death)
        return found


def summary(deaths: Sequence[Death]) -> str:
    """What `status` says of a model's, which are at least one."""
    last = deaths[-1]
    count = "1 replica has" if len(deaths) == 1 else f"{len(deaths)} replicas have"
    return f"{count} died within a day, the last at {last.time}: {last.detail}{lost_text(last.requests)}"
