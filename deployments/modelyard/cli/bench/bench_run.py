"""One run of `modelyard bench`: finds the model, checks its input, measures, and derives the settings."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console

from modelyard.cli.bench import measurement, sweep
from modelyard.cli.bench.bodies import Bodies
from modelyard.cli.bench.levels import Level, duration_range, levels_of
from modelyard.cli.bench.load_client import Address, LoadClient
from modelyard.cli.bench.progress import shown_progress
from modelyard.cli.bench.recommendation import Recommendation, recommend
from modelyard.cli.bench.target import NotMeasurable, check_idle, find_target
from modelyard.cli.bench.target_http import TargetHttp
from modelyard.cli.bench.windows import Timing
from modelyard.cli.fleet_state import StateSource, state_source
from modelyard.config.load import Config, load
from modelyard.config.model_spec import ModelSpec
from modelyard.control.status import ModelStatus

DEFAULT_ROWS = (1, 8, 32)


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator wants to know."""

    name: str
    config: Path
    p99_ms: float | None
    rate: float | None
    in_flight: Sequence[int]
    rows: Sequence[int] | None
    """None: the default."""
    bodies: Bodies | None
    """None: the model's example."""
    timing: Timing
    client_files: dict[str, str] = field(default_factory=dict)
    """`certificate` and `key` for a server that requires a client certificate."""
    confirmed: bool = False
    """Whether a server with traffic may be loaded."""


class BenchRun:
    """A model that is ready to be measured, and later the results."""

    def __init__(
        self, request: Request, config: Config, source: StateSource, status: ModelStatus, spec: ModelSpec
    ) -> None:
        """Send one request of each size. Raises NotMeasurable and ConnectionError."""
        self.request = request
        self.spec = spec
        self.status = status
        self.file = os.path.relpath(config.sources[spec.name])
        self._source = source
        self._sent = 0
        tls: dict[str, str] | None = None
        if config.server.tls:
            tls = {"ca": str(config.root / config.server.tls.certificate), **request.client_files}
        self._address = Address(status.url, spec.limits.timeout_s, tls)
        self._http = TargetHttp(status.url, spec.name, spec.limits.timeout_s + spec.load_timeout_s, tls)
        self.bodies = request.bodies or Bodies([self._example()], "the model's example")
        self.first_s = 0.0
        rows = self._rows()
        self._by_rows = {count: self._checked_bodies(count) for count in rows}
        self.sweep = sweep.Sweep(levels_of(request.in_flight, rows), request.p99_ms)

    @property
    def recommendation(self) -> Recommendation | None:
        """The settings; None if no load met the limit."""
        found, check = self.sweep.best, self.sweep.met
        if found is None or check is None:
            return None
        return recommend(self.spec, found, check, rate=self.request.rate, cores=os.cpu_count() or 1)

    @property
    def succeeded(self) -> bool:
        """Whether the sweep is complete and met the limit, or without a limit found a level without errors."""
        if self.sweep.stopped:
            return False
        if self.sweep.p99_ms is not None:
            return self.sweep.met is not None
        return any(not each.window.errors for each in self.sweep.results)

    def plan(self) -> Iterator[str]:
        """What is going to happen."""
        timing, levels = self.request.timing, self.sweep.levels
        pool = f" of the pool {self.status.pool}, which serves other models too" if self.status.pool else ""
        replicas = f"{self.status.replicas} {'replica' if self.status.replicas == 1 else 'replicas'}"
        yield f"{self.spec.name}: {replicas}{pool}, {self.status.url}"
        yield f"input: {self.bodies.described()}; the first response took {1e3 * self.first_s:.1f} ms"
        counts = ", ".join(map(str, self.request.in_flight))
        rows = ", ".join("as they are" if each is None else str(each) for each in self._by_rows)
        check = f"; then random arrivals, at most {3 * timing.max_level_s:.0f} s" if self.request.p99_ms else ""
        yield f"requests in flight: {counts}; rows per request: {rows}"
        number = "1 level" if len(levels) == 1 else f"{len(levels)} levels"
        yield f"load on the running server: {number}, {duration_range(len(levels), timing)}{check}. Ctrl-C ends it"

    def run(self, to: Console) -> None:
        """Measure, and show the progress on this console."""
        observer = measurement.Observer(self._replicas, self._http.counts, measurement.machine_cpu_s)
        measuring = measurement.Measuring(self._start, observer, self.request.timing)
        with shown_progress(to, self.request.timing) as progress:
            sweep.run(self.sweep, measuring, progress)

    def about(self) -> dict[str, Any]:
        """What was measured, for JSON."""
        timing = self.request.timing
        return {
            "model": self.spec.name,
            "version": self.status.default,
            "digest": self.status.digest,
            "url": self.status.url,
            "cores": os.cpu_count(),
            "input": self.bodies.described(),
            "window_s": timing.window_s,
            "max_s": timing.max_s,
            "requests_sent": self._sent,
            "batching": self.spec.batching.model_dump(mode="json"),
        }

    def _start(self, level: Level, connections: int, rate: float | None) -> measurement.Client:
        warm_s = self.request.timing.warm_s
        return _Counted(
            LoadClient(self._address, self._by_rows[level.rows], connections=connections, warm_s=warm_s, rate=rate),
            self,
        )

    def _replicas(self) -> int:
        try:
            return find_target(self._source.fetch(), self.spec.name).replicas
        except NotMeasurable as error:
            raise ConnectionError(str(error)) from None

    def _example(self) -> dict[str, Any]:
        example = self._http.page().get("example")
        if not isinstance(example, dict):
            raise NotMeasurable(
                f"{self.spec.name} has no example while no replica runs: send it a request first, or give requests with --input"
            )
        return example

    def _rows(self) -> list[int | None]:
        if self.request.rows is not None:
            if self.bodies.rows is None:
                raise NotMeasurable(f"--rows needs bodies with `instances`; {self.bodies.source} has other ones")
            return [*self.request.rows]
        return [None] if self.request.bodies or self.bodies.rows is None else [*DEFAULT_ROWS]

    def _checked_bodies(self, rows: int | None) -> list[bytes]:
        """The bodies, of which the model has answered the first one."""
        bodies = self.bodies.of_rows(rows)
        response = self._http.predict(bodies[0])
        self._sent += 1
        self.first_s = self.first_s or response.seconds
        if response.status != 200:
            count = "" if rows is None else f" of {rows} rows"
            raise NotMeasurable(f"the response to a request{count} is {response.status}: {response.detail}")
        return bodies

    def add_sent(self, count: int) -> None:
        """Count requests of a load that has ended."""
        self._sent += count


class _Counted:
    """A client whose requests are counted when it ends."""

    def __init__(self, client: LoadClient, run: BenchRun) -> None:
        self._client = client
        self._run = run
        self.warm_up, self.measure, self.next_window = client.warm_up, client.measure, client.next_window

    def stop(self) -> None:
        """End the load."""
        self._client.stop()
        self._run.add_sent(self._client.sent)


@contextmanager
def prepared(request: Request) -> Iterator[BenchRun]:
    """A run on the running server. Raises SpecError, ConnectionError and NotMeasurable."""
    config = load(request.config, os.environ)
    with state_source(request.config) as source:
        state = source.fetch()
        status = find_target(state, request.name)
        spec = next((each for each in config.models if each.name == request.name), None)
        if spec is None:
            raise NotMeasurable(f"{request.name} runs, but no file in {request.config} configures it")
        if not request.confirmed:
            check_idle(state.traffic)
        yield BenchRun(request, config, source, status, spec)
