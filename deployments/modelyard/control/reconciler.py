"""The reconciler: observes files and models, applies what differs, rolls back what failed, and reports to the operator.

An error in a cycle is reported, and the next cycle tries again: models serve without the reconciler, so it must never stop them.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from modelyard.config.diagnostic import SpecError
from modelyard.control.apply import Applier, settled
from modelyard.control.apply_queue import Done, RequestedApplies
from modelyard.control.approval import Approval
from modelyard.control.desired import DesiredState
from modelyard.control.file_watcher import SILENT_S, Reading
from modelyard.control.loop_snapshot import LoopSnapshot
from modelyard.control.metrics import ControlMetrics
from modelyard.control.node import NodeDied
from modelyard.control.notices import Notices
from modelyard.control.plan import CONFIRM, NeedsConfirmation
from modelyard.control.pool_status import pool_statuses
from modelyard.control.removals import RemovalDelay
from modelyard.control.reports import Report
from modelyard.control.status import ModelStatus, Running
from modelyard.control.writes import NotWritten
from modelyard.repository.resolve import IN_PLACE, STILL_WRITTEN

TICK_S = 1.0
"""How often Serve is observed."""
STARTING_TICK_S = 0.25
"""How often during the start."""
_WARNING = "warning "


class Files(Protocol):
    """Where readings of the files come from: `file_watcher.FileWatcher`, or a test."""

    def start(self) -> None:
        """Begin to check for changes."""

    def next(self, timeout_s: float) -> Reading | None:
        """The next reading; None if there is none in this time."""

    def is_silent(self) -> bool:
        """Whether the file system does not respond."""


class Reconciler:
    """Makes a running Serve match the files, in cycles."""

    def __init__(
        self,
        files: Files,
        first: DesiredState,
        applier: Applier,
        report: Report,
        stop: threading.Event,
        *,
        notices: Notices,
        metrics: ControlMetrics,
        checks: Sequence[Callable[[], None]] = (),
        observed: Callable[[Running], None] = lambda _: None,
        on_started: Callable[[Sequence[ModelStatus]], None],
        on_turn: Callable[[LoopSnapshot], None] = lambda _: None,
        requested: RequestedApplies | None = None,
        approve: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._files = files
        self._server = first.config.server
        self._applier = applier
        self._report = report
        self._stop = stop
        self._metrics = metrics
        self._notices = notices
        self._checks = checks
        """Called at the start of each cycle, before any call of Serve: such a call would wait for a Ray that has died."""
        self._observed = observed
        """Called with each observation of Serve."""
        self._on_started = on_started
        """Called once, when every model of the first configuration is up or has failed."""
        self._on_turn = on_turn
        self._requested = requested or RequestedApplies()
        self._approval = Approval(applier, now) if approve else None
        """None if changes are applied at once."""
        self._now = now
        self._pending: DesiredState | None = first
        """What is still to be applied."""
        self._configured = frozenset(model.name for model in first.config.models)
        self._turns = 0
        self._seen: tuple[Running, tuple[ModelStatus, ...], float] | None = None
        """The last observation of Serve, and its time."""
        self._removal_delay = RemovalDelay(now)
        self._settling = first.settles_in_s is not None
        self.started = False
        """Whether the start is over: every model of the first configuration is up or has failed."""
        self._expected = 0
        for key, text in _warnings(first).items():
            # The operator has read those of the first configuration.
            self._notices.set_silently(f"{_WARNING}{key}", text)
        self._unpublished = ""
        """Why the state could not be published."""
        self._reported: dict[str, tuple[object, ...]] = {}
        """What was last reported of each model."""

    def run(self) -> None:
        """Until `stop` is set. Raises NodeDied."""
        self._files.start()
        while not self._stop.is_set():
            self._step()
            reading = self._files.next(TICK_S if self.started else STARTING_TICK_S)
            if reading is not None:
                self._receive(reading)

    def _step(self) -> None:
        """One cycle. An error in one step does not prevent the next: what runs is observed even if nothing can be applied."""
        troubles = [
            self._tried(step)
            for step in (
                *self._checks,
                self._apply_requested,
                self._apply_pending,
                self._await_approval,
                self._observe,
                self._check_files,
            )
        ]
        self._notices.set("loop", next(filter(None, (*troubles, self._unpublished)), ""))
        self._unpublished = self._tried(self._publish)

    @staticmethod
    def _tried(step: Callable[[], None]) -> str:
        """The step's error as a text for the operator, or "". Raises NodeDied."""
        try:
            step()
        except NodeDied:
            raise
        except (
            ConnectionError,
            NotWritten,
        ) as error:  # Ray restarts the controller; what is to be applied waits for it
            return str(error)
        except Exception as error:  # noqa: BLE001 - see the module's docstring
            return f"{type(error).__name__}: {error}; the models keep serving, and this is tried again"
        return ""

    def _check_files(self) -> None:
        slow = f"the file system of the configuration or the repository has not responded for {SILENT_S:g} s"
        self._notices.set("files", slow if self._files.is_silent() else "")

    def _receive(self, reading: Reading) -> None:
        if isinstance(reading, DesiredState):
            self._receive_desired(reading)
            return
        if self._approval:
            self._approval.forget()
        else:
            self._pending = None  # nothing changes until it is fixed
        self._settling = False
        self._metrics.reloaded(successful=False)
        if isinstance(reading, SpecError):
            self._notices.set_silently("configuration", _summary(reading))
            self._report.mistakes(reading)
        else:
            self._notices.set("unreadable", f"cannot read the configuration: {reading}")

    def _receive_desired(self, desired: DesiredState) -> None:
        if self._approval:
            self._approval.receive(desired)
        else:
            self._pending = desired
        self._configured = frozenset(model.name for model in desired.config.models)
        self._settling = desired.settles_in_s is not None
        self._notices.end("configuration")
        self._notices.set("unreadable", "")
        self._notices.set_all(_WARNING, _warnings(desired))

    def _apply_pending(self) -> None:
        desired = self._pending
        if desired is None or not self._removal_delay.is_over(self._applier.missing(desired)):
            return
        try:
            actions = self._applier.apply(desired)
        except NeedsConfirmation as error:
            self._metrics.reloaded(successful=False, withheld=True)
            self._notices.set(
                "withheld",
                f"nothing is changed: {error}. Restore the files, or confirm with `modelyard apply {CONFIRM}`",
            )
            return  # the next cycle tries again: the operator may have confirmed it
        self._pending = None
        self._metrics.reloaded(successful=True)
        if self._notices.end("withheld"):
            self._report.starting("the configuration is applied again")
        changed = desired.config.server != self._server
        self._notices.set("server.yaml", "server.yaml has changed: it is applied at the next start" if changed else "")
        self._expected = len(desired.models)
        if news := [action for action in actions if self._is_new(action.why)]:
            self._report.applied(news)

    def _apply_requested(self) -> None:
        """The applies that were requested at the control socket. An error is raised to the one that requested it."""
        while request := self._requested.take():
            try:
                actions = self._applier.apply(request.desired, allow_removals=request.allow_removals)
            except Exception as error:  # noqa: BLE001 - as above
                request.done.set_exception(error)
                continue
            request.done.set_result(Done(actions, self._turns))
            if self._approval:
                self._approval.forget(received_before=request.read_from)
                self._metrics.reloaded(successful=True)
            if actions:
                self._report.applied(actions)

    def _await_approval(self) -> None:
        """Report what has changed, once for as long as it is the same."""
        if self._approval is None or self._pending is not None:
            return
        before = self._approval.actions
        if unchanged := self._approval.check():
            self._pending = unchanged
            self._apply_pending()
        elif self._approval.actions not in ((), before):
            self._metrics.reloaded(successful=True)
            self._report.awaits(self._approval.actions, self._approval.withheld)

    def _observe(self) -> None:
        running, _ = self._applier.check()
        statuses = self._applier.statuses(running)
        self._seen = running, statuses, self._now()
        self._observed(running)
        self._metrics.observed(running, statuses)
        if self.started:
            self._report_changes(statuses)
        else:
            self._report_progress(statuses)

    def _publish(self) -> None:
        """Publish the state, for the control socket."""
        self._turns += 1
        if self._seen is None:
            return
        running, statuses, at = self._seen
        self._on_turn(
            LoopSnapshot(
                number=self._turns,
                at=at,
                running=running,
                rollback=self._applier.rollback.copy(),
                statuses=statuses,
                pools=pool_statuses(running, statuses),
                configured=self._configured,
                notices=self._notices.texts,
                waiting=self._approval.actions if self._approval else (),
                withheld=self._approval.withheld if self._approval else "",
            )
        )

    def _report_progress(self, statuses: Sequence[ModelStatus]) -> None:
        self._report.progress(statuses)
        applied = len(statuses) >= self._expected if self._pending is None else "withheld" in self._notices
        if applied and settled(statuses):
            self._reported |= {status.name: _shown(status) for status in statuses}
            self.started = True
            self._on_started(statuses)

    def _report_changes(self, statuses: Sequence[ModelStatus]) -> None:
        for status in statuses:
            if (
                self._is_new(status.reason)
                and not status.changing
                and self._reported.get(status.name) != _shown(status)
            ):
                self._reported[status.name] = _shown(status)
                self._report.changed(status)

    def _is_new(self, reason: str) -> bool:
        """Not for a version that is still being written: it is read again in a moment, and `status` shows it meanwhile."""
        return not self._settling or (STILL_WRITTEN not in reason and IN_PLACE not in reason)


def _warnings(desired: DesiredState) -> dict[str, str]:
    return {f"{each.path} {each.message}": each.render() for each in desired.config.warnings}


def _summary(error: SpecError) -> str:
    first, *more = error.diagnostics
    place = f"{first.path}:{first.line}" if first.line else first.path
    others = f" (and {len(more)} more)" if more else ""
    return f"the configuration has errors, and nothing changes until they are fixed: {place}: {first.message}{others}"


def _shown(status: ModelStatus) -> tuple[object, ...]:
    """The part of a status whose change is reported."""
    return (status.state, status.versions, status.default, status.digest, status.replicas, status.reason)
