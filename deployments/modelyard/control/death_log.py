"""Deaths of replicas on disk, for `modelyard status`: a line of JSON each, in the state folder."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import orjson

from modelyard.control.append_file import AppendFile

FILE = "deaths.jsonl"
MAX_BYTES = 2**20
RECENT_S = 86_400.0
"""What `status` tells of."""
MAX_IDS = 5
"""Requests that are named on one line."""


@dataclass(frozen=True, slots=True)
class Death:
    """A replica that died."""

    at: float
    """Unix time at which it was noticed, a few seconds later at most."""
    model: str
    replica: str
    reason: str
    """One of `modelyard.telemetry.metrics.declarations.DEATH_REASONS`."""
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
    more = f" and {len(requests) - MAX_IDS} more" if len(requests) > MAX_IDS else ""
    return f"; it had {len(requests)} request{'s' * (len(requests) > 1)} ({', '.join(requests[:MAX_IDS])}{more})"


class DeathLog:
    """The file; one process writes it."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE
        self._file = AppendFile(self.path, MAX_BYTES)

    def add(self, death: Death) -> None:
        """It waits for `write`."""
        self._file.add(orjson.dumps(asdict(death)))

    def write(self) -> None:
        """What waits. Raises OSError."""
        self._file.write()

    def recent(self, now: float) -> dict[str, list[Death]]:
        """Those of the last day by model, oldest first; none where the file cannot be read."""
        found: dict[str, list[Death]] = {}
        with suppress(OSError):
            for line in self.path.read_bytes().splitlines():
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
