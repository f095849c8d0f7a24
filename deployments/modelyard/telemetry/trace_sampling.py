"""Which requests are traced, and what is noted of those. Spans are made of that afterwards, in another thread: see `spans.py`.

A client's own `traceparent` decides; where there is none, chance does. A request that is not traced costs a look through its
headers when it has ended, and where tracing is off not even that.
"""

from collections.abc import Callable, Sequence
from random import random
from typing import NamedTuple

from modelyard.replica_files.request_records import RequestRecord
from modelyard.telemetry.traceparent import TraceParent

MOST_WAITING = 500
"""Requests of one replica that are traced between two writes, a second apart. Clients decide what is traced: more is dropped,
so that one that asks for everything is no burden to the others."""


class Traced(NamedTuple):
    """A request that is traced and has ended."""

    parent: TraceParent | None
    """None where the trace begins here."""
    line: RequestRecord
    """What a log would say of it."""
    outcome: str
    """See `serving.recorder.Recorder`."""
    queue_until_s: float | None
    """From its arrival to the end of its wait, which took `line.queue_s`; None where it was not taken on."""
    edge_at: float | None = None
    """Unix time when it came to the edge; None where that is not known."""


class Tracing:
    """One model's, in one replica."""

    def __init__(
        self, share: float, write: Callable[[Sequence[Traced]], list[str]], *, draw: Callable[[], float] = random
    ) -> None:
        """`share` is of the requests that come without a `traceparent`. `write` gives each one's trace id."""
        self._share = share
        self._write = write
        self._draw = draw
        self._waiting: list[Traced] = []

    def wants(self, parent: TraceParent | None) -> bool:
        """Whether a request with this caller is traced."""
        wanted = self._draw() < self._share if parent is None else parent.sampled
        return wanted and len(self._waiting) < MOST_WAITING

    def note(self, traced: Traced) -> None:
        """Write this, later."""
        self._waiting.append(traced)

    def write(self) -> list[tuple[str, Traced]]:
        """Hand over what waits, and say by which trace id it is found; in another thread."""
        traced = self._waiting[:]
        del self._waiting[: len(traced)]
        return list(zip(self._write(traced), traced, strict=True))
