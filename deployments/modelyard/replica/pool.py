"""The models of a pool in one replica: which are loaded, what is loaded next, and what each serves.

A change of a model loads a candidate beside the version that serves. When it is loaded, verified and warm, one assignment makes it
serve; requests in flight finish on the version before. A candidate that cannot be loaded never gets a request.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelyard.ray_serve.application import ModelSettings, PooledModel
from modelyard.ray_serve.pool_report import ModelReport

MAX_LOADS = 2
"""Loads at the same time: one that hangs until its time limit does not stop the others."""

logger = logging.getLogger("ray.serve")


class Server(Protocol):
    """One loaded model: `model_server.ModelServer`, or a test."""

    load_s: float
    """Seconds that the load took."""

    def configure(self, settings: ModelSettings) -> None:
        """Apply settings from the next request on."""

    @property
    def in_flight(self) -> int:
        """Requests that have not ended."""

    async def drained(self) -> None:
        """Return when no request is in flight."""

    def close(self) -> None:
        """End its threads, and free its memory."""


class Budget(Protocol):
    """Decides which models stay in memory: `residency.budget`, or a test."""


@dataclass(slots=True)
class _Model:
    """One configured model."""

    raw: Mapping[str, Any]
    """The plain values of its PooledModel, compared at each change."""
    wanted: PooledModel
    fingerprint: str
    """Of the wanted arguments."""
    good: PooledModel | None = None
    """What it serves, also while it is not in memory; None until a load has succeeded."""
    server: Server | None = None
    rejected: str = ""
    """The fingerprint of the arguments that could not be loaded."""
    reason: str = ""
    loading: asyncio.Task[None] | None = None
    report: ModelReport = field(default_factory=lambda: ModelReport("COLD"))
    loads: int = 0
    evictions: int = 0
