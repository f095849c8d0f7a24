"""What the load programs are told, and what they tell."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class LoadError(Exception):
    """A load program is missing or broke, or a request was not answered well: a fast server that fails is not fast."""


@dataclass(frozen=True, slots=True)
class Request:
    """One request, which is sent over and over."""

    body: Path
    headers: tuple[str, ...]
    """Each as "name: value"."""
    read: Callable[[bytes], Any]
    """What is to be looked at in an answer's body; of gRPC, in the message."""
    expected: Any
    """What that must be."""
    grpc: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of a load program saw."""

    requests: int
    requests_per_s: float
    p50_ms: float
    p99_ms: float
