"""What this replica tells the hub of itself."""

import os
from collections.abc import Mapping
from pathlib import Path

from deployments.replica.version import RunningVersion
from deployments.spec.model import ModelSpec
from monitoring.metrics import CAPACITY, IN_FLIGHT, MEMORY, QUEUE_DEPTH
from monitoring.snapshot import Key, Snapshot, Totals

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def replica_snapshot(spec: ModelSpec, versions: Mapping[int, RunningVersion]) -> Snapshot:
    """All versions together; in whatever thread."""
    totals = Totals()
    gauges: dict[Key, float] = {(MEMORY.name, spec.name): resident_bytes()}
    for number, version in versions.items():
        version.counts.add_to(totals)
        key = (spec.name, str(number))
        gauges[(IN_FLIGHT.name, *key)] = version.server.in_flight
        gauges[(QUEUE_DEPTH.name, *key)] = version.server.waiting
        gauges[(CAPACITY.name, *key)] = spec.limits.queue
    return Snapshot(totals, gauges)


def resident_bytes() -> int:
    """This process's memory that is in use now; pages that it shares with others are counted (proc(5), statm)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES
