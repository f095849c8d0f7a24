"""Measures one level, or one load with random arrivals."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modelyard.cli.bench.choice import Check
from modelyard.cli.bench.levels import Level, LevelResult, latencies_of, server_side
from modelyard.cli.bench.windows import (
    Timing,
    Window,
    after_each_other,
    is_finished,
    result_of,
    window_s_for,
)

MIN_CONNECTIONS, CONNECTIONS_FACTOR = 256, 2
"""Connections for random arrivals: at least so many, and a multiple of the level's requests in flight. A request that finds none
waits in the client, which the server cannot put into a batch."""
STAT = Path("/proc/stat")
TICKS_PER_S = 100

OnWindows = Callable[[Sequence[Window]], None]


class Client(Protocol):
    """A load that is running; see `load_client.LoadClient`."""

    def warm_up(self) -> Window:
        """Wait for the end of the warm-up."""

    def measure(self, window_s: float) -> None:
        """Begin windows of this length."""

    def next_window(self) -> Window:
        """Wait for the end of the window."""

    def stop(self) -> None:
        """End the load."""


StartClient = Callable[[Level, int, float | None], Client]
"""Starts a load: bodies of this level, number of connections, and requests per second for random arrivals."""


@dataclass(frozen=True, slots=True)
class Observer:
    """What is known of the server and the machine besides the responses."""

    replicas: Callable[[], int]
    """Replicas of the model that run. Raises ConnectionError."""
    counts: Callable[[], dict[str, int] | None]
    """The server's counters of the model."""
    machine_cpu_s: Callable[[], float | None]
    """CPU time that all cores have spent."""
    clock: Callable[[], float] = time.perf_counter


class Measuring:
    """Runs loads, one after the other."""

    def __init__(self, start: StartClient, observer: Observer, timing: Timing) -> None:
        self._start = start
        self._observer = observer
        self._timing = timing

    def level(self, level: Level, on_windows: OnWindows) -> LevelResult:
        """Measure until the result is stable, a request fails, or the time is used up."""
        return self._measured(level, level.in_flight, None, on_windows)

    def check(self, best: LevelResult, share: float, on_windows: OnWindows) -> Check:
        """Let requests arrive at random times, at this share of the level's throughput, for the longest duration of a level."""
        connections = max(MIN_CONNECTIONS, CONNECTIONS_FACTOR * best.level.in_flight)
        rate = share * best.sustained_per_s
        return Check(share, self._measured(best.level, connections, rate, on_windows))

    def _measured(self, level: Level, connections: int, rate: float | None, on_windows: OnWindows) -> LevelResult:
        observer, windows = self._observer, list[Window]()
        with closing(_Stopped(self._start(level, connections, rate))) as stopped:
            client = stopped.client
            window_s = window_s_for(client.warm_up(), self._timing)
            replicas_before = observer.replicas()
            counts, cpu_s, began = observer.counts(), observer.machine_cpu_s(), observer.clock()
            client.measure(window_s)
            while not self._is_finished(windows, rate):
                windows.append(client.next_window())
                on_windows(windows)
            elapsed_s, cpu_after_s = observer.clock() - began, observer.machine_cpu_s()
            counts_after = observer.counts()
        window, stable = result_of(windows) if rate is None else (after_each_other(windows), True)
        p99s = [found.p99 for each in windows if (found := latencies_of(each.latencies_s))]
        return LevelResult(
            level,
            window,
            stable,
            replicas=observer.replicas(),
            replicas_before=replicas_before,
            server=server_side(counts, counts_after, elapsed_s),
            machine_cores=None if cpu_s is None or cpu_after_s is None else (cpu_after_s - cpu_s) / elapsed_s,
            worst_window_p99_ms=max(p99s, default=None),
            lowest_requests_per_s=min(each.requests_per_s for each in windows),
        )

    def _is_finished(self, windows: Sequence[Window], rate: float | None) -> bool:
        if rate is None:
            return is_finished(windows, self._timing)
        return any(each.errors for each in windows) or sum(each.elapsed_s for each in windows) >= self._timing.max_s


class _Stopped:
    def __init__(self, client: Client) -> None:
        self.client = client

    def close(self) -> None:
        self.client.stop()


def machine_cpu_s() -> float | None:
    """CPU seconds of all cores since the start of the machine, without idle time; None where Linux's accounts are missing."""
    try:
        user, nice, system, _, _, irq, softirq, *_ = STAT.read_text().split("\n", 1)[0].split()[1:]
    except (OSError, ValueError):
        return None
    return sum(map(int, (user, nice, system, irq, softirq))) / TICKS_PER_S
