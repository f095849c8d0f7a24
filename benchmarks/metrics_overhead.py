"""Measures the overhead of metrics: CPU time of fast path, codec, scheduler and model per request, with and without a recorder.

Runs in this process without sockets, on connections that always have a request in flight. `python -m benchmarks.metrics` measures
the recorder alone.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import uvicorn
import uvloop
from uvicorn.server import ServerState

from benchmarks.load import Request
from modelyard.config.model_spec import ModelSpec
from modelyard.http.connection import FastPathProtocol
from modelyard.http.fast_path import FastPath
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
from modelyard.replica.load_meter import LoadMeter
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


class FakeTransport(asyncio.Transport):
    """A transport that counts responses."""

    responses = 0
    last = b""

    def write(self, data: Any) -> None:
        self.responses += 1
        self.last = data

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Does nothing."""


class Replica:
    """The request path of a replica, from its connections on."""

    def __init__(self, version: RunningVersion, request: bytes, after: Callable[[], None]) -> None:
        loop = asyncio.get_running_loop()
        endpoint = CodecEndpoint(PredictOperation(version.loaded.codecs.predict), version, "predict")
        fast_path = FastPath()
        meter = LoadMeter(loop.call_soon, lambda: version.scheduler.in_flight, time.perf_counter)
        fast_path.open({PATH.encode(): endpoint}, meter, body_limit=10**6)
        kind = type("Connection", (FastPathProtocol,), {"fast_path": fast_path})
        config = uvicorn.Config(_no_app, http=kind, interface="asgi3", lifespan="off", log_config=None)
        state = ServerState()
        state.default_headers = [(b"date", b"Tue, 01 Jan 2030 00:00:00 GMT")]
        self.transports = [FakeTransport() for _ in range(CONNECTIONS)]
        self._connections = [kind(config, state, {}, loop) for _ in self.transports]
        for connection, transport in zip(self._connections, self.transports, strict=True):
            connection.connection_made(transport)
        self._request = request
        self._after = after

    async def turn(self, waves: int) -> float:
        """CPU microseconds per request."""
        started = time.process_time()
        for _ in range(waves):
            expected = self.transports[0].responses + 1
            for connection in self._connections:
                connection.data_received(self._request)
            while any(transport.responses < expected for transport in self.transports):
                await asyncio.sleep(0)
        self._after()
        return (time.process_time() - started) / (waves * CONNECTIONS) * 1e6

    def close(self) -> None:
        """Stop the timers of the connections."""
        for connection in self._connections:
            connection.connection_lost(None)


async def _no_app(_scope: Any, _receive: Any, _send: Any) -> None:
    """Unused: the fast path handles all requests."""


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
        return Replica(version, http1(body), after)

    log = RequestLog(spec.name, RequestLogConfig(Path("/unused"), share=0.0))
    # Each turn ends with a snapshot, because the snapshots of the push thread are part of the overhead.
    recorded = replica(RequestRecorder(counts, "predict", log), lambda: counts.add_to(Totals()))
    unrecorded = replica(UNRECORDED, lambda: None)
    overhead = await _turns(recorded, unrecorded, pairs, waves)
    for each in (recorded, unrecorded):
        if any(not transport.last.startswith(b"HTTP/1.1 200") for transport in each.transports):
            raise RuntimeError(f"the response was {each.transports[0].last!r}")
        each.close()
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


def http1(body: bytes) -> bytes:
    """The bytes of the request."""
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
