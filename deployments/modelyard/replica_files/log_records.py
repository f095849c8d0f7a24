"""A replica's log file: one JSON object per line, so that a multi-line message or traceback is one record."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from modelyard.replica_files.paths import open_private
from modelyard.text.timestamps import utc_timestamp

FRAMEWORK_LOGGERS = ("ray", "asyncio", "uvicorn")
"""Loggers (and their children) of the software below a model. Operators rarely need their records."""
MAX_SHOWN_IDS = 3
"""Request ids on one line."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One record."""

    at: float
    """Unix time."""
    level: str
    logger: str
    message: str
    requests: tuple[str, ...] = ()
    """Ids of the requests that were running."""
    traceback: str = ""

    @property
    def is_from_framework(self) -> bool:
        """Whether this is a debug or info record of Ray or the web server. Their warnings and errors are for everyone."""
        return self.logger.partition(".")[0] in FRAMEWORK_LOGGERS and self.level in ("DEBUG", "INFO")

    def to_json(self) -> bytes:
        """The line in the file."""
        return orjson.dumps(asdict(self), option=orjson.OPT_APPEND_NEWLINE)

    def to_text(self) -> str:
        """The record for a terminal. Every line has the request ids, including those of the traceback, so `grep` finds them."""
        more = f" +{len(self.requests) - MAX_SHOWN_IDS}" if len(self.requests) > MAX_SHOWN_IDS else ""
        ids = f" [{' '.join(self.requests[:MAX_SHOWN_IDS])}{more}]" if self.requests else ""
        first, *others = self.message.rstrip("\n").split("\n")
        following = [*others, *(self.traceback.rstrip("\n").split("\n") if self.traceback else ())]
        indented = [f"   {ids} {line}".rstrip() for line in following]
        return "\n".join([f"{utc_timestamp(self.at)} {self.level:<8}{ids} {self.logger}: {first}", *indented])


def parse_record(line: bytes) -> LogRecord | None:
    """The record of a line; None if it is not one."""
    try:
        fields: dict[str, Any] = orjson.loads(line)
        return LogRecord(**{**fields, "requests": tuple(fields.get("requests", ()))})
    except (ValueError, TypeError, AttributeError):
        return None


def append_record(path: Path, record: LogRecord) -> None:
    """Append a record to a log file. Raises OSError."""
    descriptor = open_private(path)
    try:
        os.write(descriptor, record.to_json())
    finally:
        os.close(descriptor)
