"""Timestamps in logs."""

from datetime import UTC, datetime
from typing import Literal


def utc_timestamp(
    unix_time: float, precision: Literal["seconds", "milliseconds"] = "milliseconds", *, suffix: str = "Z"
) -> str:
    """ISO 8601 in UTC, such as "2026-11-25T20:12:54.120Z". The request log has the suffix "+00:00"."""
    return datetime.fromtimestamp(unix_time, UTC).isoformat(timespec=precision).removesuffix("+00:00") + suffix
