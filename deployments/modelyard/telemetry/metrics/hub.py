"""The one actor that gathers everybody's numbers and shows them. The only module of this package that knows Ray.

Everything that is counted comes in by `push`; `book.py` says what becomes of it. The actor is restarted by Ray as often as it dies
and takes its book up again.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle

from modelyard.telemetry.metrics import hub_state
from modelyard.telemetry.metrics.aggregate import Counted
from modelyard.telemetry.metrics.declarations import HUB_REPLICAS, HUB_STARTED
from modelyard.telemetry.metrics.exposition import metrics_app
from modelyard.telemetry.metrics.refresh import RefreshRequests
from modelyard.telemetry.metrics.scrape_server import listen
from modelyard.telemetry.metrics.snapshot import Exemplars, Key, Push, Totals
from modelyard.telemetry.metrics.traffic import RecentTraffic, Traffic

NAME = "modelyard-metrics"
NAMESPACE = "serve"
"""Serve's own, in which replicas live."""
HEAD = "node:__internal_head__"
"""A resource that only the head node has: Prometheus knows where that is."""
SEND_S = 5.0
"""How long a push waits for the hub."""
SAVE_S = 1.0
AT_ONCE = 100_000
"""Calls that may be open: each process has one that waits for a wish."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HubPlace:
    """Where the hub listens, and where it writes what it must not forget."""

    host: str
    port: int
    book: Path


class MetricsHub:
    """Runs in a process of its own."""

    def __init__(self, place: HubPlace) -> None:
        place.book.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._file = place.book
        self._book = hub_state.read(place.book, time.monotonic())
        self._recent = RecentTraffic()
        self._started = time.time()
        self._wishes = RefreshRequests(first=time.time_ns())
        self._saved_at = 0.0
        self._lock = threading.Lock()  # scrapes come in threads of their own
        listen(place.host, place.port, metrics_app(self._look))

    async def push(self, push: Push) -> None:
        """Take in a snapshot."""
        self._take(push)
        await self._wishes.pushed()

    async def wish_after(self, known: int) -> int:
        """See RefreshRequests."""
        return await self._wishes.after(known)

    async def counted(self, models: Sequence[str]) -> Counted:
        """What these models have done so far, all that was counted when this was asked included."""
        await self._wishes.make(lambda wish: self._book.granted(wish, models, time.monotonic()))
        with self._lock:
            now = time.monotonic()
            self._save(now)  # before it is told, as below
            return self._book.counted(models, now)

    def _take(self, push: Push) -> None:
        with self._lock:
            now = time.monotonic()
            self._book.take(push, now)
            if now - self._saved_at > SAVE_S:
                self._book.tidy(now)
                self._save(now)
            if self._recent.due(now):
                self._recent.look(self._book.totals(), now)

    def traffic(self) -> dict[str, Traffic]:
        """What the last minute was like, by model."""
        with self._lock:
            now = time.monotonic()
            return self._recent.traffic(self._book.totals(), now, self._book.gauges(now))

    def totals(self) -> Totals:
        """All that was ever counted."""
        return self._look()[0]

    def _look(self) -> tuple[Totals, Mapping[Key, float], Exemplars]:
        with self._lock:
            now = time.monotonic()
            self._save(now)  # before it is shown: a successor must not show less
            own: dict[Key, float] = {
                (HUB_STARTED.name,): self._started,
                (HUB_REPLICAS.name,): self._book.replicas(now),
            }
            return self._book.totals(), {**self._book.gauges(now), **own}, self._book.exemplars(now)

    def _save(self, now: float) -> None:
        self._saved_at = now
        try:
            hub_state.write(self._file, self._book)
        except OSError as error:
            log.warning("the metrics hub cannot write %s: %s", self._file, error)


def start(place: HubPlace) -> None:
    """Start the hub of this cluster, unless it runs. The process must be attached to Ray; returns when the hub answers."""
    actor = ray.remote(MetricsHub).options(
        name=NAME,
        namespace=NAMESPACE,
        get_if_exists=True,
        lifetime="detached",
        max_restarts=-1,
        max_concurrency=AT_ONCE,
        num_cpus=0,
        resources={HEAD: 0.001},
    )
    ray.get(actor.remote(place).traffic.remote())


class HubClient:
    """The hub, for a process that is attached to Ray. Finds it when it is first needed, and anew after each failure."""

    def __init__(self) -> None:
        self._hub: ActorHandle | None = None

    def push(self, push: Push) -> None:
        """See `pusher.Hub`."""
        self._ask("push", push)

    def on_wish(self, known: int, told: Callable[[int], None]) -> None:
        """See `pusher.Hub`."""
        asked = self._found().wish_after.remote(known).future()
        asked.add_done_callback(lambda done: told(known if done.exception() else done.result()))

    def traffic(self) -> dict[str, Traffic]:
        """See MetricsHub. Raises where it is away, as all of these do."""
        traffic: dict[str, Traffic] = self._ask("traffic")
        return traffic

    def counted(self, models: Sequence[str]) -> Counted:
        """See MetricsHub."""
        counted: Counted = self._ask("counted", models)
        return counted

    def _ask(self, method: str, *arguments: object) -> Any:
        try:
            return ray.get(getattr(self._found(), method).remote(*arguments), timeout=SEND_S)
        except Exception:
            self._hub = None
            raise

    def _found(self) -> ActorHandle:
        if not ray.is_initialized():  # else looking for an actor would start a cluster of its own
            raise ConnectionError("this process is not attached to Ray")
        hub = self._hub = self._hub or ray.get_actor(NAME, namespace=NAMESPACE)
        return hub
