"""A replica's log on disk: a record a line, as JSON, so that a message or a traceback of many lines stays one record."""

import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from modelyard.replica_files.paths import open_private

RAYS = ("ray", "asyncio", "uvicorn")
"""Loggers, with those below them, of what is under a model: an operator seldom wants to read them."""
MOST_SHOWN = 3
"""Ids of requests on a line."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record."""

    at: float
    """Unix time."""
    level: str
    logger: str
    message: str
    requests: tuple[str, ...] = ()
    """The ids of those that it is about."""
    traceback: str = ""

    @property
    def is_rays(self) -> bool:
        """Whether Ray or the web server below said it; of those, warnings and worse are for everybody."""
        return self.logger.partition(".")[0] in RAYS and self.level in ("DEBUG", "INFO")

    def encoded(self) -> bytes:
        """For the file."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    def shown(self) -> str:
        """For people: the request's id on every line, those of the traceback too, so that `grep` finds all of them."""
        time = datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        more = f" +{len(self.requests) - MOST_SHOWN}" if len(self.requests) > MOST_SHOWN else ""
        about = f" [{' '.join(self.requests[:MOST_SHOWN])}{more}]" if self.requests else ""
        first, *others = self.message.rstrip("\n").split("\n")
        followed = [*others, *(self.traceback.rstrip("\n").split("\n") if self.traceback else ())]
        indented = [f"   {about} {line}".rstrip() for line in followed]
        return "\n".join([f"{time} {self.level:<8}{about} {self.logger}: {first}", *indented])


def decoded(line: bytes) -> LogLine | None:
    """What `encoded` wrote; None for anything else."""
    try:
        told: dict[str, Any] = orjson.loads(line)
        return LogLine(**{**told, "requests": tuple(told.get("requests", ()))})
    except (ValueError, TypeError, AttributeError):
        return None


def append(path: Path, line: LogLine) -> None:
    """Add a line to a log. Raises OSError."""
    descriptor = open_private(path)
    try:
        os.write(descriptor, line.encoded())
    finally:
        os.close(descriptor)
