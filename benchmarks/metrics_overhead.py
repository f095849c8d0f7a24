"""Measures the overhead of metrics: CPU time of fast path, codec, scheduler and model per request, with and without a recorder.

Runs in this process without sockets, on connections that always have a request in flight. `python -m benchmarks.metrics` measures
the recorder alone.
"""

import asyncio
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import uvloop

from benchmarks.in_process import Connections, http1
from benchmarks.load import Request
from modelyard.config.model_spec import ModelSpec
from modelyard.inference.deadline import DeadlineLayer
from modelyard.inference.recorder import UNRECORDED, Recorder
from modelyard.inference.scheduler import Scheduler
from modelyard.inference.warmup import warm
from modelyard.protocols.codecs import codecs_of
from modelyard.protocols.decoder.process import Decoder
from modelyard.protocols.endpoint import CodecEndpoint
from modelyard.protocols.loaded_version import LoadedVersion
from modelyard.protocols.predict.endpoint import PredictOperation
from modelyard.protocols.running_version import RunningVersion
from modelyard.replica.process_memory import tune_gc
from modelyard.repository.resolve import ServedVersion
from modelyard.runtimes.registry import runtime
from modelyard.telemetry.metrics.counters import VersionCounters
from modelyard.telemetry.metrics.declarations import PROTOCOLS
from modelyard.telemetry.metrics.snapshot import Totals
from modelyard.telemetry.request_log import RequestLog, RequestLogConfig
from modelyard.telemetry.request_recorder import RequestRecorder

CONNECTIONS = 64
WAVES = 40
"""Requests of each connection in a turn. Many short turns limit the effect of other processes on the machine to a few pairs. With
one snapshot per turn of 2,560 requests, snapshots are still several times as frequent as in a replica under load."""
PAIRS = 60
PATH = "/models/iris/predict"


@dataclass(frozen=True, slots=True)
class MetricsOverhead:
    """CPU microseconds per request in each turn."""

    with_us: list[float]
    without_us: list[float]

    @property
    def ratio(self) -> float:
        """CPU time with metrics relative to without: the median over the pairs."""
        return median(with_us / without_us for with_us, without_us in zip(self.with_us, self.without_us, strict=True))


@dataclass(frozen=True, slots=True)
class Replica:
    """What is measured: connections to a model, and what each turn ends with."""

    connections: Connections
    request: bytes
    after: Callable[[], object]

    async def turn(self, waves: int) -> float:
        """CPU microseconds per request."""
        return await self.connections.turn(self.request, waves, self.after)


def measure(artefact: Path, request: Request, *, pairs: int = PAIRS, waves: int = WAVES) -> MetricsOverhead:
    """Alternate turns with and without metrics, over the same ONNX model."""
    print("the request path with and without metrics", file=sys.stderr, flush=True)
    return uvloop.run(_measure(artefact, request, pairs, waves))


async def _measure(artefact: Path, request: Request, pairs: int, waves: int) -> MetricsOverhead:
    spec = ModelSpec(name="iris")
    model = runtime("onnx").load({artefact.name: artefact.read_bytes()}, spec, cpus=1.0)
    codecs = codecs_of(spec.name, 1, model.signature)
    body = request.body.read_bytes()
    warmup = warm(model, [codecs.predict.decode(body, b"application/json").request], batching=spec.batching)
    loop = asyncio.get_running_loop()
    loaded = LoadedVersion(ServedVersion(1, "sha256:0"), model, codecs, body, warmup, load_s=1.0)
    counts = VersionCounters(spec.name, "1", PROTOCOLS, load_s=1.0)
    decoder = Decoder((spec.name, 1, model.signature), codecs, limits=spec.limits, loop=loop)

    def replica(recorder: Recorder, after: Callable[[], None]) -> Replica:
        scheduler = Scheduler(model, warmup, limits=spec.limits, batching=spec.batching, loop=loop, recorder=recorder)
        service = DeadlineLayer(scheduler, timeout_s=spec.limits.timeout_s, loop=loop)
        version = RunningVersion(loaded, scheduler, service, counts, {"predict": recorder}, decoder, warmup)
        endpoint = CodecEndpoint(PredictOperation(codecs.predict), version, "predict")
        return Replica(
            Connections({PATH.encode(): endpoint}, lambda: scheduler.in_flight, CONNECTIONS), http1(PATH, body), after
        )

    log = RequestLog(spec.name, RequestLogConfig(Path("/unused"), share=0.0))
    # Each turn ends with a snapshot, because the snapshots of the push thread are part of the overhead.
    recorded = replica(RequestRecorder(counts, "predict", log), lambda: counts.add_to(Totals()))
    unrecorded = replica(UNRECORDED, lambda: None)
    overhead = await _turns(recorded, unrecorded, pairs, waves)
    for each in (recorded, unrecorded):
        each.connections.check()
        each.connections.close()
    return overhead


async def _turns(recorded: Replica, unrecorded: Replica, pairs: int, waves: int) -> MetricsOverhead:
    overhead = MetricsOverhead([], [])
    tune_gc()  # as a replica does
    for _ in range(2):  # warm-up
        await recorded.turn(waves), await unrecorded.turn(waves)
    for pair in range(pairs):
        turns = [(recorded, overhead.with_us), (unrecorded, overhead.without_us)]
        for replica, spent_us in turns if pair % 2 else reversed(turns):
            spent_us.append(await replica.turn(waves))
    return overhead
