"""Every metric of the server: its name, type, help, labels and buckets.

Replicas, the control loop and the hub use these declarations, and rules and dashboards are tested against them. `model` and
`version` are names from the configuration and the repository. No label has a value that clients choose.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counter", "gauge", "histogram"]

CODES = ("ok", "invalid", "overloaded", "timeout", "error")
"""How a request ended. `invalid`: the client's mistake. `timeout`: the deadline passed, or the client disconnected before the
response. A disconnect counts as `timeout` because the client's own deadline may be shorter, and a hanging model must not look like
invalid requests. `overloaded`: rejected because the queue was full. `error`: everything else, such as a model that is not ready."""
PROTOCOLS = ("predict", "oip", "grpc", "tfserving", "invocations", "generate", "stream", "websocket")
"""The protocol of a request. predict: `POST .../predict`. oip: `/v2` REST. grpc: the same over gRPC. tfserving: `/v1`. invocations:
MLflow's and SageMaker's. generate: `/v2/.../generate` and `generate_stream`. stream: server-sent events. websocket: a message."""
REPLICA_STATES = ("running", "starting", "stopping")
RESIDENCIES = ("resident", "cold", "loading", "failed")
"""Where a model of a pool is. cold: the next request loads it. failed: it cannot be loaded."""
START_REASONS = ("deploy", "scale", "cold", "replace")
"""Why a replica was started. deploy: its model was added or changed. scale: the model was scaled up. cold: the model was scaled to
zero, and a request arrived. replace: another replica had died."""

DEATH_REASONS = ("exit", "signal", "out_of_memory", "watchdog", "health_check", "node", "unknown")
"""Why a replica died. exit: code in it called os._exit. signal: a signal such as SIGKILL or SIGSEGV, or native code ended it.
out_of_memory: Ray's memory monitor or the kernel killed it. watchdog: a model call blocked its event loop. health_check: Serve
ended it because its health check failed. node: its machine is gone. unknown: it ran on another machine."""

REQUEST_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""A small model takes half a millisecond per request. The default deadline is 10 s; the buckets above it show what exceeds it."""
STEP_SECONDS = (0.00001, 0.000025, 0.00005, 0.0001, 0.00025, *REQUEST_SECONDS)
"""A call of a small model takes tens of microseconds, and so does the wait for it."""
LOAD_SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
BATCH_ROWS = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric family."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds of a histogram, without infinity."""
    merge: Literal["sum", "max"] = "sum"
    """How gauges of several processes are merged. Those of replicas are summed; those of the control loop have one source."""


VERSION = ("model", "version")

REQUESTS = Metric(
    "inference_requests_total",
    "counter",
    "Completed requests by outcome (code) and protocol.",
    (*VERSION, "code", "protocol"),
)
REQUEST_DURATION = Metric(
    "inference_request_duration_seconds",
    "histogram",
    "Time from a fully received request to its encoded response; accepted requests only (not invalid or overloaded).",
    VERSION,
    REQUEST_SECONDS,
)
QUEUE_DURATION = Metric(
    "inference_queue_duration_seconds",
    "histogram",
    "Time from accepting a request to the start of its batch, or to its end if it was never in a batch; once per "
    "request.",
    VERSION,
    STEP_SECONDS,
)
COMPUTE_DURATION = Metric(
    "inference_compute_duration_seconds",
    "histogram",
    "Duration of a batch; once per batch, so the rate of its sum is the share of time that replicas compute.",
    VERSION,
    STEP_SECONDS,
)
BATCH_SIZE = Metric("inference_batch_size", "histogram", "Rows in a batch; once per batch.", VERSION, BATCH_ROWS)
ROWS = Metric("inference_rows_total", "counter", "Rows in answered requests.", VERSION)
IN_FLIGHT = Metric("inference_requests_in_flight", "gauge", "Accepted requests that are not answered yet.", VERSION)
QUEUE_DEPTH = Metric("inference_queue_depth", "gauge", "Requests that wait for a batch.", VERSION)
CAPACITY = Metric(
    "inference_capacity",
    "gauge",
    "Maximum of inference_queue_depth, summed over all live replicas; a replica with a full queue rejects requests.",
    VERSION,
)

INFO = Metric("model_info", "gauge", "1 for each served version.", (*VERSION, "runtime", "digest"), merge="max")
READY = Metric(
    "model_ready",
    "gauge",
    "1 if the version can answer requests (also if it is scaled to zero), else 0.",
    VERSION,
    merge="max",
)
NOT_READY = Metric(
    "model_not_ready_seconds",
    "gauge",
    "Time that the model has not been ready, without its wait for other models to load; 0 if it is ready.",
    ("model",),
    merge="max",
)
LOAD_TIMEOUT = Metric(
    "model_load_timeout_seconds",
    "gauge",
    "Maximum time for a replica of the model to load (load_timeout_s).",
    ("model",),
    merge="max",
)
REPLICAS = Metric(
    "model_replicas", "gauge", "Replicas by state (running, starting, stopping).", ("model", "state"), merge="max"
)
REPLICAS_TARGET = Metric("model_replicas_target", "gauge", "Replicas that should be running.", ("model",), merge="max")
REPLICAS_MAX = Metric(
    "model_replicas_max", "gauge", "Maximum number of replicas (replicas.max).", ("model",), merge="max"
)
REPLICA_STARTS = Metric(
    "model_replica_starts_total",
    "counter",
    "Replica starts by reason (deploy, scale, cold, replace).",
    ("model", "reason"),
)
REPLICA_DEATHS = Metric(
    "model_replica_deaths_total",
    "counter",
    "Replicas that ended unexpectedly, by reason (exit, signal, out_of_memory, watchdog, health_check, node, unknown).",
    ("model", "reason"),
)
LOAD_DURATION = Metric(
    "model_load_duration_seconds",
    "histogram",
    "Time to read, verify, load and warm up a version; once per load.",
    VERSION,
    LOAD_SECONDS,
)
MEMORY = Metric("model_memory_bytes", "gauge", "Resident memory of all live replica processes.", ("model",))

MODEL_RESIDENT = Metric(
    "model_resident_bytes",
    "gauge",
    "Measured memory of a model of a pool that is loaded, summed over the replicas; models with requests only.",
    ("model",),
)
MODEL_LOADS = Metric(
    "model_loads_total",
    "counter",
    "Loads of a model of a pool into memory; models with requests only.",
    ("model",),
)
MODEL_EVICTIONS = Metric(
    "model_evictions_total",
    "counter",
    "Times that a model of a pool was released from memory; models with requests only.",
    ("model",),
)
POOL_MODELS = Metric(
    "pool_models",
    "gauge",
    "Models of a pool by residency (resident, cold, loading, failed), summed over its replicas.",
    ("pool", "residency"),
)
POOL_RESIDENT = Metric(
    "pool_resident_bytes",
    "gauge",
    "Measured memory of the loaded models of a pool, summed over its replicas.",
    ("pool",),
)
POOL_BUDGET = Metric(
    "pool_memory_budget_bytes", "gauge", "Memory budget of a pool, summed over its replicas.", ("pool",)
)
POOL_LOADS = Metric("pool_loads_total", "counter", "Loads of models into the memory of a pool.", ("pool",))
POOL_EVICTIONS = Metric(
    "pool_evictions_total", "counter", "Models that were released from the memory of a pool.", ("pool",)
)
POOL_REJECTED = Metric(
    "pool_requests_rejected_total",
    "counter",
    "Requests for cold models of a pool that were rejected because it spends most of its time loading models.",
    ("pool",),
)

RELOAD_SUCCESSFUL = Metric(
    "config_last_reload_successful",
    "gauge",
    "1 if the configuration that was last read is in use, else 0.",
    merge="max",
)
RELOAD_TIMESTAMP = Metric(
    "config_last_reload_success_timestamp_seconds",
    "gauge",
    "Unix time of the last successful configuration reload.",
    merge="max",
)
RELOAD_WITHHELD = Metric(
    "config_removals_withheld",
    "gauge",
    "1 if a change that removes most models, or a missing server.yaml, waits for confirmation, else 0.",
    merge="max",
)
WRITES_FAILING = Metric(
    "control_writes_failing",
    "gauge",
    "Files and folders that could not be written at the last attempt, such as on a full or read-only disk.",
    merge="max",
)
HUB_STARTED = Metric("metrics_hub_start_time_seconds", "gauge", "Unix time of the start of the metrics hub.")
HUB_REPLICAS = Metric("metrics_hub_replicas", "gauge", "Replicas that reported to the metrics hub in the last 5 s.")

METRICS = (
    REQUESTS,
    REQUEST_DURATION,
    QUEUE_DURATION,
    COMPUTE_DURATION,
    BATCH_SIZE,
    ROWS,
    IN_FLIGHT,
    QUEUE_DEPTH,
    CAPACITY,
    INFO,
    READY,
    NOT_READY,
    LOAD_TIMEOUT,
    REPLICAS,
    REPLICAS_TARGET,
    REPLICAS_MAX,
    REPLICA_STARTS,
    REPLICA_DEATHS,
    LOAD_DURATION,
    MEMORY,
    MODEL_RESIDENT,
    MODEL_LOADS,
    MODEL_EVICTIONS,
    POOL_MODELS,
    POOL_RESIDENT,
    POOL_BUDGET,
    POOL_LOADS,
    POOL_EVICTIONS,
    POOL_REJECTED,
    RELOAD_SUCCESSFUL,
    RELOAD_TIMESTAMP,
    RELOAD_WITHHELD,
    WRITES_FAILING,
    HUB_STARTED,
    HUB_REPLICAS,
)
"""All metrics, in the order of the exposition."""
