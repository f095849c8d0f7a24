"""Parses `--since`, and formats times as in logs."""

import re
from datetime import datetime

from modelyard.text.timestamps import utc_timestamp

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def parse_since(text: str, now: float) -> float:
    """Unix time of a duration before `now`, such as `10m` (also s, h, d), or of an ISO 8601 time, by default in local time.

    Raises ValueError.
    """
    if match := re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhd])", text.strip()):
        return now - float(match[1]) * UNITS[match[2]]
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise ValueError(
            f"{text!r} is neither a duration, such as 30s, 10m, 2h or 1d, nor a time, such as 2026-11-25T20:12"
        ) from None


def format_time(at: float) -> str:
    """A time as in all logs: UTC, to the millisecond."""
    return utc_timestamp(at)
