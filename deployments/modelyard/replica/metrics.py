"""Builds this replica's metrics snapshot."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from modelyard.config.model_spec import ModelSpec
from modelyard.protocols.running_version import RunningVersion
from modelyard.telemetry.metrics.declarations import CAPACITY, IN_FLIGHT, MEMORY, QUEUE_DEPTH
from modelyard.telemetry.metrics.snapshot import Exemplar, Key, MetricsSnapshot, Totals
from modelyard.telemetry.trace_sampling import TracedRequest

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def mark_traced(versions: Mapping[int, RunningVersion], traces: Iterable[tuple[str, TracedRequest]]) -> bool:
    """Add exemplars for traced requests, by trace id, to the histogram of request durations. Returns whether there were any."""
    marked = False
    for trace_id, traced in traces:
        line = traced.record
        if traced.queue_end_s is not None:
            versions[int(line.version)].counts.request.set_exemplar(Exemplar(line.at, line.total_s, trace_id))
            marked = True
    return marked


def has_changed(versions: Mapping[int, RunningVersion]) -> bool:
    """Whether requests were counted since this was last called. Call it before the counts are read."""
    changed = [version.counts for version in versions.values() if version.counts.changed]
    for counts in changed:
        counts.changed = False
    return bool(changed)


def model_snapshot(spec: ModelSpec, versions: Mapping[int, RunningVersion], *, running: bool = True) -> MetricsSnapshot:
    """The metrics of all versions of a model; without gauges if it is not running. Safe to call in any thread."""
    totals = Totals()
    exemplars: dict[Key, Mapping[int, Exemplar]] = {}
    gauges: dict[Key, float] = {}
    for number, version in versions.items():
        version.counts.add_to(totals)
        version.counts.add_exemplars(exemplars)
        if not running:
            continue
        key = (spec.name, str(number))
        gauges[(IN_FLIGHT.name, *key)] = version.scheduler.in_flight
        gauges[(QUEUE_DEPTH.name, *key)] = version.scheduler.queued
        gauges[(CAPACITY.name, *key)] = spec.limits.queue
    return MetricsSnapshot(totals, gauges, exemplars)


def memory_snapshot(application: str) -> MetricsSnapshot:
    """The memory of this process, which serves this application alone."""
    return MetricsSnapshot(Totals(), {(MEMORY.name, application): resident_bytes()})


def resident_bytes() -> int:
    """This process's resident memory, including pages that it shares with others (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
