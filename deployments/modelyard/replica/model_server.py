"""One model in this process: its running versions, the paths that lead to them, and its settings."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING

from modelyard.config.server_spec import TracingSpec
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.running_version import run_version
from modelyard.ray_serve.application import ModelArgs, ModelSettings
from modelyard.replica.dispatch import Dispatch
from modelyard.replica.health import stuck_call, within_load_timeout
from modelyard.replica.loading import start_loading
from modelyard.replica.metrics import has_changed, mark_traced, model_snapshot
from modelyard.replica.watchdog import GRACE_S, WatchedScheduler
from modelyard.telemetry.metrics.snapshot import MetricsSnapshot
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.trace_sampling import TraceSampler

if TYPE_CHECKING:
    from modelyard.telemetry.spans import SpanWriter

MAX_RELEASE_S = 1.0
"""To wait until a closed model is released: its own code may run then, and hang."""
DRAIN_CHECK_S = 0.01
"""Between two checks whether a model still has open requests."""


async def load_versions(args: ModelArgs) -> list[LoadedVersion]:
    """Load all versions, one after the other, each in its own thread, so that a load that hangs can be abandoned.

    Raises TimeoutError after `load_timeout_s`, and whatever is wrong with the model. Then, and if this is cancelled, the threads
    end: at once, or when the load returns.
    """
    begun: list[Future[LoadedVersion]] = []

    async def load() -> list[LoadedVersion]:
        loaded: list[LoadedVersion] = []
        for each in args.versions:
            begun.append(start_loading(args.spec, args.runtime, args.repository, each))
            loaded.append(await asyncio.wrap_future(begun[-1]))
        return loaded

    try:
        return await within_load_timeout(load(), args.spec.load_timeout_s)
    except BaseException:
        for loading in begun:
            loading.add_done_callback(_abandon)
        raise


class ModelServer:
    """Serves all chosen versions of one model. Created, configured and closed on the event loop."""

    def __init__(self, args: ModelArgs, loaded: Sequence[LoadedVersion], replica: str) -> None:
        """`loaded` are the versions of `args`, newest first. `replica` is the id of the replica, for the request log.

        Until `configure`, limits and batching are those of `args`, and the newest version is the default.
        """
        loop = asyncio.get_running_loop()
        self._args = args
        self.spec = args.spec
        """As last configured."""
        self._log = RequestLog(args.spec.name, _log_config(args, replica))
        self._spans = _spans(args.spec.name, args.tracing)
        self._tracing = TraceSampler(args.tracing.sample, self._spans.write) if args.tracing and self._spans else None
        self._versions = {
            each.served.number: run_version(each, args.spec, loop, self._log, self._tracing) for each in loaded
        }
        self.dispatch = Dispatch(args.spec, args.runtime, self._versions)
        """The model's paths, in every protocol."""
        self._closed = False
        self._releases: list[Future[None]] = []
        self._snapshot: MetricsSnapshot | None = None
        self._shown: list[int] = []
        """The gauges when it was made."""
        self._snapshot_lock = Lock()

    def configure(self, settings: ModelSettings) -> None:
        """Apply settings, to requests that wait too.

        WebSockets and event streams that are open keep the limits with which they began. The endpoints of `dispatch` are others
        afterwards.
        """
        self.spec = spec = settings.applied_to(self._args.spec)
        for version in self._versions.values():
            version.configure(spec.limits, spec.batching)
        self.dispatch.configure(spec)
        self.dispatch.choose(settings.default, settings.version_labels)

    @property
    def in_flight(self) -> int:
        """Accepted requests that are not completed, queued or running."""
        return sum(version.scheduler.in_flight for version in self._versions.values())

    @property
    def open_requests(self) -> int:
        """All requests that have begun: those in flight, those whose bodies are decoded, and those that are not inference."""
        total = self.dispatch.open_requests
        for version in self._versions.values():  # called for each model of a pool before each load
            total += version.scheduler.open_requests.count + version.decoder.open_requests
        return total

    @property
    def completed(self) -> int:
        """Accepted requests that are completed, since the model was loaded."""
        return sum([version.scheduler.open_requests.closed for version in self._versions.values()])

    @property
    def is_calling(self) -> bool:
        """Whether a call of the model runs. It may go on after `close`, if it hangs."""
        return any(version.scheduler.stuck_s() > 0 for version in self._versions.values())

    @property
    def is_traced(self) -> bool:
        """Whether `end_traces` has anything to do."""
        return self._spans is not None

    @property
    def requests(self) -> int:
        """Requests that have ended, rejected ones too, since the model was loaded."""
        return sum([version.counts.requests for version in self._versions.values()])

    def watched(self) -> list[WatchedScheduler]:
        """What the watchdog watches. Another list after `configure`."""
        limit_s = self.spec.limits.timeout_s + GRACE_S
        return [
            WatchedScheduler(f"version {number} of model {self.spec.name!r}", version.scheduler, limit_s)
            for number, version in self._versions.items()
        ]

    def stuck_call(self) -> str:
        """Which call of the model hangs; "" if none does."""
        running_s = {number: version.scheduler.stuck_s() for number, version in self._versions.items()}
        return stuck_call(running_s, self.spec.limits.timeout_s)

    def snapshot(self) -> MetricsSnapshot:
        """The model's metrics, all since it was loaded; the same object while they do not change.

        Writes the request log and the traces. Callable in any thread.

        After `close` there are only totals: add them to those of the process once, behind the last request.
        """
        with self._snapshot_lock:
            self._log.flush()
            marked = self._tracing is not None and mark_traced(self._versions, self._tracing.flush())
            counted, gauges = has_changed(self._versions), self._gauges()
            if counted or marked or self._snapshot is None or gauges != self._shown:
                self._shown = gauges
                self._snapshot = model_snapshot(self.spec, self._versions, running=not self._closed)
            return self._snapshot

    def _gauges(self) -> list[int]:
        gauges = [self._closed, self.spec.limits.queue]
        for version in self._versions.values():
            gauges += version.scheduler.in_flight, version.scheduler.queued
        return gauges

    async def drained(self) -> None:
        """Return when no request is open. The caller has made sure that no further one begins."""
        while self.open_requests:
            await asyncio.sleep(DRAIN_CHECK_S)

    def close(self) -> None:
        """Fail what is open, end all threads and processes without waiting for them, and release the model.

        A thread whose call of the model hangs ends when the call returns. Only `released`, `snapshot` and `end_traces` may follow.
        """
        self._closed = True
        self.dispatch.release()
        for version in self._versions.values():
            version.decoder.end()
            del version.loaded  # before the thread of the model releases it
            self._releases.append(version.scheduler.close())

    async def released(self) -> None:
        """Return when the memory of a closed model is free, or after MAX_RELEASE_S."""
        if pending := [asyncio.wrap_future(each) for each in self._releases if not each.done()]:
            await asyncio.wait(pending, timeout=MAX_RELEASE_S)

    def end_traces(self) -> None:
        """Send the last spans. Waits for the collector, so call it in another thread than the event loop's."""
        if self._spans is not None:
            self._spans.close()


def _abandon(loading: Future[LoadedVersion]) -> None:
    if loading.exception() is None:
        loading.result().worker.stop()


def _log_config(args: ModelArgs, replica: str) -> RequestLogConfig:
    log = args.request_log
    return RequestLogConfig(log.folder, log.share, log.slow_s, behind_edge=log.behind_edge, replica=replica)


def _spans(model: str, tracing: TracingSpec | None) -> "SpanWriter | None":
    """Sends spans to the collector that `server.yaml` names; None where tracing is off."""
    if tracing is None:
        return None
    from modelyard.telemetry import spans  # noqa: PLC0415 - an optional dependency, imported only where it is used

    return spans.SpanWriter(model, tracing.endpoint)
