"""The control loop: files and models are looked at, what differs is applied, what failed goes back, and the operator is told."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from watchfiles import watch

from deployments.control.applications import ServeConfig
from deployments.control.apply import Applier, settled
from deployments.control.desired import Desired, DesiredState
from deployments.control.metrics import ControlMetrics
from deployments.control.plan import Action
from deployments.control.status import ModelStatus
from deployments.repository.resolve import STILL_WRITTEN
from deployments.spec.diagnostic import SpecError

TICK_S = 1.0
"""How often the models are looked at."""
DEBOUNCE_MS = 300
"""An editor writes a file in several steps; they are one change."""


class Report(Protocol):
    """Whoever watches the server: the terminal, or a test."""

    def starting(self, what: str) -> None:
        """A step of the start-up or the end."""

    def progress(self, statuses: Sequence[ModelStatus]) -> None:
        """How far the start-up is."""

    def started(self, statuses: Sequence[ModelStatus], curl: str, metrics: str) -> None:
        """The end of the start-up, with a command to paste and where metrics are read."""

    def mistakes(self, error: SpecError) -> None:
        """A configuration that cannot be used."""

    def applied(self, actions: Sequence[Action]) -> None:
        """What is being changed."""

    def changed(self, status: ModelStatus) -> None:
        """A model's new state."""

    def trouble(self, what: str) -> None:
        """Something the operator should look at."""


class Watcher:
    """Keeps a running Serve as the files want it."""

    def __init__(
        self,
        desired: DesiredState,
        first: Desired,
        applier: Applier,
        report: Report,
        stop: threading.Event,
        *,
        metrics: ControlMetrics,
        each_look: Callable[[], None],
        on_target: Callable[[Desired, ServeConfig], None],
    ) -> None:
        self._desired = desired
        self._first = first
        self._applier = applier
        self._report = report
        self._stop = stop
        self._metrics = metrics
        self._each_look = each_look
        """Called before each look; what it raises ends the loop."""
        self._on_target = on_target
        """Called with the configuration, and what it makes of Serve, before it is applied."""
        self._again_at = _settles_at(first)
        self._told: dict[str, tuple[object, ...]] = {}

    def start(self) -> tuple[ModelStatus, ...]:
        """Apply the first configuration and wait until every model is up or has failed, or until told to stop."""
        self._report.applied(self._apply(self._first))
        while True:
            statuses = self._look()
            self._report.progress(statuses)
            if self._stop.is_set() or (settled(statuses) and len(statuses) >= len(self._first.models)):
                self._told = {status.name: _essence(status) for status in statuses}
                return statuses
            self._stop.wait(TICK_S / 4)

    def run(self) -> None:
        """Until told to stop."""
        touched = True  # during the start-up, perhaps: from the first tick on nothing escapes the watch
        for ticked in self._ticks():
            touched = touched or ticked
            try:
                self._tell_changes()
                if touched:
                    self._apply_files()
                touched = False
            except ConnectionError as error:  # Ray starts the controller again; what was to be applied waits for it
                self.tell_once("controller", str(error))

    def _tell_changes(self) -> None:
        for status in self._look():
            if self._is_news(status.reason) and not status.changing and self._told.get(status.name) != _essence(status):
                self._told[status.name] = _essence(status)
                self._report.changed(status)

    def _is_news(self, reason: str) -> bool:
        """A version that is being written is looked at again in a moment; `status` tells of it meanwhile."""
        return self._again_at is None or STILL_WRITTEN not in reason

    def tell_once(self, key: str, text: str) -> None:
        """Report a trouble that lasts, once for as long as it is the same."""
        if self._told.get(key) != (text,):
            self._told[key] = (text,)
            self._report.trouble(text)

    def _look(self) -> tuple[ModelStatus, ...]:
        self._each_look()
        running, _ = self._applier.check()
        statuses = self._applier.statuses(running)
        self._metrics.looked(running, statuses)
        return statuses

    def _ticks(self) -> Iterator[bool]:
        """A tick a second; True where the files were touched, or a version has settled."""
        folders = [self._desired.config_dir, self._first.config.repository_root]
        for changes in watch(
            *(folder for folder in folders if folder.exists()),
            stop_event=self._stop,
            debounce=DEBOUNCE_MS,
            rust_timeout=int(TICK_S * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
            ignore_permission_denied=True,
        ):
            yield bool(changes) or (self._again_at is not None and time.monotonic() >= self._again_at)

    def _apply_files(self) -> None:
        self._again_at = None
        try:
            desired = self._desired.read()
        except SpecError as error:
            self._metrics.reloaded(successful=False)
            self._report.mistakes(error)  # nothing changes until it is mended
            return
        except OSError as error:
            self._metrics.reloaded(successful=False)
            self._report.trouble(f"cannot read the configuration: {error}")
            return
        self._again_at = _settles_at(desired)
        if desired.config.server != self._first.config.server:
            self.tell_once("server.yaml", "server.yaml has changed: it is read at the next start")
        if actions := [action for action in self._apply(desired) if self._is_news(action.why)]:
            self._report.applied(actions)

    def _apply(self, desired: Desired) -> Sequence[Action]:
        actions = self._applier.apply(desired, lambda target: self._on_target(desired, target))
        self._metrics.reloaded(successful=True)
        return actions


def _settles_at(desired: Desired) -> float | None:
    return None if desired.settles_in_s is None else time.monotonic() + desired.settles_in_s


def _essence(status: ModelStatus) -> tuple[object, ...]:
    """What makes a status news."""
    return (status.state, status.versions, status.digest, status.replicas, status.reason)
