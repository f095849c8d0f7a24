"""The levels of a sweep, what was measured at each, and which are skipped. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.cli.bench.windows import MIN_RESPONSES, Timing, Window, percentile

UNSTABLE = "unstable"
MAX_IN_FLIGHT, MAX_ROWS = 1024, 65_536


@dataclass(frozen=True, slots=True)
class Level:
    """One load."""

    in_flight: int
    """Requests in flight: each connection sends its next request when it has its response."""
    rows: int | None
    """Rows per request; None if the bodies are sent as they are."""


@dataclass(frozen=True, slots=True)
class ServerSide:
    """What the server counted during a level."""

    batch_rows: float | None = None
    """Mean number of rows in a call of the model."""
    rows_per_request: float | None = None
    compute_share: float | None = None
    """Seconds of model calls per second, summed over the replicas."""


@dataclass(frozen=True, slots=True)
class Latencies:
    """Percentiles in milliseconds."""

    p50: float
    p90: float
    p99: float
    max: float


@dataclass(frozen=True, slots=True)
class LevelResult:
    """One measured level."""

    level: Level
    window: Window
    stable: bool
    replicas: int = 1
    """Replicas that ran at the end of the level."""
    replicas_before: int = 1
    server: ServerSide = field(default_factory=ServerSide)
    machine_cores: float | None = None
    """CPU use of the whole machine, in cores."""
    worst_window_p99_ms: float | None = None
    lowest_requests_per_s: float | None = None
    """Of all windows."""
    latencies: Latencies | None = field(init=False, default=None)
    """None without a response."""

    def __post_init__(self) -> None:
        """Compute the percentiles."""
        object.__setattr__(self, "latencies", latencies_of(self.window.latencies_s))

    @property
    def p99_ms(self) -> float:
        """Infinite without a response."""
        return self.latencies.p99 if self.latencies else float("inf")

    @property
    def sustained_per_s(self) -> float:
        """Requests per second; of a level that is not stable, those of its slowest window."""
        if self.stable or self.lowest_requests_per_s is None:
            return self.window.requests_per_s
        return self.lowest_requests_per_s

    @property
    def rows_per_request(self) -> float | None:
        """As sent, or as counted by the server if the bodies are sent as they are."""
        return float(self.level.rows) if self.level.rows else self.server.rows_per_request

    @property
    def rows_per_s(self) -> float | None:
        """None if the number of rows is not known."""
        rows = self.rows_per_request
        return None if rows is None else rows * self.window.requests_per_s

    @property
    def doubts(self) -> tuple[str, ...]:
        """Why the level should not be trusted. A level that is only unstable may still meet a limit; see `meets`."""
        found = [f"{count} x {kind}" for kind, count in sorted(self.window.errors.items())]
        if self.replicas != self.replicas_before:
            found.append(f"replicas {self.replicas_before} to {self.replicas}")
        if not self.window.errors and len(self.window.latencies_s) < MIN_RESPONSES:
            found.append(f"only {len(self.window.latencies_s)} responses")
        elif not self.window.errors and not self.stable:
            found.append(UNSTABLE)
        return tuple(found)

    def meets(self, p99_ms: float) -> bool:
        """Whether the 99th percentile is within the limit: of the level, and of each window if the level is not stable."""
        if self.p99_ms > p99_ms or any(each != UNSTABLE for each in self.doubts):
            return False
        return self.stable or (self.worst_window_p99_ms is not None and self.worst_window_p99_ms <= p99_ms)

    def as_json(self) -> dict[str, Any]:
        """Plain values; latencies in milliseconds."""
        shown = self.latencies
        return {
            "in_flight": self.level.in_flight,
            "rows": self.level.rows,
            "requests_per_s": round(self.window.requests_per_s, 2),
            "lowest_requests_per_s": self.lowest_requests_per_s and round(self.lowest_requests_per_s, 2),
            "rows_per_s": None if self.rows_per_s is None else round(self.rows_per_s, 2),
            "latency_ms": {key: round(getattr(shown, key), 3) for key in ("p50", "p90", "p99", "max")}
            if shown
            else None,
            "worst_window_p99_ms": self.worst_window_p99_ms and round(self.worst_window_p99_ms, 3),
            "responses": len(self.window.latencies_s),
            "measured_s": round(self.window.elapsed_s, 3),
            "errors": dict(self.window.errors),
            "stable": self.stable,
            "doubts": list(self.doubts),
            "replicas": self.replicas,
            "batch_rows": self.server.batch_rows and round(self.server.batch_rows, 2),
            "compute_share": self.server.compute_share and round(self.server.compute_share, 3),
            "client_cores": round(self.window.client_cores, 3),
            "machine_cores": self.machine_cores and round(self.machine_cores, 3),
        }


@dataclass(frozen=True, slots=True)
class Skipped:
    """A level that was not measured."""

    level: Level
    reason: str


def latencies_of(seconds: Sequence[float]) -> Latencies | None:
    """The percentiles; None without values."""
    if not seconds:
        return None
    ordered = sorted(seconds)
    return Latencies(*(1e3 * percentile(ordered, share) for share in (0.5, 0.9, 0.99, 1.0)))


def levels_of(in_flight: Sequence[int], rows: Sequence[int | None]) -> list[Level]:
    """All combinations, the lightest first for each number of rows."""
    return [Level(each, count) for count in rows for each in in_flight]


def reason_to_skip(level: Level, done: Sequence[LevelResult], p99_ms: float | None) -> str:
    """Why the load of a level would be of no use; "" if it is measured.

    More requests in flight do not make errors, or a median above the limit, disappear.
    """
    for each in done:
        if each.level.rows != level.rows or each.level.in_flight >= level.in_flight:
            continue
        if each.window.errors:
            return f"errors at {each.level.in_flight} in flight"
        if p99_ms is not None and each.latencies and each.latencies.p50 > p99_ms:
            return f"p50 above the limit at {each.level.in_flight} in flight"
    return ""


def parse_numbers(text: str, most: int) -> list[int]:
    """Comma-separated numbers of 1 to `most`, in order and each once. Raises ValueError."""
    try:
        numbers = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers, such as 1,4,16") from None
    if not 1 <= numbers[0] <= numbers[-1] <= most:
        raise ValueError(f"the numbers must be from 1 to {most}")
    return numbers


def duration_range(levels: int, timing: Timing) -> str:
    """The shortest and the longest duration of so many levels."""
    return f"{duration(levels * timing.min_level_s)} to {duration(levels * timing.max_level_s)}"


def duration(seconds: float) -> str:
    """Minutes and seconds: "1:05"."""
    whole = round(seconds)
    return f"{whole // 60}:{whole % 60:02}"


def server_side(before: Mapping[str, int] | None, after: Mapping[str, int] | None, elapsed_s: float) -> ServerSide:
    """The differences of the server's counters: requests, rows, calls, compute_ns. Nothing if one of them is missing."""
    if before is None or after is None:
        return ServerSide()
    more = {key: after[key] - before[key] for key in after}

    def ratio(upper: float, lower: float) -> float | None:
        return upper / lower if lower > 0 and upper >= 0 else None

    return ServerSide(
        ratio(more["rows"], more["calls"]),
        ratio(more["rows"], more["requests"]),
        ratio(more["compute_ns"] / 1e9, elapsed_s),
    )
