"""Input and output of the load programs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class LoadError(Exception):
    """A load program is missing or failed, or a request failed. One failure ends a run, because failures can be fast."""


@dataclass(frozen=True, slots=True)
class Request:
    """The request that a load repeats."""

    body: Path
    headers: tuple[str, ...]
    """Each as "name: value"."""
    read: Callable[[bytes], Any]
    """Extracts the value to check from the response body, or from the message for gRPC."""
    expected: Any
    """The expected value."""
    grpc: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """The result of one load."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
