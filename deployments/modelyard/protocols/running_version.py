"""A version of a model that answers requests."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.config.model_spec import Batching, Limits, ModelSpec
from modelyard.inference.deadline import DeadlineLayer
from modelyard.inference.recorder import Recorder
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.metrics.declarations import PROTOCOLS
from modelyard.telemetry.request_log import RequestLog
from modelyard.telemetry.request_recorder import RequestRecorder
from modelyard.telemetry.trace_sampling import TraceSampler


@dataclass(slots=True)
class RunningVersion:
    """A loaded version with its scheduler."""

    loaded: LoadedVersion
    scheduler: Scheduler
    service: DeadlineLayer
    """The scheduler behind its layers: what endpoints submit requests to."""
    counts: VersionCounters
    """The outcomes of its requests."""
    recorders: Mapping[str, Recorder]
    """By protocol."""
    decoder: Decoder
    """Of large bodies."""
    measured: Warmup
    """As of the load, whatever the settings are now."""

    def configure(self, limits: Limits, batching: Batching) -> None:
        """Apply these from now on, without a restart."""
        self.loaded.warmup = self.measured.limited_to(batching)
        self.scheduler.configure(limits, batching)
        self.service.timeout_s = limits.timeout_s
        self.decoder.configure(limits)

    @property
    def number(self) -> int:
        """The version's number."""
        return self.loaded.served.number


def run_version(
    loaded: LoadedVersion,
    spec: ModelSpec,
    loop: asyncio.AbstractEventLoop,
    log: RequestLog,
    tracing: TraceSampler | None = None,
) -> RunningVersion:
    """Start a loaded version's scheduler, with the recorders of all protocols."""
    counts = VersionCounters(spec.name, str(loaded.served.number), PROTOCOLS, loaded.load_s)
    recorders = {protocol: RequestRecorder(counts, protocol, log, tracing) for protocol in PROTOCOLS}
    scheduler = Scheduler(
        loaded.model,
        loaded.warmup,
        limits=spec.limits,
        batching=spec.batching,
        loop=loop,
        recorder=recorders["predict"],
        worker=loaded.worker,
        name=spec.name,
    )
    service = DeadlineLayer(scheduler, timeout_s=spec.limits.timeout_s, loop=loop)
    own = spec.name, loaded.served.number, loaded.model.signature
    decoder = Decoder(own, loaded.codecs, limits=spec.limits, loop=loop)
    return RunningVersion(loaded, scheduler, service, counts, recorders, decoder, loaded.warmup)
