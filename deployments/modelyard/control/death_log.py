"""Deaths of replicas in `deaths.jsonl` of the state folder, one JSON object a line, for `modelyard status`."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from modelyard.config.url_paths import application_text
from modelyard.control.append_file import AppendFile
from modelyard.text.timestamps import utc_timestamp

FILE = "deaths.jsonl"
MAX_BYTES = 2**20
RECENT_S = 86_400.0
"""The age up to which `status` shows a death."""
MAX_IDS = 5
"""Request ids on one line."""


@dataclass(frozen=True, slots=True)
class Death:
    """A replica that died."""

    at: float
    """Unix time at which it was noticed, at most a few seconds after the death."""
    model: str
    replica: str
    reason: str
    """One of `modelyard.telemetry.metrics.declarations.DEATH_REASONS`."""
    detail: str
    requests: Sequence[str] = ()
    """The ids of the requests that were lost with it."""

    @property
    def line(self) -> str:
        """One line for the terminal."""
        return f"{application_text(self.model)}: replica {self.replica} died: {self.detail}{lost_text(self.requests)}"

    @property
    def time(self) -> str:
        """ISO 8601, UTC."""
        return utc_timestamp(self.at, "seconds")


def lost_text(requests: Sequence[str]) -> str:
    """The part of a message that says which requests were lost with a replica."""
    if not requests:
        return "; no lost request is known"
    more = f" and {len(requests) - MAX_IDS} more" if len(requests) > MAX_IDS else ""
    return f"; {len(requests)} request{'s' * (len(requests) > 1)} lost ({', '.join(requests[:MAX_IDS])}{more})"


class DeathLog:
    """The file. One process writes it."""

    def __init__(self, state: Path) -> None:
        self.path = state / FILE
        self._file = AppendFile(self.path, MAX_BYTES)

    def add(self, death: Death) -> None:
        """Queue it for `write`."""
        self._file.add(orjson.dumps(asdict(death)))

    def write(self) -> None:
        """Write what is queued. Raises OSError."""
        self._file.write()

    def recent(self, now: float) -> dict[str, list[Death]]:
        """The deaths of the last day by model, oldest first; none if the file cannot be read."""
        found: dict[str, list[Death]] = {}
        with suppress(OSError):
            for line in self.path.read_bytes().splitlines():
                with suppress(ValueError, TypeError):  # a line that a full disk has cut
                    death = Death(**orjson.loads(line))
                    if now - death.at <= RECENT_S:
                        found.setdefault(death.model, []).append(death)
        return found


def summary(deaths: Sequence[Death]) -> str:
    """The text of `status` for a model's deaths, of which there is at least one."""
    last = deaths[-1]
    count = "1 replica has" if len(deaths) == 1 else f"{len(deaths)} replicas have"
    return f"{count} died within a day, the last at {last.time}: {last.detail}{lost_text(last.requests)}"
