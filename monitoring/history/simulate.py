"""Simulates a queue, replicas and an edge for each model, step by step."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from modelyard.telemetry.metrics import declarations as declared
from monitoring.history import scenario
from monitoring.history.edge import Edge
from monitoring.history.series import SyntheticSeries, labels

STEP_S = 30
QUEUE_LIMIT = 256
"""Of one replica (limits.queue)."""
START_S = 45.0
HUB_SERIES = ("inference_", "model_", "config_", "metrics_")


@dataclass(slots=True)
class Running:
    """One model's state between steps."""

    replicas: int
    waiting: float = 0.0
    starting_since: float | None = None


class Simulation:
    """Six hours of one server."""

    def __init__(self) -> None:
        self.series = SyntheticSeries()
        self._edge = Edge(self.series)
        self._models = {name: Running(profile.min_replicas) for name, profile in scenario.PROFILES.items()}
        for name, running in self._models.items():
            self._start(name, "deploy", running.replicas)

    def run(self) -> SyntheticSeries:
        """Simulate all steps and return the series."""
        for step in range(scenario.MINUTES * 60 // STEP_S + 1):
            minute = step * STEP_S / 60
            busy = sum(self._model(name, minute) for name in scenario.PROFILES)
            self._server(minute)
            self._pool(minute)
            self._edge.step(minute, STEP_S, busy)
            away = scenario.during(scenario.HUB_DOWN, minute)
            self.series.tick(scenario.START + step * STEP_S, dict.fromkeys(HUB_SERIES, away))
        return self.series

    def _model(self, name: str, minute: float) -> float:
        """Simulate one step of one model; returns the number of cores in use."""
        profile, running = scenario.PROFILES[name], self._models[name]
        requests = scenario.demand(name, minute) * STEP_S
        self._scale(name, minute, requests / STEP_S)
        self._deaths(name, minute)
        invalid = requests * scenario.invalid_share(name, minute)
        able = running.replicas * STEP_S / profile.compute_s
        room = max(running.replicas, 1) * QUEUE_LIMIT
        due = running.waiting + requests - invalid
        done = min(due, able)
        rejected = max(0.0, due - done - room) if running.replicas else 0.0
        lost = due - done if not running.replicas else 0.0  # the edge returns 503 for these
        running.waiting = due - done - rejected - lost
        load = min(0.97, done / able) if able else 0.0
        wait_s = profile.compute_s * load / (1 - load) * 0.5 + running.waiting / max(able / STEP_S, 1)
        for version, share in scenario.versions(name, minute).items():
            failed = done * scenario.error_share(name, version, minute)
            codes = {"ok": done - failed, "invalid": invalid, "overloaded": rejected, "timeout": 0.0, "error": failed}
            self._requests(name, version, {code: count * share for code, count in codes.items()})
            self._durations(name, version, done * share, wait_s, 1 + min(31.0, running.waiting / 8 + 4 * load**2))
        self._gauges(name, minute, wait_s * done / STEP_S)
        self._edge.count(name, ok=done, invalid=invalid, rejected=rejected, lost=lost)
        return done / able * running.replicas if able else 0.0

    def _scale(self, name: str, minute: float, demand_s: float) -> None:
        profile, running = scenario.PROFILES[name], self._models[name]
        dead = name == scenario.DEATH.model and scenario.during(scenario.DEATH, minute)
        wanted = self._wanted(name, demand_s)
        if dead:
            running.replicas = 0
        elif running.replicas < wanted:
            began = running.starting_since
            if began is None:
                running.starting_since = minute
                reason = "replace" if name == scenario.DEATH.model else "scale" if running.replicas else "cold"
                self._start(name, reason, wanted - running.replicas)
            elif (minute - began) * 60 >= START_S:
                running.replicas, running.starting_since = wanted, None
        elif running.replicas > wanted and minute % 10 == 0:
            running.replicas = max(profile.min_replicas, wanted)
        if name == scenario.BAD_VERSION.model and minute in (scenario.BAD_VERSION.begin, scenario.BAD_VERSION.end):
            self._start(name, "deploy", running.replicas)

    @staticmethod
    def _wanted(name: str, demand_s: float) -> int:
        profile = scenario.PROFILES[name]
        wanted = math.ceil(demand_s * profile.compute_s / 0.6)
        return max(profile.min_replicas, min(profile.max_replicas, wanted))

    def _start(self, name: str, reason: str, count: int) -> None:
        for each in declared.START_REASONS:
            self.series.add(declared.REPLICA_STARTS.name, labels(model=name, reason=each), count * (each == reason))
        load_s = 0.3 + scenario.PROFILES[name].memory_bytes / 4e8
        self.series.observe(declared.LOAD_DURATION, labels(model=name, version="1"), count, load_s, 0.2)

    def _deaths(self, name: str, minute: float) -> None:
        died = name == scenario.DEATH.model and minute == scenario.DEATH.begin
        for reason in declared.DEATH_REASONS:
            key = labels(model=name, reason=reason)
            self.series.add(declared.REPLICA_DEATHS.name, key, float(died and reason == "out_of_memory"))

    def _requests(self, name: str, version: str, codes: Mapping[str, float]) -> None:
        for protocol, share in (("predict", 0.7), ("oip", 0.2), ("grpc", 0.1)):
            for code, count in codes.items():
                key = labels(model=name, version=version, code=code, protocol=protocol)
                self.series.add(declared.REQUESTS.name, key, count * share)
        answered = codes["ok"] + codes["error"]
        self.series.add(declared.ROWS.name, labels(model=name, version=version), 3 * answered)

    def _durations(self, name: str, version: str, done: float, wait_s: float, batch: float) -> None:
        key, compute_s = labels(model=name, version=version), scenario.PROFILES[name].compute_s
        self.series.observe(declared.QUEUE_DURATION, key, done, max(wait_s, 2e-5), 0.7)
        self.series.observe(declared.COMPUTE_DURATION, key, done / batch, compute_s * batch, 0.3)
        self.series.observe(declared.BATCH_SIZE, key, done / batch, 3 * batch, 0.4)
        self.series.observe(declared.REQUEST_DURATION, key, done, 2e-4 + wait_s + compute_s * batch, 0.45)

    def _gauges(self, name: str, minute: float, in_flight: float) -> None:
        series, profile, running = self.series, scenario.PROFILES[name], self._models[name]
        dead = name == scenario.DEATH.model and scenario.during(scenario.DEATH, minute)
        served = scenario.versions(name, minute)
        for version in ("1", "2") if name == scenario.BAD_VERSION.model else ("1",):
            share = served.get(version, 0.0)
            key = labels(model=name, version=version)
            info = (*key, ("runtime", profile.runtime), ("digest", f"{len(name):02x}a9c{version}04e"))
            gauges = {
                declared.IN_FLIGHT.name: (running.waiting + in_flight + 1) * share,
                declared.QUEUE_DEPTH.name: running.waiting * share,
                declared.CAPACITY.name: running.replicas * QUEUE_LIMIT * share,
                declared.READY.name: 0.0 if dead else 1.0,
            }
            for metric, value in gauges.items():
                if version in served:
                    series.set(metric, key, value)
                else:
                    series.forget(metric, key)
            if version in served:
                series.set(declared.INFO.name, info, 1)
            else:
                series.forget(declared.INFO.name, info)
        model = labels(model=name)
        series.set(declared.NOT_READY.name, model, 60 * (minute - scenario.DEATH.begin) if dead else 0.0)
        series.set(declared.LOAD_TIMEOUT.name, model, 120.0)
        wanted = self._wanted(name, scenario.demand(name, minute))
        states = {"running": running.replicas, "starting": max(0, wanted - running.replicas), "stopping": 0}
        for state, count in states.items():
            series.set(declared.REPLICAS.name, (*model, ("state", state)), count)
        series.set(declared.REPLICAS_TARGET.name, model, wanted)
        series.set(declared.REPLICAS_MAX.name, model, profile.max_replicas)
        series.set(declared.MEMORY.name, model, running.replicas * profile.memory_bytes * (1 + 0.0003 * minute))

    def _pool(self, minute: float) -> None:
        """A pool of models with few requests, of which one is shown on its own."""
        series, pool, model = self.series, labels(pool="small"), labels(model="segments")
        resident = 40 + round(8 * math.sin(minute / 50))
        residencies = {"resident": resident, "cold": 60 - resident, "loading": 0, "failed": 0}
        for residency in declared.RESIDENCIES:
            series.set(declared.POOL_MODELS.name, (*pool, ("residency", residency)), residencies[residency])
        series.set(declared.POOL_RESIDENT.name, pool, resident * 1.1e7)
        series.set(declared.POOL_BUDGET.name, pool, 5.4e8)
        changes = 1.5 + math.sin(minute / 30)
        for metric, count in (
            (declared.POOL_LOADS, changes),
            (declared.POOL_EVICTIONS, changes),
            (declared.POOL_REJECTED, 0),
        ):
            series.add(metric.name, pool, count)
        series.set(declared.MODEL_RESIDENT.name, model, 1.1e7)
        series.add(declared.MODEL_LOADS.name, model, float(minute % 30 == 0))
        series.add(declared.MODEL_EVICTIONS.name, model, float(minute % 30 == 20))

    def _server(self, minute: float) -> None:
        rejected = scenario.during(scenario.BAD_CONFIG, minute)
        reloaded = max(
            at
            for at in (-600.0, scenario.BAD_VERSION.begin, scenario.BAD_VERSION.end, scenario.BAD_CONFIG.end)
            if at <= minute
        )
        self.series.set(declared.RELOAD_SUCCESSFUL.name, (), not rejected)
        self.series.set(declared.RELOAD_WITHHELD.name, (), 0)
        self.series.set(declared.WRITES_FAILING.name, (), 0)
        self.series.set(declared.RELOAD_TIMESTAMP.name, (), scenario.START + 60 * reloaded)
        started = scenario.HUB_DOWN.end if minute >= scenario.HUB_DOWN.end else -600.0
        self.series.set(declared.HUB_STARTED.name, (), scenario.START + 60 * started)
        self.series.set(declared.HUB_REPLICAS.name, (), sum(each.replicas for each in self._models.values()))
        away = scenario.during(scenario.HUB_DOWN, minute)
        for job, instance, up in (
            ("modelyard", "127.0.0.1:8002", not away),
            ("modelyard-edge", "127.0.0.1:8003", True),
            ("modelyard-ray", "127.0.0.1:8004", True),
        ):
            target = labels(job=job, instance=instance)
            self.series.set("up", target, up)
            self.series.set("scrape_duration_seconds", target, 0.004 if up else 5.0)
