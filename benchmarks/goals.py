"""The performance goals, and whether a run meets them."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.edge_cost import MANY_MODELS, EdgeCost
from benchmarks.markdown import table
from benchmarks.metrics_overhead import MetricsOverhead
from benchmarks.startup import StartUp
from benchmarks.subjects import CHANNELS
from benchmarks.summary import Summaries

CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """All measurements of a run."""

    summaries: Summaries
    edge: EdgeCost | None = None
    overhead: MetricsOverhead | None = None
    start_up: StartUp | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A limit for a measured value."""

    name: str
    bound: str
    """"at least" or "at most"."""
    limit: float
    unit: str
    value: Callable[[Measured], float | None]
    """None if it was not measured."""

    def row(self, measured: Measured) -> list[str] | None:
        """The row of the table; None without a value."""
        value = self.value(measured)
        if value is None:
            return None
        met = value >= self.limit if self.bound == "at least" else value <= self.limit
        goal = f"{self.bound} {self.limit:g}{self.unit}"
        return [self.name, goal, f"{value:.4g}{self.unit}", "met" if met else "**missed**"]


def rate(
    ours: str, other: str, on: int = CONNECTIONS, other_on: int = CONNECTIONS
) -> Callable[[Measured], float | None]:
    """Requests per second of one target relative to another, each on this number of connections."""

    def ratio(measured: Measured) -> float | None:
        own, rival = measured.summaries.get((ours, on)), measured.summaries.get((other, other_on))
        return own.requests_per_s / rival.requests_per_s if own and rival else None

    return ratio


def replica_us(measured: Measured) -> float | None:
    ours = measured.summaries.get(("modelyard", CONNECTIONS))
    return ours.replica_us if ours else None


def edge_us(measured: Measured) -> float | None:
    ours = measured.summaries.get(("modelyard", CONNECTIONS))
    return ours.proxy_us if ours else None


def start_up(value: Callable[[StartUp], float]) -> Callable[[Measured], float | None]:
    """A value of the start with the examples."""
    return lambda measured: value(measured.start_up) if measured.start_up else None


GOALS = (
    Goal("requests/s relative to Ray Serve as documented", "at least", 30, "x", rate("modelyard", "ray-serve")),
    Goal("replica CPU per request", "at most", 60, " us", replica_us),
    Goal("edge CPU per request", "at most", 45, " us", edge_us),
    Goal(
        f"edge CPU with {MANY_MODELS} models relative to 1",
        "at most",
        1.05,
        "x",
        lambda it: it.edge.ratio if it.edge else None,
    ),
    Goal(
        "replica CPU with metrics relative to without",
        "at most",
        1.03,
        "x",
        lambda it: it.overhead.ratio if it.overhead else None,
    ),
    Goal(
        "gRPC calls/s relative to our own REST requests/s",
        "at least",
        0.9,
        "x",
        rate("modelyard-grpc", "modelyard", CHANNELS),
    ),
    Goal(
        "gRPC calls/s relative to grpc.aio", "at least", 3, "x", rate("modelyard-grpc", "grpc-aio", CHANNELS, CHANNELS)
    ),
    Goal("binary tensors of 1 MiB relative to JSON", "at least", 3, "x", rate("tensor-binary", "tensor-json")),
    Goal(
        "scikit-learn relative to its own `predict_proba` unbatched",
        "at least",
        5,
        "x",
        rate("sklearn", "sklearn-own-predict"),
    ),
    Goal("`modelyard up` to READY with the examples", "at most", 12, " s", start_up(lambda it: it.ready_s)),
    Goal("YAML of a model saved to its first response", "at most", 4, " s", start_up(lambda it: it.new_model_s)),
    Goal("idle CPU with the examples", "at most", 10, " % of a core", start_up(lambda it: it.idle_cores * 100)),
    Goal(
        "memory of all processes with the examples", "at most", 1200, " MB", start_up(lambda it: it.memory_bytes / 1e6)
    ),
    Goal(
        "memory of the replica of an ONNX model",
        "at most",
        110,
        " MB",
        start_up(lambda it: it.onnx_replica_bytes / 1e6),
    ),
)


def goals_table(measured: Measured) -> str:
    """The goals that this run has measured; "" if there are none."""
    rows = [row for goal in GOALS if (row := goal.row(measured))]
    return table(["rates and costs with 64 in flight", "goal", "measured", ""], rows) if rows else ""
