"""The one actor that gathers everybody's numbers and shows them. The only module of this package that knows Ray.

Everything that is counted comes in by `push`; `book.py` says what becomes of it. The actor is restarted by Ray as often as it dies
and takes its book up again.
"""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.actor import ActorHandle

from monitoring import store
from monitoring.exposition import metrics_app
from monitoring.metrics import HUB_REPLICAS, HUB_STARTED
from monitoring.recent import Recent, Traffic
from monitoring.snapshot import Exemplars, Key, Push, Totals
from monitoring.web import listen

NAME = "modelyard-metrics"
NAMESPACE = "serve"
"""Serve's own, in which replicas live."""
HEAD = "node:__internal_head__"
"""A resource that only the head node has: Prometheus knows where that is."""
SEND_S = 5.0
"""How long a push waits for the hub."""
SAVE_S = 1.0

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
        self._book = store.read(place.book, time.monotonic())
        self._recent = Recent()
        self._started = time.time()
        self._saved_at = 0.0
        self._lock = threading.Lock()  # scrapes come in threads of their own
        listen(place.host, place.port, metrics_app(self._look))

    def push(self, push: Push) -> None:
        """Take in a snapshot."""
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
            return self._recent.traffic(self._book.totals(), time.monotonic())

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
            store.write(self._file, self._book)
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
        num_cpus=0,
        resources={HEAD: 0.001},
    )
    ray.get(actor.remote(place).traffic.remote())


class HubClient:
    """The hub, for a process that is attached to Ray. Finds it when it is first needed, and anew after each failure."""

    def __init__(self) -> None:
        self._hub: ActorHandle | None = None

    def push(self, push: Push) -> None:
        """Returns when the hub has it. Raises where it is away."""
        self._ask("push", push)

    def traffic(self) -> dict[str, Traffic]:
        """See MetricsHub."""
        traffic: dict[str, Traffic] = self._ask("traffic")
        return traffic

    def _ask(self, method: str, *arguments: object) -> Any:
        if not ray.is_initialized():  # else looking for an actor would start a cluster of its own
            raise ConnectionError("this process is not attached to Ray")
        try:
            self._hub = self._hub or ray.get_actor(NAME, namespace=NAMESPACE)
            return ray.get(getattr(self._hub, method).remote(*arguments), timeout=SEND_S)
        except Exception:
            self._hub = None
            raise
