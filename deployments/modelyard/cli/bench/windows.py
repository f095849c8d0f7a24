"""Measuring windows: percentiles, merging, and when a measurement is stable. Pure."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

STABLE_WINDOWS = 3
"""The last windows of a level, which are its result if they are stable."""
STABLE_RATIO = 1.1
"""The rates of stable windows are within this factor of each other."""
MIN_RESPONSES = 100
"""With fewer responses, the 99th percentile is the slowest response."""
MIN_PER_WINDOW = 25
"""Responses for which a window of a slow model is extended, so that one response more or less does not make it unstable."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How long a level is measured, in seconds."""

    window_s: float = 1.0
    max_s: float = 10.0
    """Maximum duration of all windows of a level."""
    warm_s: float = 1.0
    """Load before the first window, which is not measured."""

    @property
    def min_level_s(self) -> float:
        """The duration of a level that is stable at once."""
        return self.warm_s + STABLE_WINDOWS * self.window_s

    @property
    def max_level_s(self) -> float:
        """The duration of a level that is never stable."""
        return self.warm_s + self.max_s + self.window_s


@dataclass(frozen=True, slots=True)
class Window:
    """What the clients saw during one window."""

    elapsed_s: float
    latencies_s: Sequence[float]
    """Of each response with status 200."""
    errors: Mapping[str, int] = field(default_factory=dict)
    """Number of other outcomes, by status code or kind of error."""
    client_core: float = 0.0
    """CPU use of the busiest client process, in cores."""
    client_cores: float = 0.0
    """CPU use of all client processes, in cores."""
    peak_in_flight: int = 0
    """The highest number of requests in flight, those that waited for a connection included."""
    client_late_s: float = 0.0
    """With random arrivals, how late the client began a request at most, because the machine was busy."""
    requests_per_s: float = -1.0
    """Responses with status 200. By default the number of latencies divided by the elapsed time."""

    def __post_init__(self) -> None:
        """Compute the rate."""
        if self.requests_per_s < 0:
            object.__setattr__(self, "requests_per_s", len(self.latencies_s) / self.elapsed_s)


def beside(windows: Sequence[Window]) -> Window:
    """One window of several client processes that ran at the same time."""
    return Window(
        elapsed_s=max(each.elapsed_s for each in windows),
        latencies_s=[latency for each in windows for latency in each.latencies_s],
        errors=_sum_of(windows),
        client_core=max(each.client_core for each in windows),
        client_cores=sum(each.client_cores for each in windows),
        peak_in_flight=sum(each.peak_in_flight for each in windows),
        client_late_s=max(each.client_late_s for each in windows),
        requests_per_s=sum(each.requests_per_s for each in windows),
    )


def after_each_other(windows: Sequence[Window]) -> Window:
    """One window for several consecutive ones."""
    elapsed_s = sum(each.elapsed_s for each in windows)

    def mean(values: Sequence[float]) -> float:
        return sum(value * each.elapsed_s for value, each in zip(values, windows, strict=True)) / elapsed_s

    return Window(
        elapsed_s=elapsed_s,
        latencies_s=[latency for each in windows for latency in each.latencies_s],
        errors=_sum_of(windows),
        client_core=mean([each.client_core for each in windows]),
        client_cores=mean([each.client_cores for each in windows]),
        peak_in_flight=max(each.peak_in_flight for each in windows),
        client_late_s=max(each.client_late_s for each in windows),
        requests_per_s=mean([each.requests_per_s for each in windows]),
    )


def is_stable(windows: Sequence[Window]) -> bool:
    """Whether the rates of the last windows are within STABLE_RATIO of each other."""
    rates = [each.requests_per_s for each in windows[-STABLE_WINDOWS:]]
    return len(rates) == STABLE_WINDOWS and min(rates) > 0 and max(rates) <= STABLE_RATIO * min(rates)


def is_finished(windows: Sequence[Window], timing: Timing) -> bool:
    """Whether to stop measuring: the result is stable, a request failed, or the time is used up."""
    if any(each.errors for each in windows):
        return True
    last = windows[-STABLE_WINDOWS:]
    if is_stable(windows) and sum(len(each.latencies_s) for each in last) >= MIN_RESPONSES:
        return True
    return sum(each.elapsed_s for each in windows) >= timing.max_s


def result_of(windows: Sequence[Window]) -> tuple[Window, bool]:
    """The measured window, and whether it is stable: the last windows if they are, else all of them."""
    if is_stable(windows) and not any(each.errors for each in windows):
        return after_each_other(windows[-STABLE_WINDOWS:]), True
    return after_each_other(windows), False


def window_s_for(warm: Window, timing: Timing) -> float:
    """Seconds of a window: longer for a slow model, but so that three windows fit into the level."""
    rate = max(warm.requests_per_s, 1e-3)
    return max(timing.window_s, min(MIN_PER_WINDOW / rate, timing.max_s / STABLE_WINDOWS))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value with at least this share of the values at or below it. `ordered` is sorted and not empty."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def _sum_of(windows: Sequence[Window]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for each in windows:
        total.update(each.errors)
    return dict(total)
