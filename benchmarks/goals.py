"""What was promised of speed, and whether it is kept. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.edge_cost import MANY, EdgeCost
from benchmarks.markdown import table
from benchmarks.metrics_overhead import RecordingCost
from benchmarks.subjects import CHANNELS
from benchmarks.summary import Summaries

CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Measured:
    """All that a run has found out."""

    summaries: Summaries
    edge: EdgeCost | None = None
    recording: RecordingCost | None = None


@dataclass(frozen=True, slots=True)
class Goal:
    """A number with a limit."""

    what: str
    bound: str
    """"at least" or "at most"."""
    limit: float
    unit: str
    value: Callable[[Measured], float | None]
    """None where a part of it was not measured."""

    def row(self, measured: Measured) -> list[str] | None:
        """For the table, if there is a value."""
        value = self.value(measured)
        if value is None:
            return None
        met = value >= self.limit if self.bound == "at least" else value <= self.limit
        goal = f"{self.bound} {self.limit:g}{self.unit}"
        return [self.what, goal, f"{value:.4g}{self.unit}", "met" if met else "**missed**"]


def rate(
    ours: str, other: str, on: int = CONNECTIONS, other_on: int = CONNECTIONS
) -> Callable[[Measured], float | None]:
    """Requests a second of one target to those of another, each on so many connections."""

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


GOALS = (
    Goal("requests/s to Ray Serve as documented", "at least", 30, "x", rate("modelyard", "ray-serve")),
    Goal("replica CPU a request", "at most", 60, " us", replica_us),
    Goal("edge CPU a request", "at most", 45, " us", edge_us),
    Goal(f"edge CPU with {MANY} models to 1", "at most", 1.05, "x", lambda it: it.edge.ratio if it.edge else None),
    Goal(
        "replica CPU with metrics to without",
        "at most",
        1.03,
        "x",
        lambda it: it.recording.ratio if it.recording else None,
    ),
    Goal(
        "gRPC calls/s to our own REST requests/s", "at least", 0.9, "x", rate("modelyard-grpc", "modelyard", CHANNELS)
    ),
    Goal("gRPC calls/s to grpc.aio", "at least", 3, "x", rate("modelyard-grpc", "grpc-aio", CHANNELS, CHANNELS)),
    Goal("binary tensors of 1 MiB to JSON", "at least", 3, "x", rate("tensor-binary", "tensor-json")),
    Goal(
        "scikit-learn, to its own `predict_proba` unbatched", "at least", 5, "x", rate("sklearn", "sklearn-own-predict")
    ),
)


def goals_table(measured: Measured) -> str:
    """The goals that this run can tell something about; "" where there are none."""
    rows = [row for goal in GOALS if (row := goal.row(measured))]
    return table([f"{CONNECTIONS} in flight", "goal", "measured", ""], rows) if rows else ""
