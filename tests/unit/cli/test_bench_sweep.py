"""The order of a sweep, its skips and checks, and how it ends early; and how one level is measured."""

from collections.abc import Callable, Sequence

import pytest

from modelyard.cli.bench.choice import CHECKED_SHARES, Check
from modelyard.cli.bench.levels import Level, LevelResult, ServerSide, Skipped, levels_of
from modelyard.cli.bench.measurement import MIN_CONNECTIONS, Measuring, Observer, OnWindows
from modelyard.cli.bench.sweep import INTERRUPTED, Sweep, run
from modelyard.cli.bench.windows import Timing, Window
from tests.unit.cli.test_bench_levels import result

LEVELS = levels_of([1, 4, 16], [1, 8])


class FakeMeasuring:
    """Answers from functions, and records what was measured."""

    def __init__(
        self,
        level: Callable[[Level], LevelResult] = lambda level: result(level.in_flight, level.rows),
        check: Callable[[float], float] = lambda share: 0.01,
    ) -> None:
        self._level = level
        self._check = check
        self.levels: list[Level] = []
        self.shares: list[float] = []

    def level(self, level: Level, on_windows: OnWindows) -> LevelResult:
        self.levels.append(level)
        on_windows([Window(1.0, [0.01])])
        return self._level(level)

    def check(self, best: LevelResult, share: float, on_windows: OnWindows) -> Check:
        self.shares.append(share)
        return Check(share, result(best.level.in_flight, best.level.rows, latency_s=self._check(share)))


class FakeProgress:
    def __init__(self) -> None:
        self.results: list[object] = []
        self.windows = 0

    def measuring(self, sweep: Sweep, what: Level | float, windows: Sequence[Window]) -> None:
        self.windows += len(windows)

    def measured(self, sweep: Sweep, result: LevelResult | Skipped | Check) -> None:
        self.results.append(result)


def swept(measuring: FakeMeasuring, p99_ms: float | None = None) -> tuple[Sweep, FakeProgress]:
    sweep, progress = Sweep(LEVELS, p99_ms), FakeProgress()
    run(sweep, measuring, progress)
    return sweep, progress


def test_without_a_limit_every_level_is_measured_and_nothing_is_checked():
    measuring = FakeMeasuring()
    sweep, progress = swept(measuring)
    assert measuring.levels == LEVELS
    assert measuring.shares == []
    assert (len(sweep.results), progress.windows, progress.results) == (6, 6, sweep.results)
    assert sweep.stopped == ""


def test_levels_above_an_error_are_skipped_for_the_same_number_of_rows():
    def failing(level: Level) -> LevelResult:
        return result(level.in_flight, level.rows, errors={"429": 1} if level == Level(4, 1) else {})

    sweep, progress = swept(FakeMeasuring(failing))
    assert [each.level for each in sweep.skipped] == [Level(16, 1)]
    assert len(sweep.results) == 5
    assert progress.results[2] == sweep.skipped[0]


def test_the_best_level_is_checked_once_if_it_meets_the_limit():
    sweep, _ = swept(measuring := FakeMeasuring(), 20.0)
    assert measuring.shares == [CHECKED_SHARES[0]]
    assert sweep.best is not None
    assert sweep.met is sweep.checks[0]


def test_lower_rates_are_checked_until_one_meets_the_limit():
    sweep, _ = swept(measuring := FakeMeasuring(check=lambda share: 0.045 * share), 20.0)
    assert measuring.shares == [0.8, 0.6, 0.4]
    assert sweep.met is sweep.checks[2]


def test_without_a_rate_that_meets_the_limit_nothing_is_met():
    sweep, _ = swept(FakeMeasuring(check=lambda share: 1.0), 20.0)
    assert len(sweep.checks) == len(CHECKED_SHARES)
    assert sweep.met is None


def test_without_a_level_that_meets_the_limit_nothing_is_checked():
    sweep, _ = swept(measuring := FakeMeasuring(), 5.0)
    assert (sweep.best, sweep.met, measuring.shares) == (None, None, [])


@pytest.mark.parametrize(
    ("error", "stopped"), [(KeyboardInterrupt(), INTERRUPTED), (ConnectionError("no server"), "no server")]
)
def test_a_sweep_that_ends_early_has_the_results_so_far(error: BaseException, stopped: str):
    def third_fails(level: Level) -> LevelResult:
        if level == LEVELS[2]:
            raise error
        return result(level.in_flight, level.rows)

    sweep, _ = swept(FakeMeasuring(third_fails), 20.0)
    assert len(sweep.results) == 2
    assert (sweep.stopped, sweep.best) == (stopped, None)


class FakeClient:
    """Replays windows, the first one as warm-up."""

    def __init__(self, windows: Sequence[Window]) -> None:
        self._windows = iter(windows)
        self.window_s = 0.0
        self.stopped = False

    def warm_up(self) -> Window:
        return self.next_window()

    def measure(self, window_s: float) -> None:
        self.window_s = window_s

    def next_window(self) -> Window:
        found = next(self._windows, None)
        if found is None:
            raise ChildProcessError("a client process ended")
        return found

    def stop(self) -> None:
        self.stopped = True


class Rig:
    """A `Measuring` with a client that replays windows, and a server with counters."""

    def __init__(self, windows: Sequence[Window], replicas: Sequence[int] = (1, 1)) -> None:
        self.client = FakeClient(windows)
        self.started: list[tuple[Level, int, float | None]] = []
        counts, running, clock = iter((0, 100)), iter(replicas), iter((10.0, 12.0))
        observer = Observer(
            replicas=lambda: next(running),
            counts=lambda: dict.fromkeys(("rows", "calls", "requests", "compute_ns"), next(counts)),
            machine_cpu_s=iter((5.0, 8.0)).__next__,
            clock=lambda: next(clock),
        )
        self.measuring = Measuring(self._start, observer, Timing(1.0, 3.0))

    def _start(self, level: Level, connections: int, rate: float | None) -> FakeClient:
        self.started.append((level, connections, rate))
        return self.client


def window(count: int = 200, latency_s: float = 0.01, **more: object) -> Window:
    return Window(1.0, [latency_s] * count, **more)  # type: ignore[arg-type]


def test_the_warm_up_is_not_measured():
    rig = Rig([window(1000, latency_s=5.0), window(), window(), window()])
    found = rig.measuring.level(Level(4, 1), lambda windows: None)
    assert rig.started == [(Level(4, 1), 4, None)]
    assert (found.stable, found.p99_ms, len(found.window.latencies_s)) == (True, 10.0, 600)
    assert rig.client.stopped


def test_a_level_has_what_the_server_and_the_machine_counted():
    rig = Rig([window()] * 4, replicas=(1, 2))
    found = rig.measuring.level(Level(4, 1), lambda windows: None)
    assert found.server == ServerSide(1.0, 1.0, pytest.approx(100 / 1e9 / 2))
    assert found.machine_cores == 1.5
    assert (found.replicas_before, found.replicas) == (1, 2)


def test_the_worst_window_is_remembered():
    rig = Rig([window(), window(), window(latency_s=0.03), window()])
    assert rig.measuring.level(Level(4, 1), lambda windows: None).worst_window_p99_ms == pytest.approx(30)


def test_windows_are_longer_for_a_slow_model():
    rig = Rig([window(20), *[window(20)] * 3])
    rig.measuring.level(Level(4, 1), lambda windows: None)
    assert rig.client.window_s == 1.0
    rig = Rig([window(10), *[window(10)] * 3])
    rig.measuring.level(Level(4, 1), lambda windows: None)
    assert rig.client.window_s == 1.0  # three windows must fit into the three seconds of this level


def test_the_client_is_stopped_if_the_measurement_fails():
    rig = Rig([window(), window()])
    with pytest.raises(ChildProcessError):
        rig.measuring.level(Level(4, 1), lambda windows: None)
    assert rig.client.stopped


def test_random_arrivals_have_a_share_of_the_rate_and_more_connections():
    rig = Rig([window()] * 4)
    found = rig.measuring.check(result(16, 8, count=1000), 0.8, lambda windows: None)
    assert rig.started == [(Level(16, 8), MIN_CONNECTIONS, 800.0)]
    assert (found.share, len(found.result.window.latencies_s)) == (0.8, 600)
    rig = Rig([window()] * 4)
    rig.measuring.check(result(1024, 8), 0.8, lambda windows: None)
    assert rig.started[0][1] == 2048


def test_random_arrivals_end_at_the_first_error():
    rig = Rig([window(), window(errors={"429": 3})])
    assert rig.measuring.check(result(), 0.8, lambda windows: None).result.window.errors == {"429": 3}
