"""A version that answers, inside a replica."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.config.model_spec import Batching, Limits, ModelSpec
from modelyard.inference.recorder import Recorder
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import Warmup
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.oip.endpoint import InferEndpoint
from modelyard.protocols.predict.endpoint import PredictEndpoint
from modelyard.telemetry.metrics.counters import VersionCounts
from modelyard.telemetry.metrics.declarations import PROTOCOLS
from modelyard.telemetry.request_log import RequestLog
from modelyard.telemetry.request_recorder import RequestRecorder
from modelyard.telemetry.trace_sampling import Tracing


@dataclass(slots=True)
class RunningVersion:
    """A loaded version with a model server in front."""

    loaded: LoadedVersion
    server: Scheduler
    predictor: PredictEndpoint
    infer: InferEndpoint
    counts: VersionCounts
    """What has become of its requests."""
    recorders: Mapping[str, Recorder]
    """By protocol."""
    decoder: Decoder
    """Of large bodies."""
    measured: Warmup
    """As of the load, whatever the settings are now."""

    def configure(self, limits: Limits, batching: Batching) -> None:
        """Apply these from now on, without a restart."""
        self.loaded.warmup = self.measured.limited_to(batching)
        self.server.configure(limits, batching)
        self.decoder.configure(limits)


def run_version(
    loaded: LoadedVersion,
    spec: ModelSpec,
    loop: asyncio.AbstractEventLoop,
    log: RequestLog,
    tracing: Tracing | None = None,
) -> RunningVersion:
    """Put a model server in front of a loaded version."""
    counts = VersionCounts(spec.name, str(loaded.served.number), PROTOCOLS, loaded.load_s)
    recorders = {protocol: RequestRecorder(counts, protocol, log, tracing) for protocol in PROTOCOLS}
    predict = recorders["predict"]
    server = Scheduler(
        loaded.model,
        loaded.warmup,
        limits=spec.limits,
        batching=spec.batching,
        loop=loop,
        recorder=predict,
        worker=loaded.worker,
    )
    own = spec.name, loaded.served.number, loaded.model.signature
    decoder = Decoder(own, loaded.codecs, limits=spec.limits, loop=loop)
    infer = InferEndpoint(loaded.codecs.infer, server, recorders["oip"], decoder)
    predictor = PredictEndpoint(loaded.codecs.predict, server, predict, decoder)
    return RunningVersion(loaded, server, predictor, infer, counts, recorders, decoder, loaded.warmup)
